"""What others wait for while something happens to a collection of ten million members.

The number is the longest wait of a client that sends PING every millisecond, as in
`stall`. Only ours is measured: the goal is a bound, not a rival. What visits or returns
that many members may take its time, and is not here.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from benchmarks.growth import Growth, fill, growths
from benchmarks.report import Goal, Results, Row
from benchmarks.servers import Server
from benchmarks.stall import Watcher
from benchmarks.wire import Connection, ReplyError

MEMBERS = 10_000_000
GOAL = Goal(at_most=10)
WRITES = 200
SETTLE_S = 0.5
SAVE_TIMEOUT_S = 300.0


def _small(key: str, members: int) -> tuple[tuple[str, ...], ...]:
    """What looks at few members, whatever the size."""
    middle, behind = str(members // 2), str(members // 2 + 9)
    return {
        "set": (("SRANDMEMBER", "set", "10"), ("SPOP", "set", "10"), ("SSCAN", "set", "0")),
        "hash": (("HRANDFIELD", "hash", "10"), ("HSCAN", "hash", "0")),
        "zset": (
            ("ZRANGE", "zset", middle, behind),
            ("ZRANDMEMBER", "zset", "10"),
            ("ZPOPMIN", "zset", "10"),
            ("ZSCAN", "zset", "0"),
        ),
        "list": (("LRANGE", "list", middle, behind), ("LPOP", "list", "10")),
    }[key]


@dataclass(frozen=True)
class Event:
    """Something that happens to the collection; if that is its end, it is filled anew."""

    name: str
    work: Callable[[Connection], None]


def measure(
    server: Server,
    results: Results,
    say: Callable[[str], None],
    members: int = MEMBERS,
    settle_s: float = SETTLE_S,
) -> None:
    """Every event on every type."""
    for growth in growths():
        for event in _events(growth, members, settle_s):
            try:
                with server.connect() as connection:
                    if not connection.call("EXISTS", growth.name):
                        connection.load(fill(growth, 0, members), batch_commands=20)
                        time.sleep(settle_s)
                    with Watcher(server) as watcher:
                        event.work(connection)
            except (ReplyError, TimeoutError) as why:
                results.skip(f"{event.name} of a {growth.name}", server.name, why)
                continue
            name = f"{growth.name}: {event.name}"
            say(f"big, {name}: {watcher.max_ms:.1f} ms")
            values = {server.name: watcher.max_ms}
            results.add(Row("big", name, "longest wait of a PING", "ms", values, goal=GOAL))
        with server.connect() as connection:
            connection.call("FLUSHALL")


def _events(growth: Growth, members: int, settle_s: float) -> Iterator[Event]:
    key = growth.name

    def nothing(_: Connection) -> None:
        time.sleep(settle_s)

    def small(connection: Connection) -> None:
        for command in _small(key, members):
            for _ in range(20):
                connection.call(*command)

    def save(connection: Connection) -> None:
        connection.call("BGSAVE")
        deadline = time.monotonic() + SAVE_TIMEOUT_S
        number = 0
        while b"rdb_bgsave_in_progress:1" in _persistence(connection):
            if time.monotonic() > deadline:
                raise TimeoutError("BGSAVE takes too long")
            # In the midst of what is being saved, and new ones.
            for at in range(WRITES):
                number = (number + 7919 * (at + 1)) % members
                connection.call_encoded(next(fill(growth, number, number + 1)))

    def unlink(connection: Connection) -> None:
        connection.call("UNLINK", key)
        time.sleep(settle_s)

    def delete(connection: Connection) -> None:
        connection.call("DEL", key)
        time.sleep(settle_s)

    def expire(connection: Connection) -> None:
        connection.call("PEXPIRE", key, "50")
        while connection.call("DBSIZE"):
            time.sleep(0.01)
        time.sleep(settle_s)

    yield Event("nothing (control)", nothing)
    yield Event(", ".join(command[0] for command in _small(key, members)), small)
    yield Event("BGSAVE while it is written to", save)
    yield Event("UNLINK", unlink)
    yield Event("DEL", delete)
    yield Event("expiry", expire)


def _persistence(connection: Connection) -> bytes:
    text = connection.call("INFO", "persistence")
    assert isinstance(text, bytes)
    return text
