"""EVAL and its like, and SCRIPT.

A script runs in the core, which finds it by its digest and calls Lua; the functions of
EVAL, EVALSHA and their read-only forms are documentation.
"""

from __future__ import annotations

from rubellite._core import Arguments, Call
from rubellite.engine.replies import OK, Reply
from rubellite.errors import (
    NO_SCRIPT,
    SCRIPT_DEBUG_MODE,
    SCRIPT_DEBUGGER,
    SCRIPT_FLUSH_MODE,
)
from rubellite.spec.command import command, container
from rubellite.spec.flags import (
    ALLOW_BUSY,
    NO_MANDATORY_KEYS,
    NOSCRIPT,
    READ,
    SKIP_MONITOR,
    STALE,
)
from rubellite.spec.keys import KeySpec

#: Flags of all commands that run scripts or functions.
RUNS = NOSCRIPT | STALE | SKIP_MONITOR | NO_MANDATORY_KEYS
_COST = "Depends on the script that is executed."
_NOTES = "We cannot tell how the keys will be used so we assume the worst, {}"
_READS = ("RO", "access")
_WRITES = ("RW", "access", "update")
_EVERYWHERE = ("request_policy:all_nodes", "response_policy:all_succeeded")


def script_keys(access: tuple[str, ...], notes: str = "") -> list[KeySpec]:
    """The number of keys is the second argument, the keys are behind it."""
    text = _NOTES.format(notes) if notes else ""
    return [KeySpec(access, index=2, find="keynum", keynum=0, first=1, step=1, notes=text)]


def load() -> None:
    """Importing this module was enough: its commands are in the table."""


@command(
    "EVAL script numkeys [key ...] [arg ...]",
    RUNS,
    since="2.6.0",
    cost=_COST,
    group="scripting",
    keys=script_keys(_WRITES, "RW and UPDATE"),
    takes_rest=True,
)
def eval_(call: Call, words: Arguments) -> Reply:
    """Run a Lua script, which finds keys in KEYS and other arguments in ARGV.

    Errors: NOT_INTEGER, TOO_MANY_KEYS, KEYS_NEGATIVE, SCRIPT_BROKEN, SHEBANG_INVALID,
    SHEBANG_OPTION, SHEBANG_FLAG, SCRIPT_ENGINE, OUT_OF_MEMORY.
    """
    raise AssertionError("the core runs scripts")


@command(
    "EVAL_RO script numkeys [key ...] [arg ...]",
    READ | RUNS,
    since="7.0.0",
    cost=_COST,
    group="scripting",
    keys=script_keys(_READS, "RO and ACCESS"),
    takes_rest=True,
)
def eval_ro(call: Call, words: Arguments) -> Reply:
    """Run a Lua script that cannot write.

    Errors: NOT_INTEGER, TOO_MANY_KEYS, KEYS_NEGATIVE, SCRIPT_BROKEN, SHEBANG_INVALID,
    SHEBANG_OPTION, SHEBANG_FLAG, SCRIPT_ENGINE, SCRIPT_MAY_WRITE_RO.
    """
    raise AssertionError("the core runs scripts")


@command(
    "EVALSHA sha1 numkeys [key ...] [arg ...]",
    RUNS,
    since="2.6.0",
    cost=_COST,
    group="scripting",
    keys=script_keys(_WRITES),
    takes_rest=True,
)
def evalsha(call: Call, words: Arguments) -> Reply:
    """Run a Lua script that is known already, by the SHA-1 of its text.

    Errors: NO_SCRIPT, NOT_INTEGER, TOO_MANY_KEYS, KEYS_NEGATIVE, OUT_OF_MEMORY.
    """
    raise AssertionError("the core runs scripts")


@command(
    "EVALSHA_RO sha1 numkeys [key ...] [arg ...]",
    READ | RUNS,
    since="7.0.0",
    cost=_COST,
    group="scripting",
    keys=script_keys(_READS),
    takes_rest=True,
)
def evalsha_ro(call: Call, words: Arguments) -> Reply:
    """Run a Lua script that is known already and cannot write, by the SHA-1 of its text.

    Errors: NO_SCRIPT, NOT_INTEGER, TOO_MANY_KEYS, KEYS_NEGATIVE, SCRIPT_MAY_WRITE_RO.
    """
    raise AssertionError("the core runs scripts")


container("SCRIPT", "Manage the scripts that the server knows", since="2.6.0", group="scripting")


@command(
    "SCRIPT DEBUG <YES|SYNC|NO> [engine]",
    NOSCRIPT,
    since="3.2.0",
    group="scripting",
    takes_rest=True,
)
def script_debug(call: Call, words: Arguments) -> Reply:
    """Set whether the client debugs its scripts: it cannot, so only NO is taken.

    Errors: SCRIPT_DEBUG_MODE, SCRIPT_DEBUGGER.
    """
    mode = words[0].upper()
    if mode not in (b"YES", b"SYNC", b"NO"):
        raise SCRIPT_DEBUG_MODE
    if mode != b"NO":
        raise SCRIPT_DEBUGGER
    return OK


@command(
    "SCRIPT EXISTS sha1 [sha1 ...]",
    NOSCRIPT | STALE,
    since="2.6.0",
    cost="O(N) with N being the number of scripts to check (so checking a single script is an O(1) "
    "operation).",
    group="scripting",
    tips=("request_policy:all_shards", "response_policy:agg_logical_and"),
)
def script_exists(call: Call, digests: Arguments) -> Reply:
    """Tell which scripts are known, by the SHA-1 of their text."""
    return [int(call.has_script(digest)) for digest in digests]


@command(
    "SCRIPT FLUSH [ASYNC|SYNC]",
    NOSCRIPT | STALE,
    since="2.6.0",
    cost="O(N) with N being the number of scripts in cache",
    group="scripting",
    tips=_EVERYWHERE,
    history=(("6.2.0", "Added the `ASYNC` and `SYNC` flushing mode modifiers."),),
    takes_rest=True,
)
def script_flush(call: Call, mode: Arguments) -> Reply:
    """Forget all scripts.

    Errors: SCRIPT_FLUSH_MODE.
    """
    if len(mode) > 1 or any(word.upper() not in (b"ASYNC", b"SYNC") for word in mode):
        raise SCRIPT_FLUSH_MODE
    call.flush_scripts()
    return OK


@command(
    "SCRIPT KILL",
    NOSCRIPT | ALLOW_BUSY,
    since="2.6.0",
    group="scripting",
    tips=("request_policy:all_shards", "response_policy:one_succeeded"),
)
def script_kill(call: Call) -> Reply:
    """End the script that runs, if it has not written anything.

    Errors: NOT_BUSY, UNKILLABLE, BUSY.
    """
    call.kill_script(False)
    return OK


@command(
    "SCRIPT LOAD script",
    NOSCRIPT | STALE,
    since="2.6.0",
    cost="O(N) with N being the length in bytes of the script body.",
    group="scripting",
    tips=_EVERYWHERE,
)
def script_load(call: Call, script: bytes) -> Reply:
    """Take a script in without running it; the SHA-1 of its text.

    Errors: SCRIPT_BROKEN, SHEBANG_INVALID, SHEBANG_OPTION, SHEBANG_FLAG,
    SCRIPT_ENGINE.
    """
    return call.load_script(script)


@command("SCRIPT SHOW sha1", NOSCRIPT | STALE, since="8.0.0", cost="O(1).", group="scripting")
def script_show(call: Call, sha1: bytes) -> Reply:
    """Show the text of a script.

    Errors: NO_SCRIPT.
    """
    text = call.script_text(sha1)
    if text is None:
        raise NO_SCRIPT
    return text
