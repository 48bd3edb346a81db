"""Faults strike where they are told to, for the embedded client and through a port alike."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
import redis
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.retry import Retry

import rubellite
from rubellite.errors import OutcomeUnknown, ReplyError
from rubellite.testing import IsolatedStore


@pytest.fixture(params=["embedded", "port"])
def client(request: pytest.FixtureRequest, store: IsolatedStore) -> Iterator[redis.Redis]:
    """A client that never tries again."""
    client: redis.Redis
    if request.param == "embedded":
        client = store.redis(retry=Retry(NoBackoff(), 0))
    else:
        client = redis.Redis.from_url(store.url(), retry=Retry(NoBackoff(), 0))
    yield client
    client.close()


def test_a_dropped_connection_leaves_the_command_undone(store, client):
    fault = store.faults.drop("incr")
    with pytest.raises(redis.ConnectionError):
        client.incr("visits")
    assert client.get("visits") is None
    assert client.incr("visits") == 1
    assert fault.hits == 1


def test_a_lost_reply_leaves_the_command_done(store, client):
    store.faults.lose_reply("incr")
    with pytest.raises(redis.ConnectionError):
        client.incr("visits")
    assert client.get("visits") == b"1"


def test_a_client_that_tries_again_does_it_twice(store):
    client = store.redis(retry=Retry(NoBackoff(), 1))
    store.faults.lose_reply("incr")
    assert client.incr("visits") == 2
    client.close()


@pytest.mark.parametrize(
    "name, error, text",
    [
        ("loading", redis.BusyLoadingError, "Redis is loading the dataset in memory"),
        ("readonly", redis.ReadOnlyError, "You can't write against a read only replica."),
        ("oom", redis.OutOfMemoryError, "command not allowed when used memory > 'maxmemory'."),
    ],
)
def test_conditions_have_the_servers_own_texts(store, client, name, error, text):
    getattr(store.faults, name)()
    with pytest.raises(error) as problem:
        client.set("key", "value")
    assert str(problem.value) == text
    assert client.set("key", "value")


def test_conditions_strike_only_what_such_a_server_refuses(store, client):
    with store.faults.readonly(times=None):
        assert client.get("key") is None
        with pytest.raises(redis.ReadOnlyError):
            client.delete("key")
    with store.faults.oom(times=None):
        assert client.delete("key") == 0
        with pytest.raises(redis.OutOfMemoryError):
            client.rpush("list", "a")
    with store.faults.loading(times=None):
        assert client.info("server")
        with pytest.raises(redis.BusyLoadingError):
            client.get("key")


def test_the_nth_command_fails(store, client):
    fault = store.faults.fail("ERR out of luck", "set", nth=3, times=2)
    replies = []
    for number in range(6):
        client.get("key")
        try:
            client.set("key", number)
            replies.append("done")
        except redis.ResponseError as problem:
            replies.append(str(problem))
    assert replies == ["done", "done", "out of luck", "out of luck", "done", "done"]
    assert fault.hits == 2


def test_a_fault_without_command_passes_over_greetings(store, client):
    store.faults.fail("ERR second", nth=2)
    assert client.get("key") is None
    with pytest.raises(redis.ResponseError, match="second"):
        client.get("key")


def test_faults_inside_a_transaction_abort_it(store, client):
    store.faults.oom("set")
    with pytest.raises(redis.OutOfMemoryError):
        client.pipeline().incr("a").set("b", 1).execute()
    assert client.exists("a", "b") == 0


def test_an_interrupted_exec_leaves_nobody_in_doubt_about_atomicity(store, client):
    store.faults.lose_reply("exec")
    # redis-py would make a WatchError of a ConnectionError.
    lost = OutcomeUnknown if isinstance(client, rubellite.Redis) else redis.ConnectionError
    with pytest.raises(lost):
        client.pipeline().incr("a").incr("b").execute()
    assert client.mget("a", "b") == [b"1", b"1"]


def test_a_delayed_reply_comes_when_the_clock_says(store):
    store.clock.freeze()
    client = redis.Redis.from_url(store.url())
    connection: Any = client.connection_pool.get_connection()
    store.faults.delay(5, "incr")
    connection.send_command("INCR", "visits")
    while store.get("visits") != b"1":
        pass
    assert not connection.can_read(timeout=0.01)
    store.clock.advance(5)
    assert connection.read_response() == 1
    client.connection_pool.release(connection)
    client.close()


def test_clearing_lets_late_replies_leave(store):
    store.clock.freeze()
    client = redis.Redis.from_url(store.url())
    connection: Any = client.connection_pool.get_connection()
    store.faults.delay(5, "ping")
    connection.send_command("PING")
    connection.send_command("ECHO", "after")
    store.faults.clear()
    assert [connection.read_response(), connection.read_response()] == [b"PONG", b"after"]
    client.connection_pool.release(connection)
    client.close()


def test_the_handle_meets_faults_too(store):
    store.faults.drop("get")
    with pytest.raises(ConnectionResetError):
        store.get("key")
    store.faults.oom()
    with pytest.raises(ReplyError, match="OOM"):
        store.set("key", "value")
    assert store.set("key", "value")
    store.faults.lose_reply("set")
    with pytest.raises(ConnectionResetError):
        store.set("key", "other")
    assert store.get("key") == b"other"


def test_asyncio_clients_meet_faults_too(store):
    async def main() -> None:
        client = store.asyncio_redis(retry=AsyncRetry(NoBackoff(), 0))
        store.faults.lose_reply("incr")
        with pytest.raises(redis.ConnectionError):
            await client.incr("visits")
        assert await client.get("visits") == b"1"
        await client.aclose()

    asyncio.run(main())


def test_a_wait_can_lose_its_reply(store):
    store.faults.lose_reply("blpop")
    with pytest.raises(ConnectionResetError):
        store.call("BLPOP", "queue", 0)
    store.call("RPUSH", "queue", "job")
    assert store.blocked_clients() == 0
    assert store.call("LRANGE", "queue", 0, -1) == [b"job"]


def test_subcommands_can_be_named(store, client):
    store.faults.fail("ERR no", "config get")
    client.config_set("hz", 10)
    with pytest.raises(redis.ResponseError, match="no"):
        client.config_get("hz")


def test_mistakes_are_told(store):
    with pytest.raises(ValueError, match="'gett' is no command"):
        store.faults.drop("gett")
    with pytest.raises(ValueError, match="count from 1"):
        store.faults.drop(nth=0)


def test_without_faults_the_embedded_client_needs_no_connection(store):
    client = store.redis()
    with store.faults.drop("set"):
        client.get("key")
    client.get("key")
    before = int(client.info("stats")["total_connections_received"])
    client.get("key")
    assert int(client.info("stats")["total_connections_received"]) == before
    client.close()
