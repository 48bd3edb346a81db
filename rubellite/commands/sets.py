"""Sets: SADD, SMEMBERS, SINTER and their like."""

from __future__ import annotations

from rubellite._core import Arguments, Call, Set
from rubellite.engine.replies import Reply
from rubellite.engine.scanning import scan_options
from rubellite.errors import (
    LIMIT_NEGATIVE,
    NOT_INTEGER,
    NUMKEYS_NOT_POSITIVE,
    RANDOM_COUNT_OUT_OF_RANGE,
    SYNTAX,
    TOO_MANY_KEYS,
    VALUE_OUT_OF_RANGE_POSITIVE,
)
from rubellite.spec.command import command
from rubellite.spec.flags import DENYOOM, FAST, READ, WRITE
from rubellite.spec.parameters import I64_MIN, Cursor

_UNORDERED = ("nondeterministic_output_order",)
_RANDOM = ("nondeterministic_output",)
_OF_SMALLEST = (
    "O(N*M) worst case where N is the cardinality of the smallest set and M is the number of sets."
)
_OF_ALL = "O(N) where N is the total number of elements in all given sets."


@command(
    "SADD key:RW,insert member [member ...]",
    WRITE | DENYOOM | FAST,
    since="1.0.0",
    cost="O(1) for each element added, so O(N) to add N elements when the command is called with "
    "multiple arguments.",
    history=(("2.4.0", "Accepts multiple `member` arguments."),),
    native=True,
)
def sadd(call: Call, key: bytes, members: Arguments) -> Reply:
    """Add members; count those that are new.

    Errors: WRONG_TYPE.
    """


@command(
    "SREM key:RW,delete member [member ...]",
    WRITE | FAST,
    since="1.0.0",
    cost="O(N) where N is the number of members to be removed.",
    history=(("2.4.0", "Accepts multiple `member` arguments."),),
    native=True,
)
def srem(call: Call, key: bytes, members: Arguments) -> Reply:
    """Take members out; count those that were there.

    Errors: WRONG_TYPE.
    """


@command("SISMEMBER key:RO member", READ | FAST, since="1.0.0", native=True)
def sismember(call: Call, key: bytes, member: bytes) -> Reply:
    """Say whether a member is there: 1 or 0.

    Errors: WRONG_TYPE.
    """


@command(
    "SMISMEMBER key:RO,access member [member ...]",
    READ | FAST,
    since="6.2.0",
    cost="O(N) where N is the number of elements being checked for membership",
)
def smismember(call: Call, key: bytes, members: Arguments) -> Reply:
    """Say of each member whether it is there: 1 or 0.

    Errors: WRONG_TYPE.
    """
    found = call.read(key, Set)
    return [0] * len(members) if found is None else found.contains_all(members)


@command("SCARD key:RO", READ | FAST, since="1.0.0")
def scard(call: Call, key: bytes) -> Reply:
    """Count the members; 0 without key.

    Errors: WRONG_TYPE.
    """
    found = call.read(key, Set)
    return 0 if found is None else len(found)


@command(
    "SMEMBERS key:RO,access",
    READ,
    since="1.0.0",
    cost="O(N) where N is the set cardinality.",
    tips=_UNORDERED,
)
def smembers(call: Call, key: bytes) -> Reply:
    """Return all members.

    Errors: WRONG_TYPE.
    """
    found = call.read(key, Set)
    return frozenset() if found is None else found.reply_members()


@command(
    "SPOP key:RW,access,delete [count]",
    WRITE | FAST,
    since="1.0.0",
    cost="Without the count argument O(1), otherwise O(N) where N is the value of the passed "
    "count.",
    tips=_RANDOM,
    history=(("3.2.0", "Added the `count` argument."),),
    takes_rest=True,
    native=True,
)
def spop(call: Call, key: bytes, words: Arguments) -> Reply:
    """Take random members out and return them; with a count, so many at most.

    Errors: SYNTAX, VALUE_OUT_OF_RANGE_POSITIVE, WRONG_TYPE.
    """
    if len(words) > 1:
        raise SYNTAX
    count = _natural(words, 0, VALUE_OUT_OF_RANGE_POSITIVE)
    return call.edit(key, Set).reply_popped(count)


@command(
    "SRANDMEMBER key:RO,access [count]",
    READ,
    since="1.0.0",
    cost="Without the count argument O(1), otherwise O(N) where N is the absolute value of the "
    "passed count.",
    tips=_RANDOM,
    history=(("2.6.0", "Added the optional `count` argument."),),
    takes_rest=True,
)
def srandmember(call: Call, key: bytes, words: Arguments) -> Reply:
    """Return random members: so many different ones, or with a negative count so many of any.

    Errors: SYNTAX, NOT_INTEGER, RANDOM_COUNT_OUT_OF_RANGE, WRONG_TYPE,
    VALUE_OUT_OF_RANGE (for more than a reply can hold).
    """
    if len(words) > 1:
        raise SYNTAX
    if not words:
        found = call.read(key, Set)
        return None if found is None else found.random()
    count = words.integer(0)
    if count == I64_MIN:
        raise RANDOM_COUNT_OUT_OF_RANGE
    found = call.read(key, Set)
    return [] if found is None else found.reply_random(count)


@command(
    "SMOVE source:RW,access,delete destination:RW,insert member",
    WRITE | FAST,
    since="1.0.0",
)
def smove(call: Call, source: bytes, destination: bytes, member: bytes) -> Reply:
    """Move a member from one set to another; 0 if it is not there.

    Errors: WRONG_TYPE.
    """
    return int(call.move_member(source, destination, member))


@command(
    "SSCAN key:RO,access cursor [MATCH pattern] [COUNT count]",
    READ,
    since="2.8.0",
    cost="O(1) for every call. O(N) for a complete iteration, including enough command calls for "
    "the cursor to return back to 0. N is the number of elements inside the collection.",
    tips=_RANDOM,
    takes_rest=True,
)
def sscan(call: Call, key: bytes, cursor: Cursor, options: Arguments) -> Reply:
    """List some members and the cursor to go on from; 0 ends the iteration.

    Errors: INVALID_CURSOR, WRONG_TYPE, SYNTAX, NOT_INTEGER, NOVALUES_OUTSIDE_HSCAN,
    NOSCORES_OUTSIDE_ZSCAN.
    """
    found = call.read(key, Set)
    if found is None:
        return [b"0", []]
    pattern, count, _ = scan_options(options)
    return found.reply_scan(cursor, count, pattern)


@command("SINTER key:RO,access [key ...]", READ, since="1.0.0", cost=_OF_SMALLEST, tips=_UNORDERED)
def sinter(call: Call, keys: Arguments) -> Reply:
    """Return the members that are in all sets.

    Errors: WRONG_TYPE.
    """
    return call.reply_combined_sets("intersection", keys)


@command("SUNION key:RO,access [key ...]", READ, since="1.0.0", cost=_OF_ALL, tips=_UNORDERED)
def sunion(call: Call, keys: Arguments) -> Reply:
    """Return the members that are in any set.

    Errors: WRONG_TYPE.
    """
    return call.reply_combined_sets("union", keys)


@command("SDIFF key:RO,access [key ...]", READ, since="1.0.0", cost=_OF_ALL, tips=_UNORDERED)
def sdiff(call: Call, keys: Arguments) -> Reply:
    """Return the members of the first set that are in none of the others.

    Errors: WRONG_TYPE.
    """
    return call.reply_combined_sets("difference", keys)


@command(
    "SINTERSTORE destination:OW,update key:RO,access [key ...]",
    WRITE | DENYOOM,
    since="1.0.0",
    cost=_OF_SMALLEST,
)
def sinterstore(call: Call, destination: bytes, keys: Arguments) -> Reply:
    """Store what `SINTER` returns; count it.

    Errors: WRONG_TYPE.
    """
    return call.store_combined_sets("intersection", destination, keys)


@command(
    "SUNIONSTORE destination:OW,update key:RO,access [key ...]",
    WRITE | DENYOOM,
    since="1.0.0",
    cost=_OF_ALL,
)
def sunionstore(call: Call, destination: bytes, keys: Arguments) -> Reply:
    """Store what `SUNION` returns; count it.

    Errors: WRONG_TYPE.
    """
    return call.store_combined_sets("union", destination, keys)


@command(
    "SDIFFSTORE destination:OW,update key:RO,access [key ...]",
    WRITE | DENYOOM,
    since="1.0.0",
    cost=_OF_ALL,
)
def sdiffstore(call: Call, destination: bytes, keys: Arguments) -> Reply:
    """Store what `SDIFF` returns; count it.

    Errors: WRONG_TYPE.
    """
    return call.store_combined_sets("difference", destination, keys)


@command(
    "SINTERCARD numkeys key:RO,access [key ...] [LIMIT limit:integer]",
    READ,
    since="7.0.0",
    cost=_OF_SMALLEST,
    takes_rest=True,
)
def sintercard(call: Call, words: Arguments) -> Reply:
    """Count the members that are in all sets, up to a limit; 0 is none.

    Errors: NUMKEYS_NOT_POSITIVE, TOO_MANY_KEYS, SYNTAX, LIMIT_NEGATIVE, WRONG_TYPE.
    """
    number = _natural(words, 0, NUMKEYS_NOT_POSITIVE)
    if number == 0:
        raise NUMKEYS_NOT_POSITIVE
    if number >= len(words):
        raise TOO_MANY_KEYS
    limit = 0
    for at in range(number + 1, len(words), 2):
        if words[at].upper() != b"LIMIT" or at + 1 == len(words):
            raise SYNTAX
        limit = _natural(words, at + 1, LIMIT_NEGATIVE)
    return call.count_common_members(words.flat()[1 : number + 1], limit)


def _natural(words: Arguments, index: int, error: type[Exception]) -> int:
    """The argument at `index`, an integer that is not negative; anything else is `error`."""
    try:
        number = words.integer(index)
    except NOT_INTEGER:
        raise error from None
    if number < 0:
        raise error
    return number
