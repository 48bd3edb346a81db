"""What a path names, a snapshot, append-only files or JSON lines, as a snapshot's file.

    dump.rdb                a snapshot
    appendonlydir/          append-only files, by their manifest or folder
    data/                   a data directory: its append-only files, else its snapshot
    appendonly.aof          a single append-only file, of Redis before 7.0
    keys.jsonl, -           JSON lines; `-` is standard input

A snapshot is read as a stream, and so are append-only files that are a base alone. Where
commands follow the base, they must be executed: then all data are in memory for a while.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from rubellite._core import RdbReader
from rubellite.cli.new_files import RefusedError
from rubellite.cli.progress import Progress
from rubellite.cli.scratch import Scratch
from rubellite.persistence import manifest as manifests

_RDB_HEADS = (b"REDIS", b"VALKEY")


@dataclass(frozen=True, slots=True)
class Found:
    """What a path names; `files` in the order in which they are loaded."""

    #: "rdb", "aof" or "json".
    kind: str
    path: str
    files: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(os.path.getsize(file) for file in self.files)


def find(path: str) -> Found:
    """What `path` names. Fails with `RefusedError` or `OSError`."""
    if path == "-":
        return Found("json", path)
    if os.path.isdir(path):
        return _in_folder(path)
    head = _head(path)
    if head.startswith(_RDB_HEADS):
        return Found("rdb", path, (path,))
    if head.startswith(b"file "):
        return _of_manifest(path, path)
    if head.startswith((b"*", b"#")):
        return Found("aof", path, (path,))
    if head.lstrip()[:1] in (b"{", b""):
        return Found("json", path, (path,))
    raise RefusedError(f"{path}: neither a snapshot, nor append-only files, nor JSON lines")


def _head(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read(64)


def _in_folder(path: str) -> Found:
    folders = [
        path,
        *(entry.path for entry in sorted(os.scandir(path), key=lambda e: e.name) if entry.is_dir()),
    ]
    for folder in folders:
        names = [name for name in sorted(os.listdir(folder)) if name.endswith(".manifest")]
        whole = [name for name in names if not name.startswith("temp-")]
        if len(whole) > 1:
            raise RefusedError(f"{folder}: there are several manifests in it; name one of them")
        if whole:
            return _of_manifest(path, os.path.join(folder, whole[0]))
    for name, kind in (("dump.rdb", "rdb"), ("appendonly.aof", "aof")):
        file = os.path.join(path, name)
        if os.path.isfile(file):
            return Found(kind, path, (file,))
    raise RefusedError(f"{path}: neither append-only files nor dump.rdb are in it")


def _of_manifest(path: str, manifest: str) -> Found:
    try:
        found = manifests.read(manifest)
    except manifests.ManifestError as problem:
        raise RefusedError(f"{manifest}: {problem}") from None
    if found is None or not (found.base or found.increments):
        raise RefusedError(f"{manifest}: names no files")
    folder = os.path.dirname(manifest)
    names = [found.base[0]] if found.base else []
    names += [name for name, _ in found.increments]
    return Found("aof", path, tuple(os.path.join(folder, name) for name in names))


@dataclass(slots=True)
class Opened:
    """A snapshot's file that holds what was found."""

    path: str
    #: Where its end is; what is behind it belongs to nobody.
    size: int
    #: What could not be read into it.
    left_out: list[str] = field(default_factory=list)


@contextmanager
def as_snapshot(
    found: Found,
    *,
    load: Iterable[str] = (),
    rdb_format: str | None = None,
    is_lenient: bool = False,
) -> Iterator[Opened]:
    """A snapshot's file with what was found; a temporary one, if there is none.

    With `rdb_format` always one of that format. `is_lenient`: there may be anything behind
    its end. Fails with `RefusedError` where a file is damaged, or `OSError`.
    """
    if found.kind == "json":
        raise RefusedError(f"{found.path}: JSON lines, not a snapshot or append-only files")
    base, *rest = found.files
    is_snapshot = _head(base).startswith(_RDB_HEADS)
    is_alone = is_snapshot and not any(os.path.getsize(file) for file in rest)
    if is_alone and rdb_format is None:
        size = verify(base)
        behind = os.path.getsize(base) - size
        is_damaged = behind > 0 and found.kind == "rdb" and not _is_command(base, size)
        if is_damaged and not is_lenient:
            raise RefusedError(f"{base}: at offset {size}: {behind} bytes behind the end")
        if behind == 0 or is_damaged:
            yield Opened(base, size)
            return
    with tempfile.TemporaryDirectory(prefix="rubellite-") as folder:
        scratch = Scratch(load=load, rdb_format=rdb_format)
        with Progress("loading", found.size) as progress:
            done = 0
            for at, file in enumerate(found.files):
                progress.update(done)
                scratch.load(file, is_last=at == len(found.files) - 1)
                done += os.path.getsize(file)
        path = os.path.join(folder, "data.rdb")
        scratch.save(path)
        yield Opened(path, os.path.getsize(path), left_out=scratch.left_out)


def _is_command(path: str, offset: int) -> bool:
    with open(path, "rb") as file:
        file.seek(offset)
        return file.read(1) in (b"*", b"#")


def verify(path: str) -> int:
    """Reads a snapshot to its end and returns where that is. Fails with `RefusedError`."""
    try:
        reader = RdbReader(path, 0)
        with Progress("checking", reader.size) as progress:
            while reader.next_item()[0] != "end":
                progress.update(reader.offset)
    except ValueError as problem:
        raise RefusedError(f"{path}: {problem}") from None
    return reader.offset
