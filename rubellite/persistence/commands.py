"""SAVE, BGSAVE, BGREWRITEAOF, LASTSAVE, DUMP, RESTORE."""

from __future__ import annotations

from rubellite._core import Arguments, Call, Status
from rubellite.engine.replies import OK, Reply
from rubellite.errors import (
    BUSY_KEY,
    INVALID_FREQUENCY,
    INVALID_IDLE_TIME,
    INVALID_TIME_TO_LIVE,
    NOTHING_TO_CANCEL,
    REWRITE_FAILED,
    REWRITE_RUNNING,
    REWRITING_ALREADY,
    SAVE_FAILED,
    SAVING_ALREADY,
    SYNTAX,
)
from rubellite.persistence import append_only, snapshots
from rubellite.spec.command import command
from rubellite.spec.flags import (
    ADMIN,
    DENYOOM,
    FAST,
    LOADING,
    NO_ASYNC_LOADING,
    NO_MULTI,
    NOSCRIPT,
    READ,
    STALE,
    WRITE,
)

_RESTORE_COST = (
    "O(1) to create the new key and additional O(N*M) to reconstruct the serialized value, where "
    "N is the number of objects composing the value and M their average size. For small string "
    "values the time complexity is thus O(1)+O(1*M) where M is small, so simply O(1). However for "
    "sorted set values the complexity is O(N*M*log(N)) because inserting values into sorted sets "
    "is O(log(N))."
)
_RESTORE_HISTORY = (
    ("3.0.0", "Added the `REPLACE` modifier."),
    ("5.0.0", "Added the `ABSTTL` modifier."),
    ("5.0.0", "Added the `IDLETIME` and `FREQ` options."),
)


def load() -> None:
    """Importing this module was enough: its commands are in the table."""


@command(
    "SAVE",
    ADMIN | NOSCRIPT | NO_ASYNC_LOADING | NO_MULTI,
    since="1.0.0",
    cost="O(N) where N is the total number of keys in all databases",
    group="server",
)
def save(call: Call) -> Reply:
    """Save all data to disk while everybody waits.

    Errors: SAVING_ALREADY, SAVE_FAILED.
    """
    found = snapshots.of(call)
    if call.is_saving and found.is_ours:
        raise SAVING_ALREADY
    if not found.save(call):
        raise SAVE_FAILED
    return OK


@command(
    "BGSAVE [SCHEDULE|CANCEL]",
    ADMIN | NOSCRIPT | NO_ASYNC_LOADING,
    since="1.0.0",
    cost="O(1)",
    group="server",
    history=(("3.2.2", "Added the `SCHEDULE` option."), ("8.1.0", "Added the `CANCEL` option.")),
    takes_rest=True,
)
def bgsave(call: Call, operation: Arguments) -> Reply:
    """Save all data to disk, as they are now, while commands go on.

    Errors: SYNTAX, SAVING_ALREADY, REWRITE_RUNNING, NOTHING_TO_CANCEL, SAVE_FAILED.
    """
    word = operation[0].upper() if len(operation) == 1 else b""
    if len(operation) > 1 or (operation and word not in (b"SCHEDULE", b"CANCEL")):
        raise SYNTAX
    found = snapshots.of(call)
    found.collect(call)
    if word == b"CANCEL":
        what = found.cancel(call)
        if what is None:
            raise NOTHING_TO_CANCEL
        if what == "scheduled":
            return Status("Scheduled background saving cancelled")
        return Status("Background saving cancelled")
    if call.is_saving and not found.is_ours:
        if word == b"SCHEDULE":
            found.is_scheduled = True
            return Status("Background saving scheduled")
        raise REWRITE_RUNNING
    if call.is_saving:
        raise SAVING_ALREADY
    if not found.start(call):
        raise SAVE_FAILED
    return Status("Background saving started")


@command(
    "BGREWRITEAOF",
    ADMIN | NOSCRIPT | NO_ASYNC_LOADING,
    since="1.0.0",
    cost="O(1)",
    group="server",
)
def bgrewriteaof(call: Call) -> Reply:
    """Write the append-only file anew, as short as it can be, while commands go on.

    Errors: REWRITING_ALREADY, REWRITE_FAILED.
    """
    found = append_only.of(call)
    snapshots.of(call).collect(call)
    if found.is_rewriting:
        raise REWRITING_ALREADY
    if call.is_saving:
        found.is_scheduled = True
        return Status("Background append only file rewriting scheduled")
    if not found.start(call):
        raise REWRITE_FAILED
    return Status("Background append only file rewriting started")


@command(
    "LASTSAVE",
    LOADING | STALE | FAST,
    since="1.0.0",
    group="server",
    categories=("@admin", "@dangerous"),
    tips=("nondeterministic_output",),
)
def lastsave(call: Call) -> Reply:
    """When all data were last saved, in seconds since 1970."""
    found = snapshots.of(call)
    found.collect(call)
    return found.last_save_seconds


@command(
    "DUMP key:RO,access",
    READ,
    since="2.6.0",
    cost="O(1) to access the key and additional O(N*M) to serialize it, where N is the number of "
    "objects composing the value and M their average size. For small string values the time "
    "complexity is thus O(1)+O(1*M) where M is small, so simply O(1).",
    group="generic",
    tips=("nondeterministic_output",),
)
def dump(call: Call, key: bytes) -> Reply:
    """Answer a value as a string of bytes, for RESTORE here or on another server."""
    how = snapshots.of(call).how()
    return call.dump(key, how["format"], how["compresses"])


@command(
    "RESTORE key:OW,update ttl:integer serialized-value [REPLACE] [ABSTTL] [IDLETIME seconds] "
    "[FREQ frequency:integer]",
    WRITE | DENYOOM,
    since="2.6.0",
    cost=_RESTORE_COST,
    group="generic",
    categories=("@keyspace", "@dangerous"),
    history=_RESTORE_HISTORY,
    takes_rest=True,
)
def restore(call: Call, key: bytes, words: Arguments) -> Reply:
    """Make a key of what DUMP answered.

    Errors: SYNTAX, NOT_INTEGER, INVALID_IDLE_TIME, INVALID_FREQUENCY, BUSY_KEY,
    INVALID_TIME_TO_LIVE, WRONG_DUMP, BAD_DUMP, UNSUPPORTED_DUMP.
    """
    replaces = is_absolute = False
    idle_seconds: int | None = None
    frequency: int | None = None
    at = 2
    while at < len(words):
        word = words[at].upper()
        has_value = at + 1 < len(words)
        if word == b"REPLACE":
            replaces = True
        elif word == b"ABSTTL":
            is_absolute = True
        elif word == b"IDLETIME" and has_value and frequency is None:
            at += 1
            idle_seconds = words.integer(at)
            if idle_seconds < 0:
                raise INVALID_IDLE_TIME
        elif word == b"FREQ" and has_value and idle_seconds is None:
            at += 1
            frequency = words.integer(at)
            if not 0 <= frequency <= 255:
                raise INVALID_FREQUENCY
        else:
            raise SYNTAX
        at += 1
    if not replaces and call.exists(key):
        raise BUSY_KEY
    milliseconds = words.integer(0)
    if milliseconds < 0:
        raise INVALID_TIME_TO_LIVE
    expires_at = None
    if milliseconds:
        expires_at = milliseconds if is_absolute else _wrapped(call.now_ms + milliseconds)
    done = call.restore(key, words, 1, expires_at, idle_seconds, frequency)
    if done == "removed":
        call.propagate([b"DEL", key])
    elif done == "made" and expires_at is not None and not is_absolute:
        # Replayed later, the deadline must be the same.
        rest = words.flat()[1:]
        call.propagate([b"RESTORE", key, b"%d" % expires_at, *rest, b"ABSTTL"])
    return OK


def _wrapped(time_ms: int) -> int:
    """Too far away to be counted: the servers' numbers turn negative, and so do ours."""
    return time_ms if time_ms < 1 << 63 else time_ms - (1 << 64)
