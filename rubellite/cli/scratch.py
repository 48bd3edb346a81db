"""An engine that nobody else sees: it makes snapshots of commands and of JSON lines.

Its clock stands at 1970, so nothing in it ever expires: what a file says of deadlines is
carried over, whether they have passed or not.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

from rubellite._core import EmbeddedSession
from rubellite.cli.new_files import RefusedError
from rubellite.config import Config
from rubellite.extending import ExtensionError
from rubellite.server.app import assemble
from rubellite.server.logging import Log

#: Enough for every configuration that anybody has seen.
DATABASES = 16384


class Scratch:
    """One engine, in memory."""

    def __init__(self, *, load: Iterable[str] = (), rdb_format: str | None = None) -> None:
        settings = {"save": "", "databases": str(DATABASES), "loglevel": "warning"}
        if rdb_format is not None:
            settings["rdb-format"] = rdb_format
        config = Config(settings)
        try:
            self._assembly = assemble(config, Log(config), load=load)
        except ExtensionError as problem:
            raise RefusedError(str(problem)) from None
        self.engine = self._assembly.engine
        self.engine.freeze_clock(0)
        #: What could not be loaded.
        self.left_out: list[str] = []
        self._sessions: dict[int, EmbeddedSession] = {}

    def session(self, database: int) -> EmbeddedSession:
        """A client that has selected this database."""
        if database not in self._sessions:
            self._sessions[database] = self.engine.embed(2, database)
        return self._sessions[database]

    def call(self, *words: Any) -> Any:
        """Executes a command in database 0."""
        return self.session(0).call(*words)

    def load(self, path: str, *, is_last: bool) -> None:
        """Loads a snapshot or append-only file, or one with the other behind it.

        Fails with `RefusedError` where it is damaged or cut off, `OSError`.
        """
        with open(path, "rb") as file:
            is_snapshot = file.read(9).startswith((b"REDIS", b"VALKEY"))
        offset = 0
        try:
            if is_snapshot:
                report = self.engine.load(path, True, keeps_expired=True)
                self.left_out += report["skipped"]
                offset = report["bytes"]
            if offset == os.path.getsize(path):
                return
            # Commands see the time of now, as when a server loads them; nothing expires
            # while they do.
            self.engine.freeze_clock()
            whole = self.engine.replay(path, offset)
            self.engine.freeze_clock(0)
        except ValueError as problem:
            raise RefusedError(f"{path}: {problem}") from None
        if whole is not None:
            advice = "; `rubellite check-aof --fix` cuts that off" if is_last else ""
            raise RefusedError(
                f"{path}: ends in the middle of a command; it is whole up to byte {whole}{advice}"
            )

    def save(self, path: str, *, is_aof_base: bool = False) -> None:
        """Writes all data to a snapshot's file. Fails with `OSError`."""
        self.engine.save(path, self._assembly.snapshots.how(is_aof_base=is_aof_base))
