"""A disk that fails when it is told to, and forgets what was not forced to it.

    layer = Layer(folder, keeps_log=True)
    server = …(env=layer.environment)        files below `folder` go through the layer
    layer.arm("write", skip=2, error=errno.ENOSPC)
    layer.disarm()

    after = Disk(folder)
    after.replay(layer.new_records())        up to any moment
    after.lose_power(into)                   the files that would be left

`disk_layer.c` does the work in the other process. Who loses power loses, without mercy:
bytes written after a file's last fsync, bytes whose fsync failed (another one does not
bring them back), names made, changed or removed after their folder's last fsync.
"""

from __future__ import annotations

import functools
import mmap
import os
import shutil
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

SOURCE = Path(__file__).with_name("disk_layer.c")
KINDS = ("open", "write", "sync", "rename", "truncate", "unlink", "mkdir", "failed sync")
ACTIONS = ("fail", "short", "torn")

_CONTROL = struct.Struct("<QQ8QIIIIqq")
_RECORD = struct.Struct("<IIQQII")
_CREATED, _TRUNCATED, _OF_FOLDER = 1, 2, 4


@functools.cache
def library() -> Path:
    """The layer, compiled."""
    folder = Path(tempfile.mkdtemp(prefix="rubellite-disk-"))
    target = folder / "disk_layer.so"
    subprocess.run(
        ["cc", "-O1", "-Wall", "-Werror", "-shared", "-fPIC", "-o", str(target), str(SOURCE)],
        check=True,
        timeout=60,
    )
    return target


class Layer:
    """The layer of one process, from outside or from within."""

    def __init__(self, folder: Path, *, keeps_log: bool = False) -> None:
        self.folder = folder
        own = Path(tempfile.mkdtemp(prefix="rubellite-disk-"))
        path = own / "control"
        path.write_bytes(bytes(_CONTROL.size))
        self.environment = {
            "LD_PRELOAD": str(library()),
            "RUBELLITE_DISK_FOLDER": str(folder),
            "RUBELLITE_DISK_CONTROL": str(path),
        }
        self._log = own / "log"
        if keeps_log:
            self.environment["RUBELLITE_DISK_LOG"] = str(self._log)
        self._map = _mapped(path)
        self._read = 0

    @classmethod
    def of_this_process(cls) -> Layer:
        """The one that this process was started with."""
        self = cls.__new__(cls)
        self.environment = {}
        self.folder = Path(os.environ["RUBELLITE_DISK_FOLDER"])
        self._log = Path(os.environ["RUBELLITE_DISK_LOG"])
        self._map = _mapped(Path(os.environ["RUBELLITE_DISK_CONTROL"]))
        self._read = 0
        return self

    def close(self) -> None:
        self._map.close()
        shutil.rmtree(self._log.parent, ignore_errors=True)

    def arm(
        self, kind: str, *, error: int, skip: int = 0, times: int = -1, action: str = "fail"
    ) -> None:
        """After `skip` calls of a kind so many `times` fail (below 0: until `disarm`).

        A `short` write takes half of its bytes and says so; a `torn` one, too, and
        whatever is written then fails.
        """
        self.disarm()
        numbers = KINDS.index(kind), ACTIONS.index(action), error, skip, times
        struct.pack_into("<IIIqq", self._map, 84, *numbers)
        struct.pack_into("<Q", self._map, 8, 0)
        struct.pack_into("<I", self._map, 80, 1)

    def disarm(self) -> None:
        struct.pack_into("<I", self._map, 80, 0)

    @property
    def hits(self) -> int:
        """Calls that were made to fail since `arm`."""
        return self._fact(1)

    def calls(self, kind: str) -> int:
        """Calls of a kind so far."""
        return self._fact(2 + KINDS.index(kind))

    @property
    def position(self) -> int:
        """How long the log is: a moment in the life of the disk."""
        return self._fact(0)

    def _fact(self, at: int) -> int:
        found: int = struct.unpack_from("<Q", self._map, 8 * at)[0]
        return found

    def new_records(self) -> list[Record]:
        """What the process did to its files since this was last asked."""
        with self._log.open("rb") as file:
            file.seek(self._read)
            found = list(_read(file.read(), self._read))
        if found:
            self._read = found[-1].position
        return found


def _mapped(path: Path) -> mmap.mmap:
    with path.open("r+b") as file:
        return mmap.mmap(file.fileno(), 0)


@dataclass(slots=True, frozen=True)
class Record:
    """One call that changed something."""

    kind: str
    flags: int
    inode: int
    offset: int
    path: str
    data: bytes
    #: The log's length behind it.
    position: int


def run_within(module: str, arguments: list[str], timeout_seconds: float) -> str:
    """Runs a module of ours in a process with a layer; returns what it prints.

    Fails with `AssertionError` if it ends with an error.
    """
    with tempfile.TemporaryDirectory(prefix="rubellite-disk-") as name:
        folder = Path(name) / "data"
        folder.mkdir()
        layer = Layer(folder, keeps_log=True)
        try:
            done = subprocess.run(
                [sys.executable, "-m", module, *arguments],
                cwd=Path(__file__).parents[2],
                env={**os.environ, **layer.environment},
                stdout=subprocess.PIPE,
                text=True,
                timeout=timeout_seconds,
                check=False,
            )
        finally:
            layer.close()
    assert done.returncode == 0, done.stdout[-4000:]
    return done.stdout


def _read(log: bytes, start: int) -> Iterator[Record]:
    at = 0
    while at + _RECORD.size <= len(log):
        kind, flags, inode, offset, path_bytes, data_bytes = _RECORD.unpack_from(log, at)
        at += _RECORD.size
        path = log[at : at + path_bytes].decode()
        at += path_bytes
        data = log[at : at + data_bytes]
        at += data_bytes
        yield Record(KINDS[kind], flags, inode, offset, path, data, start + at)


@dataclass(slots=True, eq=False)
class _File:
    """What processes see of a file, and what is on the disk."""

    seen: bytearray = field(default_factory=bytearray)
    stable: bytearray = field(default_factory=bytearray)
    #: Where they differ: offset and length.
    unsynced: list[tuple[int, int]] = field(default_factory=list)

    def write(self, offset: int, data: bytes) -> None:
        if len(self.seen) < offset:
            self.seen.extend(bytes(offset - len(self.seen)))
        self.seen[offset : offset + len(data)] = data
        self.unsynced.append((offset, len(data)))

    def sync(self) -> None:
        del self.stable[len(self.seen) :]
        self.stable.extend(bytes(len(self.seen) - len(self.stable)))
        for offset, length in self.unsynced:
            end = min(offset + length, len(self.seen))
            self.stable[offset:end] = self.seen[offset:end]
        self.unsynced.clear()


@dataclass(slots=True, eq=False)
class _Folder:
    seen: dict[str, _File | _Folder] = field(default_factory=dict)
    stable: dict[str, _File | _Folder] = field(default_factory=dict)


class Disk:
    """A folder that was empty at first, and what its disk holds of it."""

    def __init__(self, folder: Path) -> None:
        self._root = os.path.realpath(folder)
        self._folders = {self._root: _Folder()}
        self._files: dict[int, _File] = {}

    def replay(self, records: Iterable[Record]) -> None:
        """Does again what a process did."""
        for record in records:
            self._do(record)

    def _place(self, path: str) -> tuple[_Folder, str]:
        return self._folders[os.path.dirname(path)], os.path.basename(path)

    def _do(self, record: Record) -> None:
        if record.kind == "open":
            if record.flags & _CREATED:
                folder, name = self._place(record.path)
                self._files[record.inode] = folder.seen[name] = _File()
            elif record.flags & _TRUNCATED:
                self._truncate(record, 0)
        elif record.kind == "write":
            self._file(record).write(record.offset, record.data)
        elif record.kind == "truncate":
            self._truncate(record, record.offset)
        elif record.kind == "sync" and record.flags & _OF_FOLDER:
            folder = self._folders[record.path]
            folder.stable = dict(folder.seen)
        elif record.kind == "sync":
            self._file(record).sync()
        elif record.kind == "failed sync" and not record.flags & _OF_FOLDER:
            # The system takes the bytes for written now: nobody writes them again.
            self._file(record).unsynced.clear()
        elif record.kind == "rename":
            old, name = self._place(record.path)
            new, target = self._place(record.data.decode())
            new.seen[target] = old.seen.pop(name)
        elif record.kind == "unlink":
            folder, name = self._place(record.path)
            del folder.seen[name]
        elif record.kind == "mkdir":
            folder, name = self._place(record.path)
            self._folders[record.path] = folder.seen[name] = _Folder()

    def _file(self, record: Record) -> _File:
        # One that was removed before this began, and is still open, is nobody's concern.
        return self._files.setdefault(record.inode, _File())

    def _truncate(self, record: Record, length: int) -> None:
        file = self._file(record)
        del file.seen[length:]
        file.write(len(file.seen), bytes(length - len(file.seen)))

    def lose_power(self, into: Path, rng: Random | None = None) -> None:
        """Writes what is left to a folder, in the place of what it has.

        With `rng` each file keeps some of the bytes that nobody forced to disk: a disk
        may have written them, and in part.
        """
        shutil.rmtree(into, ignore_errors=True)
        _leave(self._folders[self._root], into, rng)


def _leave(folder: _Folder, into: Path, rng: Random | None) -> None:
    into.mkdir(parents=True, exist_ok=True)
    for name, item in folder.stable.items():
        if isinstance(item, _Folder):
            _leave(item, into / name, rng)
            continue
        kept = bytearray(item.stable)
        if rng is not None and item.seen.startswith(item.stable):
            kept = item.seen[: rng.randint(len(item.stable), len(item.seen))]
        (into / name).write_bytes(kept)


def sync_folder(path: Path) -> None:
    """Forces the names in a folder to disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
