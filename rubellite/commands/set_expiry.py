"""Members of sets that expire: SEXPIRE, STTL and their like.

No real server has these commands; they say for members what Valkey's HEXPIRE and HTTL
say for fields (docs/decisions/0008-members-of-sets-expire.md).
"""

from __future__ import annotations

from rubellite._core import Arguments, Call, Set
from rubellite.engine.events import SET
from rubellite.engine.expiry import check_deadline, conditions_of
from rubellite.engine.replies import Reply
from rubellite.errors import (
    INVALID_EXPIRE,
    NUMMEMBERS,
    SYNTAX,
)
from rubellite.spec.command import command
from rubellite.spec.flags import FAST, READ, WRITE

_EACH = "O(N) where N is the number of specified members."
_SINCE = "0.1.0"
_GROUP = "set"

#: What became of a member: -2 there is none, 0 a condition did not hold.
_NO_MEMBER, _SET, _GONE = -2, 1, 2


def _members(words: Arguments, at: int) -> Arguments:
    """The members of `MEMBERS nummembers member [member ...]`, which begins at `at`.

    Errors: SYNTAX, NOT_INTEGER, NUMMEMBERS.
    """
    if words[at].upper() != b"MEMBERS":
        raise SYNTAX
    members = words.after(at + 2)
    if words.integer(at + 1) != len(members):
        raise NUMMEMBERS
    return members


def _expire(call: Call, key: bytes, words: Arguments, unit_ms: int, since_ms: int) -> Reply:
    """Gives members the deadline `words[0]` units after `since_ms`, if conditions hold."""
    at = 1
    while at < len(words) - 2 and words[at].upper() != b"MEMBERS":
        at += 1
    given = conditions_of(words.flat()[1:at] if at > 1 else ())
    members = _members(words, at)
    amount = words.integer(0)
    if amount < 0:
        raise INVALID_EXPIRE(call.command_name)
    at_ms = check_deadline(amount, unit_ms, since_ms, call.command_name)
    outcomes = call.edit(key, Set).expire_all(
        members,
        at_ms,
        nx=b"NX" in given,
        xx=b"XX" in given,
        gt=b"GT" in given,
        lt=b"LT" in given,
    )
    changed = [m for m, outcome in zip(members, outcomes, strict=True) if outcome in (_SET, _GONE)]
    if not changed:
        return outcomes
    if _GONE in outcomes:
        call.propagate((b"SREM", key, *changed))
        call.count_expired_fields(len(changed))
        call.notify(SET, "sexpired", key)
    else:
        number = b"%d" % len(changed)
        call.propagate((b"SPEXPIREAT", key, b"%d" % at_ms, b"MEMBERS", number, *changed))
        call.notify(SET, "sexpire", key)
    return outcomes


def _deadlines(call: Call, key: bytes, words: Arguments) -> list[int]:
    members = _members(words, 0)
    found = call.read(key, Set)
    return [_NO_MEMBER] * len(members) if found is None else found.deadlines(members)


@command(
    "SEXPIRE key:RW,update seconds [NX|XX|GT|LT] <MEMBERS nummembers member [member ...]>",
    WRITE | FAST,
    since=_SINCE,
    cost=_EACH,
    group=_GROUP,
    takes_rest=True,
)
def sexpire(call: Call, key: bytes, words: Arguments) -> Reply:
    """Let members expire in so many seconds.

    Errors: SYNTAX, UNSUPPORTED_OPTION, NOT_INTEGER, NUMMEMBERS, EXPIRE_CONDITIONS,
    EXPIRE_COMPARISONS, INVALID_EXPIRE, WRONG_TYPE.
    """
    return _expire(call, key, words, 1000, call.now_ms)


@command(
    "SPEXPIRE key:RW,update milliseconds [NX|XX|GT|LT] <MEMBERS nummembers member [member ...]>",
    WRITE | FAST,
    since=_SINCE,
    cost=_EACH,
    group=_GROUP,
    takes_rest=True,
)
def spexpire(call: Call, key: bytes, words: Arguments) -> Reply:
    """Let members expire in so many milliseconds.

    Errors: SYNTAX, UNSUPPORTED_OPTION, NOT_INTEGER, NUMMEMBERS, EXPIRE_CONDITIONS,
    EXPIRE_COMPARISONS, INVALID_EXPIRE, WRONG_TYPE.
    """
    return _expire(call, key, words, 1, call.now_ms)


@command(
    "SEXPIREAT key:RW,update unix-time-seconds:integer [NX|XX|GT|LT] "
    "<MEMBERS nummembers member [member ...]>",
    WRITE | FAST,
    since=_SINCE,
    cost=_EACH,
    group=_GROUP,
    takes_rest=True,
)
def sexpireat(call: Call, key: bytes, words: Arguments) -> Reply:
    """Let members expire at a Unix time in seconds.

    Errors: SYNTAX, UNSUPPORTED_OPTION, NOT_INTEGER, NUMMEMBERS, EXPIRE_CONDITIONS,
    EXPIRE_COMPARISONS, INVALID_EXPIRE, WRONG_TYPE.
    """
    return _expire(call, key, words, 1000, 0)


@command(
    "SPEXPIREAT key:RW,update unix-time-milliseconds:integer [NX|XX|GT|LT] "
    "<MEMBERS nummembers member [member ...]>",
    WRITE | FAST,
    since=_SINCE,
    cost=_EACH,
    group=_GROUP,
    takes_rest=True,
)
def spexpireat(call: Call, key: bytes, words: Arguments) -> Reply:
    """Let members expire at a Unix time in milliseconds.

    Errors: SYNTAX, UNSUPPORTED_OPTION, NOT_INTEGER, NUMMEMBERS, EXPIRE_CONDITIONS,
    EXPIRE_COMPARISONS, INVALID_EXPIRE, WRONG_TYPE.
    """
    return _expire(call, key, words, 1, 0)


@command(
    "STTL key:RO,access <MEMBERS nummembers member [member ...]>",
    READ | FAST,
    since=_SINCE,
    cost=_EACH,
    group=_GROUP,
    takes_rest=True,
)
def sttl(call: Call, key: bytes, words: Arguments) -> Reply:
    """Seconds until members expire; -1 for one that never does, -2 for none.

    Errors: SYNTAX, NOT_INTEGER, NUMMEMBERS, WRONG_TYPE.
    """
    now_ms = call.now_ms
    return [at if at < 0 else (at - now_ms + 500) // 1000 for at in _deadlines(call, key, words)]


@command(
    "SPTTL key:RO,access <MEMBERS nummembers member [member ...]>",
    READ | FAST,
    since=_SINCE,
    cost=_EACH,
    group=_GROUP,
    takes_rest=True,
)
def spttl(call: Call, key: bytes, words: Arguments) -> Reply:
    """Milliseconds until members expire; -1 for one that never does, -2 for none.

    Errors: SYNTAX, NOT_INTEGER, NUMMEMBERS, WRONG_TYPE.
    """
    now_ms = call.now_ms
    return [at if at < 0 else at - now_ms for at in _deadlines(call, key, words)]


@command(
    "SEXPIRETIME key:RO,access <MEMBERS nummembers member [member ...]>",
    READ | FAST,
    since=_SINCE,
    cost=_EACH,
    group=_GROUP,
    takes_rest=True,
)
def sexpiretime(call: Call, key: bytes, words: Arguments) -> Reply:
    """Unix times in seconds at which members expire; -1 for one that never does, -2 for none.

    Errors: SYNTAX, NOT_INTEGER, NUMMEMBERS, WRONG_TYPE.
    """
    return [at if at < 0 else (at + 500) // 1000 for at in _deadlines(call, key, words)]


@command(
    "SPEXPIRETIME key:RO,access <MEMBERS nummembers member [member ...]>",
    READ | FAST,
    since=_SINCE,
    cost=_EACH,
    group=_GROUP,
    takes_rest=True,
)
def spexpiretime(call: Call, key: bytes, words: Arguments) -> Reply:
    """Unix times in ms at which members expire; -1 for one that never does, -2 for none.

    Errors: SYNTAX, NOT_INTEGER, NUMMEMBERS, WRONG_TYPE.
    """
    return _deadlines(call, key, words)


@command(
    "SPERSIST key:RW,update <MEMBERS nummembers member [member ...]>",
    WRITE | FAST,
    since=_SINCE,
    cost=_EACH,
    group=_GROUP,
    takes_rest=True,
)
def spersist(call: Call, key: bytes, words: Arguments) -> Reply:
    """Let members expire no more.

    Errors: SYNTAX, NOT_INTEGER, NUMMEMBERS, WRONG_TYPE.
    """
    outcomes = call.edit(key, Set).persist_all(_members(words, 0))
    if _SET in outcomes:
        call.notify(SET, "spersist", key)
    return outcomes
