"""A work queue on a stream, embedded: several consumers, and nothing is lost when one dies.

A job stays pending for its worker until that one acknowledges it; XAUTOCLAIM hands what
a dead worker left to another.
"""

import threading

import rubellite

STREAM, GROUP = "jobs", "workers"


def work(db: rubellite.Store, name: str, done: list[str]) -> None:
    r = db.redis(decode_responses=True)
    while True:
        # What has been left behind for long goes first; "long" would be a minute, say.
        _, jobs, _ = r.xautoclaim(STREAM, GROUP, name, min_idle_time=0)
        if not jobs:
            read = r.xreadgroup(GROUP, name, {STREAM: ">"}, count=1, block=200)
            if not read:
                return
            [[_, jobs]] = read
        for job_id, job in jobs:
            done.append(job["task"])
            r.xack(STREAM, GROUP, job_id)


with rubellite.open() as db:
    r = db.redis(decode_responses=True)
    r.xgroup_create(STREAM, GROUP, mkstream=True)
    for task in ("resize", "convert", "mail"):
        r.xadd(STREAM, {"task": task})
    r.xreadgroup(GROUP, "dead", {STREAM: ">"}, count=1)  # takes "resize" and dies
    done: list[str] = []
    (worker := threading.Thread(target=work, args=(db, "ada", done))).start()
    work(db, "ben", done)
    worker.join()
    print(sorted(set(done)), r.xpending(STREAM, GROUP)["pending"])
