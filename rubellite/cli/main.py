"""`rubellite`: one program, one subcommand for each thing people do.

rubellite serve [FILE] [--port 6379] [--name value …]
"""

from __future__ import annotations

import sys
from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point of `rubellite`; returns the exit status."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given[:1] == ["serve"]:
        # Its arguments are parameters of the server, which argparse cannot know.
        from rubellite.cli.server import start

        return start(given[1:], program="rubellite serve", speaks_redis=False)
    return _parse(given)


def _parse(given: list[str]) -> int:
    import argparse

    from rubellite import REDIS_VERSION, __version__

    parser = argparse.ArgumentParser(
        prog="rubellite",
        description="A Redis-compatible data-structure store that is a Python library first.",
    )
    parser.add_argument(
        "-v",
        "--version",
        action="version",
        version=f"rubellite {__version__} (compatible with Redis {REDIS_VERSION})",
    )
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    commands.add_parser(
        "serve", help="start a server; takes redis.conf and redis-server's own options"
    )
    parser.parse_args(given)
    parser.print_help()
    return 0 if not given else 2


if __name__ == "__main__":
    sys.exit(main())
