"""`@command`: a syntax line, its properties and a function become a command.

`container` registers what only has subcommands, and gives it HELP, which is rendered
from the syntax lines and summaries of the others. `TABLE` holds what is built in; a
store begins with it and may know more (`rubellite.extending`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from rubellite._core import Status
from rubellite.record import Record, made
from rubellite.spec import flags as flag
from rubellite.spec.keys import KeySpec, derive_keys
from rubellite.spec.notation import Syntax, read
from rubellite.spec.parameters import Element, compile_parameters

Handler = TypeVar("Handler", bound=Callable[..., Any])

#: Command groups as COMMAND DOCS names them, by the module that defines the command.
_GROUPS = {
    "strings": "string",
    "keys": "generic",
    "expiry": "generic",
    "objects": "generic",
    "sorting": "generic",
    "hashes": "hash",
    "lists": "list",
    "list_elements": "list",
    "sets": "set",
    "sorted_sets": "sorted-set",
    "sorted_set_ranges": "sorted-set",
    "sorted_set_algebra": "sorted-set",
    "sorted_set_expiry": "sorted-set",
    "bitmaps": "bitmap",
    "hyperloglog": "hyperloglog",
    "geo": "geo",
    "geo_search": "geo",
    "streams": "stream",
    "stream_groups": "stream",
    "stream_claims": "stream",
    "stream_info": "stream",
    "connection": "connection",
    "clients": "connection",
    "client_tracking": "connection",
    "transactions": "transactions",
    "pubsub": "pubsub",
}

#: The ACL category of each group.
_CATEGORIES = {
    "string": "@string",
    "generic": "@keyspace",
    "hash": "@hash",
    "list": "@list",
    "set": "@set",
    "sorted-set": "@sortedset",
    "bitmap": "@bitmap",
    "hyperloglog": "@hyperloglog",
    "geo": "@geo",
    "stream": "@stream",
    "connection": "@connection",
    "transactions": "@transaction",
    "pubsub": "@pubsub",
    "scripting": "@scripting",
}


class Command(Record):
    """All that is known of one command (`config|get` for a subcommand)."""

    name: str
    syntax: Syntax
    flags: int
    since: str
    cost: str
    group: str
    summary: str
    handler: Callable[..., Any]
    elements: list[Element]
    arity: int
    keys: list[KeySpec]
    categories: list[str]
    tips: Sequence[str] = ()
    history: Sequence[tuple[str, str]] = ()
    deprecated_since: str = ""
    replaced_by: str = ""
    native: bool = False
    #: The Python module of a command that is not built in.
    module: str = ""
    #: COMMAND DOCS as it was last rendered.
    docs: dict[str, Any] | None = None
    subcommands: dict[str, Command] = made(factory=dict)

    @property
    def words(self) -> int:
        return len(self.syntax.words)


def _origin(entry: Command) -> tuple[str, str]:
    return entry.handler.__module__, entry.handler.__qualname__


class Registry(dict[str, Command]):
    """Commands by name; subcommands as `container|sub` too, behind their container."""

    def add(self, entry: Command) -> None:
        """Adds a command; a subcommand joins its container, too."""
        known = self.get(entry.name)
        # A module whose import was interrupted is imported again.
        if known is not None and _origin(known) != _origin(entry):
            raise ValueError(f"the command {entry.name!r} is defined twice")
        self[entry.name] = entry
        container, bar, subcommand = entry.name.partition("|")
        if bar:
            self[container].subcommands[subcommand] = entry
            self[container].docs = None

    def look_up(self, words: Sequence[str]) -> Command | None:
        """The command that a request beginning with these words names."""
        name = words[0].lower()
        found = self.get(name) if "|" not in name else None
        if found is not None and found.subcommands and len(words) > 1:
            return found.subcommands.get(words[1].lower())
        return found


#: Every command that is built in.
TABLE = Registry()


def _categories(flags: int, group: str, extra: Sequence[str], *, keyspace: bool) -> list[str]:
    found: list[str] = []
    if flags & flag.WRITE:
        found.append("@write")
    if flags & flag.READ and group not in ("scripting",):
        found.append("@read")
    found.extend(extra)
    category = _CATEGORIES.get(group) if keyspace else None
    if category and category not in found:
        found.append(category)
    if flags & flag.ADMIN:
        found.extend(("@admin", "@dangerous"))
    if flags & flag.PUBSUB:
        found.append("@pubsub")
    found.append("@fast" if flags & flag.FAST else "@slow")
    if flags & flag.BLOCKING:
        found.append("@blocking")
    return list(dict.fromkeys(found))


def command(
    text: str,
    flags: int,
    *,
    since: str,
    cost: str = "O(1)",
    group: str = "",
    categories: Sequence[str] = (),
    keyspace: bool = True,
    tips: Sequence[str] = (),
    history: Sequence[tuple[str, str]] = (),
    keys: list[KeySpec] | None = None,
    arity: int | None = None,
    takes_rest: bool = False,
    native: bool = False,
    deprecated_since: str = "",
    replaced_by: str = "",
) -> Callable[[Handler], Handler]:
    """Registers the decorated function as the command that `text` describes.

    `keys` and `arity` replace what the notation says, for the few commands whose
    rules cannot be written in it. A `native` command's handler is in the core
    (`dispatch::native`); its function is documentation, and what the native one
    declines. Without `keyspace` it is not in its group's ACL category. The first line
    of the docstring is the summary.
    """

    def register(handler: Handler) -> Handler:
        module = handler.__module__.rpartition(".")[2]
        entry = make_command(
            handler,
            text,
            flags,
            since=since,
            cost=cost,
            group=group or _GROUPS.get(module, "server"),
            categories=categories,
            keyspace=keyspace,
            keys=keys,
            takes_rest=takes_rest,
        )
        entry.arity = entry.arity if arity is None else arity
        entry.tips, entry.history, entry.native = tips, history, native
        entry.deprecated_since, entry.replaced_by = deprecated_since, replaced_by
        TABLE.add(entry)
        return handler

    return register


def make_command(
    handler: Callable[..., Any],
    text: str,
    flags: int,
    *,
    since: str,
    cost: str,
    group: str,
    categories: Sequence[str] = (),
    keyspace: bool = True,
    keys: list[KeySpec] | None = None,
    takes_rest: bool = False,
) -> Command:
    """The command that `text` and `handler` describe, in no table yet.

    Fails with `NotationError` where the two do not match.
    """
    syntax = read(text)
    key_specs = derive_keys(syntax, flags) if keys is None else keys
    movable = any(spec.find != "range" or spec.search != "index" for spec in key_specs)
    own_flags = flags | (flag.MOVABLE_KEYS if movable else 0)
    return Command(
        name=syntax.name,
        syntax=syntax,
        flags=own_flags,
        since=since,
        cost=cost,
        group=group,
        summary=(handler.__doc__ or "").strip().partition("\n")[0].rstrip("."),
        handler=handler,
        elements=compile_parameters(syntax, handler, takes_rest=takes_rest),
        arity=syntax.arity,
        keys=key_specs,
        categories=_categories(own_flags, group, categories, keyspace=keyspace),
    )


def container(
    name: str,
    summary: str,
    *,
    since: str,
    group: str = "server",
    flags: int = 0,
    cost: str = "Depends on subcommand.",
) -> None:
    """Registers a command that only has subcommands, such as CONFIG."""
    entry = make_container(name, summary, since=since, group=group, flags=flags, cost=cost)
    TABLE.add(entry)
    add_help(entry)


def make_container(
    name: str, summary: str, *, since: str, group: str, flags: int = 0, cost: str
) -> Command:
    """A command that only has subcommands, in no table yet."""
    syntax = read(name)

    def refuse(call: Any) -> None:
        """Never called: the arity asks for a subcommand, and an unknown one is refused."""

    return Command(
        name=syntax.name,
        syntax=syntax,
        flags=flags | flag.CONTAINER,
        since=since,
        cost=cost,
        group=group,
        summary=summary,
        handler=refuse,
        elements=[],
        arity=-2,
        keys=[],
        categories=["@slow"],
    )


#: Since when a container has HELP, where that is not as old as itself.
_HELP_SINCE = {
    "client": "5.0.0",
    "cluster": "5.0.0",
    "command": "5.0.0",
    "config": "5.0.0",
    "object": "6.2.0",
    "pubsub": "6.2.0",
    "script": "5.0.0",
    "slowlog": "6.2.0",
}


def add_help(container: Command) -> None:
    """Gives a container that is built in the subcommand HELP."""
    TABLE.add(make_help(container))


def make_help(container: Command) -> Command:
    """A container's subcommand HELP, in no table yet."""
    name = container.syntax.words[0]
    own = _CATEGORIES.get(container.group)

    def handler(call: Any) -> Any:
        """Print what the subcommands are for."""
        return [Status(line) for line in help_lines(container)]

    return Command(
        name=f"{container.name}|help",
        syntax=read(f"{name} HELP"),
        flags=flag.LOADING | flag.STALE,
        since=_HELP_SINCE.get(container.name, container.since),
        cost="O(1)",
        group=container.group,
        summary="Print what the subcommands are for",
        handler=handler,
        elements=[],
        arity=2,
        keys=[],
        categories=[*container.categories, *([own] if own and own != "@pubsub" else [])],
    )


def help_lines(container: Command) -> list[str]:
    """What HELP prints: each subcommand's syntax and summary, its own last."""
    name = container.syntax.words[0]
    lines = [f"{name} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:"]
    if container.arity == -1:
        lines += ["(no subcommand)", f"    {container.summary}."]
    for subcommand in container.subcommands.values():
        if subcommand.name != f"{container.name}|help":
            lines.append(subcommand.syntax.for_people().removeprefix(f"{name} "))
            lines.append(f"    {subcommand.summary}.")
    return [*lines, "HELP", "    Print this help."]
