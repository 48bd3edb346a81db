"""HyperLogLogs that are refused, and what adding leaves alone."""

from __future__ import annotations

import pytest

from rubellite.errors import CORRUPT_HYPERLOGLOG, NOT_HYPERLOGLOG
from tests.store import START_MS, Store

HEADER = b"HYLL\x01" + bytes(10) + b"\x80"


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"12",
        b"HYLL",
        HEADER[:-1],
        b"hyll" + HEADER[4:] + b"\x7f\xff",
        HEADER.replace(b"\x01", b"\x02") + b"\x7f\xff",
        # A dense one has 12304 bytes, neither more nor less.
        HEADER.replace(b"\x01", b"\x00") + bytes(12_287),
        HEADER.replace(b"\x01", b"\x00") + bytes(12_289),
    ],
)
def test_another_string_is_no_hyperloglog(store: Store, value: bytes):
    store("SET", "key", value)
    for command in (
        ("PFADD", "key", "a"),
        ("PFCOUNT", "key"),
        ("PFCOUNT", "key", "missing"),
        ("PFMERGE", "other", "key"),
        ("PFMERGE", "key"),
        ("PFDEBUG", "ENCODING", "key"),
    ):
        assert str(store(*command)) == NOT_HYPERLOGLOG.text, command
    assert store("GET", "key") == value
    assert store("EXISTS", "other") == 0


@pytest.mark.parametrize(
    "runs",
    [
        b"",
        # A run of zeros whose length is cut off.
        b"\x7f",
        # One register too few.
        b"\x7f\xfe",
        # One too many.
        b"\x7f\xff\x80",
    ],
)
def test_runs_that_do_not_fill_the_registers_are_corrupt(store: Store, runs: bytes):
    store("SET", "key", HEADER + runs)
    for command in (
        ("PFCOUNT", "key"),
        ("PFCOUNT", "missing", "key"),
        ("PFMERGE", "other", "key"),
        ("PFDEBUG", "TODENSE", "key"),
        ("PFDEBUG", "GETREG", "key"),
    ):
        assert str(store(*command)) == CORRUPT_HYPERLOGLOG.text, command
    assert store("GET", "key") == HEADER + runs
    assert store("EXISTS", "other") == 0


def test_a_refused_addition_changes_nothing(store: Store):
    # The registers of many of these are missing, not of all.
    store("SET", "key", HEADER + b"\x5f\xff")
    before = store("GET", "key")
    store.engine.record_journal()
    reply = store("PFADD", "key", *range(100))
    assert str(reply) == CORRUPT_HYPERLOGLOG.text
    assert store("GET", "key") == before
    assert store.engine.take_journal() == b""


def test_adding_and_counting_keep_the_deadline(store: Store):
    store("PFADD", "key", "a")
    store("PEXPIREAT", "key", START_MS + 5000)
    store("PFADD", "key", *range(10))
    store("PFCOUNT", "key")
    store("PFMERGE", "key")
    store("PFADD", "key", *range(5000))
    assert store("PFDEBUG", "ENCODING", "key").text == "dense"
    assert store("PEXPIRETIME", "key") == START_MS + 5000


def test_counting_again_is_no_change(store: Store):
    store("PFADD", "key", "a")
    store("WATCH", "key")
    store.call_as(store.engine.open_session(), "PFCOUNT", "key")
    store("MULTI")
    # What was counted was cached in the string.
    assert store("EXEC") is None
    store("WATCH", "key")
    store.call_as(store.engine.open_session(), "PFCOUNT", "key")
    store("MULTI")
    assert store("EXEC") == []


def test_settings_decide_when_it_becomes_dense(store: Store):
    store("CONFIG", "SET", "hll-sparse-max-bytes", 20)
    store("PFADD", "key")
    assert store("PFDEBUG", "ENCODING", "key").text == "sparse"
    store("PFADD", "key", "a")
    assert store("PFDEBUG", "ENCODING", "key").text == "dense"
    assert store("STRLEN", "key") == 12_304
