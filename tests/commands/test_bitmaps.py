"""Bitmaps where they are big, or would be."""

from __future__ import annotations

import time

from rubellite._core import memory_used
from rubellite.errors import BIT_OFFSET, STRING_TOO_LONG
from tests.store import Store

BYTES = 100_000_000


def test_a_bit_of_a_big_bitmap_changes_where_it_lies(store: Store):
    store("SETBIT", "big", BYTES * 8 - 1, 1)
    before = memory_used()
    started = time.process_time()
    for number in range(3000):
        assert store("SETBIT", "big", number * 250_000, 1) == 0
        assert store("BITFIELD", "big", "INCRBY", "u8", number * 250_000 + 8, 1) == [1]
    # To copy it 6000 times takes a minute.
    assert time.process_time() - started < 5
    assert memory_used() - before < BYTES // 10
    assert store("BITCOUNT", "big") == 6001


def test_a_bitmap_grows_without_being_copied_each_time(store: Store):
    store("SETBIT", "big", BYTES * 8 - 1, 1)
    started = time.process_time()
    for number in range(2000):
        store("SETBIT", "big", (BYTES + number) * 8, 1)
    assert time.process_time() - started < 5
    assert store("STRLEN", "big") == BYTES + 2000


def test_who_holds_a_bitmap_keeps_its_bits(store: Store):
    store("SETRANGE", "big", 20_000, b"\xff")
    held = store("GET", "big")
    store("SETBIT", "big", 0, 1)
    store("COPY", "big", "copy")
    store("BITFIELD", "copy", "SET", "u8", "#1", 7)
    assert bytes(held)[:2] == b"\0\0"
    assert store("GETRANGE", "big", 0, 1) == b"\x80\0"
    assert store("GETRANGE", "copy", 0, 1) == b"\x80\x07"


def test_proto_max_bulk_len_bounds_offsets():
    store = Store({"proto-max-bulk-len": "1mb"})
    last = 8 * 2**20 - 1
    assert store("SETBIT", "key", last, 1) == 0
    assert store("GETBIT", "key", last) == 1
    for command in (
        ("SETBIT", "key", last + 1, 1),
        ("SETBIT", "key", last + 1, "x"),
        ("GETBIT", "key", last + 1),
        ("BITFIELD", "key", "GET", "u8", last + 1),
        ("BITFIELD", "key", "GET", "u8", "#1048576"),
        ("BITFIELD", "key", "SET", "i64", f"#{2**58 + 1}", 1),
    ):
        assert str(store(*command)) == BIT_OFFSET.text, command
    # A field that begins in the last byte may end behind it, as there.
    assert store("BITFIELD", "key", "SET", "u8", last, 255) == [128]
    assert store("STRLEN", "key") == 2**20 + 1


def test_a_bitmap_that_no_memory_could_hold_is_refused():
    store = Store({"proto-max-bulk-len": str(2**62)})
    for command in (
        ("SETBIT", "key", 2**61, 1),
        ("BITFIELD", "key", "SET", "u1", 2**61, 1),
        ("SETRANGE", "key", 2**58, "x"),
    ):
        assert str(store(*command)) == STRING_TOO_LONG.text, command
        assert store("EXISTS", "key") == 0
    store("SET", "key", "12")
    assert str(store("SETBIT", "key", 2**61, 1)) == STRING_TOO_LONG.text
    assert store("GET", "key") == b"12"
    store.engine.check()
