"""An engine with its files on a disk that fails: for programs that run within the layer.

The clock stands still until it is moved, so seconds take no time. `act` is one turn of a
server: a command, and what the server does before the reply leaves.
"""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path
from typing import Any

from rubellite._core import Status
from rubellite.config import Config
from rubellite.errors import ReplyError
from rubellite.persistence import manifest as manifests
from rubellite.server.app import assemble
from rubellite.server.logging import Log
from tests.durability.disk import Layer
from tests.store import START_MS

_SECONDS_MAX = 20.0


class _Quiet(Log):
    """Keeps what the log says for the report of a failure."""

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.lines: list[str] = []

    def _write(self, level: int, text: str) -> None:
        self.lines.append(text)


class Rig:
    """One engine that keeps its data in a folder."""

    def __init__(self, folder: Path, settings: dict[str, str], now_ms: int = START_MS) -> None:
        config = Config({"enable-debug-command": "yes", "save": "", **settings})
        self.log = _Quiet(config)
        self.folder = folder
        self._assembly = assemble(config, self.log, home=str(folder))
        self.engine = self._assembly.engine
        self.engine.freeze_clock(now_ms)
        self.now_ms = now_ms
        self._assembly.load()
        self._session = self.engine.open_session()

    def close(self) -> None:
        """Ends what happens in the background."""
        with contextlib.suppress(OSError):
            self.engine.stop_appending()
        self._assembly.snapshots.lock.release()

    def call(self, *words: str | int) -> Any:
        """A command's reply, a status as its text, or the error."""
        try:
            reply = self.engine.execute(self._session, [str(word).encode() for word in words])
            return reply.text if isinstance(reply, Status) else reply
        except ReplyError as reply:
            return reply

    def act(self, *words: str | int) -> Any:
        """A command and the end of its turn; what leaves then."""
        reply = self.call(*words)
        self.engine.tick()
        return reply

    def pass_time(self, ms: int) -> None:
        """So much later: what is due is done, and the disk has done its part."""
        self.engine.advance_clock(ms)
        self.now_ms += ms
        self.engine.tick()
        self.wait_for("aof_pending_bio_fsync", "0")
        self.engine.tick()

    def info(self, field: str) -> str | None:
        text = self.call("INFO", "persistence").text.decode()
        for line in text.splitlines():
            if line.startswith(f"{field}:"):
                return str(line.partition(":")[2])
        return None

    def wait_for(self, field: str, value: str) -> None:
        """Turns until INFO says so, or does not know the field."""
        deadline = time.monotonic() + _SECONDS_MAX
        while self.info(field) not in (None, value):
            assert time.monotonic() < deadline, f"{field} never became {value}"
            self.engine.tick()
            time.sleep(0)

    def wait_for_snapshot(self) -> None:
        self.wait_for("rdb_bgsave_in_progress", "0")
        self.wait_for("aof_rewrite_in_progress", "0")

    def digest(self) -> str:
        found: str = self.call("DEBUG", "DIGEST")
        return found

    def strangers(self) -> list[str]:
        """Files that nothing names: what failed must not leave any."""
        known = {"dump.rdb", "appendonlydir"}
        found = [name for name in os.listdir(self.folder) if name not in known]
        folder = self.folder / "appendonlydir"
        if folder.is_dir():
            manifest = manifests.read(str(folder / "appendonly.aof.manifest"))
            named = {"appendonly.aof.manifest"}
            if manifest is not None:
                files = [*manifest.increments, *manifest.history]
                named |= {name for name, _ in files}
                named |= {manifest.base[0]} if manifest.base else set()
            found += [name for name in os.listdir(folder) if name not in named]
        return found


def loaded(folder: Path, settings: dict[str, str], now_ms: int) -> Rig:
    """What a server finds in a folder; fails with `LoadError`."""
    return Rig(folder, settings, now_ms)


def layer() -> Layer:
    """The layer that this process was started with."""
    return Layer.of_this_process()
