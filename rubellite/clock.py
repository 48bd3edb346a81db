"""The only door to time for Python code outside the engine.

Commands take their time from `call`; the log, the life cycle and the command line take
it here, so that tests can stop it: `with_clock(lambda: 0.0)`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_wall: Callable[[], float] = time.time


def wall_seconds() -> float:
    """Seconds since 1970, by the clock people set."""
    return _wall()


def monotonic_seconds() -> float:
    """Seconds since some moment; never goes back."""
    return time.monotonic()


@contextmanager
def with_clock(wall: Callable[[], float]) -> Iterator[None]:
    """Replaces the wall clock while the block runs."""
    global _wall
    before = _wall
    _wall = wall
    try:
        yield
    finally:
        _wall = before
