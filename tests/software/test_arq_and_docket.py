"""arq and docket, asyncio's task queues, on the server and on an embedded store."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
import redis

import rubellite
from tests.oracles import Server
from tests.software.toolchains import SOFTWARE, SOURCES

_SECONDS_MAX = 120

EXPECTED: dict[str, dict[str, Any]] = {
    "arq": {
        "queued": 106,
        "states": ["queued", "deferred"],
        "twice": True,
        "squares": True,
        "later": 81,
        "others": [3, "ValueError: no", "JobExecutionFailed: function 'unknown' not found"],
        "aborted": True,
        "info": ["square", [9], 1, True],
        "never": "deferred",
        "kept": True,
    },
    "docket": {
        "before": 106,
        "squares": True,
        "later": 1000**2,
        "moved": 4000**2,
        "flaky": 3,
        "failed": True,
        "progress": "3 of 3, there",
        "ticks": 3,
        "not run": [],
        "once": True,
        "after": 0,
        "cleared": 0,
    },
}


def play(name: str, url: str) -> dict[str, Any]:
    done = subprocess.run(
        [*SOFTWARE.ready(name), str(SOURCES / name / "program.py"), url],
        # No folder of the repository may be taken for the package of the same name.
        env={**os.environ, "PYTHONSAFEPATH": "1"},
        capture_output=True,
        text=True,
        timeout=_SECONDS_MAX,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    return report


@pytest.mark.parametrize("name", EXPECTED)
def test_tasks_on_the_server(ours: Server, name: str):
    with redis.Redis(port=ours.port) as client:
        client.flushall()
    assert play(name, f"redis://127.0.0.1:{ours.port}/1") == EXPECTED[name]


@pytest.mark.parametrize("name", EXPECTED)
def test_tasks_on_an_embedded_store(tmp_path: Path, name: str):
    with rubellite.open(tmp_path / "data") as db:
        assert play(name, db.url()) == EXPECTED[name]
