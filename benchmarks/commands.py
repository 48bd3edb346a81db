"""Commands in Python that the benchmark loads into our server.

The peers are asked the same of a script: see `GET_AND_INCR` in `scenarios`.
"""

from __future__ import annotations

from rubellite.extending import DENYOOM, WRITE, Call, command


@command("BENCH.GETINCR key", WRITE | DENYOOM)
def get_and_incr(call: Call, key: bytes) -> int:
    """Read a counter and add to it, in two steps."""
    call.get(key)
    return call.increment(key, 1)


@command("BENCH.EXECUTE key", WRITE | DENYOOM)
def execute_get_and_incr(call: Call, key: bytes) -> object:
    """The same by way of other commands."""
    call.execute("GET", key)
    return call.execute("INCR", key)
