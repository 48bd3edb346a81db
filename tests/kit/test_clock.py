"""The time of an isolated store: moved, stopped, and that of time-machine and freezegun."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import freezegun
import pytest
import time_machine

from rubellite.testing import IsolatedStore
from tests.kit.conftest import START


class Waiting(threading.Thread):
    """A command that waits, in a thread of its own."""

    def __init__(self, store: IsolatedStore, call: Callable[[], Any]) -> None:
        super().__init__(daemon=True)
        self._call = call
        self.reply: Any = "none yet"
        self.start()
        store.wait_until_blocked()

    def run(self) -> None:
        self.reply = self._call()

    def result(self) -> Any:
        self.join(20)
        assert not self.is_alive()
        return self.reply


def test_time_runs_with_the_systems(store):
    assert abs(store.clock.now() - time.time()) < 5


def test_keys_expire_when_time_moves(store):
    store.set("key", "value", seconds=60)
    store.clock.advance(59)
    assert store.get("key") == b"value"
    store.clock.advance(timedelta(seconds=1))
    assert store.get("key") is None


def test_due_keys_are_gone_before_anybody_asks(store):
    store.set("key", "value", seconds=60)
    store.clock.advance(60)
    assert store.call("DBSIZE") == 0


def test_frozen_time_stands_still_and_can_be_moved(store):
    store.clock.freeze(datetime(2026, 1, 1, tzinfo=UTC))
    assert store.call("TIME") == [b"1767225600", b"0"]
    store.set("key", "value", seconds=10)
    assert store.call("PTTL", "key") == 10_000
    store.clock.advance(0.25)
    assert (store.clock.now(), store.call("PTTL", "key")) == (START + 0.25, 9_750)
    store.clock.resume()
    assert abs(store.clock.now() - time.time()) < 5


def test_freezing_keeps_what_was_added(store):
    store.clock.advance(3600)
    store.clock.freeze()
    assert 3590 < store.clock.now() - time.time() < 3610
    store.clock.reset()
    assert abs(store.clock.now() - time.time()) < 5


@pytest.mark.parametrize("way", ["handle", "embedded", "socket"])
def test_a_wait_ends_when_its_time_has_come(store, way):
    store.clock.freeze()
    client = store.redis()
    calls: dict[str, Callable[[], Any]] = {
        "handle": lambda: store.list("queue").pop_left(timeout_seconds=60),
        "embedded": lambda: client.blpop("queue", timeout=60),
        "socket": lambda: client.execute_command("BLPOP", "queue", 60),
    }
    waiting = Waiting(store, calls[way])
    store.clock.advance(59)
    assert store.blocked_clients() == 1
    store.clock.advance(1)
    assert waiting.result() is None
    client.close()


TRAVELS: dict[str, Callable[[datetime], Any]] = {
    "time-machine": lambda at: time_machine.travel(at, tick=False),
    "freezegun": freezegun.freeze_time,
}
NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("tool", TRAVELS)
def test_time_is_what_the_tool_says(store, tool):
    with TRAVELS[tool](NEW_YEAR):
        assert store.clock.now() == time.time() == START
        assert store.call("TIME") == [b"1767225600", b"0"]
    assert abs(store.clock.now() - time.time()) < 5


@pytest.mark.parametrize("tool", TRAVELS)
def test_keys_expire_when_the_tool_moves_time(store, tool):
    client = store.redis()
    with TRAVELS[tool](NEW_YEAR) as moving:
        client.set("key", "value", ex=60)
        client.hset("hash", "field", "value")
        client.hexpire("hash", 60, "field")
        moving.move_to(NEW_YEAR + timedelta(seconds=59))
        assert (client.ttl("key"), client.exists("key", "hash")) == (1, 2)
        moving.move_to(NEW_YEAR + timedelta(seconds=60))
        assert client.exists("key", "hash") == 0
    client.close()


@pytest.mark.parametrize("tool", TRAVELS)
def test_waiters_wake_when_the_tool_moves_time(store, tool):
    client = store.redis()
    with TRAVELS[tool](NEW_YEAR) as moving:
        waiting = Waiting(store, lambda: client.execute_command("BLPOP", "queue", 60))
        moving.move_to(NEW_YEAR + timedelta(seconds=60))
        assert waiting.result() is None
    client.close()


@pytest.mark.parametrize("tool", TRAVELS)
def test_subscribers_hear_of_keys_that_expire_when_the_tool_moves_time(store, tool):
    store.call("CONFIG", "SET", "notify-keyspace-events", "Ex")
    client = store.redis()
    with TRAVELS[tool](NEW_YEAR) as moving, client.pubsub() as subscriber:
        subscriber.subscribe("__keyevent@0__:expired")
        assert subscriber.get_message(timeout=20)["type"] == "subscribe"
        client.set("key", "value", ex=60)
        moving.move_to(NEW_YEAR + timedelta(seconds=60))
        assert subscriber.get_message(timeout=20)["data"] == b"key"
    client.close()


@pytest.mark.parametrize("tool", TRAVELS)
def test_time_goes_back_with_the_tool(store, tool):
    store.set("key", "value", seconds=60)
    with TRAVELS[tool](datetime(2000, 1, 1, tzinfo=UTC)):
        assert store.call("TTL", "key") > 20 * 365 * 86400
    assert store.call("TTL", "key") == 60


def test_freezegun_that_ticks_by_itself_is_not_moved_by_the_store(store):
    with freezegun.freeze_time(NEW_YEAR, auto_tick_seconds=10):
        before = store.clock.now()
        for _ in range(10):
            store.get("key")
        assert store.clock.now() == before


def test_time_that_runs_from_elsewhere_runs_in_the_store(store):
    with time_machine.travel(NEW_YEAR, tick=True):
        assert START <= store.clock.now() < START + 5
    with freezegun.freeze_time(NEW_YEAR, tick=True):
        assert START <= store.clock.now() < START + 5


def test_what_the_clock_adds_comes_on_top_of_the_tools_time(store):
    with time_machine.travel(NEW_YEAR, tick=False):
        store.clock.advance(5)
        assert store.clock.now() == START + 5
