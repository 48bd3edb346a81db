"""Strings: SET, GET, INCR and their like."""

from __future__ import annotations

from typing import Annotated

from rubellite._core import Arguments, Blob, Call, lcs_length, lcs_matches, lcs_table_bytes
from rubellite.engine.expiry import deadline_of
from rubellite.engine.replies import OK, Reply
from rubellite.errors import (
    LCS_LENGTH_AND_INDEXES,
    LCS_NOT_STRINGS,
    LCS_TOO_BIG,
    OFFSET_OUT_OF_RANGE,
    SYNTAX,
    WRONG_TYPE,
)
from rubellite.spec.command import command
from rubellite.spec.flags import DENYOOM, FAST, READ, WRITE
from rubellite.spec.parameters import Numkeys, Option, Payload

_TTL = "EX seconds|PX milliseconds|EXAT unix-time-seconds|PXAT unix-time-milliseconds"
_SHARDS = ("request_policy:multi_shard", "response_policy:all_succeeded")


@command("GET key", READ | FAST, since="1.0.0", native=True)
def get(call: Call, key: bytes) -> Reply:
    """Return the string at `key`.

    Errors: WRONG_TYPE.
    """


@command(
    f"SET key:RW,access,update,variable_flags value [NX|XX|IFEQ comparison-value] [GET] "
    f"[{_TTL}|KEEPTTL]",
    WRITE | DENYOOM,
    since="1.0.0",
    history=(
        ("2.6.12", "Added the `EX`, `PX`, `NX` and `XX` options."),
        ("6.0.0", "Added the `KEEPTTL` option."),
        ("6.2.0", "Added the `GET`, `EXAT` and `PXAT` option."),
        ("7.0.0", "Allowed the `NX` and `GET` options to be used together."),
        ("8.1.0", "Added the `IFEQ` option."),
    ),
    native=True,
)
def set_(
    call: Call, key: bytes, value: Payload, condition: Option, get: bool, expiry: Option
) -> Reply:
    """Set the string at `key`, whatever it held before.

    Without options it is native; here are the options.

    Errors: WRONG_TYPE (with GET or IFEQ), INVALID_EXPIRE.
    """
    at = None
    if isinstance(expiry, tuple):
        at = deadline_of(call, expiry, "set")
    old = call.get(key) if get else None
    if condition == "NX":
        allowed = not call.exists(key)
    elif condition == "XX":
        allowed = call.exists(key, "peek")
    elif condition is not None:
        present = old if get else peek_counting(call, key)
        allowed = present is not None and bytes(present) == condition[1]
    else:
        allowed = True
    if not allowed:
        if condition != "NX":
            call.exists(key)
        return old
    if at is not None and at <= call.now_ms:
        # What has passed is not stored first.
        call.expire(key, at)
        return old if get else OK
    call.set(key, value, at, expiry == "KEEPTTL")
    if condition is not None or get or at is not None:
        written: list[bytes] = [b"SET", key, value]
        if at is not None:
            written += (b"PXAT", b"%d" % at)
        elif expiry == "KEEPTTL":
            written.append(b"KEEPTTL")
        call.propagate(written)
    return old if get else OK


def peek_counting(call: Call, key: bytes) -> Blob | bytes | None:
    """The string at `key`, not counted as an access; another type is one, and an error."""
    try:
        return call.peek(key)
    except WRONG_TYPE:
        call.exists(key)
        raise


@command(
    "SETNX key:OW,insert value",
    WRITE | DENYOOM | FAST,
    since="1.0.0",
)
def setnx(call: Call, key: bytes, value: Payload) -> Reply:
    """Set the string at `key` if there is nothing yet."""
    if call.exists(key):
        return 0
    call.set(key, value)
    return 1


@command(
    "SETEX key:OW,update seconds value",
    WRITE | DENYOOM,
    since="2.0.0",
)
def setex(call: Call, key: bytes, seconds: int, value: Payload) -> Reply:
    """Set the string at `key` and its time to live in seconds.

    Errors: INVALID_EXPIRE.
    """
    return _set_with_deadline(call, key, value, ("EX", seconds), "setex")


@command(
    "PSETEX key:OW,update milliseconds value",
    WRITE | DENYOOM,
    since="2.6.0",
)
def psetex(call: Call, key: bytes, milliseconds: int, value: Payload) -> Reply:
    """Set the string at `key` and its time to live in milliseconds.

    Errors: INVALID_EXPIRE.
    """
    return _set_with_deadline(call, key, value, ("PX", milliseconds), "psetex")


def _set_with_deadline(
    call: Call, key: bytes, value: Payload, expiry: tuple[str, int], name: str
) -> Reply:
    at = deadline_of(call, expiry, name)
    call.set(key, value, at)
    call.propagate([b"SET", key, value, b"PXAT", b"%d" % at])
    return OK


@command(
    "GETSET key:RW,access,update value",
    WRITE | DENYOOM | FAST,
    since="1.0.0",
)
def getset(call: Call, key: bytes, value: Payload) -> Reply:
    """Set the string at `key`; return the old one.

    Errors: WRONG_TYPE.
    """
    old = call.get(key)
    call.set(key, value)
    call.propagate([b"SET", key, value])
    return old


@command("GETDEL key:RW,access,delete", WRITE | FAST, since="6.2.0")
def getdel(call: Call, key: bytes) -> Reply:
    """Return the string at `key` and remove it.

    Errors: WRONG_TYPE.
    """
    old = call.get(key)
    if old is not None:
        call.delete(key)
        call.propagate([b"DEL", key])
    return old


@command(
    f"GETEX key:RW,access,update [{_TTL}|PERSIST]",
    WRITE | FAST,
    since="6.2.0",
)
def getex(call: Call, key: bytes, expiry: Option) -> Reply:
    """Return the string at `key` and change its time to live.

    Errors: WRONG_TYPE, INVALID_EXPIRE.
    """
    at = deadline_of(call, expiry, "getex") if isinstance(expiry, tuple) else None
    value = call.get(key)
    if value is None:
        return None
    call.leave_untouched()
    if at is not None:
        call.expire(key, at)
        # A deadline that has passed entered the journal as DEL.
        if at > call.now_ms:
            call.propagate([b"PEXPIREAT", key, b"%d" % at])
    elif expiry == "PERSIST" and call.persist(key):
        call.propagate([b"PERSIST", key])
    return value


@command("DELIFEQ key:RM,delete value", WRITE | FAST, since="9.0.0")
def delifeq(call: Call, key: bytes, value: bytes) -> Reply:
    """Remove `key` if its string equals `value`.

    Errors: WRONG_TYPE.
    """
    old = peek_counting(call, key)
    if old is None or bytes(old) != value:
        call.exists(key)
        return 0
    call.delete(key)
    call.propagate([b"DEL", key])
    return 1


@command(
    "MGET key [key ...]",
    READ | FAST,
    since="1.0.0",
    cost="O(N) where N is the number of keys to retrieve.",
    tips=("request_policy:multi_shard",),
)
def mget(call: Call, keys: Arguments) -> Reply:
    """Return the strings at the keys; null where there is none."""
    return call.get_all(keys)


@command(
    "MSET key:OW,update value [key value ...]",
    WRITE | DENYOOM,
    since="1.0.1",
    cost="O(N) where N is the number of keys to set.",
    tips=_SHARDS,
)
def mset(call: Call, pairs: Arguments) -> Reply:
    """Set several strings at once."""
    call.set_all(pairs)
    return OK


@command(
    "MSETNX key:OW,insert value [key value ...]",
    WRITE | DENYOOM,
    since="1.0.1",
    cost="O(N) where N is the number of keys to set.",
)
def msetnx(call: Call, pairs: Arguments) -> Reply:
    """Set several strings if none of the keys is there."""
    if call.exists_any(pairs):
        return 0
    call.leave_untouched()
    call.set_all(pairs)
    return 1


@command(
    f"MSETEX numkeys key:OW,update value [key value ...] [NX|XX] [{_TTL}|KEEPTTL]",
    WRITE | DENYOOM,
    since="9.1.0",
    cost="O(N) where N is the number of keys to set.",
    tips=_SHARDS,
)
def msetex(
    call: Call,
    pairs: Annotated[Arguments, Numkeys("INVALID_NUMKEYS")],
    condition: Option,
    expiry: Option,
) -> Reply:
    """Set several strings with one time to live.

    Errors: INVALID_NUMKEYS, INVALID_EXPIRE.
    """
    at = deadline_of(call, expiry, "msetex") if isinstance(expiry, tuple) else None
    if condition is not None:
        refused = call.exists_any(pairs) if condition == "NX" else not call.exists_all(pairs)
        if refused:
            return 0
    keeps = expiry == "KEEPTTL"
    call.set_all(pairs, at, keeps)
    lifetime: list[bytes] = []
    if at is not None:
        lifetime = [b"PXAT", b"%d" % at]
    elif keeps:
        lifetime = [b"KEEPTTL"]
    call.propagate(*([b"SET", key, value, *lifetime] for key, value in pairs.groups()))
    return 1


@command("APPEND key:RW,insert value", WRITE | DENYOOM | FAST, since="2.0.0")
def append(call: Call, key: bytes, value: bytes) -> Reply:
    """Append to the string at `key`; return its new length.

    Errors: WRONG_TYPE, STRING_TOO_LONG.
    """
    return call.append(key, value)


@command("STRLEN key:RO", READ | FAST, since="2.2.0")
def strlen(call: Call, key: bytes) -> Reply:
    """Length in bytes of the string at `key`; 0 when there is none.

    Errors: WRONG_TYPE.
    """
    return call.string_length(key)


@command(
    "GETRANGE key start end",
    READ,
    since="2.4.0",
    cost="O(N) where N is the length of the returned string.",
)
def getrange(call: Call, key: bytes, start: int, end: int) -> Reply:
    """Return the bytes from `start` to `end`, both included.

    Errors: WRONG_TYPE.
    """
    return call.get_range(key, start, end)


@command(
    "SUBSTR key start end",
    READ,
    since="1.0.0",
    cost="O(N) where N is the length of the returned string.",
)
def substr(call: Call, key: bytes, start: int, end: int) -> Reply:
    """Return the bytes from `start` to `end`, both included.

    Errors: WRONG_TYPE.
    """
    return call.get_range(key, start, end)


@command("SETRANGE key:RW,update offset value", WRITE | DENYOOM, since="2.2.0")
def setrange(call: Call, key: bytes, offset: int, value: bytes) -> Reply:
    """Overwrite the string at `key` from `offset` on; return its length.

    Errors: OFFSET_OUT_OF_RANGE, WRONG_TYPE, STRING_TOO_LONG.
    """
    if offset < 0:
        raise OFFSET_OUT_OF_RANGE
    return call.set_range(key, offset, value)


@command("INCR key:RW,access,update", WRITE | DENYOOM | FAST, since="1.0.0", native=True)
def incr(call: Call, key: bytes) -> Reply:
    """Add 1 to the integer at `key`, counting a missing one as 0.

    Errors: WRONG_TYPE, NOT_INTEGER, INCREMENT_OVERFLOW.
    """


@command("DECR key:RW,access,update", WRITE | DENYOOM | FAST, since="1.0.0", native=True)
def decr(call: Call, key: bytes) -> Reply:
    """Subtract 1 from the integer at `key`, counting a missing one as 0.

    Errors: WRONG_TYPE, NOT_INTEGER, INCREMENT_OVERFLOW.
    """


@command(
    "INCRBY key:RW,access,update increment", WRITE | DENYOOM | FAST, since="1.0.0", native=True
)
def incrby(call: Call, key: bytes, increment: int) -> Reply:
    """Add `increment` to the integer at `key`, counting a missing one as 0.

    Errors: WRONG_TYPE, NOT_INTEGER, INCREMENT_OVERFLOW.
    """


@command(
    "DECRBY key:RW,access,update decrement", WRITE | DENYOOM | FAST, since="1.0.0", native=True
)
def decrby(call: Call, key: bytes, decrement: int) -> Reply:
    """Subtract `decrement` from the integer at `key`, counting a missing one as 0.

    Errors: DECREMENT_OVERFLOW, WRONG_TYPE, NOT_INTEGER, INCREMENT_OVERFLOW.
    """


@command("INCRBYFLOAT key:RW,access,update increment:double", WRITE | DENYOOM | FAST, since="2.6.0")
def incrbyfloat(call: Call, key: bytes, increment: bytes) -> Reply:
    """Add a decimal fraction to the number at `key`, counting a missing one as 0.

    Errors: WRONG_TYPE, NOT_FLOAT, INCREMENT_NAN_OR_INFINITY.
    """
    total = call.increment_float(key, increment)
    # Rounding may differ from machine to machine; the sum does not.
    call.propagate([b"SET", key, total, b"KEEPTTL"])
    return total


@command(
    "LCS key1 key2 [LEN] [IDX] [MINMATCHLEN min-match-len] [WITHMATCHLEN]",
    READ,
    since="7.0.0",
    cost="O(N*M) where N and M are the lengths of s1 and s2, respectively",
    takes_rest=True,
)
def lcs(call: Call, key1: bytes, key2: bytes, options: Arguments) -> Reply:
    """Find the longest common subsequence of two strings.

    Errors: LCS_NOT_STRINGS, SYNTAX, NOT_INTEGER, LCS_LENGTH_AND_INDEXES, LCS_TOO_BIG.
    """
    first, second = _lcs_text(call, key1), _lcs_text(call, key2)
    if first is None or second is None:
        raise LCS_NOT_STRINGS
    words, match_bytes_min = _lcs_options(options)
    if {b"LEN", b"IDX"} <= words:
        raise LCS_LENGTH_AND_INDEXES
    if lcs_table_bytes(first, second) > call.bulk_bytes_max:
        raise LCS_TOO_BIG
    if b"LEN" in words:
        return lcs_length(first, second)
    matches = lcs_matches(first, second)
    if b"IDX" not in words:
        return b"".join(first[a : a + count] for a, _, count in reversed(matches))
    found: list[Reply] = []
    for a, b, count in matches:
        if count >= match_bytes_min:
            row: list[Reply] = [[a, a + count - 1], [b, b + count - 1]]
            if b"WITHMATCHLEN" in words:
                row.append(count)
            found.append(row)
    return {"matches": found, "len": sum(count for _, _, count in matches)}


def _lcs_text(call: Call, key: bytes) -> bytes | None:
    """The string at `key`, or None for what is no string; both keys are looked at."""
    try:
        return bytes(call.get(key) or b"")
    except WRONG_TYPE:
        return None


def _lcs_options(options: Arguments) -> tuple[set[bytes], int]:
    """The words given, and MINMATCHLEN's value.

    Errors: SYNTAX, NOT_INTEGER.
    """
    words = set()
    match_bytes_min = 0
    at = 0
    while at < len(options):
        word = options[at].upper()
        if word == b"MINMATCHLEN" and at + 1 < len(options):
            at += 1
            match_bytes_min = options.integer(at)
        elif word not in (b"LEN", b"IDX", b"WITHMATCHLEN"):
            raise SYNTAX
        words.add(word)
        at += 1
    return words, match_bytes_min
