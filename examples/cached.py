"""A cache that is never stale: redis-py keeps what it has read, and the server says when
it changes.

    python examples/cached.py redis://localhost:6379
"""

from __future__ import annotations

import sys

import redis
from redis.cache import CacheConfig

READS = 1000


def main() -> None:
    url = sys.argv[1] if len(sys.argv) > 1 else "redis://localhost:6379"
    cached = redis.Redis.from_url(
        url, protocol=3, decode_responses=True, cache_config=CacheConfig()
    )
    other = redis.Redis.from_url(url)
    other.set("greeting", "hello")
    other.config_resetstat()
    for _ in range(READS):
        greeting = cached.get("greeting")
    asked = other.info("commandstats")["cmdstat_get"]["calls"]
    print(f"{greeting}: read {READS} times, asked the server {asked} time(s)")
    other.set("greeting", "good evening")
    while cached.get("greeting") == greeting:
        pass
    print(f"{cached.get('greeting')}: somebody else changed it")


if __name__ == "__main__":
    main()
