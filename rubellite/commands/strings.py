"""Strings: SET, GET, INCR and their like."""

from __future__ import annotations

from typing import Annotated

from rubellite._core import Arguments, Call, Reply, Status
from rubellite.engine.expiry import deadline_of
from rubellite.engine.replies import OK
from rubellite.errors import (
    DECREMENT_OVERFLOW,
    INVALID_EXPIRE,
    LCS_LENGTH_AND_INDEXES,
    LCS_NOT_STRINGS,
    NUMKEYS_NOT_POSITIVE,
    OFFSET_OUT_OF_RANGE,
    SYNTAX,
    WRONG_ARITY,
)
from rubellite.spec.command import command
from rubellite.spec.flags import DENYOOM, FAST, READ, WRITE
from rubellite.spec.parameters import I64_MIN, Numkeys, Option

_TTL = "EX seconds|PX milliseconds|EXAT unix-time-seconds|PXAT unix-time-milliseconds"


@command("GET key", READ | FAST, since="1.0.0")
def get(call: Call, key: bytes) -> Reply:
    """Return the string at `key`.

    Errors: WRONG_TYPE.
    """
    return call.get(key)


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
)
def set_(
    call: Call, key: bytes, value: bytes, condition: Option, get: bool, expiry: Option
) -> Reply:
    """Set the string at `key`, whatever it held before.

    Errors: WRONG_TYPE (with GET or IFEQ), INVALID_EXPIRE.
    """
    if condition is None and expiry is None and not get:
        call.set(key, value)
        return OK
    at = None
    if isinstance(expiry, tuple):
        at = deadline_of(call, expiry, "set")
    old = call.get(key) if get else None
    if condition == "NX":
        allowed = not call.exists(key)
    elif condition == "XX":
        allowed = call.exists(key)
    elif condition is not None:
        present = old if get else call.get(key)
        allowed = present is not None and bytes(present) == condition[1]
    else:
        allowed = True
    if not allowed:
        return old
    call.set(key, value, at, expiry == "KEEPTTL")
    if condition is not None or get or at is not None:
        written: list[bytes] = [b"SET", key, value]
        if at is not None:
            written += (b"PXAT", b"%d" % at)
        elif expiry == "KEEPTTL":
            written.append(b"KEEPTTL")
        call.propagate(written)
    return old if get else OK
