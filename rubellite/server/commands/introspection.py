"""COMMAND: what commands there are, how they look and where their keys stand."""

from __future__ import annotations

from collections.abc import Iterable

from rubellite._core import Arguments, Call, glob_matches
from rubellite.engine.replies import Reply
from rubellite.errors import (
    COMMAND_ARGUMENTS,
    COMMAND_ARITY,
    COMMAND_WITHOUT_KEYS,
    NOT_A_COMMAND,
    SYNTAX,
    text_of,
)
from rubellite.spec import describe
from rubellite.spec.command import TABLE, Command, Registry, add_help, command
from rubellite.spec.flags import LOADING, NO_MANDATORY_KEYS, STALE
from rubellite.spec.keys import ACCESS_FLAGS, KeySpec
from rubellite.spec.table import key_rule

_ANY_TIME = LOADING | STALE
_UNORDERED = ("nondeterministic_output_order",)


def _commands(call: Call) -> Registry:
    """The commands of this store, users' own included."""
    found: Registry = call.part("commands")
    return found


def _named(call: Call, names: Iterable[bytes]) -> list[Command | None]:
    commands = _commands(call)
    return [commands.get(text_of(raw).lower()) for raw in names]


def _all(call: Call) -> list[Command]:
    """Every command but not their subcommands."""
    return [entry for name, entry in _commands(call).items() if "|" not in name]


@command(
    "COMMAND",
    _ANY_TIME,
    since="2.8.13",
    cost="O(N) where N is the total number of commands",
    categories=("@connection",),
    tips=_UNORDERED,
    arity=-1,
)
def command_(call: Call) -> Reply:
    """Return the properties of all commands."""
    return [describe.info(entry) for entry in _all(call)]


@command("COMMAND COUNT", _ANY_TIME, since="2.8.13", categories=("@connection",))
def command_count(call: Call) -> Reply:
    """Count the commands."""
    return len(_all(call))


@command(
    "COMMAND DOCS [command-name ...]",
    _ANY_TIME,
    since="7.0.0",
    cost="O(N) where N is the number of commands to look up",
    categories=("@connection",),
    tips=_UNORDERED,
)
def command_docs(call: Call, names: Arguments) -> Reply:
    """Return the documentation of commands, of all when none is named."""
    wanted = [entry for entry in _named(call, names) if entry] if len(names) else _all(call)
    for entry in wanted:
        # redis-cli asks for all of it at every start.
        if entry.docs is None:
            entry.docs = describe.docs(entry)
    return {entry.name: entry.docs for entry in wanted}


@command(
    "COMMAND GETKEYS command [arg ...]",
    _ANY_TIME,
    since="2.8.13",
    cost="O(N) where N is the number of arguments to the command",
    categories=("@connection",),
)
def command_getkeys(call: Call, command_: bytes, arguments: Arguments) -> Reply:
    """Return the keys of a whole command.

    Errors: NOT_A_COMMAND, COMMAND_WITHOUT_KEYS, COMMAND_ARITY, COMMAND_ARGUMENTS.
    """
    words = [command_, *arguments]
    return [words[index] for index, _ in _key_places(call, words)]


@command(
    "COMMAND GETKEYSANDFLAGS command [arg ...]",
    _ANY_TIME,
    since="7.0.0",
    cost="O(N) where N is the number of arguments to the command",
    categories=("@connection",),
)
def command_getkeysandflags(call: Call, command_: bytes, arguments: Arguments) -> Reply:
    """Return the keys of a whole command, and what it does to each.

    Errors: NOT_A_COMMAND, COMMAND_WITHOUT_KEYS, COMMAND_ARITY, COMMAND_ARGUMENTS.
    """
    words = [command_, *arguments]
    return [
        [words[index], describe.words(_access(spec, words))]
        for index, spec in _key_places(call, words)
    ]


def _key_places(call: Call, words: list[bytes]) -> list[tuple[int, KeySpec]]:
    entry = _commands(call).look_up([text_of(word) for word in words[:2]])
    if entry is None:
        raise NOT_A_COMMAND
    if not entry.keys:
        raise COMMAND_WITHOUT_KEYS
    count = len(words)
    if count != entry.arity if entry.arity > 0 else count < -entry.arity:
        raise COMMAND_ARITY
    places = call.key_places(words)
    if places is None:
        if entry.flags & NO_MANDATORY_KEYS:
            return []
        raise COMMAND_ARGUMENTS
    specs = [spec for spec in entry.keys if key_rule(spec)]
    return [(index, specs[rule]) for index, rule in places]


def _access(spec: KeySpec, words: list[bytes]) -> list[str]:
    """What this very call does to the key, where the arguments decide it."""
    flags = [name for name in spec.flags if name != "variable_flags"]
    name = words[0].upper()
    given = {word.upper() for word in words[2:]}
    if name == b"SET" and b"GET" not in {word.upper() for word in words[3:]}:
        flags = ["OW", "update"]
    elif name == b"BITFIELD" and not given & {b"SET", b"INCRBY"}:
        flags = ["RO", "access"]
    return sorted(flags, key=ACCESS_FLAGS.index)


@command(
    "COMMAND INFO [command-name ...]",
    _ANY_TIME,
    since="2.8.13",
    cost="O(N) where N is the number of commands to look up",
    categories=("@connection",),
    tips=_UNORDERED,
    history=(("7.0.0", "Allowed to be called with no argument to get info on all commands."),),
)
def command_info(call: Call, names: Arguments) -> Reply:
    """Return the properties of commands, of all when none is named."""
    if not len(names):
        return command_(call)
    return [describe.info(entry) if entry else None for entry in _named(call, names)]


@command(
    "COMMAND LIST [FILTERBY <MODULE module-name|ACLCAT category|PATTERN pattern>]",
    _ANY_TIME,
    since="7.0.0",
    cost="O(N) where N is the total number of commands",
    categories=("@connection",),
    tips=_UNORDERED,
    takes_rest=True,
)
def command_list(call: Call, words: Arguments) -> Reply:
    """List the names of commands.

    Errors: SYNTAX.
    """
    commands = _commands(call)
    if not len(words):
        return list(commands)
    if len(words) != 3 or words[0].upper() != b"FILTERBY":
        raise SYNTAX
    kind, wanted = words[1].upper(), words[2]
    if kind == b"ACLCAT":
        category = "@" + text_of(wanted).lower()
        return [name for name, entry in commands.items() if category in entry.categories]
    if kind == b"PATTERN":
        return [name for name in commands if glob_matches(wanted, name.encode(), True)]
    if kind == b"MODULE":
        module = text_of(wanted)
        return [name for name, entry in commands.items() if entry.module == module != ""]
    raise SYNTAX


add_help(TABLE["command"])
