"""Groups of consumers: making them, reading and acknowledging."""

from __future__ import annotations

from rubellite._core import NOTHING, NULL_ARRAY, Arguments, Blocked, Call, Stream
from rubellite.engine.replies import OK, Reply
from rubellite.engine.stream_ids import ID_MAX, ID_MIN, StreamId, stream_id, stream_ids
from rubellite.engine.stream_reads import StreamRead, read_deletion, read_option
from rubellite.errors import (
    ENTRIES_READ_NEGATIVE,
    GROUP_EXISTS,
    GROUP_MISSING,
    ID_MEANINGLESS,
    NO_GROUP_OF_KEY,
    NO_GROUP_TO_READ,
    STREAM_NEEDED,
    WRONG_SUBCOMMAND,
    text_of,
)
from rubellite.spec.command import command, container
from rubellite.spec.flags import BLOCKING, DENYOOM, FAST, WRITE
from rubellite.spec.keys import KeySpec

_UNKNOWN = -1
#: The ID and each option once.
_CREATE_WORDS_MAX = 4
_SETID_WORDS_MAX = 3

container(
    "XGROUP",
    "A container for consumer groups commands",
    since="5.0.0",
    group="stream",
)


def _group_options(call: Call, words: Arguments, name: str, *, may_make: bool) -> tuple[bool, int]:
    """Whether MKSTREAM is given, and the number of ENTRIESREAD.

    Errors: NOT_INTEGER, ENTRIES_READ_NEGATIVE, WRONG_SUBCOMMAND.
    """
    makes_stream, entries_read = False, _UNKNOWN
    at = 0
    while at < len(words):
        option = words[at].upper()
        if option == b"MKSTREAM" and may_make:
            makes_stream = True
            at += 1
        elif option == b"ENTRIESREAD" and at + 1 < len(words):
            entries_read = words.integer(at + 1)
            if entries_read < _UNKNOWN:
                raise ENTRIES_READ_NEGATIVE
            at += 2
        else:
            raise WRONG_SUBCOMMAND(text_of(call.argument(1)), name)
    return makes_stream, entries_read


def _position(found: Stream, text: bytes) -> StreamId:
    """The ID from which a group reads on; `$`: the last one.

    Errors: STREAM_ID.
    """
    return found.last_id() if text == b"$" else stream_id(text)


def _stream_with_group(call: Call, key: bytes, group: bytes) -> Stream:
    """The stream at `key`, which must have the group.

    Errors: STREAM_NEEDED, NO_GROUP_OF_KEY, WRONG_TYPE.
    """
    found = call.edit(key, Stream)
    if not found.exists():
        raise STREAM_NEEDED
    if not found.has_group(group):
        raise NO_GROUP_OF_KEY(text_of(group), text_of(key))
    return found


@command(
    "XGROUP CREATE key:RW,insert group <id|$> [MKSTREAM] [ENTRIESREAD entries-read:integer]",
    WRITE | DENYOOM,
    since="5.0.0",
    history=(("7.0.0", "Added the `entries_read` named argument."),),
    takes_rest=True,
)
def xgroup_create(call: Call, key: bytes, group: bytes, words: Arguments) -> Reply:
    """Create a group that reads what comes behind an ID; `$` is the last one there is.

    Errors: STREAM_ID, NOT_INTEGER, ENTRIES_READ_NEGATIVE, WRONG_SUBCOMMAND, STREAM_NEEDED,
    GROUP_EXISTS, WRONG_TYPE.
    """
    makes_stream, entries_read = _group_options(call, words.after(1), "XGROUP", may_make=True)
    found = call.edit(key, Stream)
    if not makes_stream and not found.exists():
        raise STREAM_NEEDED
    if len(words) > _CREATE_WORDS_MAX:
        raise WRONG_SUBCOMMAND(text_of(call.argument(1)), "XGROUP")
    if not found.create_group(group, _position(found, words[0]), entries_read):
        raise GROUP_EXISTS
    return OK


@command(
    "XGROUP SETID key:RW,update group <id|$> [ENTRIESREAD entries-read:integer]",
    WRITE,
    since="5.0.0",
    history=(("7.0.0", "Added the optional `entries_read` argument."),),
    takes_rest=True,
)
def xgroup_setid(call: Call, key: bytes, group: bytes, words: Arguments) -> Reply:
    """Set the ID behind which a group reads on.

    Errors: STREAM_ID, NOT_INTEGER, ENTRIES_READ_NEGATIVE, WRONG_SUBCOMMAND, STREAM_NEEDED,
    NO_GROUP_OF_KEY, WRONG_TYPE.
    """
    _, entries_read = _group_options(call, words.after(1), "XGROUP", may_make=False)
    found = _stream_with_group(call, key, group)
    if len(words) > _SETID_WORDS_MAX:
        raise WRONG_SUBCOMMAND(text_of(call.argument(1)), "XGROUP")
    # Here alone the ends of an interval are IDs, too.
    ends = {b"-": ID_MIN, b"+": ID_MAX}
    last_id = ends.get(words[0]) or _position(found, words[0])
    found.set_group_id(group, last_id, entries_read)
    return OK


@command(
    "XGROUP DESTROY key:RW,delete group",
    WRITE,
    since="5.0.0",
    cost="O(1); what the group has pending is freed in the background.",
)
def xgroup_destroy(call: Call, key: bytes, group: bytes) -> Reply:
    """Remove a group with all that it has pending; 1 if there was one, else 0.

    Errors: STREAM_NEEDED, WRONG_TYPE.
    """
    found = call.edit(key, Stream)
    if not found.exists():
        raise STREAM_NEEDED
    return int(found.destroy_group(group))


@command(
    "XGROUP CREATECONSUMER key:RW,insert group consumer",
    WRITE | DENYOOM,
    since="6.2.0",
)
def xgroup_createconsumer(call: Call, key: bytes, group: bytes, consumer: bytes) -> Reply:
    """Create a consumer in a group; 1, or 0 if it is there.

    Errors: STREAM_NEEDED, NO_GROUP_OF_KEY, WRONG_TYPE.
    """
    return int(_stream_with_group(call, key, group).create_consumer(group, consumer))


@command(
    "XGROUP DELCONSUMER key:RW,delete group consumer",
    WRITE,
    since="5.0.0",
)
def xgroup_delconsumer(call: Call, key: bytes, group: bytes, consumer: bytes) -> Reply:
    """Remove a consumer with what it has pending; returns how many entries that were.

    Errors: STREAM_NEEDED, NO_GROUP_OF_KEY, WRONG_TYPE.
    """
    return _stream_with_group(call, key, group).remove_consumer(group, consumer) or 0


@command(
    "XREADGROUP GROUP group consumer [COUNT count] [BLOCK milliseconds] [NOACK] STREAMS key "
    "[key ...] id [id ...]",
    WRITE | BLOCKING,
    since="5.0.0",
    cost="O(N log M) for each stream, N being the number of entries returned and M of pending "
    "ones.",
    keys=[KeySpec(("RO", "access"), "keyword", index=4, keyword="STREAMS", last=-1, limit=2)],
    arity=-7,
    takes_rest=True,
    native=True,
)
def xreadgroup(call: Call, words: Arguments) -> Reply:
    """Return entries that no consumer of the group was given yet (`>`); they become pending.

    With an ID instead: what is pending for this consumer behind it. With BLOCK, wait while
    there is nothing new.

    Errors: SYNTAX, NOT_INTEGER, UNBALANCED_STREAMS, GROUP_MISSING, NO_GROUP_TO_READ,
    ID_MEANINGLESS, PAUSE_NOT_INTEGER, TIMEOUT_NEGATIVE, TIMEOUT_OUT_OF_RANGE, STREAM_ID,
    WRONG_TYPE.
    """
    read = StreamRead()
    group: bytes | None = None
    consumer = b""
    no_ack = False
    at = 0
    while True:
        option = words[at].upper() if at < len(words) else b""
        if option == b"GROUP" and len(words) - at > 2:
            group, consumer = words[at + 1], words[at + 2]
            at += 3
        elif option == b"NOACK":
            no_ack = True
            at += 1
        else:
            at = read_option(call, words, at, read, "xreadgroup")
            if not at:
                break
    if group is None:
        raise GROUP_MISSING
    first, count = read.first, read.streams
    requests = []
    for nth in range(count):
        key = words[first + nth]
        requests.append((key, _read_from(call, key, group, words[first + count + nth])))
    if call.reply_group_read(group, consumer, requests, read.limit, no_ack):
        return NOTHING
    if not read.waits:
        return NULL_ARRAY
    keys = [key for key, _ in requests]
    return Blocked(keys, Stream, read.deadline_ms, wakes_on_loss=True)


def _read_from(call: Call, key: bytes, group: bytes, word: bytes) -> StreamId | None:
    """The ID behind which to read what is pending; None for what is new."""
    found = call.read(key, Stream)
    if found is None or not found.has_group(group):
        raise NO_GROUP_TO_READ(text_of(key), text_of(group))
    if word == b">":
        return None
    if word in (b"$", b"+"):
        raise ID_MEANINGLESS(word.decode(), word.decode())
    after = stream_id(word)
    # The servers cannot tell this one from `>`.
    return None if after == ID_MAX else after


@command(
    "XACK key:RW,update group id [id ...]",
    WRITE | FAST,
    since="5.0.0",
    cost="O(log N) for each entry, N being the number of pending ones.",
    native=True,
)
def xack(call: Call, key: bytes, group: bytes, ids: Arguments) -> Reply:
    """Acknowledge entries, so that they are pending no longer; returns how many were.

    Errors: STREAM_ID, WRONG_TYPE.
    """
    found = call.read(key, Stream)
    if found is None or not found.has_group(group):
        return 0
    return call.edit(key, Stream).acknowledge(group, stream_ids(ids))


@command(
    "XACKDEL key:RW,update,delete group [KEEPREF|DELREF|ACKED] IDS numids:integer id [id ...]",
    WRITE | FAST,
    since="8.2.0",
    cost="O(log N) for each entry, N being the length of the stream.",
    takes_rest=True,
)
def xackdel(call: Call, key: bytes, group: bytes, words: Arguments) -> Reply:
    """Acknowledge entries and delete them from the stream; for each 1, -1 or 2.

    -1: it was not pending. 2: acknowledged, but with ACKED another group still needs it.

    Errors: SYNTAX, NUMIDS_NOT_POSITIVE, NUMIDS_MISMATCH, STREAM_ID, WRONG_TYPE.
    """
    found = call.read(key, Stream)
    references, ids = read_deletion(words)
    if found is None or not found.has_group(group):
        return [-1] * len(ids)
    return call.edit(key, Stream).delete(stream_ids(ids), references, group)
