"""FCALL, FCALL_RO and FUNCTION: libraries of functions in Lua.

A function runs in the core, which finds it by its name; the functions of FCALL and
FCALL_RO are documentation.
"""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

from rubellite._core import Arguments, Call, Members, Status, glob_matches
from rubellite.engine.replies import OK, Reply
from rubellite.errors import (
    FUNCTION_FLUSH_MODE,
    FUNCTION_LIST_ARGUMENT,
    FUNCTION_LIST_NAME,
    FUNCTION_LOAD_OPTION,
    FUNCTION_RESTORE_POLICY,
    LIBRARY_MISSING,
    WRONG_SUBCOMMAND,
    text_of,
)
from rubellite.persistence import snapshots
from rubellite.scripting.commands import RUNS, script_keys
from rubellite.spec.command import command, container
from rubellite.spec.flags import ALLOW_BUSY, DENYOOM, NOSCRIPT, READ, WRITE

_EVERYWHERE = ("request_policy:all_shards", "response_policy:all_succeeded")
_Policy: TypeAlias = Literal["append", "replace", "flush"]
_POLICIES: dict[bytes, _Policy] = {b"APPEND": "append", b"REPLACE": "replace", b"FLUSH": "flush"}


def load() -> None:
    """Importing this module was enough: its commands are in the table."""


@command(
    "FCALL function numkeys [key ...] [arg ...]",
    RUNS,
    since="7.0.0",
    cost="Depends on the function that is executed.",
    group="scripting",
    keys=script_keys(("RW", "access", "update"), "RW and UPDATE"),
    takes_rest=True,
)
def fcall(call: Call, words: Arguments) -> Reply:
    """Call a function of a library with keys and other arguments.

    Errors: FUNCTION_MISSING, FUNCTION_KEYS, TOO_MANY_KEYS, KEYS_NEGATIVE, OUT_OF_MEMORY.
    """
    raise AssertionError("the core runs functions")


@command(
    "FCALL_RO function numkeys [key ...] [arg ...]",
    READ | RUNS,
    since="7.0.0",
    cost="Depends on the function that is executed.",
    group="scripting",
    keys=script_keys(("RO", "access"), "RO and ACCESS"),
    takes_rest=True,
)
def fcall_ro(call: Call, words: Arguments) -> Reply:
    """Call a function that says that it does not write (`no-writes`).

    Errors: FUNCTION_MISSING, FUNCTION_KEYS, TOO_MANY_KEYS, KEYS_NEGATIVE,
    SCRIPT_MAY_WRITE_RO.
    """
    raise AssertionError("the core runs functions")


container("FUNCTION", "Manage libraries of functions", since="7.0.0", group="scripting")


@command(
    "FUNCTION DELETE library-name",
    WRITE | NOSCRIPT,
    since="7.0.0",
    group="scripting",
    tips=_EVERYWHERE,
)
def function_delete(call: Call, library_name: bytes) -> Reply:
    """Delete a library with its functions.

    Errors: LIBRARY_MISSING.
    """
    if not call.delete_library(library_name):
        raise LIBRARY_MISSING
    return OK


@command(
    "FUNCTION DUMP",
    NOSCRIPT,
    since="7.0.0",
    cost="O(N) where N is the number of functions",
    group="scripting",
)
def function_dump(call: Call) -> Reply:
    """Answer all libraries as a string of bytes, for RESTORE here or on another server."""
    how = snapshots.of(call).how()
    return call.dump_libraries(how["format"], how["compresses"])


@command(
    "FUNCTION FLUSH [ASYNC|SYNC]",
    WRITE | NOSCRIPT,
    since="7.0.0",
    cost="O(N) where N is the number of functions deleted",
    group="scripting",
    tips=_EVERYWHERE,
    takes_rest=True,
)
def function_flush(call: Call, mode: Arguments) -> Reply:
    """Delete all libraries; their memory is always freed in the background.

    Errors: WRONG_SUBCOMMAND, FUNCTION_FLUSH_MODE.
    """
    if len(mode) > 1:
        raise WRONG_SUBCOMMAND(text_of(call.argument(1)), "FUNCTION")
    if mode and mode[0].upper() not in (b"ASYNC", b"SYNC"):
        raise FUNCTION_FLUSH_MODE
    call.flush_libraries()
    return OK


@command(
    "FUNCTION KILL",
    NOSCRIPT | ALLOW_BUSY,
    since="7.0.0",
    group="scripting",
    tips=("request_policy:all_shards", "response_policy:one_succeeded"),
)
def function_kill(call: Call) -> Reply:
    """End the function that runs, if it has not written anything.

    Errors: NOT_BUSY, UNKILLABLE, BUSY.
    """
    call.kill_script(True)
    return OK


@command(
    "FUNCTION LIST [LIBRARYNAME library-name-pattern] [WITHCODE]",
    NOSCRIPT,
    since="7.0.0",
    cost="O(N) where N is the number of functions",
    group="scripting",
    tips=("nondeterministic_output_order",),
    takes_rest=True,
)
def function_list(call: Call, words: Arguments) -> Reply:
    """Tell which libraries there are, and their functions.

    Errors: FUNCTION_LIST_NAME, FUNCTION_LIST_ARGUMENT.
    """
    pattern: bytes | None = None
    has_code = False
    at = 0
    while at < len(words):
        word = words[at].upper()
        if word == b"WITHCODE" and not has_code:
            has_code = True
        elif word == b"LIBRARYNAME" and pattern is None:
            at += 1
            if at == len(words):
                raise FUNCTION_LIST_NAME
            pattern = words[at]
        else:
            raise FUNCTION_LIST_ARGUMENT(text_of(words[at]))
        at += 1
    return [
        _described(name, functions, source if has_code else None)
        for name, source, functions in call.libraries()
        if pattern is None or glob_matches(pattern, name, True)
    ]


def _described(name: bytes, functions: list[Any], source: bytes | None) -> dict[str, Reply]:
    told: dict[str, Reply] = {
        "library_name": name,
        "engine": "LUA",
        "functions": [
            {
                "name": function,
                "description": description,
                "flags": Members([Status(flag) for flag in flags]),
            }
            for function, description, flags in functions
        ],
    }
    if source is not None:
        told["library_code"] = source
    return told


@command(
    "FUNCTION LOAD [REPLACE] function-code",
    WRITE | DENYOOM | NOSCRIPT,
    since="7.0.0",
    cost="O(1) (considering compilation time is redundant)",
    group="scripting",
    tips=_EVERYWHERE,
    takes_rest=True,
)
def function_load(call: Call, words: Arguments) -> Reply:
    """Take a library in; its name.

    Errors: FUNCTION_LOAD_OPTION, LIBRARY_METADATA_MISSING, LIBRARY_METADATA_INVALID,
    LIBRARY_METADATA_VALUE, LIBRARY_NAME_MISSING, LIBRARY_NAME_TWICE, LIBRARY_NAME,
    LIBRARY_ENGINE, LIBRARY_EXISTS, LIBRARY_BROKEN, LIBRARY_FAILED, LIBRARY_EMPTY,
    FUNCTION_NAME, FUNCTION_TWICE, FUNCTION_EXISTS.
    """
    last = len(words) - 1
    for at in range(last):
        if words[at].upper() != b"REPLACE":
            raise FUNCTION_LOAD_OPTION(text_of(words[at]))
    return call.load_library(words[last], last > 0)


@command(
    "FUNCTION RESTORE serialized-value [FLUSH|APPEND|REPLACE]",
    WRITE | DENYOOM | NOSCRIPT,
    since="7.0.0",
    cost="O(N) where N is the number of functions on the payload",
    group="scripting",
    tips=_EVERYWHERE,
    takes_rest=True,
)
def function_restore(call: Call, words: Arguments) -> Reply:
    """Take in all libraries of what DUMP answered.

    Errors: WRONG_SUBCOMMAND, FUNCTION_RESTORE_POLICY, WRONG_DUMP, LIBRARY_PAYLOAD,
    LIBRARY_PAYLOAD_TYPE, LIBRARY_PREVIEW, LIBRARY_RESTORED, LIBRARY_METADATA_MISSING,
    LIBRARY_METADATA_INVALID, LIBRARY_METADATA_VALUE, LIBRARY_NAME_MISSING,
    LIBRARY_NAME_TWICE, LIBRARY_NAME, LIBRARY_ENGINE, LIBRARY_EXISTS, LIBRARY_BROKEN,
    LIBRARY_FAILED, LIBRARY_EMPTY, FUNCTION_NAME, FUNCTION_TWICE, FUNCTION_EXISTS.
    """
    if len(words) > 2:
        raise WRONG_SUBCOMMAND(text_of(call.argument(1)), "FUNCTION")
    policy = _POLICIES.get(words[1].upper() if len(words) > 1 else b"APPEND")
    if policy is None:
        raise FUNCTION_RESTORE_POLICY
    call.restore_libraries(words[0], policy)
    return OK


@command(
    "FUNCTION STATS",
    NOSCRIPT | ALLOW_BUSY,
    since="7.0.0",
    group="scripting",
    tips=(
        "nondeterministic_output",
        "request_policy:all_shards",
        "response_policy:special",
    ),
)
def function_stats(call: Call) -> Reply:
    """Tell which function runs, and how many there are.

    Errors: BUSY.
    """
    running: dict[str, Reply] | None = None
    found = call.running_function()
    if found is not None:
        name, words, milliseconds = found
        running = {"name": name, "command": list(words), "duration_ms": milliseconds}
    facts = call.script_facts()
    counts = {"libraries_count": facts["libraries"], "functions_count": facts["functions"]}
    return {"running_script": running, "engines": {"LUA": counts}}
