"""The programs in examples/: short, and they do what they say."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import IO

import pytest

from tests import oracles
from tests.oracles import Server

EXAMPLES = Path(__file__).parents[2] / "examples"
LINES_MAX = 40

#: What each prints on an empty server.
PRINTED = {
    "job_queue": "['convert', 'left behind', 'mail', 'resize']\n",
}


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.stem)
def test_examples_are_short(path: Path):
    assert len(path.read_text(encoding="utf-8").splitlines()) < LINES_MAX


@pytest.mark.parametrize("name", PRINTED)
def test_an_example_prints_what_it_should(name: str, server: Server):
    with server.connect() as client:
        client.call("FLUSHALL")
    result = subprocess.run(
        [sys.executable, str(EXAMPLES / f"{name}.py"), str(server.port)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (result.stdout, result.stderr) == (PRINTED[name], "")


def test_a_dead_workers_job_is_done_by_another():
    result = subprocess.run(
        [sys.executable, EXAMPLES / "work_queue.py"], capture_output=True, text=True, timeout=60
    )
    assert (result.stdout, result.stderr) == ("['convert', 'mail', 'resize'] 0\n", "")


def test_sessions_that_expire_are_noted():
    result = subprocess.run(
        [sys.executable, EXAMPLES / "sessions.py"], capture_output=True, text=True, timeout=60
    )
    assert (result.stdout, result.stderr) == ("ann came 2 times\nann has left\n", "")


def test_a_rate_limiter_is_loaded_into_a_server():
    server = oracles.start("ours", "--load", str(EXAMPLES / "limits.py"))
    try:
        with server.connect() as client:
            left = [client.call("RATE.LIMIT", "ip", 2, 60) for _ in range(3)]
            assert left == [1, 0, -1]
    finally:
        server.stop()


def url(server: Server) -> str:
    return f"redis://{server.host}:{server.port}"


def run(name: str, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, EXAMPLES / f"{name}.py", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def line(stream: IO[str] | None) -> str:
    assert stream is not None
    return stream.readline().rstrip()


def test_in_a_chat_everybody_hears_everybody(server: Server):
    with run("chat", "Ann", url(server)) as ann:
        assert line(ann.stdout) == "Ann is here"
        with run("chat", "Bob", url(server)) as bob:
            assert line(ann.stdout) == line(bob.stdout) == "Bob is here"
            for who, name in ((ann, "Ann"), (bob, "Bob")):
                assert who.stdin is not None
                print("hello", file=who.stdin, flush=True)
                assert line(ann.stdout) == line(bob.stdout) == f"{name}: hello"
            assert bob.stdin is not None
            bob.stdin.close()
            assert line(ann.stdout) == "Bob has left"
            assert bob.wait(timeout=20) == 0
        assert ann.stdin is not None
        ann.stdin.close()
        assert ann.wait(timeout=20) == 0


def test_a_cache_asks_once_and_hears_of_changes(server: Server):
    with run("cached", url(server)) as cached:
        assert line(cached.stdout) == "hello: read 1000 times, asked the server 1 time(s)"
        assert line(cached.stdout) == "good evening: somebody else changed it"
        assert cached.wait(timeout=20) == 0
