"""Sorted sets: members with scores, in the order of their scores and then of their bytes."""

from __future__ import annotations

from typing import Final

from rubellite._core import (
    NOTHING,
    NULL_ARRAY,
    Arguments,
    Blocked,
    Call,
    SortedSet,
    parse_double,
)
from rubellite.engine.events import SORTED_SET
from rubellite.engine.replies import Reply
from rubellite.engine.scanning import scan_options
from rubellite.errors import (
    ADD_COMPARISONS,
    ADD_NEW_AND_KNOWN,
    ADD_ONE_INCREMENT,
    COUNT_NOT_POSITIVE,
    NOT_FLOAT,
    NOT_INTEGER,
    NUMKEYS_NOT_POSITIVE,
    RANDOM_COUNT_OUT_OF_RANGE,
    SYNTAX,
    VALUE_OUT_OF_RANGE,
    VALUE_OUT_OF_RANGE_POSITIVE,
    WRONG_ARITY,
    ReplyError,
)
from rubellite.spec.command import command
from rubellite.spec.flags import BLOCKING, DENYOOM, FAST, READ, WRITE
from rubellite.spec.parameters import I64_MAX, I64_MIN, Cursor

# ZADD's words; the first four are the bits that the core's `add_scored` takes.
NX: Final = 1
XX: Final = 2
GT: Final = 4
LT: Final = 8
CH: Final = 16
INCR: Final = 32
_ADD_WORDS: Final = {b"NX": NX, b"XX": XX, b"GT": GT, b"LT": LT, b"CH": CH, b"INCR": INCR}
_CONDITIONS: Final = NX | XX | GT | LT

_HIGH: Final = {b"MIN": False, b"MAX": True}

#: More random members than this do not go into one reply; the real servers try.
_RANDOM_MAX: Final = 1 << 24


def _number(words: Arguments, at: int, least: int, error: type[ReplyError]) -> int:
    """The argument at `at`; `error` if it is no integer or below `least`."""
    try:
        found = words.integer(at)
    except NOT_INTEGER:
        raise error from None
    if found < least:
        raise error
    return found


@command(
    "ZADD key:RW,update [NX|XX] [GT|LT] [CH] [INCR] score member [score member ...]",
    WRITE | DENYOOM | FAST,
    since="1.2.0",
    cost="O(log(N)) for each item added, where N is the number of elements in the sorted set.",
    history=(
        ("2.4.0", "Accepts multiple elements."),
        ("3.0.2", "Added the `XX`, `NX`, `CH` and `INCR` options."),
        ("6.2.0", "Added the `GT` and `LT` options."),
    ),
    takes_rest=True,
    native=True,
)
def zadd(call: Call, key: bytes, words: Arguments) -> Reply:
    """Give members scores; count those that are new, with CH also those that changed.

    Without options it is native; here are the options.

    Errors: SYNTAX, ADD_NEW_AND_KNOWN, ADD_COMPARISONS, ADD_ONE_INCREMENT, NOT_FLOAT, WRONG_TYPE,
    SCORE_NOT_A_NUMBER.
    """
    options = first = 0
    count = len(words)
    while first < count and (option := _ADD_WORDS.get(words[first].upper())):
        options |= option
        first += 1
    if first == count or (count - first) % 2:
        raise SYNTAX
    if options:
        if options & NX and options & XX:
            raise ADD_NEW_AND_KNOWN
        if bool(options & NX) + bool(options & GT) + bool(options & LT) > 1:
            raise ADD_COMPARISONS
        if options & INCR:
            if count - first > 2:
                raise ADD_ONE_INCREMENT
            by = _double(words[first])
            return _increment(call, key, by, words[first + 1], options & _CONDITIONS)
    added, changed = call.add_scored(key, words, first, options & _CONDITIONS)
    if added or changed:
        call.notify(SORTED_SET, "zadd", key)
    return added + changed if options & CH else added


def _double(text: bytes) -> float:
    """A score.

    Errors: NOT_FLOAT.
    """
    number = parse_double(text)
    if number is None:
        raise NOT_FLOAT
    return number


def _increment(call: Call, key: bytes, by: float, member: bytes, conditions: int) -> float | None:
    done = call.edit(key, SortedSet).increment(member, by, conditions)
    if done is None:
        return None
    score, is_change = done
    if is_change:
        call.notify(SORTED_SET, "zincr", key)
    return score


@command(
    "ZINCRBY key:RW,access,update increment member",
    WRITE | DENYOOM | FAST,
    since="1.2.0",
    cost="O(log(N)) where N is the number of elements in the sorted set.",
)
def zincrby(call: Call, key: bytes, increment: bytes, member: bytes) -> Reply:
    """Add to a member's score, counting a missing member as 0; return what it is now.

    Errors: SYNTAX (for a word of ZADD's), NOT_FLOAT, WRONG_TYPE, SCORE_NOT_A_NUMBER.
    """
    if increment.upper() in _ADD_WORDS:
        raise SYNTAX
    return _increment(call, key, _double(increment), member, 0)


@command(
    "ZREM key:RW,delete member [member ...]",
    WRITE | FAST,
    since="1.2.0",
    cost="O(M*log(N)) with N being the number of elements in the sorted set and M the number of "
    "elements to be removed.",
    history=(("2.4.0", "Accepts multiple elements."),),
)
def zrem(call: Call, key: bytes, members: Arguments) -> Reply:
    """Take members out; count those that were there.

    Errors: WRONG_TYPE.
    """
    removed = call.edit(key, SortedSet).remove_all(members)
    if removed:
        call.notify(SORTED_SET, "zrem", key)
    return removed


@command("ZSCORE key:RO,access member", READ | FAST, since="1.2.0", native=True)
def zscore(call: Call, key: bytes, member: bytes) -> Reply:
    """Return the score of a member; null where there is none.

    Errors: WRONG_TYPE.
    """


@command(
    "ZMSCORE key:RO,access member [member ...]",
    READ | FAST,
    since="6.2.0",
    cost="O(N) where N is the number of members being requested.",
)
def zmscore(call: Call, key: bytes, members: Arguments) -> Reply:
    """Return the scores of members; null for each that is missing.

    Errors: WRONG_TYPE.
    """
    found = call.read(key, SortedSet)
    return [None] * len(members) if found is None else found.scores(members)


@command("ZCARD key:RO", READ | FAST, since="1.2.0")
def zcard(call: Call, key: bytes) -> Reply:
    """Count the members.

    Errors: WRONG_TYPE.
    """
    found = call.read(key, SortedSet)
    return 0 if found is None else len(found)


_RANK_HISTORY: Final = (("7.2.0", "Added the optional `WITHSCORE` argument."),)


def _rank(call: Call, key: bytes, member: bytes, words: Arguments, *, reverse: bool) -> Reply:
    """The rank of a member, with `WITHSCORE` in `words` its score, too.

    Errors: WRONG_ARITY, SYNTAX, WRONG_TYPE.
    """
    if len(words) > 1:
        raise WRONG_ARITY(call.command_name)
    if words and words[0].upper() != b"WITHSCORE":
        raise SYNTAX
    found = call.read(key, SortedSet)
    place = None if found is None else found.rank(member, reverse)
    if words:
        return NULL_ARRAY if place is None else place
    return None if place is None else place[0]


@command(
    "ZRANK key:RO,access member [WITHSCORE]",
    READ | FAST,
    since="2.0.0",
    cost="O(log(N))",
    history=_RANK_HISTORY,
    takes_rest=True,
)
def zrank(call: Call, key: bytes, member: bytes, words: Arguments) -> Reply:
    """Tell how many members have a lower score (or the same one and a smaller name).

    Errors: WRONG_ARITY, SYNTAX, WRONG_TYPE.
    """
    return _rank(call, key, member, words, reverse=False)


@command(
    "ZREVRANK key:RO,access member [WITHSCORE]",
    READ | FAST,
    since="2.0.0",
    cost="O(log(N))",
    history=_RANK_HISTORY,
    takes_rest=True,
)
def zrevrank(call: Call, key: bytes, member: bytes, words: Arguments) -> Reply:
    """Tell how many members have a higher score (or the same one and a greater name).

    Errors: WRONG_ARITY, SYNTAX, WRONG_TYPE.
    """
    return _rank(call, key, member, words, reverse=True)


_POP_COST: Final = (
    "O(log(N)*M) with N being the number of elements in the sorted set, and M being the number "
    "of elements popped."
)


def _pop(call: Call, key: bytes, words: Arguments, event: str, *, high: bool) -> Reply:
    """ZPOPMIN and ZPOPMAX with a count; without one they are native.

    Errors: SYNTAX, VALUE_OUT_OF_RANGE_POSITIVE, WRONG_TYPE.
    """
    if len(words) > 1:
        raise SYNTAX
    count = _number(words, 0, 0, VALUE_OUT_OF_RANGE_POSITIVE)
    if call.edit(key, SortedSet).reply_popped(count, high, "pairs"):
        call.notify(SORTED_SET, event, key)
    return NOTHING


@command(
    "ZPOPMIN key:RW,access,delete [count]",
    WRITE | FAST,
    since="5.0.0",
    cost=_POP_COST,
    takes_rest=True,
    native=True,
)
def zpopmin(call: Call, key: bytes, words: Arguments) -> Reply:
    """Take the members with the lowest scores out and return them with their scores.

    Errors: SYNTAX, VALUE_OUT_OF_RANGE_POSITIVE, WRONG_TYPE.
    """
    return _pop(call, key, words, "zpopmin", high=False)


@command(
    "ZPOPMAX key:RW,access,delete [count]",
    WRITE | FAST,
    since="5.0.0",
    cost=_POP_COST,
    takes_rest=True,
    native=True,
)
def zpopmax(call: Call, key: bytes, words: Arguments) -> Reply:
    """Take the members with the highest scores out and return them with their scores.

    Errors: SYNTAX, VALUE_OUT_OF_RANGE_POSITIVE, WRONG_TYPE.
    """
    return _pop(call, key, words, "zpopmax", high=True)


def read_mpop(words: Arguments) -> tuple[Arguments, bool, int]:
    """`numkeys key [key ...] <MIN|MAX> [COUNT count]`: keys, whether MAX, how many.

    Errors: NUMKEYS_NOT_POSITIVE, SYNTAX, COUNT_NOT_POSITIVE.
    """
    count = _number(words, 0, 1, NUMKEYS_NOT_POSITIVE)
    if count + 1 >= len(words):
        raise SYNTAX
    keys = words.part(1, count)
    high = _HIGH.get(words[count + 1].upper())
    if high is None:
        raise SYNTAX
    rest = len(words) - count - 2
    if rest == 0:
        return keys, high, 1
    if words[count + 2].upper() != b"COUNT" or rest == 1:
        raise SYNTAX
    most = _number(words, count + 3, 1, COUNT_NOT_POSITIVE)
    if rest > 2:
        raise SYNTAX
    return keys, high, most


def try_mpop(call: Call, keys: Arguments, most: int, *, high: bool) -> bool:
    """Takes members out of the first of `keys` that has some and replies; False: none has.

    Errors: WRONG_TYPE.
    """
    for key in keys:
        found = call.edit(key, SortedSet)
        if len(found):
            name = "zpopmax" if high else "zpopmin"
            popped = found.reply_popped(most, high, "nested")
            call.notify(SORTED_SET, name, key)
            call.propagate((name.upper().encode(), key, b"%d" % popped))
            return True
    return False


@command(
    "ZMPOP numkeys key:RW,access,delete [key ...] <MIN|MAX> [COUNT count]",
    WRITE,
    since="7.0.0",
    cost="O(K) + O(M*log(N)) where K is the number of provided keys, N being the number of "
    "elements in the sorted set, and M being the number of elements popped.",
    takes_rest=True,
)
def zmpop(call: Call, words: Arguments) -> Reply:
    """Take members out of the first sorted set that has some; return its key and them.

    Errors: NUMKEYS_NOT_POSITIVE, SYNTAX, COUNT_NOT_POSITIVE, WRONG_TYPE.
    """
    keys, high, most = read_mpop(words)
    return NOTHING if try_mpop(call, keys, most, high=high) else NULL_ARRAY


# Waiting: each does what its namesake does if there is something to take; else the client
# waits, and the same function runs again when there is.

_DOUBLE_HISTORY: Final = (("6.0.0", "`timeout` is interpreted as a double instead of an integer."),)
_WAIT_COST: Final = "O(log(N)) with N being the number of elements in the sorted set."


def _pop_or_wait(call: Call, words: Arguments, event: str, *, high: bool) -> Reply:
    """Errors: TIMEOUT_NOT_FLOAT, TIMEOUT_NEGATIVE, TIMEOUT_OUT_OF_RANGE, WRONG_TYPE."""
    deadline_ms = call.deadline_after(words[-1])
    keys = words.flat()[:-1]
    for key in keys:
        found = call.edit(key, SortedSet)
        if len(found):
            found.reply_popped(1, high, "keyed")
            call.propagate((event.upper().encode(), key))
            call.notify(SORTED_SET, event, key)
            return NOTHING
    return Blocked(keys, SortedSet, deadline_ms)


@command(
    "BZPOPMIN key:RW,access,delete [key ...] timeout:double",
    WRITE | BLOCKING | FAST,
    since="5.0.0",
    cost=_WAIT_COST,
    history=_DOUBLE_HISTORY,
    takes_rest=True,
)
def bzpopmin(call: Call, words: Arguments) -> Reply:
    """Take the member with the lowest score out of the first sorted set there is, or wait.

    Errors: TIMEOUT_NOT_FLOAT, TIMEOUT_NEGATIVE, TIMEOUT_OUT_OF_RANGE, WRONG_TYPE.
    """
    return _pop_or_wait(call, words, "zpopmin", high=False)


@command(
    "BZPOPMAX key:RW,access,delete [key ...] timeout:double",
    WRITE | BLOCKING | FAST,
    since="5.0.0",
    cost=_WAIT_COST,
    history=_DOUBLE_HISTORY,
    takes_rest=True,
)
def bzpopmax(call: Call, words: Arguments) -> Reply:
    """Take the member with the highest score out of the first sorted set there is, or wait.

    Errors: TIMEOUT_NOT_FLOAT, TIMEOUT_NEGATIVE, TIMEOUT_OUT_OF_RANGE, WRONG_TYPE.
    """
    return _pop_or_wait(call, words, "zpopmax", high=True)


@command(
    "BZMPOP timeout:double numkeys key:RW,access,delete [key ...] <MIN|MAX> [COUNT count]",
    WRITE | BLOCKING,
    since="7.0.0",
    cost="O(K) + O(M*log(N)) where K is the number of provided keys, N being the number of "
    "elements in the sorted set, and M being the number of elements popped.",
    takes_rest=True,
)
def bzmpop(call: Call, timeout: bytes, words: Arguments) -> Reply:
    """Take members out of the first sorted set that has some, or wait; return its key and them.

    Errors: NUMKEYS_NOT_POSITIVE, SYNTAX, COUNT_NOT_POSITIVE, TIMEOUT_NOT_FLOAT, TIMEOUT_NEGATIVE,
    TIMEOUT_OUT_OF_RANGE, WRONG_TYPE.
    """
    keys, high, most = read_mpop(words)
    deadline_ms = call.deadline_after(timeout)
    if try_mpop(call, keys, most, high=high):
        return NOTHING
    return Blocked(keys, SortedSet, deadline_ms)


@command(
    "ZRANDMEMBER key:RO,access [count [WITHSCORES]]",
    READ,
    since="6.2.0",
    cost="O(N) where N is the number of members returned",
    tips=("nondeterministic_output",),
    takes_rest=True,
)
def zrandmember(call: Call, key: bytes, words: Arguments) -> Reply:
    """Return random members: so many different ones, or with a negative count so many of any.

    Errors: NOT_INTEGER, RANDOM_COUNT_OUT_OF_RANGE, SYNTAX, WRONG_TYPE,
    VALUE_OUT_OF_RANGE (also for more than a reply can hold).
    """
    if not words:
        found = call.read(key, SortedSet)
        return None if found is None else found.random_member()
    count = words.integer(0)
    if count == I64_MIN:
        raise RANDOM_COUNT_OUT_OF_RANGE
    with_scores = len(words) == 2 and words[1].upper() == b"WITHSCORES"
    if len(words) > 2 or (len(words) == 2 and not with_scores):
        raise SYNTAX
    if with_scores and abs(count) > I64_MAX // 2:
        raise VALUE_OUT_OF_RANGE
    found = call.read(key, SortedSet)
    if found is None:
        return []
    if count < -_RANDOM_MAX:
        raise VALUE_OUT_OF_RANGE
    return found.reply_random(count, with_scores)


@command(
    "ZSCAN key:RO,access cursor [MATCH pattern] [COUNT count] [NOSCORES]",
    READ,
    since="2.8.0",
    cost="O(1) for every call. O(N) for a complete iteration, including enough command calls for "
    "the cursor to return back to 0. N is the number of elements inside the collection.",
    tips=("nondeterministic_output",),
    history=(("8.0.0", "Added noscores option."),),
    takes_rest=True,
)
def zscan(call: Call, key: bytes, cursor: Cursor, options: Arguments) -> Reply:
    """List some members with their scores and the cursor to go on from; 0 ends the iteration.

    Errors: INVALID_CURSOR, WRONG_TYPE, SYNTAX, NOT_INTEGER, NOVALUES_OUTSIDE_HSCAN.
    """
    found = call.read(key, SortedSet)
    if found is None:
        return [b"0", []]
    pattern, count, without_scores = scan_options(options, b"NOSCORES")
    return found.reply_scan(cursor, count, pattern, not without_scores)
