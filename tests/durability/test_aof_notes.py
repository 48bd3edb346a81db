"""Deadlines of fields and members in the append-only file: others pass them over."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests import oracles
from tests.durability.data import FAR_MS
from tests.oracles import Server
from tests.wire import Connection

LONG = "long \r\n" * 500


def edit(connection: Connection, sender: Connection) -> None:
    """Commands of which Redis 7.0 knows but the values; `sender` has another database."""
    call = connection.call
    call("HSET", "h", "f", "1", "g", "2", "gone", "3", LONG, "4")
    assert call("HPEXPIREAT", "h", FAR_MS, "FIELDS", 3, "f", "g", LONG) == [1, 1, 1]
    assert call("HPERSIST", "h", "FIELDS", 1, "g") == [1]
    assert call("HSETEX", "h", "PXAT", FAR_MS, "FIELDS", 2, "set", "5", "\x00\xff", "6") == 1
    assert call("HSETEX", "h", "KEEPTTL", "FIELDS", 1, "set", "7") == 1
    assert call("hsetex", "h", "FNX", "fields", 1, "plain", "8") == 1
    assert call("HGETEX", "h", "PXAT", FAR_MS + 1, "FIELDS", 1, "g") == [b"2"]
    assert call("HPEXPIREAT", "h", 1, "FIELDS", 1, "gone") == [2]
    assert call("HINCRBYFLOAT", "h", "f", "0.5") == b"1.5"
    call("SADD", "s", "a", "b", "c")
    assert call("SPEXPIREAT", "s", FAR_MS, "MEMBERS", 2, "a", "b") == [1, 1]
    assert call("SPERSIST", "s", "MEMBERS", 1, "b") == [1]
    call("ZADD", "z", 1, "a", 2, "b", 3, "c")
    assert call("ZPEXPIREAT", "z", FAR_MS, "MEMBERS", 2, "a", "b") == [1, 1]
    assert call("ZPERSIST", "z", "MEMBERS", 1, "b") == [1]
    call("MULTI")
    call("HPEXPIREAT", "h", FAR_MS + 2, "FIELDS", 1, "f")
    call("SPEXPIREAT", "s", FAR_MS + 2, "MEMBERS", 1, "c")
    call("ZPEXPIREAT", "z", FAR_MS + 2, "MEMBERS", 1, "c")
    call("EXEC")
    for key in ("h", "s", "z"):
        payload = call("DUMP", key)
        assert call("RESTORE", f"{key}-again", 0, payload) == "OK"
        assert call("RESTORE", f"{key}-later", FAR_MS, payload, "ABSTTL") == "OK"
    sender.call("SELECT", 5)
    sender.call("HSET", "h5", "f", "1")
    sender.call("HPEXPIREAT", "h5", FAR_MS, "FIELDS", 1, "f")


def values(connection: Connection) -> Any:
    """What every server keeps."""
    found: dict[str, Any] = {}
    for key in ("h", "h-again", "h-later"):
        flat = connection.call("HGETALL", key)
        found[key] = dict(zip(flat[::2], flat[1::2], strict=True))
    for key in ("s", "s-again", "s-later"):
        found[key] = sorted(connection.call("SMEMBERS", key))
    for key in ("z", "z-again", "z-later"):
        found[key] = connection.call("ZRANGE", key, 0, -1, "WITHSCORES")
    found["ttl"] = connection.call("PEXPIRETIME", "h-later")
    connection.call("SELECT", 5)
    found["h5"] = connection.call("HGETALL", "h5")
    connection.call("SELECT", 0)
    return found


def deadlines(connection: Connection, *, of_members: bool = True) -> Any:
    fields = ["f", "g", "gone", LONG, "set", "\x00\xff", "plain"]
    found = [
        connection.call("HPEXPIRETIME", key, "FIELDS", len(fields), *fields)
        for key in ("h", "h-again", "h-later")
    ]
    if of_members:
        found += [
            connection.call("SPEXPIRETIME", key, "MEMBERS", 3, "a", "b", "c")
            for key in ("s", "s-again", "s-later")
        ]
        found += [
            connection.call("ZPEXPIRETIME", key, "MEMBERS", 3, "a", "b", "c")
            for key in ("z", "z-again", "z-later")
        ]
    return found


def kill(server: Server) -> None:
    assert server.process is not None
    server.process.kill()
    server.process.wait()


def write(*arguments: str) -> tuple[Server, Any, Any]:
    """A server that was killed, and what it held."""
    server = oracles.start("ours", "--appendonly", "yes", "--appendfsync", "always", *arguments)
    with server.connect() as connection, server.connect() as other:
        edit(connection, other)
        held = values(connection), deadlines(connection)
    kill(server)
    return server, *held


def test_deadlines_come_back():
    server, held, held_deadlines = write("--aof-timestamp-enabled", "yes")
    try:
        assert held_deadlines[0] == [
            FAR_MS + 2, FAR_MS + 1, -2, FAR_MS, FAR_MS, FAR_MS, -1
        ]  # fmt: skip
        assert held_deadlines[1:3] == [held_deadlines[0]] * 2
        assert held_deadlines[3:] == [[FAR_MS, -1, FAR_MS + 2]] * 6
        server.restart()
        with server.connect() as connection:
            assert values(connection) == held
            assert deadlines(connection) == held_deadlines
    finally:
        server.stop()


@pytest.mark.parametrize(
    ("real", "arguments"),
    [
        ("redis70", ()),
        ("redis82", ()),
        ("valkey91", ()),
        ("redis82", ("--rdb-format", "redis12")),
        ("valkey91", ("--rdb-format", "valkey80")),
    ],
)
def test_real_servers_load_the_values(real: str, arguments: tuple[str, ...]):
    server, held, held_deadlines = write(*arguments)
    theirs = Server(real, ("--appendonly", "yes"))
    try:
        theirs.directory, theirs.port = Path(server.directory), server.port
        theirs.restart()
        with theirs.connect() as connection:
            assert values(connection) == held
            if arguments:
                # In their own format they know the deadlines, too.
                assert deadlines(connection, of_members=False) == held_deadlines[:3]
        kill(theirs)
        # They have written nothing: ours finds its deadlines again.
        server.restart()
        with server.connect() as connection:
            assert deadlines(connection) == held_deadlines
    finally:
        if theirs.is_alive():
            kill(theirs)
        server.stop()


def test_the_tool_of_redis_finds_nothing_wrong():
    tool = shutil.which("redis-check-aof")
    if tool is None:
        pytest.skip("redis-check-aof is not on PATH")
    server, _, _ = write()
    try:
        manifest = server.directory / "appendonlydir" / "appendonly.aof.manifest"
        done = subprocess.run(
            [tool, str(manifest)], capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert "All AOF files and manifest are valid" in done.stdout
    finally:
        server.stop()


@pytest.mark.parametrize("real", ["redis70", "redis82", "valkey91"])
def test_a_dump_with_deadlines_of_members_is_ours_alone(real: str):
    server = oracles.start("ours")
    try:
        theirs = oracles.start(real)
    except oracles.ServerUnavailableError as problem:
        server.stop()
        pytest.skip(str(problem))
    try:
        with server.connect() as connection, theirs.connect() as other:
            for members in (("1", "2"), ("a", "b"), range(2000)):
                connection.call("DEL", "s")
                connection.call("SADD", "s", *members)
                first = str(next(iter(members)))
                connection.call("SPEXPIREAT", "s", FAR_MS, "MEMBERS", 1, first)
                payload = connection.call("DUMP", "s")
                assert connection.call("RESTORE", "t", 0, payload, "REPLACE") == "OK"
                assert connection.call("SPEXPIRETIME", "t", "MEMBERS", 1, first) == [FAR_MS]
                assert connection.call("SCARD", "t") == len(members)
                assert other.call("RESTORE", "t", 0, payload, "REPLACE") == "ERR Bad data format"
                # Without deadlines it is a set like any other.
                connection.call("SPERSIST", "s", "MEMBERS", 1, first)
                payload = connection.call("DUMP", "s")
                assert other.call("RESTORE", "t", 0, payload, "REPLACE") == "OK"
    finally:
        theirs.stop()
        server.stop()
