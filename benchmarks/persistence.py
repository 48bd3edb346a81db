"""Saving and loading: how long they take, and what others notice meanwhile.

Many small keys are saved while nobody else asks for anything (SAVE and BGSAVE), and
loaded by a server that starts on the file. Then the same keys are saved in the
background while clients ask at a fixed rate, and while others write as fast as they can.

Memory is what the server and its children hold, shared pages counted once (PSS): a
server that forks pays for what is written meanwhile with copies of pages.
"""

from __future__ import annotations

import random
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks import tail
from benchmarks.report import Goal, Results, Row
from benchmarks.servers import CLIENT_PIN, Program, Server
from benchmarks.stall import Watcher
from benchmarks.wire import Connection, ReplyError, encode

#: Ours must need at most so much of the better peer's time.
SHARE_OF_BEST_MAX = 0.8
PAUSE_MS_MAX = 10.0
EXTRA_MB_MAX = 64
EXTRA_PERCENT_MAX = 5
MB = 1 << 20


@dataclass(frozen=True)
class PersistencePlan:
    """How much is saved, and how long is measured without a save."""

    keys: int = 5_000_000
    fields: int = 1_000_000
    requests_per_s: int = 5_000
    calm_s: float = 5.0


@dataclass
class _Found:
    """What one server needed."""

    save_s: float = 0.0
    background_s: float = 0.0
    load_s: float = 0.0
    p99_calm_ms: float = 0.0
    p99_saving_ms: float = 0.0
    pause_control_ms: float = 0.0
    pause_ms: float = 0.0
    extra_mb: float = 0.0
    data_mb: float = 0.0


def measure(
    programs: Sequence[Program],
    results: Results,
    say: Callable[[str], None],
    plan: PersistencePlan | None = None,
) -> None:
    """One server after the other: two with millions of keys would not fit everywhere."""
    plan = plan or PersistencePlan()
    found: dict[str, _Found] = {}
    for program in programs:
        try:
            with Server(program) as server:
                found[program.name] = _measure(server, plan)
        except ReplyError as why:
            results.skip("persistence", program.name, why)
            continue
        say(f"persistence: {found[program.name]}")
    name = f"{plan.keys:,} small keys"
    big = f"hash of {plan.fields:,} fields among them"

    def add(what: str, metric: str, unit: str, field: str, goal: Goal | None = None) -> None:
        values = {server: getattr(one, field) for server, one in found.items()}
        results.add(Row("persistence", what, metric, unit, values, goal=goal))

    quick = Goal(times_best=SHARE_OF_BEST_MAX)
    add(f"{name}, idle", "SAVE", "s", "save_s", quick)
    add(f"{name}, idle", "BGSAVE", "s", "background_s", quick)
    add(name, "start with the file", "s", "load_s", quick)
    rate = f"{plan.requests_per_s:,} requests/s"
    add(f"{name}, {rate}", "p99", "ms", "p99_calm_ms")
    ours = found.get("ours")
    calm = Goal(at_most=round(ours.p99_calm_ms * 1.5, 3)) if ours else None
    add(f"{name}, {rate}, saving", "p99", "ms", "p99_saving_ms", calm)
    add(f"{big}, no save (control)", "longest wait of a PING", "ms", "pause_control_ms")
    pause = Goal(at_most=PAUSE_MS_MAX)
    add(f"{big}, changed while saved", "longest wait of a PING", "ms", "pause_ms", pause)
    add(f"{name}", "memory of all", "MB", "data_mb")
    if ours:
        extra = max(EXTRA_MB_MAX, round(ours.data_mb * EXTRA_PERCENT_MAX / 100))
        add(f"{name}, full write load", "extra while saving", "MB", "extra_mb", Goal(at_most=extra))


def _measure(server: Server, plan: PersistencePlan) -> _Found:
    found = _Found()
    with server.connect() as connection:
        connection.load(
            encode("SET", b"key:%012d" % number, b"%010d" % number) for number in range(plan.keys)
        )
        _settle(server)
        found.save_s = _timed(lambda: connection.call("SAVE"))
        found.background_s = _timed(lambda: _save_in_background(connection))
        found.data_mb = _pss_bytes(server.pid) / MB
    found.p99_calm_ms = _p99(server, plan, None)
    with server.connect() as connection:
        found.p99_saving_ms = _p99(server, plan, connection)
    found.extra_mb = _extra_under_load(server, plan) / MB
    with server.connect() as connection:
        connection.call("SAVE")
        server.restart()
    found.load_s = server.startup_ms / 1000
    with server.connect() as connection:
        fields = list(_fields(plan.fields))
        connection.load(fields)
        with Watcher(server) as watcher:
            connection.load(fields[: len(fields) // 4], batch_commands=20)
        found.pause_control_ms = watcher.max_ms
        connection.call("BGSAVE")
        with Watcher(server) as watcher:
            changes = _endless(fields)
            while _is_saving(connection):
                connection.load([next(changes) for _ in range(20)], batch_commands=20)
        found.pause_ms = watcher.max_ms
    return found


def _timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _settle(server: Server) -> None:
    server.settled_rss_bytes(0.2)


def _fields(count: int) -> Iterator[bytes]:
    for first in range(0, count, 10):
        words: list[bytes] = []
        for number in range(first, first + 10):
            words += [b"field:%010d" % number, b"%010d" % random.randrange(10**9)]
        yield encode("HSET", "big", *words)


def _endless(commands: Sequence[bytes]) -> Iterator[bytes]:
    while True:
        yield from commands


def _is_saving(connection: Connection) -> bool:
    text = connection.call("INFO", "persistence")
    assert isinstance(text, bytes)
    return b"rdb_bgsave_in_progress:1" in text


def _save_in_background(connection: Connection) -> None:
    connection.call("BGSAVE")
    while _is_saving(connection):
        # Asked more often it would not be idle.
        time.sleep(0.05)


def _p99(server: Server, plan: PersistencePlan, saver: Connection | None) -> float:
    """Of a loaded client, in milliseconds; while `saver` saves, if there is one."""
    chance = random.Random(1)
    requests = []
    for at in range(20_000):
        key = b"key:%012d" % chance.randrange(plan.keys)
        requests.append(encode("GET", key) if at % 2 else encode("SET", key, b"%010d" % at))
    goes_on = None
    if saver is not None:
        saver.call("BGSAVE")
        goes_on = lambda: _is_saving(saver)  # noqa: E731
    # No server saves so many keys for as long as this.
    seconds = plan.calm_s if saver is None else 120.0
    waits_us = tail.drive(server, requests, seconds, plan.requests_per_s, goes_on)
    return tail.percentile(waits_us, 0.99) / 1000


def _extra_under_load(server: Server, plan: PersistencePlan) -> int:
    """The most memory that a save took while four clients wrote as fast as they could."""
    load = subprocess.Popen(
        [
            *CLIENT_PIN,
            *("redis-benchmark", "-p", str(server.port), "-q", "-c", "4", "-P", "32"),
            *("-n", "2000000000", "-r", str(plan.keys)),
            *("SET", "key:__rand_int__", "0123456789"),
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        with server.connect() as connection:
            time.sleep(min(plan.calm_s, 1.0))
            before = most = _pss_bytes(server.pid)
            connection.call("BGSAVE")
            while _is_saving(connection):
                most = max(most, _pss_bytes(server.pid))
                time.sleep(0.05)
    finally:
        load.terminate()
        load.wait()
    return most - before


def _pss_bytes(pid: int) -> int:
    """Of a process and its children."""
    total = 0
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    for process in (str(pid), *children):
        try:
            text = Path(f"/proc/{process}/smaps_rollup").read_text()
        except (FileNotFoundError, ProcessLookupError):
            continue
        for line in text.splitlines():
            if line.startswith("Pss:"):
                total += int(line.split()[1]) * 1024
    return total
