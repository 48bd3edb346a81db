"""MULTI, EXEC and what breaks WATCH."""

from __future__ import annotations

import pytest

from tests.store import Store


def outcome(store: Store, *changes: str, before: str = "SET key 1") -> object:
    """EXEC's reply when another client makes `changes` after WATCH key."""
    other = store.engine.open_session()
    store(*before.split())
    store("WATCH", "key")
    for change in changes:
        reply = store.call_as(other, *change.split())
        assert not isinstance(reply, Exception), reply
    store("MULTI")
    store("ECHO", "done")
    return store("EXEC")


@pytest.mark.parametrize(
    "change",
    [
        "SET key 1",
        "SET other 1",
        "APPEND key 2",
        "EXPIRE key 100",
        "EXPIRE key -1",
        "DEL key",
        "RENAME key other",
        "MOVE key 1",
        "FLUSHDB",
        "FLUSHALL",
        "SWAPDB 0 1",
        "INCR key",
        "GETEX key EX 10",
        "GETDEL key",
    ],
)
def test_a_change_breaks_watch(store: Store, change: str):
    assert outcome(store, change) == (None if "other 1" not in change else [b"done"])


@pytest.mark.parametrize(
    "change",
    [
        "GET key",
        "SETNX key 2",
        "SET key 2 NX",
        "SET key 2 IFEQ other",
        "PERSIST key",
        "GETEX key",
        "RENAME key key",
        "COPY key other",
        "DEL missing",
        "EXPIRE key 100 XX",
        "DELIFEQ key other",
        "TOUCH key",
        "SWAPDB 0 0",
        "SWAPDB 1 2",
    ],
)
def test_what_changes_nothing_does_not_break_watch(store: Store, change: str):
    assert outcome(store, change) == [b"done"]


def test_changes_in_another_database_do_not_break_watch(store: Store):
    assert outcome(store, "SELECT 1", "SET key 2", "FLUSHDB") == [b"done"]


def test_a_missing_key_survives_flushall_but_not_its_birth(store: Store):
    assert outcome(store, "FLUSHALL", before="DEL key") == [b"done"]
    assert outcome(store, "SET key 1", before="DEL key") is None


def test_a_watched_key_that_expires_breaks_watch_unnoticed_or_not(store: Store):
    for look in (["GET", "key"], ["PING"]):
        store("SET", "key", "value", "PX", 10)
        store("WATCH", "key")
        store.engine.advance_clock(11)
        store.call_as(store.engine.open_session(), *look)
        store("MULTI")
        assert store("EXEC") is None


def test_a_key_that_was_due_when_watched_counts_as_missing(store: Store):
    store("SET", "key", "value", "PX", 10)
    store.engine.advance_clock(11)
    store("WATCH", "key")
    store("MULTI")
    assert store("EXEC") == []


@pytest.mark.parametrize("release", ["UNWATCH", "EXEC", "DISCARD", "RESET"])
def test_watch_ends(store: Store, release: str):
    store("WATCH", "key")
    store("SET", "key", "value")
    if release in ("EXEC", "DISCARD"):
        store("MULTI")
    store(release)
    store("MULTI")
    assert store("EXEC") == []


@pytest.mark.parametrize(
    "wrong",
    [
        ["NOSUCHCOMMAND"],
        ["GET"],
        ["OBJECT", "NOSUCH"],
        ["MULTI"],
        ["WATCH", "key"],
        ["DISCARD", "x"],
    ],
)
def test_a_refused_command_dooms_the_transaction(store: Store, wrong: list[str]):
    store("MULTI")
    store("SET", "key", "value")
    assert isinstance(store(*wrong), Exception)
    assert str(store("EXEC")) == ("EXECABORT Transaction discarded because of previous errors.")
    assert store("EXISTS", "key") == 0
    assert str(store("EXEC")) == "ERR EXEC without MULTI"


def test_a_command_that_fails_does_not_stop_the_others(store: Store):
    store("SET", "key", "text")
    store("MULTI")
    store("INCR", "key")
    store("APPEND", "key", "!")
    failure, length = store("EXEC")
    assert str(failure) == "ERR value is not an integer or out of range"
    assert length == 5


def test_exec_with_arguments_ends_the_transaction(store: Store):
    store("MULTI")
    assert str(store("EXEC", "now")) == (
        "EXECABORT Transaction discarded because of: wrong number of arguments for 'exec' command"
    )
    assert str(store("EXEC")) == "ERR EXEC without MULTI"


def test_time_stands_still_inside_a_transaction(store: Store):
    store.engine.freeze_clock(None)
    store("MULTI")
    for _ in range(3):
        store("SET", "key", "value", "PX", 1000)
        store("PEXPIRETIME", "key")
    replies = store("EXEC")
    assert len(set(replies[1::2])) == 1


def test_select_inside_a_transaction_lasts(store: Store):
    store("MULTI")
    store("SELECT", 1)
    store("SET", "key", "value")
    store("EXEC")
    assert store("GET", "key") == b"value"
    store("SELECT", 0)
    assert store("GET", "key") is None
