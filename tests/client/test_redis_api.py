"""`rubellite.Redis` answers as `redis.Redis` does through a socket."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis

import rubellite
from rubellite.asyncio import Redis as AsyncRedis
from rubellite.client.store import Store


@pytest.fixture
def db() -> Iterator[Store]:
    with rubellite.open() as store:
        yield store


def outcome(work: Callable[[Any], Any], client: Any) -> Any:
    """The result of `work`, or what it raised."""
    try:
        return work(client)
    except redis.RedisError as problem:
        return type(problem), str(problem)


CALLS: dict[str, Callable[[Any], Any]] = {
    "set": lambda r: r.set("k", "v"),
    "get": lambda r: r.get("k"),
    "set with options": lambda r: r.set("k", "v2", ex=100, get=True),
    "missing": lambda r: r.get("none"),
    "mget": lambda r: r.mget("k", "none"),
    "mset": lambda r: r.mset({"a": 1, "b": 2.5, "c": b"\x00"}),
    "incr": lambda r: r.incr("a", 5),
    "incrbyfloat": lambda r: r.incrbyfloat("b", 0.1),
    "ttl": lambda r: r.ttl("k") > 0,
    "hset": lambda r: r.hset("h", mapping={"f": "1", "g": "2"}),
    "hgetall": lambda r: r.hgetall("h"),
    "wrong type": lambda r: r.hget("k", "f"),
    "not a number": lambda r: r.incr("k"),
    "unknown": lambda r: r.execute_command("NOPE", "x"),
    "arity": lambda r: r.execute_command("GET"),
    "exists": lambda r: r.exists("a", "b", "zz"),
    "type": lambda r: r.type("h"),
    "scan": lambda r: sorted(r.scan_iter()),
    "config": lambda r: r.config_get("maxmemory*"),
    "echo": lambda r: r.echo("hi"),
    "ping": lambda r: r.ping(),
    "time": lambda r: len(r.time()),
    "expireat": lambda r: r.expire("none", 5),
    "object": lambda r: r.object("encoding", "a"),
    "info": lambda r: r.info("server")["redis_version"],
    "dbsize": lambda r: r.dbsize(),
    "lower case": lambda r: r.execute_command("get", "a"),
    "memoryview": lambda r: r.set("mv", memoryview(b"12")),
    "no none": lambda r: r.set("k", None),
    "command": lambda r: r.command_count() > 100,
    "rpush": lambda r: r.rpush("l", 1, "two", b"3"),
    "lrange": lambda r: r.lrange("l", 0, -1),
    "blpop": lambda r: r.blpop("l", timeout=1),
    "lpos": lambda r: r.lpos("l", "two"),
    "sadd": lambda r: r.sadd("s", "a", "b"),
    "smembers": lambda r: r.smembers("s"),
    "sismember": lambda r: r.sismember("s", "a"),
    "zadd": lambda r: r.zadd("z", {"a": 1, "b": 2.5}),
    "zrange": lambda r: r.zrange("z", 0, -1, withscores=True),
    "zscore": lambda r: r.zscore("z", "b"),
    "zpopmin": lambda r: r.zpopmin("z"),
    "hgetall of nothing": lambda r: r.hgetall("nothing"),
    "hscan": lambda r: r.hscan("h"),
    "setbit": lambda r: r.setbit("bits", 7, 1),
    "pfadd": lambda r: r.pfadd("hll", "a", "b"),
    "sort of type": lambda r: r.type("z"),
    "dump": lambda r: r.restore("copy", 0, r.dump("l"), replace=True),
    "delete": lambda r: r.delete("a", "b", "none"),
}


@pytest.mark.parametrize("protocol", [None, 2, 3])
@pytest.mark.parametrize("decodes", [False, True])
def test_replies_and_errors_equal_those_through_a_socket(
    db: Store, protocol: int | None, decodes: bool
):
    options: dict[str, Any] = {"protocol": protocol, "decode_responses": decodes}
    embedded = db.redis(**options)
    through_socket = redis.Redis(unix_socket_path=db.socket_path(), db=1, **options)
    for name, work in CALLS.items():
        assert outcome(work, embedded) == outcome(work, through_socket), name
    embedded.close()
    through_socket.close()


def test_a_client_may_keep_one_connection(db: Store):
    with db.redis(single_connection_client=True) as client:
        number = client.client_id()
        client.set("k", "v")
        assert client.get("k") == b"v"
        assert client.client_id() == number


def test_pipelines_transactions_and_watch(db: Store):
    client: Any = db.redis()
    with client.pipeline() as pipe:
        pipe.set("a", 1).incr("a").get("a")
        assert pipe.execute() == [True, 2, b"2"]
    with client.pipeline() as pipe:
        pipe.watch("a")
        client.set("a", 5)
        pipe.multi()
        pipe.incr("a")
        with pytest.raises(redis.WatchError):
            pipe.execute()

    def raise_by_two(pipe: Any) -> None:
        now = int(pipe.get("a"))
        pipe.multi()
        pipe.set("a", now + 2)

    assert client.transaction(raise_by_two, "a") == [True]
    assert client.get("a") == b"7"


def test_messages_are_published_and_received(db: Store):
    client: Any = db.redis(decode_responses=True)
    with client.pubsub() as listener:
        listener.subscribe("news")
        assert listener.get_message(timeout=10)["type"] == "subscribe"
        assert client.publish("news", "hello") == 1
        assert listener.get_message(timeout=10)["data"] == "hello"


def test_a_lock_of_redis_py_is_released(db: Store):
    client: Any = db.redis()
    assert client.set("lock", "token", nx=True, px=10_000)
    assert client.set("lock", "other", nx=True) is None


def test_clients_without_a_store_get_one_of_their_own():
    with rubellite.Redis() as one, rubellite.Redis() as other:
        one.set("a", 1)
        assert other.get("a") is None


def test_databases_are_apart(db: Store):
    db.redis(db=3).set("here", 1)
    assert db.redis().get("here") is None
    assert db.redis(db=3).get("here") == b"1"


def test_asyncio_clients_do_the_same(db: Store):
    async def work() -> None:
        client: Any = AsyncRedis(db, decode_responses=True)
        assert await client.set("k", "v")
        assert await client.get("k") == "v"
        assert await client.hset("h", mapping={"f": "1"}) == 1
        assert await client.hgetall("h") == {"f": "1"}
        with pytest.raises(redis.ResponseError, match="not an integer"):
            await client.incr("k")
        async with client.pipeline() as pipe:
            pipe.set("n", 1)
            pipe.incr("n")
            assert await pipe.execute() == [True, 2]
        async with client.pubsub() as listener:
            await listener.subscribe("news")
            await listener.get_message(timeout=10)
            await client.publish("news", "hello")
            assert (await listener.get_message(timeout=10))["data"] == "hello"
        await client.aclose()

    asyncio.run(work())


def test_a_cancelled_wait_takes_nothing(db: Store):
    async def work() -> None:
        client: Any = AsyncRedis(db)
        waiting = asyncio.create_task(client.blpop("queue", timeout=20))
        while int((await client.info("clients"))["blocked_clients"]) == 0:
            await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        while int((await client.info("clients"))["blocked_clients"]) > 0:
            await asyncio.sleep(0)
        await client.rpush("queue", "job")
        assert await client.lpop("queue") == b"job"
        await client.aclose()

    asyncio.run(work())


@pytest.mark.parametrize("wait", ["blpop", "brpop", "bzpopmin"])
def test_after_a_cancelled_wait_what_is_pushed_is_there(db: Store, wait: str):
    # Nobody waits for the engine to notice that the connection is gone.
    async def work() -> None:
        client: Any = AsyncRedis(db)
        for _ in range(20):
            waiting = asyncio.create_task(getattr(client, wait)("queue", timeout=20))
            while int((await client.info("clients"))["blocked_clients"]) == 0:
                await asyncio.sleep(0)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
            if wait == "bzpopmin":
                await client.zadd("queue", {"job": 1})
                assert await client.zpopmin("queue") == [(b"job", 1.0)]
            else:
                await client.rpush("queue", "job")
                assert await client.lpop("queue") == b"job"
        await client.aclose()

    asyncio.run(work())


def test_after_a_wait_that_ctrl_c_ended_what_is_pushed_is_there(db: Store):
    client: Any = db.redis()

    def interrupt(is_over: threading.Event) -> None:
        while b"blocked_clients:1" not in db.session().call("INFO", "clients"):
            pass
        # Python may just be on its way into the system, and not hear of the first.
        while not is_over.is_set():
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
            is_over.wait(1)

    for _ in range(20):
        is_over = threading.Event()
        thread = threading.Thread(target=interrupt, args=(is_over,))
        thread.start()
        with pytest.raises(KeyboardInterrupt):
            client.blpop("queue", timeout=20)
        is_over.set()
        client.rpush("queue", "job")
        assert client.lpop("queue") == b"job"
        thread.join()


def test_one_store_serves_several_event_loops(db: Store):
    async def count(times: int) -> None:
        client: Any = AsyncRedis(db)
        for _ in range(times):
            await client.incr("total")
        await client.aclose()

    for _ in range(3):
        asyncio.run(count(10))
    assert db.get("total") == b"30"


def test_without_redis_py_it_is_said_how_to_get_it():
    program = """if True:
        import sys
        sys.modules["redis"] = None
        import rubellite
        db = rubellite.open()
        for ask in (
            db.redis,
            db.asyncio_redis,
            lambda: rubellite.Redis,
            lambda: rubellite.connect("redis://localhost"),
            lambda: __import__("rubellite.asyncio"),
        ):
            try:
                ask()
            except ImportError as problem:
                print(problem)
    """
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout == "redis-py is not installed: pip install 'rubellite[redis]'\n" * 5
