"""redis-py's locks: scripts that compare and delete, from threads and from asyncio."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest
import redis
import redis.asyncio
from redis.exceptions import LockError, LockNotOwnedError

from tests.oracles import Server


@pytest.fixture
def client(ours: Server) -> Iterator[redis.Redis]:
    with redis.Redis(port=ours.port) as client:
        client.flushall()
        client.script_flush()
        yield client


def test_a_lock_belongs_to_who_took_it(client: redis.Redis):
    first, second = client.lock("lock", timeout=30), client.lock("lock", timeout=30)
    assert first.acquire()
    assert not second.acquire(blocking=False)
    assert not second.acquire(blocking_timeout=0.05)
    assert first.owned()
    assert not second.owned()
    assert second.locked()
    with pytest.raises(LockError):
        second.release()
    first.release()
    assert not client.exists("lock")
    assert second.acquire(blocking=False)
    second.release()


def test_a_lock_is_extended_and_taken_anew(client: redis.Redis):
    lock = client.lock("lock", timeout=10)
    assert lock.acquire()
    assert lock.extend(50)
    assert 50_000 < client.pttl("lock") <= 60_000
    assert lock.extend(20, replace_ttl=True)
    assert 10_000 < client.pttl("lock") <= 20_000
    assert lock.reacquire()
    assert client.pttl("lock") <= 10_000
    client.set("lock", "somebody else")
    for use in (lambda: lock.extend(1), lock.reacquire, lock.release):
        with pytest.raises(LockNotOwnedError):
            use()
    assert client.get("lock") == b"somebody else"


def test_threads_take_turns(client: redis.Redis):
    seen: list[int] = []

    def work(number: int) -> None:
        for _ in range(5):
            with client.lock("lock", timeout=30, sleep=0.001):
                count = int(client.get("count") or 0)
                seen.append(number)
                client.set("count", count + 1)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert client.get("count") == b"20"
    assert sorted(seen) == sorted([0, 1, 2, 3] * 5)


def test_locks_work_under_asyncio(ours: Server):
    async def scenario() -> None:
        async with redis.asyncio.Redis(port=ours.port) as client:
            await client.flushall()
            order: list[int] = []

            async def work(number: int) -> None:
                async with client.lock("lock", timeout=30, sleep=0.001):
                    order.append(number)
                    await asyncio.sleep(0)
                    order.append(number)

            await asyncio.gather(*(work(number) for number in range(5)))
            assert order[::2] == order[1::2]
            assert sorted(order[::2]) == list(range(5))

    asyncio.run(scenario())
