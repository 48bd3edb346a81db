"""`python -m benchmarks`: reads the options, runs the sections, prints and files the results."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

from benchmarks import (
    accounts,
    big,
    chart,
    connections,
    embedded,
    eviction,
    growth,
    memory,
    persistence,
    pubsub,
    report,
    speed,
    stall,
    tail,
    watched,
)
from benchmarks.scenarios import PIPELINES, SCENARIOS, Scenario
from benchmarks.servers import (
    CORES,
    Program,
    Server,
    ServerError,
    find_programs,
    pin_this_process,
)

SECTIONS = (
    *("speed", "memory", "tail", "stall", "connections", "pubsub", "persistence"),
    *("growth", "big", "eviction", "watched"),
)
EMBEDDED = "embedded"
SERVERS = tuple(program.name for program in find_programs())

# The machine is noisy and pipeline 1 is mostly the kernel's work: more rounds there.
ROUNDS_AT_PIPELINE_1 = 7
ROUNDS_DEEPER = 3


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parse(arguments)
    if options.only == [EMBEDDED]:
        # Its peers are libraries, not servers.
        return _run_embedded(options)
    if not Path("/proc/self/stat").exists():
        return _refuse("CPU and memory are read from /proc: run the benchmarks on Linux")
    client = speed.redis_benchmark_version()
    if client is None and {"speed", "connections", "growth", "watched"} & set(options.only):
        return _refuse("redis-benchmark is not on PATH: apt install redis-tools")
    results = report.Results()
    programs = _chosen(options.servers, results)
    if not programs:
        return _refuse("none of the chosen servers is installed")
    pin_this_process()
    try:
        versions = _versions(programs)
        print(_heading(versions), flush=True)
        _run_sections(options, programs, results)
    except (ServerError, OSError, KeyboardInterrupt) as why:
        # Half an hour of measuring is worth seeing, but not worth filing.
        print(report.table(results, _titles(programs)))
        return _refuse(f"{str(why) or 'interrupted'}; nothing was filed")
    titles = _titles(programs)
    _print(results, titles, options)
    settings = {
        "quick": options.quick,
        "rounds": options.rounds or [ROUNDS_AT_PIPELINE_1, ROUNDS_DEEPER],
        "seconds": options.seconds,
        "duration_s": options.duration,
        "keys": options.keys,
        "clients": speed.CLIENTS,
        "client": client,
        "cores_of_server_and_clients": CORES,
    }
    _file(report.document(results, versions, settings), results, titles, options)
    return 0


def _run_embedded(options: argparse.Namespace) -> int:
    results = report.Results()
    versions = embedded.measure(results, _say, quick=options.quick)
    print(_heading(versions), flush=True)
    _print(results, embedded.TITLES, options)
    settings = {"quick": options.quick}
    _file(report.document(results, versions, settings), results, embedded.TITLES, options)
    return 0


def _print(results: report.Results, titles: dict[str, str], options: argparse.Namespace) -> None:
    if options.quick:
        # Nothing so small can be judged.
        for row in results.rows:
            row.goal = None
    print(report.table(results, titles))
    if options.quick:
        print("a smoke run: it shows that everything runs, not how fast")


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    several = partial(parser.add_argument, type=lambda text: text.split(","), metavar="A,B")
    parser.add_argument("--quick", action="store_true", help="a smoke run: tiny sizes, no files")
    several("--only", help=f"of {', '.join(SECTIONS)}; or {EMBEDDED} alone")
    several("--scenario", help="speed: only these, such as GET,SET")
    several("--pipeline", help="speed: only these depths, such as 1,16")
    several("--servers", help=f"of {', '.join(SERVERS)}")
    parser.add_argument("--command", help="speed: measure this command; __rand_int__ varies")
    parser.add_argument("--rounds", type=_positive(int), help="speed: rounds at every pipeline")
    parser.add_argument("--seconds", type=_positive(float), default=1.5, help="speed: of one round")
    parser.add_argument("--keys", type=_positive(int), default=100_000, help="speed: random keys")
    parser.add_argument(
        "--duration",
        type=_positive(float),
        default=30.0,
        help="tail: seconds for each server; 600 for the record",
    )
    parser.add_argument("--results", type=Path, help="directory of the JSON file")
    parser.add_argument("--charts", type=Path, help="directory of the SVG files")
    options = parser.parse_args(arguments)
    if options.only != [EMBEDDED]:
        options.only = _choice(parser, "--only", options.only, SECTIONS)
    options.servers = _choice(parser, "--servers", options.servers, SERVERS)
    names = [scenario.name for scenario in SCENARIOS]
    options.scenario = _choice(parser, "--scenario", options.scenario, names)
    depths = _choice(parser, "--pipeline", options.pipeline, [str(depth) for depth in PIPELINES])
    options.pipeline = [int(depth) for depth in depths]
    narrowed = options.command or any(
        len(chosen) < len(known)
        for chosen, known in (
            (options.scenario, SCENARIOS),
            (options.pipeline, PIPELINES),
            (options.servers, SERVERS),
        )
    )
    # What is published comes from whole runs only.
    if not (options.quick or narrowed):
        options.results = options.results or report.ROOT / "benchmarks" / "results"
        options.charts = options.charts or report.ROOT / "docs" / "img"
    return options


def _choice(
    parser: argparse.ArgumentParser, flag: str, wanted: list[str] | None, known: Sequence[str]
) -> list[str]:
    """The wanted ones in their usual order; all of them when none was named."""
    for name in wanted or ():
        if name not in known:
            parser.error(f'{flag} "{name}": not one of {", ".join(known)}')
    return [name for name in known if wanted is None or name in wanted]


def _positive(kind: Callable[[str], float]) -> Callable[[str], float]:
    def positive(text: str) -> float:
        value = kind(text)
        if value <= 0:
            raise ValueError(text)
        return value

    return positive


def _chosen(names: Sequence[str], results: report.Results) -> list[Program]:
    found = []
    for program in find_programs():
        if program.name not in names:
            continue
        if program.command is None:
            results.skip("everything", program.name, f"not installed ({program.hint})")
        else:
            found.append(program)
    return found


def _titles(programs: Sequence[Program]) -> dict[str, str]:
    return {program.name: program.title for program in programs}


def _versions(programs: Sequence[Program]) -> dict[str, str]:
    with _running(programs) as servers:
        return {server.name: server.version() for server in servers}


@contextmanager
def _running(programs: Sequence[Program]) -> Iterator[list[Server]]:
    with ExitStack() as stack:
        yield [stack.enter_context(Server(program)) for program in programs]


def _run_sections(
    options: argparse.Namespace, programs: Sequence[Program], results: report.Results
) -> None:
    quick = options.quick
    if "speed" in options.only:
        with _running(programs) as servers:
            for plan in _speed_plans(options):
                speed.measure(servers, plan, results, _say)
    if "memory" in options.only:
        if quick:
            few = memory.ITEMS[:3]
            memory.measure(programs, results, _say, few, 2_000, settle_s=0.005, start_ups=1)
        else:
            memory.measure(programs, results, _say)
    if "tail" in options.only:
        with _running(programs) as servers:
            if quick:
                tail.measure(servers, results, _say, duration_s=0.1, requests_per_s=2_000)
            else:
                tail.measure(servers, results, _say, options.duration)
    if "stall" in options.only:
        small = stall.StallPlan(keys=1_000, big_value_bytes=1 << 20, control_s=0.02)
        with _running(programs) as servers:
            stall.measure(servers, results, _say, small if quick else None)
    if "connections" in options.only:
        if quick:
            connections.measure(programs, results, _say, 100, 50, 2_000, settle_s=0.005)
        else:
            connections.measure(programs, results, _say)
    if "pubsub" in options.only:
        few = pubsub.PubsubPlan(20, 32, 64, 100, 100, 32)
        pubsub.measure(programs, results, _say, few if quick else None)
    if "persistence" in options.only:
        tiny = persistence.PersistencePlan(2_000, 1_000, 2_000, 0.1)
        persistence.measure(programs, results, _say, tiny if quick else None)
    if "eviction" in options.only:
        with _running(programs) as servers:
            if quick:
                few = eviction.POLICIES[:1]
                eviction.measure(servers, results, _say, few, limit_mb=4, requests=2_000)
            else:
                eviction.measure(servers, results, _say)
    _run_own_sections(options, programs, results)


def _run_own_sections(
    options: argparse.Namespace, programs: Sequence[Program], results: report.Results
) -> None:
    """The sections that measure ours alone."""
    own = [program for program in programs if program.name == "ours"]
    if own and "memory" in options.only:
        with Server(own[0]) as server:
            if options.quick:
                accounts.measure(
                    server, results, _say, small=50, large=1, members=500, settle_s=0.005
                )
            else:
                accounts.measure(server, results, _say)
    if own and "growth" in options.only:
        with Server(own[0]) as server:
            if options.quick:
                growth.measure(server, results, _say, sizes=(100, 1_000), requests=800)
            else:
                growth.measure(server, results, _say)
    if own and "big" in options.only:
        with Server(own[0]) as server:
            if options.quick:
                big.measure(server, results, _say, members=1_000, settle_s=0.01)
            else:
                big.measure(server, results, _say)
    if own and "watched" in options.only:
        with Server(own[0]) as server:
            if options.quick:
                watched.measure(server, results, _say, rounds=1, requests=800, keys=100)
            else:
                watched.measure(server, results, _say)


def _speed_plans(options: argparse.Namespace) -> Iterator[speed.SpeedPlan]:
    """One plan a pipeline depth: they differ in rounds."""
    scenarios = [scenario for scenario in SCENARIOS if scenario.name in options.scenario]
    if options.command:
        words = tuple(shlex.split(options.command))
        scenarios = [Scenario(options.command, words)]
    for depth in options.pipeline:
        if options.quick:
            # Every command once, and GET at every depth.
            now = [one for one in scenarios if depth == PIPELINES[1] or one.name == "GET"]
            yield speed.SpeedPlan(now, [depth], 1, 0, keys=1_000, requests=800)
        else:
            usual = ROUNDS_AT_PIPELINE_1 if depth == 1 else ROUNDS_DEEPER
            rounds = options.rounds or usual
            yield speed.SpeedPlan(scenarios, [depth], rounds, options.seconds, options.keys)


def _file(
    run: dict[str, object],
    results: report.Results,
    titles: dict[str, str],
    options: argparse.Namespace,
) -> None:
    if options.results:
        # A second run of one section must not overwrite the record of all.
        part = "" if len(options.only) == len(SECTIONS) else "-" + "-".join(options.only)
        print(f"results: {report.write(run, options.results, part)}")
    if options.charts:
        try:
            for path in chart.draw(results, titles, options.charts):
                print(f"chart: {path}")
        except ImportError:
            print("no charts: matplotlib is not installed")


def _heading(versions: dict[str, str]) -> str:
    facts = report.machine()
    pinned = "server and clients pinned to a core each" if CORES else "nothing pinned"
    lines = [
        f"commit {report.commit()}, {facts['cpu']}, {facts['cores']} cores, {pinned}",
        ", ".join(f"{name}: {version}" for name, version in versions.items()),
    ]
    return "\n".join(lines)


def _say(text: str) -> None:
    """Progress goes to stderr: the table on stdout can be kept."""
    print(text, file=sys.stderr, flush=True)


def _refuse(why: str) -> int:
    print(f"benchmarks: {why}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
