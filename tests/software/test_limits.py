"""`limits`: fixed, moving and sliding windows, counted by its Lua scripts."""

from __future__ import annotations

import asyncio
from typing import Any

import limits
import limits.aio
import pytest
import redis
import redis.asyncio
from limits.storage import storage_from_string

from tests.oracles import Server

TWO_AN_HOUR = limits.RateLimitItemPerHour(2)


@pytest.fixture
def uri(ours: Server) -> str:
    with redis.Redis(port=ours.port) as client:
        client.flushall()
    return f"redis://127.0.0.1:{ours.port}"


@pytest.mark.parametrize(
    "strategy",
    [
        limits.strategies.FixedWindowRateLimiter,
        limits.strategies.MovingWindowRateLimiter,
        limits.strategies.SlidingWindowCounterRateLimiter,
    ],
)
def test_a_limit_holds_and_can_be_cleared(uri: str, strategy: Any):
    storage: Any = storage_from_string(uri)
    assert storage.check()
    limiter = strategy(storage)
    assert limiter.test(TWO_AN_HOUR, "user", "ann")
    assert [limiter.hit(TWO_AN_HOUR, "user", "ann") for _ in range(3)] == [True, True, False]
    assert not limiter.test(TWO_AN_HOUR, "user", "ann")
    assert limiter.hit(TWO_AN_HOUR, "user", "bob", cost=2)
    assert not limiter.hit(TWO_AN_HOUR, "user", "bob")
    stats = limiter.get_window_stats(TWO_AN_HOUR, "user", "ann")
    assert stats.remaining == 0
    limiter.clear(TWO_AN_HOUR, "user", "ann")
    assert limiter.hit(TWO_AN_HOUR, "user", "ann")
    assert storage.reset() == 2
    assert limiter.get_window_stats(TWO_AN_HOUR, "user", "bob").remaining == 2


def test_limits_hold_under_asyncio(uri: str):
    async def scenario() -> list[bool]:
        pool: Any = redis.asyncio.ConnectionPool.from_url(uri)
        storage: Any = storage_from_string(
            f"async+{uri}", implementation="redispy", connection_pool=pool
        )
        limiter = limits.aio.strategies.MovingWindowRateLimiter(storage)
        try:
            return [await limiter.hit(TWO_AN_HOUR, "user") for _ in range(3)]
        finally:
            await pool.aclose()

    assert asyncio.run(scenario()) == [True, True, False]
