"""RQ, whose worker forks a process for each job, with embedded stores only."""

from __future__ import annotations

import datetime as dt
import subprocess
import sys
from pathlib import Path
from typing import Any

import rq

import rubellite
from tests.software import jobs

_JOBS = 50


def test_a_forking_worker_and_a_scheduler_finish_their_jobs(tmp_path: Path):
    path = tmp_path / "data"
    with rubellite.open(path) as db:
        client = db.redis()
        queue = rq.Queue(connection=client)
        begun = [queue.enqueue(jobs.square, number) for number in range(_JOBS - 1)]
        begun.append(queue.enqueue_in(dt.timedelta(seconds=1), jobs.square, _JOBS - 1))
        subprocess.run(
            [sys.executable, "-m", "tests.software.rq_worker", str(path), str(_JOBS)],
            check=True,
            timeout=60,
        )
        found: list[Any] = [job.return_value() for job in begun]
        assert [square for square, _ in found] == [number**2 for number in range(_JOBS)]
        assert len({process for _, process in found}) == _JOBS
        client.close()
