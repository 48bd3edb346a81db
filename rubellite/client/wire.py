"""A client of an engine in another process: `EmbeddedSession`'s calls, over a Unix socket.

What was sent whole when the connection broke may have been executed: `OutcomeUnknown`.
What was not sent whole was not, and is sent again to whoever holds the store then.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from rubellite._core import EmbeddedSession, ReplyReader, encode_request
from rubellite.errors import NEEDS_CONNECTION, OutcomeUnknown, RawError, ReplyError

if TYPE_CHECKING:
    import socket

    from rubellite.client.native import Text, Value

_READ_BYTES = 64 * 1024

#: After Ctrl-C what they took must not be lost.
WAITING = frozenset(
    "BLPOP BRPOP BLMOVE BRPOPLPUSH BLMPOP BZPOPMIN BZPOPMAX BZMPOP XREAD XREADGROUP".split()
)
#: What follows is messages, or nothing, for which a handle has no ear. Those flagged LISTENS;
#: here, the commands may not have been imported.
LISTENING = frozenset(
    (
        *"SUBSCRIBE PSUBSCRIBE SSUBSCRIBE UNSUBSCRIBE PUNSUBSCRIBE SUNSUBSCRIBE MONITOR".split(),
        "CLIENT REPLY",
    )
)


class LostError(Exception):
    """The connection broke while a reply was awaited."""


class Wire:
    """A connection to an engine."""

    def __init__(self, connection: socket.socket, decodes: bool = False) -> None:
        self._socket = connection
        self._reader = ReplyReader(decodes)
        #: CLIENT ID, once it is known.
        self.client = 0

    def send(self, request: bytes) -> None:
        """Sends all of it; `OSError`: not all of it."""
        self._socket.sendall(request)

    def receive(self) -> Any:
        """The next reply; an error reply is raised. Fails with `LostError`."""
        while True:
            is_there, reply = self._reader.take()
            if is_there:
                return reply
            try:
                found = self._socket.recv(_READ_BYTES)
            except OSError:
                found = b""
            if not found:
                raise LostError
            self._reader.feed(found)

    def ask(self, *words: Any) -> Any:
        """One call of our own. Fails with `LostError` however it broke."""
        try:
            self.send(encode_request(words))
        except OSError:
            raise LostError from None
        return self.receive()

    def decode(self, decodes: bool) -> None:
        """Strings of the replies from now on are text or bytes."""
        self._reader = ReplyReader(decodes)

    def hang_up(self) -> None:
        """Lets another thread's `receive` fail."""
        shut_down(self._socket)

    def close(self) -> None:
        """Ends the connection."""
        self._socket.close()


def shut_down(connection: Any) -> None:
    """Lets what another thread does with a socket fail; None: it was not made yet."""
    import socket

    if connection is None:
        return
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        # It is closed already.
        pass


#: Makes a connection; None: the engine is in this process now.
Reach = Callable[[], Wire | None]
#: Makes a client in this process, of a database.
Embed = Callable[[int], EmbeddedSession]


class WireSession:
    """One client of an engine in another process. Safe to use from several threads."""

    def __init__(
        self,
        reach: Reach,
        embed: Embed,
        *,
        protocol: int = 3,
        database: int = 0,
        decodes: bool = False,
        encode: Callable[[Any], bytes] | None = None,
    ) -> None:
        self._reach = reach
        self._embed = embed
        self._protocol = protocol
        self._database = database
        self._decodes = decodes
        self._encode = encode
        self._lock = threading.Lock()
        self._wire: Wire | None = None
        #: The engine came into this process: its client.
        self._embedded: EmbeddedSession | None = None
        #: Told of that client, if a new one can do the same as this one.
        self.on_embedded: Callable[[EmbeddedSession], None] | None = None
        self._is_closed = False
        self._is_queueing = False
        self._is_watching = False
        #: Queued commands, or the watch over keys, went with a connection.
        self._lost_queue = False
        self._lost_watch = False

    @property
    def embedded(self) -> EmbeddedSession | None:
        """The client of the engine in this process that does all calls from now on."""
        return None if self._lost_queue or self._lost_watch else self._embedded

    def hurry(self) -> None:
        """Goes over to an engine that came into this process, if no call is under way."""
        if self._lock.acquire(blocking=False):
            try:
                self._drop()
                self._connected()
            finally:
                self._lock.release()

    def call(self, *arguments: Any) -> Any:
        """Executes a command; as `EmbeddedSession.call`. Fails with `OutcomeUnknown`, too."""
        embedded = self.embedded
        if embedded is not None:
            return embedded.call(*arguments)
        request = encode_request(arguments, self._encode)
        name = _name(arguments)
        asked = _names(arguments) if name == "CLIENT" else name
        if asked in LISTENING:
            raise NEEDS_CONNECTION(asked)
        with self._lock:
            if self._is_closed:
                raise RuntimeError("the client is closed")
            wire = self._connected()
            self._mend()
            if self._lost_watch and name == "EXEC":
                # Whether the watched keys changed while nobody watched, nobody knows.
                self._exchange(wire, "DISCARD", ("DISCARD",), encode_request(("DISCARD",)))
                return None
            return self._exchange(wire, name, arguments, request)

    def get(self, key: Text, /) -> Any:
        """The string at `key`, or None."""
        return self.call("GET", key)

    def set(
        self,
        key: Text,
        value: Value,
        *,
        seconds: float | None = None,
        only_if_absent: bool = False,
        only_if_present: bool = False,
    ) -> bool:
        """Gives `key` a string, for so many seconds or for good. False: a condition failed."""
        words: list[Value] = ["SET", key, value]
        if seconds is not None:
            words += ["PX", round(seconds * 1000)]
        if only_if_absent:
            words.append("NX")
        if only_if_present:
            words.append("XX")
        return self.call(*words) is not None

    def functions(self) -> tuple[Callable[[Text], Any], Callable[..., bool]]:
        """`get` and `set`, as an `EmbeddedSession` has them."""
        return self.get, self.set

    def close(self) -> None:
        """Ends the client; a call under way in another thread fails."""
        self._is_closed = True
        wire = self._wire
        if wire is not None:
            wire.hang_up()
        with self._lock:
            self._drop()

    def after_fork(self) -> None:
        """In a child: the connection is the parent's."""
        self._lock = threading.Lock()
        self._drop()

    def __del__(self) -> None:
        wire = getattr(self, "_wire", None)
        if wire is not None:
            wire.close()

    def _connected(self) -> Wire | None:
        """A connection; None: the engine is in this process."""
        while self._wire is None and self._embedded is None:
            wire = self._reach()
            if wire is None:
                self._embedded = self._embed(self._database)
                if self.embedded is not None and self.on_embedded is not None:
                    self.on_embedded(self.embedded)
                break
            try:
                if self._protocol != 3:
                    wire.ask("HELLO", self._protocol)
                if self._database:
                    wire.ask("SELECT", self._database)
            except LostError:
                wire.close()
                continue
            wire.decode(self._decodes)
            self._wire = wire
        return self._wire

    def _exchange(
        self, wire: Wire | None, name: str, arguments: tuple[Any, ...], request: bytes
    ) -> Any:
        while True:
            if wire is None:
                assert self._embedded is not None
                reply = self._embedded.call(*arguments)
                self._note(name, arguments)
                return reply
            try:
                wire.send(request)
            except OSError:
                self._drop()
                wire = self._connected()
                self._mend()
                continue
            except BaseException:
                self._drop()
                raise
            return self._reply(wire, name, arguments)

    def _reply(self, wire: Wire, name: str, arguments: tuple[Any, ...]) -> Any:
        try:
            reply = wire.receive()
        except ReplyError:
            if name == "EXEC" and self._is_queueing:
                self._forget_transaction()
            raise
        except LostError:
            self._drop()
            if name in ("SHUTDOWN", "QUIT"):
                return None
            if name == "EXEC":
                self._forget_transaction()
            # What was only queued was not executed.
            self._mend()
            raise OutcomeUnknown(name) from None
        except KeyboardInterrupt:
            return self._interrupted(wire, name)
        except BaseException:
            self._drop()
            raise
        self._note(name, arguments)
        return reply

    def _interrupted(self, wire: Wire, name: str) -> Any:
        """Ends a wait; what it took all the same is the reply."""
        try:
            helper = self._reach()
            if helper is None:
                raise LostError
            try:
                was_waiting = helper.ask("CLIENT", "UNBLOCK", wire.client)
            finally:
                helper.close()
            reply = wire.receive()
        except BaseException:
            self._drop()
            raise KeyboardInterrupt from None
        if was_waiting or name not in WAITING:
            raise KeyboardInterrupt
        return reply

    def _note(self, name: str, arguments: tuple[Any, ...]) -> None:
        """Remembers what a new connection must be told, or cannot be."""
        if name == "MULTI":
            self._is_queueing = True
        elif name in ("EXEC", "DISCARD", "RESET"):
            self._forget_transaction()
            if name == "RESET":
                self._database = 0
        elif name == "UNWATCH":
            self._is_watching = self._lost_watch = False
        elif name == "WATCH":
            self._is_watching = True
        elif name == "SELECT" and not self._is_queueing and len(arguments) == 2:
            number = arguments[1]
            self._database = int(number if isinstance(number, (str, bytes)) else str(number))
        elif name == "QUIT":
            self._drop()

    def _forget_transaction(self) -> None:
        self._is_queueing = self._is_watching = False
        self._lost_queue = self._lost_watch = False

    def _mend(self) -> None:
        """Says that queued commands are gone with their connection."""
        if self._lost_queue:
            self._forget_transaction()
            raise RawError(
                "EXECABORT Transaction discarded because the process that held the store has ended."
            )

    def _drop(self) -> None:
        wire, self._wire = self._wire, None
        if wire is None:
            return
        wire.close()
        self._lost_queue = self._lost_queue or self._is_queueing
        self._lost_watch = self._lost_watch or self._is_watching
        self._is_queueing = self._is_watching = False


def _text(argument: Any) -> str:
    return argument.decode("latin-1") if isinstance(argument, bytes) else str(argument)


def _name(arguments: tuple[Any, ...]) -> str:
    """The command's name in capitals."""
    text = _text(arguments[0]) if arguments else ""
    return text.split(maxsplit=1)[0].upper() if text.strip() else ""


def _names(arguments: tuple[Any, ...]) -> str:
    """The names of a command and its subcommand in capitals."""
    words = " ".join(map(_text, arguments[:2])).split()
    return " ".join(words[:2]).upper()
