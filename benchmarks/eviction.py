"""Memory under a limit: how far the process outgrows `maxmemory`, and what a cache still holds.

*Limit*: a hostile load on ours, for every policy: values that grow and shrink over four
orders of magnitude (what fragments an allocator), a hundred clients, deep pipelines with
large requests and replies, many of them on their way at once. What counts is the greatest
RSS seen, less the RSS at rest, and how many writes were refused though something could go.

*Hits*: every server is a cache aside of the same trace under the same `maxmemory`: GET, and
SET after a miss. The traces are a Zipf distribution, the same with scans over keys that are
never asked for again, and one whose favourites move, which punishes long memories.
"""

from __future__ import annotations

import random
from bisect import bisect
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import ExitStack, suppress
from itertools import accumulate, islice

from benchmarks.report import Goal, Results, Row
from benchmarks.servers import Server
from benchmarks.wire import Connection, Reply, ReplyError, encode

POLICIES = (
    *("allkeys-lru", "allkeys-lfu", "allkeys-random"),
    *("volatile-lru", "volatile-lfu", "volatile-random", "volatile-ttl"),
)
LIMIT_MB = 50
# The goal of the mission: RSS stays within a tenth above the limit, plus the RSS at rest.
ABOVE_LIMIT_MAX = 1.10
CONNECTIONS = 100
# The favourite size moves on: blocks of the last one are left half empty.
SIZES = (60, 700, 12_000, 200_000, 200, 3_000, 50_000, 30)
BATCH_BYTES = 200_000
BATCH_COMMANDS_MAX = 1_000
THREADS = 4
# Pipelines of each thread that the server has before any of their replies is read.
IN_FLIGHT = 3
LOOK_S = 0.05

HIT_LIMIT_MB = 16
KEYS = 200_000
REQUESTS = 500_000
VALUE = b"v" * 200
BATCH = 100
SKEW = 0.9


def measure(
    servers: Sequence[Server],
    results: Results,
    say: Callable[[str], None],
    policies: Sequence[str] = POLICIES,
    limit_mb: int = LIMIT_MB,
    requests: int = REQUESTS,
) -> None:
    """Rows of both parts; the servers are emptied before each and get their limit back after."""
    for server in servers:
        if server.name == "ours":
            for policy in policies:
                say(f"eviction: the limit under {policy}")
                for row in _limit(server, policy, limit_mb):
                    results.add(row)
    for policy in ("allkeys-lru", "allkeys-lfu"):
        for name, trace in TRACES.items():
            row = Row(
                *("eviction", f"{name}, {policy}", "hits", "%", {}),
                higher_is_better=True,
                goal=Goal(share_of_best=1.0),
            )
            for server in servers:
                say(f"eviction: {name} under {policy}, {server.name}")
                row.values[server.name] = 100 * _hit_ratio(server, policy, trace, requests)
            results.add(row)


# The limit.


def _limit(server: Server, policy: str, limit_mb: int) -> tuple[Row, Row]:
    server.restart()
    with server.connect() as control, ThreadPoolExecutor(THREADS) as pool:
        at_rest = server.settled_rss_bytes(0.3)
        control.call("CONFIG", "SET", "maxmemory-policy", policy, "maxmemory", f"{limit_mb}mb")
        loads = [
            pool.submit(_disturb, server, seed, policy, limit_mb << 20) for seed in range(THREADS)
        ]
        highest = at_rest
        while wait(loads, LOOK_S).not_done:
            highest = max(highest, server.rss_bytes())
        refused = sum(load.result() for load in loads)
        control.call("CONFIG", "SET", "maxmemory", "0", "maxmemory-policy", "noeviction")
        control.call("FLUSHALL")
    grown = (highest - at_rest) / (limit_mb << 20)
    goal = Goal(at_most=ABOVE_LIMIT_MAX)
    return (
        Row("eviction", policy, "RSS/limit", "×", {"ours": grown}, goal=goal),
        Row("eviction", policy, "refused", "writes", {"ours": refused}, goal=Goal(at_most=0)),
    )


def _disturb(server: Server, seed: int, policy: str, limit: int) -> int:
    """The load of a part of the connections; how many writes were refused for want of memory."""
    chance = random.Random(seed)
    with ExitStack() as stack:
        connections = [stack.enter_context(server.connect()) for _ in range(CONNECTIONS // THREADS)]
        refused = 0
        for size in SIZES:
            left = limit // 10
            while left > 0:
                chosen = chance.sample(connections, IN_FLIGHT)
                asked = [_pipeline(chance, size, policy) for _ in chosen]
                for connection, commands in zip(chosen, asked, strict=True):
                    connection.send(b"".join(commands))
                for connection, commands in zip(chosen, asked, strict=True):
                    left -= max(sum(map(len, commands)), len(commands) * 100)
                    replies = [connection.read_reply() for _ in commands]
                    refused += sum(_is_refusal(reply) for reply in replies)
    return refused


def _is_refusal(reply: Reply) -> bool:
    return isinstance(reply, ReplyError) and str(reply).startswith("OOM")


def _pipeline(chance: random.Random, size: int, policy: str) -> list[bytes]:
    count = min(BATCH_COMMANDS_MAX, max(2, BATCH_BYTES // size))
    return list(islice(_commands(chance, size, policy), count))


def _commands(chance: random.Random, size: int, policy: str) -> Iterator[bytes]:
    volatile = policy.startswith("volatile")
    deadline: tuple[bytes | str, ...] = ("EX", "600") if volatile else ()
    data = b"x" * size
    written = ""
    while True:
        key = f"key:{chance.randrange(1_000_000)}"
        match chance.randrange(8):
            case 0:
                # Mostly there still: the reply is as large as the requests are.
                yield encode("GET", written)
            case 1 if not volatile:
                yield encode("APPEND", key, data[size // 2 :])
            case 2 if not volatile:
                yield encode("HSET", f"hash:{key}", *("field", data) * 3)
            case _:
                yield encode("SET", key, data[: chance.randint(size // 2, size)], *deadline)
                written = key


# Hits.


def _zipf(chance: random.Random) -> Iterator[int]:
    weights = list(accumulate(1 / rank**SKEW for rank in range(1, KEYS + 1)))
    while True:
        # Ranks are scattered over the names, which are drawn once a rank.
        yield bisect(weights, chance.random() * weights[-1])


def _scanned(chance: random.Random) -> Iterator[int]:
    """A tenth of the requests are scans of 5,000 keys that nobody asks for twice."""
    favourites, fresh = _zipf(chance), KEYS
    while True:
        yield from islice(favourites, 45_000)
        yield from range(fresh, fresh + 5_000)
        fresh += 5_000


def _moving(chance: random.Random) -> Iterator[int]:
    """Every 50,000 requests the favourites are others."""
    favourites, shift = _zipf(chance), 0
    while True:
        yield from ((rank + shift) % KEYS for rank in islice(favourites, 50_000))
        shift += KEYS // 5


TRACES: dict[str, Callable[[random.Random], Iterator[int]]] = {
    "Zipf": _zipf,
    "Zipf with scans": _scanned,
    "moving Zipf": _moving,
}


def _hit_ratio(
    server: Server,
    policy: str,
    trace: Callable[[random.Random], Iterator[int]],
    requests: int,
) -> float:
    with server.connect() as connection:
        connection.call("FLUSHALL")
        connection.call("CONFIG", "SET", "maxmemory", f"{HIT_LIMIT_MB}mb")
        connection.call("CONFIG", "SET", "maxmemory-policy", policy)
        hits = 0
        asked = trace(random.Random(1))
        for at in range(0, requests, BATCH):
            batch = list(islice(asked, BATCH))
            found = _ask(connection, batch)
            # The first fifth fills the cache.
            if at >= requests // 5:
                hits += found
        with suppress(ReplyError):
            connection.call("CONFIG", "SET", "maxmemory", "0")
        connection.call("CONFIG", "SET", "maxmemory-policy", "noeviction")
        connection.call("FLUSHALL")
    return hits / (requests - requests // 5)


def _ask(connection: Connection, batch: Sequence[int]) -> int:
    """Asks for all, stores what was missing; how many were there."""
    connection.send(b"".join(encode("GET", f"key:{number}") for number in batch))
    missing = [number for number in batch if connection.read_reply() is None]
    connection.send(b"".join(encode("SET", f"key:{number}", VALUE) for number in missing))
    for _ in missing:
        reply = connection.read_reply()
        if isinstance(reply, ReplyError):
            raise reply
    return len(batch) - len(missing)
