"""Numbers in arguments that a command reads by itself."""

from __future__ import annotations

from rubellite._core import Arguments
from rubellite.errors import NOT_INTEGER, ReplyError


def integer_at(words: Arguments, at: int, least: int, error: type[ReplyError]) -> int:
    """The argument at `at`; `error` if it is no integer or below `least`."""
    try:
        found = words.integer(at)
    except NOT_INTEGER:
        raise error from None
    if found < least:
        raise error
    return found
