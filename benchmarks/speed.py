"""Throughput, latency and server CPU per command, with redis-benchmark as the client.

Rounds are interleaved (A B C D, A B C D, …): a noisy minute then hurts every server,
not one of them. A rate or a percentile is the median of its rounds, a maximum the
largest. CPU time comes in ticks of 10 ms, so it is summed over all rounds first.
"""

from __future__ import annotations

import math
import re
import shutil
import statistics
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from benchmarks.report import Goal, Results, Row
from benchmarks.scenarios import Scenario
from benchmarks.servers import CLIENT_PIN, TICKS_PER_SECOND, Cpu, Server
from benchmarks.wire import ReplyError

CLIENTS = 50
CALIBRATION_S = 0.1

# Below this many ticks the clock alone is off by more than 3 %.
TICKS_MIN = 34

# The commands whose user CPU DESIGN.md promises to keep below the best peer's.
CPU_GOALS = {"GET", "SET", "INCR", "HSET", "LPUSH", "SADD", "ZADD", "LRANGE_100", "MSET(10)"}
CPU_GOAL_PIPELINE = 16
RATE_GOAL_PIPELINE = 1

PERCENTILES = {"p50": 50.0, "p95": 95.0, "p99": 99.0, "p99.9": 99.9, "max": 100.0}


@dataclass(frozen=True)
class SpeedPlan:
    """How much to measure; `requests` fixes the count where a smoke run wants no calibration."""

    scenarios: Sequence[Scenario]
    pipelines: Sequence[int]
    rounds: int
    seconds: float
    keys: int
    requests: int | None = None


@dataclass(frozen=True)
class Run:
    """One run of redis-benchmark against one server."""

    requests: int
    requests_per_s: float
    latencies_ms: dict[str, float]
    cpu: Cpu


def redis_benchmark_version() -> str | None:
    """What `redis-benchmark` on PATH says it is; None when there is none."""
    if shutil.which("redis-benchmark") is None:
        return None
    done = subprocess.run(["redis-benchmark", "--version"], capture_output=True, text=True)
    return done.stdout.strip()


def run_client(
    server: Server,
    command: Sequence[str],
    requests: int,
    pipeline: int,
    keys: int,
    clients: int = CLIENTS,
) -> Run:
    """Runs redis-benchmark once; the server's CPU time is what it spent meanwhile."""
    before = server.cpu()
    done = subprocess.run(
        [
            *(*CLIENT_PIN, "redis-benchmark", "-p", str(server.port)),
            *("-c", str(clients), "-n", str(requests), "-P", str(pipeline), "-r", str(keys)),
            *command,
        ],
        capture_output=True,
        text=True,
    )
    cpu = server.cpu() - before
    # A run of under a millisecond takes no time by its clock: the rate is "inf".
    rate = re.search(r"throughput summary: ([\d.]+|inf) requests per second", done.stdout)
    if done.returncode or rate is None:
        raise ReplyError((done.stderr or done.stdout).strip() or "redis-benchmark says nothing")
    return Run(requests, float(rate[1]), read_percentiles(done.stdout), cpu)


def read_percentiles(output: str) -> dict[str, float]:
    """Latencies from redis-benchmark's own distribution; `--csv` would not give p99.9."""
    section = output.partition("percentile distribution:")[2].partition("Cumulative")[0]
    steps = [
        (float(percent), float(latency_ms))
        for percent, latency_ms in re.findall(r"([\d.]+)% <= ([\d.]+) milliseconds", section)
    ]
    # The distribution has steps of its own; the first at or above the wanted percentile
    # never flatters.
    return {
        name: next(latency for percent, latency in steps if percent >= wanted)
        for name, wanted in PERCENTILES.items()
    }


def measure(
    servers: Sequence[Server], plan: SpeedPlan, results: Results, say: Callable[[str], None]
) -> None:
    """Every scenario at every pipeline depth; what a server cannot do is skipped and said."""
    for scenario in plan.scenarios:
        able = [server for server in servers if _knows(server, scenario, results)]
        # A comparison without ours would only cost time.
        if any(server.name == "ours" for server in servers) and not any(
            server.name == "ours" for server in able
        ):
            continue
        for pipeline in plan.pipelines:
            runs = _rounds(able, scenario, pipeline, plan, results)
            if runs:
                say(_summary(scenario, pipeline, runs))
                _add_rows(results, scenario, pipeline, runs)


def _knows(server: Server, scenario: Scenario, results: Results) -> bool:
    try:
        with server.connect() as connection:
            connection.call("FLUSHALL")
            if scenario.preload:
                connection.load(scenario.preload(1, 1))
            connection.call(*scenario.probe(server.name))
    except ReplyError as why:
        results.skip(scenario.name, server.name, why)
        return False
    return True


def _rounds(
    servers: Sequence[Server],
    scenario: Scenario,
    pipeline: int,
    plan: SpeedPlan,
    results: Results,
) -> dict[str, list[Run]]:
    """The interleaved rounds of one scenario: the same number of requests for every server."""

    def run(server: Server, requests: int) -> Run:
        with server.connect() as connection:
            connection.call("FLUSHALL")
            if scenario.preload:
                connection.load(scenario.preload(plan.keys, requests))
        return run_client(server, scenario.command_for(server.name), requests, pipeline, plan.keys)

    batch = CLIENTS * pipeline
    runs: dict[str, list[Run]] = {server.name: [] for server in servers}
    try:
        requests = plan.requests
        if requests is None:
            rates = [_rate(partial(run, server), batch) for server in servers]
            requests = int(plan.seconds * max(rates, default=0))
        if scenario.requests_max:
            requests = min(requests, scenario.requests_max)
        # redis-benchmark sends whole batches on every connection: a count that is not a
        # multiple of them would be exceeded, and the CPU per command be wrong by as much.
        requests = batch * max(1, math.ceil(requests / batch))
        for _ in range(plan.rounds):
            for server in servers:
                runs[server.name].append(run(server, requests))
    except ReplyError as why:
        results.skip(f"{scenario.name} at pipeline {pipeline}", "all", why)
        return {}
    return runs


def _rate(run: Callable[[int], Run], requests: int) -> float:
    """Requests per second, from the smallest run that is long enough to tell."""
    while True:
        rate = run(requests).requests_per_s
        if requests / rate >= CALIBRATION_S:
            return rate
        requests *= 4


def _summary(scenario: Scenario, pipeline: int, runs: dict[str, list[Run]]) -> str:
    rates = (
        f"{name} {statistics.median(run.requests_per_s for run in own):,.0f}/s"
        for name, own in runs.items()
    )
    return f"{scenario.name} P{pipeline}: {', '.join(rates)}"


def _add_rows(
    results: Results, scenario: Scenario, pipeline: int, runs: dict[str, list[Run]]
) -> None:
    name = f"{scenario.name} P{pipeline}"

    def add(
        metric: str,
        unit: str,
        samples: dict[str, list[float]],
        pooled: Callable[[list[float]], float] = statistics.median,
        higher_is_better: bool = False,
        goal: Goal | None = None,
    ) -> None:
        values = {server: pooled(own) for server, own in samples.items()}
        results.add(Row("speed", name, metric, unit, values, higher_is_better, goal, samples))

    def samples_of(value: Callable[[Run], float]) -> dict[str, list[float]]:
        return {server: [value(run) for run in own] for server, own in runs.items()}

    add(
        "requests",
        "1/s",
        samples_of(lambda run: run.requests_per_s),
        higher_is_better=True,
        goal=Goal(share_of_best=0.95) if pipeline == RATE_GOAL_PIPELINE else None,
    )
    promised = pipeline == CPU_GOAL_PIPELINE and scenario.name in CPU_GOALS
    # All rounds have the same number of requests, so their mean is the sum over the sum.
    add(
        "user CPU",
        "µs/command",
        samples_of(lambda run: run.cpu.user_s * 1e6 / run.requests),
        pooled=statistics.fmean,
        goal=Goal(below_best=True) if promised else None,
    )
    add(
        "system CPU",
        "µs/command",
        samples_of(lambda run: run.cpu.system_s * 1e6 / run.requests),
        pooled=statistics.fmean,
    )
    for percentile in PERCENTILES:
        waits_ms = {
            server: [run.latencies_ms[percentile] for run in own] for server, own in runs.items()
        }
        add(percentile, "ms", waits_ms, max if percentile == "max" else statistics.median)
    if promised:
        used_s = [sum(run.cpu.user_s for run in own) for own in runs.values()]
        if min(used_s) * TICKS_PER_SECOND < TICKS_MIN:
            results.doubt(name)
