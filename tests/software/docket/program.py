"""docket: `program.py URL`; tasks of all kinds, two workers, and what became of them as JSON."""

from __future__ import annotations

import asyncio
import json
import sys
from datetime import UTC, datetime, timedelta

from docket import Docket, ExponentialRetry, Perpetual, Progress, Retry, Worker
from docket.execution import ExecutionState

TASKS = 100
TICK = timedelta(milliseconds=20)

seen: list[str] = []


async def square(number: int) -> int:
    seen.append(f"square {number}")
    return number**2


async def flaky(retry: Retry = ExponentialRetry(attempts=3, minimum_delay=TICK)) -> int:
    if retry.attempt < 3:
        raise RuntimeError("again")
    return retry.attempt


async def broken() -> None:
    raise ValueError("no")


async def tick(perpetual: Perpetual = Perpetual(every=TICK)) -> None:
    seen.append("tick")
    if seen.count("tick") == 3:
        perpetual.cancel()


async def measured(progress: Progress = Progress()) -> str:
    await progress.set_total(3)
    for _ in range(3):
        await progress.increment()
    await progress.set_message("there")
    return f"{progress.current} of {progress.total}, {progress.message}"


async def main() -> None:
    async with Docket(name="app", url=sys.argv[1], execution_ttl=timedelta(minutes=1)) as docket:
        for task in (square, flaky, broken, tick, measured):
            docket.register(task)
        squares = [await docket.add(square)(number) for number in range(TASKS)]
        soon = datetime.now(UTC) + timedelta(seconds=0.4)
        later = await docket.add(square, when=soon, key="later")(1000)
        await docket.add(square, when=soon, key="later")(2000)
        await docket.add(square, when=soon, key="moved")(3000)
        moved = await docket.replace(square, when=soon, key="moved")(4000)
        await docket.add(square, when=soon, key="cancelled")(5000)
        await docket.cancel("cancelled")
        await docket.strike(square, "number", "==", 13)
        others = [await docket.add(task)() for task in (flaky, broken, measured)]
        await docket.add(tick)()
        before = await docket.snapshot()
        workers = [
            Worker(docket, name=f"worker {number}", concurrency=4, minimum_check_interval=TICK)
            for number in range(2)
        ]
        async with workers[0], workers[1]:
            await asyncio.gather(*(worker.run_until_finished() for worker in workers))
        found = [
            await execution.get_result(timeout=timedelta(seconds=30))
            for number, execution in enumerate(squares)
            if number != 13
        ]
        for execution in others:
            await execution.sync()
        after = await docket.snapshot()
        report = {
            "before": before.total_tasks,
            "squares": found == [number**2 for number in range(TASKS) if number != 13],
            "later": await later.get_result(),
            "moved": await moved.get_result(),
            "flaky": await others[0].get_result(),
            "failed": others[1].state is ExecutionState.FAILED,
            "progress": await others[2].get_result(),
            "ticks": seen.count("tick"),
            "not run": [number for number in (13, 2000, 3000, 5000) if f"square {number}" in seen],
            "once": len(seen) == len(set(seen)) + 2,
            "after": after.total_tasks,
            "cleared": await docket.clear(),
        }
    print(json.dumps(report))


if __name__ == "__main__":
    asyncio.run(main())
