"""RQ's own tests, from its source distribution, on our server.

On Redis 7.0.15 784 of them pass and 19 are skipped; as many must here. They need little of the
processor, but wait a lot: for workers to start, for jobs that take a second. Those that take
half a second or more stand in `rq/slow.txt` and are left out, unless RUBELLITE_RQ=all:

    RUBELLITE_RQ=all make test-python JOBS=4 ARGS=tests/software/test_rqs_own_tests.py
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
import redis

from tests.oracles import Server
from tests.software.toolchains import SOFTWARE, SOURCES

_IS_WHOLE = os.environ.get("RUBELLITE_RQ") == "all"
_SECONDS_MAX = 300
_TRIES_MORE = 3
#: A test that fails leaves workers behind, for which the interpreter would wait at its end.
_PYTEST = """
import os, sys, pytest
code = pytest.main(sys.argv[1:])
sys.stdout.flush()
os._exit(code)
"""
_SLOW = SOURCES / "rq" / "slow.txt"


@dataclass(frozen=True)
class Part:
    """Some files of tests; how many in them pass on Redis 7.0, and how many of the quick ones."""

    files: str
    passed: int
    quick: int


_JOBS = "callbacks dependencies executions group job job_dependency job_lifecycle results retry"
#: The last part is all other files.
PARTS = {
    "command line": Part("cli", 51, 29),
    "worker": Part("worker", 85, 58),
    "jobs": Part(f"{_JOBS} webhooks", 242, 220),
    "others": Part("", 406, 373),
}


def files_of(part: Part, folder: Path) -> list[str]:
    named = [f"tests/test_{name}.py" for name in part.files.split()]
    if named:
        return named
    others = {f"tests/test_{name}.py" for one in PARTS.values() for name in one.files.split()}
    found = {f"tests/{path.name}" for path in (folder / "tests").glob("test_*.py")}
    return sorted(found - others)


def run(folder: Path, port: int, log: Path, *arguments: str) -> tuple[int, str]:
    """Runs pytest in RQ's folder: its exit code and what it says."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST")}
    environment |= {
        "RUBELLITE_TEST_PORT": str(port),
        "PYTHONPATH": os.pathsep.join([str(SOURCES / "rq"), str(folder)]),
        # Some start `rq`.
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
    }
    command = [sys.executable, "-c", _PYTEST, "-q", "-p", "no:valkey", "-p", "no:rubellite"]
    # A file, for workers that are left over would hold a pipe open.
    with log.open("w") as output:
        process = subprocess.Popen(
            [*command, *arguments],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        code = process.wait(_SECONDS_MAX)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    return code, log.read_text()


def passed(said: str) -> int:
    found = re.findall(r"(\d+) passed", said)
    return int(found[-1]) if found else 0


@pytest.mark.parametrize("name", PARTS)
def test_what_passes_on_redis_passes_here(name: str, ours: Server, tmp_path: Path):
    part = PARTS[name]
    [place] = SOFTWARE.ready("rq")
    folder = Path(place)
    with redis.Redis(port=ours.port) as client:
        client.flushall()
    usual = ["-o", f"cache_dir={tmp_path}", *([] if _IS_WHOLE else [f"@{_SLOW}"])]
    code, said = run(folder, ours.port, tmp_path / "log", *usual, *files_of(part, folder))
    count = passed(said)
    for _ in range(_TRIES_MORE):
        if code == 1:
            # Some wait for half a second for what a busy machine does not do in that time.
            code, again = run(folder, ours.port, tmp_path / "log", *usual, "--lf", "--lfnf=none")
            count += passed(again)
            said += again
    assert code == 0, said[-8000:]
    assert count == (part.passed if _IS_WHOLE else part.quick), said[-2000:]
