"""Streams in files: between servers, through the append-only file, with their groups."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests import oracles
from tests.oracles import ORACLES, Server
from tests.wire import Connection

# Fields whose values are times, or that REDIS0010 has no place for.
TIMES = frozenset((b"active-time",))


def fill(connection: Connection) -> None:
    """Streams with blocks of all kinds, gaps, groups and pending entries."""
    connection.call("FLUSHALL")
    for number in range(1, 350):
        name = "f" if number % 50 else f"other{number}"
        value = "v" * (number % 70)
        connection.call("XADD", "x", f"{number // 3}-{number}", name, number, "g", value)
    connection.call("XDEL", "x", "1-3", "5-16", "116-349")
    connection.call("XTRIM", "x", "MAXLEN", "330")
    connection.call("XGROUP", "CREATE", "x", "g", "0")
    connection.call("XGROUP", "CREATE", "x", "h", "50-150", "ENTRIESREAD", "7")
    for consumer, count in (("ann", 100), ("bob", 3)):
        words = ("GROUP", "g", consumer, "COUNT", count, "STREAMS", "x", ">")
        connection.call("XREADGROUP", *words)
    connection.call("XACK", "x", "g", "20-60", "20-61")
    connection.call("XCLAIM", "x", "g", "cid", "0", "30-90", "30-91")
    connection.call("XGROUP", "CREATECONSUMER", "x", "g", "idle")
    connection.call("XGROUP", "CREATE", "empty", "g", "$", "MKSTREAM")
    connection.call("XADD", "gone", "7-7", "a", "b")
    connection.call("XDEL", "gone", "7-7")


def state(connection: Connection) -> list[Any]:
    """All that there is to know, but for when consumers were active."""
    keys = ("x", "empty", "gone")
    full = [connection.call("XINFO", "STREAM", key, "FULL", "COUNT", "0") for key in keys]
    return [connection.call("DEBUG", "DIGEST"), *map(_without_times, full)]


def _without_times(reply: Any) -> Any:
    if not isinstance(reply, list):
        return reply
    items = list(reply)
    for at, item in enumerate(items[:-1]):
        if isinstance(item, bytes) and item in TIMES:
            items[at + 1] = 0
    return [_without_times(item) for item in items]


@pytest.fixture(scope="module")
def servers() -> Iterator[dict[str, Server]]:
    found = {name: oracles.start(name) for name in ("ours", "valkey91", "redis82")}
    yield found
    for server in found.values():
        server.stop()


@pytest.mark.parametrize("name", [name for name in ORACLES if name != "redis70"])
def test_dumps_carry_streams_both_ways(servers: dict[str, Server], name: str):
    with servers[name].connect() as real, servers["ours"].connect() as ours:
        for giver, taker in ((real, ours), (ours, real)):
            fill(giver)
            expected = state(giver)
            taker.call("FLUSHALL")
            for key in ("x", "empty", "gone"):
                assert taker.call("RESTORE", key, 0, giver.call("DUMP", key)) == "OK"
            assert state(taker) == expected


@pytest.mark.parametrize("format", ["redis10", "redis12", "valkey80"])
def test_streams_come_back_from_a_file(servers: dict[str, Server], format: str):
    with servers["ours"].connect() as ours:
        fill(ours)
        expected = state(ours)
        ours.call("CONFIG", "SET", "rdb-format", format)
        assert ours.call("DEBUG", "RELOAD") == "OK"
        assert state(ours) == expected


def test_the_append_only_file_brings_groups_back():
    server = Server("ours", ("--appendonly", "yes", "--appendfsync", "always")).start()
    try:
        with server.connect() as ours:
            fill(ours)
            ours.call("XREADGROUP", "GROUP", "g", "ann", "STREAMS", "x", "0")
            ours.call("XAUTOCLAIM", "x", "g", "dan", "0", "0", "COUNT", "5")
            ours.call("XADD", "x", "MAXLEN", "~", "100", "*", "a", "b")
            expected = state(ours)
        server.restart()
        with server.connect() as ours:
            assert _but_for_seen(state(ours)) == _but_for_seen(expected)
    finally:
        server.stop()


def _but_for_seen(reply: Any) -> Any:
    if not isinstance(reply, list):
        return reply
    items = list(reply)
    for at, item in enumerate(items[:-1]):
        if item == b"seen-time":
            items[at + 1] = 0
    return [_but_for_seen(item) for item in items]
