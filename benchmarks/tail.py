"""Tail latency under a mixed load at a fixed rate.

The load is open: requests are due at fixed times whether or not the server keeps up,
and a wait counts from the moment a request was *due*. A closed loop would stop asking
while the server stalls, and the stall would count once instead of a thousand times.
"""

from __future__ import annotations

import gc
import os
import random
import select
import socket
import statistics
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from itertools import cycle
from pathlib import Path

from benchmarks.report import Results, Row
from benchmarks.servers import Server
from benchmarks.wire import Connection, ReplyError, encode

CONNECTIONS = 20
REQUESTS_PER_S = 5_000
KEYS = 100_000
SLICE_S = 30.0
LOOK_S = 0.1

# Requests are encoded before the clock runs: a busy client measures itself.
PREPARED = 50_000

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
    server_shares: dict[str, list[float]] = {server.name: [] for server in servers}
    client_shares: dict[str, list[float]] = {server.name: [] for server in servers}
    for index in range(slices):
        for server in servers:
            # The same seed for every server: the same requests in the same order.
            count = min(PREPARED, int(duration_s * requests_per_s))
            requests = _requests(mix, random.Random(index), count)
            kept = kept_from_core_s(server.pid)
            client = time.process_time() + kept_from_core_s(os.getpid())
            started = time.perf_counter()
            waits_us[server.name] += _run(server, requests, duration_s / slices, requests_per_s)
            took = time.perf_counter() - started
            kept = kept_from_core_s(server.pid) - kept
            client = time.process_time() + kept_from_core_s(os.getpid()) - client
            server_shares[server.name].append(100 * kept / took)
            client_shares[server.name].append(100 * client / took)
            say(f"tail: {server.name}, slice {index + 1} of {slices}")
    for metric, share in (("p50", 0.5), ("p99", 0.99), ("p99.9", 0.999), ("max", 1.0)):
        values = {name: percentile(waits, share) / 1000 for name, waits in waits_us.items()}
        results.add(Row("tail", f"mixed load, {requests_per_s:,} requests/s", metric, "ms", values))
    # Controls: a server that others keep from its core, or a client that is always busy,
    # makes waits of its own.
    for name, shares in (
        ("server kept from its core", server_shares),
        ("client busy or kept from its core", client_shares),
    ):
        values = {server: statistics.fmean(own) for server, own in shares.items()}
        results.add(Row("tail", name, "control", "% of the time", values, samples=shares))


def kept_from_core_s(pid: int) -> float:
    """How long a process's main thread was ready to run while something else ran on its core."""
    try:
        return int(Path(f"/proc/{pid}/schedstat").read_text().split()[1]) / 1e9
    except FileNotFoundError:  # a kernel without scheduler statistics
        return 0.0


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


def _requests(mix: Sequence[tuple[str, ...]], chance: random.Random, count: int) -> list[bytes]:
    requests = []
    for _ in range(count):
        number = chance.randrange(KEYS)
        command = chance.choice(mix)
        requests.append(encode(*(part.format(n=number, m=number % 100) for part in command)))
    return requests


def _run(
    server: Server, requests: Sequence[bytes], duration_s: float, requests_per_s: int
) -> Counter[int]:
    """One slice, on an empty server."""
    with server.connect() as connection:
        connection.call("FLUSHALL")
    return drive(server, requests, duration_s, requests_per_s)


def drive(
    server: Server,
    requests: Sequence[bytes],
    duration_s: float,
    requests_per_s: int,
    goes_on: Callable[[], bool] | None = None,
) -> Counter[int]:
    """Waits in whole microseconds, and how often each was seen. Ends early when `goes_on`,
    asked ten times a second, says so.
    """
    connections = [server.connect() for _ in range(CONNECTIONS)]
    sockets = [connection.socket for connection in connections]
    idle = deque(connections)
    busy: dict[socket.socket, tuple[Connection, float]] = {}
    waits_us: Counter[int] = Counter()
    next_request = cycle(requests)
    interval_s = 1 / requests_per_s
    # A collection of the client's own garbage would look like a stall of the server.
    gc.disable()
    try:
        due = time.perf_counter()
        end = due + duration_s
        next_look = due + LOOK_S
        while due < end or busy:
            if goes_on and due >= next_look:
                next_look = due + LOOK_S
                if not goes_on():
                    end = due
                    continue
            while idle and due < end and due <= time.perf_counter():
                connection = idle.popleft()
                connection.send(next(next_request))
                busy[connection.socket] = connection, due
                due += interval_s
            can_send = idle and due < end
            timeout_s = max(0.0, due - time.perf_counter()) if can_send else None
            for ready in select.select(sockets, [], [], timeout_s)[0]:
                connection, was_due = busy.pop(ready)
                reply = connection.read_reply()
                waits_us[int((time.perf_counter() - was_due) * 1e6)] += 1
                if isinstance(reply, ReplyError):
                    raise reply
                idle.append(connection)
    finally:
        gc.enable()
        for connection in connections:
            connection.close()
    return waits_us
