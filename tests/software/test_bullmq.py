"""BullMQ: 500 jobs with retries and delays, a flow, a scheduler, events."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import redis

import rubellite
from tests.oracles import Server
from tests.software.toolchains import SOFTWARE

_SECONDS_MAX = 120

EXPECTED = {
    "isPaused": True,
    "whilePaused": {"wait": 460, "delayed": 20, "prioritized": 20},
    "isSame": True,
    "squares": 500,
    # 50 of them fail twice.
    "attempts": 600,
    "progress": True,
    "early": 0,
    "logs": ["worked on 7"],
    "sum": 46,
    "failure": "no",
    # With the flow's parent and the scheduler's three.
    "completed": 504,
    "failed": 1,
    "left": 0,
    "failedAfterCleaning": 0,
}


def play(connection: dict[str, Any]) -> dict[str, Any]:
    done = subprocess.run(
        [*SOFTWARE.ready("bullmq"), json.dumps(connection)],
        capture_output=True,
        text=True,
        timeout=_SECONDS_MAX,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert not done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def test_500_jobs_on_the_server(ours: Server):
    with redis.Redis(port=ours.port) as client:
        client.flushall()
    assert play({"port": ours.port}) == EXPECTED


def test_500_jobs_on_an_embedded_store(tmp_path: Path):
    with rubellite.open(tmp_path / "data") as db:
        assert play({"path": db.socket_path()}) == EXPECTED
