"""`rubellite.asyncio.connect()`: a redis.asyncio client of whatever a URL or a path names.

The URLs are those of `rubellite.connect` (`rubellite.client.urls`).
"""

from __future__ import annotations

import os
from typing import Any

import redis.asyncio
import redis.asyncio.cluster
import redis.asyncio.sentinel

from rubellite.client.urls import target_of


def connect_to(
    where: str | os.PathLike[str], options: dict[str, Any]
) -> redis.asyncio.Redis | redis.asyncio.RedisCluster:
    """A client of what `where` names; see `rubellite.asyncio.connect`."""
    target = target_of(where, options)
    if target.kind == "directory":
        from rubellite.client.asyncio_api import Redis

        return Redis(target.text, **options)
    if target.kind == "sentinel":
        # The URL's user and password are the servers'; the sentinels may have their own.
        own = target.settings.pop("sentinel_kwargs", None)
        sentinel = redis.asyncio.sentinel.Sentinel(
            target.hosts, sentinel_kwargs=own, **target.settings
        )
        client: redis.asyncio.Redis = sentinel.master_for(target.text, _OfSentinels)
        return client
    if target.kind == "cluster":
        nodes = [redis.asyncio.cluster.ClusterNode(host, port) for host, port in target.hosts]
        return redis.asyncio.RedisCluster(startup_nodes=nodes, **target.settings)
    return redis.asyncio.Redis.from_url(target.text, **options)


class _OfSentinels(redis.asyncio.Redis):
    """A client of a master, which also closes the clients of the sentinels that named it."""

    async def aclose(self, close_connection_pool: bool | None = None) -> None:
        await super().aclose(close_connection_pool)
        pool: Any = self.connection_pool
        for sentinel in pool.sentinel_manager.sentinels:
            await sentinel.aclose()
