"""From the expiry options of commands to deadlines, and back to what is propagated."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rubellite._core import Call
from rubellite.errors import (
    EXPIRE_COMPARISONS,
    EXPIRE_CONDITIONS,
    INVALID_EXPIRE,
    UNSUPPORTED_OPTION,
    text_of,
)

#: The latest deadline that a key can have, in the year 10889; what is later becomes it.
DEADLINE_MS_MAX = 2**48 - 1
#: What a number of milliseconds can be.
_MS_MAX = 2**63 - 1
_MS_MIN = -(2**63)


def deadline_of(call: Call, expiry: tuple[Any, ...], command: str) -> int:
    """The deadline in milliseconds since 1970 of `("EX", 10)`, `("PXAT", …)` and so on.

    Errors: INVALID_EXPIRE for what is not positive or out of range.
    """
    word, amount = expiry
    if amount <= 0:
        raise INVALID_EXPIRE(command)
    unit_ms = 1000 if word in ("EX", "EXAT") else 1
    return check_deadline(amount, unit_ms, call.now_ms if word in ("EX", "PX") else 0, command)


def check_deadline(amount: int, unit_ms: int, since_ms: int, command: str) -> int:
    """The deadline `amount` units after `since_ms`; it may have passed.

    Errors: INVALID_EXPIRE for what does not fit into 64 bits.
    """
    if not -(-_MS_MIN // unit_ms) <= amount <= (_MS_MAX - since_ms) // unit_ms:
        raise INVALID_EXPIRE(command)
    return amount * unit_ms + since_ms


def conditions_of(words: Iterable[bytes]) -> frozenset[bytes]:
    """Which of NX, XX, GT and LT are given.

    Errors: UNSUPPORTED_OPTION, EXPIRE_CONDITIONS, EXPIRE_COMPARISONS.
    """
    given = set()
    for word in words:
        condition = word.upper()
        if condition not in (b"NX", b"XX", b"GT", b"LT"):
            raise UNSUPPORTED_OPTION(text_of(word))
        given.add(condition)
    if b"NX" in given and len(given) > 1:
        raise EXPIRE_CONDITIONS
    if b"GT" in given and b"LT" in given:
        raise EXPIRE_COMPARISONS
    return frozenset(given)
