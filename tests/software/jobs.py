"""What RQ's jobs do."""

from __future__ import annotations

import os


def square(number: int) -> tuple[int, int]:
    """The square, and the process that computed it."""
    return number * number, os.getpid()
