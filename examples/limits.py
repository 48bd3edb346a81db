"""A rate limiter as a command, for every client:

rubellite serve --load examples/limits.py
redis-cli RATE.LIMIT ip:10.0.0.7 5 60
"""

from __future__ import annotations

from rubellite.extending import WRITE, Call, command


@command("RATE.LIMIT key limit:integer seconds", WRITE)
def rate_limit(call: Call, key: bytes, limit: int, seconds: int) -> int:
    """Return how many more may pass in this period; -1 if this one may not."""
    passed: int = call.execute("INCR", key)
    if passed == 1:
        call.execute("EXPIRE", key, seconds)
    return max(limit - passed, -1)
