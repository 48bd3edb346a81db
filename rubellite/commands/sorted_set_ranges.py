"""Sorted sets: ranges by rank, by score and by member."""

from __future__ import annotations

from typing import Final, NamedTuple

from rubellite._core import Arguments, Call, Interval, SortedSet, parse_integer
from rubellite.engine.events import SORTED_SET
from rubellite.engine.replies import Reply
from rubellite.errors import LIMIT_NEEDS_BY, NOT_INTEGER, SCORES_NOT_BY_MEMBER, SYNTAX
from rubellite.spec.command import command
from rubellite.spec.flags import DENYOOM, FAST, READ, WRITE

_COST: Final = (
    "O(log(N)+M) with N being the number of elements in the sorted set and M the number of "
    "elements returned."
)
_LIMITED_COST: Final = (
    "O(log(N)+M) with N being the number of elements in the sorted set and M the number of "
    "elements being returned. If M is constant (e.g. always asking for the first 10 elements "
    "with LIMIT), you can consider it O(log(N))."
)
_STORE_COST: Final = (
    "O(log(N)+M) with N being the number of elements in the sorted set and M the number of "
    "elements stored into the destination key."
)
_REMOVE_COST: Final = (
    "O(log(N)+M) with N being the number of elements in the sorted set and M the number of "
    "elements removed by the operation."
)
_COUNT_COST: Final = "O(log(N)) with N being the number of elements in the sorted set."


class _Range(NamedTuple):
    """What the options of a range say."""

    interval: Interval
    reverse: bool
    offset: int
    most: int
    with_scores: bool


def _read(
    start: bytes,
    stop: bytes,
    options: Arguments,
    *,
    by: str = "",
    reverse: bool | None = None,
    stores: bool = False,
) -> _Range:
    """Reads a range. `by` and `reverse` are given by commands that are named after them.

    Errors: SYNTAX, NOT_INTEGER, LIMIT_NEEDS_BY, SCORES_NOT_BY_MEMBER, SCORE_BOUND, MEMBER_BOUND.
    """
    offset, count = 0, -1
    with_scores = False
    at, given = 0, len(options)
    while at < given:
        word = options[at].upper()
        if word == b"WITHSCORES" and not stores:
            with_scores = True
        elif word == b"LIMIT" and at + 2 < given:
            offset, count = options.integer(at + 1), options.integer(at + 2)
            at += 2
        elif word == b"REV" and reverse is None:
            reverse = True
        elif word == b"BYSCORE" and not by:
            by = "score"
        elif word == b"BYLEX" and not by:
            by = "member"
        else:
            raise SYNTAX
        at += 1
    if count != -1 and by in ("", "rank"):
        raise LIMIT_NEEDS_BY
    if with_scores and by == "member":
        raise SCORES_NOT_BY_MEMBER
    if by in ("", "rank"):
        interval = Interval.of_ranks(_rank(start), _rank(stop))
        return _Range(interval, bool(reverse), 0, -1, with_scores)
    low, high = (stop, start) if reverse else (start, stop)
    of = Interval.of_scores if by == "score" else Interval.of_members
    return _Range(of(low, high), bool(reverse), offset, count, with_scores)


def _rank(text: bytes) -> int:
    """Errors: NOT_INTEGER."""
    number = parse_integer(text)
    if number is None:
        raise NOT_INTEGER
    return number


def _reply(call: Call, key: bytes, wanted: _Range) -> Reply:
    """Errors: WRONG_TYPE."""
    found = call.read(key, SortedSet)
    return [] if found is None else found.reply_range(*wanted)


@command(
    "ZRANGE key:RO,access start:string stop:string [BYSCORE|BYLEX] [REV] [LIMIT offset count] "
    "[WITHSCORES]",
    READ,
    since="1.2.0",
    cost=_COST,
    history=(("6.2.0", "Added the `REV`, `BYSCORE`, `BYLEX` and `LIMIT` options."),),
    takes_rest=True,
    native=True,
)
def zrange(call: Call, key: bytes, start: bytes, stop: bytes, options: Arguments) -> Reply:
    """Return members between two ranks, with BYSCORE two scores, with BYLEX two members.

    Without options it is native; here are the options.

    Errors: SYNTAX, NOT_INTEGER, LIMIT_NEEDS_BY, SCORES_NOT_BY_MEMBER, SCORE_BOUND, MEMBER_BOUND,
    WRONG_TYPE.
    """
    return _reply(call, key, _read(start, stop, options))


@command(
    "ZRANGESTORE dst:OW,update src:RO,access min:string max:string [BYSCORE|BYLEX] [REV] "
    "[LIMIT offset count]",
    WRITE | DENYOOM,
    since="6.2.0",
    cost=_STORE_COST,
    takes_rest=True,
)
def zrangestore(
    call: Call, dst: bytes, src: bytes, min_: bytes, max_: bytes, options: Arguments
) -> Reply:
    """Store what ZRANGE would return, scores included; count it.

    Errors: SYNTAX, NOT_INTEGER, LIMIT_NEEDS_BY, SCORE_BOUND, MEMBER_BOUND, WRONG_TYPE.
    """
    wanted = _read(min_, max_, options, stores=True)
    found = call.read(src, SortedSet)
    if found is None:
        call.delete(dst)
        return 0
    return call.store(dst, found.part(*wanted[:4]), SORTED_SET, "zrangestore")


@command(
    "ZREVRANGE key:RO,access start stop:integer [WITHSCORES]",
    READ,
    since="1.2.0",
    cost=_COST,
    takes_rest=True,
)
def zrevrange(call: Call, key: bytes, start: bytes, stop: bytes, options: Arguments) -> Reply:
    """Return members between two ranks that count from the highest score.

    Errors: SYNTAX, NOT_INTEGER, LIMIT_NEEDS_BY, WRONG_TYPE.
    """
    return _reply(call, key, _read(start, stop, options, by="rank", reverse=True))


@command(
    "ZRANGEBYSCORE key:RO,access min:double max:double [WITHSCORES] [LIMIT offset count]",
    READ,
    since="1.0.5",
    cost=_LIMITED_COST,
    history=(("2.0.0", "Added the `WITHSCORES` modifier."),),
    takes_rest=True,
)
def zrangebyscore(call: Call, key: bytes, min_: bytes, max_: bytes, options: Arguments) -> Reply:
    """Return members with scores from `min` to `max`.

    Errors: SYNTAX, NOT_INTEGER, SCORE_BOUND, WRONG_TYPE.
    """
    return _reply(call, key, _read(min_, max_, options, by="score", reverse=False))


@command(
    "ZREVRANGEBYSCORE key:RO,access max:double min:double [WITHSCORES] [LIMIT offset count]",
    READ,
    since="2.2.0",
    cost=_LIMITED_COST,
    history=(("2.1.6", "`min` and `max` can be exclusive."),),
    takes_rest=True,
)
def zrevrangebyscore(call: Call, key: bytes, max_: bytes, min_: bytes, options: Arguments) -> Reply:
    """Return members with scores from `max` down to `min`.

    Errors: SYNTAX, NOT_INTEGER, SCORE_BOUND, WRONG_TYPE.
    """
    return _reply(call, key, _read(max_, min_, options, by="score", reverse=True))


@command(
    "ZRANGEBYLEX key:RO,access min:string max:string [LIMIT offset count]",
    READ,
    since="2.8.9",
    cost=_LIMITED_COST,
    takes_rest=True,
)
def zrangebylex(call: Call, key: bytes, min_: bytes, max_: bytes, options: Arguments) -> Reply:
    """Return members from `min` to `max`, in a sorted set where all scores are equal.

    Errors: SYNTAX, NOT_INTEGER, SCORES_NOT_BY_MEMBER, MEMBER_BOUND, WRONG_TYPE.
    """
    return _reply(call, key, _read(min_, max_, options, by="member", reverse=False))


@command(
    "ZREVRANGEBYLEX key:RO,access max:string min:string [LIMIT offset count]",
    READ,
    since="2.8.9",
    cost=_LIMITED_COST,
    takes_rest=True,
)
def zrevrangebylex(call: Call, key: bytes, max_: bytes, min_: bytes, options: Arguments) -> Reply:
    """Return members from `max` down to `min`, in a sorted set where all scores are equal.

    Errors: SYNTAX, NOT_INTEGER, SCORES_NOT_BY_MEMBER, MEMBER_BOUND, WRONG_TYPE.
    """
    return _reply(call, key, _read(max_, min_, options, by="member", reverse=True))


@command("ZCOUNT key:RO,access min:double max:double", READ | FAST, since="2.0.0", cost=_COUNT_COST)
def zcount(call: Call, key: bytes, min_: bytes, max_: bytes) -> Reply:
    """Count members with scores from `min` to `max`.

    Errors: SCORE_BOUND, WRONG_TYPE.
    """
    interval = Interval.of_scores(min_, max_)
    found = call.read(key, SortedSet)
    return 0 if found is None else found.count(interval)


@command(
    "ZLEXCOUNT key:RO,access min:string max:string", READ | FAST, since="2.8.9", cost=_COUNT_COST
)
def zlexcount(call: Call, key: bytes, min_: bytes, max_: bytes) -> Reply:
    """Count members from `min` to `max`, in a sorted set where all scores are equal.

    Errors: MEMBER_BOUND, WRONG_TYPE.
    """
    interval = Interval.of_members(min_, max_)
    found = call.read(key, SortedSet)
    return 0 if found is None else found.count(interval)


def _remove(call: Call, key: bytes, interval: Interval, event: str) -> Reply:
    """Errors: WRONG_TYPE."""
    removed = call.edit(key, SortedSet).remove_range(interval)
    if removed:
        call.notify(SORTED_SET, event, key)
    return removed


@command(
    "ZREMRANGEBYRANK key:RW,delete start stop:integer", WRITE, since="2.0.0", cost=_REMOVE_COST
)
def zremrangebyrank(call: Call, key: bytes, start: int, stop: int) -> Reply:
    """Take members between two ranks out; count them.

    Errors: NOT_INTEGER, WRONG_TYPE.
    """
    return _remove(call, key, Interval.of_ranks(start, stop), "zremrangebyrank")


@command(
    "ZREMRANGEBYSCORE key:RW,delete min:double max:double", WRITE, since="1.2.0", cost=_REMOVE_COST
)
def zremrangebyscore(call: Call, key: bytes, min_: bytes, max_: bytes) -> Reply:
    """Take members with scores from `min` to `max` out; count them.

    Errors: SCORE_BOUND, WRONG_TYPE.
    """
    return _remove(call, key, Interval.of_scores(min_, max_), "zremrangebyscore")


@command(
    "ZREMRANGEBYLEX key:RW,delete min:string max:string", WRITE, since="2.8.9", cost=_REMOVE_COST
)
def zremrangebylex(call: Call, key: bytes, min_: bytes, max_: bytes) -> Reply:
    """Take members from `min` to `max` out of a sorted set where all scores are equal; count them.

    Errors: MEMBER_BOUND, WRONG_TYPE.
    """
    return _remove(call, key, Interval.of_members(min_, max_), "zremrangebylex")
