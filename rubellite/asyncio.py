"""asyncio clients: `from rubellite.asyncio import Redis, connect`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from rubellite.client.requirements import needs_redis_py

with needs_redis_py():
    from rubellite.client.asyncio_api import Redis

if TYPE_CHECKING:
    import redis.asyncio

__all__ = ["Redis", "connect"]


def connect(
    where: str | os.PathLike[str], **options: Any
) -> redis.asyncio.Redis | redis.asyncio.RedisCluster:
    """A `redis.asyncio` client of what a URL or a path names, as `rubellite.connect`.

    Its `aclose()` closes the store of a path, too.
    """
    from rubellite.client.asyncio_urls import connect_to

    return connect_to(where, options)
