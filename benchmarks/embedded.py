"""Embedded: ours beside what people would use instead, in the process that uses it.

    python -m benchmarks --only embedded

Each store runs in a process of its own; ours and a dict also in one together, written as
a program writes them (`db.get(key)`, `data[key] = value`). Times of calls are the best of
several rounds, the empty loop subtracted: on a noisy machine that is what repeats. What a
plain `set` of a database has written survives the process, not the machine; of ours what
is older than a millisecond.
"""

from __future__ import annotations

import gc
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from typing import Any

from benchmarks.embedded_peers import PEERS, OursInMemory, Peer
from benchmarks.report import Goal, Results, Row

SECTION = "embedded"
#: The columns; ours in memory, on disk and by redis-py's API are one.
TITLES = {
    "ours": "Rubellite",
    "dict": "dict",
    "sqlite": "SQLite",
    "lmdb": "LMDB",
    "berkeleydb": "Berkeley DB",
    "rocksdb": "RocksDB",
    "fakeredis": "fakeredis",
    "burner": "burner-redis",
    "server": "redis-py, server",
    "floor": "an append alone",
}
_DISTRIBUTIONS = {
    "lmdb": "lmdb",
    "berkeleydb": "berkeleydb",
    "rocksdb": "rocksdict",
    "fakeredis": "fakeredis",
    "burner": "burner-redis",
    "server": "redis",
}
#: What is on disk only is the kernel's memory, or another process's.
_OUTSIDE = frozenset(("sqlite", "lmdb", "berkeleydb", "rocksdb", "server", "floor"))
#: Which of ours is held against whom.
_DATABASES = ("sqlite", "lmdb", "berkeleydb", "rocksdb")
_REDISES = ("fakeredis", "burner", "server")

_KEYS = [b"key:%010d" % number for number in range(1000)]
_VALUE = b"value-of-10"[:10]
#: A round takes about so long, and there are rounds for so long.
_ROUND_SECONDS = 0.02
_ROUNDS_SECONDS = 1.0
_GROUP = 100
_MANY = 100_000
_START_UPS = 5

_BESIDE_DICT = Goal(times_of={"dict": 4})
_BESIDE_DATABASES = Goal(times_of={"sqlite": 1 / 10, "lmdb": 1 / 3, "berkeleydb": 1 / 3})
_BESIDE_REDISES = Goal(times_of={"fakeredis": 1 / 5, "server": 1 / 10})


def measure(
    results: Results,
    say: Callable[[str], None],
    peers: Iterable[str] = PEERS,
    *,
    quick: bool = False,
) -> dict[str, str]:
    """Measures every peer and adds the rows; returns the versions of those that are there."""
    peers = list(peers)
    found: dict[str, dict[str, float]] = {}
    for name in peers:
        say(f"{SECTION}: {name}")
        figures = _in_process(name, results, quick)
        if figures is not None:
            found[name] = figures
    if {"memory", "dict"} <= set(peers):
        say(f"{SECTION}: dict and memory in one process")
        figures = _in_process("beside", results, quick)
        if figures is not None:
            _add_beside_dict(results, figures)
    _add_rows(results, found)
    return {TITLES.get(name, name): _version(name) for name in found if name in TITLES}


def _in_process(name: str, results: Results, quick: bool) -> dict[str, float] | None:
    command = [sys.executable, "-m", "benchmarks.embedded", name, *(["quick"] if quick else [])]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=300, env=_environment(), check=False
    )
    if done.returncode:
        results.skip(SECTION, name, done.stderr.strip().splitlines()[-1])
        return None
    figures: dict[str, float] = json.loads(done.stdout)
    return figures


def _environment() -> dict[str, str]:
    """Bytecode is cached where people run programs."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def _version(name: str) -> str:
    if name == "sqlite":
        import sqlite3

        return sqlite3.sqlite_version
    if name in ("dict", "floor"):
        return ".".join(map(str, sys.version_info[:3]))
    return metadata.version(_DISTRIBUTIONS.get(name, "rubellite"))


# Rows


def _add_beside_dict(results: Results, figures: dict[str, float]) -> None:
    kinds = {
        "of 1,000 keys, hashes known": "few",
        f"of {_MANY:,} keys, made anew": "many",
    }
    for call in ("get", "set"):
        for what, kind in kinds.items():
            values = {who: figures[f"{who}_{call}_{kind}"] for who in ("ours", "dict")}
            _add(results, f"{call} {what}", "call beside a dict", "ns", values, _BESIDE_DICT)
    values = {who: figures[f"{who}_set_new"] for who in ("ours", "dict")}
    _add(results, f"set of {_MANY:,} new keys", "call beside a dict", "ns", values)


def _add_rows(results: Results, found: dict[str, dict[str, float]]) -> None:
    def add(
        name: str, figure: str, metric: str, unit: str, ours: str, peers: Iterable[str], goal: Any
    ) -> None:
        values = {"ours": found.get(ours, {}).get(figure)}
        values |= {peer: found.get(peer, {}).get(figure) for peer in peers}
        known = {peer: value for peer, value in values.items() if value is not None}
        _add(results, name, metric, unit, known, goal)

    plain, forced = "call, not forced to disk", "set, forced to disk"
    singles, none = _BESIDE_DATABASES, None
    add("get", "get_us", plain, "µs", "ours", _DATABASES, singles)
    add("set", "set_us", plain, "µs", "ours", _DATABASES, singles)
    add("a set of a thousand, each", "bulk_us", plain, "µs", "ours", _DATABASES, none)
    # All of them wait for the disk, and for little else; we append, as Redis does.
    as_disk = Goal(times_of={"floor": 1.25})
    add("each", "set_fsync_us", forced, "µs", "ours", (*_DATABASES, "floor"), as_disk)
    add("each of a hundred together", "set_group_us", forced, "µs", "ours", _DATABASES, none)
    redises = "call of redis-py's API"
    add("get", "get_us", redises, "µs", "redis_py", _REDISES, _BESIDE_REDISES)
    add("set", "set_us", redises, "µs", "redis_py", _REDISES, _BESIDE_REDISES)
    add("a thousand in one MSET, each", "bulk_us", redises, "µs", "redis_py", _REDISES, none)
    others = [peer for peer in TITLES if peer not in ("ours", "floor")]
    add("an item of 14 + 10 bytes", "item_bytes", "memory", "bytes", "memory", others, none)
    add("the empty process", "rss_mb", "memory", "MB", "memory", others, none)
    up = "start-up"
    imports, opens = Goal(at_most=60), Goal(at_most=5)
    add("import", "import_ms", up, "ms", "memory", others, imports)
    # Both goals together: what is imported late is imported all the same.
    both = Goal(at_most=65)
    add("import and first open", "first_ms", up, "ms", "memory", others, both)
    add("another open", "open_ms", up, "ms", "memory", others, opens)
    name = "import and first open, redis-py's API"
    add(name, "first_ms", up, "ms", "redis_py", (), none)


def _add(
    results: Results,
    name: str,
    metric: str,
    unit: str,
    values: dict[str, float],
    goal: Goal | None = None,
) -> None:
    results.add(Row(SECTION, name, metric, unit, values, goal=goal))


# What runs in a process of its own


def _figures(name: str, quick: bool) -> dict[str, float]:
    kind, seconds = PEERS[name], 0.0 if quick else _ROUNDS_SECONDS
    figures: dict[str, float] = {}
    with _opened(kind) as peer:
        figures["rss_mb"] = _rss_bytes() / 1e6
        if peer.get is not None:
            figures |= _call_times(peer, seconds)
    figures["open_ms"] = _best_open_seconds(kind, 1 if quick else _START_UPS) * 1e3
    if kind.can_force:
        figures |= _forced_times(kind, 3 if quick else 20, seconds)
    if name not in _OUTSIDE:
        figures |= _item_bytes(kind, 2_000 if quick else 100_000, name)
    if kind.module:
        figures |= _start_up(kind, 1 if quick else _START_UPS)
    return figures


@contextmanager
def _opened(kind: type[Peer], **options: Any) -> Iterator[Peer]:
    with tempfile.TemporaryDirectory() as path:
        peer = kind(path, **options)
        try:
            yield peer
        finally:
            peer.close()


def _best_open_seconds(kind: type[Peer], times: int) -> float:
    best = float("inf")
    for _ in range(times):
        with tempfile.TemporaryDirectory() as path:
            began = time.perf_counter()
            peer = kind(path)
            best = min(best, time.perf_counter() - began)
            peer.close()
    return best


def _best(work: Callable[[], Any], seconds: float) -> float:
    """The shortest of as many rounds as fit; of three at least."""
    best, rounds = float("inf"), 0
    end_at = time.perf_counter() + seconds
    while rounds < 3 or time.perf_counter() < end_at:
        began = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - began)
        rounds += 1
    return best


def _call_times(peer: Peer, seconds: float) -> dict[str, float]:
    get, put, put_many = peer.get, peer.set, peer.set_many
    assert get is not None
    assert put is not None
    began = time.perf_counter()
    for key in _KEYS:
        put(key, _VALUE)
    call_seconds = (time.perf_counter() - began) / len(_KEYS)
    calls = int(_ROUND_SECONDS / call_seconds)
    keys = (_KEYS * (calls // len(_KEYS) + 1))[: max(calls, 100)]

    def gets() -> None:
        for key in keys:
            get(key)

    def sets() -> None:
        value = _VALUE
        for key in keys:
            put(key, value)

    def nothing() -> None:
        for _key in keys:
            pass

    empty = _best(nothing, seconds / 10)
    scale = 1e6 / len(keys)
    found = {
        "get_us": (_best(gets, seconds) - empty) * scale,
        "set_us": (_best(sets, seconds) - empty) * scale,
    }
    if put_many is not None:
        found["bulk_us"] = _best(lambda: put_many(_KEYS, _VALUE), seconds) * 1e6 / len(_KEYS)
    return found


def _forced_times(kind: type[Peer], calls: int, seconds: float) -> dict[str, float]:
    with _opened(kind, forced=True) as peer:
        put, put_many = peer.set, peer.set_many
        assert put is not None
        assert put_many is not None

        def sets() -> None:
            for key in _KEYS[:calls]:
                put(key, _VALUE)

        one = _best(sets, seconds) / calls
        group = _best(lambda: put_many(_KEYS[:_GROUP], _VALUE), seconds) / _GROUP
    return {"set_fsync_us": one * 1e6, "set_group_us": group * 1e6}


def _item_bytes(kind: type[Peer], items: int, name: str) -> dict[str, float]:
    """Memory that the process gains by items."""
    if name in _REDISES:
        items //= 10
    with _opened(kind) as peer:
        put = peer.set
        assert put is not None
        before = _rss_bytes()
        for number in range(items):
            put(b"key:%010d" % number, b"%010d" % number)
        return {"item_bytes": (_rss_bytes() - before) / items}


def _start_up(kind: type[Peer], times: int) -> dict[str, float]:
    """How long importing it takes in a new interpreter, and until it is open."""
    program = (
        "import time\n"
        "began = time.perf_counter()\n"
        f"import {kind.module}\n"
        "imported = time.perf_counter()\n"
        f"opened = {kind.first or None}\n"
        "print((imported - began) * 1e3, (time.perf_counter() - began) * 1e3)\n"
    )
    best = [float("inf")] * 2
    # The first one writes the bytecode.
    for _ in range(times + 1):
        done = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, check=True
        )
        best = [min(pair) for pair in zip(best, map(float, done.stdout.split()), strict=True)]
    return {"import_ms": best[0], "first_ms": best[1]}


def _rss_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


# Ours and a dict in one process


def _loop(call: str) -> Callable[[Any, list[bytes], bytes], None]:
    """A function that makes the call for every key, as a program would write it."""
    found: dict[str, Any] = {}
    exec(f"def loop(store, keys, value):\n for key in keys:\n  {call}", found)
    loop: Callable[[Any, list[bytes], bytes], None] = found["loop"]
    return loop


_CALLS = {
    ("ours", "get"): _loop("store.get(key)"),
    ("ours", "set"): _loop("store.set(key, value)"),
    ("dict", "get"): _loop("store.get(key)"),
    ("dict", "set"): _loop("store[key] = value"),
    ("", ""): _loop("pass"),
}


def _beside_dict(many: int, rounds: int) -> dict[str, float]:
    """Nanoseconds of calls; both take the same keys in the same order, in turns."""
    best: dict[str, float] = {}

    def note(figure: str, nanoseconds: float) -> None:
        best[figure] = min(best.get(figure, float("inf")), nanoseconds)

    with _opened(OursInMemory) as peer:
        store: Any = peer
        ours = store.handle
        texts = [b"key:%010d" % number for number in range(many)]
        chance = random.Random(31)
        chance.shuffle(texts)
        # A dict's entries lie in the order in which they came.
        later = chance.sample(texts, len(texts))
        gc.disable()
        for _ in range(rounds):
            few = _KEYS * (many // len(_KEYS))
            empty = min(_timed(_CALLS["", ""], None, few) for _ in range(3))
            ours.flush()
            for who, store in {"ours": ours, "dict": {}}.items():
                for call in ("set", "get"):
                    timed = min(_timed(_CALLS[who, call], store, few) for _ in range(3))
                    note(f"{who}_{call}_few", timed - empty)
            ours.flush()
            for who, store in {"ours": ours, "dict": {}}.items():
                note(f"{who}_set_new", _timed(_CALLS[who, "set"], store, _anew(texts)) - empty)
                for call in ("get", "set"):
                    timed = _timed(_CALLS[who, call], store, _anew(later))
                    note(f"{who}_{call}_many", timed - empty)
    return best


def _anew(keys: list[bytes]) -> list[bytes]:
    """The same keys as objects whose hash nobody has computed, as if from a socket."""
    return [bytes(bytearray(key)) for key in keys]


def _timed(loop: Callable[[Any, list[bytes], bytes], None], store: Any, keys: list[bytes]) -> float:
    began = time.perf_counter_ns()
    loop(store, keys, _VALUE)
    return (time.perf_counter_ns() - began) / len(keys)


if __name__ == "__main__":
    is_quick = "quick" in sys.argv[2:]
    if sys.argv[1] == "beside":
        print(json.dumps(_beside_dict(1_000 if is_quick else _MANY, 2 if is_quick else 15)))
    else:
        print(json.dumps(_figures(sys.argv[1], is_quick)))
