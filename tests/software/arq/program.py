"""arq: `program.py URL`; jobs of all kinds, two workers, and what became of them as JSON."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

from arq import Retry, create_pool, cron, func
from arq.connections import RedisSettings
from arq.jobs import Job, JobStatus
from arq.worker import Worker

JOBS = 100


async def square(_context: dict[str, Any], number: int) -> int:
    return number**2


async def flaky(context: dict[str, Any]) -> int:
    if context["job_try"] < 3:
        raise Retry(defer=0.02 * context["job_try"])
    return context["job_try"]


async def broken(_context: dict[str, Any]) -> None:
    raise ValueError("no")


async def slow(_context: dict[str, Any]) -> None:
    await asyncio.sleep(60)


async def tick(context: dict[str, Any]) -> None:
    await context["redis"].incr("ticks")


async def result_of(job: Job) -> Any:
    try:
        return await job.result(timeout=30, poll_delay=0.02)
    except Exception as problem:
        return f"{type(problem).__name__}: {problem}"


async def main() -> None:
    settings = RedisSettings.from_dsn(sys.argv[1])
    pool = await create_pool(settings)
    squares = [await pool.enqueue_job("square", number) for number in range(JOBS)]
    later = await pool.enqueue_job("square", 9, _job_id="later", _defer_by=0.5)
    again = await pool.enqueue_job("square", 9, _job_id="later")
    never = await pool.enqueue_job("square", 1, _defer_by=3600)
    others = [await pool.enqueue_job(name) for name in ("flaky", "broken", "unknown")]
    aborted = await pool.enqueue_job("slow")
    queued = len(await pool.queued_jobs())
    states = [await job.status() for job in (squares[0], later)]
    workers = [
        Worker(
            functions=[square, flaky, broken, func(slow, timeout=30)],
            cron_jobs=[cron(tick, second=set(range(60)), run_at_startup=True)],
            redis_settings=settings,
            poll_delay=0.02,
            handle_signals=False,
            allow_abort_jobs=True,
            health_check_key="health",
        )
        for _ in range(2)
    ]
    working = [asyncio.create_task(worker.async_run()) for worker in workers]
    found = [await result_of(job) for job in squares]
    report = {
        "queued": queued,
        "states": states,
        "twice": again is None,
        "squares": found == [number**2 for number in range(JOBS)],
        "later": await result_of(later),
        "others": [await result_of(job) for job in others],
    }
    while await aborted.status() is not JobStatus.in_progress:
        await asyncio.sleep(0.01)
    report["aborted"] = await aborted.abort(timeout=30, poll_delay=0.02)
    while not await pool.get("ticks"):
        await asyncio.sleep(0.01)
    info = await later.result_info()
    report["info"] = [info.function, info.args, info.job_try, info.success]
    report["never"] = await never.status()
    report["kept"] = len(await pool.all_job_results()) >= JOBS
    for worker in workers:
        await worker.close()
    await asyncio.gather(*working, return_exceptions=True)
    await pool.aclose()
    print(json.dumps(report))


if __name__ == "__main__":
    asyncio.run(main())
