"""Hashes, and fields that expire. No test sleeps: the store's clock is moved."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from rubellite._core import Status
from tests.oracles import Server
from tests.store import START_MS, Store
from tests.wire import decode_all


@pytest.fixture(params=["packed", "large"])
def store(request: pytest.FixtureRequest) -> Iterator[Store]:
    """A store whose hashes are of one form; it must hold together afterwards."""
    entries = "512" if request.param == "packed" else "0"
    store = Store({"hash-max-listpack-entries": entries})
    yield store
    store.engine.check()


def info(store: Store, section: str) -> dict[str, str]:
    lines = store("INFO", section).text.decode().splitlines()
    return dict(line.split(":", 1) for line in lines if ":" in line)


def effects(store: Store) -> list[str]:
    """What the journal got since the last call, without SELECT."""
    commands = [b" ".join(words).decode() for words in decode_all(store.engine.take_journal())]
    return [command for command in commands if not command.startswith("SELECT")]


def test_a_field_is_gone_when_its_deadline_comes(store: Store):
    store("HSET", "h", "a", 1, "b", 2)
    store("HPEXPIRE", "h", 1000, "FIELDS", 1, "a")
    store.engine.advance_clock(999)
    assert store("HGET", "h", "a") == b"1"
    store.engine.advance_clock(1)
    assert store("HGET", "h", "a") is None


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("HGET h a", None),
        ("HMGET h a b", [None, b"2"]),
        ("HGETALL h", {b"b": b"2"}),
        ("HKEYS h", [b"b"]),
        ("HVALS h", [b"2"]),
        ("HLEN h", 1),
        ("HEXISTS h a", 0),
        ("HSTRLEN h a", 0),
        ("HSCAN h 0", [b"0", [b"b", b"2"]]),
        ("HRANDFIELD h 5", [b"b"]),
        ("HRANDFIELD h -2", [b"b", b"b"]),
        ("HTTL h FIELDS 1 a", [-2]),
        ("HPERSIST h FIELDS 1 a", [-2]),
        ("HEXPIRE h 10 FIELDS 1 a", [-2]),
        ("HGETEX h FIELDS 1 a", [None]),
        ("HGETDEL h FIELDS 1 a", [None]),
        ("HDEL h a", 0),
        ("HSET h a 3", 1),
        ("HSETNX h a 3", 1),
        ("HINCRBY h a 3", 3),
        ("HINCRBYFLOAT h a 3", b"3"),
        ("HSETEX h FNX FIELDS 1 a 3", 1),
        ("HSETEX h FXX FIELDS 1 a 3", 0),
    ],
)
def test_no_command_sees_a_field_that_is_due(store: Store, command: str, expected: Any):
    store("HSET", "h", "a", 1, "b", 2)
    store("HPEXPIRE", "h", 10, "FIELDS", 1, "a")
    store.engine.advance_clock(10)
    assert store(*command.split()) == expected


def test_the_digest_leaves_due_fields_out(store: Store):
    store("HSET", "h", "a", 1, "b", 2)
    store("HSET", "same", "b", 2)
    store("HPEXPIRE", "h", 10, "FIELDS", 1, "a")
    store.engine.advance_clock(10)
    one, other = store("DEBUG", "DIGEST-VALUE", "h", "same")
    assert one == other


@pytest.mark.parametrize("look", ["EXISTS h", "TYPE h", "HLEN h", "DBSIZE", "HGETALL h"])
def test_a_key_goes_with_its_last_field(store: Store, look: str):
    store("HSET", "h", "a", 1, "b", 2)
    store("HPEXPIRE", "h", 10, "FIELDS", 2, "a", "b")
    store.engine.advance_clock(10)
    if look == "DBSIZE":
        store.engine.tick()
    assert store(*look.split()) in (0, Status("none"), {})
    assert store("DBSIZE") == 0


def test_fields_expire_though_nobody_looks(store: Store):
    store("HSET", "other", "a", 1)
    store("HSET", "h", "a", 1, "b", 2)
    store("HPEXPIRE", "h", 10, "FIELDS", 1, "a")
    store.engine.record_journal()
    store.engine.advance_clock(9)
    store.engine.tick()
    assert effects(store) == []
    store.engine.advance_clock(1)
    store.engine.tick()
    assert effects(store) == ["HDEL h a"]
    assert info(store, "stats")["expired_fields"] == "1"


def test_many_fields_expire_in_slices(store: Store):
    store("HSET", "h", "stays", 1, *(word for n in range(5000) for word in (f"f{n}", n)))
    store("HPEXPIRE", "h", 10, "FIELDS", 5000, *(f"f{n}" for n in range(5000)))
    store.engine.advance_clock(10)
    assert store("HGETALL", "h") == {b"stays": b"1"}
    for _ in range(100):
        store.engine.tick()
    assert info(store, "stats")["expired_fields"] == "5000"
    assert info(store, "keyspace")["db0"].endswith("keys_with_volatile_items=0")


@pytest.mark.parametrize(
    "journey",
    [
        [("RENAME", "h", "k")],
        [("COPY", "h", "k"), ("DEL", "h")],
        [("MOVE", "h", 1), ("SELECT", 1), ("RENAME", "h", "k")],
        [("SWAPDB", 0, 1), ("SELECT", 1), ("RENAME", "h", "k")],
        [("DUMP", "h")],
    ],
)
def test_deadlines_of_fields_travel_with_their_key(
    store: Store, journey: list[tuple[str | int, ...]]
):
    store("HSET", "h", "a", 1, "b", 2)
    store("HPEXPIRE", "h", 10, "FIELDS", 1, "a")
    if journey == [("DUMP", "h")]:
        store("RENAME", "h", "k")
        journey = []
    for step in journey:
        assert not isinstance(store(*step), Exception), step
    assert store("HPTTL", "k", "FIELDS", 2, "a", "b") == [10, -1]
    assert info(store, "keyspace").popitem()[1].endswith("keys_with_volatile_items=1")
    store.engine.record_journal()
    store.engine.advance_clock(10)
    store.engine.tick()
    assert effects(store) == ["HDEL k a"]


@pytest.mark.parametrize(
    "ending",
    ["DEL h", "SET h v", "FLUSHALL", "HPERSIST h FIELDS 1 a", "HSET h a 2", "HDEL h a"],
)
def test_the_keyspace_forgets_deadlines_that_are_gone(store: Store, ending: str):
    store("HSET", "h", "a", 1, "b", 2)
    store("HPEXPIRE", "h", 10, "FIELDS", 1, "a")
    store("SET", "other", "value")
    store(*ending.split())
    store("SET", "other", "value")
    assert info(store, "keyspace")["db0"].endswith("keys_with_volatile_items=0")
    store.engine.record_journal()
    store.engine.advance_clock(10)
    store.engine.tick()
    assert effects(store) == []


def test_a_field_keeps_its_deadline_when_it_is_counted_with(store: Store):
    store("HSETEX", "h", "PX", 1000, "FIELDS", 1, "a", 1)
    store("HINCRBY", "h", "a", 1)
    store("HINCRBYFLOAT", "h", "a", "0.5")
    assert store("HPTTL", "h", "FIELDS", 1, "a") == [1000]
    store("HSET", "h", "a", 1)
    assert store("HPTTL", "h", "FIELDS", 1, "a") == [-1]


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("HSET h a 2", ["HSET h a 2"]),
        ("HSETNX h n 2", ["HSETNX h n 2"]),
        ("HSETNX h a 2", []),
        ("HMSET h a 2", ["HMSET h a 2"]),
        ("HDEL h a nothing", ["HDEL h a nothing"]),
        ("HDEL h nothing", []),
        ("HINCRBY h a 2", ["HINCRBY h a 2"]),
        ("HINCRBYFLOAT h a 0.5", ["HSET h a 1.5"]),
        ("HINCRBYFLOAT h timed 0.5", [f"HSETEX h PXAT {START_MS + 9000} FIELDS 1 timed 3.5"]),
        ("HEXPIRE h 5 FIELDS 2 a nothing", [f"HPEXPIREAT h {START_MS + 5000} FIELDS 1 a"]),
        ("HEXPIRE h 5 NX FIELDS 2 a timed", [f"HPEXPIREAT h {START_MS + 5000} FIELDS 1 a"]),
        ("HPEXPIRE h 5 XX FIELDS 1 a", []),
        ("HEXPIRE h 0 FIELDS 2 a nothing", ["HDEL h a"]),
        ("HPEXPIREAT h 1 FIELDS 2 a timed", ["HDEL h a timed"]),
        ("HPERSIST h FIELDS 2 a timed", ["HPERSIST h FIELDS 2 a timed"]),
        ("HPERSIST h FIELDS 1 a", []),
        ("HGETEX h FIELDS 1 a", []),
        ("HGETEX h EX 5 FIELDS 2 a nothing", [f"HPEXPIREAT h {START_MS + 5000} FIELDS 1 a"]),
        ("HGETEX h PERSIST FIELDS 2 a timed", ["HPERSIST h FIELDS 1 timed"]),
        ("HGETEX h PXAT 1 FIELDS 1 a", ["HDEL h a"]),
        ("HSETEX h EX 5 FIELDS 1 a 2", [f"HSETEX h PXAT {START_MS + 5000} FIELDS 1 a 2"]),
        ("HSETEX h XX FXX KEEPTTL FIELDS 1 a 2", ["HSETEX h KEEPTTL FIELDS 1 a 2"]),
        ("HSETEX h FNX FIELDS 1 a 2", []),
        ("HSETEX h PXAT 1 FIELDS 2 a 2 nothing 3", ["HDEL h a"]),
        ("HGETDEL h FIELDS 2 a nothing", ["HGETDEL h FIELDS 2 a nothing"]),
        ("HGETDEL h FIELDS 1 nothing", []),
    ],
)
def test_the_journal_gets(store: Store, command: str, expected: list[str]):
    store("HSET", "h", "a", 1, "b", 2)
    store("HSETEX", "h", "PX", 9000, "FIELDS", 1, "timed", 3)
    store.engine.record_journal()
    assert not isinstance(store(*command.split()), Exception)
    assert effects(store) == expected


def test_a_field_is_named_twice_and_read_once_when_its_time_is_over(store: Store):
    store("HSET", "h", "a", 1, "b", 2)
    assert store("HGETEX", "h", "PX", 0, "FIELDS", 3, "a", "c", "a") == [b"1", None, None]
    assert store("HGETALL", "h") == {b"b": b"2"}


def test_a_due_field_leaves_the_journal_before_it_is_set_again(store: Store):
    store("HSETEX", "h", "PX", 10, "FIELDS", 1, "a", 1)
    store("HSET", "h", "b", 1)
    store.engine.record_journal()
    store.engine.advance_clock(10)
    assert store("HINCRBY", "h", "a", 5) == 5
    assert effects(store) == ["MULTI", "HDEL h a", "HINCRBY h a 5", "EXEC"]


def test_far_too_many_random_fields_are_refused(store: Store):
    store("HSET", "h", "a", 1)
    refused = "ERR value is out of range"
    assert str(store("HRANDFIELD", "h", -(2**40))) == refused
    assert store("HRANDFIELD", "h", 2**40) == [b"a"]


def test_random_fields_are_uniform(store: Store):
    fields = [f"f{n}" for n in range(20)]
    store("HSET", "h", *(word for field in fields for word in (field, 1)))
    drawn = store("HRANDFIELD", "h", -20_000)
    counts = [drawn.count(field.encode()) for field in fields]
    assert all(800 < count < 1200 for count in counts)
    once = [field for _ in range(2000) for field in store("HRANDFIELD", "h", 5)]
    counts = [once.count(field.encode()) for field in fields]
    assert all(380 < count < 620 for count in counts)


def test_watchers_learn_of_a_field_that_expired(store: Store):
    other = store.engine.open_session()
    store("HSET", "h", "a", 1, "b", 2)
    store("HPEXPIRE", "h", 10, "FIELDS", 1, "a")
    store("WATCH", "h")
    store.engine.advance_clock(10)
    store.call_as(other, "HLEN", "h")
    store("MULTI")
    store("HLEN", "h")
    assert store("EXEC") is None


def test_digests_of_both_forms_are_valkeys(valkey91: Server, server: Server):
    with valkey91.connect() as theirs, server.connect() as ours:
        digests = []
        for connection in (theirs, ours):
            connection.call("FLUSHALL")
            connection.call("HSET", "small", "a", "1", "b", "-17", "c", "text", "d", "")
            for number in range(600):
                connection.call("HSET", "large", f"f{number}", number)
            connection.call("HEXPIRE", "small", "100", "FIELDS", "1", "a")
            digests.append(
                [
                    connection.call("DEBUG", "DIGEST"),
                    connection.call("DEBUG", "DIGEST-VALUE", "small", "large"),
                    connection.call("OBJECT", "ENCODING", "small"),
                    connection.call("OBJECT", "ENCODING", "large"),
                ]
            )
            connection.call("FLUSHALL")
        assert digests[0] == digests[1]
