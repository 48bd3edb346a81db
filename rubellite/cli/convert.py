"""`convert`: snapshots, append-only files and JSON lines into one another.

Everything goes by a snapshot's file. Of a snapshot, or of append-only files that are a
base alone, it is the file itself; its records are copied, not made anew, so nothing is
lost, and memory does not depend on how much there is. JSON lines become snapshots of a
bounded size, one after the other, whose records are put into one file.
"""

from __future__ import annotations

import os
import struct
import sys
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO, TextIO

from rubellite._core import RdbReader, crc64
from rubellite.cli import json_lines, sources, values
from rubellite.cli.new_files import RefusedError, check_target, new_file, new_folder
from rubellite.cli.progress import Progress
from rubellite.cli.scratch import DATABASES, Scratch
from rubellite.errors import ReplyError
from rubellite.persistence import manifest as manifests
from rubellite.persistence.manifest import Manifest

KINDS = ("rdb", "aof", "json")
_ENDINGS = {".rdb": "rdb", ".json": "json", ".jsonl": "json", ".ndjson": "json"}
#: Bytes of JSON lines that become one snapshot.
_PART_BYTES = 32 << 20
_COPY_BYTES = 1 << 20
#: The last byte before a snapshot's checksum.
_END = b"\xff"
#: What a snapshot begins with.
_SELECT = "select"


def convert(
    path: str,
    target: str | None,
    *,
    kind: str | None = None,
    force: bool = False,
    rdb_format: str | None = None,
    load: Iterable[str] = (),
) -> int:
    """Writes what `path` names as `kind` to `target`; returns the exit status."""
    try:
        kind = kind or _kind_of(target)
        found = sources.find(path)
        if target in (None, "-"):
            if kind != "json":
                raise RefusedError("only JSON lines go to standard output; name a target")
        else:
            assert target is not None
            check_target(target, is_folder=kind == "aof", force=force)
            _refuse_itself(found, target)
        return _convert(found, target, kind, force, rdb_format, load)
    except BrokenPipeError:
        # Whoever read our output has enough of it. Python must not try to write the rest.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (OSError, RefusedError) as problem:
        text = str(problem)
        if isinstance(problem, OSError) and problem.strerror:
            text = f"{problem.filename or path}: {problem.strerror}"
        sys.stderr.write(f"rubellite convert: {text}\n")
        return 1


def _kind_of(target: str | None) -> str:
    if target in (None, "-"):
        return "json"
    assert target is not None
    ending = os.path.splitext(target.rstrip(os.sep))[1].lower()
    if target.endswith(os.sep) or os.path.isdir(target) or not ending:
        return "aof"
    if ending not in _ENDINGS:
        raise RefusedError(f"{target}: say what it is to be: --to rdb, aof or json")
    return _ENDINGS[ending]


def _refuse_itself(found: sources.Found, target: str) -> None:
    real = os.path.realpath(target)
    for file in found.files:
        if real in (os.path.realpath(file), os.path.dirname(os.path.realpath(file))):
            raise RefusedError(f"{target}: is what is read")


def _convert(
    found: sources.Found,
    target: str | None,
    kind: str,
    force: bool,
    rdb_format: str | None,
    load: Iterable[str],
) -> int:
    if kind == "json":
        if found.kind == "json":
            raise RefusedError(f"{found.path}: JSON lines already")
        with sources.as_snapshot(found, load=load) as opened:
            _note(opened.left_out)
            if target in (None, "-"):
                _write_lines(opened.path, sys.stdout)
                sys.stdout.flush()
            else:
                assert target is not None
                with new_file(target, force=force) as name:
                    with open(name, "w", encoding="utf-8") as lines:
                        _write_lines(opened.path, lines)
        return 0
    assert target is not None
    if kind == "rdb":
        with new_file(target, force=force) as name:
            _write_snapshot(found, name, rdb_format, load, is_aof_base=False)
        return 0
    with new_folder(target, force=force) as folder:
        base, increment = "appendonly.aof.1.base.rdb", "appendonly.aof.1.incr.aof"
        _write_snapshot(found, os.path.join(folder, base), rdb_format, load, is_aof_base=True)
        with open(os.path.join(folder, increment), "xb"):
            pass
        manifest = Manifest((base, 1), [(increment, 1)])
        manifests.write(os.path.join(folder, "appendonly.aof.manifest"), manifest)
    return 0


def _note(left_out: Iterable[str]) -> None:
    for what in left_out:
        sys.stderr.write(f"left out: {what}\n")


def _write_lines(path: str, file: TextIO) -> None:
    database = 0
    try:
        # Nothing is due in 1970: deadlines are carried over, whether they have passed or not.
        reader = RdbReader(path, 0)
        with Progress("writing", reader.size) as progress:
            while (item := reader.next_item(True))[0] != "end":
                progress.update(reader.offset)
                if item[0] == _SELECT:
                    database = item[1]
                elif item[0] == "library":
                    file.write(json_lines.line_of_library(item[1]))
                elif item[0] == "skipped":
                    progress.clear()
                    _note([item[1]])
                elif item[0] == "key" and item[2] != "expired":
                    name, kind, deadline, value = item[1], item[2], item[5], item[6]
                    file.write(json_lines.line_of(database, name, kind, deadline, value))
    except ValueError as problem:
        raise RefusedError(f"{path}: {problem}") from None


def _write_snapshot(
    found: sources.Found,
    target: str,
    rdb_format: str | None,
    load: Iterable[str],
    *,
    is_aof_base: bool,
) -> None:
    if found.kind == "json":
        _of_lines(found, target, rdb_format, is_aof_base=is_aof_base)
        return
    with sources.as_snapshot(found, load=load, rdb_format=rdb_format) as opened:
        _note(opened.left_out)
        with open(opened.path, "rb") as source, open(target, "xb") as copy:
            with Progress("writing", opened.size) as progress:
                left = opened.size
                while left:
                    piece = source.read(min(left, _COPY_BYTES))
                    if not piece:
                        raise RefusedError(f"{opened.path}: became shorter meanwhile")
                    copy.write(piece)
                    left -= len(piece)
                    progress.update(opened.size - left)


# JSON lines


def _of_lines(
    found: sources.Found, target: str, rdb_format: str | None, *, is_aof_base: bool
) -> None:
    """Makes a snapshot of JSON lines, in parts of bounded size."""
    scratch, names = Scratch(rdb_format=rdb_format), Scratch()
    part = f"{target}-part"
    total = 0 if found.path == "-" else found.size
    with open(target, "xb") as file, Progress("reading", total) as progress:
        joined = _Joined(file)
        read = gathered = 0
        try:
            for number, line in enumerate(_lines(found), 1):
                read += len(line)
                gathered += len(line)
                progress.update(read)
                if line.strip():
                    try:
                        _add(scratch, names, line)
                    except (json_lines.LineError, ReplyError) as problem:
                        raise RefusedError(f"{found.path}: line {number}: {problem}") from None
                if gathered >= _PART_BYTES:
                    scratch.save(part, is_aof_base=is_aof_base)
                    joined.add(part)
                    scratch.call("FLUSHALL")
                    scratch.call("FUNCTION", "FLUSH")
                    gathered = 0
            scratch.save(part, is_aof_base=is_aof_base)
            joined.add(part)
            joined.finish()
        finally:
            if os.path.exists(part):
                os.unlink(part)


def _lines(found: sources.Found) -> Iterator[bytes]:
    if found.path == "-":
        yield from sys.stdin.buffer
        return
    with open(found.files[0], "rb") as file:
        yield from file


def _add(scratch: Scratch, names: Scratch, line: bytes) -> None:
    """Makes the key of a line, or loads its library of functions.

    Fails with `LineError`, or with what a command replied.
    """
    library = json_lines.library_of(line)
    if library is not None:
        scratch.call("FUNCTION", "LOAD", library)
        return
    database, key, kind, deadline, value = json_lines.parse(line)
    if not 0 <= database < DATABASES:
        raise json_lines.LineError(f'"db" is not from 0 to {DATABASES - 1}')
    # The key may be in a part that was written already.
    if not names.call("SADD", b"%d" % database, key):
        raise json_lines.LineError("this key was there already")
    call = scratch.session(database).call
    if kind == "stream":
        for words in values.bare_stream(key, value):
            call(*words)
        if value["groups"]:
            payload = _with_groups(call("DUMP", key), value["groups"])
            call("RESTORE", key, 0, payload, "REPLACE")
    else:
        for words in values.commands(key, kind, value):
            call(*words)
        _check_count(call, key, kind, value)
    if deadline is not None:
        call("PEXPIREAT", key, deadline)


_COUNTS = {"set": "SCARD", "hash": "HLEN", "zset": "ZCARD"}


def _check_count(call: Any, key: bytes, kind: str, value: Any) -> None:
    if kind in _COUNTS and call(_COUNTS[kind], key) != len(value):
        raise json_lines.LineError(f"an element of the {kind} stands twice")


def _length(number: int) -> bytes:
    return b"\x81" + struct.pack(">Q", number & (1 << 64) - 1)


def _text(raw: bytes) -> bytes:
    return _length(len(raw)) + raw


def _id(text: str) -> tuple[int, int]:
    return values.number_of(text)


def _with_groups(dump: bytes, groups: list[dict[str, Any]]) -> bytes:
    """A dump of a stream without groups, with these.

    Commands could make groups, too, but not say when a consumer was seen last.
    """
    kind, body = dump[0], dump[1:-11]
    has_active = kind == 21
    parts = [bytes([kind]), body, _length(len(groups))]
    for group in groups:
        last = _id(group["last_id"])
        parts += [_text(group["name"]), _length(last[0]), _length(last[1])]
        parts += [_length(group["entries_read"]), _length(len(group["pending"]))]
        owned: dict[bytes, list[bytes]] = {name: [] for name, *_ in group["consumers"]}
        pending = sorted(group["pending"], key=lambda item: _id(item[0]))
        for id, delivered_ms, deliveries, consumer in pending:
            raw = struct.pack(">QQ", *_id(id))
            if consumer not in owned:
                raise json_lines.LineError("a pending entry's consumer is not in its group")
            owned[consumer].append(raw)
            parts += [raw, struct.pack("<q", delivered_ms), _length(deliveries)]
        parts.append(_length(len(group["consumers"])))
        for name, seen_ms, active_ms in group["consumers"]:
            parts += [_text(name), struct.pack("<q", seen_ms)]
            if has_active:
                parts.append(struct.pack("<q", active_ms))
            parts += [_length(len(owned[name])), *owned[name]]
    whole = b"".join(parts) + dump[-10:-8]
    return whole + struct.pack("<Q", crc64(whole))


class _Joined:
    """A snapshot of several: the first one's head, the records of all, one end."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._checksum = 0
        self._is_begun = False

    def add(self, path: str) -> None:
        """Appends the records of a whole snapshot."""
        start = 0
        if self._is_begun:
            reader = RdbReader(path, 0)
            while True:
                start = reader.offset
                if reader.next_item()[0] != "aux":
                    break
        self._is_begun = True
        left = os.path.getsize(path) - start - len(_END) - 8
        with open(path, "rb") as source:
            source.seek(start)
            while left:
                piece = source.read(min(left, _COPY_BYTES))
                self._write(piece)
                left -= len(piece)

    def _write(self, piece: bytes) -> None:
        self._checksum = crc64(piece, self._checksum)
        self._file.write(piece)

    def finish(self) -> None:
        """Writes the end."""
        self._write(_END)
        self._file.write(struct.pack("<Q", self._checksum))
