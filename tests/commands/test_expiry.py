"""When keys expire. No test sleeps: the store's clock is moved."""

from __future__ import annotations

import pytest

from tests.store import START_MS, Store


def test_a_key_is_there_to_its_last_millisecond(store: Store):
    store("SET", "key", "value", "PX", 1000)
    store.engine.advance_clock(1000)
    assert store("GET", "key") == b"value"
    store.engine.advance_clock(1)
    assert store("GET", "key") is None


def test_nothing_shows_a_key_that_is_due(store: Store):
    store("SET", "key", "value", "PX", 10)
    store.engine.advance_clock(11)
    assert store("KEYS", "*") == []
    assert store("RANDOMKEY") is None
    assert store("SCAN", 0) == [b"0", []]
    assert store("DBSIZE") == 0


@pytest.mark.parametrize(
    ("milliseconds", "seconds"), [(1, 0), (499, 0), (500, 1), (1499, 1), (1500, 2)]
)
def test_ttl_rounds_to_the_nearest_second(store: Store, milliseconds: int, seconds: int):
    store("SET", "key", "value", "PX", milliseconds)
    assert store("TTL", "key") == seconds


def test_ttl_of_a_key_without_deadline_and_of_none(store: Store):
    store("SET", "key", "value")
    for command in ("TTL", "PTTL", "EXPIRETIME", "PEXPIRETIME"):
        assert store(command, "key") == -1
        assert store(command, "missing") == -2


@pytest.mark.parametrize(
    ("present", "condition", "seconds", "is_set"),
    [
        (None, "NX", 10, True),
        (None, "XX", 10, False),
        (None, "GT", 10, False),
        (None, "LT", 10, True),
        (100, "NX", 10, False),
        (100, "XX", 10, True),
        (100, "GT", 10, False),
        (100, "GT", 100, False),
        (100, "GT", 101, True),
        (100, "LT", 10, True),
        (100, "LT", 100, False),
    ],
)
def test_expire_keeps_its_condition(
    store: Store, present: int | None, condition: str, seconds: int, is_set: bool
):
    store("SET", "key", "value", *(("EX", present) if present else ()))
    assert store("EXPIRE", "key", seconds, condition) == int(is_set)
    assert store("TTL", "key") == (seconds if is_set else present or -1)


@pytest.mark.parametrize(
    "command",
    ["EXPIRE key -1", "PEXPIREAT key 1", "GETEX key PXAT 1", "SET key value PXAT 1"],
)
def test_a_deadline_that_has_passed_removes_the_key_at_once(store: Store, command: str):
    store("SET", "key", "value")
    assert not isinstance(store(*command.split()), Exception)
    assert store("DBSIZE") == 0


@pytest.mark.parametrize(
    ("command", "keeps"),
    [
        ("SET key value", False),
        ("SET key value KEEPTTL", True),
        ("GETSET key value", False),
        ("MSET key value", False),
        ("APPEND key value", True),
        ("SETRANGE key 0 value", True),
        ("INCR key", True),
        ("INCRBYFLOAT key 1.5", True),
        ("GETEX key PERSIST", False),
        ("PERSIST key", False),
    ],
)
def test_which_commands_keep_the_deadline(store: Store, command: str, keeps: bool):
    store("SET", "key", "1", "EX", 100)
    assert not isinstance(store(*command.split()), Exception)
    assert store("TTL", "key") == (100 if keeps else -1)


def test_renaming_moving_and_copying_take_the_deadline_along(store: Store):
    store("SET", "key", "value", "EX", 100)
    store("COPY", "key", "copy")
    store("RENAME", "key", "name")
    store("MOVE", "name", 1)
    assert store("TTL", "copy") == 100
    store("SELECT", 1)
    assert store("PEXPIRETIME", "name") == START_MS + 100_000


@pytest.mark.parametrize(
    "command",
    [
        "EXPIRE key 9223372036854775807",
        "EXPIRE key -9223372036854775807",
        "PEXPIRE key 9223372036854775807",
        "SET key value EX 0",
        "SET key value PX 9223372036854775807",
        "GETEX missing EX 0",
        "SETEX key -1 value",
        "MSETEX 1 key value EXAT 9223372036854776",
    ],
)
def test_times_that_do_not_fit_are_refused(store: Store, command: str):
    store("SET", "key", "value")
    reply = store(*command.split())
    name = command.split()[0].lower()
    assert str(reply) == f"ERR invalid expire time in '{name}' command"
    assert store("PTTL", "key") == -1


def test_options_are_judged_before_the_time(store: Store):
    assert str(store("EXPIRE", "key", "soon", "NX", "XX")).startswith("ERR NX and XX, GT or LT")
    assert str(store("EXPIRE", "key", "soon", "GT", "LT")).startswith("ERR GT and LT options")
    assert str(store("EXPIRE", "key", "soon", "now")) == "ERR Unsupported option now"
    assert str(store("EXPIRE", "key", "soon")).startswith("ERR value is not an integer")


def test_two_deadlines_past_the_latest_are_equal(store: Store):
    store("SET", "key", "value")
    assert store("PEXPIREAT", "key", 2**62) == 1
    assert store("PEXPIRETIME", "key") == 2**48 - 1
    assert store("PEXPIREAT", "key", 2**63 - 1, "GT") == 0
    assert store("PEXPIREAT", "key", 2**48, "LT") == 0
    assert store("PEXPIREAT", "key", 2**48 - 2, "LT") == 1
