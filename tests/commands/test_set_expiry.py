"""Members of sets that expire. No test sleeps: the store's clock is moved."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rubellite._core import Status
from rubellite.errors import ReplyError
from tests.store import START_MS, Store
from tests.wire import decode_all


@pytest.fixture(params=["packed", "large"])
def store(request: pytest.FixtureRequest) -> Iterator[Store]:
    """A store whose sets are of one form; it must hold together afterwards."""
    entries = "128" if request.param == "packed" else "0"
    store = Store({"set-max-listpack-entries": entries})
    yield store
    store.engine.check()


def effects(store: Store) -> list[str]:
    """What the journal got since the last call, without SELECT."""
    commands = [b" ".join(words).decode() for words in decode_all(store.engine.take_journal())]
    return [command for command in commands if not command.startswith("SELECT")]


def due_set(store: Store, *members: str | int) -> None:
    """A set at `s`, of `a`, which is due, and `members`."""
    store("SADD", "s", "a", *members)
    assert store("SPEXPIRE", "s", 10, "MEMBERS", 1, "a") == [1]
    store.engine.advance_clock(10)


@pytest.mark.parametrize("member", ["a", "7"])
def test_a_member_is_gone_when_its_deadline_comes(store: Store, member: str):
    store("SADD", "s", member, 8)
    assert store("SEXPIRE", "s", 1, "MEMBERS", 1, member) == [1]
    store.engine.advance_clock(999)
    assert store("SISMEMBER", "s", member) == 1
    store.engine.advance_clock(1)
    assert store("SISMEMBER", "s", member) == 0
    assert store("SMEMBERS", "s") == {b"8"}


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("SISMEMBER s a", 0),
        ("SMISMEMBER s a b", [0, 1]),
        ("SMEMBERS s", {b"b"}),
        ("SCARD s", 1),
        ("SSCAN s 0", [b"0", [b"b"]]),
        ("SRANDMEMBER s", b"b"),
        ("SRANDMEMBER s 5", [b"b"]),
        ("SRANDMEMBER s -2", [b"b", b"b"]),
        ("SPOP s", b"b"),
        ("SPOP s 5", {b"b"}),
        ("SREM s a", 0),
        ("SADD s a", 1),
        ("SMOVE s t a", 0),
        ("SINTER s", {b"b"}),
        ("SUNION s t", {b"b"}),
        ("SDIFF s t", {b"b"}),
        ("SINTERSTORE t s", 1),
        ("SUNIONSTORE t s", 1),
        ("SDIFFSTORE t s", 1),
        ("SINTERCARD 1 s", 1),
        ("STTL s MEMBERS 1 a", [-2]),
        ("SPERSIST s MEMBERS 1 a", [-2]),
        ("SEXPIRE s 10 MEMBERS 1 a", [-2]),
    ],
)
def test_no_command_sees_a_member_that_is_due(store: Store, command: str, expected: Any):
    due_set(store, "b")
    assert store(*command.split()) == expected


def test_members_go_though_nobody_looks(store: Store):
    store("CONFIG", "SET", "notify-keyspace-events", "")
    store.engine.record_journal()
    store("SADD", "s", "a", "b")
    store("SPEXPIRE", "s", 10, "MEMBERS", 2, "a", "b")
    assert effects(store)[-1] == f"SPEXPIREAT s {START_MS + 10} MEMBERS 2 a b"
    store.engine.advance_clock(9)
    store.engine.tick()
    assert effects(store) == []
    store.engine.advance_clock(1)
    store.engine.tick()
    (effect,) = effects(store)
    assert sorted(effect.split()) == ["SREM", "a", "b", "s"]
    # The key went with its last member.
    assert store("DBSIZE") == 0


def test_conditions_compare_with_the_deadline_that_is_there(store: Store):
    store("SADD", "s", "a", "b")
    expire = ("SPEXPIREAT", "s")

    def at(ms: int, *words: str) -> Any:
        return store(*expire, START_MS + ms, *words, "MEMBERS", 3, "a", "b", "c")

    assert at(500, "XX") == [0, 0, -2]
    assert at(500, "GT") == [0, 0, -2]
    assert at(500, "NX") == [1, 1, -2]
    assert at(600, "NX") == [0, 0, -2]
    assert at(400, "GT") == [0, 0, -2]
    assert at(600, "GT") == [1, 1, -2]
    assert at(700, "LT") == [0, 0, -2]
    assert at(300, "XX", "LT") == [1, 1, -2]
    assert store("SPEXPIRETIME", "s", "MEMBERS", 3, "a", "b", "c") == [START_MS + 300] * 2 + [-2]
    assert store("SPTTL", "s", "MEMBERS", 1, "a") == [300]
    assert store("STTL", "s", "MEMBERS", 1, "a") == [0]
    assert store("SEXPIRETIME", "s", "MEMBERS", 1, "a") == [START_MS // 1000]
    assert store("SPERSIST", "s", "MEMBERS", 2, "a", "c") == [1, -2]
    assert store("SPERSIST", "s", "MEMBERS", 1, "a") == [-1]
    assert store("STTL", "s", "MEMBERS", 2, "a", "b") == [-1, 0]


def test_a_deadline_that_has_passed_takes_the_member_at_once(store: Store):
    store.engine.record_journal()
    store("SADD", "s", "a", "b")
    effects(store)
    assert store("SEXPIREAT", "s", 1, "MEMBERS", 2, "a", "c") == [2, -2]
    assert effects(store) == ["SREM s a"]
    assert store("SEXPIRE", "s", 0, "MEMBERS", 1, "b") == [2]
    assert store("EXISTS", "s") == 0
    assert store("SEXPIRE", "s", 9, "MEMBERS", 1, "b") == [-2]


def test_a_deadline_stays_with_its_member(store: Store):
    store("SADD", "s", "a", "b")
    store("SPEXPIRE", "s", 500, "MEMBERS", 1, "a")
    # To add what is there changes nothing.
    assert store("SADD", "s", "a") == 0
    store("COPY", "s", "copy")
    store("RENAME", "s", "renamed")
    assert store("SPTTL", "copy", "MEMBERS", 2, "a", "b") == [500, -1]
    assert store("SPTTL", "renamed", "MEMBERS", 2, "a", "b") == [500, -1]
    # What is stored is new.
    store("SUNIONSTORE", "stored", "renamed")
    assert store("SPTTL", "stored", "MEMBERS", 2, "a", "b") == [-1, -1]
    store("SREM", "copy", "a")
    store("SADD", "copy", "a")
    assert store("SPTTL", "copy", "MEMBERS", 1, "a") == [-1]


def test_a_moved_member_takes_its_deadline_along(store: Store):
    store("SADD", "s", "a", "b")
    store("SADD", "t", "b")
    store("SPEXPIRE", "s", 500, "MEMBERS", 2, "a", "b")
    assert store("SMOVE", "s", "t", "a") == store("SMOVE", "s", "t", "b") == 1
    # Where the member is already, it stays as it is.
    assert store("SPTTL", "t", "MEMBERS", 2, "a", "b") == [500, -1]


def test_many_due_members_go_in_steps(store: Store):
    members = [f"m{number}" for number in range(5000)]
    store("SADD", "s", "stays", *members)
    store("SPEXPIRE", "s", 10, "MEMBERS", len(members), *members)
    store.engine.advance_clock(10)
    # No look-up takes them all out, and nobody sees the rest.
    assert store("SCARD", "s") == 1
    assert store("SRANDMEMBER", "s", 3) == [b"stays"]
    assert store("SPOP", "s") == b"stays"
    assert store("SPOP", "s") is None
    assert store("EXISTS", "s") == 0


@pytest.mark.parametrize(
    ("command", "error"),
    [
        ("SEXPIRE s 10 NX XX MEMBERS 1 a", "ERR NX and XX, GT or LT options at the same time"),
        ("SEXPIRE s 10 GT LT MEMBERS 1 a", "ERR GT and LT options at the same time"),
        ("SEXPIRE s 10 FOO MEMBERS 1 a", "ERR Unsupported option FOO"),
        ("SEXPIRE s ten MEMBERS 1 a", "ERR value is not an integer"),
        ("SEXPIRE s -1 MEMBERS 1 a", "ERR invalid expire time in 'sexpire'"),
        ("SEXPIRE s 9223372036854775807 MEMBERS 1 a", "ERR invalid expire time in 'sexpire'"),
        ("SEXPIRE s 10 MEMBERS 2 a", "ERR nummembers should be greater than 0"),
        ("SEXPIRE s 10 MEMBERS 1 a b", "ERR nummembers should be greater than 0"),
        ("SEXPIRE s 10 MEMBERS 0 a", "ERR nummembers should be greater than 0"),
        ("SEXPIRE s 10 MEMBERS a a", "ERR value is not an integer"),
        ("SEXPIRE s 10 FIELDS 1 a", "ERR Unsupported option FIELDS"),
        ("SEXPIRE s 10 NX MEMBERS", "ERR wrong number of arguments for 'sexpire'"),
        ("STTL s FIELDS 1 a", "ERR syntax error"),
        ("STTL s MEMBERS 1", "ERR wrong number of arguments for 'sttl'"),
        ("STTL text MEMBERS 1 a", "WRONGTYPE "),
        ("SEXPIRE text 10 MEMBERS 1 a", "WRONGTYPE "),
        ("SPERSIST text MEMBERS 1 a", "WRONGTYPE "),
    ],
)
def test_wrong_calls_are_refused(store: Store, command: str, error: str):
    store("SADD", "s", "a")
    store("SET", "text", "")
    reply = store(*command.split())
    assert isinstance(reply, ReplyError)
    assert str(reply).startswith(error)
    assert store("SPTTL", "s", "MEMBERS", 1, "a") == [-1]


def test_saving_and_loading_keep_deadlines(tmp_path: Path):
    store = Store({"dir": str(tmp_path)})
    store("SADD", "s", "a", "b", 7)
    store("SPEXPIRE", "s", 5000, "MEMBERS", 2, "a", "7")
    before = store("SPEXPIRETIME", "s", "MEMBERS", 3, "a", "b", 7)
    assert store("DEBUG", "RELOAD") == Status("OK")
    assert store("SPEXPIRETIME", "s", "MEMBERS", 3, "a", "b", 7) == before
    store.engine.advance_clock(5000)
    store.engine.tick()
    assert store("SMEMBERS", "s") == {b"b"}


def test_a_dump_carries_the_deadlines_of_members(store: Store):
    at = START_MS + 10_000
    store("SADD", "s", "a", "b", 7)
    store("SPEXPIREAT", "s", at, "MEMBERS", 2, "a", 7)
    dump = store("DUMP", "s")
    assert store("RESTORE", "t", 0, dump) == Status("OK")
    assert store("SPEXPIRETIME", "t", "MEMBERS", 3, "a", "b", 7) == [at, -1, at]
    store.engine.advance_clock(10_000)
    assert store("SMEMBERS", "t") == {b"b"}
    # What is due is not restored, and a set of which nothing is left is none.
    assert store("RESTORE", "u", 0, dump) == Status("OK")
    assert store("SCARD", "u") == 1
    store("DEL", "s")
    store("SADD", "s", "a")
    store("SPEXPIRE", "s", 5, "MEMBERS", 1, "a")
    dump = store("DUMP", "s")
    store.engine.advance_clock(5)
    store("RESTORE", "v", 0, dump)
    assert store("EXISTS", "v") == 0
