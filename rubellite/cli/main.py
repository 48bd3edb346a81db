"""`rubellite`: one program, one subcommand for each thing people do.

rubellite serve [FILE] [--port 6379] [--name value …]
rubellite check-rdb FILE        whether a snapshot can be loaded
rubellite check-aof PATH        whether append-only files can be loaded; --fix mends them
rubellite inspect PATH          what a snapshot or append-only files hold, without a server
rubellite convert PATH [TO]     snapshots, append-only files and JSON lines into one another
rubellite cli [PATH] [COMMAND]  a shell for servers and data directories
rubellite migrate FROM TO       the keys of a server or data directory into another
rubellite memory TARGET         which keys, prefixes and types take how much memory
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point of `rubellite`; returns the exit status."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given[:1] == ["serve"]:
        # Its arguments are parameters of the server, which argparse cannot know.
        from rubellite.cli.server import start

        return start(given[1:], program="rubellite serve", speaks_redis=False)
    if given[:1] == ["cli"]:
        # redis-cli's options, of which -h is one.
        from rubellite.cli.shell.run import run

        return run(given[1:])
    try:
        return _parse(given)
    except KeyboardInterrupt:
        # What was being written is gone, or as it was.
        sys.stderr.write("rubellite: interrupted\n")
        return 130


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
    commands.add_parser("cli", help="a shell for servers and data directories; cli --help")
    check = commands.add_parser("check-rdb", help="say whether a snapshot can be loaded")
    check.add_argument("file")
    check_aof = commands.add_parser(
        "check-aof", help="say whether append-only files can be loaded, and mend them"
    )
    check_aof.add_argument("path", help="a folder, its manifest, or a file")
    how = check_aof.add_mutually_exclusive_group()
    how.add_argument("--fix", action="store_true", help="cut off what is not whole at the end")
    how.add_argument(
        "--truncate-to-timestamp",
        type=int,
        default=0,
        metavar="SECONDS",
        help="cut off what happened later",
    )
    inspect = commands.add_parser(
        "inspect", help="tell what a snapshot, append-only files or a data directory hold"
    )
    inspect.add_argument("path")
    inspect.add_argument("--top", type=int, default=10, metavar="N", help="rows of each table")
    convert = commands.add_parser(
        "convert", help="turn snapshots, append-only files and JSON lines into one another"
    )
    convert.add_argument("path", help="what to read; - for JSON lines on standard input")
    convert.add_argument(
        "target", nargs="?", help="FILE.rdb, FILE.jsonl or FOLDER/; JSON on standard output without"
    )
    convert.add_argument("--to", choices=("rdb", "aof", "json"), help="what the target is to be")
    convert.add_argument("--force", action="store_true", help="replace the target if it exists")
    convert.add_argument(
        "--rdb-format",
        choices=("redis10", "redis12", "valkey80"),
        help="write snapshots anew, for these servers",
    )
    for command in (inspect, convert):
        command.add_argument(
            "--load",
            action="append",
            default=[],
            metavar="FILE",
            help="commands of your own that append-only files hold",
        )
    migrate = commands.add_parser(
        "migrate", help="copy the keys of a server or data directory into another"
    )
    for name, text in (("source", "where keys come from"), ("target", "where they go to")):
        migrate.add_argument(name, help=f"{text}: redis://, rediss://, unix:// or a folder")
    which = migrate.add_mutually_exclusive_group()
    which.add_argument(
        "--db", type=int, action="append", default=[], metavar="N", help="this database; repeatable"
    )
    which.add_argument("--all", action="store_true", help="all databases")
    migrate.add_argument("--match", metavar="PATTERN", help="only keys that match")
    there = migrate.add_mutually_exclusive_group()
    there.add_argument("--replace", action="store_true", help="overwrite keys that are there")
    there.add_argument("--skip", action="store_true", help="leave keys alone that are there")
    _add_memory(commands.add_parser("memory", help="tell which keys and prefixes take the memory"))
    for name, command in commands.choices.items():
        command.set_defaults(command=name)
    chosen = parser.parse_args(given)
    if "command" not in chosen:
        parser.print_help()
        return 0
    from rubellite.cli import rdb_files

    if chosen.command == "check-rdb":
        return rdb_files.check(chosen.file)
    if chosen.command == "check-aof":
        from rubellite.cli import aof_files

        until = chosen.truncate_to_timestamp
        return aof_files.check(chosen.path, fixes=chosen.fix, until_seconds=until)
    if chosen.command == "inspect":
        return rdb_files.inspect(chosen.path, max(chosen.top, 0), chosen.load)
    if chosen.command == "memory":
        from rubellite.cli.memory.run import Options, memory

        given_ = {name: value for name, value in vars(chosen).items() if name != "command"}
        return memory(given_.pop("target"), Options(**given_))
    if chosen.command == "migrate":
        from rubellite.cli.migrate import migrate as run_migrate

        return run_migrate(
            chosen.source,
            chosen.target,
            databases=chosen.db,
            is_all=chosen.all,
            match=chosen.match,
            existing="replace" if chosen.replace else "skip" if chosen.skip else "compare",
        )
    from rubellite.cli.convert import convert as run

    return run(
        chosen.path,
        chosen.target,
        kind=chosen.to,
        force=chosen.force,
        rdb_format=chosen.rdb_format,
        load=chosen.load,
    )


def _add_memory(parser: argparse.ArgumentParser) -> None:
    """The options of `memory`, under the names that `memory.run.Options` has."""
    add = parser.add_argument
    add("target", help="redis://, rediss://, unix://, a data directory, snapshot or AOF folder")
    add("--separator", default=":", metavar="TEXT", help="what ends a prefix (:)")
    add("--depth", type=int, default=3, metavar="N", help="levels of prefixes (3)")
    add("--top", type=int, default=10, metavar="N", help="rows of each level and table (10)")
    add("--sample", type=int, metavar="N", help="weigh N keys at most, and extrapolate")
    add(
        "--elements",
        type=int,
        metavar="N",
        help="elements of a value that a server weighs; 0: all (MEMORY USAGE SAMPLES)",
    )
    add(
        "--db",
        dest="databases",
        type=int,
        action="append",
        default=[],
        metavar="N",
        help="this database, not all; repeatable",
    )
    add("--json", dest="as_json", action="store_true", help="print one JSON document")
    add("--html", metavar="FILE", help="write a page with a treemap")
    add("--svg", metavar="FILE", help="write the treemap")
    add("--force", action="store_true", help="replace FILE if it exists")
    add(
        "--load",
        action="append",
        default=[],
        metavar="FILE",
        help="commands of your own that append-only files hold",
    )


if __name__ == "__main__":
    sys.exit(main())
