"""A Celery application on a shared directory: worker, and (run as a program) its client."""

from __future__ import annotations

import json
import os

from celery import Celery, chord

import rubellite

db = rubellite.open(os.environ["RUBELLITE_TEST_PATH"])
app = Celery(
    "tests.software.celery_app",
    broker=db.url("redis+socket", 0),
    backend=db.url("redis+socket", 1),
)
app.conf.broker_connection_retry_on_startup = True
# What a test waits for is not worth looking for once a second.
app.conf.broker_transport_options = {"polling_interval": 0.1}


@app.task
def square(number: int) -> int:
    """One part of the chord; counted in the store that the worker's child shares."""
    db.increment("squares")
    return number * number


@app.task
def total(numbers: list[int]) -> int:
    """The end of the chord."""
    return sum(numbers)


def main() -> None:
    """A chord and a countdown; prints what they came to."""
    later = square.apply_async((12,), countdown=1)
    in_all = chord(square.s(number) for number in range(10))(total.s())
    print(json.dumps([in_all.get(timeout=60), later.get(timeout=60), int(db["squares"])]))


if __name__ == "__main__":
    from tests.software import celery_app

    celery_app.main()
