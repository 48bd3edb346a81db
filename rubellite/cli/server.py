"""`rubellite-server`: starts a server with redis-server's own arguments.

    rubellite-server [FILE] [--name value …] [-]
    rubellite-server --check-config FILE
    rubellite-server --version | --help

`rubellite serve` is the same under a name that needs no knowledge of Redis.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from rubellite.about import REDIS_VERSION, __version__
from rubellite.config import Config, ConfigFileError, load
from rubellite.config.loading import reads_standard_input

USAGE = """\
Usage: {program} [/path/to/redis.conf] [options] [-]
       {program} - (read config from stdin)
       {program} --check-config /path/to/redis.conf
       {program} -v or --version
       {program} -h or --help

Options are the parameters of redis.conf:
       {program} (run the server with default conf)
       echo 'maxmemory 128mb' | {program} -
       {program} /etc/redis/6379.conf
       {program} --port 7777 --save "" --bind 127.0.0.1 ::1
       {program} --save 60 1 --save 300 10 --loglevel verbose
       {program} --load commands.py
"""

# Flags of redis-server that stand alone and mean another program altogether.
ABSENT = {
    "--sentinel": "there is no Sentinel mode; run redis-sentinel or valkey-sentinel beside it",
    "--test-memory": "there is no memory test; use memtester or memtest86+",
    "--check-system": "there is no system check",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point of `rubellite-server`; returns the exit status."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    return start(given, program="rubellite-server", speaks_redis=True)


def start(arguments: list[str], *, program: str, speaks_redis: bool) -> int:
    """Starts a server. `speaks_redis` adds redis-server's words to refused configurations."""
    first = arguments[0] if arguments else ""
    if first in ("-v", "--version"):
        print(version_line())
        return 0
    if first in ("-h", "--help"):
        print(USAGE.format(program=program), end="")
        return 0
    if first == "--check-config":
        from rubellite.cli.check_config import check_config

        return check_config(arguments[1:])
    for argument in arguments:
        if argument in ABSENT:
            return refuse(f"{program}: {argument}: {ABSENT[argument]}")
    try:
        config = load(arguments, sys.stdin.read() if reads_standard_input(arguments) else None)
    except ConfigFileError as problem:
        if speaks_redis:
            # Tools that start redis-server look for these lines.
            sys.stderr.write(problem.in_redis_words(REDIS_VERSION))
        return refuse(f"{program}: {problem}")
    if config.words("load"):
        # A module is looked for where the server is started, as a file is.
        sys.path.append(os.getcwd())
    return _run(config, program)


def refuse(text: str) -> int:
    """Says why nothing is started; returns the exit status."""
    sys.stderr.write(text + "\n")
    return 1


def version_line() -> str:
    """What `--version` prints; tools read the part that redis-server prints too."""
    bits = 64 if sys.maxsize > 2**32 else 32
    return (
        f"Redis server v={REDIS_VERSION} sha=00000000:0 malloc=jemalloc bits={bits} "
        f"build=0 rubellite={__version__}"
    )


def _run(config: Config, program: str) -> int:
    # What a refused start does not need is not imported for it.
    from rubellite.server.lifecycle import Lifecycle, StartError
    from rubellite.server.logging import Log

    log = Log(config, role="C")
    try:
        log.check()
    except OSError as problem:
        return refuse(f"{program}: can't open the log file: {problem.strerror}")
    lifecycle = Lifecycle(config, log)
    lifecycle.supervise()
    lifecycle.daemonize()
    log.notice("oO0OoO0OoO0Oo Rubellite is starting oO0OoO0OoO0Oo")
    log.notice(
        f"Rubellite version={__version__}, compatible with Redis {REDIS_VERSION}, "
        f"pid={os.getpid()}, just started"
    )
    log.notice(_configuration_line(config))
    log.role = "M"
    try:
        lifecycle.enter()
    except StartError as problem:
        return refuse(f"{program}: {problem}")
    lifecycle.write_pidfile()
    try:
        from rubellite.server.app import run

        return run(config, log, lifecycle)
    finally:
        lifecycle.leave()


def _configuration_line(config: Config) -> str:
    if config.is_untouched:
        return (
            "Warning: no config file specified, using the default config. In order to specify "
            "a config file use rubellite-server /path/to/redis.conf"
        )
    return "Configuration loaded"


if __name__ == "__main__":
    sys.exit(main())
