"""DBSIZE, FLUSHDB, FLUSHALL, SWAPDB."""

from __future__ import annotations

from typing import Annotated

from rubellite._core import Arguments, Call
from rubellite.engine.replies import OK, Reply
from rubellite.errors import SYNTAX
from rubellite.persistence import snapshots
from rubellite.spec.command import command
from rubellite.spec.flags import ALWAYS_PROPAGATE, FAST, READ, WRITE
from rubellite.spec.parameters import Range

#: Databases are numbered by a C int.
I32_MIN, I32_MAX = -(2**31), 2**31 - 1

_FLUSH_TIPS = ("request_policy:all_shards", "response_policy:all_succeeded")


@command(
    "DBSIZE",
    READ | FAST,
    since="1.0.0",
    categories=("@keyspace",),
    tips=("request_policy:all_shards", "response_policy:agg_sum"),
)
def dbsize(call: Call) -> Reply:
    """Count the keys of the selected database."""
    return call.database_size()


@command(
    "FLUSHDB [ASYNC|SYNC]",
    WRITE | ALWAYS_PROPAGATE,
    since="1.0.0",
    cost="O(N) where N is the number of keys in the selected database",
    categories=("@keyspace", "@dangerous"),
    tips=_FLUSH_TIPS,
    takes_rest=True,
)
def flushdb(call: Call, mode: Arguments) -> Reply:
    """Remove all keys of the selected database; memory is always freed in the background.

    Errors: SYNTAX.
    """
    _check_mode(mode)
    call.flush(False)
    return OK


@command(
    "FLUSHALL [ASYNC|SYNC]",
    WRITE | ALWAYS_PROPAGATE,
    since="1.0.0",
    cost="O(N) where N is the total number of keys in all databases",
    categories=("@keyspace", "@dangerous"),
    tips=_FLUSH_TIPS,
    takes_rest=True,
)
def flushall(call: Call, mode: Arguments) -> Reply:
    """Remove all keys of all databases; memory is always freed in the background.

    Errors: SYNTAX.
    """
    _check_mode(mode)
    call.flush(True)
    snapshots.of(call).flushed_all(call)
    return OK


def _check_mode(words: Arguments) -> None:
    if len(words) > 1 or any(word.upper() not in (b"ASYNC", b"SYNC") for word in words):
        raise SYNTAX


@command(
    "SWAPDB index1 index2",
    WRITE | FAST,
    since="4.0.0",
    cost="O(N) where N is the count of clients watching or blocking on keys from both databases.",
    categories=("@keyspace", "@dangerous"),
)
def swapdb(
    call: Call,
    index1: Annotated[int, Range(I32_MIN, I32_MAX, "INVALID_FIRST_DATABASE")],
    index2: Annotated[int, Range(I32_MIN, I32_MAX, "INVALID_SECOND_DATABASE")],
) -> Reply:
    """Exchange two databases.

    Errors: INVALID_FIRST_DATABASE, INVALID_SECOND_DATABASE, DATABASE_OUT_OF_RANGE.
    """
    call.swap_databases(index1, index2)
    return OK
