"""Isolated stores: nothing of a test is left to the next; snapshots."""

from __future__ import annotations

from typing import Any

import pytest
import redis

from rubellite import testing
from rubellite.errors import ReplyError
from rubellite.testing import IsolatedStore


def test_a_reset_store_is_as_new(store: IsolatedStore):
    client = store.redis(db=3)
    client.set("key", "value")
    client.script_load("return 1")
    client.config_set("maxmemory-policy", "allkeys-lru")
    client.config_set("hz", 50)
    client.execute_command("CONFIG", "SET", "slowlog-log-slower-than", "0")
    client.get("key")
    store.call("SELECT", 3)
    store.call("MULTI")
    store.clock.advance(60)
    store.faults.drop()
    assert store.reset()
    assert store.call("INFO", "keyspace") == b"# Keyspace\r\n"
    assert store.call("SCRIPT", "EXISTS", "e0e1f9fabfc9d4800c877a703b823ac0578ff8db") == [0]
    assert store.config.get("hz", "maxmemory-policy", "slowlog-log-slower-than") == {
        "hz": "10",
        "maxmemory-policy": "noeviction",
        "slowlog-log-slower-than": "10000",
    }
    # A slow machine may have had slow commands since.
    assert b"GET" not in [entry[3][0] for entry in store.call("SLOWLOG", "GET")]
    assert store.call("CLIENT", "INFO").find(b" db=0 ") > 0
    assert b"cmdstat_set" not in store.call("INFO", "commandstats")
    assert len(store.call("CLIENT", "LIST").splitlines()) == 2
    with pytest.raises(RuntimeError, match="closed"):
        client.get("key")


def test_connections_of_a_test_end_with_it(store: IsolatedStore):
    client: Any = redis.Redis.from_url(store.url(), retry=None)
    subscriber: Any = client.pubsub()
    subscriber.subscribe("news")
    assert store.reset()
    assert store.call("PUBSUB", "CHANNELS") == []
    assert len(store.call("CLIENT", "LIST").splitlines()) == 2
    subscriber.close()
    client.close()


@pytest.mark.parametrize("line", ["DEBUG SET-ACTIVE-EXPIRE 0", "DEBUG PAUSE-CRON 1"])
def test_a_store_that_cannot_be_cleaned_says_so(line):
    with testing.open() as store:
        store.call(*line.split())
        assert not store.reset()


def test_a_store_with_commands_of_a_test_is_not_used_again():
    with testing.open() as store:

        @store.command("SHOUT text", since="1.0.0")
        def shout(call, text: bytes):
            """Shout."""
            return text.upper()

        assert store.call("SHOUT", "hi") == b"HI"
        assert not store.reset()
    with testing.open() as store:
        store.on("set")(lambda call, event, key: None)
        assert not store.reset()


def test_a_store_that_was_shut_down_is_not_used_again():
    with testing.open() as store:
        store.call("SHUTDOWN", "NOSAVE")
        assert not store.reset()


def test_a_snapshot_brings_back_the_state(store: IsolatedStore):
    client = store.redis()
    client.hset("hash", "field", "value")
    client.set("key", "value", ex=60)
    for words in ("SADD set a b", "SEXPIRE set 60 MEMBERS 1 a"):
        client.execute_command(*words.split())
    for words in ("ZADD zset 1 a 2 b", "ZEXPIRE zset 60 MEMBERS 1 a"):
        client.execute_command(*words.split())
    store.redis(db=5).rpush("list", "a", "b")
    state = store.snapshot()
    assert state.startswith(b"REDIS0")
    client.flushall()
    client.set("other", 1)
    store.restore(state)
    assert sorted(client.keys()) == [b"hash", b"key", b"set", b"zset"]
    assert store.redis(db=5).lrange("list", 0, -1) == [b"a", b"b"]
    assert 0 < client.ttl("key") <= 60
    for command in ("STTL set", "ZTTL zset"):
        timed, other = client.execute_command(*command.split(), "MEMBERS", 2, "a", "b")
        assert 0 <= timed <= 60
        assert other == -1


def test_a_snapshot_is_a_file_that_can_be_kept(store: IsolatedStore, tmp_path):
    store.set("key", "value")
    (tmp_path / "base.rdb").write_bytes(store.snapshot())
    with testing.open() as other:
        other.restore(tmp_path / "base.rdb")
        assert other.get("key") == b"value"


def test_what_is_no_snapshot_is_refused(store: IsolatedStore):
    store.set("key", "value")
    with pytest.raises(ValueError, match=r"\w"):
        store.restore(b"pickle?")
    with pytest.raises(OSError, match=r"\w"):
        store.restore("no/such/file.rdb")


def test_saving_writes_nothing_into_the_folder_of_the_tests(store, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    store.call("SAVE")
    assert list(tmp_path.iterdir()) == []


def test_settings_are_those_of_redis_conf():
    with testing.open(maxmemory="100mb", appendonly=False) as store:
        assert store.config.integer("maxmemory") == 100 << 20
    with pytest.raises(ValueError, match="no-such"):
        testing.open(no_such=1)


def test_waiting_for_clients_that_do_not_come_ends(store, monkeypatch):
    monkeypatch.setattr("rubellite.testing.store._LOOKS_MAX", 2)
    with pytest.raises(TimeoutError, match="0 clients wait, not 1"):
        store.wait_until_blocked()


def test_error_replies_of_the_handle_are_ours(store):
    store.call("LPUSH", "list", "a")
    with pytest.raises(ReplyError, match="WRONGTYPE"):
        store.call("GET", "list")
