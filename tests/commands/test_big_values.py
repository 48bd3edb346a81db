"""Values of many megabytes arrive in the memory in which they stay."""

from __future__ import annotations

import time

import pytest

from tests.oracles import Server
from tests.wire import Argument, Connection, Status

BIG_BYTES = 48 * 1024 * 1024
#: Of two values that are sent together, each.
HALF = b"h" * (BIG_BYTES // 2)


def memory(connection: Connection, field: str) -> int:
    lines = connection.call("INFO", "memory").decode().splitlines()
    return int(next(line for line in lines if line.startswith(f"{field}:")).partition(":")[2])


@pytest.mark.parametrize(
    "command",
    [
        ("SET", "key", b"x" * BIG_BYTES),
        ("SET", "key", b"x" * BIG_BYTES, "EX", 100, "GET"),
        ("SETEX", "key", 100, b"x" * BIG_BYTES),
        ("MSET", "key", HALF, "other", HALF),
        ("MSETEX", 2, "key", HALF, "other", HALF, "EX", 100),
    ],
    ids=lambda command: " ".join(str(word)[:6] for word in command),
)
def test_a_big_value_is_in_memory_once(server: Server, command: tuple[Argument, ...]):
    # The peak counts since the start.
    server.restart()
    with server.connect() as connection:
        before = memory(connection, "used_memory")
        connection.call(*command)
        value = next(word for word in command if isinstance(word, bytes) and len(word) > 1000)
        assert connection.call("STRLEN", "key") == len(value)
        assert connection.call("GETRANGE", "key", 0, 9) == value[:10]
        assert memory(connection, "used_memory") - before < 1.05 * BIG_BYTES
        assert memory(connection, "used_memory_peak") - before < 1.3 * BIG_BYTES


def test_what_is_only_announced_costs_nothing(server: Server):
    with server.connect() as connection, server.connect() as patient:
        before = memory(connection, "used_memory")
        patient.send_raw(b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$536870912\r\n" + bytes(100_000))
        deadline = time.monotonic() + 10
        while b" qbuf=100" not in connection.call("CLIENT", "LIST"):
            assert time.monotonic() < deadline
        assert memory(connection, "used_memory") - before < 1024 * 1024


def test_a_transaction_keeps_a_big_value_without_a_copy(server: Server):
    with server.connect() as connection:
        connection.call("FLUSHALL", "SYNC")
        before = memory(connection, "used_memory")
        value = b"t" * BIG_BYTES
        connection.call("MULTI")
        assert connection.call("SET", "key", value) == "QUEUED"
        connection.call("ECHO", "x")
        assert connection.call("EXEC") == [Status("OK"), b"x"]
        assert memory(connection, "used_memory") - before < 1.05 * BIG_BYTES
        assert connection.call("GETRANGE", "key", -5, -1) == value[-5:]


def test_a_stored_value_is_not_what_a_later_edit_changes_elsewhere(server: Server):
    value = b"v" * 100_000
    with server.connect() as connection, server.connect() as reader:
        connection.call("SET", "key", value)
        reader.send("GET", "key")
        connection.call("COPY", "key", "copy", "REPLACE")
        connection.call("SETRANGE", "key", 0, "changed")
        assert reader.reply() in (value, b"changed" + value[7:])
        assert connection.call("GET", "copy") == value
