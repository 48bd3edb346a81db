"""The programs in examples/<language>: short, and each prints the same leaderboard."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.clients import toolchains
from tests.clients.conftest import ready
from tests.oracles import Server

EXAMPLES = toolchains.ROOT / "examples"
LINES_MAX = 40

#: How to run each; a shell's line, in an empty directory. CACHE is target/clients.
RUN = {
    "node/leaderboard.js": 'NODE_PATH="$CACHE/node/node_modules" node "$SOURCE" "$PORT"',
    "go/leaderboard.go": 'go -C "$GO_MODULE" run -mod=readonly "$SOURCE" "$PORT"',
    "java/Leaderboard.java": 'java -cp "$CACHE/java/lib/*" "$SOURCE" "$PORT"',
    "c/leaderboard.c": 'cc -Wall -Werror "$SOURCE" -lhiredis -o example && ./example "$PORT"',
    "ruby/leaderboard.rb": 'ruby "$SOURCE" "$PORT"',
}


def test_every_example_is_run():
    programs = [path for path in EXAMPLES.glob("*/*") if path.is_file()]
    assert {path.relative_to(EXAMPLES).as_posix() for path in programs} == set(RUN)
    assert all(len(path.read_text("utf-8").splitlines()) < LINES_MAX for path in programs)


@pytest.mark.parametrize("name", RUN)
def test_the_leaderboard_is_right(name: str, ours: Server, tmp_path: Path):
    ready(name.split("/")[0])
    places = {
        "CACHE": str(toolchains.CACHE),
        "GO_MODULE": str(toolchains.SOURCES / "go"),
        "SOURCE": str(EXAMPLES / name),
        "PORT": str(ours.port),
    }
    result = subprocess.run(
        RUN[name],
        shell=True,
        cwd=tmp_path,
        env={**os.environ, **places},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (result.stdout, result.returncode) == ("eve 140 bob 125 bob is number 2\n", 0), result
