"""What the commands that scan a collection are told: `[MATCH pattern] [COUNT count]` and more."""

from __future__ import annotations

from rubellite._core import Arguments
from rubellite.errors import (
    NOSCORES_OUTSIDE_ZSCAN,
    NOVALUES_OUTSIDE_HSCAN,
    SYNTAX,
)

#: How many elements a step looks at unless it is told.
COUNT = 10


def scan_options(options: Arguments, flag: bytes = b"") -> tuple[bytes | None, int, bool]:
    """The pattern, the count, and whether `flag` (NOVALUES, NOSCORES) was given.

    Errors: SYNTAX, NOT_INTEGER, NOVALUES_OUTSIDE_HSCAN, NOSCORES_OUTSIDE_ZSCAN.
    """
    pattern: bytes | None = None
    count = COUNT
    has_flag = False
    at = 0
    while at < len(options):
        word = options[at].upper()
        has_value = at + 1 < len(options)
        if word == b"COUNT" and has_value:
            count = options.integer(at + 1)
            if count < 1:
                raise SYNTAX
            at += 1
        elif word == b"MATCH" and has_value:
            pattern = options[at + 1]
            at += 1
        elif flag and word == flag:
            has_flag = True
        elif word == b"NOVALUES":
            raise NOVALUES_OUTSIDE_HSCAN
        elif word == b"NOSCORES":
            raise NOSCORES_OUTSIDE_ZSCAN
        else:
            raise SYNTAX
        at += 1
    return pattern, count, has_flag
