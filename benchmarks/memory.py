"""Resident memory per item, start-up time and the size of an empty server.

Each row starts a fresh server, so no row inherits another's fragmentation. What is
counted is VmRSS: it is what the machine's owner pays, allocator waste included.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from benchmarks.report import Goal, Results, Row
from benchmarks.servers import Program, Server
from benchmarks.wire import ReplyError, encode

ELEMENTS = 500_000
ADDED_AT_ONCE = 100
START_UPS = 5
START_UP_GOAL_MS = 200.0
# Allocators give pages back about a second after they fell free; what still changes
# then is waited for.
SETTLE_S = 1.5


@dataclass(frozen=True)
class Item:
    """One row: commands that store `elements`, of which `per_item` make what is counted as one."""

    name: str
    goal_bytes: float
    commands: Callable[[int], Iterator[bytes]]
    per_item: int = 1


def strings(elements: int) -> Iterator[bytes]:
    for number in range(elements):
        yield encode("SET", b"key:%012d" % number, b"%010d" % number)


def strings_with_expiry(elements: int) -> Iterator[bytes]:
    for number in range(elements):
        yield encode("SET", b"key:%012d" % number, b"%010d" % number, "EX", 100_000)


def small_hashes(elements: int) -> Iterator[bytes]:
    pairs = [part for number in range(5) for part in (b"field%d" % number, b"val%d" % number)]
    for number in range(elements // 5):
        yield encode("HSET", b"hash:%d" % number, *pairs)


def small_integer_sets(elements: int) -> Iterator[bytes]:
    for number in range(elements // 10):
        yield encode("SADD", b"set:%d" % number, *range(1, 11))


def _in_groups(elements: int, *start: str, item: Callable[[int], list[bytes]]) -> Iterator[bytes]:
    """One collection filled by commands of up to a hundred items."""
    for first in range(0, elements, ADDED_AT_ONCE):
        numbers = range(first, min(first + ADDED_AT_ONCE, elements))
        yield encode(*start, *(part for number in numbers for part in item(number)))


def big_set(elements: int) -> Iterator[bytes]:
    return _in_groups(elements, "SADD", "myset", item=lambda n: [b"member:%09d" % n])


def big_hash(elements: int) -> Iterator[bytes]:
    return _in_groups(elements, "HSET", "myhash", item=lambda n: [b"field:%010d" % n, b"%010d" % n])


def big_sorted_set(elements: int) -> Iterator[bytes]:
    # Scores in scattered order: ascending ones would flatter trees that fill from the right.
    return _in_groups(
        elements,
        *("ZADD", "myzset"),
        item=lambda n: [b"%d" % (n * 2_654_435_761 % 2**32), b"member:%09d" % n],
    )


def big_list(elements: int) -> Iterator[bytes]:
    return _in_groups(elements, "RPUSH", "mylist", item=lambda n: [b"%010d" % n])


def big_stream(elements: int) -> Iterator[bytes]:
    for number in range(elements):
        yield encode("XADD", "mystream", "*", "f1", number % 100, "f2", number % 100)


ITEMS = (
    Item("string, 16 B key + 10 B value", 52, strings),
    Item("string with expiry", 60, strings_with_expiry),
    Item("hash of 5 small fields", 125, small_hashes, per_item=5),
    Item("set of 10 integers", 90, small_integer_sets, per_item=10),
    Item("one big set, 16 B members", 40, big_set),
    Item("one big hash, 16 B field + 10 B value", 55, big_hash),
    Item("one big sorted set, 16 B members", 70, big_sorted_set),
    Item("one big list, 10 B items", 13, big_list),
    Item("one stream, 2 fields", 14, big_stream),
)


def measure(
    programs: Sequence[Program],
    results: Results,
    say: Callable[[str], None],
    items: Sequence[Item] = ITEMS,
    elements: int = ELEMENTS,
    settle_s: float = SETTLE_S,
    start_ups: int = START_UPS,
) -> None:
    """Start-up and empty size first, then bytes per item of every row."""
    _measure_start_up(programs, results, settle_s, start_ups)
    for item in items:
        values: dict[str, float] = {}
        for program in programs:
            with Server(program) as server:
                try:
                    values[program.name] = _bytes_per_item(server, item, elements, settle_s)
                except ReplyError as why:
                    results.skip(item.name, program.name, why)
        say(f"{item.name}: " + ", ".join(f"{name} {size:.1f} B" for name, size in values.items()))
        goal = Goal(at_most=item.goal_bytes)
        results.add(Row("memory", item.name, "RSS", "bytes/item", values, goal=goal))


def _bytes_per_item(server: Server, item: Item, elements: int, settle_s: float) -> float:
    empty = server.settled_rss_bytes(settle_s)
    with server.connect() as connection:
        connection.load(item.commands(elements))
    full = server.settled_rss_bytes(settle_s)
    return (full - empty) / (elements // item.per_item)


def _measure_start_up(
    programs: Sequence[Program], results: Results, settle_s: float, start_ups: int
) -> None:
    times: dict[str, list[float]] = {}
    sizes: dict[str, list[float]] = {}
    for _ in range(start_ups):
        for program in programs:
            with Server(program) as server:
                times.setdefault(program.name, []).append(server.startup_ms)
                sizes.setdefault(program.name, []).append(server.settled_rss_bytes(settle_s) / 1e6)
    results.add(
        Row(
            *("memory", "start-up to the first PONG", "time", "ms"),
            {name: statistics.median(own) for name, own in times.items()},
            goal=Goal(at_most=START_UP_GOAL_MS),
            samples=times,
        )
    )
    results.add(
        Row(
            *("memory", "empty server", "RSS", "MB"),
            {name: statistics.median(own) for name, own in sizes.items()},
            samples=sizes,
        )
    )
