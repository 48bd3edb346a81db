"""`get` and `set` of the handle take a short way: nobody may be able to tell."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
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


def test_values_of_the_same_size_take_each_others_place(db: rubellite.Store):
    values: list[bytes | int] = [b"abcd", b"\xff\0\xff\0", b"1234", 70_000, b"wxyz", b"0123"]
    for value in values:
        db.set("key", value)
        stored = value if isinstance(value, bytes) else b"%d" % value
        assert db.get("key") == stored == db.call("GET", "key")
        is_int = stored.isdigit() and not stored.startswith(b"0")
        assert db.call("OBJECT", "ENCODING", "key") == (b"int" if is_int else b"embstr")
    assert db.info("keyspace")["db0"].startswith("keys=1,expires=0")


def test_a_session_says_what_it_did_last_and_how_much(db: rubellite.Store):
    def facts() -> dict[str, str]:
        words = db.session().call("CLIENT LIST").decode().splitlines()[0].split()
        return dict(word.split("=", 1) for word in words)

    before = int(facts()["tot-cmds"])
    for number in range(150):
        db.set("key", number)
    assert (facts()["cmd"], int(facts()["tot-cmds"]) - before) == ("set", 150)
    db.get("key")
    assert (facts()["cmd"], int(facts()["tot-cmds"]) - before) == ("get", 151)
    histogram = db.call("LATENCY", "HISTOGRAM", "set")
    assert histogram[b"set"][b"calls"] == 150


def test_two_handles_take_turns_on_one_engine(db: rubellite.Store):
    other = db.session(1)
    for number in range(100):
        db.set("key", number)
        other.set("key", -number)
        assert (db.get("key"), other.get("key")) == (b"%d" % number, b"%d" % -number)
    assert _calls(db, "get") == _calls(db, "set") == 200


def test_a_save_sees_the_moment_it_began_at(tmp_path: Path):
    with rubellite.open(tmp_path, durability="snapshot") as db:
        for number in range(5_000):
            db.set(f"key:{number}", "before")
        db.call("BGSAVE")
        for number in range(5_000):
            db.set(f"key:{number}", "after!")
        while db.info("persistence")["rdb_bgsave_in_progress"] == "1":
            pass
        (tmp_path / "copy").mkdir()
        shutil.copy(tmp_path / "dump.rdb", tmp_path / "copy")
        with rubellite.open(tmp_path / "copy", durability="snapshot", save="") as copy:
            assert {copy.get(key) for key in copy.keys("*")} == {b"before"}
        assert {db.get(key) for key in db.keys("*")} == {b"after!"}


def test_what_was_set_directly_is_in_the_file_in_order(tmp_path: Path):
    with rubellite.open(tmp_path) as db:
        for number in range(3_000):
            db.set(f"key:{number % 100}", number)
            if number % 500 == 0:
                db.call("INCR", "key:0")
                db.call("SELECT", number // 500)
        db.set("short", "lived", seconds=100)
        db.set("short", "and for good")
        db.set("big", b"x" * 100_000)
        expected = {
            index: {key: db.get(key) for key in db.keys("*")}
            for index in range(6)
            if db.call("SELECT", index)
        }
    with rubellite.open(tmp_path) as db:
        for index, pairs in expected.items():
            db.call("SELECT", index)
            assert {key: db.get(key) for key in db.keys("*")} == pairs
        assert db.call("TTL", "short") == -1


def test_a_key_that_is_due_goes_before_it_is_set_in_the_file(tmp_path: Path):
    with rubellite.open(tmp_path) as db:
        db.set("key", "old", seconds=50)
        db.set("other", "plain")
        db.engine.advance_clock(50_001)
        db.set("key", "new")
        db.set("other", "again")
        assert db.info("stats")["expired_keys"] == "1"
    with rubellite.open(tmp_path) as db:
        assert (db.get("key"), db.get("other")) == (b"new", b"again")


def test_what_was_set_directly_survives_its_process(tmp_path: Path):
    program = f"""
import os, rubellite
db = rubellite.open({str(tmp_path)!r})
for number in range(20_000):
    db.set("key:%d" % number, number)
while db.info("persistence")["aof_buffer_length"] != "0":
    pass
os._exit(1)
"""
    subprocess.run([sys.executable, "-c", program], check=False)
    with rubellite.open(tmp_path) as db:
        assert len(db) == 20_000
