"""Keys of any type: renaming, copying, listing; how values are stored and used."""

from __future__ import annotations

import pytest

from tests.store import Store


def scan_all(store: Store, *options: str | int) -> set[bytes]:
    """All that a whole SCAN finds."""
    found: set[bytes] = set()
    cursor = b"0"
    while True:
        cursor, keys = store("SCAN", cursor, *options)
        found.update(keys)
        if cursor == b"0":
            return found


def test_a_whole_scan_finds_every_key(store: Store):
    keys = {b"key:%d" % number for number in range(3000)}
    for key in keys:
        store("SET", key, "value")
    assert scan_all(store) == keys
    assert scan_all(store, "COUNT", 1) == keys
    assert scan_all(store, "MATCH", "key:1?") == {b"key:1%d" % digit for digit in range(10)}
    assert scan_all(store, "TYPE", "STRING") == keys
    assert scan_all(store, "TYPE", "hash") == set()


def test_a_scan_finds_what_stays_while_others_come_and_go(store: Store):
    staying = {b"stays:%d" % number for number in range(500)}
    for key in staying:
        store("SET", key, "value")
    found: set[bytes] = set()
    cursor, step = b"0", 0
    while True:
        cursor, keys = store("SCAN", cursor, "COUNT", 7)
        found.update(keys)
        step += 1
        for number in range(40):
            store("SET" if step % 2 else "DEL", f"goes:{number}", *(("x",) if step % 2 else ()))
        if cursor == b"0":
            break
    assert staying <= found


def test_cursors_that_no_scan_gave_are_accepted_or_refused_as_numbers(store: Store):
    store("SET", "key", "value")
    for cursor in ("18446744073709551615", "+1", " 1", "01", b"1\0"):
        assert not isinstance(store("SCAN", cursor), Exception), cursor
    for cursor in ("-1", "x", "", "1x", "18446744073709551616"):
        assert str(store("SCAN", cursor)) == "ERR invalid cursor", cursor


def test_renaming_to_itself_needs_the_key(store: Store):
    assert str(store("RENAME", "key", "key")) == "ERR no such key"
    store("SET", "key", "value")
    assert store("RENAME", "key", "key").text == "OK"
    assert store("RENAMENX", "key", "key") == 0


def test_a_copy_does_not_overwrite_unless_told(store: Store):
    store("SET", "source", "new")
    store("SET", "destination", "old")
    assert store("COPY", "source", "destination") == 0
    assert store("GET", "destination") == b"old"
    assert store("COPY", "source", "destination", "REPLACE") == 1
    assert store("GET", "destination") == b"new"
    assert store("COPY", "source", "source", "DB", 1) == 1
    assert str(store("COPY", "source", "source")).startswith("ERR source and destination")


def test_a_move_does_not_overwrite(store: Store):
    store("SET", "key", "here")
    assert store("MOVE", "key", 1) == 1
    store("SET", "key", "again")
    assert store("MOVE", "key", 1) == 0
    assert store("GET", "key") == b"again"


def test_exists_counts_a_key_as_often_as_it_is_named(store: Store):
    store("SET", "key", "value")
    assert store("EXISTS", "key", "key", "missing") == 2
    assert store("DEL", "key", "key") == 1


@pytest.mark.parametrize(
    ("commands", "encoding"),
    [
        (["SET key 12345"], b"int"),
        (["SET key 012"], b"embstr"),
        (["SET key " + "x" * 44], b"embstr"),
        (["SET key " + "x" * 45], b"raw"),
        (["SET key x", "APPEND key y"], b"raw"),
        (["SET key 1", "APPEND key 2"], b"raw"),
        (["SET key 1", "SETRANGE key 0 2"], b"raw"),
        (["APPEND key 12"], b"int"),
        (["SETRANGE key 0 12"], b"raw"),
        (["SET key x", "SETRANGE key 0 y"], b"raw"),
        (["INCR key"], b"int"),
        (["SET key 1", "APPEND key 2", "INCR key"], b"int"),
        (["INCRBYFLOAT key 3"], b"embstr"),
        (["INCRBYFLOAT key 3", "INCR key"], b"int"),
        (["SET source 1", "COPY source key"], b"int"),
        (["SET source x", "RENAME source key", "EXPIRE key 100"], b"embstr"),
        (["GETSET key 7"], b"int"),
        (["MSET key 7"], b"int"),
    ],
)
def test_how_strings_are_stored(store: Store, commands: list[str], encoding: bytes):
    for command in commands:
        assert not isinstance(store(*command.split()), Exception)
    assert store("OBJECT", "ENCODING", "key").encode() == encoding


def test_idle_time_counts_from_the_last_use(store: Store):
    store("SET", "key", "value")
    store.engine.advance_clock(10_000)
    for look in (["EXISTS", "key"], ["TTL", "key"], ["TYPE", "key"], ["OBJECT", "ENCODING", "key"]):
        store(*look)
    assert store("OBJECT", "IDLETIME", "key") == 10
    for use in (["GET", "key"], ["TOUCH", "key"], ["APPEND", "key", "x"], ["SETNX", "key", "x"]):
        store(*use)
        assert store("OBJECT", "IDLETIME", "key") == 0, use
        store.engine.advance_clock(10_000)
        assert store("OBJECT", "IDLETIME", "key") == 10


def test_an_access_counter_falls_by_one_a_minute():
    store = Store({"maxmemory-policy": "allkeys-lfu", "lfu-log-factor": "0"})
    store("SET", "key", "value")
    assert store("OBJECT", "FREQ", "key") == 5
    for _ in range(10):
        store("GET", "key")
    assert store("OBJECT", "FREQ", "key") == 15
    store.engine.advance_clock(3 * 60_000)
    assert store("OBJECT", "FREQ", "key") == 12
    assert str(store("OBJECT", "IDLETIME", "key")).startswith("ERR An LFU maxmemory policy is")


def test_frequency_needs_an_lfu_policy(store: Store):
    assert store("OBJECT", "FREQ", "missing") is None
    store("SET", "key", "value")
    assert str(store("OBJECT", "FREQ", "key")).startswith("ERR An LFU maxmemory policy is not")
