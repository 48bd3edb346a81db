"""Transactions: MULTI, EXEC, DISCARD, WATCH, UNWATCH."""

from __future__ import annotations

from rubellite._core import Arguments, Call
from rubellite.engine.replies import OK, Reply
from rubellite.spec.command import command
from rubellite.spec.flags import (
    ALLOW_BUSY,
    FAST,
    LOADING,
    NO_MULTI,
    NO_QUEUE,
    NOSCRIPT,
    SKIP_SLOWLOG,
    STALE,
)


@command(
    "MULTI", NOSCRIPT | LOADING | STALE | FAST | ALLOW_BUSY | NO_MULTI | NO_QUEUE, since="1.2.0"
)
def multi(call: Call) -> Reply:
    """Queue the commands that follow, until EXEC.

    Errors: NOT_ALLOWED_IN_MULTI.
    """
    call.begin_transaction()
    return OK


@command(
    "EXEC",
    NOSCRIPT | LOADING | STALE | SKIP_SLOWLOG | NO_QUEUE,
    since="1.2.0",
    cost="Depends on commands in the transaction",
)
def exec_(call: Call) -> Reply:
    """Run the queued commands as one; null if a watched key changed.

    Errors: EXEC_WITHOUT_MULTI, EXEC_ABORTED.
    """
    return call.execute_transaction()


@command(
    "DISCARD",
    NOSCRIPT | LOADING | STALE | FAST | ALLOW_BUSY | NO_QUEUE,
    since="2.0.0",
    cost="O(N), when N is the number of queued commands",
)
def discard(call: Call) -> Reply:
    """Forget the queued commands and the watched keys.

    Errors: DISCARD_WITHOUT_MULTI.
    """
    call.discard_transaction()
    return OK


@command(
    "WATCH key:RO [key ...]",
    NOSCRIPT | LOADING | STALE | FAST | ALLOW_BUSY | NO_MULTI | NO_QUEUE,
    since="2.2.0",
    cost="O(1) for every key.",
)
def watch(call: Call, keys: Arguments) -> Reply:
    """Let EXEC answer null if one of these keys changes before it.

    Errors: NOT_ALLOWED_IN_MULTI.
    """
    call.watch(keys)
    return OK


@command("UNWATCH", NOSCRIPT | LOADING | STALE | FAST | ALLOW_BUSY, since="2.2.0")
def unwatch(call: Call) -> Reply:
    """Forget the watched keys."""
    call.unwatch()
    return OK
