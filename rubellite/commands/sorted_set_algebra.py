"""Sorted sets: unions, intersections and differences; plain sets take part with scores of 1."""

from __future__ import annotations

from typing import Final, Literal, NamedTuple, TypeAlias

from rubellite._core import Arguments, Call, ScoredSets, parse_double
from rubellite.engine.events import SORTED_SET
from rubellite.engine.replies import Reply
from rubellite.errors import (
    INPUT_KEY_NEEDED,
    LIMIT_NEGATIVE,
    NOT_INTEGER,
    SYNTAX,
    WEIGHT_NOT_FLOAT,
)
from rubellite.spec.command import command
from rubellite.spec.flags import DENYOOM, READ, WRITE

_UNION_COST: Final = (
    "O(N)+O(M*log(M)) with N being the sum of the sizes of the input sorted sets, and M being the "
    "number of elements in the resulting sorted set."
)
_INTER_COST: Final = (
    "O(N*K)+O(M*log(M)) worst case with N being the smallest input sorted set, K being the number "
    "of input sorted sets and M being the number of elements in the resulting sorted set."
)
_DIFF_COST: Final = (
    "O(N*K)+O(M*log(M)) worst case with N being the first input, K being the number of input "
    "sorted sets and M being the number of elements in the resulting sorted set."
)

_Operation: TypeAlias = Literal["union", "intersection", "difference"]
_Aggregate: TypeAlias = Literal["SUM", "MIN", "MAX"]
_AGGREGATES: Final[dict[bytes, _Aggregate]] = {b"SUM": "SUM", b"MIN": "MIN", b"MAX": "MAX"}


class _Options(NamedTuple):
    """What stands behind the keys."""

    weights: list[float] | None = None
    aggregate: _Aggregate = "SUM"
    with_scores: bool = False
    limit: int | None = None


def _inputs(call: Call, words: Arguments) -> tuple[ScoredSets, Arguments, int]:
    """`numkeys key [key ...]`: the inputs, the arguments behind them, and how many inputs.

    Errors: NOT_INTEGER, INPUT_KEY_NEEDED, SYNTAX, WRONG_TYPE.
    """
    count = words.integer(0)
    if count < 1:
        raise INPUT_KEY_NEEDED(call.command_name)
    if count >= len(words):
        raise SYNTAX
    inputs = call.scored_sets(words.part(1, count))
    return inputs, words.part(count + 1, len(words) - count - 1), count


def _options(words: Arguments, count: int, allowed: tuple[bytes, ...]) -> _Options:
    """`[WEIGHTS weight ...] [AGGREGATE …] [WITHSCORES] [LIMIT limit]`, if they are `allowed`.

    Errors: SYNTAX, WEIGHT_NOT_FLOAT, LIMIT_NEGATIVE.
    """
    options = _Options()
    at, given = 0, len(words)
    while at < given:
        word = words[at].upper()
        if word not in allowed:
            raise SYNTAX
        left = given - at - 1
        if word == b"WITHSCORES":
            options = options._replace(with_scores=True)
            at += 1
        elif word == b"WEIGHTS" and left >= count:
            weights = [_weight(words[at + 1 + place]) for place in range(count)]
            options = options._replace(weights=weights)
            at += 1 + count
        elif word == b"AGGREGATE" and left and words[at + 1].upper() in _AGGREGATES:
            options = options._replace(aggregate=_AGGREGATES[words[at + 1].upper()])
            at += 2
        elif word == b"LIMIT" and left:
            options = options._replace(limit=_limit(words, at + 1))
            at += 2
        else:
            raise SYNTAX
    return options


def _weight(text: bytes) -> float:
    """Errors: WEIGHT_NOT_FLOAT."""
    number = parse_double(text)
    if number is None:
        raise WEIGHT_NOT_FLOAT
    return number


def _limit(words: Arguments, at: int) -> int | None:
    """0 is no limit.

    Errors: LIMIT_NEGATIVE, for what is no number, too.
    """
    try:
        limit = words.integer(at)
    except NOT_INTEGER:
        raise LIMIT_NEGATIVE from None
    if limit < 0:
        raise LIMIT_NEGATIVE
    return limit or None


_COMBINING: Final = (b"WEIGHTS", b"AGGREGATE")


def _reply(
    call: Call, words: Arguments, operation: _Operation, allowed: tuple[bytes, ...]
) -> Reply:
    """Errors: NOT_INTEGER, INPUT_KEY_NEEDED, SYNTAX, WEIGHT_NOT_FLOAT, WRONG_TYPE."""
    inputs, rest, count = _inputs(call, words)
    options = _options(rest, count, (*allowed, b"WITHSCORES"))
    return inputs.reply_combined(operation, options.weights, options.aggregate, options.with_scores)


def _store(
    call: Call,
    destination: bytes,
    words: Arguments,
    operation: _Operation,
    allowed: tuple[bytes, ...],
) -> int:
    """Errors: NOT_INTEGER, INPUT_KEY_NEEDED, SYNTAX, WEIGHT_NOT_FLOAT, WRONG_TYPE."""
    inputs, rest, count = _inputs(call, words)
    options = _options(rest, count, allowed)
    made = inputs.combine(operation, options.weights, options.aggregate)
    return call.store(destination, made, SORTED_SET, call.command_name)


@command(
    "ZUNION numkeys key:RO,access [key ...] [WEIGHTS weight:integer [weight:integer ...]] "
    "[AGGREGATE <SUM|MIN|MAX>] [WITHSCORES]",
    READ,
    since="6.2.0",
    cost=_UNION_COST,
    takes_rest=True,
)
def zunion(call: Call, words: Arguments) -> Reply:
    """Return the members that are in any input, with their scores weighted and aggregated.

    Errors: NOT_INTEGER, INPUT_KEY_NEEDED, SYNTAX, WEIGHT_NOT_FLOAT, WRONG_TYPE.
    """
    return _reply(call, words, "union", _COMBINING)


@command(
    "ZINTER numkeys key:RO,access [key ...] [WEIGHTS weight:integer [weight:integer ...]] "
    "[AGGREGATE <SUM|MIN|MAX>] [WITHSCORES]",
    READ,
    since="6.2.0",
    cost=_INTER_COST,
    takes_rest=True,
)
def zinter(call: Call, words: Arguments) -> Reply:
    """Return the members that are in all inputs, with their scores weighted and aggregated.

    Errors: NOT_INTEGER, INPUT_KEY_NEEDED, SYNTAX, WEIGHT_NOT_FLOAT, WRONG_TYPE.
    """
    return _reply(call, words, "intersection", _COMBINING)


@command(
    "ZDIFF numkeys key:RO,access [key ...] [WITHSCORES]",
    READ,
    since="6.2.0",
    cost=_DIFF_COST,
    takes_rest=True,
)
def zdiff(call: Call, words: Arguments) -> Reply:
    """Return the members of the first input that are in no other.

    Errors: NOT_INTEGER, INPUT_KEY_NEEDED, SYNTAX, WRONG_TYPE.
    """
    return _reply(call, words, "difference", ())


@command(
    "ZINTERCARD numkeys key:RO,access [key ...] [LIMIT limit:integer]",
    READ,
    since="7.0.0",
    cost="O(N*K) worst case with N being the smallest input sorted set, K being the number of "
    "input sorted sets.",
    takes_rest=True,
)
def zintercard(call: Call, words: Arguments) -> Reply:
    """Count the members that are in all inputs, no further than `limit`.

    Errors: NOT_INTEGER, INPUT_KEY_NEEDED, SYNTAX, LIMIT_NEGATIVE, WRONG_TYPE.
    """
    inputs, rest, count = _inputs(call, words)
    return inputs.intersection_len(_options(rest, count, (b"LIMIT",)).limit)


@command(
    "ZUNIONSTORE destination:OW,update numkeys key:RO,access [key ...] "
    "[WEIGHTS weight:integer [weight:integer ...]] [AGGREGATE <SUM|MIN|MAX>]",
    WRITE | DENYOOM,
    since="2.0.0",
    cost=_UNION_COST,
    takes_rest=True,
)
def zunionstore(call: Call, destination: bytes, words: Arguments) -> Reply:
    """Store what ZUNION would return; count it.

    Errors: NOT_INTEGER, INPUT_KEY_NEEDED, SYNTAX, WEIGHT_NOT_FLOAT, WRONG_TYPE.
    """
    return _store(call, destination, words, "union", _COMBINING)


@command(
    "ZINTERSTORE destination:OW,update numkeys key:RO,access [key ...] "
    "[WEIGHTS weight:integer [weight:integer ...]] [AGGREGATE <SUM|MIN|MAX>]",
    WRITE | DENYOOM,
    since="2.0.0",
    cost=_INTER_COST,
    takes_rest=True,
)
def zinterstore(call: Call, destination: bytes, words: Arguments) -> Reply:
    """Store what ZINTER would return; count it.

    Errors: NOT_INTEGER, INPUT_KEY_NEEDED, SYNTAX, WEIGHT_NOT_FLOAT, WRONG_TYPE.
    """
    return _store(call, destination, words, "intersection", _COMBINING)


@command(
    "ZDIFFSTORE destination:OW,update numkeys key:RO,access [key ...]",
    WRITE | DENYOOM,
    since="6.2.0",
    cost=_DIFF_COST,
    takes_rest=True,
)
def zdiffstore(call: Call, destination: bytes, words: Arguments) -> Reply:
    """Store what ZDIFF would return; count it.

    Errors: NOT_INTEGER, INPUT_KEY_NEEDED, SYNTAX, WRONG_TYPE.
    """
    return _store(call, destination, words, "difference", ())
