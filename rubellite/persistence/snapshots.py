"""Snapshots: when they are saved, what is said of it, and what is loaded at the start."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any, Literal, Protocol

from rubellite._core import Call, Engine
from rubellite.about import REDIS_VERSION, __version__
from rubellite.clock import monotonic_seconds
from rubellite.config import Config
from rubellite.persistence.directory import DirectoryLock, InUseError

#: After a failure the next snapshot by a save point waits so long.
RETRY_SECONDS = 5


class Log(Protocol):
    """Who is told."""

    def notice(self, text: str) -> None: ...
    def warning(self, text: str) -> None: ...


#: How it ended, why it failed, when it was begun and when it ended, in milliseconds.
Outcome = tuple[Literal["written", "failed", "given up"], str, int, int]


class LoadError(Exception):
    """The data cannot be loaded; `str()` says why."""


class Snapshots:
    """The snapshots of one server."""

    def __init__(self, config: Config, log: Log, now_ms: int, home: str | None = None) -> None:
        self._config = config
        #: Where the files are; None: wherever the process works.
        self._home = home
        self._log = log
        self.lock = DirectoryLock()
        self.last_save_seconds = now_ms // 1000
        self.last_succeeded = True
        self._last_try_seconds = 0
        self._last_duration_seconds = -1
        self._saves = 0
        #: BGSAVE SCHEDULE while a rewrite runs; begins after it.
        self.is_scheduled = False
        self._taker: Callable[[Call, Outcome], None] | None = None
        self._extra_bytes_peak = 0
        self._keys_loaded = 0
        self._keys_expired = 0

    # Settings

    @property
    def path(self) -> str:
        """The snapshot's file."""
        return os.path.join(self.directory, self._config.text("dbfilename"))

    @property
    def directory(self) -> str:
        """The folder of all data files."""
        return self._home or os.getcwd()

    @property
    def key_delay_us(self) -> int:
        """Time between two keys, for tests."""
        return max(self._config.integer("rdb-key-save-delay"), 0)

    def how(self, *, is_aof_base: bool = False) -> dict[str, Any]:
        """How files are written, by the settings."""
        fields = [(b"redis-ver", REDIS_VERSION.encode()), (b"rubellite-ver", __version__.encode())]
        return {
            "format": self._config.text("rdb-format"),
            "compresses": self._config.boolean("rdbcompression"),
            "has_checksum": self._config.boolean("rdbchecksum"),
            "syncs_early": self._config.boolean("rdb-save-incremental-fsync"),
            "saves_clocks": self._config.integer("maxmemory") > 0
            and self._config.text("maxmemory-policy") != "noeviction",
            "is_aof_base": is_aof_base,
            "fields": fields,
        }

    # Saving

    def save(self, call: Call) -> bool:
        """Saves while everybody waits. False: it failed, and the log says why."""
        try:
            self.lock.take(self.directory)
            self._saves += 1
            call.save(self.path, self.how())
        except (OSError, InUseError) as problem:
            self._log.warning(f"Failed saving the DB: {problem}")
            return False
        self._log.notice("DB saved on disk")
        self._succeeded(call)
        return True

    def _succeeded(self, call: Call) -> None:
        self.last_save_seconds = call.now_ms // 1000
        self.last_succeeded = True
        self.judge(call)

    def start(self, call: Call) -> bool:
        """Begins to save while commands go on. False: it could not begin."""
        self._last_try_seconds = call.now_ms // 1000
        try:
            self.lock.take(self.directory)
        except InUseError as problem:
            self._log.warning(f"Can't save in background: {problem}")
            self.last_succeeded = False
            self.judge(call)
            return False
        self._saves += 1
        call.start_snapshot(self.path, self.how(), key_delay_us=self.key_delay_us)
        self._log.notice("Background saving started")
        return True

    def abort(self, call: Call) -> bool:
        """Gives up what is being written in the background, of the append-only file, too."""
        aborted = call.abort_snapshot()
        self.collect(call)
        return aborted

    def cancel(self, call: Call) -> str | None:
        """BGSAVE CANCEL: "running" or "scheduled", whichever was called off; None: nothing."""
        if call.is_saving and self.is_ours:
            self.abort(call)
            return "running"
        if self.is_scheduled:
            self.is_scheduled = False
            return "scheduled"
        return None

    def cron(self, call: Call) -> None:
        """Ten times a second: what has ended, and what is due."""
        self.collect(call)
        if not call.is_saving:
            self._start_if_due(call)

    def collect(self, call: Call) -> None:
        """Takes note of a snapshot that has ended."""
        outcome = call.snapshot_outcome()
        if outcome is None:
            return
        if self._taker is not None:
            taker, self._taker = self._taker, None
            taker(call, outcome)
            return
        end, reason, started_ms, ended_ms = outcome
        self._last_duration_seconds = (ended_ms - started_ms) // 1000
        self._extra_bytes_peak = call.snapshot()["extra_bytes_peak"]
        if end == "written":
            self._log.notice("Background saving terminated with success")
            self._succeeded(call)
        elif end == "failed":
            self._log.warning(f"Background saving error: {reason}")
            self.last_succeeded = False
            self.judge(call)
        else:
            # That was wanted: no failure that writers would have to hear of.
            self._log.warning("Background saving given up")

    def hand_next_outcome_to(self, taker: Callable[[Call, Outcome], None]) -> None:
        """The snapshot that has just begun is not one of ours, but `taker`'s."""
        self._taker = taker

    @property
    def is_ours(self) -> bool:
        """Whether a snapshot that is being written is to become the snapshot's file."""
        return self._taker is None

    def _start_if_due(self, call: Call) -> None:
        if self.is_scheduled:
            self.is_scheduled = False
            self.start(call)
            return
        changes = call.changes_since_save
        now = call.now_ms // 1000
        may_try = self.last_succeeded or now - self._last_try_seconds > RETRY_SECONDS
        for seconds, changes_min in self._config.save_points():
            if changes >= changes_min and now - self.last_save_seconds > seconds and may_try:
                self._log.notice(f"{changes_min} changes in {seconds} seconds. Saving...")
                self.start(call)
                return

    def judge(self, call: Call) -> None:
        """Lets the engine refuse writes, or take them again."""
        call.configure("refuses-writes", self.refuses_writes)

    @property
    def refuses_writes(self) -> bool:
        """Whether writers are told that their data could not be saved."""
        return (
            not self.last_succeeded
            and self._config.boolean("stop-writes-on-bgsave-error")
            and bool(self._config.save_points())
        )

    def before_end(self, call: Call, save: bool | None, _force: bool) -> bool:
        """Saves before the server ends, if that is wanted. False: it must not end."""
        if call.is_saving and self.is_ours:
            self._log.warning("There is a snapshot being written. Giving it up.")
            self.abort(call)
        if save is None:
            save = bool(self._config.save_points())
        if not save:
            return True
        self._log.notice("Saving the final RDB snapshot before exiting.")
        if self.save(call):
            return True
        self._log.warning("Error trying to save the DB, can't exit.")
        return False

    def flushed_all(self, call: Call) -> None:
        """After FLUSHALL: an old file would bring the data back."""
        self.collect(call)
        if self._config.save_points():
            self.save(call)

    # Loading

    def load_at_start(self, engine: Engine, now_ms: int) -> None:
        """Loads the snapshot, if there is one."""
        if self._config.save_points():
            try:
                self.lock.take(self.directory)
            except InUseError as problem:
                raise LoadError(str(problem)) from None
        if not os.path.exists(self.path):
            return
        began = monotonic_seconds()
        try:
            report = engine.load(self.path, self._config.boolean("rdbchecksum"))
        except (OSError, ValueError) as problem:
            raise LoadError(f"{self._config.text('dbfilename')}: {problem}") from None
        self.loaded(report, now_ms)
        self._log.notice(f"DB loaded from disk: {monotonic_seconds() - began:.3f} seconds")

    def reload(self, call: Call, before: str) -> None:
        """DEBUG RELOAD, after saving; fails with `LoadError`."""
        try:
            report = call.load(self.path, self._config.boolean("rdbchecksum"), before)
        except (OSError, ValueError) as problem:
            self._log.warning(f"{self._config.text('dbfilename')}: {problem}")
            raise LoadError(str(problem)) from None
        self.loaded(report, call.now_ms)

    def loaded(self, report: Mapping[str, Any], now_ms: int) -> None:
        aux = report["aux"]
        server, version = "Redis", aux.get("redis-ver", "unknown")
        for name, key in (("Rubellite", "rubellite-ver"), ("Valkey", "valkey-ver")):
            if key in aux:
                server, version = name, aux[key]
                break
        self._log.notice(f"Loading RDB produced by {server} version {version}")
        if aux.get("ctime", "").isdigit():
            age = max(now_ms // 1000 - int(aux["ctime"]), 0)
            self._log.notice(f"RDB age {age} seconds")
        if aux.get("used-mem", "").isdigit():
            megabytes = int(aux["used-mem"]) / (1 << 20)
            self._log.notice(f"RDB memory usage when created {megabytes:.2f} Mb")
        for what in report["skipped"]:
            self._log.warning(f"Not loaded, because Rubellite has nothing like it: {what}")
        if report["skipped_count"] > len(report["skipped"]):
            more = report["skipped_count"] - len(report["skipped"])
            self._log.warning(f"Not loaded either: {more} more of these")
        self._keys_loaded = report["keys_loaded"]
        self._keys_expired = report["keys_expired"]
        self._log.notice(
            f"Done loading RDB, keys loaded: {self._keys_loaded}, "
            f"keys expired: {self._keys_expired}, "
            f"all fields expired hashes: {report['emptied']}."
        )

    # INFO

    def forget_counts(self) -> None:
        """CONFIG RESETSTAT."""
        self._saves = 0

    def info(self, call: Call) -> dict[str, Any]:
        """Fields of INFO persistence."""
        self.collect(call)
        snapshot = call.snapshot()
        is_running = snapshot["is_running"] and self.is_ours
        running_seconds = (call.now_ms - snapshot["started_ms"]) // 1000 if is_running else -1
        written, total = snapshot["keys"], snapshot["keys_total"]
        return {
            "current_cow_peak": snapshot["extra_bytes_peak"] if snapshot["is_running"] else 0,
            "current_cow_size": snapshot["extra_bytes"],
            "current_fork_perc": f"{written * 100 / total if total else 0:.2f}",
            "current_save_keys_processed": written,
            "current_save_keys_total": total,
            "rdb_bgsave_in_progress": int(is_running),
            "rdb_last_save_time": self.last_save_seconds,
            "rdb_last_bgsave_status": "ok" if self.last_succeeded else "err",
            "rdb_last_bgsave_time_sec": self._last_duration_seconds,
            "rdb_current_bgsave_time_sec": running_seconds,
            "rdb_saves": self._saves,
            "rdb_last_cow_size": self._extra_bytes_peak,
            "rdb_last_load_keys_expired": self._keys_expired,
            "rdb_last_load_keys_loaded": self._keys_loaded,
        }


def of(call: Call) -> Snapshots:
    """Those of the server that runs the command."""
    found: Snapshots = call.part("snapshots")
    return found
