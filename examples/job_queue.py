"""A job queue: nothing is lost when a worker dies.

A worker moves a job from the queue to a list of its own, waiting if there is none, and
takes it from there when it is done. What a dead worker left is put back by `recover`.
    python examples/job_queue.py [port]
"""

import sys
import threading

import redis

QUEUE, DONE = "jobs", "jobs:done"


def work(db: redis.Redis, name: str) -> None:
    mine = f"jobs:{name}"
    while (job := db.blmove(QUEUE, mine, 5, "LEFT", "RIGHT")) != "stop":
        # Done and no longer ours, both or neither.
        with db.pipeline() as together:
            together.rpush(DONE, f"{job} by {name}").lrem(mine, 1, job).execute()
    db.delete(mine)


def recover(db: redis.Redis, name: str) -> None:
    while db.lmove(f"jobs:{name}", QUEUE, "RIGHT", "LEFT") is not None:
        pass


db = redis.Redis(port=int(sys.argv[1]) if len(sys.argv) > 1 else 6379, decode_responses=True)
db.rpush("jobs:dead", "left behind")
recover(db, "dead")
workers = [threading.Thread(target=work, args=(db, name)) for name in ("ada", "ben")]
for worker in workers:
    worker.start()
db.rpush(QUEUE, "resize", "convert", "mail", "stop", "stop")
for worker in workers:
    worker.join()
print(sorted(job.partition(" by ")[0] for job in db.lrange(DONE, 0, -1)))
