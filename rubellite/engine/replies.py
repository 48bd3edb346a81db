"""Replies that have a name."""

from __future__ import annotations

from typing import Any, Final, TypeAlias

from rubellite._core import Status

#: What a handler may return: see "A command" in ARCHITECTURE.md.
Reply: TypeAlias = Any

OK: Final = Status("OK")
RESET: Final = Status("RESET")
