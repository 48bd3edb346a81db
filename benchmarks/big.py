"""What others wait for while something happens to a collection of ten million members.

The number is the longest wait of a client that sends PING every millisecond, as in
`stall`. Only ours is measured: the goal is a bound, not a rival. What visits or returns
that many members may take its time, and is not here, but for a consumer with a million
pending entries, each of which has to leave its group.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from benchmarks.growth import fill, growths
from benchmarks.report import Goal, Results, Row
from benchmarks.servers import Server
from benchmarks.stall import Watcher
from benchmarks.wire import Connection, ReplyError, encode

MEMBERS = 10_000_000
GOAL = Goal(at_most=10)
WRITES = 200
SETTLE_S = 0.5
SAVE_TIMEOUT_S = 300.0


#: Adds stream entries by number; a script, for a client would need minutes.
_ADD_ENTRIES = """
for number = ARGV[1], ARGV[2] do
  redis.call("XADD", KEYS[1], string.format("%d-1", number), "field", number)
end
"""
#: Gives entries to two consumers by turns, a hundred each time.
_DELIVER = """
for turn = 1, ARGV[1] do
  redis.call("XREADGROUP", "GROUP", "group", turn % 2, "COUNT", 100, "STREAMS", KEYS[1], ">")
end
"""
ENTRIES_AT_ONCE = 10_000
TURNS_AT_ONCE = 100


@dataclass(frozen=True)
class Subject:
    """A collection: how it is filled, and what is done with a few of its members."""

    name: str
    # Commands that put members from one number to another into it.
    fill: Callable[[int, int], Iterator[bytes]]
    # A write to a member of this number.
    write: Callable[[int], bytes]
    # What looks at few members, whatever the size.
    small: tuple[tuple[str, ...], ...]


def _subjects(members: int) -> Iterator[Subject]:
    middle, behind = str(members // 2), str(members // 2 + 9)
    small: dict[str, tuple[tuple[str, ...], ...]] = {
        "set": (("SRANDMEMBER", "set", "10"), ("SPOP", "set", "10"), ("SSCAN", "set", "0")),
        "hash": (("HRANDFIELD", "hash", "10"), ("HSCAN", "hash", "0")),
        "zset": (
            ("ZRANGE", "zset", middle, behind),
            ("ZRANDMEMBER", "zset", "10"),
            ("ZPOPMIN", "zset", "10"),
            ("ZSCAN", "zset", "0"),
        ),
        "list": (("LRANGE", "list", middle, behind), ("LPOP", "list", "10")),
    }
    for growth in growths():
        yield Subject(
            growth.name,
            lambda start, end, growth=growth: fill(growth, start, end),  # type: ignore[misc]
            lambda number, growth=growth: next(fill(growth, number, number + 1)),  # type: ignore[misc]
            small[growth.name],
        )
    yield Subject(
        "stream",
        _fill_stream,
        lambda number: encode("XADD", "stream", "*", "field", number),
        (
            ("XRANGE", "stream", f"{middle}-0", "+", "COUNT", "10"),
            ("XREVRANGE", "stream", f"{middle}-0", "-", "COUNT", "10"),
        ),
    )


def _fill_stream(start: int, end: int) -> Iterator[bytes]:
    for first in range(start + 1, end + 1, ENTRIES_AT_ONCE):
        last = min(first + ENTRIES_AT_ONCE - 1, end)
        yield encode("EVAL", _ADD_ENTRIES, "1", "stream", first, last)


def _nothing(_: Connection) -> None:
    pass


@dataclass(frozen=True)
class Event:
    """Something that happens to the collection; if that is its end, it is filled anew."""

    name: str
    work: Callable[[Connection], None]
    prepare: Callable[[Connection], None] = _nothing
    #: It visits as many elements as the goal leaves out, so it has none.
    visits_all: bool = False


def measure(
    server: Server,
    results: Results,
    say: Callable[[str], None],
    members: int = MEMBERS,
    settle_s: float = SETTLE_S,
) -> None:
    """Every event on every type."""
    for subject in _subjects(members):
        for event in _events(subject, members, settle_s):
            try:
                with server.connect() as connection:
                    if not connection.call("EXISTS", subject.name):
                        connection.load(subject.fill(0, members), batch_commands=20)
                        time.sleep(settle_s)
                    event.prepare(connection)
                    with Watcher(server) as watcher:
                        event.work(connection)
            except (ReplyError, TimeoutError) as why:
                results.skip(f"{event.name} of a {subject.name}", server.name, why)
                continue
            name = f"{subject.name}: {event.name}"
            say(f"big, {name}: {watcher.max_ms:.1f} ms")
            values = {server.name: watcher.max_ms}
            goal = None if event.visits_all else GOAL
            results.add(Row("big", name, "longest wait of a PING", "ms", values, goal=goal))
        with server.connect() as connection:
            connection.call("FLUSHALL")


def _events(subject: Subject, members: int, settle_s: float) -> Iterator[Event]:
    key = subject.name

    def nothing(_: Connection) -> None:
        time.sleep(settle_s)

    def small(connection: Connection) -> None:
        for command in subject.small:
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
                connection.call_encoded(subject.write(number))

    def once(*command: str) -> Callable[[Connection], None]:
        def work(connection: Connection) -> None:
            connection.call(*command)
            time.sleep(settle_s)

        return work

    def expire(connection: Connection) -> None:
        connection.call("PEXPIRE", key, "50")
        while connection.call("DBSIZE"):
            time.sleep(0.01)
        time.sleep(settle_s)

    yield Event("nothing (control)", nothing)
    yield Event(", ".join(command[0] for command in subject.small), small)
    yield Event("BGSAVE while it is written to", save)
    if key == "stream":
        yield from _stream_events(members, once)
    yield Event("UNLINK", once("UNLINK", key))
    yield Event("DEL", once("DEL", key))
    yield Event("FLUSHALL", once("FLUSHALL"))
    yield Event("expiry", expire)


def _stream_events(
    members: int, once: Callable[..., Callable[[Connection], None]]
) -> Iterator[Event]:
    """What only streams have: groups with a fifth of all entries pending, and trimming."""

    def deliver(connection: Connection) -> None:
        connection.call("XGROUP", "CREATE", "stream", "group", "0")
        turns = encode("EVAL", _DELIVER, "1", "stream", TURNS_AT_ONCE)
        connection.load([turns] * max(members // 5 // 100 // TURNS_AT_ONCE, 1), batch_commands=20)

    def trim_all(connection: Connection) -> None:
        once("XTRIM", "stream", "MAXLEN", "0")(connection)
        connection.call("DEL", "stream")

    yield Event("XDEL in its middle", once("XDEL", "stream", f"{members // 2}-1"))
    yield Event("XGROUP CREATE from 0", once("XGROUP", "CREATE", "stream", "other", "0"))
    pending = f"{members // 5:,} pending"
    delete = once("XGROUP", "DELCONSUMER", "stream", "group", "1")
    deletion = f"XGROUP DELCONSUMER with half of {pending}, all of which it visits"
    yield Event(deletion, delete, deliver, visits_all=True)
    destroy = once("XGROUP", "DESTROY", "stream", "group")
    yield Event("XGROUP DESTROY with the other half", destroy)
    nine_tenths, half = str(members * 9 // 10), str(members // 2)
    yield Event("XTRIM of a tenth, about", once("XTRIM", "stream", "MAXLEN", "~", nine_tenths))
    yield Event("XTRIM to its half", once("XTRIM", "stream", "MAXLEN", half))
    yield Event("XTRIM of all", trim_all)


def _persistence(connection: Connection) -> bytes:
    text = connection.call("INFO", "persistence")
    assert isinstance(text, bytes)
    return text
