"""Feeds damaged bytes to the loaders: python -m tests.durability.fuzz [WHAT] [FILE…] [--cases N]

    rdb     snapshots: those of FILE…
    dump    RESTORE: payloads of every type and encoding, of every server
    aof     append-only files

Everything damaged is taken or refused; the process must neither end nor take much
memory, no reply may speak of a bug, and what was taken must be sound. The checksum of a
payload is made right again, so that its decoder meets the damage. Prints how many were
loaded and refused.
"""

from __future__ import annotations

import argparse
import resource
import secrets
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from random import Random

from rubellite.errors import ReplyError
from tests.durability import corpus
from tests.store import Store

#: Bytes that mean something: lengths, encodings, types, what stands between keys.
TELLING = bytes(
    [*range(26), 0x3F, 0x40, 0x7F, 0x80, 0x81, 0xBF, 0xC0, 0xC1, 0xC2, 0xC3, *range(243, 256)]
)
#: As above, for append-only files.
TELLING_OF_COMMANDS = b'*$#\r\n0123456789-+!:"\\'
#: More address space than this is not needed for files of a few kilobytes.
ADDRESS_BYTES_MAX = 1 << 30
#: Nor more memory than this, beside what the process had at first.
GROWTH_BYTES_MAX = 96 << 20
FOOTER_BYTES = 10

Counts = tuple[int, int]


def damage(whole: bytes, rng: Random, first: int = 9, telling: bytes = TELLING) -> bytes:
    """Bytes like `whole`, but for a few places from `first` on."""
    found = bytearray(whole)
    for _ in range(rng.choice((1, 1, 1, 2, 3, 8))):
        if len(found) <= first + 1:
            break
        at = rng.randrange(first, len(found))
        kind = rng.randrange(6)
        if kind == 0:
            found[at] ^= 1 << rng.randrange(8)
        elif kind == 1:
            found[at] = rng.choice(telling)
        elif kind == 2:
            found[at] = rng.randrange(256)
        elif kind == 3:
            del found[at : at + rng.randrange(1, 9)]
        elif kind == 4:
            other = rng.randrange(first, len(found))
            found[at:at] = found[other : other + rng.randrange(1, 40)]
        else:
            # A length that cannot be true.
            found[at:at] = b"\x81" + rng.randbytes(8)
    if rng.random() < 0.1 and len(found) > first + 1:
        del found[rng.randrange(first, len(found)) :]
    return bytes(found)


def run(files: list[Path], cases: int, seed: int) -> Counts:
    """How many damaged snapshots were loaded and refused."""
    rng = Random(seed)
    wholes = [path.read_bytes() for path in files]
    store = Store()
    loaded = refused = 0
    with _Scratch() as path:
        for case in range(cases):
            damaged = damage(rng.choice(wholes), rng)
            if rng.random() < 0.9:
                # No checksum: what is wrong has to be found by reading.
                damaged = damaged[:-8] + bytes(8)
            path.write_bytes(damaged)
            try:
                store.engine.load(str(path), True)
            except ValueError:
                refused += 1
                continue
            loaded += 1
            if case % 4 == 0:
                store.engine.check()
            # Reads every element of everything.
            store("DEBUG", "DIGEST")
    return loaded, refused


class _Scratch:
    """A file that is gone afterwards, in memory where the system has such a folder."""

    def __enter__(self) -> Path:
        folder = "/dev/shm" if Path("/dev/shm").is_dir() else None
        self._file = tempfile.NamedTemporaryFile(dir=folder)
        return Path(self._file.name)

    def __exit__(self, *exception: object) -> None:
        self._file.close()


def run_dumps(wholes: list[bytes], cases: int, seed: int) -> Counts:
    """How many damaged payloads were restored and refused."""
    rng = Random(seed)
    store = Store()
    loaded = refused = 0
    for case in range(cases):
        whole = rng.choice(wholes)
        # In the first byte stands the type: a payload read as another is worth most.
        body = damage(whole[:-FOOTER_BYTES], rng, first=0 if rng.random() < 0.2 else 1)
        version = whole[-FOOTER_BYTES:-8]
        if rng.random() < 0.1:
            version = rng.choice((10, 11, 12, 80)).to_bytes(2, "little")
        damaged = body + version
        damaged += crc64(damaged).to_bytes(8, "little")
        reply = store("RESTORE", "key", 0, damaged, "REPLACE")
        if isinstance(reply, ReplyError):
            text = str(reply)
            assert text.startswith(("ERR Bad data format", "ERR This value cannot")), (
                text,
                damaged.hex(),
            )
            refused += 1
            continue
        loaded += 1
        try:
            _use(store, rng)
            if case % 4 == 0:
                store.engine.check()
        except Exception:
            print(f"after RESTORE of {damaged.hex()}", flush=True)
            raise
    return loaded, refused


def _use(store: Store, rng: Random) -> None:
    """Reads and writes what was restored, and lets it go through DUMP once more."""
    digest = store("DEBUG", "DIGEST-VALUE", "key")
    again = store("DUMP", "key")
    if again is None:
        # All of it has expired.
        return
    assert store("RESTORE", "twin", 0, again, "REPLACE").text == "OK"
    assert store("DEBUG", "DIGEST-VALUE", "twin") == digest, again.hex()
    name = str(rng.randrange(5))
    for command in _USES[store("TYPE", "key").text]:
        reply = store(*(name if word == "?" else word for word in command))
        assert "Internal error" not in str(reply), reply


_USES: dict[str, tuple[tuple[str, ...], ...]] = {
    "string": (("APPEND", "key", "x"), ("GETRANGE", "key", "0", "-1")),
    "list": (("LPUSH", "key", "?"), ("RPOP", "key"), ("LINSERT", "key", "BEFORE", "?", "b"),
             ("LREM", "key", "0", "?")),
    "hash": (("HSET", "key", "?", "v"), ("HDEL", "key", "?", "0"), ("HGETALL", "key")),
    "set": (("SADD", "key", "?", "x"), ("SREM", "key", "?"), ("SPOP", "key")),
    "zset": (("ZADD", "key", "1", "?"), ("ZREM", "key", "?"), ("ZPOPMIN", "key"),
             ("ZRANK", "key", "a")),
    "stream": (("XADD", "key", "*", "f", "v"), ("XTRIM", "key", "MAXLEN", "1"),
               ("XINFO", "STREAM", "key", "FULL"), ("XPENDING", "key", "group")),
}  # fmt: skip


def run_increments(wholes: list[bytes], cases: int, seed: int) -> Counts:
    """How many damaged append-only files were loaded, in part if need be, and refused."""
    rng = Random(seed)
    store = Store()
    loaded = refused = 0
    with _Scratch() as path:
        for case in range(cases):
            damaged = damage(rng.choice(wholes), rng, 0, TELLING_OF_COMMANDS)
            path.write_bytes(damaged)
            try:
                store.engine.replay(path, 0)
                problem = ""
            except ValueError as refusal:
                problem = str(refusal)
            assert "Internal error" not in problem, (problem, damaged)
            loaded += not problem
            refused += bool(problem)
            if case % 8 == 0:
                store.engine.check()
                store("DEBUG", "DIGEST")
            store("FLUSHALL")
    return loaded, refused


def _table() -> tuple[int, ...]:
    found = []
    for byte in range(256):
        checksum = byte
        for _ in range(8):
            checksum = checksum >> 1 ^ (0x95AC9329AC4BC9B5 if checksum & 1 else 0)
        found.append(checksum)
    return tuple(found)


_CRC = _table()


def crc64(data: Iterable[int]) -> int:
    """The checksum of payloads and snapshots."""
    checksum = 0
    for byte in data:
        checksum = checksum >> 8 ^ _CRC[checksum & 0xFF ^ byte]
    return checksum


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("rdb", "dump", "aof"))
    parser.add_argument("files", nargs="*", type=Path)
    parser.add_argument("--cases", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1 << 32))
    chosen = parser.parse_args()
    print(f"seed {chosen.seed}", flush=True)
    works: dict[str, Callable[[], Counts]] = {
        "rdb": lambda: run(chosen.files, chosen.cases, chosen.seed),
        "dump": lambda: run_dumps(
            _read(chosen.files) or corpus.payloads(), chosen.cases, chosen.seed
        ),
        "aof": lambda: run_increments(corpus.increments(), chosen.cases, chosen.seed),
    }
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_BYTES_MAX, ADDRESS_BYTES_MAX))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    loaded, refused = works[chosen.what]()
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - before
    assert chosen.what == "aof" or grown < GROWTH_BYTES_MAX, f"took {grown} bytes"
    print(f"{loaded} loaded, {refused} refused")


def _read(files: list[Path]) -> list[bytes]:
    return [path.read_bytes() for path in files]


if __name__ == "__main__":
    main()
