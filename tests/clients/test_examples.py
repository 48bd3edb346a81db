"""The programs in examples/<language>: short, and each prints what the others print."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.clients.toolchains import CACHE, CLIENTS, SOURCES
from tests.oracles import Server
from tests.toolchains import ROOT

EXAMPLES = ROOT / "examples"
LINES_MAX = {"leaderboard": 40, "work_queue": 90}
PRINTED = {
    "leaderboard": "eve 140 bob 125 bob is number 2\n",
    "work_queue": "2 of a dead worker's; done: convert mail print resize\n",
}

_NODE = 'NODE_PATH="$CACHE/node/node_modules" node "$SOURCE" "$PORT"'
_GO = 'go -C "$GO_MODULE" run -mod=readonly "$SOURCE" "$PORT"'
#: How to run each; a shell's line, in an empty directory. CACHE is target/clients.
RUN = {
    "node/leaderboard.js": _NODE,
    "node/work_queue.js": _NODE,
    "go/leaderboard.go": _GO,
    "go/work_queue.go": _GO,
    "java/Leaderboard.java": 'java -cp "$CACHE/java/lib/*" "$SOURCE" "$PORT"',
    "c/leaderboard.c": 'cc -Wall -Werror "$SOURCE" -lhiredis -o example && ./example "$PORT"',
    "ruby/leaderboard.rb": 'ruby "$SOURCE" "$PORT"',
}


def test_every_example_is_run():
    programs = [path for path in EXAMPLES.glob("*/*") if path.is_file()]
    assert {path.relative_to(EXAMPLES).as_posix() for path in programs} == set(RUN)
    for path in programs:
        assert len(path.read_text("utf-8").splitlines()) < LINES_MAX[path.stem.lower()], path


@pytest.mark.parametrize("place", ["ours", "redis70"])
@pytest.mark.parametrize("name", RUN)
def test_an_example_prints_what_it_should(
    name: str, place: str, request: pytest.FixtureRequest, tmp_path: Path
):
    server: Server = request.getfixturevalue(place)
    CLIENTS.ready(name.split("/")[0])
    places = {
        "CACHE": str(CACHE),
        "GO_MODULE": str(SOURCES / "go"),
        "SOURCE": str(EXAMPLES / name),
        "PORT": str(server.port),
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
    assert (result.stdout, result.returncode) == (PRINTED[Path(name).stem.lower()], 0), result
