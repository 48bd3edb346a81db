"""Members of sorted sets that expire. No test sleeps: the store's clock is moved."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rubellite._core import Status
from rubellite.errors import ReplyError
from tests.oracles import Server
from tests.store import START_MS, Store
from tests.wire import decode_all


@pytest.fixture(params=["packed", "large"])
def store(request: pytest.FixtureRequest) -> Iterator[Store]:
    """A store whose sorted sets begin in one form; it must hold together afterwards."""
    entries = "128" if request.param == "packed" else "0"
    store = Store({"zset-max-listpack-entries": entries})
    yield store
    store.engine.check()


def effects(store: Store) -> list[str]:
    """What the journal got since the last call, without SELECT."""
    commands = [b" ".join(words).decode() for words in decode_all(store.engine.take_journal())]
    return [command for command in commands if not command.startswith("SELECT")]


def due_set(store: Store) -> None:
    """A sorted set at `z` of `a`, `c` and, between them, `b`, which is due."""
    store("ZADD", "z", 1, "a", 2, "b", 3, "c")
    assert store("ZPEXPIRE", "z", 10, "MEMBERS", 1, "b") == [1]
    store.engine.advance_clock(10)


def test_a_member_is_gone_when_its_deadline_comes(store: Store):
    store("ZADD", "z", 1, "a", 2, "b")
    assert store("ZEXPIRE", "z", 1, "MEMBERS", 1, "a") == [1]
    assert store("OBJECT", "ENCODING", "z") == "skiplist"
    store.engine.advance_clock(999)
    assert store("ZRANK", "z", "b") == 1
    store.engine.advance_clock(1)
    assert store("ZRANK", "z", "b") == 0
    assert store("ZRANGE", "z", 0, -1) == [b"b"]


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("ZCARD z", 2),
        ("ZSCORE z b", None),
        ("ZMSCORE z a b", [1.0, None]),
        ("ZRANK z c", 1),
        ("ZRANK z b", None),
        ("ZREVRANK z a", 1),
        ("ZRANGE z 0 -1", [b"a", b"c"]),
        ("ZRANGE z 1 1", [b"c"]),
        ("ZRANGE z 0 9 BYSCORE", [b"a", b"c"]),
        ("ZRANGE z - + BYLEX", [b"a", b"c"]),
        ("ZREVRANGE z 0 -1", [b"c", b"a"]),
        ("ZRANGEBYSCORE z 2 2", []),
        ("ZCOUNT z -inf +inf", 2),
        ("ZLEXCOUNT z - +", 2),
        ("ZSCAN z 0 NOSCORES MATCH b", [b"0", []]),
        ("ZRANDMEMBER z 5", {b"a", b"c"}),
        ("ZREM z b", 0),
        ("ZADD z 5 b", 1),
        ("ZADD z XX CH 5 b", 0),
        ("ZINCRBY z 5 b", 5.0),
        ("ZREMRANGEBYSCORE z 2 2", 0),
        ("ZREMRANGEBYRANK z 1 1", 1),
        ("ZREMRANGEBYLEX z - +", 2),
        ("ZPOPMIN z 5", [[b"a", 1.0], [b"c", 3.0]]),
        ("ZPOPMAX z 5", [[b"c", 3.0], [b"a", 1.0]]),
        ("ZMPOP 1 z MIN COUNT 5", [b"z", [[b"a", 1.0], [b"c", 3.0]]]),
        ("ZUNION 1 z", [b"a", b"c"]),
        ("ZINTER 2 z z", [b"a", b"c"]),
        ("ZDIFF 2 z none", [b"a", b"c"]),
        ("ZINTERCARD 2 z z", 2),
        ("ZUNIONSTORE t 1 z", 2),
        ("ZINTERSTORE t 2 z z", 2),
        ("ZDIFFSTORE t 1 z", 2),
        ("ZRANGESTORE t z 0 -1", 2),
        ("SORT z ALPHA", [b"a", b"c"]),
        ("SORT z ALPHA STORE t", 2),
        ("ZTTL z MEMBERS 1 b", [-2]),
        ("ZPERSIST z MEMBERS 1 b", [-2]),
        ("ZEXPIRE z 10 MEMBERS 1 b", [-2]),
    ],
)
def test_no_command_sees_a_member_that_is_due(store: Store, command: str, expected: Any):
    due_set(store)
    reply = store(*command.split())
    assert (set(reply) if isinstance(expected, set) else reply) == expected


def test_places_expire(store: Store):
    store("GEOADD", "z", "13.36", "38.11", "Palermo", "15.08", "37.50", "Catania")
    store("ZPEXPIRE", "z", 10, "MEMBERS", 1, "Catania")
    store.engine.advance_clock(10)
    around = ("FROMLONLAT", 15, 37, "BYRADIUS", 500, "km", "ASC")
    assert store("GEOSEARCH", "z", *around) == [b"Palermo"]
    assert store("GEODIST", "z", "Palermo", "Catania") is None
    assert store("GEOSEARCHSTORE", "t", "z", *around) == 1


def test_members_go_though_nobody_looks(store: Store):
    store.engine.record_journal()
    store("ZADD", "z", 1, "a", 2, "b")
    store("ZPEXPIRE", "z", 10, "MEMBERS", 2, "a", "b")
    assert effects(store)[-1] == f"ZPEXPIREAT z {START_MS + 10} MEMBERS 2 a b"
    store.engine.advance_clock(9)
    store.engine.tick()
    assert effects(store) == []
    store.engine.advance_clock(1)
    store.engine.tick()
    (effect,) = effects(store)
    assert sorted(effect.split()) == ["ZREM", "a", "b", "z"]
    # The key went with its last member.
    assert store("DBSIZE") == 0


@pytest.mark.parametrize("ticks", [False, True], ids=["looked up", "by itself"])
def test_more_members_than_a_step_takes_are_due_at_once(store: Store, ticks: bool):
    store.engine.record_journal()
    members = [f"m{number}" for number in range(5000)]
    store("ZADD", "z", 9, "stays", *(word for name in members for word in (1, name)))
    store("ZPEXPIRE", "z", 10, "MEMBERS", len(members), *members)
    effects(store)
    store.engine.advance_clock(10)
    if ticks:
        for _ in range(100):
            store.engine.tick()
        removed = [effect.split()[2:] for effect in effects(store) if effect.startswith("ZREM")]
        assert sum(map(len, removed)) == len(members)
    assert store("ZRANK", "z", "stays") == 0
    assert store("ZRANGE", "z", 0, -1) == [b"stays"]


def test_subscribers_hear_what_becomes_of_members(server: Server):
    with server.connect() as client, server.connect() as subscriber:
        client.call("CONFIG", "SET", "notify-keyspace-events", "Kgz")
        subscriber.call("SUBSCRIBE", "__keyspace@0__:z")
        client.call("ZADD", "z", 1, "a", 2, "b")
        client.call("ZEXPIRE", "z", 100, "MEMBERS", 1, "a")
        client.call("ZPERSIST", "z", "MEMBERS", 1, "a")
        client.call("ZEXPIRE", "z", 0, "MEMBERS", 1, "a")
        # The last one goes by itself.
        client.call("ZPEXPIRE", "z", 1, "MEMBERS", 1, "b")
        heard = [bytes(subscriber.receive()[-1]).decode() for _ in range(7)]
    assert heard == ["zadd", "zexpire", "zpersist", "zexpired", "zexpire", "zexpired", "del"]


def test_nobody_sees_a_due_member_while_clients_are_paused(store: Store):
    store("ZADD", "z", 1, "a", 2, "b")
    store("ZPEXPIRE", "z", 10, "MEMBERS", 1, "a")
    store("CLIENT", "PAUSE", 1000, "WRITE")
    store.engine.advance_clock(10)
    assert store("ZRANGE", "z", 0, -1) == [b"b"]


def test_copies_of_the_key_keep_deadlines_and_what_is_stored_has_none(store: Store):
    store("ZADD", "z", 1, "a", 2, "b")
    store("ZPEXPIRE", "z", 10, "MEMBERS", 1, "a")
    asked = ("MEMBERS", 2, "a", "b")
    store("COPY", "z", "copy")
    store("RENAME", "copy", "renamed")
    store("MOVE", "renamed", 1)
    store("SELECT", 1)
    assert store("ZPTTL", "renamed", *asked) == [10, -1]
    store("SELECT", 0)
    for command in (
        "ZUNIONSTORE t 1 z",
        "ZINTERSTORE t 2 z z",
        "ZDIFFSTORE t 1 z",
        "ZRANGESTORE t z 0 -1",
        "GEOSEARCHSTORE t z FROMLONLAT 0 0 BYRADIUS 20000 km",
        # Into the key itself, in the end.
        "ZUNIONSTORE z 1 z",
    ):
        assert store(*command.split()) == 2
        assert store("ZPTTL", command.split()[1], *asked) == [-1, -1]


def test_conditions_compare_with_the_deadline_that_is_there(store: Store):
    store("ZADD", "z", 1, "a", 2, "b")

    def at(ms: int, *words: str) -> Any:
        return store("ZPEXPIREAT", "z", START_MS + ms, *words, "MEMBERS", 3, "a", "b", "c")

    assert at(500, "XX") == [0, 0, -2]
    assert at(500, "GT") == [0, 0, -2]
    assert at(500, "NX") == [1, 1, -2]
    assert at(600, "NX") == [0, 0, -2]
    assert at(400, "GT") == [0, 0, -2]
    assert at(600, "GT") == [1, 1, -2]
    assert at(700, "LT") == [0, 0, -2]
    assert at(300, "XX", "LT") == [1, 1, -2]
    assert store("ZPEXPIRETIME", "z", "MEMBERS", 3, "a", "b", "c") == [START_MS + 300] * 2 + [-2]
    assert store("ZPTTL", "z", "MEMBERS", 1, "a") == [300]
    assert store("ZTTL", "z", "MEMBERS", 1, "a") == [0]
    assert store("ZEXPIRETIME", "z", "MEMBERS", 1, "a") == [START_MS // 1000]
    assert store("ZPERSIST", "z", "MEMBERS", 2, "a", "c") == [1, -2]
    assert store("ZPERSIST", "z", "MEMBERS", 1, "a") == [-1]
    assert store("ZTTL", "z", "MEMBERS", 2, "a", "b") == [-1, 0]


def test_a_deadline_that_has_passed_takes_the_member_at_once(store: Store):
    store.engine.record_journal()
    store("ZADD", "z", 1, "a", 2, "b")
    effects(store)
    assert store("ZEXPIREAT", "z", 1, "MEMBERS", 2, "a", "c") == [2, -2]
    assert effects(store) == ["ZREM z a"]
    assert store("ZEXPIRE", "z", 0, "MEMBERS", 1, "b") == [2]
    assert store("EXISTS", "z") == 0
    assert store("ZEXPIRE", "z", 9, "MEMBERS", 1, "b") == [-2]


def test_a_deadline_stays_with_its_member_whatever_its_score(store: Store):
    store("ZADD", "z", 1, "a", 2, "b")
    store("ZPEXPIRE", "z", 500, "MEMBERS", 1, "a")
    assert store("ZADD", "z", 1, "a") == 0
    assert store("ZADD", "z", "CH", 7, "a") == 1
    assert store("ZINCRBY", "z", 2, "a") == 9.0
    store("COPY", "z", "copy")
    store("RENAME", "z", "renamed")
    assert store("ZPTTL", "copy", "MEMBERS", 2, "a", "b") == [500, -1]
    assert store("ZPTTL", "renamed", "MEMBERS", 2, "a", "b") == [500, -1]
    # What is stored is new.
    store("ZUNIONSTORE", "stored", 1, "renamed")
    store("ZRANGESTORE", "range", "renamed", 0, -1)
    for key in ("stored", "range"):
        assert store("ZPTTL", key, "MEMBERS", 2, "a", "b") == [-1, -1]
    store("ZREM", "copy", "a")
    store("ZADD", "copy", 1, "a")
    assert store("ZPTTL", "copy", "MEMBERS", 1, "a") == [-1]
    # The copy's deadlines are its own.
    assert store("ZPTTL", "renamed", "MEMBERS", 1, "a") == [500]


@pytest.mark.parametrize(
    ("command", "error"),
    [
        ("ZEXPIRE z 10 NX XX MEMBERS 1 a", "ERR NX and XX, GT or LT options at the same time"),
        ("ZEXPIRE z 10 GT LT MEMBERS 1 a", "ERR GT and LT options at the same time"),
        ("ZEXPIRE z 10 FOO MEMBERS 1 a", "ERR Unsupported option FOO"),
        ("ZEXPIRE z ten MEMBERS 1 a", "ERR value is not an integer"),
        ("ZEXPIRE z -1 MEMBERS 1 a", "ERR invalid expire time in 'zexpire'"),
        ("ZEXPIRE z 10 MEMBERS 2 a", "ERR nummembers should be greater than 0"),
        ("ZEXPIRE z 10 MEMBERS 0 a", "ERR nummembers should be greater than 0"),
        ("ZEXPIRE z 10 FIELDS 1 a", "ERR Unsupported option FIELDS"),
        ("ZTTL z FIELDS 1 a", "ERR syntax error"),
        ("ZTTL z MEMBERS 1", "ERR wrong number of arguments for 'zttl'"),
        ("ZTTL s MEMBERS 1 a", "WRONGTYPE "),
        ("ZEXPIRE s 10 MEMBERS 1 a", "WRONGTYPE "),
        ("ZPERSIST s MEMBERS 1 a", "WRONGTYPE "),
    ],
)
def test_wrong_calls_are_refused(store: Store, command: str, error: str):
    store("ZADD", "z", 1, "a")
    store("SADD", "s", "a")
    reply = store(*command.split())
    assert isinstance(reply, ReplyError)
    assert str(reply).startswith(error)
    assert store("ZPTTL", "z", "MEMBERS", 1, "a") == [-1]


@pytest.mark.parametrize("number", [3, 3000])
@pytest.mark.parametrize("rdb_format", ["redis10", "redis12", "valkey80"])
def test_saving_and_loading_keep_deadlines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, rdb_format: str
):
    monkeypatch.chdir(tmp_path)
    store = Store({"rdb-format": rdb_format})
    names = [f"m{at}" for at in range(number)]
    store("ZADD", "z", *(word for at, name in enumerate(names) for word in (at, name)))
    half = names[::2]
    store("ZPEXPIRE", "z", 5000, "MEMBERS", len(half), *half)
    listed: list[str | int] = ["MEMBERS", len(names), *names]
    before = store("ZPEXPIRETIME", "z", *listed)
    payload = store("DUMP", "z")
    assert store("DEBUG", "RELOAD") == Status("OK")
    assert store("ZPEXPIRETIME", "z", *listed) == before
    store("RESTORE", "again", 0, payload)
    assert store("ZPEXPIRETIME", "again", *listed) == before
    assert store("ZRANGE", "again", 0, -1) == store("ZRANGE", "z", 0, -1)
    store.engine.advance_clock(5000)
    store.engine.tick()
    for key in ("z", "again"):
        assert set(store("ZRANGE", key, 0, -1)) == {name.encode() for name in names[1::2]}
    store("RESTORE", "late", 0, payload)
    assert store("ZCARD", "late") == len(names[1::2])
    store.engine.check()
