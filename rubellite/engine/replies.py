"""Replies that have a name."""

from __future__ import annotations

from typing import Final

from rubellite._core import Status

OK: Final = Status("OK")
PONG: Final = Status("PONG")
RESET: Final = Status("RESET")
