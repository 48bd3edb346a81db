"""Sidekiq, as Debian has it: a worker, its retries, its schedule, its dead."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import redis

import rubellite
from tests.oracles import Server
from tests.software.toolchains import SOFTWARE, SOURCES

_SECONDS_MAX = 120
_JOBS = str(SOURCES / "sidekiq" / "jobs.rb")
_CLIENT = str(SOURCES / "sidekiq" / "client.rb")


def play(url: str, log: Path) -> dict[str, Any]:
    """What the client reports. The worker has written its log and ended."""
    environment = {**os.environ, "REDIS_URL": url}
    command = [*SOFTWARE.ready("sidekiq"), "-r", _JOBS, "-c", "5", "-q", "default", "-q", "low"]
    with log.open("w") as output:
        worker = subprocess.Popen(command, env=environment, stdout=output, stderr=subprocess.STDOUT)
    try:
        client = subprocess.run(
            ["ruby", _CLIENT],
            env=environment,
            capture_output=True,
            text=True,
            timeout=_SECONDS_MAX,
            check=False,
        )
    finally:
        worker.send_signal(signal.SIGTERM)
        worker.wait(_SECONDS_MAX)
    assert client.returncode == 0, client.stderr + log.read_text()
    report: dict[str, Any] = json.loads(client.stdout)
    return report


EXPECTED = {
    "squares": 200,
    "retry": {
        "error_class": "RuntimeError",
        "error_message": "not yet",
        "retry_count": 0,
        "queue": "default",
    },
    "retries_left": 0,
    "dead": [["Hopeless", "low", "no"]],
    "later": [-1, False],
    "scheduled": [1, 0],
    "queues": {"default": 0, "low": 0},
    "workers": [[5, ["default", "low"]]],
}


def test_a_worker_takes_jobs_from_the_server(ours: Server, tmp_path: Path):
    with redis.Redis(port=ours.port, db=2, decode_responses=True) as client:
        client.flushall()
        assert play(f"redis://127.0.0.1:{ours.port}/2", tmp_path / "log") == EXPECTED
        # The worker told on its way out.
        assert (client.get("stat:processed"), client.get("stat:failed")) == ("211", "11")
        assert client.scard("processes") == 0


def test_a_worker_takes_jobs_from_an_embedded_store(tmp_path: Path):
    with rubellite.open(tmp_path / "data") as db:
        assert play(f"unix://{db.socket_path()}", tmp_path / "log") == EXPECTED
        assert db.call("GET", "stat:processed") == b"211"
