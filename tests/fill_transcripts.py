"""Writes the replies of the real servers into a page of the manual that lacks them.

    python -m tests.fill_transcripts docs/commands/hashes.md

A prompt without anything below it gets what Valkey 9.1 (or Redis 8.2, if its block is
tagged so) answers. What is there already stays. Read what came: it is the manual.
"""

from __future__ import annotations

import sys
from pathlib import Path

from tests import oracles, redis_cli
from tests.transcripts import play


def replies_of(name: str, page: Path) -> dict[int, list[str]]:
    """What one server answers at each line of the page that lacks it."""
    server = oracles.start(name)
    try:
        return {
            int(one.step.place.rpartition(":")[2]): redis_cli.show(
                one.reply, one.step.words
            ).splitlines()
            for one in play(page, server, 2, {})
            if not one.step.expected and ("redis82" in one.step.tags) is (name == "redis82")
        }
    finally:
        server.stop()


def main() -> None:
    """Fills the pages named on the command line."""
    for name in sys.argv[1:]:
        page = Path(name)
        replies = replies_of("valkey91", page)
        if "redis82" in page.read_text(encoding="utf-8"):
            replies |= replies_of("redis82", page)
        lines: list[str] = []
        for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1):
            lines += [line, *(text.rstrip() for text in replies.get(number, []))]
        page.write_text("\n".join([*lines, ""]), encoding="utf-8")
        print(f"{page}: {len(replies)} replies written")


if __name__ == "__main__":
    main()
