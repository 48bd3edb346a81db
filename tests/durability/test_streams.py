"""Streams in files, with their groups: snapshots and append-only files, ours and the real ones'."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import oracles
from tests.durability.data import NUMBERS, TEXTS
from tests.oracles import ORACLES, Server
from tests.wire import Connection

# What REDIS0010 has no place for.
ACTIVE = frozenset((b"active-time",))
KEYS = ("x", "empty", "gone", "kinds", "set")


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
    for consumer, many in (("ann", 100), ("bob", 3)):
        words = ("GROUP", "g", consumer, "COUNT", many, "STREAMS", "x", ">")
        connection.call("XREADGROUP", *words)
    connection.call("XACK", "x", "g", "20-60", "20-61")
    connection.call("XCLAIM", "x", "g", "cid", "0", "30-90", "30-91")
    connection.call("XGROUP", "CREATECONSUMER", "x", "g", "idle")
    connection.call("XGROUP", "CREATE", "empty", "g", "$", "MKSTREAM")
    connection.call("XADD", "gone", "7-7", "a", "b")
    connection.call("XDEL", "gone", "7-7")
    kinds: list[str | int | bytes] = [*NUMBERS, *TEXTS]
    for at, item in enumerate(kinds, 1):
        connection.call("XADD", "kinds", f"{at * at * 1000}-*", item, item, "f", at)
    connection.call("XADD", "kinds", f"{2**64 - 1}-7", *[part for n in NUMBERS for part in (n, n)])
    connection.call("XADD", "set", "5-5", "a", "b")
    connection.call("XSETID", "set", "900-5", "ENTRIESADDED", 12, "MAXDELETEDID", "800-1")
    connection.call("XGROUP", "CREATE", "set", b"\x00name\xff", "850-1")


def state(connection: Connection, without: frozenset[bytes] = ACTIVE) -> list[Any]:
    """All that there is to know, but for some fields."""
    full = [connection.call("XINFO", "STREAM", key, "FULL", "COUNT", "0") for key in KEYS]
    return [connection.call("DEBUG", "DIGEST"), *(_without(reply, without) for reply in full)]


def _without(reply: Any, fields: frozenset[bytes]) -> Any:
    if not isinstance(reply, list):
        return reply
    items = list(reply)
    for at in range(len(items) - 2, -1, -1):
        if isinstance(items[at], bytes) and items[at] in fields:
            del items[at : at + 2]
    return [_without(item, fields) for item in items]


@pytest.fixture(scope="module")
def servers() -> Iterator[dict[str, Server]]:
    found = {}
    for name in ("ours", *ORACLES):
        try:
            found[name] = oracles.start(name)
        except oracles.ServerUnavailableError:
            if name != "redis70":
                raise
    yield found
    for server in found.values():
        server.stop()


def real(servers: dict[str, Server], name: str) -> Server:
    if name not in servers:
        pytest.skip(f"{name} is not installed")
    return servers[name]


@pytest.mark.parametrize("name", [name for name in ORACLES if name != "redis70"])
def test_dumps_carry_streams_both_ways(servers: dict[str, Server], name: str):
    with servers[name].connect() as real, servers["ours"].connect() as ours:
        for giver, taker in ((real, ours), (ours, real)):
            fill(giver)
            expected = state(giver)
            taker.call("FLUSHALL")
            for key in KEYS:
                assert taker.call("RESTORE", key, 0, giver.call("DUMP", key)) == "OK"
            assert state(taker) == expected


def take_over(giver: Server, taker: Server) -> None:
    """Lets `giver` save its data, and `taker` load them in the place of its own."""
    with giver.connect() as connection:
        assert connection.call("SAVE") == "OK"
    shutil.copy(giver.directory / "dump.rdb", taker.directory / "dump.rdb")
    with taker.connect() as connection:
        assert connection.call("DEBUG", "RELOAD", "NOSAVE") == "OK", taker.log()[-2000:]


@pytest.mark.parametrize("compression", ["yes", "no"])
@pytest.mark.parametrize("node_entries", [100, 7])
@pytest.mark.parametrize("name", ORACLES)
def test_files_carry_streams_from_server_to_server(
    servers: dict[str, Server], name: str, node_entries: int, compression: str
):
    giver, ours = real(servers, name), servers["ours"]
    for server in servers.values():
        with server.connect() as connection:
            settings = ("rdbcompression", compression, "stream-node-max-entries", node_entries)
            assert connection.call("CONFIG", "SET", *settings) == "OK"
    with giver.connect() as connection:
        fill(connection)
        expected = state(connection)
    take_over(giver, ours)
    with ours.connect() as connection:
        assert state(connection) == expected
        connection.call("CONFIG", "SET", "rdb-format", "redis10")
    for taker in [server for server in servers.values() if server is not ours]:
        take_over(ours, taker)
        with taker.connect() as connection:
            assert state(connection) == expected, taker.name


@pytest.mark.parametrize(("name", "format"), [("redis82", "redis12"), ("valkey91", "valkey80")])
def test_newer_files_say_when_consumers_were_active(
    servers: dict[str, Server], name: str, format: str
):
    nothing: frozenset[bytes] = frozenset()
    giver, ours = real(servers, name), servers["ours"]
    with giver.connect() as connection:
        fill(connection)
        expected = state(connection, nothing)
    take_over(giver, ours)
    with ours.connect() as connection:
        assert state(connection, nothing) == expected
        connection.call("CONFIG", "SET", "rdb-format", format)
    take_over(ours, giver)
    with ours.connect() as connection:
        connection.call("CONFIG", "SET", "rdb-format", "redis10")
    with giver.connect() as connection:
        assert state(connection, nothing) == expected


@pytest.mark.parametrize("format", ["redis10", "redis12", "valkey80"])
def test_streams_come_back_from_a_file(servers: dict[str, Server], format: str):
    with servers["ours"].connect() as ours:
        fill(ours)
        expected = state(ours)
        ours.call("CONFIG", "SET", "rdb-format", format)
        assert ours.call("DEBUG", "RELOAD") == "OK"
        assert state(ours) == expected


def change(connection: Connection) -> None:
    """Commands whose effects are not themselves."""
    connection.call("XREADGROUP", "GROUP", "h", "eve", "COUNT", "3", "NOACK", "STREAMS", "x", ">")
    connection.call("XAUTOCLAIM", "x", "g", "dan", "0", "0", "COUNT", "5")
    connection.call("XADD", "x", "MAXLEN", "~", "100", "*", "a", "b")
    connection.call("XTRIM", "kinds", "MINID", "~", "5000", "LIMIT", "100")
    connection.call("XGROUP", "SETID", "x", "h", "60-0", "ENTRIESREAD", "9")
    connection.call("XGROUP", "DELCONSUMER", "x", "g", "cid")
    connection.call("MULTI")
    connection.call("XADD", "made", "MAXLEN", "=", "1", "8-*", "a", "b")
    connection.call("XADD", "made", "MAXLEN", "=", "1", "8-*", "a", "c")
    connection.call("XGROUP", "CREATE", "made", "g", "0")
    connection.call("XREADGROUP", "GROUP", "g", "ann", "STREAMS", "made", ">")
    connection.call("EXEC")


APPENDING = ("--appendonly", "yes", "--appendfsync", "always")
#: A journal says when an entry was delivered, but not when its consumer was seen.
NOT_IN_JOURNALS = ACTIVE | {b"seen-time"}


def test_the_append_only_file_brings_groups_back():
    server = Server("ours", APPENDING).start()
    try:
        with server.connect() as ours:
            fill(ours)
            change(ours)
            # Real servers forget over a restart that what was pending was read again.
            ours.call("XREADGROUP", "GROUP", "g", "ann", "STREAMS", "x", "0")
            expected = state(ours, NOT_IN_JOURNALS)
        server.restart()
        with server.connect() as ours:
            assert state(ours, NOT_IN_JOURNALS) == expected
    finally:
        server.stop()


#: Redis 8.2's commands that say what becomes of references.
WITH_REFERENCES = [
    "XDEL x 25-76",
    "XDELEX x KEEPREF IDS 2 26-78 26-79",
    "XDELEX x DELREF IDS 3 25-76 20-61 20-62",
    "XDELEX x DELREF IDS 1 26-79",
    "XDELEX x ACKED IDS 2 21-63 21-64",
    "XACKDEL x g KEEPREF IDS 1 22-66",
    "XACKDEL x g DELREF IDS 1 22-67",
    "XACKDEL x g ACKED IDS 2 23-69 23-70",
    "XADD x DELREF MAXLEN 300 200-1 a b",
    "XADD x KEEPREF MAXLEN ~ 200 200-2 a b",
    "XADD x ACKED MAXLEN 290 200-3 a b",
    "XTRIM x MAXLEN 280 DELREF",
    "XTRIM x MAXLEN 270 ACKED",
]


def test_redis_8_2_loads_what_was_done_with_references():
    ours, redis = Server("ours", APPENDING).start(), oracles.start("redis82")
    other = Server("redis82", APPENDING)
    try:
        with ours.connect() as connection, redis.connect() as real:
            fill(connection)
            fill(real)
            for line in WITH_REFERENCES:
                mine, theirs = (client.call(*line.split()) for client in (connection, real))
                assert mine == theirs, line
                pending = [client.call("XPENDING", "x", "g") for client in (connection, real)]
                assert pending[0] == pending[1], line
            expected = state(connection, NOT_IN_JOURNALS)
        end(ours)
        other.directory, other.port = Path(ours.directory), ours.port
        other.restart()
        with other.connect() as connection:
            assert state(connection, NOT_IN_JOURNALS) == expected
        end(other)
        ours.restart()
        with ours.connect() as connection:
            assert state(connection, NOT_IN_JOURNALS) == expected
    finally:
        for server in (other, ours):
            if server.is_alive():
                end(server)
        ours.stop()
        redis.stop()


@pytest.mark.parametrize("is_rewritten", [False, True], ids=["commands", "rewritten"])
@pytest.mark.parametrize("name", ORACLES)
def test_append_only_files_carry_streams_from_server_to_server(name: str, is_rewritten: bool):
    """Ours goes to the real server, which writes more, and comes back."""
    ours = Server("ours", APPENDING).start()
    other = Server(name, APPENDING)
    try:
        with ours.connect() as connection:
            fill(connection)
            if is_rewritten:
                rewrite(connection)
            change(connection)
            expected = state(connection, NOT_IN_JOURNALS)
        end(ours)
        other.directory, other.port = Path(ours.directory), ours.port
        other.restart()
        with other.connect() as connection:
            assert state(connection, NOT_IN_JOURNALS) == expected
            fill(connection)
            if is_rewritten:
                rewrite(connection)
            change(connection)
            expected = state(connection, NOT_IN_JOURNALS)
        end(other)
        ours.restart()
        with ours.connect() as connection:
            assert state(connection, NOT_IN_JOURNALS) == expected
    except oracles.ServerUnavailableError as problem:
        if name != "redis70":
            raise
        pytest.skip(str(problem))
    finally:
        for server in (other, ours):
            if server.is_alive():
                end(server)
        ours.stop()


def rewrite(connection: Connection) -> None:
    """Makes the append-only file new: a snapshot, and nothing after it."""
    connection.call("BGREWRITEAOF")
    while b"aof_rewrite_in_progress:0" not in connection.call("INFO", "persistence"):
        pass


def end(server: Server) -> None:
    """Lets the server end as an operator would, and waits for that."""
    assert server.process is not None
    server.process.terminate()
    server.process.wait(timeout=20)
