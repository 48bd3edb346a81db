"""Prepares other people's clients and software: `python -m tests.clients [NAME…]`."""

from __future__ import annotations

import sys
import time
from concurrent.futures import ThreadPoolExecutor

from tests.clients.toolchains import CLIENTS
from tests.software.toolchains import SOFTWARE
from tests.toolchains import ToolchainMissingError, install_missing

SHELVES = {name: shelf for shelf in (CLIENTS, SOFTWARE) for name in shelf.toolchains}


def prepare(name: str) -> tuple[bool, str]:
    started = time.monotonic()
    try:
        SHELVES[name].prepare(name)
    except ToolchainMissingError as missing:
        return True, f"skipped: {missing}"
    except RuntimeError as failure:
        return False, f"failed: {failure}"
    return True, f"ready after {time.monotonic() - started:.1f} s"


def main() -> int:
    names = sys.argv[1:] or list(SHELVES)
    install_missing(SHELVES[name].toolchains[name] for name in names)
    with ThreadPoolExecutor(max_workers=2) as pool:
        results = list(pool.map(prepare, names))
    for name, (is_fine, words) in zip(names, results, strict=True):
        if "after 0." not in words:
            print(f"clients: {name}: {words}")
        if not is_fine:
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
