"""`check-rdb`, `inspect`: what is in a snapshot's file, without a server."""

from __future__ import annotations

import heapq
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from rubellite._core import RdbReader
from rubellite.cli import sources
from rubellite.cli.new_files import RefusedError
from rubellite.cli.progress import Progress, amount
from rubellite.clock import wall_seconds

#: How many of the biggest keys and prefixes `inspect` shows.
SHOWN = 10
#: What parts a name: the first part is its prefix.
SEPARATORS = b":"
#: A file whose keys have more prefixes than this is not grouped any further.
PREFIXES_MAX = 100_000

Item = tuple[Any, ...]


def _open(path: str) -> RdbReader:
    return RdbReader(path, int(wall_seconds() * 1000))


def _items(reader: RdbReader) -> Iterator[Item]:
    while True:
        item = reader.next_item()
        if item[0] == "end":
            return
        yield item


def _text(raw: bytes) -> str:
    """Bytes for people, whatever they are."""
    return raw.decode("utf-8", "backslashreplace")


def check(path: str) -> int:
    """Says whether a file can be loaded, and if not, where and why; 0 if it can."""
    end = check_part(path, is_all=True)
    return 1 if end is None else 0


def check_part(path: str, *, is_all: bool = False) -> int | None:
    """As `check`, of a snapshot that something may follow (unless it `is_all`).

    Returns where it ends; None: it is damaged.
    """
    print(f"[offset 0] Checking RDB file {path}")
    keys = expires = expired = 0
    try:
        reader = _open(path)
    except (OSError, ValueError) as problem:
        _damaged(0, str(problem))
        return None
    try:
        for item in _items(reader):
            offset = reader.offset
            if item[0] == "aux":
                print(f"[offset {offset}] AUX FIELD {_text(item[1])} = '{_text(item[2])}'")
            elif item[0] == "select":
                print(f"[offset {offset}] Selecting DB ID {item[1]}")
            elif item[0] == "library":
                head = _text(item[1].partition(b"\n")[0])
                print(f"[offset {offset}] Library of functions '{head}'")
            elif item[0] == "skipped":
                print(f"[offset {offset}] Would not be loaded: {item[1]}")
            else:
                keys += 1
                expires += item[5] is not None
                expired += item[5] is not None and item[5] < wall_seconds() * 1000
    except (OSError, ValueError) as problem:
        _damaged(reader.offset, str(problem))
        return None
    if is_all and reader.size > reader.offset:
        _damaged(reader.offset, f"{reader.size - reader.offset} bytes behind the end")
        return None
    print(f"[offset {reader.offset}] Checksum OK")
    print(f"[offset {reader.offset}] \\o/ RDB looks OK! \\o/")
    print(f"[info] {keys} keys read\n[info] {expires} expires\n[info] {expired} already expired")
    return reader.offset


def _damaged(offset: int, problem: str) -> None:
    print(f"--- RDB ERROR DETECTED ---\n[offset {offset}] {problem}")


class _Tally:
    """Keys, elements and memory of one group of keys."""

    __slots__ = ("elements", "keys", "memory")

    def __init__(self) -> None:
        self.keys = self.elements = self.memory = 0

    def add(self, item: Item) -> None:
        self.keys += 1
        self.elements += item[3]
        self.memory += item[4]


def inspect(path: str, count: int = SHOWN, load: Iterable[str] = ()) -> int:
    """Tells what a snapshot, append-only files or a data directory hold; 0 if it can.

    Keys and memory by type and prefix, the biggest keys.
    """
    try:
        found = sources.find(path)
        with sources.as_snapshot(found, load=load, is_lenient=True) as opened:
            summary = _summary(opened.path, count)
    except (OSError, ValueError, RefusedError) as problem:
        text = problem.strerror if isinstance(problem, OSError) else str(problem)
        shown = text if text and text.startswith(path) else f"{path}: {text}"
        sys.stderr.write(f"rubellite inspect: {shown}\n")
        return 1
    family, version = summary.signature
    what = f"{family} RDB version {version}, {amount(found.size, 'bytes')}"
    if found.kind == "aof":
        files = f"{len(found.files)} append-only file{'s' if len(found.files) > 1 else ''}"
        what = f"{files}, {amount(found.size, 'bytes')}"
    elif found.files != (path,):
        what = f"{found.files[0]}, {what}"
    print(f"{path}: {what}")
    summary.show(count)
    for left_out in opened.left_out:
        print(f"left out: {left_out}")
    return 0


class _Summary:
    """What is told of a snapshot."""

    def __init__(self, signature: tuple[str, int]) -> None:
        self.signature = signature
        self.types: dict[str, _Tally] = {}
        self.prefixes: dict[bytes, _Tally] = {}
        self.databases: Counter[int] = Counter()
        self.biggest: list[tuple[int, int, bytes, str, int]] = []
        self.keys = self.expires = 0

    def add(self, database: int, item: Item, count: int) -> None:
        name, kind = item[1], item[2]
        self.databases[database] += 1
        self.expires += item[5] is not None
        self.types.setdefault(kind, _Tally()).add(item)
        prefix = _prefix(name)
        if prefix in self.prefixes or len(self.prefixes) < PREFIXES_MAX:
            self.prefixes.setdefault(prefix, _Tally()).add(item)
        self.keys += 1
        entry = (item[4], -self.keys, name, kind, item[3])
        if len(self.biggest) < count:
            heapq.heappush(self.biggest, entry)
        elif count:
            heapq.heappushpop(self.biggest, entry)

    def show(self, count: int) -> None:
        memory = amount(sum(tally.memory for tally in self.types.values()), "bytes")
        spread = ", ".join(f"db{number} {keys}" for number, keys in sorted(self.databases.items()))
        print(
            f"{self.keys} keys ({spread or 'none'}), {self.expires} with a deadline, "
            f"{memory} in memory"
        )
        _table("By type", "type", list(self.types.items()), count)
        rows = [(_text(name) or "(no prefix)", tally) for name, tally in self.prefixes.items()]
        _table("By prefix", "prefix", rows, count)
        if self.biggest:
            print("\nBiggest keys")
        for bytes_, _, name, kind, elements in sorted(self.biggest, reverse=True):
            unit = {"string": "bytes", "stream": "entries"}.get(kind, "elements")
            print(f"  {amount(bytes_, 'bytes'):>9}  {kind:<7} {elements} {unit}  {_text(name)}")


def _summary(path: str, count: int) -> _Summary:
    reader = _open(path)
    summary, database = _Summary(reader.signature), 0
    with Progress("reading", reader.size) as progress:
        for item in _items(reader):
            progress.update(reader.offset)
            if item[0] == "select":
                database = item[1]
            elif item[0] == "key":
                summary.add(database, item, count)
    return summary


def _prefix(name: bytes) -> bytes:
    head, separator, _ = name.partition(SEPARATORS)
    return head + separator if separator else b""


def _table(title: str, column: str, rows: list[tuple[str, _Tally]], count: int) -> None:
    if not rows:
        return
    rows.sort(key=lambda row: (-row[1].memory, row[0]))
    print(f"\n{title}\n  {'memory':>9} {'keys':>10} {'elements':>10}  {column}")
    for name, tally in rows[:count]:
        print(f"  {amount(tally.memory, 'bytes'):>9} {tally.keys:>10} {tally.elements:>10}  {name}")
    if len(rows) > count:
        print(f"  … and {len(rows) - count} more")
