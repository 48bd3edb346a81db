"""The stores that `embedded` measures, each behind the same few calls."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any


class Peer:
    """A store; what it has no way for stays None."""

    module = ""
    #: What a program does first, which may import more.
    first = ""

    def __init__(self, path: str, *, forced: bool = False) -> None: ...

    get: Callable[[bytes], Any] | None = None
    set: Callable[[bytes, bytes], Any] | None = None
    #: Sets them all at once; with `forced`, they are on disk afterwards.
    set_many: Callable[[list[bytes], bytes], Any] | None = None
    can_force = True

    def close(self) -> None: ...


class Ours(Peer):
    module = "rubellite"
    first = "rubellite.open()"

    def __init__(self, path: str, *, forced: bool = False) -> None:
        import rubellite

        self.handle = self._db = rubellite.open(path, durability="always" if forced else "everysec")
        self.get, self.set, self._call = self._db.get, self._db.set, self._db.call

    def set_many(self, keys: list[bytes], value: bytes) -> None:
        self._call("MSET", *(word for key in keys for word in (key, value)))

    def close(self) -> None:
        self._db.close()


class OursInMemory(Ours):
    can_force = False

    def __init__(self, path: str, *, forced: bool = False) -> None:
        import rubellite

        self.handle = self._db = rubellite.open()
        self.get, self.set, self._call = self._db.get, self._db.set, self._db.call


class OursByRedisPy(Peer):
    module = "rubellite"
    first = "rubellite.open().redis()"
    can_force = False

    def __init__(self, path: str, *, forced: bool = False) -> None:
        import rubellite

        self.handle = self._db = rubellite.open()
        client: Any = self._db.redis()
        self.get, self.set = client.get, client.set
        self.set_many = lambda keys, value: client.mset(dict.fromkeys(keys, value))

    def close(self) -> None:
        self._db.close()


class Dict(Peer):
    """For scale: it keeps nothing, and shares with nobody."""

    module = "builtins"
    can_force = False

    def __init__(self, path: str, *, forced: bool = False) -> None:
        data: dict[bytes, bytes] = {}
        self.get, self.set = data.get, data.__setitem__
        self.set_many = lambda keys, value: data.update(dict.fromkeys(keys, value))


class Sqlite(Peer):
    module = "sqlite3"
    first = "sqlite3.connect(':memory:')"

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
    first = "fakeredis.FakeRedis()"
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
    first = "redis.Redis()"
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


class Floor(Peer):
    """What the disk alone takes: so many bytes as a SET has, appended and forced."""

    def __init__(self, path: str, *, forced: bool = False) -> None:
        self._file = file = Path(path, "file").open("ab", buffering=0)  # noqa: SIM115

        def put(key: bytes, value: bytes) -> None:
            file.write(b"*3\r\n$3\r\nSET\r\n$14\r\n%b\r\n$10\r\n%b\r\n" % (key, value))
            os.fdatasync(file.fileno())

        def set_many(keys: list[bytes], value: bytes) -> None:
            file.write(b"".join(keys) + value * len(keys))
            os.fdatasync(file.fileno())

        self.set, self.set_many = put, set_many

    def close(self) -> None:
        self._file.close()


PEERS: dict[str, type[Peer]] = {
    "memory": OursInMemory,
    "ours": Ours,
    "redis_py": OursByRedisPy,
    "dict": Dict,
    "sqlite": Sqlite,
    "lmdb": Lmdb,
    "berkeleydb": BerkeleyDb,
    "rocksdb": RocksDb,
    "fakeredis": FakeRedis,
    "burner": BurnerRedis,
    "server": RedisServer,
    "floor": Floor,
}
