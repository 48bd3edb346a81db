"""Profiles: the commands of a store as an older server, or one of another family, has them.

What came after the profile's version is unknown there; an option that came later is a
syntax error. Versions are those of COMMAND DOCS: the notation's own, and those of
`rubellite.testing.since` where Redis and Valkey went different ways after 7.2.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from rubellite import errors
from rubellite._core import Call, Verbatim
from rubellite.about import REDIS_VERSION
from rubellite.spec.argument_names import SINCE
from rubellite.spec.command import TABLE, Command, Registry
from rubellite.spec.describe import outline_of
from rubellite.spec.notation import Node, Syntax
from rubellite.testing.matching import matches
from rubellite.testing.since import (
    ARGUMENTS,
    COMMANDS,
    HABITS,
    KNOWN,
    MANY_SINCE,
    OWN_ARGUMENTS,
    REFUSALS,
    Habit,
)

Version = tuple[int, int]


def parse(text: str) -> tuple[str, Version]:
    """Product and version of `redis:7.2`. Fails with `ValueError`."""
    product, _, version = text.partition(":")
    known = KNOWN.get(product.lower())
    short = ".".join(version.split(".")[:2])
    if known is None or short not in known:
        every = ", ".join(f"{one}:{number}" for one, numbers in KNOWN.items() for number in numbers)
        raise ValueError(f"profile {text!r} is unknown; there are {every}")
    return product.lower(), _version(short)


def _version(text: str) -> Version:
    major, minor = text.split(".")[:2]
    return int(major), int(minor)


def is_ours(entry: Command) -> bool:
    """Whether no other server has the command: it is dated by a version of ours, then.

    Those are below 1.0.0, which was Redis's first.
    """
    return _version(entry.since) < (1, 0)


def commands_of(profile: str) -> Registry:
    """The built-in commands as the server that `profile` names has them.

    Fails with `ValueError` for a profile that is none.
    """
    product, version = parse(profile)
    view = _View(product, version)
    found = Registry()
    for entry in sorted(TABLE.values(), key=lambda entry: "|" in entry.name):
        container = entry.name.partition("|")[0]
        if view.has_command(entry) and (container == entry.name or container in found):
            found.add(view.seen(entry))
    return found


class _View:
    """What one version of one product knows."""

    def __init__(self, product: str, version: Version) -> None:
        self._product = product
        self._version = version
        #: Which patch release it is does not matter to anybody.
        self._full = f"{version[0]}.{version[1]}.0"

    def _knows(self, since: str) -> bool:
        return not since or _version(since) <= self._version

    def has_command(self, entry: Command) -> bool:
        """Whether the command is there."""
        if is_ours(entry):
            return False
        return self._knows(COMMANDS[self._product].get(entry.name, entry.since))

    def _has_part(self, command: str, outline: str) -> bool:
        own = OWN_ARGUMENTS[self._product].get(command, {})
        since = own.get(outline) or ARGUMENTS.get(command, {}).get(outline)
        return self._knows(since or SINCE.get(command, {}).get(outline, ""))

    def seen(self, entry: Command) -> Command:
        """The command as it is there: fewer subcommands and options."""
        lost: set[str] = set()
        nodes = self._pruned(entry, entry.syntax.nodes, lost)
        copy = entry.replaced(subcommands={}, docs=None)
        if not self._knows(MANY_SINCE.get(entry.name, "")):
            nodes = [node.replaced(repeated=False) for node in nodes[:1]]
        if nodes != entry.syntax.nodes:
            copy.syntax = Syntax(entry.syntax.text, entry.syntax.words, nodes)
            if entry.arity == entry.syntax.arity:
                copy.arity = copy.syntax.arity
        habit = HABITS.get(entry.name)
        if habit is not None and self._knows(habit.since[self._product]):
            habit = None
        if lost or habit is not None:
            copy.handler = _checked(entry, nodes, lost, habit)
        if entry.name == "hello":
            copy.handler = self._greeting(copy.handler)
        elif entry.name == "info":
            copy.handler = self._telling(copy.handler)
        return copy

    def _greeting(self, handler: Callable[..., Any]) -> Callable[..., Any]:
        """HELLO, which names the profile's server: libraries look at its version."""

        def hello(call: Call, *values: Any) -> Any:
            return {**handler(call, *values), "server": self._product, "version": self._full}

        return hello

    def _telling(self, handler: Callable[..., Any]) -> Callable[..., Any]:
        """INFO, which does the same."""
        ours = f"redis_version:{REDIS_VERSION}\r\nserver_name:rubellite\r\n".encode()
        if self._product == "redis":
            theirs = f"redis_version:{self._full}\r\n".encode()
        else:
            # Valkey calls itself Redis 7.2.4 for those who do not know it.
            theirs = (
                f"redis_version:7.2.4\r\nserver_name:{self._product}\r\n"
                f"{self._product}_version:{self._full}\r\n"
            ).encode()

        def info(call: Call, *values: Any) -> Any:
            reply = handler(call, *values)
            return Verbatim(reply.text.replace(ours, theirs, 1))

        return info

    def _pruned(self, entry: Command, nodes: Iterable[Node], lost: set[str]) -> list[Node]:
        """Nodes that are there; the words of the others go into `lost`."""
        kept: list[Node] = []
        for node in nodes:
            if not self._has_part(entry.name, outline_of(node)):
                lost |= _words_of(node)
                continue
            if node.children:
                children = self._pruned(entry, node.children, lost)
                if not children:
                    continue
                node = node.replaced(children=children)
            kept.append(node)
        return kept


def _words_of(node: Node) -> set[str]:
    if node.kind == "word":
        return {node.name}
    first = node.children[:1] if node.kind == "sequence" else node.children
    return {word for child in first for word in _words_of(child)}


def _checked(
    entry: Command, nodes: list[Node], lost: set[str], habit: Habit | None
) -> Callable[..., Any]:
    """The command's handler, which refuses what the profile does not know."""
    handler, skipped = entry.handler, entry.words
    newer = frozenset(word.encode() for word in lost)

    def check(call: Call, *values: Any) -> Any:
        words = call.request_words()
        arguments = words[skipped:]
        if any(word.upper() in newer for word in arguments) and not matches(nodes, arguments):
            raise errors.TABLE[REFUSALS.get(entry.name, "SYNTAX")]
        if habit is not None and habit.is_used(words):
            raise errors.TABLE[habit.error]
        return handler(call, *values)

    return check
