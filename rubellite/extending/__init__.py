"""Commands of one's own, in Python, with the standing of built-in ones.

    from rubellite.extending import WRITE, Call, command

    @command("RATE.LIMIT key limit:integer seconds", WRITE)
    def rate_limit(call: Call, key: bytes, limit: int, seconds: int) -> bool:
        \"\"\"Whether one more may pass: `limit` in so many seconds.\"\"\"
        passed = call.execute("INCR", key)
        if passed == 1:
            call.execute("EXPIRE", key, seconds)
        return passed <= limit

`rubellite serve --load FILE`, `rubellite.open(load=[…])` or `db.command(…)` put it into a
store; then every client can call it. docs/extending.md tells the rest.
"""

from __future__ import annotations

from rubellite._core import (
    NOTHING,
    NULL_ARRAY,
    Arguments,
    Blob,
    Blocked,
    Call,
    Hash,
    Interval,
    Killed,
    List,
    Members,
    Pairs,
    Set,
    SortedSet,
    Status,
    Verbatim,
)
from rubellite.engine.replies import OK, Reply
from rubellite.errors import NOT_FLOAT, NOT_INTEGER, SYNTAX, WRONG_TYPE, ReplyError
from rubellite.extending.declaring import Error, command, on
from rubellite.extending.extensions import Extensions
from rubellite.extending.loading import ExtensionError, Source
from rubellite.spec.flags import (
    ADMIN,
    ALLOW_BUSY,
    BLOCKING,
    DENYOOM,
    FAST,
    LOADING,
    NO_MULTI,
    NOSCRIPT,
    READ,
    SKIP_MONITOR,
    SKIP_SLOWLOG,
    STALE,
    WRITE,
)
from rubellite.spec.notation import NotationError
from rubellite.spec.parameters import Numkeys, Option, Payload, Range

__all__ = [
    "ADMIN",
    "ALLOW_BUSY",
    "BLOCKING",
    "DENYOOM",
    "FAST",
    "LOADING",
    "NOSCRIPT",
    "NOTHING",
    "NOT_FLOAT",
    "NOT_INTEGER",
    "NO_MULTI",
    "NULL_ARRAY",
    "OK",
    "READ",
    "SKIP_MONITOR",
    "SKIP_SLOWLOG",
    "STALE",
    "SYNTAX",
    "WRITE",
    "WRONG_TYPE",
    "Arguments",
    "Blob",
    "Blocked",
    "Call",
    "Error",
    "ExtensionError",
    "Extensions",
    "Hash",
    "Interval",
    "Killed",
    "List",
    "Members",
    "NotationError",
    "Numkeys",
    "Option",
    "Pairs",
    "Payload",
    "Range",
    "Reply",
    "ReplyError",
    "Set",
    "SortedSet",
    "Source",
    "Status",
    "Verbatim",
    "command",
    "on",
]
