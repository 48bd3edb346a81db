"""`check-rdb`, `inspect`, `convert`: what is in a snapshot's file, without a server."""

from __future__ import annotations

import base64
import heapq
import json
import sys
from collections import Counter
from collections.abc import Iterator
from typing import Any, TextIO

from rubellite._core import RdbReader
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


def _items(reader: RdbReader, *, has_values: bool = False) -> Iterator[Item]:
    while True:
        item = reader.next_item(has_values)
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


def inspect(path: str, count: int = SHOWN) -> int:
    """Tells what a file holds: keys and memory by type and prefix, the biggest keys."""
    try:
        reader = _open(path)
        types: dict[str, _Tally] = {}
        prefixes: dict[bytes, _Tally] = {}
        databases: Counter[int] = Counter()
        biggest: list[tuple[int, int, bytes, str, int]] = []
        database = order = expires = 0
        for item in _items(reader):
            if item[0] == "select":
                database = item[1]
            if item[0] != "key":
                continue
            name, kind = item[1], item[2]
            databases[database] += 1
            expires += item[5] is not None
            types.setdefault(kind, _Tally()).add(item)
            prefix = _prefix(name)
            if prefix in prefixes or len(prefixes) < PREFIXES_MAX:
                prefixes.setdefault(prefix, _Tally()).add(item)
            order += 1
            entry = (item[4], -order, name, kind, item[3])
            if len(biggest) < count:
                heapq.heappush(biggest, entry)
            elif count:
                heapq.heappushpop(biggest, entry)
    except (OSError, ValueError) as problem:
        sys.stderr.write(f"rubellite inspect: {path}: {problem}\n")
        return 1
    family, version = reader.signature
    memory = sum(tally.memory for tally in types.values())
    print(f"{path}: {family} RDB version {version}, {_bytes(reader.size)}")
    spread = ", ".join(f"db{number} {keys}" for number, keys in sorted(databases.items()))
    print(
        f"{order} keys ({spread or 'none'}), {expires} with a deadline, {_bytes(memory)} in memory"
    )
    _table("By type", "type", list(types.items()), count)
    rows = [(_text(name) or "(no prefix)", tally) for name, tally in prefixes.items()]
    _table("By prefix", "prefix", rows, count)
    if biggest:
        print("\nBiggest keys")
        for memory, _, name, kind, elements in sorted(biggest, reverse=True):
            unit = "bytes" if kind == "string" else "elements"
            print(f"  {_bytes(memory):>9}  {kind:<7} {elements} {unit}  {_text(name)}")
    return 0


def _prefix(name: bytes) -> bytes:
    head, separator, _ = name.partition(SEPARATORS)
    return head + separator if separator else b""


def _table(title: str, column: str, rows: list[tuple[str, _Tally]], count: int) -> None:
    if not rows:
        return
    rows.sort(key=lambda row: (-row[1].memory, row[0]))
    print(f"\n{title}\n  {'memory':>9} {'keys':>10} {'elements':>10}  {column}")
    for name, tally in rows[:count]:
        print(f"  {_bytes(tally.memory):>9} {tally.keys:>10} {tally.elements:>10}  {name}")
    if len(rows) > count:
        print(f"  … and {len(rows) - count} more")


def _bytes(count: int) -> str:
    size, units = float(count), "BKMGT"
    power = 0
    while size >= 1024 and power < len(units) - 1:
        size /= 1024
        power += 1
    return f"{count} B" if power == 0 else f"{size:.1f} {units[power]}B"


def convert(path: str, target: str | None) -> int:
    """Writes a file's keys as JSON, one a line, to `target` or standard output."""
    try:
        reader = _open(path)
        if target is None:
            _write_lines(reader, sys.stdout)
        else:
            with open(target, "w", encoding="utf-8") as file:
                _write_lines(reader, file)
    except (OSError, ValueError) as problem:
        sys.stderr.write(f"rubellite convert: {path}: {problem}\n")
        return 1
    return 0


def _write_lines(reader: RdbReader, file: TextIO) -> None:
    database = 0
    line: dict[str, Any]
    for item in _items(reader, has_values=True):
        if item[0] == "select":
            database = item[1]
        elif item[0] == "library":
            line = {"library": _json(item[1])}
            file.write(json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n")
        elif item[0] == "skipped":
            sys.stderr.write(f"left out: {item[1]}\n")
        elif item[0] == "key" and item[2] != "expired":
            line = {"db": database, "key": _json(item[1]), "type": item[2]}
            if item[5] is not None:
                line["expires_at"] = item[5]
            line["value"] = _value(item[2], item[6])
            file.write(json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n")


def _value(kind: str, value: Any) -> Any:
    if kind == "string":
        return _json(value)
    if kind == "hash":
        # A pair each, and what has a deadline of its own a third part.
        return [
            [_json(field), _json(text)] + ([deadline] if deadline is not None else [])
            for field, text, deadline in value
        ]
    if kind == "zset":
        return [[_json(member), _score(score)] for member, score in value]
    return [_json(element) for element in value]


def _score(score: float) -> float | int | str:
    # JSON knows no infinity.
    if score in (float("inf"), float("-inf")):
        return str(score)
    return int(score) if score.is_integer() else score


def _json(raw: bytes) -> Any:
    """A string where the bytes are text, else an object that says it is not."""
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(raw).decode("ascii")}
