"""Streams: adding, trimming, deleting and reading entries."""

from __future__ import annotations

from rubellite._core import (
    NOTHING,
    NULL_ARRAY,
    Arguments,
    Blocked,
    Call,
    Stream,
    parse_new_stream_id,
    stream_id_text,
)
from rubellite.engine.replies import OK, Reply
from rubellite.engine.stream_ids import (
    ID_MIN,
    StreamId,
    interval_end,
    interval_start,
    stream_id,
    stream_ids,
)
from rubellite.engine.stream_reads import REFERENCES, StreamRead, read_deletion, read_option
from rubellite.errors import (
    ENTRIES_ADDED_NEGATIVE,
    ENTRIES_ADDED_TOO_SMALL,
    NEW_ONLY_IN_XREADGROUP,
    NO_SUCH_KEY,
    ONLY_IN_XREADGROUP,
    SET_ID_BELOW_DELETED,
    SET_ID_BELOW_GIVEN_DELETED,
    SET_ID_BELOW_TOP,
    STREAM_ID,
    STREAM_ID_ZERO,
    SYNTAX,
    TRIM_LENGTH_NEGATIVE,
    TRIM_LIMIT_ALONE,
    TRIM_LIMIT_EXACT,
    TRIM_LIMIT_NEGATIVE,
    TRIM_MISSING,
    TWO_TRIMS,
    WRONG_ARITY,
)
from rubellite.spec.command import command
from rubellite.spec.flags import BLOCKING, DENYOOM, FAST, READ, WRITE
from rubellite.spec.keys import KeySpec

_CHANGES = ("nondeterministic_output",)
#: Without LIMIT an approximate trimming removes so many blocks at most.
_BLOCKS_TRIMMED = 100
_TRIMMED_MAX = 1_000_000
_TRIMMED_USUAL = 10_000

_Trim = tuple[int | None, StreamId | None, bool, int, str]


class _Trimming:
    """The options of XADD and XTRIM that trim, as they are read."""

    __slots__ = ("first_id", "is_approximate", "length", "limit", "references", "word")

    def __init__(self) -> None:
        self.word = b""
        self.length: int | None = None
        self.first_id: StreamId | None = None
        self.is_approximate = False
        self.limit: int | None = None
        self.references = ""

    def take(self, words: Arguments, at: int) -> int:
        """Takes the option at `at`; how many arguments it has, 0 if it is none.

        Errors: TWO_TRIMS, NOT_INTEGER, TRIM_LENGTH_NEGATIVE, TRIM_LIMIT_NEGATIVE, STREAM_ID.
        """
        word = words[at].upper()
        more = len(words) - at - 1
        if word in (b"MAXLEN", b"MINID") and more:
            return self._strategy(word, words, at + 1)
        if word == b"LIMIT" and more:
            self.limit = words.integer(at + 1)
            if self.limit < 0:
                raise TRIM_LIMIT_NEGATIVE
            return 2
        if word in REFERENCES and not self.references:
            self.references = word.decode()
            return 1
        return 0

    def _strategy(self, word: bytes, words: Arguments, at: int) -> int:
        if self.word:
            raise TWO_TRIMS
        taken = 2
        self.is_approximate = False
        if len(words) - at >= 2 and words[at] in (b"~", b"="):
            self.is_approximate = words[at] == b"~"
            at, taken = at + 1, 3
        if word == b"MAXLEN":
            self.length = words.integer(at)
            if self.length < 0:
                raise TRIM_LENGTH_NEGATIVE
        else:
            self.first_id = stream_id(words[at])
        self.word = word
        return taken

    def settle(self, call: Call) -> _Trim | None:
        """What is to be done; None: nothing.

        Errors: TRIM_LIMIT_ALONE, TRIM_LIMIT_EXACT.
        """
        if not self.word:
            if self.limit:
                raise TRIM_LIMIT_ALONE
            return None
        limit = self.limit
        if limit is None:
            limit = _usual_limit(call) if self.is_approximate else 0
        elif not self.is_approximate:
            raise TRIM_LIMIT_EXACT
        references = self.references or "KEEPREF"
        return self.length, self.first_id, self.is_approximate, limit, references


def _usual_limit(call: Call) -> int:
    limit = _BLOCKS_TRIMMED * call.stream_block_entries
    return min(limit, _TRIMMED_MAX) if limit > 0 else _TRIMMED_USUAL


@command(
    "XADD key:RW,update [NOMKSTREAM] [KEEPREF|DELREF|ACKED] "
    "[<MAXLEN|MINID> [=|~] threshold [LIMIT count]] <*|id> field value [field value ...]",
    WRITE | DENYOOM | FAST,
    since="5.0.0",
    cost="O(1) to add an entry; O(N) to trim where N is the number of entries removed.",
    tips=_CHANGES,
    history=(
        (
            "6.2.0",
            "Added the `NOMKSTREAM` option, `MINID` trimming strategy and the `LIMIT` option.",
        ),
        ("7.0.0", "Added support for the `<ms>-*` explicit ID form."),
    ),
    takes_rest=True,
    native=True,
)
def xadd(call: Call, key: bytes, words: Arguments) -> Reply:
    """Add an entry behind all others, after making the stream if there is none.

    Returns its ID; null if there is no stream and NOMKSTREAM forbids to make one.

    Errors: SYNTAX, NOT_INTEGER, STREAM_ID, STREAM_ID_ZERO, STREAM_ID_TOO_SMALL,
    STREAM_EXHAUSTED, STREAM_ENTRY_TOO_LARGE, TWO_TRIMS, TRIM_LENGTH_NEGATIVE,
    TRIM_LIMIT_NEGATIVE, TRIM_LIMIT_ALONE, TRIM_LIMIT_EXACT, WRONG_ARITY, WRONG_TYPE.
    """
    trimming = _Trimming()
    makes_stream = True
    entry_id: tuple[int, int | None] | None = None
    at = 0
    while True:
        # The arity leaves an ID, but not behind any number of options.
        word = words[at] if at < len(words) else b""
        if word == b"*":
            break
        taken = trimming.take(words, at) if at < len(words) else 0
        if taken:
            at += taken
        elif word.upper() == b"NOMKSTREAM":
            makes_stream = False
            at += 1
        elif at == len(words):
            break
        else:
            entry_id = parse_new_stream_id(word)
            if entry_id is None:
                raise STREAM_ID
            break
    trim = trimming.settle(call)
    parts = words.after(at + 1)
    if len(parts) < 2 or len(parts) % 2:
        raise WRONG_ARITY("xadd")
    if entry_id == ID_MIN:
        raise STREAM_ID_ZERO
    found = call.edit(key, Stream)
    if not makes_stream and not found.exists():
        return None
    return found.add(entry_id, parts, trim)


@command(
    "XTRIM key:RW,delete <MAXLEN|MINID> [=|~] threshold [LIMIT count] [KEEPREF|DELREF|ACKED]",
    WRITE,
    since="5.0.0",
    cost="O(N) where N is the number of entries removed, whole blocks of them at a time.",
    tips=_CHANGES,
    history=(("6.2.0", "Added the `MINID` trimming strategy and the `LIMIT` option."),),
    takes_rest=True,
)
def xtrim(call: Call, key: bytes, words: Arguments) -> Reply:
    """Remove the oldest entries; returns how many.

    Errors: SYNTAX, NOT_INTEGER, STREAM_ID, TWO_TRIMS, TRIM_LENGTH_NEGATIVE,
    TRIM_LIMIT_NEGATIVE, TRIM_LIMIT_ALONE, TRIM_LIMIT_EXACT, TRIM_MISSING, WRONG_TYPE.
    """
    trimming = _Trimming()
    at = 0
    while at < len(words):
        taken = trimming.take(words, at)
        if not taken:
            raise SYNTAX
        at += taken
    trim = trimming.settle(call)
    if trim is None:
        raise TRIM_MISSING
    return call.edit(key, Stream).trim(trim)


@command("XLEN key:RO", READ | FAST, since="5.0.0")
def xlen(call: Call, key: bytes) -> Reply:
    """Count the entries; 0 without key.

    Errors: WRONG_TYPE.
    """
    found = call.read(key, Stream)
    return 0 if found is None else len(found)


def _range(
    call: Call, key: bytes, first: StreamId, last: StreamId, words: Arguments, is_reverse: bool
) -> Reply:
    limit: int | None = None
    at = 0
    while at < len(words):
        if words[at].upper() != b"COUNT" or at + 1 == len(words):
            raise SYNTAX
        limit = max(words.integer(at + 1), 0)
        at += 2
    found = call.read(key, Stream)
    if found is None:
        return []
    if limit == 0:
        return NULL_ARRAY
    return found.reply_range(first, last, limit, is_reverse)


_RANGE_COST = "O(N) where N is the number of entries returned; finding the first takes O(log n)."
_EXCLUSIVE = (("6.2.0", "Added exclusive ranges."),)


@command(
    "XRANGE key:RO,access start:string end:string [COUNT count]",
    READ,
    since="5.0.0",
    cost=_RANGE_COST,
    history=_EXCLUSIVE,
    takes_rest=True,
    native=True,
)
def xrange(call: Call, key: bytes, start: bytes, end: bytes, words: Arguments) -> Reply:
    """Return the entries from `start` to `end`, both included.

    Errors: STREAM_ID, INTERVAL_START, INTERVAL_END, SYNTAX, NOT_INTEGER, WRONG_TYPE.
    """
    first, last = interval_start(start), interval_end(end)
    return _range(call, key, first, last, words, is_reverse=False)


@command(
    "XREVRANGE key:RO,access end:string start:string [COUNT count]",
    READ,
    since="5.0.0",
    cost=_RANGE_COST,
    history=_EXCLUSIVE,
    takes_rest=True,
    native=True,
)
def xrevrange(call: Call, key: bytes, end: bytes, start: bytes, words: Arguments) -> Reply:
    """Return the entries from `end` back to `start`, both included.

    Errors: STREAM_ID, INTERVAL_START, INTERVAL_END, SYNTAX, NOT_INTEGER, WRONG_TYPE.
    """
    first, last = interval_start(start), interval_end(end)
    return _range(call, key, first, last, words, is_reverse=True)


@command(
    "XDEL key:RW,delete id [id ...]",
    WRITE | FAST,
    since="5.0.0",
    cost="O(log N) for each entry, N being the length of the stream.",
)
def xdel(call: Call, key: bytes, ids: Arguments) -> Reply:
    """Delete entries; returns how many there were. An empty stream stays.

    Errors: STREAM_ID, WRONG_TYPE.
    """
    found = call.edit(key, Stream)
    if not found.exists():
        return 0
    return found.delete(stream_ids(ids)).count(1)


@command(
    "XDELEX key:RW,delete [KEEPREF|DELREF|ACKED] IDS numids:integer id [id ...]",
    WRITE | FAST,
    since="8.2.0",
    cost="O(log N) for each entry, N being the length of the stream.",
    takes_rest=True,
)
def xdelex(call: Call, key: bytes, words: Arguments) -> Reply:
    """Delete entries, minding what groups hold of them; for each 1, -1 or 2.

    -1: there is none. 2: with ACKED, a group still needs it.

    Errors: SYNTAX, NUMIDS_NOT_POSITIVE, NUMIDS_MISMATCH, STREAM_ID, WRONG_TYPE.
    """
    found = call.edit(key, Stream)
    references, ids = read_deletion(words)
    if not found.exists():
        return [-1] * len(ids)
    return found.delete(stream_ids(ids), references)


@command(
    "XSETID key:RW,update last-id [ENTRIESADDED entries-added:integer] "
    "[MAXDELETEDID max-deleted-id]",
    WRITE | DENYOOM | FAST,
    since="5.0.0",
    history=(("7.0.0", "Added the `entries_added` and `max_deleted_entry_id` arguments."),),
    takes_rest=True,
)
def xsetid(call: Call, key: bytes, last_id: bytes, words: Arguments) -> Reply:
    """Set the last ID of a stream, and its counters; for replicas and files.

    Errors: STREAM_ID, SYNTAX, NOT_INTEGER, ENTRIES_ADDED_NEGATIVE, ENTRIES_ADDED_TOO_SMALL,
    SET_ID_BELOW_GIVEN_DELETED, SET_ID_BELOW_DELETED, SET_ID_BELOW_TOP, NO_SUCH_KEY,
    WRONG_TYPE.
    """
    new_id = stream_id(last_id)
    added: int | None = None
    deleted: StreamId | None = None
    for at in range(0, len(words), 2):
        option = words[at].upper()
        if at + 1 == len(words):
            raise SYNTAX
        if option == b"ENTRIESADDED":
            added = words.integer(at + 1)
            if added < 0:
                raise ENTRIES_ADDED_NEGATIVE
        elif option == b"MAXDELETEDID":
            deleted = stream_id(words[at + 1])
            if new_id < deleted:
                raise SET_ID_BELOW_GIVEN_DELETED
        else:
            raise SYNTAX
    found = call.edit(key, Stream)
    if not found.exists():
        raise NO_SUCH_KEY
    if new_id < found.max_deleted_id():
        raise SET_ID_BELOW_DELETED
    top = found.top_id()
    if top is not None:
        if new_id < top:
            raise SET_ID_BELOW_TOP
        if added is not None and len(found) > added:
            raise ENTRIES_ADDED_TOO_SMALL
    found.set_id(new_id, added, None if deleted in (None, ID_MIN) else deleted)
    return OK


@command(
    "XREAD [COUNT count] [BLOCK milliseconds] STREAMS key [key ...] id [id ...]",
    READ | BLOCKING,
    since="5.0.0",
    cost="O(N) for each stream, N being the number of entries returned.",
    keys=[KeySpec(("RO", "access"), "keyword", index=1, keyword="STREAMS", last=-1, limit=2)],
    arity=-4,
    takes_rest=True,
)
def xread(call: Call, words: Arguments) -> Reply:
    """Return the entries behind an ID of each stream; with BLOCK, wait while there are none.

    `$` is the last ID that the stream has now, `+` asks for its last entry.

    Errors: SYNTAX, NOT_INTEGER, UNBALANCED_STREAMS, ONLY_IN_XREADGROUP,
    NEW_ONLY_IN_XREADGROUP, PAUSE_NOT_INTEGER, TIMEOUT_NEGATIVE, TIMEOUT_OUT_OF_RANGE,
    STREAM_ID, WRONG_TYPE.
    """
    read = StreamRead()
    at = 0
    while True:
        if at == len(words):
            raise SYNTAX
        option = words[at].upper()
        if option == b"GROUP" and len(words) - at > 2:
            raise ONLY_IN_XREADGROUP("GROUP")
        if option == b"NOACK":
            raise ONLY_IN_XREADGROUP("NOACK")
        at = read_option(call, words, at, read, "xread")
        if not at:
            break
    first, count = read.first, read.streams
    keys = words.part(first, count).flat()
    requests = [
        (key, _read_from(call, key, words[first + count + nth])) for nth, key in enumerate(keys)
    ]
    if call.reply_streams(requests, read.limit):
        return NOTHING
    if not read.waits:
        return NULL_ARRAY
    # What `$` means must not change while it waits; `+` is the last entry then.
    again = [b"XREAD", *words.part(0, first), *keys]
    asked = words.part(first + count, count).flat()
    again += [
        word if word == b"+" else stream_id_text(after)
        for word, (_, after) in zip(asked, requests, strict=True)
    ]
    return Blocked(keys, Stream, read.deadline_ms, request=again)


def _read_from(call: Call, key: bytes, word: bytes) -> StreamId:
    """The ID behind which to read."""
    found = call.read(key, Stream)
    if word == b"$":
        return ID_MIN if found is None else found.last_id()
    if word == b"+":
        if found is None:
            return ID_MIN
        ms, seq = found.last_id()
        if not len(found):
            return ms, seq
        return (ms, seq - 1) if seq else (ms - 1, 2**64 - 1)
    if word == b">":
        raise NEW_ONLY_IN_XREADGROUP
    return stream_id(word)
