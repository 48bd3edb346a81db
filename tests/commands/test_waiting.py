"""WAIT and WAITAOF without replicas, beside the real servers."""

from __future__ import annotations

import pytest

from tests import oracles
from tests.wire import Connection, same

#: A client that waits is let go again at once: timeouts are short.
CALLS: list[tuple[str | int, ...]] = [
    ("WAIT", 0, 0),
    ("WAIT", -1, 10),
    ("WAIT", 1, 20),
    ("WAIT", "x", 10),
    ("WAIT", 1, -1),
    ("WAIT", 1, "x"),
    ("WAIT", 1),
    ("WAIT", 0, 2**63),
    ("WAIT", 0, 2**63 - 1),
    ("WAITAOF", 1, 0, 0),
    ("WAITAOF", 0, 1, 20),
    ("WAITAOF", 1, 1, 20),
    ("WAITAOF", 2, 0, 0),
    ("WAITAOF", -1, 0, 0),
    ("WAITAOF", "x", 0, 0),
    ("WAITAOF", 0, -1, 0),
    ("WAITAOF", 0, "x", 0),
    ("WAITAOF", 0, 0, -1),
    ("WAITAOF", 0, 0, "x"),
    ("WAITAOF", 2, -1, -1),
    ("WAITAOF", 0, 0),
    ("WAITAOF", 1, 0, 2**63 - 1),
    ("WAITAOF", 0, 2**63 - 1, 20),
]


@pytest.mark.parametrize("appends", ["no", "yes"])
def test_replies_and_errors_are_those_of_valkey(appends: str):
    settings = ("--appendonly", appends, "--appendfsync", "always")
    ours = oracles.start("ours", *settings)
    try:
        theirs = oracles.start("valkey91", *settings)
    except oracles.ServerUnavailableError as problem:
        ours.stop()
        pytest.skip(str(problem))
    try:
        with ours.connect() as connection, theirs.connect() as other:
            for one in (connection, other):
                one.call("SET", "a", 1)
            for call in CALLS:
                reply, expected = connection.call(*call), other.call(*call)
                assert same(reply, expected), (call, reply, expected)
            for script in ("return redis.call('WAIT', 1, 0)", "return redis.call('WAITAOF',0,1,0)"):
                assert same(connection.call("EVAL", script, 0), other.call("EVAL", script, 0))
            assert same(_in_transaction(connection), _in_transaction(other))
            _let_go(ours, connection)
    finally:
        theirs.stop()
        ours.stop()


def _in_transaction(connection: Connection) -> object:
    connection.call("MULTI")
    for call in (("WAIT", 1, 0), ("WAITAOF", 0, 1, 0), ("WAITAOF", 1, 1, 0)):
        connection.call(*call)
    return connection.call("EXEC")


def _let_go(server: oracles.Server, connection: Connection) -> None:
    """CLIENT UNBLOCK ends a wait that has no end of its own."""
    with server.connect() as waiting:
        number = waiting.call("CLIENT", "ID")
        waiting.send("WAIT", 3, 0)
        while connection.call("CLIENT", "UNBLOCK", number) == 0:
            pass
        assert waiting.reply() == 0
        waiting.send("WAITAOF", 0, 3, 0)
        while connection.call("CLIENT", "UNBLOCK", number, "ERROR") == 0:
            pass
        assert str(waiting.reply()).startswith("UNBLOCKED")


def test_waitaof_tells_what_is_on_disk_and_forces_what_is_asked_for():
    server = oracles.start("ours", "--appendonly", "yes", "--appendfsync", "no")
    try:
        with server.connect() as connection:
            connection.call("SET", "a", 1)
            assert connection.call("WAITAOF", 0, 0, 0) == [0, 0]
            assert connection.call("WAITAOF", 1, 0, 0) == [1, 0]
            assert connection.call("WAITAOF", 0, 0, 0) == [1, 0]
    finally:
        server.stop()
