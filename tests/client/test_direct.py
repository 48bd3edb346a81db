"""`get` and `set` of the handle take a short way: nobody may be able to tell."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

import rubellite
from rubellite.errors import ReplyError


@pytest.fixture
def db() -> Iterator[rubellite.Store]:
    with rubellite.open() as store:
        yield store


def _calls(db: rubellite.Store, command: str) -> int:
    line = db.info("commandstats").get(f"cmdstat_{command}", "calls=0,")
    return int(line.partition("calls=")[2].partition(",")[0])


def test_what_is_set_is_read_by_every_client(db: rubellite.Store):
    for value, stored in ((b"\0\xff", b"\0\xff"), ("é", "é".encode()), (7, b"7"), (1.5, b"1.5")):
        assert db.set("key", value) is True
        assert db.get(b"key") == db.call("GET", "key") == stored
        assert db.redis().get("key") == stored
    assert db.get("missing") is None


def test_big_strings_and_bare_numbers_come_out_as_they_went_in(db: rubellite.Store):
    for value in (b"x" * 5_000, b"x" * 4_096, b"y" * 1_000_000, b"", b"-12", b"007"):
        db.set("key", value)
        assert db.get("key") == value
    assert db.call("OBJECT", "ENCODING", "key") == b"embstr"
    db.set("key", -12)
    assert db.call("OBJECT", "ENCODING", "key") == b"int"


def test_another_type_is_refused_by_get_and_replaced_by_set(db: rubellite.Store):
    db.call("RPUSH", "list", "a")
    with pytest.raises(ReplyError, match="WRONGTYPE"):
        db.get("list")
    db.set("list", "text")
    assert db.get("list") == b"text"


def test_a_plain_set_ends_the_deadline_and_conditions_hold(db: rubellite.Store):
    assert db.set("key", "a", seconds=100)
    assert db.call("TTL", "key") == 100
    db.set("key", "b")
    assert db.call("TTL", "key") == -1
    assert db.set("key", "c", only_if_absent=True) is False
    assert db.set("other", "c", only_if_present=True) is False
    assert db.get("key") == b"b"


def test_a_key_is_gone_once_its_time_has_come(db: rubellite.Store):
    db.set("key", "a", seconds=50)
    assert db.get("key") == b"a"
    db.engine.advance_clock(50_001)
    assert db.get("key") is None
    assert db.info("stats")["expired_keys"] == "1"


def test_calls_hits_and_changes_are_counted(db: rubellite.Store):
    offset = int(db.info("replication")["master_repl_offset"])
    for number in range(200):
        db.set(f"key:{number}", "v")
        db.get(f"key:{number}")
        db.get("missing")
    stats = db.info("stats")
    assert (stats["keyspace_hits"], stats["keyspace_misses"]) == ("200", "200")
    assert _calls(db, "get") == 400
    assert _calls(db, "set") == 200
    assert db.info("persistence")["rdb_changes_since_last_save"] == "200"
    assert int(db.info("replication")["master_repl_offset"]) >= offset


def test_a_watched_key_that_is_set_breaks_the_transaction(db: rubellite.Store):
    other = db.session()
    other.call("WATCH", "key")
    db.set("key", "changed")
    other.call("MULTI")
    other.call("SET", "key", "mine")
    assert other.call("EXEC") is None


def test_a_transaction_on_the_handle_queues_both(db: rubellite.Store):
    db.call("MULTI")
    assert db.set("key", "value") is True  # QUEUED
    db.get("key")
    assert db.call("EXEC")[1] == b"value"
    assert db.get("key") == b"value"


def test_events_and_the_memory_limit_are_seen_to(db: rubellite.Store):
    db.call("CONFIG", "SET", "notify-keyspace-events", "KEA")
    client: Any = db.redis()
    listener = client.pubsub(ignore_subscribe_messages=True)
    listener.subscribe("__keyevent@0__:set")
    while listener.get_message(timeout=0.1):
        pass
    db.set("key", "value")
    message = None
    while message is None:
        message = listener.get_message(timeout=5)
    assert message["data"] == b"key"
    listener.close()
    db.call("CONFIG", "SET", "notify-keyspace-events", "")
    db.call("CONFIG", "SET", "maxmemory", "1")
    with pytest.raises(ReplyError, match="OOM"):
        db.set("key", "value")


def test_other_databases_are_respected(db: rubellite.Store):
    db.call("SELECT", 3)
    db.set("key", "three")
    db.call("SELECT", 0)
    assert db.get("key") is None
    assert db.session(3).call("GET", "key") == b"three"
