"""The holder of a shared directory ends: who goes on, and what is known of calls in flight."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import redis

import rubellite
from rubellite.asyncio import Redis as AsyncRedis
from rubellite.client.store import Store
from rubellite.errors import OutcomeUnknown, ReplyError, SubscriptionGap
from tests.client.other import Other, RemoteError
from tests.client.shared import db, holder, in_thread, path, wait_until

__all__ = ["db", "holder", "path"]


# Taking over


def test_when_the_holder_closes_another_takes_over(holder: Other, db: Store):
    holder("db.set('kept', 'yes')")
    holder.close()
    assert db["kept"] == b"yes"
    assert db.is_here()
    assert db.increment("n") == 1


@pytest.mark.parametrize("durability", ["always", "everysec"])
def test_when_the_holder_is_killed_nothing_acknowledged_is_lost(path: Path, durability: str):
    with Other(path, durability=durability) as holder:
        assert holder("db.is_here()")
        with rubellite.open(path, durability=durability) as db:
            for number in range(0, 200, 2):
                assert db.increment("n") == number + 1
                assert holder("db.increment('n')") == number + 2
            holder.kill()
            assert db["n"] == b"200"
            assert db.is_here()


def test_a_store_that_nobody_uses_takes_over_as_well(holder: Other, db: Store):
    holder.kill()
    wait_until(db.is_here)
    with socket.socket(socket.AF_UNIX) as other:
        other.connect(db.socket_path())
        other.sendall(b"PING\r\n")
        assert other.recv(100) == b"+PONG\r\n"


def test_shutdown_ends_the_holder_wherever_it_was_said(holder: Other, db: Store):
    db["kept"] = "yes"
    db.call("SHUTDOWN")
    assert db["kept"] == b"yes"
    assert db.is_here()
    with pytest.raises(RemoteError, match="closed"):
        holder("db.get('kept')")


def test_handles_of_before_go_on_after_it(holder: Other, db: Store):
    user, jobs = db.hash("user"), db.list("jobs")
    user["name"] = "Ann"
    r: Any = db.redis(db=3, decode_responses=True)
    r.set("there", "3")
    pipe_client: Any = db.redis()
    pipe_client.pipeline().set("a", 1).execute()
    holder.kill()
    assert dict(user) == {b"name": b"Ann"}
    assert jobs.append("x") == 1
    assert jobs.pop(timeout_seconds=5) == b"x"
    assert r.get("there") == "3"
    assert pipe_client.pipeline().incr("a").execute() == [2]


def test_the_selected_database_is_selected_again(path: Path, holder: Other, db: Store):
    with Other(path) as next_holder:
        assert not next_holder("db.is_here()")
        db.call("SELECT", 5)
        db["five"] = 1
        holder.kill()
        assert db["five"] == b"1"
        db.call("SELECT", 0)
        assert db.get("five") is None


# Calls in flight


def lost_call(holder: Other, work: Callable[[], Any]) -> Any:
    """What comes of a call that the holder has, but never answers."""
    holder.stop()
    thread, found = in_thread(work)
    # Nobody executes it; what matters is that it is sent.
    thread.join(0.2)
    assert not found
    holder.kill()
    thread.join()
    return found[0]


def test_a_call_in_flight_has_an_unknown_outcome(holder: Other, db: Store):
    assert db.get("n") is None
    found = lost_call(holder, lambda: db.increment("n"))
    assert isinstance(found, OutcomeUnknown)
    assert "INCRBY" in str(found)
    # It was not made again by itself.
    assert db.get("n") is None


def test_so_it_has_for_redis_py(holder: Other, db: Store):
    r: Any = db.redis()
    assert r.get("n") is None
    found = lost_call(holder, lambda: r.incr("n"))
    assert isinstance(found, OutcomeUnknown)
    assert isinstance(found, redis.ConnectionError)
    assert db.get("n") is None
    assert r.incr("n") == 1


def test_so_it_has_for_pipelines(path: Path, holder: Other, db: Store):
    with Other(path) as next_holder:
        assert not next_holder("db.is_here()")
        r: Any = db.redis()
        r.pipeline().get("n").execute()
        found = lost_call(holder, lambda: r.pipeline(transaction=False).incr("n").execute())
        assert isinstance(found, OutcomeUnknown)
    assert db.get("n") is None


def test_an_exec_in_flight_is_no_watch_error(holder: Other, db: Store):
    r: Any = db.redis()
    pipe: Any = r.pipeline()
    pipe.watch("n")
    pipe.multi()
    pipe.incr("n")
    found = lost_call(holder, pipe.execute)
    # Who hears of a WatchError executes it again.
    assert isinstance(found, OutcomeUnknown)
    assert not isinstance(found, redis.WatchError)
    assert db.get("n") is None


def test_so_it_has_for_asyncio(holder: Other, db: Store):
    def work() -> Any:
        async def increment() -> Any:
            client: Any = AsyncRedis(db)
            try:
                assert await client.get("n") is None
                holder.stop()
                asyncio.get_running_loop().call_later(0.2, holder.kill)
                return await client.incr("n")
            finally:
                await client.aclose()

        return asyncio.run(increment())

    with pytest.raises(OutcomeUnknown):
        work()
    assert db.get("n") is None


def test_a_wait_may_have_taken_something(holder: Other, db: Store):
    thread, found = in_thread(lambda: db.list("queue").pop_left(timeout_seconds=60))
    wait_until(lambda: int(db.info("clients")["blocked_clients"]) == 1)
    holder.kill()
    thread.join()
    assert isinstance(found[0], OutcomeUnknown)


# Transactions and subscriptions


def test_what_was_watched_counts_as_changed(holder: Other, db: Store):
    db.call("WATCH", "k")
    holder.kill()
    assert db.get("k") is None
    assert db.call("MULTI") == b"OK"
    assert db.call("SET", "k", "v") == b"QUEUED"
    assert db.call("EXEC") is None
    assert db.get("k") is None
    # Only that once.
    db.call("MULTI")
    db.call("SET", "k", "v")
    assert db.call("EXEC") == [b"OK"]


def test_so_it_does_for_redis_py(holder: Other, db: Store):
    r: Any = db.redis()
    with r.pipeline() as pipe:
        pipe.watch("k")
        holder.kill()
        wait_until(db.is_here)
        pipe.multi()
        pipe.set("k", "v")
        with pytest.raises(redis.WatchError):
            pipe.execute()
    assert db.get("k") is None


def test_queued_commands_go_with_the_holder(holder: Other, db: Store):
    db.call("MULTI")
    db.call("SET", "k", "v")
    holder.kill()
    with pytest.raises(ReplyError, match="EXECABORT"):
        db.call("EXEC")
    assert db.get("k") is None


def test_subscriptions_report_the_gap_and_go_on(holder: Other, db: Store):
    r: Any = db.redis(decode_responses=True)
    with r.pubsub(ignore_subscribe_messages=True) as listener:
        listener.subscribe("news")
        listener.get_message(timeout=10)
        holder.kill()
        with pytest.raises(SubscriptionGap):
            next(filter(None, iter(lambda: listener.get_message(timeout=10), object())))

        def is_subscribed() -> bool:
            # redis-py 5 subscribes anew when it is next asked for a message.
            listener.get_message(timeout=0)
            return db.call("PUBSUB", "NUMSUB", "news") in ([b"news", 1], {b"news": 1})

        # It was sent, and may not have been executed.
        wait_until(is_subscribed)
        assert db.redis().publish("news", "again") == 1
        messages = iter(lambda: listener.get_message(timeout=10), object())
        assert next(filter(None, messages))["data"] == "again"
