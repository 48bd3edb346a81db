"""Task queues, with workers in this process: Huey and Dramatiq."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Iterator
from typing import Any

import dramatiq
import pytest
import redis
from dramatiq.brokers.redis import RedisBroker
from dramatiq.rate_limits import Barrier, BucketRateLimiter, ConcurrentRateLimiter
from dramatiq.rate_limits.backends import RedisBackend as LimiterBackend
from dramatiq.results import Results
from dramatiq.results.backends import RedisBackend as ResultBackend
from huey import PriorityRedisHuey, RedisHuey
from huey.exceptions import TaskException, TaskLockedException

from tests.oracles import Server

WAIT_SECONDS = 20


@pytest.fixture
def port(ours: Server) -> int:
    with redis.Redis(port=ours.port) as client:
        client.flushall()
    return ours.port


# Huey


def work_off(huey: Any) -> None:
    """Runs all that is in the queue."""
    while (task := huey.dequeue()) is not None:
        huey.execute(task)


def test_huey_runs_retries_and_schedules(port: int):
    huey = RedisHuey("app", port=port, blocking=False)
    failures = iter([True, False])

    @huey.task(retries=1)
    def flaky(number: int) -> int:
        if next(failures):
            raise RuntimeError("again")
        return number * 2

    @huey.task()
    def broken() -> None:
        raise ValueError("no")

    result, error = flaky(21), broken()
    later = flaky.schedule((1,), delay=3600)
    assert huey.pending_count() == 3
    work_off(huey)
    assert result.get() == 42
    with pytest.raises(TaskException, match="no"):
        error.get()
    assert huey.scheduled_count() == 1
    due = huey.read_schedule(dt.datetime.now(dt.UTC).replace(tzinfo=None))
    assert due == []
    later.revoke()
    assert huey.is_revoked(later.task)
    huey.flush()
    assert (huey.pending_count(), huey.scheduled_count()) == (0, 0)


def test_huey_locks_and_priorities(port: int):
    huey = PriorityRedisHuey("app", port=port, blocking=False)
    order: list[str] = []

    @huey.task()
    def note(name: str) -> None:
        order.append(name)

    for name, priority in (("low", 1), ("high", 9), ("middle", 5)):
        note(name, priority=priority)
    work_off(huey)
    assert order == ["high", "middle", "low"]
    with huey.lock_task("once"), pytest.raises(TaskLockedException), huey.lock_task("once"):
        pass
    assert not huey.is_locked("once")


def test_hueys_consumer_waits_for_tasks(port: int):
    huey = RedisHuey("app", port=port, read_timeout=1)

    @huey.task()
    def add(one: int, other: int) -> int:
        return one + other

    consumer = huey.create_consumer(workers=2, periodic=False, initial_delay=0.01, backoff=1.0)
    consumer.start()
    try:
        results = [add(number, 1) for number in range(20)]
        found = [result.get(blocking=True, timeout=WAIT_SECONDS) for result in results]
        assert found == list(range(1, 21))
    finally:
        consumer.stop(graceful=True)


# Dramatiq


@pytest.fixture
def broker(port: int) -> Iterator[RedisBroker]:
    broker = RedisBroker(host="127.0.0.1", port=port)
    broker.add_middleware(Results(backend=ResultBackend(host="127.0.0.1", port=port)))
    dramatiq.set_broker(broker)
    yield broker
    broker.close()


@pytest.fixture
def working(broker: RedisBroker) -> Iterator[list[dramatiq.Worker]]:
    """Starts workers when a test has declared its actors."""
    workers: list[dramatiq.Worker] = []
    yield workers
    for worker in workers:
        worker.stop()


def start_worker(broker: RedisBroker, working: list[dramatiq.Worker]) -> None:
    worker = dramatiq.Worker(broker, worker_timeout=50, worker_threads=2)
    worker.start()
    working.append(worker)


def test_dramatiq_runs_actors_and_keeps_results(broker: RedisBroker, working: Any):
    failures = iter([True, False])

    @dramatiq.actor(broker=broker, store_results=True)
    def add(one: int, other: int) -> int:
        return one + other

    @dramatiq.actor(broker=broker, store_results=True, max_retries=2, min_backoff=10)
    def flaky() -> str:
        if next(failures):
            raise RuntimeError("again")
        return "done"

    start_worker(broker, working)
    messages = [add.send(number, 1) for number in range(10)]
    flaked = flaky.send()
    found = [message.get_result(block=True, timeout=WAIT_SECONDS * 1000) for message in messages]
    assert found == list(range(1, 11))
    assert flaked.get_result(block=True, timeout=WAIT_SECONDS * 1000) == "done"
    last: Any = add
    pipeline = add.message(1, 2) | last.message(10)
    assert pipeline.run().get_result(block=True, timeout=WAIT_SECONDS * 1000) == 13
    group = dramatiq.group([add.message(1, 1), add.message(2, 2)]).run()
    assert list(group.get_results(block=True, timeout=WAIT_SECONDS * 1000)) == [2, 4]
    broker.join("default", timeout=WAIT_SECONDS * 1000)


def test_dramatiq_delays_messages_and_gives_up_on_dead_ones(broker: RedisBroker, working: Any):
    seen = threading.Event()

    @dramatiq.actor(broker=broker)
    def note() -> None:
        seen.set()

    @dramatiq.actor(broker=broker, max_retries=0)
    def broken() -> None:
        raise ValueError("no")

    start_worker(broker, working)
    note.send_with_options(delay=20)
    broken.send()
    assert seen.wait(WAIT_SECONDS)
    broker.join("default", timeout=WAIT_SECONDS * 1000)
    assert broker.client.zcard("dramatiq:default.XQ") == 1


def test_dramatiqs_limiters_and_barriers(port: int):
    backend = LimiterBackend(host="127.0.0.1", port=port)
    mutex = ConcurrentRateLimiter(backend, "mutex", limit=1)
    with mutex.acquire(raise_on_failure=False) as first:
        with mutex.acquire(raise_on_failure=False) as second:
            assert (first, second) == (True, False)
    bucket = BucketRateLimiter(backend, "bucket", limit=2, bucket=60_000)
    taken = []
    for _ in range(3):
        with bucket.acquire(raise_on_failure=False) as is_taken:
            taken.append(is_taken)
    # A bucket that ends in between begins anew.
    assert taken[:2] == [True, True]
    barrier = Barrier(backend, "barrier", ttl=30_000)
    assert barrier.create(parties=2)
    assert [barrier.wait(block=False), barrier.wait(block=False)] == [False, True]
