"""Prepares the clients of all languages: `python -m tests.clients [LANGUAGE…]`."""

from __future__ import annotations

import sys
import time
from concurrent.futures import ThreadPoolExecutor

from tests.clients import toolchains


def prepare(language: str) -> tuple[bool, str]:
    started = time.monotonic()
    try:
        toolchains.prepare(language)
    except toolchains.ToolchainMissingError as missing:
        return True, f"skipped: {missing}"
    except RuntimeError as failure:
        return False, f"failed: {failure}"
    return True, f"ready after {time.monotonic() - started:.1f} s"


def main() -> int:
    languages = sys.argv[1:] or list(toolchains.TOOLCHAINS)
    toolchains.install_missing(languages)
    with ThreadPoolExecutor(max_workers=2) as pool:
        results = list(pool.map(prepare, languages))
    for language, (is_fine, words) in zip(languages, results, strict=True):
        if "after 0." not in words:
            print(f"clients: {language}: {words}")
        if not is_fine:
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
