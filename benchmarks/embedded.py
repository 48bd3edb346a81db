"""Embedded: ours beside what people would use instead, in the process that uses it.

    python -m benchmarks --only embedded

Each peer runs in processes of its own. Times of calls are the best of several rounds, the
empty loop subtracted: on a noisy machine that is what repeats. A peer's plain `set` is in
its cheapest durable form: what is written survives the process, not the machine. `dict`
is there for scale.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_KEYS = [b"key:%010d" % number for number in range(1000)]
_VALUE = b"value-of-10"[:10]
#: A round takes about so long, and there are rounds for so long.
_ROUND_SECONDS = 0.02
_ROUNDS_SECONDS = 1.0
_GROUP = 100

#: What is measured, with its unit.
ROWS = {
    "import_ms": "import, ms",
    "open_ms": "open (after a first one), ms",
    "rss_mb": "memory of the empty process, MB",
    "get_us": "get, µs",
    "set_us": "set, µs",
    "set_fsync_us": "set, forced to disk each, µs",
    "set_group_us": "set, forced to disk by the hundred, µs",
    "bulk_us": "a set of a thousand at once, µs",
    "item_bytes": "memory of an item (16 + 10 bytes), B",
}


class Peer:
    """A store; what it has no way for stays None."""

    module = ""

    def __init__(self, path: str, *, forced: bool = False) -> None: ...

    get: Callable[[bytes], Any] | None = None
    set: Callable[[bytes, bytes], Any] | None = None
    #: Sets them all at once; with `forced`, they are on disk afterwards.
    set_many: Callable[[list[bytes], bytes], Any] | None = None
    can_force = True

    def close(self) -> None: ...


class Ours(Peer):
    module = "rubellite"

    def __init__(self, path: str, *, forced: bool = False) -> None:
        import rubellite

        self._db = rubellite.open(path, durability="always" if forced else "everysec")
        self.get, self.set, self._call = self._db.get, self._db.set, self._db.call

    def set_many(self, keys: list[bytes], value: bytes) -> None:
        self._call("MSET", *(word for key in keys for word in (key, value)))

    def close(self) -> None:
        self._db.close()


class OursInMemory(Ours):
    can_force = False

    def __init__(self, path: str, *, forced: bool = False) -> None:
        import rubellite

        self._db = rubellite.open()
        self.get, self.set, self._call = self._db.get, self._db.set, self._db.call


class OursByRedisPy(Peer):
    module = "rubellite"
    can_force = False

    def __init__(self, path: str, *, forced: bool = False) -> None:
        import rubellite

        self._db = rubellite.open()
        client: Any = self._db.redis()
        self.get, self.set = client.get, client.set
        self.set_many = lambda keys, value: client.mset(dict.fromkeys(keys, value))

    def close(self) -> None:
        self._db.close()


class Dict(Peer):
    module = "builtins"
    can_force = False

    def __init__(self, path: str, *, forced: bool = False) -> None:
        data: dict[bytes, bytes] = {}
        self.get, self.set = data.get, data.__setitem__
        self.set_many = lambda keys, value: data.update(dict.fromkeys(keys, value))


class Sqlite(Peer):
    module = "sqlite3"

    def __init__(self, path: str, *, forced: bool = False) -> None:
        import sqlite3

        self._db = db = sqlite3.connect(os.path.join(path, "db"), isolation_level=None)
        db.execute("PRAGMA journal_mode=WAL")
        db.execute(f"PRAGMA synchronous={'FULL' if forced else 'NORMAL'}")
        db.execute("CREATE TABLE IF NOT EXISTS d (k BLOB PRIMARY KEY, v BLOB) WITHOUT ROWID")
        one, put = "SELECT v FROM d WHERE k = ?", "INSERT OR REPLACE INTO d VALUES (?, ?)"
        self.get = lambda key: db.execute(one, (key,)).fetchone()
        self.set = lambda key, value: db.execute(put, (key, value))

        def set_many(keys: list[bytes], value: bytes) -> None:
            db.execute("BEGIN")
            db.executemany(put, [(key, value) for key in keys])
            db.execute("COMMIT")

        self.set_many = set_many

    def close(self) -> None:
        self._db.close()


class Lmdb(Peer):
    module = "lmdb"

    def __init__(self, path: str, *, forced: bool = False) -> None:
        import lmdb

        self._db = db = lmdb.open(path, map_size=1 << 28, sync=forced)

        def get(key: bytes) -> Any:
            with db.begin() as reading:
                return reading.get(key)

        def put(key: bytes, value: bytes) -> None:
            with db.begin(write=True) as writing:
                writing.put(key, value)

        def set_many(keys: list[bytes], value: bytes) -> None:
            with db.begin(write=True) as writing:
                writing.cursor().putmulti([(key, value) for key in keys])

        self.get, self.set, self.set_many = get, put, set_many

    def close(self) -> None:
        self._db.close()


class BerkeleyDb(Peer):
    module = "berkeleydb.db"

    def __init__(self, path: str, *, forced: bool = False) -> None:
        from berkeleydb import db as bdb

        self._env = env = bdb.DBEnv()
        flags = bdb.DB_CREATE | bdb.DB_INIT_MPOOL | bdb.DB_INIT_TXN | bdb.DB_INIT_LOG
        if not forced:
            env.set_flags(bdb.DB_TXN_WRITE_NOSYNC, 1)
        env.open(path, flags | bdb.DB_INIT_LOCK | bdb.DB_THREAD)
        self._db = db = bdb.DB(env)
        db.open("d", dbtype=bdb.DB_BTREE, flags=bdb.DB_CREATE | bdb.DB_AUTO_COMMIT)
        self.get, self.set = db.get, db.put

        def set_many(keys: list[bytes], value: bytes) -> None:
            transaction = env.txn_begin()
            for key in keys:
                db.put(key, value, txn=transaction)
            transaction.commit()

        self.set_many = set_many

    def close(self) -> None:
        self._db.close()
        self._env.close()


class RocksDb(Peer):
    module = "rocksdict"

    def __init__(self, path: str, *, forced: bool = False) -> None:
        import rocksdict

        options = rocksdict.Options(raw_mode=True)
        options.create_if_missing(True)
        self._db = db = rocksdict.Rdict(path, options)
        how = rocksdict.WriteOptions()
        how.sync = forced
        db.set_write_options(how)
        self.get, self.set = db.get, db.put

        def set_many(keys: list[bytes], value: bytes) -> None:
            batch = rocksdict.WriteBatch(raw_mode=True)
            for key in keys:
                batch.put(key, value)
            db.write(batch, how)

        self.set_many = set_many

    def close(self) -> None:
        self._db.close()


class FakeRedis(Peer):
    module = "fakeredis"
    can_force = False

    def __init__(self, path: str, *, forced: bool = False) -> None:
        import fakeredis

        self._client = client = fakeredis.FakeRedis()
        self.get, self.set = client.get, client.set
        self.set_many = lambda keys, value: client.mset(dict.fromkeys(keys, value))

    def close(self) -> None:
        self._client.close()


class BurnerRedis(Peer):
    """It has an asyncio API only: each call is a step of an event loop."""

    module = "burner_redis"
    can_force = False

    def __init__(self, path: str, *, forced: bool = False) -> None:
        import asyncio

        import burner_redis

        self._loop = asyncio.new_event_loop()
        run = self._loop.run_until_complete

        async def make() -> Any:
            return burner_redis.BurnerRedis()

        self._client = client = run(make())
        self.get = lambda key: run(_awaited(client.get(key)))
        self.set = lambda key, value: run(_awaited(client.set(key, value)))

    def close(self) -> None:
        self._loop.run_until_complete(_awaited(self._client.aclose()))
        self._loop.close()


async def _awaited(something: Any) -> Any:
    return await something


class RedisServer(Peer):
    """redis-py, and a real redis-server at a Unix socket."""

    module = "redis"
    can_force = False

    def __init__(self, path: str, *, forced: bool = False) -> None:
        import redis

        socket = os.path.join(path, "socket")
        words = ["redis-server", "--port", "0", "--unixsocket", socket, "--save", ""]
        self._server = subprocess.Popen(
            [*words, "--dir", path], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        self._client = client = redis.Redis(unix_socket_path=socket)
        while True:
            try:
                client.ping()
                break
            except redis.ConnectionError:
                time.sleep(0.01)
        self.get, self.set = client.get, client.set
        self.set_many = lambda keys, value: client.mset(dict.fromkeys(keys, value))

    def close(self) -> None:
        self._client.close()
        self._server.terminate()
        self._server.wait()


@dataclass(frozen=True)
class Entry:
    """A column of the table."""

    title: str
    kind: type[Peer]


PEERS = {
    "dict": Entry("dict", Dict),
    "memory": Entry("Rubellite, in memory", OursInMemory),
    "ours": Entry("Rubellite, everysec", Ours),
    "redis_py": Entry("its redis-py API", OursByRedisPy),
    "sqlite": Entry("SQLite", Sqlite),
    "lmdb": Entry("LMDB", Lmdb),
    "berkeleydb": Entry("Berkeley DB", BerkeleyDb),
    "rocksdb": Entry("RocksDB", RocksDb),
    "fakeredis": Entry("fakeredis", FakeRedis),
    "burner": Entry("burner-redis", BurnerRedis),
    "server": Entry("redis-py, redis-server", RedisServer),
}


def measure(
    say: Callable[[str], None], peers: Iterable[str] = PEERS, *, quick: bool = False
) -> dict[str, dict[str, float]]:
    """Every peer's figures; those of a peer that is not installed are left out."""
    found = {}
    for name in peers:
        entry = PEERS[name]
        say(f"embedded: {entry.title}")
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.embedded", name, *(["quick"] if quick else [])],
            capture_output=True,
            text=True,
            timeout=300,
        )
        if done.returncode:
            say(f"skipped: {entry.title}: {done.stderr.strip().splitlines()[-1]}")
        else:
            found[name] = json.loads(done.stdout)
    return found


def table(found: dict[str, dict[str, float]]) -> str:
    """The figures as Markdown, a row for each peer."""
    lines = [
        "| | " + " | ".join(ROWS.values()) + " |",
        "| --- |" + " --- |" * len(ROWS),
    ]
    for name, figures in found.items():
        cells = (_short(figures.get(row)) for row in ROWS)
        lines.append(f"| {PEERS[name].title} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _short(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}" if value < 1000 else f"{value:,.0f}"


# What runs in a process of its own


def _figures(kind: type[Peer], quick: bool) -> dict[str, float]:
    seconds = 0.0 if quick else _ROUNDS_SECONDS
    began = time.perf_counter()
    importlib.import_module(kind.module)
    figures = {"import_ms": (time.perf_counter() - began) * 1e3}
    with _opened(kind) as peer:
        figures["rss_mb"] = _rss_bytes() / 1e6
        figures |= _call_times(peer, seconds)
    began = time.perf_counter()
    with _opened(kind):
        figures["open_ms"] = (time.perf_counter() - began) * 1e3
    if kind.can_force:
        figures |= _forced_times(kind, 3 if quick else 20, seconds)
    figures |= _item_bytes(kind, 2_000 if quick else 100_000)
    return figures


@contextmanager
def _opened(kind: type[Peer], **options: Any) -> Iterator[Peer]:
    with tempfile.TemporaryDirectory() as path:
        peer = kind(path, **options)
        try:
            yield peer
        finally:
            peer.close()


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


def _item_bytes(kind: type[Peer], items: int) -> dict[str, float]:
    """Memory that a process gains by items; what is on disk only is the kernel's."""
    if kind in (RedisServer, Sqlite, Lmdb, BerkeleyDb, RocksDb):
        return {}
    if kind in (BurnerRedis, FakeRedis):
        items //= 10
    with _opened(kind) as peer:
        put = peer.set
        assert put is not None
        before = _rss_bytes()
        for number in range(items):
            put(b"key:%012d" % number, b"%010d" % number)
        return {"item_bytes": (_rss_bytes() - before) / items}


def _rss_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


if __name__ == "__main__":
    print(json.dumps(_figures(PEERS[sys.argv[1]].kind, "quick" in sys.argv[2:])))
