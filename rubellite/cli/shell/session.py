"""One user's conversation with a server: connecting, sending, what replies change.

A server that is gone is connected to anew by the next command, with the same user,
database and protocol.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, BinaryIO

from rubellite.cli.shell import formats
from rubellite.cli.shell.options import Options
from rubellite.client.resp import (
    Address,
    ConnectError,
    Connection,
    ErrorText,
    Map,
    Push,
    Status,
    encode,
)

if TYPE_CHECKING:
    from rubellite.client.store import Store

#: Commands after which the server sends without being asked.
_SUBSCRIBING = frozenset((b"SUBSCRIBE", b"PSUBSCRIBE", b"SSUBSCRIBE"))
_UNSUBSCRIBING = frozenset((b"UNSUBSCRIBE", b"PUNSUBSCRIBE", b"SUNSUBSCRIBE"))


class Session:
    """A conversation. Output goes to `out` in the form that the options name."""

    def __init__(self, options: Options, out: BinaryIO | None = None) -> None:
        self.options = options
        self.out = out or sys.stdout.buffer
        self.is_terminal = sys.stdout.isatty()
        self.output = options.output or ("standard" if self.is_terminal else "raw")
        self.database = 0
        #: Whether a transaction is being queued.
        self.is_queueing = False
        self.connection: Connection | None = None
        self._wanted = options.address.database
        self._store: Store | None = None
        self.address = options.address
        is_json = self.output in ("json", "quoted-json")
        self._protocol = options.protocol or (3 if is_json else 2)
        #: Whether the last command failed.
        self.has_failed = False

    # Connecting

    @property
    def place(self) -> str:
        """Where we are, for the prompt."""
        if self._store is not None or self.options.path is not None:
            return str(self.options.path)
        if self.address.path:
            return f"redis {self.address.path}"
        return str(self.address)

    def prompt(self) -> str:
        """What stands before a command, as redis-cli has it."""
        if self.connection is None:
            return "not connected> "
        database = f"[{self.database}]" if self.database else ""
        return f"{self.place}{database}{'(TX)' if self.is_queueing else ''}> "

    def connect(self) -> bool:
        """Connects, unless that is so already. False: there is nobody, which is told."""
        if self.connection is not None and self.connection.is_gone():
            self.drop()
        if self.connection is not None:
            return True
        self.is_queueing = False
        self.database = 0
        try:
            self.connection = self._open()
        except ConnectError as problem:
            place, _, why = str(problem).rpartition(": ")
            self._complain(f"Could not connect to Redis at {place}: {why}")
            return False
        address = self.address
        if address.password is not None:
            names = (address.user,) if address.user else ()
            reply = self.connection.call("AUTH", *names, address.password)
            if isinstance(reply, ErrorText):
                self._complain(f"AUTH failed: {reply}")
        if self._protocol == 3:
            reply = self.connection.call("HELLO", "3")
            if isinstance(reply, ErrorText):
                self._complain(f"HELLO 3 failed: {reply}")
            else:
                self.connection.protocol = 3
        if self._wanted:
            reply = self.connection.call("SELECT", self._wanted)
            if isinstance(reply, ErrorText):
                self._complain(f"SELECT {self._wanted} failed: {reply}")
                self._wanted = 0
            self.database = self._wanted
        return True

    def _open(self) -> Connection:
        if self.options.path is not None:
            address = Address(path=self._opened(self.options.path).socket_path())
        else:
            # Who we are, and where, is said with the words of redis-cli.
            address = replace(self.address, password=None, database=0)
        return Connection(address)

    def _opened(self, path: str) -> Store:
        from rubellite.cli.endpoints import open_directory
        from rubellite.persistence.snapshots import LoadError

        if self._store is None:
            if not os.path.isdir(path):
                raise ConnectError(f"{path}: there is no such data directory")
            try:
                self._store = open_directory(path)
            except (LoadError, OSError, ValueError) as problem:
                # The path's own colons must not part the text.
                raise ConnectError(f"{path}: {str(problem).replace(': ', ' - ')}") from None
        return self._store

    def move(self, address: Address) -> None:
        """Goes on with another server."""
        self.drop()
        self.close()
        self.options.path = None
        self.address, self._wanted = address, 0

    def drop(self) -> None:
        """Ends the connection, for example in the middle of a reply."""
        if self.connection is not None:
            self.connection.close()
        self.connection = None

    def close(self) -> None:
        """Ends everything."""
        self.drop()
        if self._store is not None:
            self._store.close()
            self._store = None

    def _complain(self, text: str) -> None:
        self.has_failed = True
        self.out.flush()
        sys.stderr.write(f"{text}\n")
        sys.stderr.flush()

    # Commands

    def call(self, *words: bytes | str | int) -> Any:
        """A reply that is not shown. Fails with `ConnectError`."""
        if not self.connect():
            raise ConnectError("not connected")
        assert self.connection is not None
        return self.connection.call(*words)

    def run(self, words: list[bytes]) -> bool:
        """Sends a command and shows what comes back. False: there is no connection."""
        self.has_failed = False
        if not self.connect():
            return False
        assert self.connection is not None
        try:
            self.connection.send(encode(words))
            self._show_replies(words)
            self.out.flush()
            return True
        except ConnectError as problem:
            self.drop()
            if words[0].upper() in (b"SHUTDOWN", b"QUIT"):
                return True
            # It may have been executed, so it is not sent again.
            self._complain(f"Error: {problem}")
            return False

    def _show_replies(self, words: list[bytes]) -> None:
        assert self.connection is not None
        name = words[0].upper()
        if name == b"MONITOR":
            self._stream(None)
        elif name in _SUBSCRIBING:
            self._stream(words)
        elif name in _UNSUBSCRIBING:
            for _ in range(max(len(words) - 1, 1)):
                self._show(self.connection.receive(), words)
        else:
            reply = self._reply()
            self._learn(words, reply)
            self._show(reply, words)

    def _reply(self) -> Any:
        assert self.connection is not None
        while isinstance(reply := self.connection.receive(), Push):
            if self.is_terminal:
                self.out.write(_push_line(reply) + b"\n")
        return reply

    def _stream(self, words: list[bytes] | None) -> None:
        """Shows what comes until Ctrl-C, or until the server ends it."""
        assert self.connection is not None
        if self.output == "standard":
            self.out.write(b"Reading messages... (press Ctrl-C to quit)\n")
        self.out.flush()
        while True:
            reply = self.connection.receive()
            self._show(reply, words or [b"MONITOR"])
            self.out.flush()
            if isinstance(reply, ErrorText):
                return

    def _learn(self, words: list[bytes], reply: Any) -> None:
        """What a successful command changes for those that follow."""
        assert self.connection is not None
        name = words[0].upper()
        if name == b"EXEC" or (name == b"DISCARD" and not isinstance(reply, ErrorText)):
            self.is_queueing = False
        if isinstance(reply, ErrorText) or (isinstance(reply, Status) and reply == "QUEUED"):
            return
        if name == b"MULTI":
            self.is_queueing = True
        elif name == b"SELECT" and len(words) == 2 and words[1].isdigit():
            self.database = self._wanted = int(words[1])
        elif name == b"AUTH" and len(words) in (2, 3):
            texts = [word.decode("utf-8", "surrogateescape") for word in words[1:]]
            user = texts[0] if len(texts) == 2 else ""
            self.address = replace(self.address, user=user, password=texts[-1])
        elif name == b"HELLO" and len(words) > 1 and isinstance(reply, list):
            self._protocol = self.connection.protocol = 3 if isinstance(reply, Map) else 2
        elif name == b"RESET":
            self.database = self._wanted = 0
            self.is_queueing = False
            self._protocol = self.connection.protocol = 2

    # Showing

    def _show(self, reply: Any, words: list[bytes]) -> None:
        if isinstance(reply, ErrorText):
            self.has_failed = True
            if self.options.shows_failure and self.options.command:
                self.out.flush()
                sys.stderr.write(f"{reply}\n")
                return
        self.out.write(self.shown(reply, words))

    def shown(self, reply: Any, words: list[bytes]) -> bytes:
        """A reply in the form that was asked for."""
        between, after = self.options.between.encode(), self.options.after.encode()
        if formats.is_plain_text(words):
            # Such text ends its own lines.
            return formats.raw(reply, between=between, after=b"")
        if self.output == "raw":
            return formats.raw(reply, between=between, after=after)
        return _FORMATS[self.output](reply)


_FORMATS: dict[str, Callable[[Any], bytes]] = {
    "standard": formats.standard,
    "csv": formats.csv,
    "json": formats.json,
    "quoted-json": formats.quoted_json,
}


def _push_line(push: Push) -> bytes:
    """A push that nobody waits for, as redis-cli shows invalidations."""
    if push and push[0] == b"invalidate":
        names = push[1] or []
        shown = b", ".join(b"'" + bytes(name) + b"'" for name in names) or b"all keys"
        return b"-> invalidate: " + shown
    return formats.standard(push).rstrip(b"\n")
