"""A RESP client for tests: it hides nothing.

redis-py turns replies into what is handy; here a reply keeps its exact type, so
that two servers' replies are equal only if a client could not tell them apart.

    simple string  Status         integer  int        null ($-1, _)  Null / NULL3
    error          Error          double   Double     null array     NULL_ARRAY
    bulk string    bytes          boolean  bool       push           Push
    verbatim       Verbatim       array    list       set            Members
    big number     BigNumber      map      Map

`Connection` is for talking; `exchange` drives several servers at once with one
pipelined payload and returns raw bytes, which is what makes comparing fast.
"""

from __future__ import annotations

import selectors
import socket
import time
from collections.abc import Iterable, Sequence
from typing import Any

Argument = bytes | str | int | float


class WireError(Exception):
    """The bytes are not RESP, or the connection ended inside a reply."""


class IncompleteError(WireError):
    """The buffer ends inside a reply."""


class Status(str):
    __slots__ = ()

    def __repr__(self) -> str:
        return f"+{self!s}"


class Error(str):
    __slots__ = ()

    def __repr__(self) -> str:
        return f"-{self!s}"


class Double(str):
    """Kept as it was written: 3 and 3.0 are different replies."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f",{self!s}"


class BigNumber(str):
    __slots__ = ()

    def __repr__(self) -> str:
        return f"({self!s}"


class Verbatim(bytes):
    """With its three-letter format in front: b"txt:..."."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"={bytes(self)!r}"


class Members(list[Any]):
    """A RESP3 set; a list, because the order on the wire can be worth comparing."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"~{list(self)!r}"


class Map(list[Any]):
    """A RESP3 map as a list of (key, value), in the order on the wire."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"%{list(self)!r}"


class Push(list[Any]):
    __slots__ = ()

    def __repr__(self) -> str:
        return f">{list(self)!r}"


class _Null:
    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return self.text


NULL = _Null("(nil)")
NULL_ARRAY = _Null("(nil array)")
NULL3 = _Null("(null)")


def same(left: Any, right: Any) -> bool:
    """Whether two replies are equal, types included (1 is not True, + is not -)."""
    if type(left) is not type(right):
        return False
    if isinstance(left, (list, tuple)):
        return len(left) == len(right) and all(map(same, left, right))
    return bool(left == right)


def encode(arguments: Sequence[Argument]) -> bytes:
    """One command as a RESP array of bulk strings."""
    parts = [b"*%d\r\n" % len(arguments)]
    for argument in arguments:
        data = argument if isinstance(argument, bytes) else str(argument).encode()
        parts.append(b"$%d\r\n%b\r\n" % (len(data), data))
    return b"".join(parts)


def decode(buffer: bytes, position: int = 0) -> tuple[Any, int]:
    """One reply that starts at `position`, and where it ends.

    Raises IncompleteError if the buffer ends first.
    """
    end = buffer.find(b"\r\n", position)
    if end < 0:
        raise IncompleteError
    kind = buffer[position]
    line = buffer[position + 1 : end]
    after = end + 2
    if kind == 0x24 or kind == 0x3D:  # $ =
        length = int(line)
        if length < 0:
            return NULL, after
        if len(buffer) < after + length + 2:
            raise IncompleteError
        data = buffer[after : after + length]
        return (data if kind == 0x24 else Verbatim(data)), after + length + 2
    if kind == 0x3A:  # :
        return int(line), after
    if kind == 0x2B:  # +
        return Status(line.decode("utf-8", "backslashreplace")), after
    if kind == 0x2D:  # -
        return Error(line.decode("utf-8", "backslashreplace")), after
    if kind == 0x5F:  # _
        return NULL3, after
    if kind == 0x2C:  # ,
        return Double(line.decode()), after
    if kind == 0x23:  # #
        return line == b"t", after
    if kind == 0x28:  # (
        return BigNumber(line.decode(errors="backslashreplace")), after
    if kind == 0x25 or kind == 0x7C:  # % |
        pairs = Map()
        for _ in range(int(line)):
            key, after = decode(buffer, after)
            value, after = decode(buffer, after)
            pairs.append((key, value))
        # An attribute (|) belongs to the reply after it; no server sends one unasked.
        return pairs, after
    if kind == 0x2A or kind == 0x7E or kind == 0x3E:  # * ~ >
        count = int(line)
        if count < 0:
            return NULL_ARRAY, after
        items: list[Any] = [] if kind == 0x2A else Members() if kind == 0x7E else Push()
        for _ in range(count):
            item, after = decode(buffer, after)
            items.append(item)
        return items, after
    raise WireError(f"not RESP: {buffer[position : position + 40]!r}")


def decode_all(buffer: bytes) -> list[Any]:
    """Every reply in `buffer`; a reply cut short at its end is left out."""
    replies = []
    position = 0
    while position < len(buffer):
        try:
            reply, position = decode(buffer, position)
        except IncompleteError:
            break
        replies.append(reply)
    return replies


class Connection:
    """One connection, used by one thread. RESP3 is asked for on connecting."""

    def __init__(
        self, host: str, port: int, protocol: int = 2, timeout_seconds: float = 20.0
    ) -> None:
        self.socket = socket.create_connection((host, port), timeout_seconds)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""
        self.pushes: list[Push] = []
        if protocol != 2:
            reply = self.call("HELLO", str(protocol))
            if isinstance(reply, Error):
                self.close()
                raise WireError(f"HELLO {protocol}: {reply}")

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        self.socket.close()

    def send(self, *arguments: Argument) -> None:
        self.socket.sendall(encode(arguments))

    def send_raw(self, data: bytes) -> None:
        self.socket.sendall(data)

    def receive(self) -> Any:
        """The next thing on the wire, a push included."""
        while True:
            try:
                reply, position = decode(self.buffer)
            except IncompleteError:
                data = self.socket.recv(1 << 16)
                if not data:
                    raise WireError(f"closed after {self.buffer!r}") from None
                self.buffer += data
            else:
                self.buffer = self.buffer[position:]
                return reply

    def call(self, *arguments: Argument) -> Any:
        """The reply to one command; pushes that came before it go to `pushes`."""
        self.send(*arguments)
        return self.reply()

    def reply(self) -> Any:
        while isinstance(reply := self.receive(), Push):
            self.pushes.append(reply)
        return reply

    def pipeline(self, commands: Iterable[Sequence[Argument]]) -> list[Any]:
        encoded = [encode(command) for command in commands]
        self.send_raw(b"".join(encoded))
        return [self.reply() for _ in encoded]

    def receive_raw(self, quiet_seconds: float, seconds_max: float = 5.0) -> tuple[bytes, bool]:
        """Bytes until the server closes or stays quiet; True if it closed."""
        data = self.buffer
        self.buffer = b""
        deadline = time.monotonic() + seconds_max
        self.socket.settimeout(quiet_seconds)
        while time.monotonic() < deadline:
            try:
                more = self.socket.recv(1 << 16)
            except TimeoutError:
                return data, False
            except ConnectionError:
                return data, True
            if not more:
                return data, True
            data += more
        return data, False


class Outcome:
    """What one server made of a payload: its bytes, and how it ended."""

    __slots__ = ("data", "failure")

    def __init__(self) -> None:
        self.data = bytearray()
        self.failure: str | None = None


def exchange(
    connections: Sequence[Connection], payload: bytes, ending: bytes, timeout_seconds: float = 20.0
) -> list[Outcome]:
    """Sends `payload` to all servers at once and reads each until `ending` arrives.

    Reads while it writes, since a server may stop reading until its output is taken.
    A server that closes or says nothing for `timeout_seconds` has a `failure`.
    """
    outcomes = [Outcome() for _ in connections]
    unsent = [memoryview(payload) for _ in connections]
    both = selectors.EVENT_READ | selectors.EVENT_WRITE
    with selectors.DefaultSelector() as selector:
        for index, connection in enumerate(connections):
            connection.socket.setblocking(False)
            selector.register(connection.socket, both, index)
        while selector.get_map():
            ready = selector.select(timeout_seconds)
            if not ready:
                for key in list(selector.get_map().values()):
                    outcomes[key.data].failure = "no answer"
                break
            for key, events in ready:
                index = key.data
                done = False
                try:
                    if events & selectors.EVENT_READ:
                        data = connections[index].socket.recv(1 << 18)
                        outcomes[index].data += data
                        if not data:
                            outcomes[index].failure = "connection closed"
                        done = not data or outcomes[index].data.endswith(ending)
                    if not done and events & selectors.EVENT_WRITE:
                        sent = connections[index].socket.send(unsent[index][: 1 << 18])
                        unsent[index] = unsent[index][sent:]
                        if not unsent[index]:
                            selector.modify(key.fileobj, selectors.EVENT_READ, index)
                except ConnectionError:
                    outcomes[index].failure = "connection closed"
                    done = True
                if done:
                    selector.unregister(key.fileobj)
    for connection in connections:
        connection.socket.setblocking(True)
    return outcomes
