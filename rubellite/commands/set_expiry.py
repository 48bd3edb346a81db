"""Members of sets that expire: SEXPIRE, STTL and their like.

No real server has these commands; `member_expiry` says what they do.
"""

from __future__ import annotations

from typing import Final

from rubellite._core import Arguments, Call, Set
from rubellite.engine.events import SET
from rubellite.engine.member_expiry import COST, MemberExpiry, in_seconds
from rubellite.engine.replies import Reply
from rubellite.spec.command import command
from rubellite.spec.flags import FAST, READ, WRITE

_SINCE: Final = "0.1.0"
_GROUP: Final = "set"
_EXPIRY: Final = MemberExpiry(Set, SET, "s")


@command(
    "SEXPIRE key:RW,update seconds [NX|XX|GT|LT] <MEMBERS nummembers member [member ...]>",
    WRITE | FAST,
    since=_SINCE,
    cost=COST,
    group=_GROUP,
    takes_rest=True,
)
def sexpire(call: Call, key: bytes, words: Arguments) -> Reply:
    """Let members expire in so many seconds.

    Errors: SYNTAX, UNSUPPORTED_OPTION, NOT_INTEGER, NUMMEMBERS, EXPIRE_CONDITIONS,
    EXPIRE_COMPARISONS, INVALID_EXPIRE, WRONG_TYPE.
    """
    return _EXPIRY.expire(call, key, words, 1000, call.now_ms)


@command(
    "SPEXPIRE key:RW,update milliseconds [NX|XX|GT|LT] <MEMBERS nummembers member [member ...]>",
    WRITE | FAST,
    since=_SINCE,
    cost=COST,
    group=_GROUP,
    takes_rest=True,
)
def spexpire(call: Call, key: bytes, words: Arguments) -> Reply:
    """Let members expire in so many milliseconds.

    Errors: SYNTAX, UNSUPPORTED_OPTION, NOT_INTEGER, NUMMEMBERS, EXPIRE_CONDITIONS,
    EXPIRE_COMPARISONS, INVALID_EXPIRE, WRONG_TYPE.
    """
    return _EXPIRY.expire(call, key, words, 1, call.now_ms)


@command(
    "SEXPIREAT key:RW,update unix-time-seconds:integer [NX|XX|GT|LT] "
    "<MEMBERS nummembers member [member ...]>",
    WRITE | FAST,
    since=_SINCE,
    cost=COST,
    group=_GROUP,
    takes_rest=True,
)
def sexpireat(call: Call, key: bytes, words: Arguments) -> Reply:
    """Let members expire at a Unix time in seconds.

    Errors: SYNTAX, UNSUPPORTED_OPTION, NOT_INTEGER, NUMMEMBERS, EXPIRE_CONDITIONS,
    EXPIRE_COMPARISONS, INVALID_EXPIRE, WRONG_TYPE.
    """
    return _EXPIRY.expire(call, key, words, 1000, 0)


@command(
    "SPEXPIREAT key:RW,update unix-time-milliseconds:integer [NX|XX|GT|LT] "
    "<MEMBERS nummembers member [member ...]>",
    WRITE | FAST,
    since=_SINCE,
    cost=COST,
    group=_GROUP,
    takes_rest=True,
)
def spexpireat(call: Call, key: bytes, words: Arguments) -> Reply:
    """Let members expire at a Unix time in milliseconds.

    Errors: SYNTAX, UNSUPPORTED_OPTION, NOT_INTEGER, NUMMEMBERS, EXPIRE_CONDITIONS,
    EXPIRE_COMPARISONS, INVALID_EXPIRE, WRONG_TYPE.
    """
    return _EXPIRY.expire(call, key, words, 1, 0)


@command(
    "STTL key:RO,access <MEMBERS nummembers member [member ...]>",
    READ | FAST,
    since=_SINCE,
    cost=COST,
    group=_GROUP,
    takes_rest=True,
)
def sttl(call: Call, key: bytes, words: Arguments) -> list[int]:
    """Seconds until members expire; -1 for one that never does, -2 for none.

    Errors: SYNTAX, NOT_INTEGER, NUMMEMBERS, WRONG_TYPE.
    """
    return in_seconds(_EXPIRY.remaining_ms(call, key, words))


@command(
    "SPTTL key:RO,access <MEMBERS nummembers member [member ...]>",
    READ | FAST,
    since=_SINCE,
    cost=COST,
    group=_GROUP,
    takes_rest=True,
)
def spttl(call: Call, key: bytes, words: Arguments) -> list[int]:
    """Milliseconds until members expire; -1 for one that never does, -2 for none.

    Errors: SYNTAX, NOT_INTEGER, NUMMEMBERS, WRONG_TYPE.
    """
    return _EXPIRY.remaining_ms(call, key, words)


@command(
    "SEXPIRETIME key:RO,access <MEMBERS nummembers member [member ...]>",
    READ | FAST,
    since=_SINCE,
    cost=COST,
    group=_GROUP,
    takes_rest=True,
)
def sexpiretime(call: Call, key: bytes, words: Arguments) -> list[int]:
    """Unix times in seconds at which members expire; -1 for one that never does, -2 for none.

    Errors: SYNTAX, NOT_INTEGER, NUMMEMBERS, WRONG_TYPE.
    """
    return in_seconds(_EXPIRY.deadlines(call, key, words))


@command(
    "SPEXPIRETIME key:RO,access <MEMBERS nummembers member [member ...]>",
    READ | FAST,
    since=_SINCE,
    cost=COST,
    group=_GROUP,
    takes_rest=True,
)
def spexpiretime(call: Call, key: bytes, words: Arguments) -> list[int]:
    """Unix times in ms at which members expire; -1 for one that never does, -2 for none.

    Errors: SYNTAX, NOT_INTEGER, NUMMEMBERS, WRONG_TYPE.
    """
    return _EXPIRY.deadlines(call, key, words)


@command(
    "SPERSIST key:RW,update <MEMBERS nummembers member [member ...]>",
    WRITE | FAST,
    since=_SINCE,
    cost=COST,
    group=_GROUP,
    takes_rest=True,
)
def spersist(call: Call, key: bytes, words: Arguments) -> Reply:
    """Let members expire no more.

    Errors: SYNTAX, NOT_INTEGER, NUMMEMBERS, WRONG_TYPE.
    """
    return _EXPIRY.persist(call, key, words)
