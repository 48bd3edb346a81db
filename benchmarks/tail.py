"""Tail latency under a mixed load at a fixed rate.

The load is open: requests are due at fixed times whether or not the server keeps up,
and a wait counts from the moment a request was *due*. A closed loop would stop asking
while the server stalls, and the stall would count once instead of a thousand times.
"""

from __future__ import annotations

import gc
import random
import select
import socket
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence

from benchmarks.report import Results, Row
from benchmarks.servers import Server
from benchmarks.wire import Connection, ReplyError, encode

CONNECTIONS = 20
REQUESTS_PER_S = 10_000
KEYS = 100_000
SLICE_S = 30.0

# Small commands on every type, drawn with equal chance; pushes and pops balance.
MIX: tuple[tuple[str, ...], ...] = (
    ("GET", "key:{n}"),
    ("SET", "key:{n}", "value:{n}"),
    ("SET", "session:{n}", "value:{n}", "EX", "20"),
    ("INCR", "counter:{n}"),
    ("HSET", "hash:{m}", "field:{n}", "value:{n}"),
    ("HGET", "hash:{m}", "field:{n}"),
    ("LPUSH", "list:{m}", "value:{n}"),
    ("RPOP", "list:{m}"),
    ("SADD", "set:{m}", "member:{n}"),
    ("SREM", "set:{m}", "member:{n}"),
    ("ZADD", "zset:{m}", "{n}", "member:{n}"),
    ("ZRANGE", "zset:{m}", "0", "9"),
)


def measure(
    servers: Sequence[Server],
    results: Results,
    say: Callable[[str], None],
    duration_s: float = 30.0,
    requests_per_s: int = REQUESTS_PER_S,
) -> None:
    """Each server for `duration_s` in interleaved slices; percentiles over all its requests."""
    mix = _common_mix(servers, results)
    if not mix:
        return
    slices = max(1, round(duration_s / SLICE_S))
    waits_us: dict[str, Counter[int]] = {server.name: Counter() for server in servers}
    for index in range(slices):
        for server in servers:
            # The same seed for every server: the same requests in the same order.
            requests = _requests(mix, random.Random(index))
            waits_us[server.name] += _run(server, requests, duration_s / slices, requests_per_s)
            say(f"tail: {server.name}, slice {index + 1} of {slices}")
    for metric, share in (("p50", 0.5), ("p99", 0.99), ("p99.9", 0.999), ("max", 1.0)):
        values = {name: percentile(waits, share) / 1000 for name, waits in waits_us.items()}
        results.add(Row("tail", f"mixed load, {requests_per_s:,} requests/s", metric, "ms", values))


def percentile(waits: Counter[int], share: float) -> int:
    """The smallest wait that at least `share` of all requests did not exceed."""
    wanted = share * waits.total()
    seen = 0
    for wait in sorted(waits):
        seen += waits[wait]
        if seen >= wanted:
            return wait
    raise ValueError("no request was measured")


def _common_mix(servers: Sequence[Server], results: Results) -> list[tuple[str, ...]]:
    """The part of the mix that every server answers: all must get the same load."""
    mix = list(MIX)
    for server in servers:
        with server.connect() as connection:
            connection.call("FLUSHALL")
            for command in list(mix):
                try:
                    connection.call(*(part.format(n=1, m=1) for part in command))
                except ReplyError as why:
                    mix.remove(command)
                    results.skip(f"{' '.join(command)} in the mixed load", server.name, why)
    return mix


def _requests(mix: Sequence[tuple[str, ...]], chance: random.Random) -> Callable[[], bytes]:
    def request() -> bytes:
        number = chance.randrange(KEYS)
        return encode(*(part.format(n=number, m=number % 100) for part in chance.choice(mix)))

    return request


def _run(
    server: Server, request: Callable[[], bytes], duration_s: float, requests_per_s: int
) -> Counter[int]:
    """One slice: waits in whole microseconds, and how often each was seen."""
    with server.connect() as connection:
        connection.call("FLUSHALL")
    idle = deque(server.connect() for _ in range(CONNECTIONS))
    busy: dict[socket.socket, tuple[Connection, float]] = {}
    waits_us: Counter[int] = Counter()
    interval_s = 1 / requests_per_s
    # A collection of the client's own garbage would look like a stall of the server.
    gc.disable()
    try:
        due = time.perf_counter()
        end = due + duration_s
        while due < end or busy:
            while idle and due < end and due <= time.perf_counter():
                connection = idle.popleft()
                connection.send(request())
                busy[connection.socket] = connection, due
                due += interval_s
            can_send = idle and due < end
            timeout_s = max(0.0, due - time.perf_counter()) if can_send else None
            for ready in select.select(list(busy), [], [], timeout_s)[0]:
                connection, was_due = busy.pop(ready)
                reply = connection.read_reply()
                waits_us[int((time.perf_counter() - was_due) * 1e6)] += 1
                if isinstance(reply, ReplyError):
                    raise reply
                idle.append(connection)
    finally:
        gc.enable()
        for connection in [*idle, *(connection for connection, _ in busy.values())]:
            connection.close()
    return waits_us
