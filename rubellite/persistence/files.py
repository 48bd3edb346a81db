"""The append-only files in their folder: their names, which there are, and loading them."""

from __future__ import annotations

import contextlib
import os
from typing import Any

from rubellite._core import Call, Engine
from rubellite.clock import monotonic_seconds
from rubellite.config import Config
from rubellite.persistence import manifest as manifests
from rubellite.persistence.directory import InUseError
from rubellite.persistence.manifest import Manifest, ManifestError
from rubellite.persistence.snapshots import LoadError, Log, Snapshots


class Within:
    """Loads while a command runs."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self.replay = call.replay

    def load(self, path: str, checks_checksum: bool, keeps_expired: bool) -> dict[str, Any]:
        return self._call.load(path, checks_checksum, "replaced", keeps_expired)


class Files:
    """The append-only files of one server."""

    def __init__(self, config: Config, log: Log, snapshots: Snapshots) -> None:
        self._config = config
        self._log = log
        self._snapshots = snapshots

    @property
    def folder(self) -> str:
        """The folder of all append-only files."""
        return os.path.join(self._snapshots.directory, self._config.text("appenddirname"))

    def path(self, name: str) -> str:
        """The path of one of them."""
        return os.path.join(self.folder, name)

    @property
    def manifest_path(self) -> str:
        """The path of the file that names them."""
        return self.path(self._config.text("appendfilename") + ".manifest")

    def name(self, number: int, kind: str) -> str:
        """The name of a new one."""
        return f"{self._config.text('appendfilename')}.{number}.{kind}"

    def size(self, name: str) -> int:
        """Its bytes; 0 if it is not there."""
        try:
            return os.path.getsize(self.path(name))
        except OSError:
            return 0

    def remove(self, name: str) -> None:
        """Removes one that no manifest names, if it is there."""
        # It costs nothing but its place on the disk.
        with contextlib.suppress(OSError):
            os.unlink(self.path(name))

    # Which there are

    def find(self) -> Manifest | None:
        """What there is at a start, an old server's single file included."""
        try:
            self._snapshots.lock.take(self._snapshots.directory)
            manifests.make_directory(self.folder)
            found = manifests.read(self.manifest_path)
        except (InUseError, OSError, ManifestError) as problem:
            raise LoadError(str(problem)) from None
        if found is None or self._is_adoption_unfinished(found):
            found = self._adopt_single_file()
        return found

    def find_again(self) -> Manifest:
        """What the manifest on disk names; fails with `LoadError` if there is none."""
        try:
            found = manifests.read(self.manifest_path)
            if found is None:
                raise LoadError("The append only file doesn't exist")
            self._snapshots.lock.take(self._snapshots.directory)
        except (InUseError, OSError, ManifestError) as problem:
            raise LoadError(str(problem)) from None
        return found

    def _is_adoption_unfinished(self, found: Manifest) -> bool:
        """The manifest names a file of Redis before 7.0 that is still to be moved."""
        name = self._config.text("appendfilename")
        is_only_file = found.base is not None and found.base[0] == name and not found.increments
        single = os.path.join(self._snapshots.directory, name)
        return is_only_file and not os.path.exists(self.path(name)) and os.path.exists(single)

    def _adopt_single_file(self) -> Manifest | None:
        """A file of Redis before 7.0 becomes the base."""
        name = self._config.text("appendfilename")
        single = os.path.join(self._snapshots.directory, name)
        if not os.path.exists(single):
            return None
        adopted = Manifest(base=(name, 1))
        try:
            manifests.write(self.manifest_path, adopted)
            os.replace(single, self.path(name))
            manifests.sync_directory(self.folder)
            manifests.sync_directory(self._snapshots.directory)
        except OSError as problem:
            raise LoadError(f"{name}: {problem}") from None
        self._log.notice(
            f"Successfully migrated an old-style AOF configuration ({name}) to the one with a "
            "manifest."
        )
        return adopted

    # Loading

    def load(self, engine: Engine | Within, found: Manifest, now_ms: int) -> None:
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
                # Behind it there may be increments that were never begun.
                later = [self.size(name) for _, name in files[at + 1 :]]
                self._cut(name, whole, is_last=not any(later))
            seconds = monotonic_seconds() - began
            self._log.notice(f"DB loaded from {kind} file {name}: {seconds:.3f} seconds")

    def _load_file(self, engine: Engine | Within, name: str, now_ms: int) -> int | None:
        path = self.path(name)
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
        lost = self.size(name) - whole
        self._log.warning(
            "AOF loaded anyway because aof-load-truncated is enabled: truncating it at offset "
            f"{whole}, {lost} bytes of a command that was not written whole are gone"
        )
        os.truncate(self.path(name), whole)
