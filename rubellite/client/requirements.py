"""What is there only if somebody has installed it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def needs_redis_py() -> Iterator[None]:
    """What is imported inside needs redis-py; fails with `ImportError` that says how to get it."""
    try:
        yield
    except ModuleNotFoundError as problem:
        if (problem.name or "").partition(".")[0] != "redis":
            raise
        raise ImportError(
            "redis-py is not installed: pip install 'rubellite[redis]'", name="redis"
        ) from problem
