"""DEBUG: doors for tests, closed unless enable-debug-command opens them.

The subcommands are no subcommands to COMMAND INFO, so they have a table of their own
here: syntax, how many arguments, function.
"""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable

from rubellite._core import Arguments, Call, Status, Verbatim, glob_matches
from rubellite.engine.replies import OK, Reply
from rubellite.errors import (
    DEBUG_NOT_ALLOWED,
    DEBUG_PROTOCOL_TYPE,
    LOADAOF_FAILED,
    NO_SUCH_DATABASE,
    NO_SUCH_KEY,
    NOT_A_HASH_TABLE,
    NOT_A_LISTPACK,
    NOT_A_QUICKLIST,
    NOT_A_RAW_STRING,
    NOT_INTEGER,
    QUICKLIST_THRESHOLD,
    RELOAD_FAILED,
    RELOAD_OPTIONS,
    RESP2_NOT_SUPPORTED,
    SAVE_FAILED,
    VALUE_OUT_OF_RANGE_POSITIVE,
    WRONG_SUBCOMMAND,
    RawError,
    text_of,
)
from rubellite.persistence import append_only, snapshots
from rubellite.record import Record
from rubellite.server import state
from rubellite.server.words import integer
from rubellite.spec.command import command
from rubellite.spec.flags import ADMIN, LOADING, NOSCRIPT, STALE

Subcommand = Callable[[Call, Arguments], Reply]

_SLEEP_SECONDS_MAX = 86_400.0
_MANY = 1 << 30


class _Entry(Record, frozen=True):
    syntax: str
    least: int
    most: int
    function: Subcommand


_TABLE: dict[str, _Entry] = {}


def _subcommand(syntax: str, least: int, most: int) -> Callable[[Subcommand], Subcommand]:
    """Adds a subcommand; how many arguments it takes includes its own name."""

    def register(function: Subcommand) -> Subcommand:
        _TABLE[syntax.split()[0]] = _Entry(syntax, least, most, function)
        return function

    return register


@command(
    "DEBUG subcommand [argument ...]",
    ADMIN | NOSCRIPT | LOADING | STALE,
    since="1.0.0",
    cost="Depends on subcommand.",
    takes_rest=True,
    arity=-2,
)
def debug(call: Call, words: Arguments) -> Reply:
    """A container for debugging commands.

    Errors: DEBUG_NOT_ALLOWED, WRONG_SUBCOMMAND.
    """
    if not _is_allowed(call):
        raise DEBUG_NOT_ALLOWED
    name = text_of(words[0])
    entry = _TABLE.get(name.upper())
    if entry is None or not entry.least <= len(words) <= entry.most:
        raise WRONG_SUBCOMMAND(name, "DEBUG")
    return entry.function(call, words)


def _is_allowed(call: Call) -> bool:
    allowed = state.of(call).config.text("enable-debug-command")
    return allowed == "yes" or (allowed == "local" and call.session()["is_local"])


def _number(word: bytes) -> int:
    """What C's atoi makes of a word: the digits in front, or 0."""
    found = re.match(rb"\s*[+-]?\d+", word)
    return int(found.group()) if found else 0


# Time


@_subcommand("SLEEP <seconds>", 2, 2)
def _sleep(call: Call, words: Arguments) -> Reply:
    """Stop the server for <seconds>; fractions allowed."""
    try:
        seconds = float(words[1])
    except ValueError:
        seconds = 0.0
    if seconds > 0:
        call.sleep(min(seconds, _SLEEP_SECONDS_MAX))
    return OK


@_subcommand("SET-ACTIVE-EXPIRE <0|1>", 2, 2)
def _set_active_expire(call: Call, words: Arguments) -> Reply:
    """Stop, or go on, removing expired keys that nobody asks for."""
    call.configure("active-expire", _number(words[1]) != 0)
    return OK


@_subcommand("PAUSE-CRON <0|1>", 2, 2)
def _pause_cron(call: Call, words: Arguments) -> Reply:
    """Stop, or go on, doing what is due because time passes."""
    call.configure("pauses-cron", _number(words[1]) != 0)
    return OK


# Looking


@_subcommand("DIGEST", 1, 1)
def _digest(call: Call, words: Arguments) -> Reply:
    """Return a number for all data: equal data, equal number, on any server."""
    return Status(call.digest())


@_subcommand("DIGEST-VALUE [<key> ...]", 1, _MANY)
def _digest_value(call: Call, words: Arguments) -> Reply:
    """Return such a number for the value of each key."""
    return [Status(digest) for digest in call.digest_values(words)[1:]]


@_subcommand("OBJECT <key> [fast]", 2, 3)
def _object(call: Call, words: Arguments) -> Reply:
    """Describe a value: encoding, bytes in a dump (not with `fast`), age."""
    facts = call.object_facts(words[1])
    if facts is None:
        raise NO_SUCH_KEY
    clock = facts["clock"]
    parts = [f"Value at:{facts['address']:#x}", "refcount:1", f"encoding:{facts['encoding']}"]
    is_fast = len(words) == 3 and words[2].lower() == b"fast"
    if not is_fast and facts["serialized_bytes"] is not None:
        parts.append(f"serializedlength:{facts['serialized_bytes']}")
    parts += [f"lru:{clock}", f"lru_seconds_idle:{call.idle_seconds(words[1])}"]
    return Status(" ".join(parts))


@_subcommand("SDSLEN <key>", 2, 2)
def _sdslen(call: Call, words: Arguments) -> Reply:
    """Describe the bytes of a key's name and of its string."""
    facts = call.object_facts(words[1])
    if facts is None:
        raise NO_SUCH_KEY
    if facts["text_bytes"] is None:
        raise NOT_A_RAW_STRING
    # Names and strings have no room to spare here.
    return Status(
        f"key_sds_len:{facts['key_bytes']} key_sds_avail:0 obj_alloc:{call.memory_usage(words[1])} "
        f"val_sds_len:{facts['text_bytes']} val_sds_avail:0 val_alloc:0"
    )


@_subcommand("HTSTATS <dbid> [full]", 2, 3)
def _htstats(call: Call, words: Arguments) -> Reply:
    """Describe the table of keys of a database."""
    number = integer(words[1])
    if number is None:
        raise NOT_INTEGER
    if not 0 <= number < call.database_count:
        raise NO_SUCH_DATABASE
    table = call.table_stats(number)
    lines = ["[Dictionary HT]"]
    if table["keys"]:
        lines += [
            "Hash table 0 stats (main hash table):",
            f" table size: {table['slots']}",
            f" number of entries: {table['keys']}",
            f" segments: {table['segments']}",
            f" directory entries: {table['directory_len']}",
        ]
        if len(words) == 3:
            lines.append(" segments by load:")
            loads = enumerate(table["loads"])
            lines += [f"   {decile * 10}%: {count}" for decile, count in loads if count]
    lines.append("[Expires HT]")
    if table["volatile_keys"]:
        lines.append(f" number of entries: {table['volatile_keys']}")
    return Verbatim("".join(line + "\n" for line in lines).encode())


@_subcommand("HTSTATS-KEY <key> [full]", 2, 3)
def _htstats_key(call: Call, words: Arguments) -> Reply:
    """Describe the table inside a hash, set or sorted set."""
    encoding = _encoding(call, words[1])
    if encoding not in ("hashtable", "skiplist"):
        raise NOT_A_HASH_TABLE
    return Verbatim(f"[{encoding}]\n memory: {call.memory_usage(words[1])}\n".encode())


@_subcommand("LISTPACK <key>", 2, 2)
def _listpack(call: Call, words: Arguments) -> Reply:
    """Log the size of a packed value."""
    if not _encoding(call, words[1]).startswith("listpack"):
        raise NOT_A_LISTPACK
    _log_size(call, words[1])
    return Status("Listpack structure printed on stdout")


@_subcommand("QUICKLIST <key> [<0|1>]", 2, 3)
def _quicklist(call: Call, words: Arguments) -> Reply:
    """Log the size of a long list."""
    if _encoding(call, words[1]) != "quicklist":
        raise NOT_A_QUICKLIST
    _log_size(call, words[1])
    return Status("Quicklist structure printed on stdout")


def _encoding(call: Call, key: bytes) -> str:
    encoding: str | None = call.encoding(key)
    if encoding is None:
        raise NO_SUCH_KEY
    return encoding


def _log_size(call: Call, key: bytes) -> None:
    log = state.of(call).log
    log.notice(f"{log.user_data(text_of(key))}: {call.memory_usage(key)} bytes of memory")


@_subcommand("STRUCTSIZE", 1, 1)
def _structsize(call: Call, words: Arguments) -> Reply:
    """Return how large the core's structures are."""
    return "".join(f"{name}:{size} " for name, size in call.struct_sizes())


# Doing


@_subcommand("POPULATE <count> [<prefix>] [<size>]", 2, 4)
def _populate(call: Call, words: Arguments) -> Reply:
    """Create <count> strings <prefix>:<number>, of <size> bytes if that is given."""
    count = integer(words[1])
    size = integer(words[3]) if len(words) > 3 else 0
    if count is None or count < 0 or size is None or size < 0:
        raise VALUE_OUT_OF_RANGE_POSITIVE
    call.populate(count, words[2] if len(words) > 2 else b"key", size)
    return OK


@_subcommand("CHANGE-REPL-ID", 1, 1)
def _change_repl_id(call: Call, words: Arguments) -> Reply:
    """Take a new replication ID, as if the data had changed hands."""
    state.of(call).replication_id = os.urandom(20).hex()
    return OK


@_subcommand("LOG <message>", 2, 2)
def _log(call: Call, words: Arguments) -> Reply:
    """Write <message> to the server's log."""
    state.of(call).log.warning(f"DEBUG LOG: {text_of(words[1])}")
    return OK


@_subcommand("ERROR <string>", 2, 2)
def _error(call: Call, words: Arguments) -> Reply:
    """Answer an error of this text."""
    raise RawError(re.sub(r"[\r\n]", " ", text_of(words[1])))


@_subcommand("PROTOCOL <type>", 2, 2)
def _protocol(call: Call, words: Arguments) -> Reply:
    """Answer a sample of a type: string, integer, double, bignum, null, array, set, map, …"""
    name = text_of(words[1]).lower()
    if name == "push" and call.protocol == 2:
        raise RESP2_NOT_SUPPORTED
    reply = call.reply_sample(name)
    if reply is None:
        raise DEBUG_PROTOCOL_TYPE
    return reply


@_subcommand("STRINGMATCH-LEN <length> <pattern>", 3, 3)
def _stringmatch_len(call: Call, words: Arguments) -> Reply:
    """Match <pattern> with as many `a` and tell whether it fits; for measuring."""
    length = integer(words[1])
    if length is None or length < 0:
        raise NOT_INTEGER
    return int(glob_matches(words[2], b"a" * length))


@_subcommand("STRINGMATCH-TEST", 1, 1)
def _stringmatch_test(call: Call, words: Arguments) -> Reply:
    """Match random patterns with random text."""
    letters = b"ab*?[]^-\\"
    for _ in range(20_000):
        drawn = bytes(letters[call.random_below(len(letters))] for _ in range(16))
        glob_matches(drawn[:8], drawn[8:])
    return Status("Apparently Rubellite did not crash: test passed")


@_subcommand("RELOAD [<MERGE|NOFLUSH|NOSAVE> ...]", 1, _MANY)
def _reload(call: Call, words: Arguments) -> Reply:
    """Save all data and load them again: NOSAVE only loads, NOFLUSH keeps the data of now."""
    options = {word.upper() for word in words.flat()[1:]}
    if not options <= {b"MERGE", b"NOFLUSH", b"NOSAVE"}:
        raise RELOAD_OPTIONS
    found = snapshots.of(call)
    if b"NOSAVE" not in options:
        found.abort(call)
        if not found.save(call):
            raise SAVE_FAILED
    before = "replaced"
    if b"NOFLUSH" in options:
        before = "merged" if b"MERGE" in options else "kept"
    try:
        found.reload(call, before)
    except snapshots.LoadError:
        raise RELOAD_FAILED from None
    state.of(call).log.warning("DB reloaded by DEBUG RELOAD")
    return OK


@_subcommand("LOADAOF", 1, 1)
def _loadaof(call: Call, words: Arguments) -> Reply:
    """Force the append-only file to disk and load it in the place of all data."""
    try:
        append_only.of(call).reload(call)
    except snapshots.LoadError as problem:
        state.of(call).log.warning(str(problem))
        raise LOADAOF_FAILED from None
    state.of(call).log.warning("Append Only File loaded by DEBUG LOADAOF")
    return OK


# Switches of what there is not here: asking for either position is no mistake.


def _accept(call: Call, words: Arguments) -> Reply:
    """Accepted; this server has nothing that it would switch."""
    return OK


for _syntax in (
    "DICT-RESIZING <0|1>",
    "HASHTABLE-CAN-ABORT-SHRINK <0|1>",
    "CLIENT-ENFORCE-REPLY-LIST <0|1>",
    "PAUSE-AFTER-FORK <0|1>",
):
    _subcommand(_syntax, 2, 2)(_accept)


@_subcommand("QUICKLIST-PACKED-THRESHOLD <size>", 2, 2)
def _packed_threshold(call: Call, words: Arguments) -> Reply:
    """Accepted; list elements of any size are stored in the same way here."""
    found = re.fullmatch(rb"(\d+)(b|k|kb|m|mb|g|gb)?", words[1].lower())
    if found is None:
        raise QUICKLIST_THRESHOLD
    unit = found.group(2) or b"b"
    power = b"bkmg".index(unit[:1])
    if int(found.group(1)) * (1024 if unit.endswith(b"b") else 1000) ** power > 4 << 30:
        raise QUICKLIST_THRESHOLD
    return OK


@_subcommand("REPLYBUFFER <PEAK-RESET-TIME <NEVER|RESET|ms>|RESIZING <0|1>>", 3, 3)
def _replybuffer(call: Call, words: Arguments) -> Reply:
    """Accepted; reply buffers are given back as they are written."""
    what, how = words[1].lower(), words[2]
    if what == b"peak-reset-time":
        if how.lower() not in (b"never", b"reset") and integer(how) is None:
            raise NOT_INTEGER
    elif what != b"resizing":
        raise WRONG_SUBCOMMAND(text_of(words[0]), "DEBUG")
    return OK


# Bugs on purpose


@_subcommand("PANIC", 1, 1)
def _panic(call: Call, words: Arguments) -> Reply:
    """Meet a bug in the core, which costs an error reply and nothing else."""
    return call.panic()


@_subcommand("ASSERT", 1, 1)
def _assert(call: Call, words: Arguments) -> Reply:
    """Meet a bug in a handler, which costs an error reply and nothing else."""
    raise AssertionError("DEBUG ASSERT asked for this")


@_subcommand("OOM", 1, 1)
def _oom(call: Call, words: Arguments) -> Reply:
    """Crash as when the system has no memory left."""
    return call.exhaust_memory()


@_subcommand("SEGFAULT", 1, 1)
def _segfault(call: Call, words: Arguments) -> Reply:
    """Crash as by a bad pointer."""
    if hasattr(signal, "SIGSEGV"):
        os.kill(os.getpid(), signal.SIGSEGV)
    os.abort()


@_subcommand("HELP", 1, 1)
def _help(call: Call, words: Arguments) -> Reply:
    """Print this help."""
    lines = ["DEBUG <subcommand> [<arg> [value] [opt] ...]. Subcommands are:"]
    for name in sorted(_TABLE, key=lambda name: (name == "HELP", name)):
        entry = _TABLE[name]
        lines += [entry.syntax, f"    {(entry.function.__doc__ or '').partition(chr(10))[0]}"]
    return [Status(line) for line in lines]
