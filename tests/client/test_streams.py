"""`db.stream()`: a log of entries and its groups of consumers, as Python objects."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import rubellite
from rubellite.client.store import Store
from rubellite.client.streams import Entry, Group, Pending, Stream
from rubellite.errors import ReplyError


@pytest.fixture
def db() -> Iterator[Store]:
    with rubellite.open() as store:
        yield store


@pytest.fixture
def log(db: Store) -> Stream:
    return db.stream("log")


@pytest.fixture
def workers(log: Stream) -> Group:
    for number in range(1, 6):
        log.append({"task": number}, f"{number}-0")
    group = log.group("workers")
    assert group.create(after="0")
    return group


def while_waiting(db: Store, wait: Callable[[], Any], then: Callable[[], Any]) -> Any:
    """What `wait` returns in a thread of its own once `then` was done."""
    found: list[Any] = []
    thread = threading.Thread(target=lambda: found.append(wait()))
    thread.start()
    while int(db.info("clients")["blocked_clients"]) == 0:
        pass
    then()
    thread.join()
    return found[0]


def test_entries_are_appended_and_found_by_their_ids(log: Stream):
    first = log.append({"kind": "temperature", "value": 20.5, b"n": 1})
    assert log.append({"kind": "late"}, "99999999999999-1") == b"99999999999999-1"
    assert len(log) == 2
    assert log[first] == {b"kind": b"temperature", b"value": b"20.5", b"n": b"1"}
    assert first in log
    assert "5-5" not in log
    with pytest.raises(KeyError):
        log["5-5"]
    with pytest.raises(ReplyError, match="equal or smaller"):
        log.append({"a": 1}, "5-5")
    with pytest.raises(ReplyError, match="wrong number of arguments"):
        log.append({})


def test_iterating_goes_through_all_entries_both_ways(log: Stream):
    for number in range(1, 700):
        log.append({"n": number}, f"{number}-0")
    assert [entry.id for entry in log] == [b"%d-0" % number for number in range(1, 700)]
    assert [entry.fields[b"n"] for entry in reversed(log)][:3] == [b"699", b"698", b"697"]
    assert len(list(reversed(log))) == 699
    assert list(log)[-1] == Entry(b"699-0", {b"n": b"699"})


def test_ranges_have_both_ends(log: Stream):
    for number in range(1, 6):
        log.append({"n": number}, f"{number}-0")
    assert [entry.id for entry in log.between("2", "4")] == [b"2-0", b"3-0", b"4-0"]
    assert [entry.id for entry in log.between("(2", count=2)] == [b"3-0", b"4-0"]
    assert [entry.id for entry in log.newest(2)] == [b"5-0", b"4-0"]
    assert log.between("9") == []


def test_entries_go_one_by_one_or_the_oldest_first(log: Stream):
    for number in range(1, 9):
        log.append({"n": number}, f"{number}-0")
    del log["8-0"]
    with pytest.raises(KeyError):
        del log["8-0"]
    assert log.delete("7-0", "7-1") == 1
    assert log.delete() == 0
    assert log.trim(maxlen=4) == 2
    assert log.trim(minid="4") == 1
    assert [entry.id for entry in log] == [b"4-0", b"5-0", b"6-0"]
    log.append({"n": 9}, "9-0", maxlen=2, exact=True)
    assert [entry.id for entry in log] == [b"6-0", b"9-0"]
    log.append({"n": 10}, "10-0", minid="9-0", exact=True)
    assert [entry.id for entry in log] == [b"9-0", b"10-0"]
    with pytest.raises(ValueError, match="exclude each other"):
        log.append({"n": 1}, maxlen=1, minid="1")
    with pytest.raises(ValueError, match="needs maxlen or minid"):
        log.trim()
    log.clear()
    assert len(log) == 0


def test_trimming_that_may_be_inexact_keeps_whole_blocks(log: Stream):
    for number in range(1, 351):
        log.append({"n": number}, f"{number}-0", maxlen=100)
    assert 100 <= len(log) < 300


def test_reading_goes_on_behind_what_was_read(log: Stream):
    assert log.last_id() == b"0-0"
    assert log.read() == []
    log.append({"n": 1}, "1-0")
    log.append({"n": 2}, "2-0")
    assert [entry.id for entry in log.read(count=1)] == [b"1-0"]
    assert log.read(after="1-0") == [Entry(b"2-0", {b"n": b"2"})]
    assert log.read(after=log.last_id()) == []
    log.delete("2-0")
    assert log.last_id() == b"2-0"


def test_a_reader_waits_for_what_is_added(db: Store, log: Stream):
    log.append({"n": 1}, "1-0")
    found = while_waiting(
        db,
        lambda: log.read(after="$", timeout_seconds=20),
        lambda: log.append({"n": 2}, "2-0"),
    )
    assert found == [Entry(b"2-0", {b"n": b"2"})]
    assert log.read(after="1-0", timeout_seconds=20) == found
    # However short, it is not for ever.
    assert log.read(after="2-0", timeout_seconds=0.0001) == []
    with pytest.raises(ValueError, match="negative"):
        log.read(timeout_seconds=-1)


def test_each_entry_goes_to_one_consumer_and_is_kept_until_it_is_done(workers: Group):
    assert [entry.id for entry in workers.read("ann", 2)] == [b"1-0", b"2-0"]
    assert workers.read("bob", 1) == [Entry(b"3-0", {b"task": b"3"})]
    assert workers.ack("1-0", "3-0", "5-0") == 2
    assert workers.ack() == 0
    assert workers.pending_count() == 1
    assert [entry.id for entry in workers.read_again("ann")] == [b"2-0"]
    assert workers.read_again("ann", after="2-0") == []
    assert [entry.id for entry in workers.read("bob", no_ack=True)] == [b"4-0", b"5-0"]
    assert workers.read("bob") == []
    assert workers.consumers() == {b"ann": 1, b"bob": 0}
    assert workers.remove_consumer("ann") == 1
    assert workers.pending_count() == 0


def test_a_group_is_made_once(db: Store):
    stream = db.stream("made")
    group = stream.group("g")
    with pytest.raises(ReplyError, match="NOGROUP"):
        group.read("ann")
    assert group.create()
    assert not group.create()
    assert stream.groups() == [b"g"]
    assert group.destroy()
    assert not group.destroy()
    db.set("text", "x")
    with pytest.raises(ReplyError, match="WRONGTYPE"):
        db.stream("text").group("g").create()
    with pytest.raises(ReplyError, match="WRONGTYPE"):
        db.stream("text").last_id()


def test_a_consumer_waits_for_work(db: Store, log: Stream, workers: Group):
    workers.read("ann")
    found = while_waiting(
        db,
        lambda: workers.read("bob", timeout_seconds=20),
        lambda: log.append({"task": 6}, "6-0"),
    )
    assert found == [Entry(b"6-0", {b"task": b"6"})]
    assert [entry.id for entry in workers.pending("bob")] == [b"6-0"]
    assert workers.read("bob", timeout_seconds=0.01) == []


def test_what_a_dead_consumer_had_goes_to_another(db: Store, log: Stream, workers: Group):
    begun_ms = 1_900_000_000_000
    db.engine.freeze_clock(begun_ms)
    workers.read("dead")
    db.engine.freeze_clock(begun_ms + 90_000)
    workers.read_again("dead", count=1)
    assert workers.pending("dead", idle_seconds=60, count=1) == [
        Pending(b"2-0", b"dead", 90.0, 1),
    ]
    assert workers.claim("ann", "1-0", idle_seconds=60) == []
    assert workers.claim("ann", "2-0", idle_seconds=60) == [Entry(b"2-0", {b"task": b"2"})]
    assert workers.claim("ann") == []
    log.delete("3-0")
    assert [entry.id for entry in workers.claim_abandoned("bob", 60, count=1)] == [b"4-0"]
    assert [entry.id for entry in workers.claim_abandoned("bob", 60)] == [b"5-0"]
    assert workers.consumers() == {b"ann": 1, b"bob": 2, b"dead": 1}


def test_all_that_was_abandoned_is_claimed_in_pages(log: Stream):
    group = log.group("many")
    group.create()
    for number in range(1, 351):
        log.append({"n": number}, f"{number}-0")
    group.read("dead")
    assert len(group.claim_abandoned("ann", 0)) == 350
    assert len(group.claim_abandoned("bob", 0, count=120)) == 120
    assert group.consumers() == {b"ann": 230, b"bob": 120, b"dead": 0}


def test_an_entry_that_is_pending_and_deleted_has_no_fields(log: Stream, workers: Group):
    workers.read("ann", 2)
    log.delete("1-0")
    assert workers.read_again("ann") == [Entry(b"1-0", {}), Entry(b"2-0", {b"task": b"2"})]
