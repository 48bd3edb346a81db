"""How the cost of a command grows with the size of what it works on.

One collection of each type is filled step by step, from a thousand members to ten
million; at each step redis-benchmark asks for random members of it. Only ours is
measured: a curve needs no rival.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from benchmarks.report import Results, Row
from benchmarks.scenarios import PUSHED_AT_ONCE, RANDOM
from benchmarks.servers import Server
from benchmarks.speed import CPU_GOAL_PIPELINE, run_client
from benchmarks.wire import ReplyError, encode

SIZES = (1_000, 10_000, 100_000, 1_000_000, 10_000_000)


@dataclass(frozen=True)
class Growth:
    """A type: the command that fills it, from one member to another, and those measured."""

    name: str
    fill: Callable[[int], tuple[bytes, ...]]
    filler: str
    # Of a size, for the middle of a list is elsewhere at each.
    commands: Callable[[int], Sequence[tuple[str, ...]]]


def _member(number: int) -> bytes:
    return b"element:%012d" % number


def growths() -> tuple[Growth, ...]:
    member = f"element:{RANDOM}"
    return (
        Growth(
            "set",
            lambda number: (_member(number),),
            "SADD",
            lambda _: (("SADD", "set", member), ("SISMEMBER", "set", member)),
        ),
        Growth(
            "hash",
            lambda number: (_member(number), b"xxx"),
            "HSET",
            lambda _: (("HSET", "hash", member, "xxx"), ("HGET", "hash", member)),
        ),
        Growth(
            "zset",
            lambda number: (b"%d" % number, _member(number)),
            "ZADD",
            lambda _: (("ZADD", "zset", RANDOM, member), ("ZRANK", "zset", member)),
        ),
        Growth(
            "list",
            lambda _: (b"xxx",),
            "RPUSH",
            lambda size: (("LINDEX", "list", str(size // 2)), ("LPUSH", "list", "xxx")),
        ),
    )


def fill(growth: Growth, start: int, end: int) -> Iterator[bytes]:
    """Commands that put members `start` to `end` into the collection."""
    for first in range(start, end, PUSHED_AT_ONCE):
        numbers = range(first, min(first + PUSHED_AT_ONCE, end))
        parts = [part for number in numbers for part in growth.fill(number)]
        yield encode(growth.filler, growth.name, *parts)


def measure(
    server: Server,
    results: Results,
    say: Callable[[str], None],
    sizes: Sequence[int] = SIZES,
    requests: int = 400_000,
) -> None:
    """Every command at every size. Each size is filled up from the one before."""
    for growth in growths():
        with server.connect() as connection:
            connection.call("FLUSHALL")
        size_now = 0
        for size in sizes:
            try:
                with server.connect() as connection:
                    connection.load(fill(growth, size_now, size), batch_commands=20)
            except ReplyError as why:
                results.skip(f"{growth.name} of {size:,}", server.name, why)
                break
            size_now = size
            for command in growth.commands(size):
                run = run_client(server, command, requests, CPU_GOAL_PIPELINE, size)
                user_us = run.cpu.user_s * 1e6 / requests
                say(f"growth, {command[0]} at {size:,}: {user_us:.2f} µs")
                row = Row("growth", f"{command[0]} at {size:,}", "user CPU", "µs/command", {})
                row.values[server.name] = user_us
                results.add(row)
