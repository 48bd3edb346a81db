"""Celery, with forked workers, through the socket of a shared directory."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import rubellite

_SECONDS_MAX = 60


def test_a_chord_and_a_countdown_with_prefork_workers(tmp_path: Path):
    path = tmp_path / "data"
    environment = {**os.environ, "RUBELLITE_TEST_PATH": str(path)}
    with rubellite.open(path) as db:
        worker = subprocess.Popen(
            [
                *(sys.executable, "-m", "celery", "-A", "tests.software.celery_app", "worker"),
                *("--pool", "prefork", "--concurrency", "2", "--loglevel", "warning"),
                *("--without-gossip", "--without-mingle", "--without-heartbeat"),
            ],
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            client = subprocess.run(
                [sys.executable, "-m", "tests.software.celery_app"],
                env=environment,
                stdout=subprocess.PIPE,
                timeout=_SECONDS_MAX,
                check=True,
            )
        finally:
            worker.send_signal(signal.SIGTERM)
            _, log = worker.communicate(timeout=_SECONDS_MAX)
        assert json.loads(client.stdout) == [285, 144, 11], log
        assert db["squares"] == b"11"
