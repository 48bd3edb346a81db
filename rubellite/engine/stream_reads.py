"""What commands on streams have in common: how to read and wait, what to delete."""

from __future__ import annotations

from rubellite._core import Arguments, Call
from rubellite.engine.numbers import integer_at
from rubellite.errors import (
    NOT_INTEGER,
    NUMIDS_MISMATCH,
    NUMIDS_NOT_POSITIVE,
    PAUSE_NOT_INTEGER,
    SYNTAX,
    TIMEOUT_NEGATIVE,
    TIMEOUT_OUT_OF_RANGE,
    UNBALANCED_STREAMS,
)
from rubellite.record import Record
from rubellite.spec.parameters import I64_MAX

#: What becomes of the references that groups hold to an entry that is deleted.
REFERENCES = (b"KEEPREF", b"DELREF", b"ACKED")


class StreamRead(Record):
    """`[COUNT count] [BLOCK milliseconds] … STREAMS key … id …`."""

    #: Where the keys begin.
    first: int = 0
    #: How many keys, and IDs, there are.
    streams: int = 0
    limit: int | None = None
    waits: bool = False
    deadline_ms: int | None = None


def timeout_deadline(call: Call, words: Arguments, at: int) -> int | None:
    """When the wait of so many milliseconds is over; None: never.

    Errors: PAUSE_NOT_INTEGER, TIMEOUT_NEGATIVE, TIMEOUT_OUT_OF_RANGE.
    """
    try:
        wait_ms = words.integer(at)
    except NOT_INTEGER:
        raise PAUSE_NOT_INTEGER from None
    if wait_ms < 0:
        raise TIMEOUT_NEGATIVE
    if wait_ms == 0:
        return None
    if wait_ms > I64_MAX - call.now_ms:
        raise TIMEOUT_OUT_OF_RANGE
    return call.now_ms + wait_ms


def read_option(call: Call, words: Arguments, at: int, read: StreamRead, name: str) -> int:
    """Takes the option at `at`; returns where the next is, or 0 behind STREAMS.

    Errors: SYNTAX, NOT_INTEGER, UNBALANCED_STREAMS and those of a timeout.
    """
    option = words[at].upper()
    more = len(words) - at - 1
    if option == b"STREAMS" and more:
        if more % 2:
            raise UNBALANCED_STREAMS(name, "$" if name == "xread" else ">")
        read.first, read.streams = at + 1, more // 2
        return 0
    if option == b"COUNT" and more:
        count = words.integer(at + 1)
        read.limit = count if count > 0 else None
    elif option == b"BLOCK" and more:
        read.waits, read.deadline_ms = True, timeout_deadline(call, words, at + 1)
    else:
        raise SYNTAX
    return at + 2


def read_deletion(words: Arguments) -> tuple[str, Arguments]:
    """What `[KEEPREF|DELREF|ACKED] IDS numids id [id …]` says, in whatever order.

    Errors: SYNTAX, NUMIDS_NOT_POSITIVE, NUMIDS_MISMATCH.
    """
    references = ""
    ids: Arguments | None = None
    at = 0
    while at < len(words):
        word = words[at].upper()
        if word in REFERENCES and not references:
            references = word.decode()
            at += 1
        elif word == b"IDS" and ids is None and at + 1 < len(words):
            count = integer_at(words, at + 1, 1, NUMIDS_NOT_POSITIVE)
            if count > len(words) - at - 2:
                raise NUMIDS_MISMATCH
            ids = words.part(at + 2, count)
            at += 2 + count
        else:
            raise SYNTAX
    if ids is None:
        raise SYNTAX
    return references or "KEEPREF", ids
