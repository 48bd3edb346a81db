"""Feeds damaged snapshots to the loader: python -m tests.durability.fuzz FILE… [--cases N]

Every damaged file is loaded or refused; the process must neither end nor take much
memory, and what was loaded must be sound. Prints how many were loaded and refused.
"""

from __future__ import annotations

import argparse
import resource
import secrets
import tempfile
from pathlib import Path
from random import Random

from tests.store import Store

#: Bytes that mean something: lengths, encodings, types, what stands between keys.
TELLING = bytes(
    [*range(26), 0x3F, 0x40, 0x7F, 0x80, 0x81, 0xBF, 0xC0, 0xC1, 0xC2, 0xC3, *range(243, 256)]
)
#: More address space than this is not needed for files of a few kilobytes.
ADDRESS_BYTES_MAX = 1 << 30


def damage(whole: bytes, rng: Random) -> bytes:
    """A file like `whole`, but for a few places."""
    found = bytearray(whole)
    for _ in range(rng.choice((1, 1, 1, 2, 3, 8))):
        at = rng.randrange(9, len(found))
        kind = rng.randrange(6)
        if kind == 0:
            found[at] ^= 1 << rng.randrange(8)
        elif kind == 1:
            found[at] = rng.choice(TELLING)
        elif kind == 2:
            found[at] = rng.randrange(256)
        elif kind == 3:
            del found[at : at + rng.randrange(1, 9)]
        elif kind == 4:
            other = rng.randrange(9, len(found))
            found[at:at] = found[other : other + rng.randrange(1, 40)]
        else:
            # A length that cannot be true.
            found[at:at] = b"\x81" + rng.randbytes(8)
        if len(found) < 20:
            break
    if rng.random() < 0.1:
        del found[rng.randrange(9, len(found)) :]
    # No checksum: what is wrong has to be found by reading.
    return bytes(found[:-8]) + bytes(8) if rng.random() < 0.9 else bytes(found)


def run(files: list[Path], cases: int, seed: int) -> tuple[int, int]:
    """How many damaged files were loaded and refused."""
    rng = Random(seed)
    wholes = [path.read_bytes() for path in files]
    store = Store()
    loaded = refused = 0
    # In memory where the system has such a folder.
    folder = "/dev/shm" if Path("/dev/shm").is_dir() else None
    with tempfile.NamedTemporaryFile(dir=folder, suffix=".rdb") as file:
        path = Path(file.name)
        for case in range(cases):
            path.write_bytes(damage(rng.choice(wholes), rng))
            try:
                store.engine.load(file.name, True)
            except ValueError:
                refused += 1
                continue
            loaded += 1
            if case % 4 == 0:
                store.engine.check()
            # Reads every element of everything.
            store("DEBUG", "DIGEST")
    return loaded, refused


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--cases", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1 << 32))
    chosen = parser.parse_args()
    print(f"seed {chosen.seed}", flush=True)
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_BYTES_MAX, ADDRESS_BYTES_MAX))
    loaded, refused = run(chosen.files, chosen.cases, chosen.seed)
    print(f"{loaded} loaded, {refused} refused")


if __name__ == "__main__":
    main()
