"""The two ends of a migration: a server behind a URL, or a data directory in this process.

redis://[[user]:password@]host[:port][/db]     a server; rediss:// with TLS
unix://[[user]:password@]/path/of/socket       a server's Unix socket
data/                                          a data directory, opened here
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

from rubellite.cli import sources
from rubellite.cli.new_files import RefusedError
from rubellite.cli.scratch import DATABASES
from rubellite.client.resp import Connection, ErrorText, Word, encode, hidden, parse_url
from rubellite.errors import ReplyError

if TYPE_CHECKING:
    from rubellite.client.store import Store

#: Encoded commands that are gathered before they are sent.
_SEND_BYTES = 1 << 18


class Endpoint(Protocol):
    """Commands in, replies out; error replies are `ErrorText`, nothing is raised for them.

    Fails with `ConnectError` when the connection ends.
    """

    #: As it may be shown.
    name: str
    #: The database that its URL names.
    database: int

    def send(self, commands: Sequence[Sequence[Word]]) -> None:
        """Sends commands whose replies `receive` takes."""

    def receive(self) -> Any:
        """The reply to the first command whose reply was not taken yet."""

    def call(self, *words: Word) -> Any:
        """The reply to one command; nothing else may be under way."""

    def other(self) -> Endpoint:
        """A second client of the same data."""

    def close(self) -> None:
        """Ends it."""


class Server:
    """A server, over a connection."""

    def __init__(
        self, url: str, database: int | None = None, program: str = "rubellite-migrate"
    ) -> None:
        self._url = url
        address = parse_url(url)
        self.database = address.database if database is None else database
        self.name = hidden(url)
        self._connection = Connection(replace(address, database=0), 2, program)

    def send(self, commands: Sequence[Sequence[Word]]) -> None:
        gathered: list[bytes] = []
        size = 0
        for words in commands:
            encoded = encode(words)
            gathered.append(encoded)
            size += len(encoded)
            if size >= _SEND_BYTES:
                self._connection.send(b"".join(gathered))
                gathered, size = [], 0
        if gathered:
            self._connection.send(b"".join(gathered))

    def receive(self) -> Any:
        return self._connection.reply()

    def call(self, *words: Word) -> Any:
        return self._connection.call(*words)

    def other(self) -> Server:
        return Server(self._url, self.database)

    def close(self) -> None:
        self._connection.close()


def settings_of(path: str, *, is_source: bool = False) -> dict[str, str]:
    """How a data directory is opened: as it was written, by snapshots or append-only.

    Where both or nothing is there, append-only. Nothing is added to a source that has a
    snapshot alone.
    """
    many = {"databases": str(DATABASES)}
    try:
        is_snapshot = sources.find(path).kind == "rdb"
    except RefusedError:
        if is_source:
            raise
        is_snapshot = False
    except OSError:
        # It is yet to be made.
        is_snapshot = False
    if is_snapshot:
        return {**many, "save": ""} if is_source else many
    return {**many, "appendonly": "yes", "appendfsync": "everysec", "save": ""}


def open_directory(path: str, *, is_source: bool = False) -> Store:
    """A directory's store; where another process holds it, a part in that one's.

    Fails with `ValueError` if that one was opened otherwise.
    """
    from rubellite.client.store import open_store

    settings = settings_of(path, is_source=is_source)
    try:
        return open_store(path, settings)
    except ValueError:
        # Who holds it has as many databases as usual.
        del settings["databases"]
        return open_store(path, settings)


class Directory:
    """A data directory, whose store lives in this process while it is open."""

    def __init__(self, path: str, *, is_source: bool) -> None:
        from rubellite.extending import ExtensionError
        from rubellite.persistence.snapshots import LoadError

        self.name, self.database = path, 0
        if os.path.lexists(path) and not os.path.isdir(path):
            raise RefusedError(f"{path}: no folder; `rubellite convert` reads files")
        if is_source and not os.path.isdir(path):
            raise RefusedError(f"{path}: there is no such data directory")
        try:
            self._store = open_directory(path, is_source=is_source)
        except (LoadError, ExtensionError, OSError, ValueError) as problem:
            raise RefusedError(f"{path}: {problem}") from None
        self._session = self._store.session(protocol=2)
        self._owns_store = True
        self._replies: list[Any] = []
        self._taken = 0

    def send(self, commands: Sequence[Sequence[Word]]) -> None:
        if self._taken == len(self._replies):
            self._replies, self._taken = [], 0
        self._replies += [self.call(*words) for words in commands]

    def receive(self) -> Any:
        self._taken += 1
        return self._replies[self._taken - 1]

    def call(self, *words: Word) -> Any:
        try:
            return self._session.call(*words)
        except ReplyError as problem:
            return ErrorText(problem)

    def other(self) -> Directory:
        twin = object.__new__(Directory)
        twin.name, twin.database = self.name, self.database
        twin._store, twin._owns_store = self._store, False
        twin._session = self._store.session(protocol=2)
        twin._replies, twin._taken = [], 0
        return twin

    def close(self) -> None:
        self._session.close()
        if self._owns_store:
            self._store.close()


def open_endpoint(where: str, *, is_source: bool) -> Endpoint:
    """The end that a URL or a path names.

    Fails with `RefusedError`, `ConnectError`, or `ValueError` for a URL that is none.
    """
    if "://" in where:
        return Server(where)
    if not where:
        raise RefusedError("an empty path names no data directory")
    return Directory(where, is_source=is_source)
