"""How long one client waits while another does something big.

A server with one thread of commands is as quick as its slowest command: the number
is the longest wait of a client that only sends PING (`watcher.py`). The first row,
in which nothing happens, is the control: it tells what the machine itself adds.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.report import ROOT, Results, Row
from benchmarks.servers import CLIENT_PIN, Server
from benchmarks.wire import Connection, ReplyError, encode

KEYS = 1_000_000
BIG_VALUE_BYTES = 512 * 1024 * 1024
DELETED_AT_ONCE = 10_000
CONTROL_S = 1.0

LINGER_S = 0.05

# Loading must end before the keys expire: their life is set by this rate, and by a
# quarter of it on a second try.
LOADED_PER_S = 100_000


@dataclass(frozen=True)
class StallPlan:
    """Sizes of the big things; a smoke run shrinks them."""

    keys: int = KEYS
    big_value_bytes: int = BIG_VALUE_BYTES
    control_s: float = CONTROL_S


class Watcher:
    """The PING client as a context; `max_ms` is its longest wait once the block has ended."""

    def __init__(self, server: Server) -> None:
        self.max_ms = 0.0
        self._process = subprocess.Popen(
            # -S: it needs no installed packages, and starts several times faster without.
            [*CLIENT_PIN, sys.executable, "-S", "-m", "benchmarks.watcher", str(server.port)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )

    def __enter__(self) -> Watcher:
        assert self._process.stdout
        if self._process.stdout.readline() != "ready\n":
            raise ConnectionError("the watching client could not connect")
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        # What was asked for may go on after its reply, in another thread of the server.
        time.sleep(LINGER_S)
        output, _error = self._process.communicate()
        if kind is None:
            seen: dict[str, Any] = json.loads(output)
            self.max_ms = seen["max_ms"]


def measure(
    servers: Sequence[Server],
    results: Results,
    say: Callable[[str], None],
    plan: StallPlan | None = None,
) -> None:
    """Every way to stall, on every server."""
    plan = plan or StallPlan()
    for name, stall in _stalls(plan):
        values: dict[str, float] = {}
        for server in servers:
            try:
                with server.connect() as connection:
                    connection.call("FLUSHALL")
                    values[server.name] = stall(server, connection)
                    connection.call("FLUSHALL")
            except (ReplyError, TimeoutError) as why:
                results.skip(f"stall by {name}", server.name, why)
        say(f"stall, {name}: " + ", ".join(f"{key} {ms:.1f} ms" for key, ms in values.items()))
        results.add(Row("stall", name, "longest wait of a PING", "ms", values))


Stall = Callable[[Server, Connection], float]


def _stalls(plan: StallPlan) -> list[tuple[str, Stall]]:
    def nothing(server: Server, _connection: Connection) -> float:
        with Watcher(server) as watcher:
            time.sleep(plan.control_s)
        return watcher.max_ms

    def expiry(server: Server, connection: Connection) -> float:
        for rate in (LOADED_PER_S, LOADED_PER_S / 4):
            lead_s = 0.1 + plan.keys / rate
            deadline = time.time() + lead_s
            connection.load(_strings(plan.keys, "PXAT", int(deadline * 1000)))
            if time.time() < deadline:
                break
        else:
            raise TimeoutError("loading took longer than the keys live")
        with Watcher(server) as watcher:
            time.sleep(max(0.0, deadline - time.time()))
            # Long enough to see them all go; the servers differ in how hard they try.
            while connection.call("DBSIZE") and time.time() < deadline + 2 * lead_s:
                time.sleep(0.02)
        return watcher.max_ms

    def while_it_runs(keys: int, commands: Callable[[], Iterator[bytes]]) -> Stall:
        def stall(server: Server, connection: Connection) -> float:
            connection.load(_strings(keys))
            payloads = list(commands())
            with Watcher(server) as watcher:
                for payload in payloads:
                    connection.call_encoded(payload)
            return watcher.max_ms

        return stall

    def deletions() -> Iterator[bytes]:
        for first in range(0, plan.keys, DELETED_AT_ONCE):
            numbers = range(first, min(first + DELETED_AT_ONCE, plan.keys))
            yield encode("DEL", *(b"key:%012d" % number for number in numbers))

    def big_get(server: Server, connection: Connection) -> float:
        connection.call_encoded(next(big_set()))
        with Watcher(server) as watcher:
            connection.call("GET", "big")
        return watcher.max_ms

    def big_set() -> Iterator[bytes]:
        yield encode("SET", "big", bytes(plan.big_value_bytes))

    keys = f"{plan.keys:,} keys"
    size = f"{plan.big_value_bytes // 1024 // 1024} MB"
    return [
        ("nothing (control)", nothing),
        (f"expiry of {keys} at once", expiry),
        (f"FLUSHALL ASYNC of {keys}", while_it_runs(plan.keys, _one("FLUSHALL", "ASYNC"))),
        (f"FLUSHALL SYNC of {keys}", while_it_runs(plan.keys, _one("FLUSHALL", "SYNC"))),
        (f"DEL of {DELETED_AT_ONCE:,} keys a command", while_it_runs(plan.keys, deletions)),
        (f"SET of {size}", while_it_runs(0, big_set)),
        (f"GET of {size}", big_get),
    ]


def _one(*command: str) -> Callable[[], Iterator[bytes]]:
    return lambda: iter([encode(*command)])


def _strings(keys: int, *options: str | int) -> Iterator[bytes]:
    for number in range(keys):
        yield encode("SET", b"key:%012d" % number, b"%010d" % number, *options)
