"""Deadlines of scored members in an append-only file that was written anew."""

from __future__ import annotations

import time
from typing import Any

from tests import oracles
from tests.durability.data import FAR_MS
from tests.wire import Connection

KEYS = {"few": 3, "many": 3000}


def held(connection: Connection) -> list[Any]:
    """All that is to come back."""
    found = [connection.call("DEBUG", "DIGEST")]
    for key, number in KEYS.items():
        names = [f"m{at}" for at in range(number)]
        found.append(connection.call("ZRANGE", key, 0, -1, "WITHSCORES"))
        found.append(connection.call("ZPEXPIRETIME", key, "MEMBERS", number, *names))
    return found


def rewrite(connection: Connection) -> None:
    connection.call("BGREWRITEAOF")
    end = time.monotonic() + 30
    while b"aof_rewrite_in_progress:0" not in bytes(connection.call("INFO", "persistence")):
        assert time.monotonic() < end, "the rewrite does not end"


def test_a_rewritten_file_keeps_deadlines():
    server = oracles.start("ours", "--appendonly", "yes", "--appendfsync", "always")
    try:
        with server.connect() as connection:
            for key, number in KEYS.items():
                scored = [word for at in range(number) for word in (at, f"m{at}")]
                connection.call("ZADD", key, *scored)
                timed = [f"m{at}" for at in range(0, number, 2)]
                connection.call("ZPEXPIREAT", key, FAR_MS, "MEMBERS", len(timed), *timed)
            rewrite(connection)
            # What comes behind the new base.
            connection.call("ZINCRBY", "few", 5, "m0")
            assert connection.call("ZPERSIST", "few", "MEMBERS", 1, "m2") == [1]
            before = held(connection)
        assert before[2] == [FAR_MS, -1, -1]
        assert server.process is not None
        server.process.kill()
        server.process.wait()
        server.restart()
        with server.connect() as connection:
            assert held(connection) == before
    finally:
        server.stop()
