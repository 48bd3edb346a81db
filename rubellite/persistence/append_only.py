"""The append-only file: when it is begun, rewritten and loaded, and what is said of it.

A rewrite takes a snapshot as the new base. Between the same two commands at which that
begins, the journal goes on in a new increment; when the base is whole, it takes the
place of the old base and of all increments but the last. Until then the manifest names
the old files and the new increment, so at every moment it names all data.

A file is written to only when the manifest that names it is on disk. After a failed
fsync the increment is given up, and what it may lack begins the next one.
"""

from __future__ import annotations

import os
from typing import Any

from rubellite._core import Call, Engine
from rubellite.clock import monotonic_seconds
from rubellite.config import Config
from rubellite.persistence import manifest as manifests
from rubellite.persistence.directory import InUseError
from rubellite.persistence.files import Files, Within
from rubellite.persistence.manifest import Manifest, ManifestError
from rubellite.persistence.snapshots import LoadError, Log, Outcome, Snapshots

#: After a failure the next automatic rewrite waits so long.
_RETRY_SECONDS = 60.0
_FIRST_RETRY_SECONDS = 5.0
#: After a failure the next try to begin a new increment waits so long.
_RETRY_MS = 1000


class AppendOnly:
    """The append-only files of one server."""

    def __init__(self, config: Config, log: Log, snapshots: Snapshots) -> None:
        self._config = config
        self._log = log
        self._snapshots = snapshots
        self._files = Files(config, log, snapshots)
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
        self._extra_bytes_peak = 0
        self._delayed_syncs = 0
        self._last_seconds = -1
        self._failure: str | None = None
        self._write_failure: str | None = None
        self._has_lost = False
        self._retry_at_ms = 0
        #: Whether the files hold all data, so that a manifest may name them; not so from
        #: CONFIG SET appendonly yes until the first rewrite is done.
        self._is_complete = False

    # Loading

    def load_at_start(self, engine: Engine, now_ms: int) -> bool:
        """Loads the append-only files and goes on in the last. False: they are not used.

        Fails with `LoadError`.
        """
        if not self._config.boolean("appendonly"):
            return False
        found = self._files.find()
        began = monotonic_seconds()
        if found is None:
            # Data of before the file was switched on are kept, as its first base.
            self._snapshots.load_at_start(engine, now_ms)
            found = Manifest()
        else:
            self._files.load(engine, found, now_ms)
            seconds = monotonic_seconds() - began
            self._log.notice(f"DB loaded from append only file: {seconds:.3f} seconds")
        self.manifest = found
        self._go_on(engine)
        return True

    def reload(self, call: Call) -> None:
        """DEBUG LOADAOF: loads what the files hold in the place of all data, whether or not
        they are written to. Fails with `LoadError`; the data are gone even then.
        """
        problem = None
        found = self.manifest
        try:
            if not (self.is_on and self._is_complete):
                found = self._files.find_again()
            elif not call.sync_appended():
                raise LoadError("The append-only file cannot be forced to disk")
        except LoadError as caught:
            problem = caught
        self._snapshots.abort(call)
        call.flush(True)
        if problem is not None:
            raise problem
        self._files.load(Within(call), found, call.now_ms)

    def _go_on(self, engine: Engine) -> None:
        """Begins to write where the files end."""
        try:
            if self.manifest.base is None and not self.manifest.increments:
                name = self._files.name(1, "base.rdb")
                engine.save(self._files.path(name), self._snapshots.how(is_aof_base=True))
                self.manifest.base = (name, 1)
                self._log.notice(f"Creating AOF base file {name} on server start")
            if not self.manifest.increments:
                number = self.manifest.base[1] if self.manifest.base else 1
                self.manifest.increments.append((self._files.name(number, "incr.aof"), number))
            name = self.manifest.increments[-1][0]
            engine.append_to(self._files.path(name), *self._how())
            manifests.write(self._files.manifest_path, self.manifest)
            self._log.notice(f"Opening AOF incr file {name} on server start")
            self._remove_history()
        except OSError as problem:
            raise LoadError(f"Can't open the append-only file: {problem}") from None
        self.is_on = self._is_complete = True
        self._measure()
        self._bytes_after_rewrite = self._base_bytes

    def _measure(self) -> None:
        self._base_bytes = self._files.size(self.manifest.base[0]) if self.manifest.base else 0
        self._old_bytes = sum(self._files.size(name) for name, _ in self.manifest.increments[:-1])

    # Settings

    def _how(self) -> tuple[str, bool, bool]:
        """`appendfsync`, whether the file says when, whether its readers know more than
        Redis 7.0.
        """
        notes_time = self._config.boolean("aof-timestamp-enabled")
        knows_fields = self._config.text("rdb-format") != "redis10"
        return self._config.text("appendfsync"), notes_time, knows_fields

    def follow(self, call: Call) -> None:
        """Does what CONFIG SET may have changed."""
        call.configure_appending(*self._how())
        wanted = self._config.boolean("appendonly")
        if wanted and not self.is_on:
            # What earlier files hold is older than the data; they go with the first rewrite.
            self.manifest = self._retired()
            self.is_on = True
            self._is_complete = False
            self.request_rewrite(call)
        elif self.is_on and not wanted:
            self.is_on = self.is_scheduled = False
            self._give_up(call)
            self._try(call.stop_appending)

    def _give_up(self, call: Call) -> None:
        """Gives up a rewrite; nothing is left of it, nor of increments that no manifest names."""
        if self.is_rewriting:
            self._snapshots.abort(call)
        if not self._is_complete:
            for name, _ in self.manifest.increments:
                self._files.remove(name)

    def _retired(self) -> Manifest:
        try:
            old = manifests.read(self._files.manifest_path) or Manifest()
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
        try:
            self._snapshots.lock.take(self._snapshots.directory)
            manifests.make_directory(self._files.folder)
            if self.is_on:
                self._begin_increment(call, number)
        except (OSError, InUseError) as problem:
            self._failed(f"Can't begin to rewrite the append only file: {problem}")
            return False
        self._old_increments = len(self.manifest.increments) - int(self.is_on)
        self._new_number = number
        self._new_base = self._files.name(number, "base.rdb")
        self._measure()
        self.is_rewriting = True
        self._rewrites += 1
        call.start_snapshot(
            self._files.path(self._new_base),
            self._snapshots.how(is_aof_base=True),
            survives_flush=True,
            key_delay_us=self._snapshots.key_delay_us,
        )
        self._snapshots.hand_next_outcome_to(self._ended)
        self._log.notice("Background append only file rewriting started")
        return True

    def _begin_increment(self, call: Call, number: int, *, repeats: bool = False) -> None:
        """Goes on in a new increment; fails with `OSError`, and then in the old one."""
        old = self.manifest
        name = self._files.name(number, "incr.aof")
        begun = Manifest(old.base, [*old.increments, (name, number)], list(old.history))
        call.prepare_appending(self._files.path(name), self._config.text("appendfsync"), repeats)
        if self._is_complete:
            self._name_files(call, begun)
        call.go_on_appending()
        self.manifest = begun

    def _name_files(self, call: Call, manifest: Manifest) -> None:
        began = monotonic_seconds()
        manifests.write(self._files.manifest_path, manifest)
        # Everybody waited for the disk.
        call.note_latency("aof-rename", int((monotonic_seconds() - began) * 1e9))

    def _ended(self, call: Call, outcome: Outcome) -> None:
        end, reason, started_ms, ended_ms = outcome
        self.is_rewriting = False
        self._extra_bytes_peak = call.snapshot()["extra_bytes_peak"]
        if end != "written":
            # It may have its name already, but no manifest names it.
            self._files.remove(self._new_base)
        if end == "given up":
            self._log.warning("Background AOF rewrite given up")
            # If the files are still wanted, the data have changed under it.
            self.is_scheduled = self.is_on
            return
        self._last_seconds = (ended_ms - started_ms) // 1000
        if end == "failed":
            self._failed(f"Background AOF rewrite failed: {reason}")
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
        if not self._try(lambda: self._name_files(call, finished)):
            # Whether a manifest on disk names the base is not known: it stays until the
            # next manifest is written.
            self.manifest.history.append((self._new_base, self._new_number))
            self._failed("The manifest could not be written")
            return
        self.manifest = finished
        self._is_complete = True
        call.appended_is_whole()
        self._has_lost = False
        self._failure, self._failures = None, 0
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
        left = []
        for name, number in self.manifest.history:
            try:
                os.unlink(self._files.path(name))
            except FileNotFoundError:
                pass
            except OSError as problem:
                self._log.warning(f"Can't remove {name}: {problem}")
                left.append((name, number))
        cleared = Manifest(self.manifest.base, self.manifest.increments, left)
        if self._try(lambda: manifests.write(self._files.manifest_path, cleared)):
            self.manifest = cleared

    def cron(self, call: Call) -> None:
        """Ten times a second: a rewrite that was asked for, or is due."""
        self._watch(call)
        if call.is_saving:
            return
        if self.is_scheduled or (self.is_on and (self._is_due(call) or self._is_begun_in_vain)):
            self.start(call)

    @property
    def _is_begun_in_vain(self) -> bool:
        """The rewrite that was to hold all data, after CONFIG SET, failed."""
        may_try = monotonic_seconds() - self._failed_at >= _FIRST_RETRY_SECONDS
        return not self._is_complete and not self.is_rewriting and may_try

    def _watch(self, call: Call) -> None:
        """Tells the log of failures, and saves what a failed fsync may have lost."""
        facts = call.appending()
        if facts is None:
            return
        failure = facts["failure"]
        if failure is not None and self._write_failure is None:
            self._log.warning(f"Error writing to the AOF file: {failure}")
        elif failure is None and self._write_failure is not None:
            self._log.warning("AOF write error looks solved. The server can write again.")
        self._write_failure = failure
        if facts["delayed_syncs"] > self._delayed_syncs:
            self._log.notice("Asynchronous AOF fsync is taking too long (disk is busy?).")
        self._delayed_syncs = facts["delayed_syncs"]
        if facts["is_broken"] and call.now_ms >= self._retry_at_ms:
            self._give_increment_up(call)
        if facts["has_lost"] and not self._has_lost:
            self._has_lost = self.is_scheduled = True
            self._log.warning("fsync() of the AOF file failed: all data are written anew")

    def _give_increment_up(self, call: Call) -> None:
        """What an fsync has failed to save goes to a new increment."""
        try:
            self._begin_increment(call, self.manifest.last_number + 1, repeats=True)
        except OSError as problem:
            self._retry_at_ms = call.now_ms + _RETRY_MS
            self._log.warning(f"Can't begin a new AOF file after a failed fsync(): {problem}")
            return
        self._measure()
        name = self.manifest.increments[-1][0]
        self._log.notice(f"What a failed fsync() may have lost is written to {name}")

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

    def before_end(self, call: Call, _save: bool | None, force: bool) -> bool:
        """Forces all to disk before the server ends. False: it must not end."""
        if self.is_rewriting and self.is_on and not self._is_complete:
            # No files hold the data yet.
            if not force:
                self._log.warning("Writing initial AOF, can't exit.")
                return False
            self._log.warning("Writing initial AOF. Exit anyway.")
        if self.is_rewriting:
            self._log.warning("The append-only file is being rewritten. Giving it up.")
        self._give_up(call)
        if not self.is_on:
            return True
        self._log.notice("Calling fsync() on the AOF file.")
        return self._try(call.stop_appending)

    def end(self, engine: Engine) -> None:
        """Ends, inside a process: what durability promised is on disk afterwards.

        Nothing is written in the background any more.
        """
        if self.is_on and not self._is_complete:
            # Switched on a moment ago: the first rewrite is done here instead.
            number = self.manifest.last_number + 1
            base = self._files.name(number, "base.rdb")
            engine.save(self._files.path(base), self._snapshots.how(is_aof_base=True))
            manifests.write(self._files.manifest_path, Manifest((base, number), []))
            for name, _ in (*self.manifest.increments, *self.manifest.history):
                self._files.remove(name)
        engine.stop_appending()

    # INFO

    def forget_counts(self) -> None:
        """CONFIG RESETSTAT."""
        self._rewrites = 0

    def info(self, call: Call) -> dict[str, Any]:
        """Fields of INFO persistence."""
        facts = call.appending()
        running = call.snapshot()
        seconds = (call.now_ms - running["started_ms"]) // 1000 if self.is_rewriting else -1
        is_well = facts is None or (facts["failure"] is None and not facts["has_lost"])
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
            "aof_last_cow_size": self._extra_bytes_peak,
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
