"""Members of sorted sets that expire: ZEXPIRE, ZTTL and their like.

No real server has these commands; `member_expiry` says what they do.
"""

from __future__ import annotations

from typing import Final

from rubellite._core import Arguments, Call, SortedSet
from rubellite.engine.events import SORTED_SET
from rubellite.engine.member_expiry import COST, MemberExpiry, in_seconds
from rubellite.engine.replies import Reply
from rubellite.spec.command import command
from rubellite.spec.flags import FAST, READ, WRITE

_SINCE: Final = "0.1.0"
_GROUP: Final = "sorted-set"
_EXPIRY: Final = MemberExpiry(SortedSet, SORTED_SET, "z")


@command(
    "ZEXPIRE key:RW,update seconds [NX|XX|GT|LT] <MEMBERS nummembers member [member ...]>",
    WRITE | FAST,
    since=_SINCE,
    cost=COST,
    group=_GROUP,
    takes_rest=True,
)
def zexpire(call: Call, key: bytes, words: Arguments) -> Reply:
    """Let members expire in so many seconds.

    Errors: SYNTAX, UNSUPPORTED_OPTION, NOT_INTEGER, NUMMEMBERS, EXPIRE_CONDITIONS,
    EXPIRE_COMPARISONS, INVALID_EXPIRE, WRONG_TYPE.
    """
    return _EXPIRY.expire(call, key, words, 1000, call.now_ms)


@command(
    "ZPEXPIRE key:RW,update milliseconds [NX|XX|GT|LT] <MEMBERS nummembers member [member ...]>",
    WRITE | FAST,
    since=_SINCE,
    cost=COST,
    group=_GROUP,
    takes_rest=True,
)
def zpexpire(call: Call, key: bytes, words: Arguments) -> Reply:
    """Let members expire in so many milliseconds.

    Errors: SYNTAX, UNSUPPORTED_OPTION, NOT_INTEGER, NUMMEMBERS, EXPIRE_CONDITIONS,
    EXPIRE_COMPARISONS, INVALID_EXPIRE, WRONG_TYPE.
    """
    return _EXPIRY.expire(call, key, words, 1, call.now_ms)


@command(
    "ZEXPIREAT key:RW,update unix-time-seconds:integer [NX|XX|GT|LT] "
    "<MEMBERS nummembers member [member ...]>",
    WRITE | FAST,
    since=_SINCE,
    cost=COST,
    group=_GROUP,
    takes_rest=True,
)
def zexpireat(call: Call, key: bytes, words: Arguments) -> Reply:
    """Let members expire at a Unix time in seconds.

    Errors: SYNTAX, UNSUPPORTED_OPTION, NOT_INTEGER, NUMMEMBERS, EXPIRE_CONDITIONS,
    EXPIRE_COMPARISONS, INVALID_EXPIRE, WRONG_TYPE.
    """
    return _EXPIRY.expire(call, key, words, 1000, 0)


@command(
    "ZPEXPIREAT key:RW,update unix-time-milliseconds:integer [NX|XX|GT|LT] "
    "<MEMBERS nummembers member [member ...]>",
    WRITE | FAST,
    since=_SINCE,
    cost=COST,
    group=_GROUP,
    takes_rest=True,
)
def zpexpireat(call: Call, key: bytes, words: Arguments) -> Reply:
    """Let members expire at a Unix time in milliseconds.

    Errors: SYNTAX, UNSUPPORTED_OPTION, NOT_INTEGER, NUMMEMBERS, EXPIRE_CONDITIONS,
    EXPIRE_COMPARISONS, INVALID_EXPIRE, WRONG_TYPE.
    """
    return _EXPIRY.expire(call, key, words, 1, 0)


@command(
    "ZTTL key:RO,access <MEMBERS nummembers member [member ...]>",
    READ | FAST,
    since=_SINCE,
    cost=COST,
    group=_GROUP,
    takes_rest=True,
)
def zttl(call: Call, key: bytes, words: Arguments) -> list[int]:
    """Seconds until members expire; -1 for one that never does, -2 for none.

    Errors: SYNTAX, NOT_INTEGER, NUMMEMBERS, WRONG_TYPE.
    """
    return in_seconds(_EXPIRY.remaining_ms(call, key, words))


@command(
    "ZPTTL key:RO,access <MEMBERS nummembers member [member ...]>",
    READ | FAST,
    since=_SINCE,
    cost=COST,
    group=_GROUP,
    takes_rest=True,
)
def zpttl(call: Call, key: bytes, words: Arguments) -> list[int]:
    """Milliseconds until members expire; -1 for one that never does, -2 for none.

    Errors: SYNTAX, NOT_INTEGER, NUMMEMBERS, WRONG_TYPE.
    """
    return _EXPIRY.remaining_ms(call, key, words)


@command(
    "ZEXPIRETIME key:RO,access <MEMBERS nummembers member [member ...]>",
    READ | FAST,
    since=_SINCE,
    cost=COST,
    group=_GROUP,
    takes_rest=True,
)
def zexpiretime(call: Call, key: bytes, words: Arguments) -> list[int]:
    """Unix times in seconds at which members expire; -1 for one that never does, -2 for none.

    Errors: SYNTAX, NOT_INTEGER, NUMMEMBERS, WRONG_TYPE.
    """
    return in_seconds(_EXPIRY.deadlines(call, key, words))


@command(
    "ZPEXPIRETIME key:RO,access <MEMBERS nummembers member [member ...]>",
    READ | FAST,
    since=_SINCE,
    cost=COST,
    group=_GROUP,
    takes_rest=True,
)
def zpexpiretime(call: Call, key: bytes, words: Arguments) -> list[int]:
    """Unix times in ms at which members expire; -1 for one that never does, -2 for none.

    Errors: SYNTAX, NOT_INTEGER, NUMMEMBERS, WRONG_TYPE.
    """
    return _EXPIRY.deadlines(call, key, words)


@command(
    "ZPERSIST key:RW,update <MEMBERS nummembers member [member ...]>",
    WRITE | FAST,
    since=_SINCE,
    cost=COST,
    group=_GROUP,
    takes_rest=True,
)
def zpersist(call: Call, key: bytes, words: Arguments) -> Reply:
    """Let members expire no more.

    Errors: SYNTAX, NOT_INTEGER, NUMMEMBERS, WRONG_TYPE.
    """
    return _EXPIRY.persist(call, key, words)
