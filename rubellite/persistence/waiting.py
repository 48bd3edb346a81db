"""WAIT, WAITAOF: until others hold what was written.

There are no replicas, so whoever asks for one waits until the time is up.
"""

from __future__ import annotations

from rubellite._core import Arguments, Blocked, Call
from rubellite.engine.replies import Reply
from rubellite.errors import (
    NUMLOCAL_OUT_OF_RANGE,
    PAUSE_NOT_INTEGER,
    TIMEOUT_NEGATIVE,
    TIMEOUT_OUT_OF_RANGE,
    VALUE_OUT_OF_RANGE_POSITIVE,
    WAITAOF_WITHOUT_AOF,
    ReplyError,
)
from rubellite.persistence import append_only
from rubellite.spec.command import command
from rubellite.spec.flags import BLOCKING
from rubellite.spec.parameters import I64_MAX

_CATEGORIES = ("@slow", "@blocking", "@connection")


def load() -> None:
    """Importing this module was enough: its commands are in the table."""


def _integer(words: Arguments, at: int, error: type[ReplyError]) -> int:
    try:
        return words.integer(at)
    except ReplyError:
        raise error from None


def _deadline_ms(call: Call, words: Arguments, at: int) -> int | None:
    """When the wait is over; None: never.

    Errors: PAUSE_NOT_INTEGER, TIMEOUT_NEGATIVE, TIMEOUT_OUT_OF_RANGE.
    """
    timeout_ms = _integer(words, at, PAUSE_NOT_INTEGER)
    if timeout_ms < 0:
        raise TIMEOUT_NEGATIVE
    if call.now_ms + timeout_ms > I64_MAX:
        raise TIMEOUT_OUT_OF_RANGE
    return call.now_ms + timeout_ms if timeout_ms else None


@command(
    "WAIT numreplicas:integer timeout:integer",
    BLOCKING,
    since="3.0.0",
    cost="O(1)",
    group="generic",
    categories=_CATEGORIES,
    keyspace=False,
    tips=("request_policy:all_shards", "response_policy:agg_min"),
    takes_rest=True,
)
def wait(call: Call, words: Arguments) -> Reply:
    """Wait until so many replicas have what was written; count those that have.

    There are none: who asks for some gets 0 after `timeout` milliseconds, 0 for never.

    Errors: NOT_INTEGER, PAUSE_NOT_INTEGER, TIMEOUT_NEGATIVE, TIMEOUT_OUT_OF_RANGE.
    """
    replicas = words.integer(0)
    deadline_ms = _deadline_ms(call, words, 1)
    if replicas <= 0:
        return 0
    return Blocked.for_time(deadline_ms, [0], False)


@command(
    "WAITAOF numlocal:integer numreplicas:integer timeout:integer",
    BLOCKING,
    since="7.2.0",
    cost="O(1)",
    group="generic",
    categories=_CATEGORIES,
    keyspace=False,
    tips=("request_policy:all_shards", "response_policy:agg_min"),
    takes_rest=True,
)
def waitaof(call: Call, words: Arguments) -> Reply:
    """Wait until what was written is on disk here (1) and at so many replicas; count both.

    Who asks for what is here has it forced to disk at once, and does not wait for the
    second of `appendfsync everysec`; the count is 0 if the disk fails. Who asks for
    replicas, of which there are none, gets the counts after `timeout` milliseconds, 0 for
    never.

    Errors: NOT_INTEGER, NUMLOCAL_OUT_OF_RANGE, VALUE_OUT_OF_RANGE_POSITIVE,
    PAUSE_NOT_INTEGER, TIMEOUT_NEGATIVE, TIMEOUT_OUT_OF_RANGE, WAITAOF_WITHOUT_AOF.
    """
    local = words.integer(0)
    if not 0 <= local <= 1:
        raise NUMLOCAL_OUT_OF_RANGE
    replicas = _integer(words, 1, VALUE_OUT_OF_RANGE_POSITIVE)
    if replicas < 0:
        raise VALUE_OUT_OF_RANGE_POSITIVE
    deadline_ms = _deadline_ms(call, words, 2)
    is_on = append_only.of(call).is_on
    if local and not is_on:
        raise WAITAOF_WITHOUT_AOF
    if local or replicas:
        is_synced = is_on and call.sync_appended()
    else:
        facts = call.appending()
        is_synced = facts is not None and facts["is_synced"]
    if replicas:
        return Blocked.for_time(deadline_ms, [int(is_synced), 0], True)
    return [int(is_synced), 0]
