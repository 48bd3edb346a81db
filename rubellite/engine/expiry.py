"""From the expiry options of commands to deadlines, and back to what is propagated."""

from __future__ import annotations

from typing import Any

from rubellite._core import Call
from rubellite.errors import INVALID_EXPIRE

#: The longest time in milliseconds that a deadline can hold.
_MS_MAX = 2**63 - 1


def deadline_of(call: Call, expiry: tuple[Any, ...], command: str) -> int:
    """The deadline in milliseconds since 1970 of `("EX", 10)`, `("PXAT", …)` and so on.

    Errors: INVALID_EXPIRE for what is not positive or out of range.
    """
    word, amount = expiry
    if amount <= 0:
        raise INVALID_EXPIRE(command)
    if word in ("EX", "EXAT"):
        if amount > _MS_MAX // 1000:
            raise INVALID_EXPIRE(command)
        amount *= 1000
    if word in ("EX", "PX"):
        now_ms = call.now_ms
        if amount > _MS_MAX - now_ms:
            raise INVALID_EXPIRE(command)
        amount += now_ms
    return int(amount)
