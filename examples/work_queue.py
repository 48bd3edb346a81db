"""A work queue on a stream, embedded: several consumers, and nothing is lost when one dies.

A job stays pending for its worker until that one acknowledges it; what a dead worker
left behind goes to another.
"""

import threading

import rubellite


def work(db: rubellite.Store, name: str, done: list[str]) -> None:
    workers = db.stream("jobs").group("workers")
    while True:
        # What has been left behind for long goes first; "long" would be a minute, say.
        jobs = workers.claim_abandoned(name, idle_seconds=0, count=1)
        jobs = jobs or workers.read(name, count=1, timeout_seconds=0.2)
        if not jobs:
            return
        for job in jobs:
            done.append(job.fields[b"task"].decode())
            workers.ack(job.id)


with rubellite.open() as db:
    jobs = db.stream("jobs")
    workers = jobs.group("workers")
    workers.create()
    for task in ("resize", "convert", "mail"):
        jobs.append({"task": task})
    workers.read("dead", count=1)  # takes "resize" and dies
    done: list[str] = []
    (worker := threading.Thread(target=work, args=(db, "ada", done))).start()
    work(db, "ben", done)
    worker.join()
    print(sorted(set(done)), workers.pending_count())
