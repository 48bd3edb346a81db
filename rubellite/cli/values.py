"""A key's value as the commands that make it.

Values are those of `RdbReader.next_item`. Large ones take several commands, each with a
bounded number of words, so that no server is held up by one of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

#: Most elements in one command.
ELEMENTS_MAX = 512

Words = tuple[bytes | str | int, ...]


def commands(key: bytes, kind: str, value: Any) -> Iterator[Words]:
    """The commands that give `key`, which does not exist yet, this value.

    O(N). Deadlines of fields and members are included, that of the key is not.
    """
    if kind == "string":
        yield "SET", key, value
    elif kind == "list":
        for part in _parts(value):
            yield "RPUSH", key, *part
    elif kind == "set":
        for part in _parts(value):
            yield "SADD", key, *(member for member, _ in part)
        timed = ((member, deadline) for member, deadline in value)
        for deadline, names in _by_deadline(timed):
            yield "SPEXPIREAT", key, deadline, "MEMBERS", len(names), *names
    elif kind == "hash":
        for part in _parts(value):
            yield "HSET", key, *(word for field, text, _ in part for word in (field, text))
        timed = ((field, deadline) for field, _, deadline in value)
        for deadline, names in _by_deadline(timed):
            yield "HPEXPIREAT", key, deadline, "FIELDS", len(names), *names
    elif kind == "zset":
        for part in _parts(value):
            yield "ZADD", key, *(word for name, score, _ in part for word in (repr(score), name))
        timed = ((member, deadline) for member, _, deadline in value)
        for deadline, names in _by_deadline(timed):
            yield "ZPEXPIREAT", key, deadline, "MEMBERS", len(names), *names
    else:
        yield from _stream(key, value)


def _parts(items: list[Any]) -> Iterator[list[Any]]:
    for start in range(0, len(items), ELEMENTS_MAX):
        yield items[start : start + ELEMENTS_MAX]


def _by_deadline(items: Iterable[tuple[bytes, int | None]]) -> Iterator[tuple[int, list[bytes]]]:
    """Names with the same deadline together."""
    found: dict[int, list[bytes]] = {}
    for name, deadline in items:
        if deadline is not None:
            found.setdefault(deadline, []).append(name)
    for deadline, names in found.items():
        for part in _parts(names):
            yield deadline, part


def number_of(id: str) -> tuple[int, int]:
    """An ID as two numbers, which compare as IDs do."""
    ms, _, sequence = id.partition("-")
    return int(ms), int(sequence)


def entries(key: bytes, value: Any, *, placeholders: Iterable[str] = ()) -> Iterator[Words]:
    """The commands for a stream without its groups.

    `placeholders` are IDs that get an entry, and lose it at the end: groups may have
    entries pending that were deleted.
    """
    there = {id for id, _ in value["entries"]}
    lost = sorted(set(placeholders) - there, key=number_of)
    missing = [(id, [b"", b""]) for id in lost]
    everything = [*value["entries"], *missing]
    if missing:
        everything.sort(key=lambda entry: number_of(entry[0]))
    for id, parts in everything:
        yield "XADD", key, id, *parts
    if not everything:
        # A stream may be there without entries; a group makes it.
        yield "XGROUP", "CREATE", key, "made", "0", "MKSTREAM"
        yield "XGROUP", "DESTROY", key, "made"


def _set_id(key: bytes, value: Any) -> Words:
    counters = ("ENTRIESADDED", value["entries_added"], "MAXDELETEDID", value["max_deleted_id"])
    return "XSETID", key, value["last_id"], *counters


def bare_stream(key: bytes, value: Any) -> Iterator[Words]:
    """The commands for a stream without its groups, with its counters."""
    yield from entries(key, value)
    yield _set_id(key, value)


def _stream(key: bytes, value: Any) -> Iterator[Words]:
    pending = {item[0] for group in value["groups"] for item in group["pending"]}
    there = {id for id, _ in value["entries"]}
    yield from entries(key, value, placeholders=pending)
    for group in value["groups"]:
        name = group["name"]
        read = ("ENTRIESREAD", group["entries_read"]) if group["entries_read"] >= 0 else ()
        yield "XGROUP", "CREATE", key, name, group["last_id"], *read
        for consumer, *_ in group["consumers"]:
            yield "XGROUP", "CREATECONSUMER", key, name, consumer
        for id, delivered_ms, deliveries, consumer in group["pending"]:
            yield (
                *("XCLAIM", key, name, consumer, 0, id, "TIME", delivered_ms),
                *("RETRYCOUNT", deliveries, "FORCE", "JUSTID"),
            )
    lost = sorted(pending - there, key=number_of)
    for part in _parts(lost):
        yield "XDEL", key, *part
    yield _set_id(key, value)
