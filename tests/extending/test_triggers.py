"""Functions in Python that hear of keyspace events."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

import rubellite
from rubellite.extending import (
    WRITE,
    Call,
    ExtensionError,
    Hash,
    NotationError,
    ReplyError,
    command,
    on,
)
from tests.store import Store
from tests.wire import decode_all

HEARD: list[tuple[str, bytes]] = []


@on("expired", "session:*")
def ended(call: Call, event: str, key: bytes) -> None:
    """Count sessions that ended."""
    HEARD.append((event, key))
    call.execute("INCR", "ended")


@on("lpush")
def pushed(call: Call, event: str, key: bytes) -> None:
    """Edit a key itself."""
    call.edit(b"log", Hash).set_all([key, event.encode()])


@command("PUSH.TWICE key element", WRITE)
def push_twice(call: Call, key: bytes, element: bytes) -> int:
    """Push."""
    call.execute("LPUSH", key, element)
    assert not call.exists(b"log"), "a trigger runs after the command"
    return int(call.execute("LPUSH", key, element))


ALL = (ended, pushed, push_twice)


@pytest.fixture
def db() -> Iterator[Any]:
    HEARD.clear()
    with rubellite.open(load=ALL) as store:
        yield store


@pytest.fixture
def store() -> Store:
    HEARD.clear()
    store = Store(load=ALL)
    store.engine.record_journal()
    return store


def journal_of(store: Store) -> list[str]:
    commands = [b" ".join(words).decode() for words in decode_all(store.engine.take_journal())]
    return [line for line in commands if not line.startswith("SELECT")]


def test_what_expires_is_heard_of_however_it_does(store: Store) -> None:
    for name in ("session:1", "other", "session:2"):
        store("SET", name, "x", "PX", "10")
    journal_of(store)
    store.engine.advance_clock(11)
    store.engine.freeze_clock(1_767_225_600_011)
    assert store("GET", "session:1") is None
    assert HEARD == [("expired", b"session:1")]
    # Time alone does it, too.
    store.engine.tick()
    assert sorted(HEARD) == [("expired", b"session:1"), ("expired", b"session:2")]
    assert store("GET", "ended") == b"2"
    lines = journal_of(store)
    assert lines[:2] == ["DEL session:1", "INCR ended"]
    # Which of the two goes first is chance.
    assert sorted(lines[3:5]) == ["DEL other", "DEL session:2"]
    assert [lines[2], *lines[5:]] == ["MULTI", "EXEC", "INCR ended"]


def test_what_a_trigger_edits_itself_enters_the_journal_as_state(store: Store) -> None:
    store("LPUSH", "list", "a")
    assert journal_of(store) == [
        "LPUSH list a", "MULTI", "DEL log", "HSET log list lpush", "EXEC",
    ]  # fmt: skip


def test_it_runs_after_the_whole_transaction_or_command(db: Any) -> None:
    assert db.call("PUSH.TWICE", "list", "a") == 2
    assert db.call("HGETALL", "log") == {b"list": b"lpush"}
    db.delete("log")
    with db.redis().pipeline() as pipe:
        pipe.lpush("list", "b").exists("log")
        assert pipe.execute() == [3, 0]
    assert db.exists("log")


def test_events_need_no_notifications_and_leave_them_alone(db: Any) -> None:
    heard = db.redis().pubsub()
    heard.psubscribe("__key*")
    assert heard.get_message(timeout=20)["type"] == "psubscribe"
    db.call("LPUSH", "list", "a")
    assert db.exists("log")
    assert heard.get_message() is None
    heard.close()


def test_a_trigger_may_wake_who_waits(db: Any) -> None:
    @db.on("set", "job:*")
    def queue(call: Call, event: str, key: bytes) -> None:
        call.execute("RPUSH", "queue", key)

    import threading

    got: list[Any] = []
    waiter = threading.Thread(target=lambda: got.append(db.redis().blpop("queue", 20)))
    waiter.start()
    while db.info("clients")["blocked_clients"] != "1":
        pass
    db.set("job:1", "x")
    waiter.join(20)
    assert got == [(b"queue", b"job:1")] or got == [[b"queue", b"job:1"]]


def test_databases_are_those_of_the_event(db: Any) -> None:
    seen = []

    @db.on("set")
    def note(call: Call, event: str, key: bytes) -> None:
        seen.append(call.database)
        call.execute("SADD", "names", key)

    other = db.redis(db=3)
    other.set("there", "1")
    assert seen == [3]
    assert other.smembers("names") == {b"there"}
    assert not db.exists("names")


def test_a_failing_trigger_costs_nobody_anything(db: Any, caplog: Any) -> None:
    @db.on("set")
    def broken(call: Call, event: str, key: bytes) -> None:
        call.execute("SET", "half", "1") if key != b"half" else None
        raise ValueError("no")

    assert db.set("key", "value") is True
    assert db.get("key") == b"value"
    messages = [record.getMessage() for record in caplog.records]
    assert len(messages) == 2
    assert "broken failed:\nTraceback" in messages[0]
    assert 'raise ValueError("no")' in messages[0]


def test_triggers_that_cause_each_other_come_to_an_end(db: Any, caplog: Any) -> None:
    count = 0

    @db.on("incrby")
    def again(call: Call, event: str, key: bytes) -> None:
        nonlocal count
        count += 1
        call.execute("INCR", key)

    db.call("INCR", "counter")
    assert count == 8
    assert db.get("counter") == b"9"
    assert "Triggers were not told of 1 events" in caplog.records[-1].getMessage()


def test_many_events_at_once_are_all_heard(db: Any) -> None:
    names = []

    @db.on("set")
    def note(call: Call, event: str, key: bytes) -> None:
        names.append(key)

    with db.redis().pipeline() as pipe:
        for number in range(2000):
            pipe.set(f"key:{number}", "x")
        pipe.execute()
    assert len(names) == 2000


def test_misses_and_new_keys_are_heard_of_by_who_asks(db: Any) -> None:
    seen = []
    for event in ("keymiss", "new", "*"):
        db.on(event, "k")(lambda call, event, key, who=event: seen.append((who, event)))
    db.get("k")
    db.set("k", "1")
    assert seen == [("keymiss", "keymiss"), ("new", "new"), ("*", "set")] or sorted(seen) == [
        ("*", "set"),
        ("keymiss", "keymiss"),
        ("new", "new"),
    ]


def test_nothing_is_heard_while_a_file_is_replayed(tmp_path: Any) -> None:
    HEARD.clear()
    with rubellite.open(tmp_path, load=ALL) as db:
        db.call("LPUSH", "list", "a")
        db.call("SET", "session:1", "x", "PX", 1)
        while not HEARD:
            db.exists("session:1")
        assert db.get("ended") == b"1"
    HEARD.clear()
    with rubellite.open(tmp_path, load=ALL) as db:
        assert HEARD == []
        assert db.get("ended") == b"1"


def test_memory_that_is_full_refuses_what_a_trigger_writes(db: Any, caplog: Any) -> None:
    seen: list[str] = []

    @db.on("del")
    def refused(call: Call, event: str, key: bytes) -> None:
        try:
            call.execute("SET", "more", "x")
        except ReplyError as problem:
            seen.append(str(problem))

    db.set("key", "x")
    db.call("CONFIG", "SET", "maxmemory", "1")
    db.delete("key")
    db.call("CONFIG", "SET", "maxmemory", "0")
    assert seen
    assert seen[0].startswith("OOM ")


def test_what_is_no_trigger_is_refused(db: Any) -> None:
    with pytest.raises(NotationError, match=r"takes \(call, event, key\)"):
        on("set")(lambda call: None)  # type: ignore[type-var]
    with pytest.raises(NotationError, match="lower case"):
        on("SET")(pushed)

    async def later(call: Call, event: str, key: bytes) -> None: ...

    with pytest.raises(NotationError, match="plain function"):
        on("set")(later)
    with pytest.raises(ExtensionError, match="no command and no trigger"):
        db.load(print)
