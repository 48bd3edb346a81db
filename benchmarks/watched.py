"""What it costs that a command in Python can be ended: the same command watched and not.

With `busy-reply-threshold 0` nobody watches. Rounds of both alternate, so that a noisy
minute hurts both; ours alone.
"""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.report import Results, Row
from benchmarks.scenarios import RANDOM
from benchmarks.servers import Cpu, Server
from benchmarks.speed import run_client

PIPELINE = 16
COMMAND = ("BENCH.GETINCR", f"counter:{RANDOM}")
#: `busy-reply-threshold` of each row, in ms.
THRESHOLDS_MS = {"unwatched": 0, "watched": 5_000}


def measure(
    server: Server,
    results: Results,
    say: Callable[[str], None],
    rounds: int = 10,
    requests: int = 1_000_000,
    keys: int = 100_000,
) -> None:
    """User CPU a command, over all rounds, and the difference."""
    spent = dict.fromkeys(THRESHOLDS_MS, Cpu(0, 0))
    # The first round makes the keys, and does not count.
    run_client(server, COMMAND, requests, PIPELINE, keys)
    for _ in range(rounds):
        for name, threshold_ms in THRESHOLDS_MS.items():
            with server.connect() as connection:
                connection.call("CONFIG", "SET", "busy-reply-threshold", threshold_ms)
            spent[name] += run_client(server, COMMAND, requests, PIPELINE, keys).cpu
    costs = {name: cpu.user_s * 1e6 / (rounds * requests) for name, cpu in spent.items()}
    costs["watching"] = costs["watched"] - costs["unwatched"]
    for name, user_us in costs.items():
        say(f"watched, {name}: {user_us:.3f} µs")
        row = Row("watched", f"{COMMAND[0]} P{PIPELINE}, {name}", "user CPU", "µs/command", {})
        row.values[server.name] = user_us
        results.add(row)
