"""When keys expire: EXPIRE and its like, TTL and its like, PERSIST."""

from __future__ import annotations

from rubellite._core import Arguments, Call
from rubellite.engine.expiry import DEADLINE_MS_MAX, check_deadline, conditions_of
from rubellite.engine.replies import Reply
from rubellite.spec.command import command
from rubellite.spec.flags import FAST, READ, WRITE

_CONDITIONS_ADDED = (("7.0.0", "Added options: `NX`, `XX`, `GT` and `LT`."),)
_MISSING_REPLY_ADDED = (("2.8.0", "Added the -2 reply."),)
_CHANGES = ("nondeterministic_output",)

#: What `Call.deadline` says of a key without deadline, and of none at all.
_NO_DEADLINE, _NO_KEY = -1, -2


@command(
    "EXPIRE key:RW,update seconds [NX|XX|GT|LT]",
    WRITE | FAST,
    since="1.0.0",
    history=_CONDITIONS_ADDED,
    takes_rest=True,
)
def expire(call: Call, key: bytes, words: Arguments) -> Reply:
    """Let a key expire in so many seconds.

    Errors: UNSUPPORTED_OPTION, EXPIRE_CONDITIONS, EXPIRE_COMPARISONS, NOT_INTEGER,
    INVALID_EXPIRE.
    """
    return _expire(call, key, words, 1000, call.now_ms)


@command(
    "PEXPIRE key:RW,update milliseconds [NX|XX|GT|LT]",
    WRITE | FAST,
    since="2.6.0",
    history=_CONDITIONS_ADDED,
    takes_rest=True,
)
def pexpire(call: Call, key: bytes, words: Arguments) -> Reply:
    """Let a key expire in so many milliseconds.

    Errors: UNSUPPORTED_OPTION, EXPIRE_CONDITIONS, EXPIRE_COMPARISONS, NOT_INTEGER,
    INVALID_EXPIRE.
    """
    return _expire(call, key, words, 1, call.now_ms)


@command(
    "EXPIREAT key:RW,update unix-time-seconds [NX|XX|GT|LT]",
    WRITE | FAST,
    since="1.2.0",
    history=_CONDITIONS_ADDED,
    takes_rest=True,
)
def expireat(call: Call, key: bytes, words: Arguments) -> Reply:
    """Let a key expire at a Unix time in seconds.

    Errors: UNSUPPORTED_OPTION, EXPIRE_CONDITIONS, EXPIRE_COMPARISONS, NOT_INTEGER,
    INVALID_EXPIRE.
    """
    return _expire(call, key, words, 1000, 0)


@command(
    "PEXPIREAT key:RW,update unix-time-milliseconds [NX|XX|GT|LT]",
    WRITE | FAST,
    since="2.6.0",
    history=_CONDITIONS_ADDED,
    takes_rest=True,
)
def pexpireat(call: Call, key: bytes, words: Arguments) -> Reply:
    """Let a key expire at a Unix time in milliseconds.

    Errors: UNSUPPORTED_OPTION, EXPIRE_CONDITIONS, EXPIRE_COMPARISONS, NOT_INTEGER,
    INVALID_EXPIRE.
    """
    return _expire(call, key, words, 1, 0)


def _expire(call: Call, key: bytes, words: Arguments, unit_ms: int, since_ms: int) -> int:
    """Sets the deadline `words[0]` units after `since_ms`, if the other words allow it."""
    conditions = conditions_of(words.flat()[1:]) if len(words) > 1 else frozenset()
    at_ms = check_deadline(words.integer(0), unit_ms, since_ms, call.command_name)
    if conditions and not _allows(call, key, conditions, at_ms):
        call.exists(key)
        return 0
    if not call.expire(key, at_ms):
        return 0
    # A deadline that has passed entered the journal as DEL.
    if at_ms > call.now_ms:
        call.propagate((b"PEXPIREAT", key, b"%d" % at_ms))
    return 1


def _allows(call: Call, key: bytes, conditions: frozenset[bytes], at_ms: int) -> bool:
    """Whether the conditions allow `at_ms`; no deadline counts as the latest one."""
    at_ms = min(at_ms, DEADLINE_MS_MAX)
    present = call.deadline(key, "peek")
    if present == _NO_KEY:
        return False
    if present == _NO_DEADLINE:
        return conditions.isdisjoint((b"XX", b"GT"))
    return not (
        b"NX" in conditions
        or (b"GT" in conditions and at_ms <= present)
        or (b"LT" in conditions and at_ms >= present)
    )


@command("PERSIST key:RW,update", WRITE | FAST, since="2.2.0")
def persist(call: Call, key: bytes) -> Reply:
    """Let a key expire no more."""
    return int(call.persist(key))


@command(
    "TTL key",
    READ | FAST,
    since="1.0.0",
    tips=_CHANGES,
    history=_MISSING_REPLY_ADDED,
)
def ttl(call: Call, key: bytes) -> Reply:
    """Seconds until a key expires; -1 if it never does, -2 without key."""
    at_ms = call.deadline(key)
    return at_ms if at_ms < 0 else (max(at_ms - call.now_ms, 0) + 500) // 1000


@command(
    "PTTL key",
    READ | FAST,
    since="2.6.0",
    tips=_CHANGES,
    history=_MISSING_REPLY_ADDED,
)
def pttl(call: Call, key: bytes) -> Reply:
    """Milliseconds until a key expires; -1 if it never does, -2 without key."""
    at_ms = call.deadline(key)
    return at_ms if at_ms < 0 else max(at_ms - call.now_ms, 0)


@command("EXPIRETIME key", READ | FAST, since="7.0.0")
def expiretime(call: Call, key: bytes) -> Reply:
    """Unix time in seconds at which a key expires; -1 if it never does, -2 without key."""
    at_ms = call.deadline(key)
    return at_ms if at_ms < 0 else (at_ms + 500) // 1000


@command("PEXPIRETIME key", READ | FAST, since="7.0.0")
def pexpiretime(call: Call, key: bytes) -> Reply:
    """Unix time in ms at which a key expires; -1 if it never does, -2 without key."""
    return call.deadline(key)
