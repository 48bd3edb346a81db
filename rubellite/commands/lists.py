"""Lists as queues: LPUSH, LPOP and their like, and those that wait: BLPOP, BLMOVE."""

from __future__ import annotations

from typing import Annotated

from rubellite._core import NULL_ARRAY, Arguments, Blocked, Call, List
from rubellite.engine.events import LIST
from rubellite.engine.numbers import integer_at
from rubellite.engine.replies import Reply
from rubellite.errors import COUNT_NOT_POSITIVE, SYNTAX
from rubellite.spec.command import command
from rubellite.spec.flags import BLOCKING, DENYOOM, FAST, WRITE
from rubellite.spec.parameters import I64_MAX, Range

_MANY = (
    "O(1) for each element added, so O(N) to add N elements when the command is called with "
    "multiple arguments."
)
_COUNT = Range(0, I64_MAX, "VALUE_OUT_OF_RANGE_POSITIVE")


# Both ends


@command(
    "LPUSH key:RW,insert element [element ...]",
    WRITE | DENYOOM | FAST,
    since="1.0.0",
    cost=_MANY,
    history=(("2.4.0", "Accepts multiple `element` arguments."),),
    native=True,
)
def lpush(call: Call, key: bytes, elements: Arguments) -> Reply:
    """Put elements before all others, one after the other; returns the new length.

    Errors: WRONG_TYPE.
    """


@command(
    "RPUSH key:RW,insert element [element ...]",
    WRITE | DENYOOM | FAST,
    since="1.0.0",
    cost=_MANY,
    history=(("2.4.0", "Accepts multiple `element` arguments."),),
    native=True,
)
def rpush(call: Call, key: bytes, elements: Arguments) -> Reply:
    """Put elements behind all others; returns the new length.

    Errors: WRONG_TYPE.
    """


def _push_if_there(call: Call, key: bytes, end: str, event: str, elements: Arguments) -> int:
    found = call.edit(key, List)
    if not len(found):
        return 0
    length = found.push(end, elements)
    call.notify(LIST, event, key)
    return length


@command(
    "LPUSHX key:RW,insert element [element ...]",
    WRITE | DENYOOM | FAST,
    since="2.2.0",
    cost=_MANY,
    history=(("4.0.0", "Accepts multiple `element` arguments."),),
)
def lpushx(call: Call, key: bytes, elements: Arguments) -> Reply:
    """As LPUSH, but only if there is such a list.

    Errors: WRONG_TYPE.
    """
    return _push_if_there(call, key, "LEFT", "lpush", elements)


@command(
    "RPUSHX key:RW,insert element [element ...]",
    WRITE | DENYOOM | FAST,
    since="2.2.0",
    cost=_MANY,
    history=(("4.0.0", "Accepts multiple `element` arguments."),),
)
def rpushx(call: Call, key: bytes, elements: Arguments) -> Reply:
    """As RPUSH, but only if there is such a list.

    Errors: WRONG_TYPE.
    """
    return _push_if_there(call, key, "RIGHT", "rpush", elements)


@command(
    "LPOP key:RW,access,delete [count]",
    WRITE | FAST,
    since="1.0.0",
    cost="O(N) where N is the number of elements returned",
    history=(("6.2.0", "Added the `count` argument."),),
    native=True,
)
def lpop(call: Call, key: bytes, count: Annotated[int, _COUNT] | None) -> Reply:
    """Take the first element out and return it, or an array of the first `count`.

    Errors: VALUE_OUT_OF_RANGE_POSITIVE, WRONG_TYPE.
    """


@command(
    "RPOP key:RW,access,delete [count]",
    WRITE | FAST,
    since="1.0.0",
    cost="O(N) where N is the number of elements returned",
    history=(("6.2.0", "Added the `count` argument."),),
    native=True,
)
def rpop(call: Call, key: bytes, count: Annotated[int, _COUNT] | None) -> Reply:
    """Take the last element out and return it, or an array of the last `count`.

    Errors: VALUE_OUT_OF_RANGE_POSITIVE, WRONG_TYPE.
    """


def count_option(words: Arguments) -> int:
    """The count of `[COUNT count]`, which may be given once; 1 without.

    Errors: COUNT_NOT_POSITIVE, SYNTAX.
    """
    if not len(words):
        return 1
    if len(words) == 1 or words[0].upper() != b"COUNT":
        raise SYNTAX
    count = integer_at(words, 1, 1, COUNT_NOT_POSITIVE)
    if len(words) > 2:
        raise SYNTAX
    return count


def pop_from_first(call: Call, keys: Arguments, where: str, count: int) -> Reply:
    """Takes elements from the first of `keys` that has any; None if none has.

    Errors: WRONG_TYPE.
    """
    for key in keys:
        found = call.edit(key, List)
        if len(found):
            popped, reply = found.reply_pop(where, count, with_key=True)
            name = b"LPOP" if where == "LEFT" else b"RPOP"
            call.propagate((name, key, b"%d" % popped))
            return reply
    return None


@command(
    "LMPOP numkeys key:RW,access,delete [key ...] <LEFT|RIGHT> [COUNT count]",
    WRITE,
    since="7.0.0",
    cost="O(N+M) where N is the number of provided keys and M is the number of elements returned.",
    takes_rest=True,
)
def lmpop(call: Call, keys: Arguments, where: str, words: Arguments) -> Reply:
    """Take elements from an end of the first list that is there; returns its key and them.

    Errors: NUMKEYS_NOT_POSITIVE, COUNT_NOT_POSITIVE, SYNTAX, WRONG_TYPE.
    """
    reply = pop_from_first(call, keys, where, count_option(words))
    return NULL_ARRAY if reply is None else reply


def move_between(
    call: Call, source: bytes, destination: bytes, wherefrom: str, whereto: str
) -> Reply:
    """Moves one element, if the source has any, and replies with it; None if not.

    Errors: WRONG_TYPE.
    """
    found = call.edit(source, List)
    # An access to the source, even if the destination is no list.
    if not call.exists(source):
        return None
    call.edit(destination, List)
    return found.reply_move(destination, wherefrom, whereto)


@command(
    "LMOVE source:RW,access,delete destination:RW,insert <LEFT|RIGHT> <LEFT|RIGHT>",
    WRITE | DENYOOM,
    since="6.2.0",
)
def lmove(call: Call, source: bytes, destination: bytes, wherefrom: str, whereto: str) -> Reply:
    """Take an element from an end of a list and put it at an end of another; returns it.

    Errors: SYNTAX, WRONG_TYPE.
    """
    return move_between(call, source, destination, wherefrom, whereto)


@command("RPOPLPUSH source:RW,access,delete destination:RW,insert", WRITE | DENYOOM, since="1.2.0")
def rpoplpush(call: Call, source: bytes, destination: bytes) -> Reply:
    """Take the last element of a list and put it before all of another; returns it.

    Errors: WRONG_TYPE.
    """
    return move_between(call, source, destination, "RIGHT", "LEFT")


# Waiting: each does what its namesake does if there is something to take; else the client
# waits, and the same function runs again when there is.

_DOUBLE = (("6.0.0", "`timeout` is interpreted as a double instead of an integer."),)


def _pop_or_wait(call: Call, words: Arguments, where: str) -> Reply:
    deadline_ms = call.deadline_after(words[-1])
    keys = words.flat()[:-1]
    for key in keys:
        found = call.edit(key, List)
        if len(found):
            _, reply = found.reply_pop(where, with_key=True)
            call.propagate((b"LPOP" if where == "LEFT" else b"RPOP", key))
            return reply
    return Blocked(keys, List, deadline_ms)


@command(
    "BLPOP key:RW,access,delete [key ...] timeout:double",
    WRITE | BLOCKING,
    since="2.0.0",
    cost="O(N) where N is the number of provided keys.",
    history=_DOUBLE,
    takes_rest=True,
)
def blpop(call: Call, words: Arguments) -> Reply:
    """Take the first element of the first list that is there; wait while none is.

    Errors: TIMEOUT_NOT_FLOAT, TIMEOUT_NEGATIVE, TIMEOUT_OUT_OF_RANGE, WRONG_TYPE.
    """
    return _pop_or_wait(call, words, "LEFT")


@command(
    "BRPOP key:RW,access,delete [key ...] timeout:double",
    WRITE | BLOCKING,
    since="2.0.0",
    cost="O(N) where N is the number of provided keys.",
    history=_DOUBLE,
    takes_rest=True,
)
def brpop(call: Call, words: Arguments) -> Reply:
    """Take the last element of the first list that is there; wait while none is.

    Errors: TIMEOUT_NOT_FLOAT, TIMEOUT_NEGATIVE, TIMEOUT_OUT_OF_RANGE, WRONG_TYPE.
    """
    return _pop_or_wait(call, words, "RIGHT")


@command(
    "BLMPOP timeout:double numkeys key:RW,access,delete [key ...] <LEFT|RIGHT> [COUNT count]",
    WRITE | BLOCKING,
    since="7.0.0",
    cost="O(N+M) where N is the number of provided keys and M is the number of elements returned.",
    takes_rest=True,
)
def blmpop(call: Call, timeout: bytes, keys: Arguments, where: str, words: Arguments) -> Reply:
    """Take elements from an end of the first list that is there; wait while none is.

    Errors: TIMEOUT_NOT_FLOAT, TIMEOUT_NEGATIVE, TIMEOUT_OUT_OF_RANGE, NUMKEYS_NOT_POSITIVE,
    COUNT_NOT_POSITIVE, SYNTAX, WRONG_TYPE.
    """
    deadline_ms = call.deadline_after(timeout)
    reply = pop_from_first(call, keys, where, count_option(words))
    return Blocked(keys, List, deadline_ms) if reply is None else reply


@command(
    "BLMOVE source:RW,access,delete destination:RW,insert <LEFT|RIGHT> <LEFT|RIGHT> timeout:double",
    WRITE | DENYOOM | BLOCKING,
    since="6.2.0",
)
def blmove(
    call: Call, source: bytes, destination: bytes, wherefrom: str, whereto: str, timeout: bytes
) -> Reply:
    """Take an element from an end of a list to an end of another; wait while there is none.

    Errors: SYNTAX, TIMEOUT_NOT_FLOAT, TIMEOUT_NEGATIVE, TIMEOUT_OUT_OF_RANGE, WRONG_TYPE.
    """
    deadline_ms = call.deadline_after(timeout)
    reply = move_between(call, source, destination, wherefrom, whereto)
    if reply is None:
        return Blocked((source,), List, deadline_ms, denied_null=True)
    ends = (wherefrom.encode(), whereto.encode())
    call.propagate((b"LMOVE", source, destination, *ends))
    return reply


@command(
    "BRPOPLPUSH source:RW,access,delete destination:RW,insert timeout:double",
    WRITE | DENYOOM | BLOCKING,
    since="2.2.0",
    history=_DOUBLE,
)
def brpoplpush(call: Call, source: bytes, destination: bytes, timeout: bytes) -> Reply:
    """Take the last element of a list to the front of another; wait while there is none.

    Errors: TIMEOUT_NOT_FLOAT, TIMEOUT_NEGATIVE, TIMEOUT_OUT_OF_RANGE, WRONG_TYPE.
    """
    deadline_ms = call.deadline_after(timeout)
    reply = move_between(call, source, destination, "RIGHT", "LEFT")
    if reply is None:
        return Blocked((source,), List, deadline_ms, denied_null=True)
    call.propagate((b"RPOPLPUSH", source, destination))
    return reply
