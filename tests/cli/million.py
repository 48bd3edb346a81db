"""Moves many keys from a real server into a path and back, stopped once on each way.

python -m tests.cli.million --server redis70 --keys 1000000
"""

from __future__ import annotations

import argparse
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rubellite.client.resp import Address, Connection, encode
from tests import oracles
from tests.cli.samples import FAR_MS

_BATCH = 2000


def commands(count: int, chance: random.Random) -> Iterator[tuple[Any, ...]]:
    """Mixed keys: seven of ten are strings; one of three has a deadline."""
    for at in range(count):
        kind, name, size = at % 20, f"key:{at}", chance.randrange(1, 20)
        if kind < 14:
            yield "SET", name, chance.randbytes(size * 5)
        elif kind < 16:
            yield "HSET", name, *(word for n in range(size) for word in (f"field{n}", n * at))
        elif kind == 16:
            yield "RPUSH", name, *(chance.randbytes(8) for _ in range(size))
        elif kind == 17:
            yield "SADD", name, *(n * at if at % 40 == 17 else f"member{n}" for n in range(size))
        elif kind == 18:
            yield "ZADD", name, *(w for n in range(size) for w in (chance.random(), f"m{n}"))
        else:
            for n in range(1, size + 1):
                yield "XADD", name, f"{at}-{n}", "field", n, "other", "value"
            yield "XGROUP", "CREATE", name, "group", "0"
            yield "XREADGROUP", "GROUP", "group", "one", "COUNT", 2, "STREAMS", name, ">"
        if at % 3 == 0:
            yield "PEXPIREAT", name, FAR_MS + at


def fill(connection: Connection, count: int, seed: int) -> None:
    gathered: list[bytes] = []
    for words in commands(count, random.Random(seed)):
        gathered.append(encode(words))
        if len(gathered) == _BATCH:
            connection.send(b"".join(gathered))
            for _ in gathered:
                connection.reply()
            gathered.clear()
    connection.send(b"".join(gathered))
    for _ in gathered:
        connection.reply()


def state(connection: Connection, count: int) -> tuple[Any, ...]:
    """The digest, how many keys there are, and every deadline and pending entry."""
    sums = 0
    for start in range(0, count, _BATCH):
        part = range(start, min(start + _BATCH, count))
        for reply in connection.pipeline([("PEXPIRETIME", f"key:{at}") for at in part]):
            sums = hash((sums, reply))
    streams = range(19, count, 2000)
    pending = connection.pipeline(
        [("XPENDING", f"key:{at}", "group", "-", "+", 10) for at in streams]
    )
    digest = str(connection.call("DEBUG", "DIGEST"))
    # How long an entry is pending grows; who has which of them stays.
    owners = hash(str([[item[:2] for item in reply] for reply in pending]))
    return digest, connection.call("DBSIZE"), sums, owners


def run(arguments: list[str], stop: int, after_seconds: float) -> None:
    """Runs a migration, stops it once, and lets the same command finish."""
    given = [sys.executable, "-m", "rubellite.cli.main", "migrate", *arguments]
    process = subprocess.Popen(given)
    time.sleep(after_seconds)
    was_running = process.poll() is None
    process.send_signal(stop)
    process.wait()
    print(f"  stopped: {was_running}; status {process.returncode}")
    assert was_running, "it was done before it could be stopped"
    began = time.monotonic()
    subprocess.run(given, check=True)
    print(f"  the second run took {time.monotonic() - began:.1f} s")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--server", default="redis70", choices=oracles.ORACLES)
    parser.add_argument("--keys", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--after", type=float, default=10.0, help="seconds until it is stopped")
    chosen = parser.parse_args()
    server = oracles.start(chosen.server)
    url = f"redis://{server.host}:{server.port}"
    try:
        connection = Connection(Address(server.host, server.port))
        fill(connection, chosen.keys, chosen.seed)
        before = state(connection, chosen.keys)
        print(f"{chosen.server}: {before[1]} keys, digest {before[0]}")
        with tempfile.TemporaryDirectory(prefix="rubellite-") as folder:
            path = str(Path(folder) / "data")
            run([url, path], signal.SIGINT, chosen.after)
            connection.call("FLUSHALL")
            run([path, url], signal.SIGKILL, chosen.after)
        after = state(connection, chosen.keys)
        print("the same" if after == before else f"NOT the same: {before} became {after}")
        return 0 if after == before else 1
    finally:
        server.stop()


if __name__ == "__main__":
    sys.exit(main())
