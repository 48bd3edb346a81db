"""What groups have pending: looking at it, and giving it to other consumers."""

from __future__ import annotations

from rubellite._core import NULL_ARRAY, Arguments, Call, Stream, parse_stream_id, stream_id_text
from rubellite.engine.numbers import integer_at
from rubellite.engine.replies import Reply
from rubellite.engine.stream_ids import StreamId, interval_end, interval_start, stream_id
from rubellite.errors import (
    CLAIM_COUNT,
    CLAIM_OPTION,
    CLAIM_OPTION_VALUE,
    MIN_IDLE_TIME,
    NO_GROUP,
    NOT_INTEGER,
    SYNTAX,
    ReplyError,
    text_of,
)
from rubellite.spec.command import command
from rubellite.spec.flags import FAST, READ, WRITE
from rubellite.spec.parameters import I64_MAX, I64_MIN

_CHANGES = ("nondeterministic_output",)
#: As many IDs as the servers find room for.
_CLAIMS_MAX = I64_MAX // 16
_COUNT_USUAL = 100


def _integer(words: Arguments, at: int, error: ReplyError) -> int:
    try:
        return words.integer(at)
    except NOT_INTEGER:
        raise error from None


@command(
    "XPENDING key:RO,access group [[IDLE min-idle-time] start:string end:string count [consumer]]",
    READ,
    since="5.0.0",
    cost="O(N) where N is the number of entries looked at; the summary is O(consumers).",
    tips=_CHANGES,
    history=(("6.2.0", "Added the `IDLE` option and exclusive range intervals."),),
    takes_rest=True,
)
def xpending(call: Call, key: bytes, group: bytes, words: Arguments) -> Reply:
    """Sum up what a group has pending, or list it from `start` to `end`.

    Errors: SYNTAX, NOT_INTEGER, STREAM_ID, INTERVAL_START, INTERVAL_END, NO_GROUP, WRONG_TYPE.
    """
    if not len(words):
        summary = _stream(call, key, group).pending_summary(group)
        if summary is None:
            return [0, None, None, NULL_ARRAY]
        count, first, last, consumers = summary
        counts = [[name, b"%d" % pending] for name, pending in consumers]
        return [count, stream_id_text(first), stream_id_text(last), counts]
    if not 3 <= len(words) <= 6:
        raise SYNTAX
    min_idle_ms = 0
    if words[0].upper() == b"IDLE":
        min_idle_ms = words.integer(1)
        if len(words) < 5:
            raise SYNTAX
        words = words.after(2)
    limit = max(words.integer(2), 0)
    start, end = interval_start(words[0]), interval_end(words[1])
    consumer = words[3] if len(words) > 3 else None
    found = _stream(call, key, group)
    now_ms = call.now_ms
    latest_ms = max(now_ms - min_idle_ms, I64_MIN) if min_idle_ms else I64_MAX
    return [
        [entry, owner, max(now_ms - delivered_ms, 0), deliveries]
        for entry, owner, delivered_ms, deliveries in found.pending(
            group, start, end, limit, min(latest_ms, I64_MAX), consumer
        )
    ]


def _stream(call: Call, key: bytes, group: bytes) -> Stream:
    """The stream, which must have the group.

    Errors: NO_GROUP, WRONG_TYPE.
    """
    found = call.read(key, Stream)
    if found is None or not found.has_group(group):
        raise NO_GROUP(text_of(key), text_of(group))
    return found


@command(
    "XCLAIM key:RW,update group consumer min-idle-time:string id [id ...] [IDLE ms:integer] "
    "[TIME unix-time-milliseconds] [RETRYCOUNT count] [FORCE] [JUSTID] [LASTID lastid]",
    WRITE | FAST,
    since="5.0.0",
    cost="O(log N) for each entry, N being the number of pending ones.",
    tips=_CHANGES,
    takes_rest=True,
    arity=-6,
)
def xclaim(call: Call, key: bytes, group: bytes, consumer: bytes, words: Arguments) -> Reply:
    """Give pending entries that were idle for long to a consumer, and return them.

    Entries that are in the stream no longer cease to be pending.

    Errors: NO_GROUP, MIN_IDLE_TIME, CLAIM_OPTION_VALUE, CLAIM_OPTION, STREAM_ID, WRONG_TYPE.
    """
    found = _stream(call, key, group)
    min_idle_ms = max(_integer(words, 0, MIN_IDLE_TIME("XCLAIM")), 0)
    ids: list[StreamId] = []
    for at in range(1, len(words)):
        entry_id = parse_stream_id(words[at], 0)
        if entry_id is None:
            break
        ids.append(entry_id)
    at = 1 + len(ids)
    now_ms = call.now_ms
    delivered_ms: int | None = None
    deliveries = -1
    is_forced = only_ids = False
    last_id: StreamId | None = None
    while at < len(words):
        option = words[at].upper()
        has_value = at + 1 < len(words)
        if option == b"FORCE":
            is_forced = True
        elif option == b"JUSTID":
            only_ids = True
        elif option == b"LASTID" and has_value:
            at += 1
            last_id = stream_id(words[at])
        elif option in (b"IDLE", b"TIME", b"RETRYCOUNT") and has_value:
            at += 1
            value = _integer(words, at, CLAIM_OPTION_VALUE(option.decode()))
            if option == b"RETRYCOUNT":
                deliveries = value
            else:
                delivered_ms = now_ms - value if option == b"IDLE" else value
        else:
            raise CLAIM_OPTION(text_of(words[at]))
        at += 1
    if delivered_ms is None or not 0 <= delivered_ms <= now_ms:
        delivered_ms = now_ms
    return found.reply_claim(
        group,
        consumer,
        ids,
        min_idle_ms,
        delivered_ms,
        deliveries if deliveries >= 0 else None,
        is_forced,
        only_ids,
        last_id,
    )


@command(
    "XAUTOCLAIM key:RW,delete group consumer min-idle-time:string start:string [COUNT count] "
    "[JUSTID]",
    WRITE | FAST,
    since="6.2.0",
    cost="O(1) if COUNT is small.",
    tips=_CHANGES,
    history=(("7.0.0", "Added the entries that are gone to the reply."),),
    takes_rest=True,
    arity=-6,
)
def xautoclaim(call: Call, key: bytes, group: bytes, consumer: bytes, words: Arguments) -> Reply:
    """Give what was pending for long, from `start` on, to a consumer, and return it.

    Also returns the ID to go on with, and what is in the stream no longer.

    Errors: MIN_IDLE_TIME, STREAM_ID, INTERVAL_START, CLAIM_COUNT, SYNTAX, NO_GROUP, WRONG_TYPE.
    """
    # The look-up comes before all that is refused, but for the type.
    call.exists(key, "look")
    min_idle_ms = max(_integer(words, 0, MIN_IDLE_TIME("XAUTOCLAIM")), 0)
    start = interval_start(words[1])
    count, only_ids = _COUNT_USUAL, False
    at = 2
    while at < len(words):
        option = words[at].upper()
        if option == b"COUNT" and at + 1 < len(words):
            count = integer_at(words, at + 1, 1, CLAIM_COUNT)
            if count > _CLAIMS_MAX:
                raise CLAIM_COUNT
            at += 1
        elif option == b"JUSTID":
            only_ids = True
        else:
            raise SYNTAX
        at += 1
    found = call.edit(key, Stream)
    if not found.exists() or not found.has_group(group):
        raise NO_GROUP(text_of(key), text_of(group))
    return found.reply_auto_claim(group, consumer, min_idle_ms, start, count, only_ids)
