"""The append-only file: when it is begun, rewritten and loaded, and what is said of it.

A rewrite takes a snapshot as the new base. Between the same two commands at which that
begins, the journal goes on in a new increment; when the base is whole, it takes the
place of the old base and of all increments but the last. Until then the manifest names
the old files and the new increment, so at every moment it names all data.
"""

from __future__ import annotations

import os
from typing import Any

from rubellite._core import Call, Engine
from rubellite.clock import monotonic_seconds
from rubellite.config import Config
from rubellite.persistence import manifest as manifests
from rubellite.persistence.directory import InUseError
from rubellite.persistence.manifest import Manifest, ManifestError
from rubellite.persistence.snapshots import LoadError, Log, Outcome, Snapshots

#: After a failure the next automatic rewrite waits so long.
_RETRY_SECONDS = 60.0


class AppendOnly:
    """The append-only files of one server."""

    def __init__(self, config: Config, log: Log, snapshots: Snapshots) -> None:
        self._config = config
        self._log = log
        self._snapshots = snapshots
        self.manifest = Manifest()
        self.is_on = False
        #: Asked for while a snapshot is written; begins after it.
        self.is_scheduled = False
        self.is_rewriting = False
        self._new_base = ""
        self._new_number = 0
        self._old_increments = 0
        self._base_bytes = 0
        self._old_bytes = 0
        self._bytes_after_rewrite = 0
        self._failures = 0
        self._failed_at = 0.0
        self._rewrites = 0
        self._last_seconds = -1
        self._failure: str | None = None
        self._write_failure: str | None = None
        self._sync_failures = 0

    # Names

    @property
    def folder(self) -> str:
        """The folder of all append-only files."""
        return os.path.join(self._snapshots.directory, self._config.text("appenddirname"))

    def _path(self, name: str) -> str:
        return os.path.join(self.folder, name)

    @property
    def _manifest_path(self) -> str:
        return self._path(self._config.text("appendfilename") + ".manifest")

    def _name(self, number: int, kind: str) -> str:
        return f"{self._config.text('appendfilename')}.{number}.{kind}"

    # Loading

    def load_at_start(self, engine: Engine, now_ms: int) -> bool:
        """Loads the append-only files and goes on in the last. False: they are not used.

        Fails with `LoadError`.
        """
        if not self._config.boolean("appendonly"):
            return False
        try:
            self._snapshots.lock.take(self._snapshots.directory)
            os.makedirs(self.folder, exist_ok=True)
            found = manifests.read(self._manifest_path)
        except (InUseError, OSError, ManifestError) as problem:
            raise LoadError(str(problem)) from None
        if found is None:
            found = self._adopt_single_file()
        began = monotonic_seconds()
        if found is None:
            # Data of before the file was switched on are kept, as its first base.
            self._snapshots.load_at_start(engine, now_ms)
            found = Manifest()
        else:
            self._load_files(engine, found, now_ms)
            seconds = monotonic_seconds() - began
            self._log.notice(f"DB loaded from append only file: {seconds:.3f} seconds")
        self.manifest = found
        self._go_on(engine)
        return True

    def _adopt_single_file(self) -> Manifest | None:
        """A file of Redis before 7.0 becomes the base."""
        name = self._config.text("appendfilename")
        single = os.path.join(self._snapshots.directory, name)
        if not os.path.exists(single):
            return None
        adopted = Manifest(base=(name, 1))
        try:
            manifests.write(self._manifest_path, adopted)
            os.replace(single, self._path(name))
            manifests.sync_directory(self.folder)
        except OSError as problem:
            raise LoadError(f"{name}: {problem}") from None
        self._log.notice(
            f"Successfully migrated an old-style AOF configuration ({name}) to the one with a "
            "manifest."
        )
        return adopted

    def _load_files(self, engine: Engine, found: Manifest, now_ms: int) -> None:
        files = [("base", found.base[0])] if found.base else []
        files += [("incr", name) for name, _ in found.increments]
        for at, (kind, name) in enumerate(files):
            began = monotonic_seconds()
            try:
                whole = self._load_file(engine, name, now_ms)
            except (OSError, ValueError) as problem:
                advice = "Make a backup of your AOF file, then use `rubellite check-aof --fix`"
                if "ERR unknown command '" in str(problem):
                    advice = (
                        "If the command is one of your own, load the module that declares it "
                        "(`--load`, `open(load=[…])`)"
                    )
                raise LoadError(
                    f"Bad file format reading the append only file {name}: {problem}. {advice}"
                ) from None
            if whole is not None:
                self._cut(name, whole, is_last=at == len(files) - 1)
            seconds = monotonic_seconds() - began
            self._log.notice(f"DB loaded from {kind} file {name}: {seconds:.3f} seconds")

    def _load_file(self, engine: Engine, name: str, now_ms: int) -> int | None:
        path = self._path(name)
        offset = 0
        with open(path, "rb") as file:
            head = file.read(9)
        if head.startswith((b"REDIS", b"VALKEY")):
            report = engine.load(path, self._config.boolean("rdbchecksum"), keeps_expired=True)
            self._snapshots.loaded(report, now_ms)
            offset = report["bytes"]
        return engine.replay(path, offset)

    def _cut(self, name: str, whole: int, *, is_last: bool) -> None:
        """The file ends in the middle of a command: only its last part may be missing."""
        if not is_last:
            raise LoadError(f"The append only file {name} is truncated, but is not the last")
        if not self._config.boolean("aof-load-truncated"):
            raise LoadError(
                f"Unexpected end of file reading the append only file {name}. You can: 1) make a "
                "backup of your AOF file, then use `rubellite check-aof --fix`. 2) set "
                "'aof-load-truncated' to yes and start again"
            )
        self._log.warning(f"!!! Warning: short read while loading the AOF file {name}!!!")
        self._log.warning(f"AOF loaded anyway because aof-load-truncated is enabled: byte {whole}")
        os.truncate(self._path(name), whole)

    def _go_on(self, engine: Engine) -> None:
        """Begins to write where the files end."""
        try:
            if self.manifest.base is None and not self.manifest.increments:
                name = self._name(1, "base.rdb")
                engine.save(self._path(name), self._snapshots.how(is_aof_base=True))
                self.manifest.base = (name, 1)
                self._log.notice(f"Creating AOF base file {name} on server start")
            if not self.manifest.increments:
                number = self.manifest.base[1] if self.manifest.base else 1
                self.manifest.increments.append((self._name(number, "incr.aof"), number))
            name = self.manifest.increments[-1][0]
            engine.append_to(self._path(name), self._config.text("appendfsync"))
            manifests.write(self._manifest_path, self.manifest)
            self._log.notice(f"Opening AOF incr file {name} on server start")
            self._remove_history()
        except OSError as problem:
            raise LoadError(f"Can't open the append-only file: {problem}") from None
        self.is_on = True
        self._measure()
        self._bytes_after_rewrite = self._base_bytes

    def _measure(self) -> None:
        def size(name: str) -> int:
            try:
                return os.path.getsize(self._path(name))
            except OSError:
                return 0

        self._base_bytes = size(self.manifest.base[0]) if self.manifest.base else 0
        self._old_bytes = sum(size(name) for name, _ in self.manifest.increments[:-1])

    # Settings

    def follow(self, call: Call) -> None:
        """Does what CONFIG SET may have changed."""
        policy = self._config.text("appendfsync")
        call.configure_appending(policy, self._config.boolean("aof-timestamp-enabled"))
        wanted = self._config.boolean("appendonly")
        if wanted and not self.is_on:
            # What earlier files hold is older than the data; they go with the first rewrite.
            self.manifest = self._retired()
            self.is_on = True
            self.request_rewrite(call)
        elif self.is_on and not wanted:
            self.is_on = self.is_scheduled = False
            if self.is_rewriting:
                call.abort_snapshot()
                self._snapshots.collect(call)
            self._try(call.stop_appending)

    def _retired(self) -> Manifest:
        try:
            old = manifests.read(self._manifest_path) or Manifest()
        except ManifestError as problem:
            self._log.warning(f"The old manifest is replaced: {problem}")
            old = Manifest()
        files = [*old.history, *old.increments]
        return Manifest(history=[old.base, *files] if old.base else files)

    def _try(self, work: Any) -> bool:
        try:
            work()
        except OSError as problem:
            self._log.warning(f"The append-only file: {problem}")
            return False
        return True

    # Rewriting

    def request_rewrite(self, call: Call) -> bool:
        """Begins a rewrite, or notes that one is wanted (False)."""
        self._snapshots.collect(call)
        if call.is_saving:
            self.is_scheduled = True
            return False
        return self.start(call)

    def start(self, call: Call) -> bool:
        """Begins a rewrite; False: it could not, and the log says why."""
        if not call.may_start_snapshot:
            # The journal must change files between the two commands at which it begins.
            self.is_scheduled = True
            return True
        self.is_scheduled = False
        number = self.manifest.last_number + 1
        name = self._name(number, "incr.aof")
        try:
            self._snapshots.lock.take(self._snapshots.directory)
            os.makedirs(self.folder, exist_ok=True)
            begun = Manifest(
                self.manifest.base, list(self.manifest.increments), list(self.manifest.history)
            )
            if self.is_on:
                call.append_to(self._path(name), self._config.text("appendfsync"))
                begun.increments.append((name, number))
            if begun.base or len(begun.increments) > 1:
                manifests.write(self._manifest_path, begun)
        except (OSError, InUseError) as problem:
            self._failed(f"Can't begin to rewrite the append only file: {problem}")
            return False
        self.manifest = begun
        self._old_increments = len(begun.increments) - int(self.is_on)
        self._new_number = number
        self._new_base = self._name(number, "base.rdb")
        self._measure()
        self.is_rewriting = True
        call.start_snapshot(
            self._path(self._new_base), self._snapshots.how(is_aof_base=True), survives_flush=True
        )
        self._snapshots.hand_next_outcome_to(self._ended)
        self._log.notice("Background append only file rewriting started")
        return True

    def _ended(self, call: Call, outcome: Outcome) -> None:
        failure, started_ms, ended_ms = outcome
        self.is_rewriting = False
        self._last_seconds = (ended_ms - started_ms) // 1000
        if failure is not None:
            self._failed(f"Background AOF rewrite failed: {failure}")
            return
        old = self.manifest
        retired = old.increments[: self._old_increments]
        if old.base:
            retired = [old.base, *retired]
        finished = Manifest(
            (self._new_base, self._new_number),
            old.increments[self._old_increments :],
            [*old.history, *retired],
        )
        if not self._try(lambda: manifests.write(self._manifest_path, finished)):
            self._failed("The manifest could not be written")
            return
        self.manifest = finished
        self._failure, self._failures = None, 0
        self._rewrites += 1
        self._measure()
        self._bytes_after_rewrite = self._base_bytes
        self._log.notice("Background AOF rewrite finished successfully")
        self._remove_history()

    def _failed(self, text: str) -> None:
        self._log.warning(text)
        self._failure = text
        self._failures += 1
        self._failed_at = monotonic_seconds()

    def _remove_history(self) -> None:
        if not self.manifest.history or self._config.boolean("aof-disable-auto-gc"):
            return
        for name, _ in self.manifest.history:
            try:
                os.unlink(self._path(name))
            except FileNotFoundError:
                pass
            except OSError as problem:
                self._log.warning(f"Can't remove {name}: {problem}")
        cleared = Manifest(self.manifest.base, self.manifest.increments)
        if self._try(lambda: manifests.write(self._manifest_path, cleared)):
            self.manifest = cleared

    def cron(self, call: Call) -> None:
        """Ten times a second: a rewrite that was asked for, or is due."""
        self._watch(call)
        if not self.is_on or call.is_saving:
            return
        if self.is_scheduled or self._is_due(call):
            self.start(call)

    def _watch(self, call: Call) -> None:
        """Tells the log of failures, and writes anew what a failed fsync may have lost."""
        facts = call.appending()
        if facts is None:
            return
        failure = facts["failure"]
        if failure is not None and self._write_failure is None:
            self._log.warning(f"Error writing to the AOF file: {failure}")
        elif failure is None and self._write_failure is not None:
            self._log.warning("AOF write error looks solved. The server can write again.")
        self._write_failure = failure
        if failure is None and facts["sync_failures"] > self._sync_failures:
            # What the file held then may not be on disk, whatever a later fsync says.
            self._sync_failures = facts["sync_failures"]
            self.is_scheduled = True

    def _is_due(self, call: Call) -> bool:
        percentage = self._config.integer("auto-aof-rewrite-percentage")
        facts = call.appending()
        if not percentage or facts is None:
            return False
        size = self._base_bytes + self._old_bytes + facts["length"]
        if size < self._config.integer("auto-aof-rewrite-min-size"):
            return False
        if self._failures and monotonic_seconds() - self._failed_at < _RETRY_SECONDS:
            return False
        base = self._bytes_after_rewrite or 1
        growth = size * 100 // base - 100
        if growth < percentage:
            return False
        self._log.notice(f"Starting automatic rewriting of AOF on {growth}% growth")
        return True

    def before_end(self, call: Call, _save: bool | None) -> bool:
        """Forces all to disk before the server ends. False: it failed."""
        if not self.is_on:
            return True
        self._log.notice("Calling fsync() on the AOF file.")
        return self._try(call.stop_appending)

    # INFO

    def info(self, call: Call) -> dict[str, Any]:
        """Fields of INFO persistence."""
        facts = call.appending()
        running = call.snapshot()
        seconds = (call.now_ms - running["started_ms"]) // 1000 if self.is_rewriting else -1
        is_well = facts is None or facts["failure"] is None
        fields: dict[str, Any] = {
            "aof_enabled": int(self.is_on),
            "aof_rewrite_in_progress": int(self.is_rewriting),
            "aof_rewrite_scheduled": int(self.is_scheduled),
            "aof_last_rewrite_time_sec": self._last_seconds,
            "aof_current_rewrite_time_sec": seconds,
            "aof_last_bgrewrite_status": "ok" if self._failure is None else "err",
            "aof_rewrites": self._rewrites,
            "aof_rewrites_consecutive_failures": self._failures,
            "aof_last_write_status": "ok" if is_well else "err",
            "aof_last_cow_size": 0,
        }
        if facts is not None:
            fields |= {
                "aof_current_size": self._base_bytes + self._old_bytes + facts["length"],
                "aof_base_size": self._bytes_after_rewrite,
                "aof_pending_rewrite": 0,
                "aof_buffer_length": facts["pending_bytes"],
                "aof_pending_bio_fsync": int(facts["is_syncing"]),
                "aof_delayed_fsync": facts["delayed_syncs"],
            }
        return fields


def of(call: Call) -> AppendOnly:
    """Those of the server that runs the command."""
    found: AppendOnly = call.part("append_only")
    return found
