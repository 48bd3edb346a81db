"""Many connections: what an idle one weighs, and how the busy ones fare beside them."""

from __future__ import annotations

import resource
from collections.abc import Callable, Sequence

from benchmarks.report import Goal, Results, Row
from benchmarks.servers import Program, Server
from benchmarks.speed import run_client
from benchmarks.wire import Connection, ReplyError

IDLE = 10_000
BUSY = 1_000
REQUESTS = 200_000
KEYS = 100_000
IDLE_GOAL_BYTES = 1_000

# Files beside the connections: logs, libraries, the interpreter's own.
FILES_SPARE = 200


def raise_file_limit(wanted: int) -> int:
    """Raises RLIMIT_NOFILE, which the servers inherit, as far as allowed; returns what holds."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        soft = wanted
    return wanted if soft == resource.RLIM_INFINITY else soft


def measure(
    programs: Sequence[Program],
    results: Results,
    say: Callable[[str], None],
    idle: int = IDLE,
    busy: int = BUSY,
    requests: int = REQUESTS,
    settle_s: float = 0.3,
) -> None:
    """A fresh server each: idle connections first, then a thousand busy ones beside them."""
    limit = raise_file_limit(idle + busy + FILES_SPARE)
    if limit < idle + busy + FILES_SPARE:
        idle = max(1, limit - busy - FILES_SPARE)
        results.skip("all idle connections", "all", f"the limit on open files leaves {idle:,}")
    weights: dict[str, float] = {}
    rates: dict[str, float] = {}
    waits_ms: dict[str, float] = {}
    for program in programs:
        held: list[Connection] = []
        with Server(program) as server:
            try:
                empty = server.settled_rss_bytes(settle_s)
                for _ in range(idle):
                    held.append(server.connect())
                    # As in a client's pool: used once, then kept.
                    held[-1].call("PING")
                weights[server.name] = (server.settled_rss_bytes(settle_s) - empty) / idle
                run = run_client(
                    server, ("GET", "key:__rand_int__"), requests, 1, KEYS, clients=busy
                )
                rates[server.name] = run.requests_per_s
                waits_ms[server.name] = run.latencies_ms["p99.9"]
            except (OSError, ReplyError) as why:
                results.skip(f"{idle:,} idle connections", program.name, why)
            finally:
                for connection in held:
                    connection.close()
        say(f"connections: {program.name}, {weights.get(program.name, 0):,.0f} B each")
    name = f"GET, {busy:,} busy beside {idle:,} idle"
    section = "connections"
    idle_name, goal = f"one of {idle:,} idle", Goal(at_most=IDLE_GOAL_BYTES)
    results.add(Row(section, idle_name, "RSS", "bytes/connection", weights, goal=goal))
    results.add(Row(section, name, "requests", "1/s", rates, higher_is_better=True))
    results.add(Row(section, name, "p99.9", "ms", waits_ms))
