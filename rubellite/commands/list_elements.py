"""Lists as sequences: LRANGE, LINDEX, LSET and what else looks inside."""

from __future__ import annotations

from rubellite._core import Arguments, Call, List
from rubellite.engine.events import LIST
from rubellite.engine.numbers import integer_at
from rubellite.engine.replies import OK, Reply
from rubellite.errors import (
    COUNT_NEGATIVE,
    INDEX_OUT_OF_RANGE,
    MAXLEN_NEGATIVE,
    NO_SUCH_KEY,
    NOT_INTEGER,
    OUT_OF_SYMMETRIC_INT64,
    RANK_ZERO,
    SYNTAX,
)
from rubellite.spec.command import command
from rubellite.spec.flags import DENYOOM, FAST, READ, WRITE
from rubellite.spec.parameters import I64_MAX, I64_MIN


@command("LLEN key:RO", READ | FAST, since="1.0.0")
def llen(call: Call, key: bytes) -> Reply:
    """Count the elements; 0 without key.

    Errors: WRONG_TYPE.
    """
    found = call.read(key, List)
    return 0 if found is None else len(found)


@command(
    "LRANGE key:RO,access start stop",
    READ,
    since="1.0.0",
    cost="O(S+N) where S is the distance of start offset from HEAD for small lists, from nearest "
    "end (HEAD or TAIL) for large lists; and N is the number of elements in the specified range.",
    native=True,
)
def lrange(call: Call, key: bytes, start: int, stop: int) -> Reply:
    """Return the elements from `start` to `stop`, both included; negative: from the end.

    Errors: NOT_INTEGER, WRONG_TYPE.
    """


@command(
    "LINDEX key:RO,access index",
    READ,
    since="1.0.0",
    cost="O(N) where N is the number of elements to traverse to get to the element at index. This "
    "makes asking for the first or the last element of the list O(1).",
)
def lindex(call: Call, key: bytes, index: bytes) -> Reply:
    """Return the element at `index`, counted from 0, or from the end if it is negative.

    Errors: WRONG_TYPE, NOT_INTEGER.
    """
    found = call.read(key, List)
    return None if found is None else found.get(call.integer(index))


@command(
    "LSET key:RW,update index element",
    WRITE | DENYOOM,
    since="1.0.0",
    cost="O(N) where N is the length of the list. Setting either the first or the last element of "
    "the list is O(1).",
)
def lset(call: Call, key: bytes, index: bytes, element: bytes) -> Reply:
    """Give the element at `index` another value.

    Errors: NO_SUCH_KEY, WRONG_TYPE, NOT_INTEGER, INDEX_OUT_OF_RANGE.
    """
    found = call.edit(key, List)
    if not len(found):
        raise NO_SUCH_KEY
    try:
        at = call.integer(index)
    except NOT_INTEGER:
        # An access all the same; otherwise the edit is what counts as one.
        call.exists(key)
        raise
    if not found.set(at, element):
        raise INDEX_OUT_OF_RANGE
    call.notify(LIST, "lset", key)
    return OK


@command(
    "LINSERT key:RW,insert <BEFORE|AFTER> pivot element",
    WRITE | DENYOOM,
    since="2.2.0",
    cost="O(N) where N is the number of elements to traverse before seeing the value pivot. This "
    "means that inserting somewhere on the left end on the list (head) can be considered O(1) and "
    "inserting somewhere on the right end (tail) is O(N).",
)
def linsert(call: Call, key: bytes, where: str, pivot: bytes, element: bytes) -> Reply:
    """Put an element beside the first that equals `pivot`; the new length, or -1.

    Errors: SYNTAX, WRONG_TYPE.
    """
    found = call.edit(key, List)
    if not len(found):
        return 0
    if not found.insert(pivot, where == "AFTER", element):
        return -1
    call.notify(LIST, "linsert", key)
    return len(found)


@command(
    "LREM key:RW,delete count element",
    WRITE,
    since="1.0.0",
    cost="O(N+M) where N is the length of the list and M is the number of elements removed.",
)
def lrem(call: Call, key: bytes, count: int, element: bytes) -> Reply:
    """Remove the first `count` elements equal to `element`, the last if negative, all if 0.

    Errors: NOT_INTEGER, OUT_OF_SYMMETRIC_INT64, WRONG_TYPE.
    """
    if count == I64_MIN:
        raise OUT_OF_SYMMETRIC_INT64
    end = "RIGHT" if count < 0 else "LEFT"
    removed = call.edit(key, List).remove_equal(element, abs(count) or I64_MAX, end)
    if removed:
        call.notify(LIST, "lrem", key)
    return removed


@command(
    "LTRIM key:RW,delete start stop",
    WRITE,
    since="1.0.0",
    cost="O(N) where N is the number of elements to be removed by the operation.",
)
def ltrim(call: Call, key: bytes, start: int, stop: int) -> Reply:
    """Keep only the elements from `start` to `stop`, both included.

    Errors: NOT_INTEGER, WRONG_TYPE.
    """
    found = call.edit(key, List)
    if len(found):
        found.trim(start, stop)
        call.notify(LIST, "ltrim", key)
    return OK


@command(
    "LPOS key:RO,access element [RANK rank] [COUNT num-matches] [MAXLEN len]",
    READ,
    since="6.0.6",
    cost="O(N) where N is the number of elements in the list, for the average case. When searching "
    "for elements near the head or the tail of the list, or when the MAXLEN option is provided, "
    "the command may run in constant time.",
    takes_rest=True,
)
def lpos(call: Call, key: bytes, element: bytes, words: Arguments) -> Reply:
    """Find where an element stands, or with COUNT the first so many places (0: all).

    RANK passes over matches, and begins at the end if it is negative; MAXLEN limits the
    comparisons (0: no limit).

    Errors: RANK_ZERO, OUT_OF_SYMMETRIC_INT64, NOT_INTEGER, COUNT_NEGATIVE, MAXLEN_NEGATIVE,
    SYNTAX, WRONG_TYPE.
    """
    rank, count, compare_max = 1, None, 0
    for at in range(0, len(words), 2):
        word = words[at].upper()
        if word not in (b"RANK", b"COUNT", b"MAXLEN") or at + 1 == len(words):
            raise SYNTAX
        if word == b"RANK":
            rank = words.integer(at + 1)
            if rank == I64_MIN:
                raise OUT_OF_SYMMETRIC_INT64
            if rank == 0:
                raise RANK_ZERO
        elif word == b"COUNT":
            count = integer_at(words, at + 1, 0, COUNT_NEGATIVE)
        else:
            compare_max = integer_at(words, at + 1, 0, MAXLEN_NEGATIVE)
    found = call.read(key, List)
    if found is None:
        return None if count is None else []
    wanted = 1 if count is None else count or I64_MAX
    places = found.positions(element, abs(rank) - 1, rank < 0, wanted, compare_max or I64_MAX)
    if count is not None:
        return places
    return places[0] if places else None
