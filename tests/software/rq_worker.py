"""An RQ worker with an embedded store: it forks for each job, and has a scheduler."""

from __future__ import annotations

import sys

import rq

import rubellite


def main() -> None:
    """Works on what there is, and on what is scheduled for the next moments, and ends."""
    with rubellite.open(sys.argv[1]) as db:
        client = db.redis()
        queue = rq.Queue(connection=client)
        rq.Worker([queue], connection=client).work(
            with_scheduler=True, max_jobs=int(sys.argv[2]), logging_level="WARNING"
        )


if __name__ == "__main__":
    main()
