"""A command's properties in the shapes of COMMAND INFO and COMMAND DOCS."""

from __future__ import annotations

from collections.abc import Iterable
from copy import deepcopy
from typing import Any

from rubellite._core import Members, Status
from rubellite.spec import flags as flag
from rubellite.spec.argument_names import (
    KEY_PATTERNS,
    SYSTEM_COMMANDS,
    TOKEN_OF_FIRST,
    TOKEN_OF_GROUP,
    name_of,
    since_of,
)
from rubellite.spec.command import Command
from rubellite.spec.keys import KeySpec
from rubellite.spec.notation import Node, fold_repetition

#: Categories in the order in which Redis lists them.
CATEGORIES = (
    "keyspace read write set sortedset list hash string bitmap hyperloglog geo stream pubsub "
    "admin fast slow blocking dangerous connection transaction scripting"
).split()
_RANK = {f"@{name}": rank for rank, name in enumerate(CATEGORIES)}


def words(names: Iterable[str]) -> Members:
    """A set of status replies, in order."""
    return Members([Status(name) for name in names])


# COMMAND INFO


def info(command: Command) -> list[Any]:
    """The ten elements of COMMAND INFO."""
    first, last, step = legacy_range(command.keys)
    return [
        command.name,
        command.arity,
        words(flag.names(command.flags)),
        first,
        last,
        step,
        words(sorted(command.categories, key=_RANK.__getitem__)),
        Members(list(command.tips)),
        Members([_key_spec(spec) for spec in command.keys]),
        [info(subcommand) for subcommand in command.subcommands.values()],
    ]


def legacy_range(specs: list[KeySpec]) -> tuple[int, int, int]:
    """First key, last key and step, as far as one range can say it."""
    ranges = [spec for spec in specs if spec.search == "index" and spec.find == "range"]
    if not ranges:
        return 0, 0, 0

    def last_of(spec: KeySpec) -> int:
        return spec.last if spec.last < 0 else spec.index + spec.last

    head, *others = sorted(ranges, key=lambda spec: spec.index)
    first, last, step = head.index, last_of(head), head.step
    for spec in others:
        # Only what follows without a gap and in the same steps joins the range.
        if last >= 0 and spec.step == step and spec.index == last + step:
            last = last_of(spec)
        else:
            break
    return first, last, step


def _key_spec(spec: KeySpec) -> dict[str, Any]:
    search: dict[str, Any] = {}
    if spec.search == "index":
        search = {"index": spec.index}
    elif spec.search == "keyword":
        search = {"keyword": spec.keyword, "startfrom": spec.index}
    find: dict[str, Any] = {}
    if spec.find == "range" and search:
        find = {"lastkey": spec.last, "keystep": spec.step, "limit": spec.limit}
    elif spec.find == "keynum":
        find = {"keynumidx": spec.keynum, "firstkey": spec.first, "keystep": spec.step}
    shown: dict[str, Any] = {"notes": spec.notes} if spec.notes else {}
    shown["flags"] = words(spec.flags)
    shown["begin_search"] = {"type": spec.search, "spec": search}
    shown["find_keys"] = {"type": spec.find if search else "unknown", "spec": find}
    return shown


# COMMAND DOCS


def docs(command: Command) -> dict[str, Any]:
    """What COMMAND DOCS says of a command."""
    shown: dict[str, Any] = {
        "summary": command.summary,
        "since": command.since,
        "group": command.group,
        "complexity": command.cost,
    }
    if command.name in SYSTEM_COMMANDS:
        shown["doc_flags"] = words(["syscmd"])
    if command.deprecated_since:
        shown["doc_flags"] = words(["deprecated"])
        shown["deprecated_since"] = command.deprecated_since
        shown["replaced_by"] = command.replaced_by
    if command.history:
        shown["history"] = Members([list(entry) for entry in command.history])
    arguments = _Describer(command).all()
    if arguments:
        shown["arguments"] = arguments
    if command.subcommands:
        shown["subcommands"] = {
            subcommand.name: docs(subcommand) for subcommand in command.subcommands.values()
        }
    return shown


class _Describer:
    """Makes the tree of arguments out of the syntax's."""

    def __init__(self, command: Command) -> None:
        self._command = command
        self._met: dict[str, int] = {}
        #: For each key in the order of the syntax, which key spec finds it.
        self._specs: list[int] = []
        #: The spec of keys that come out of a pattern (SORT).
        self._pattern_spec = 0
        for number, spec in enumerate(command.keys):
            if spec.search == "unknown" and not spec.keyword:
                self._pattern_spec = number
                continue
            covers = spec.last + 1 if spec.find == "range" and spec.last > 0 else 1
            self._specs += [number] * (covers if spec.step == 1 else 1)

    def all(self) -> list[dict[str, Any]]:
        """All arguments of the command."""
        return [self._argument(node) for node in deepcopy(self._command.syntax.nodes)]

    def _argument(self, node: Node, token: str = "") -> dict[str, Any]:
        if node.kind == "sequence":
            return self._sequence(node)
        outline = outline_of(node)
        full = f"{token} {outline}" if token else outline
        shown: dict[str, Any]
        if node.kind == "choice":
            shown = {"name": self._named(full, token.lower() or "choice"), "type": "oneof"}
        elif node.kind == "word":
            name = self._named(outline, node.name.lower())
            word = node.name.strip('"')
            shown = {"name": name, "type": "pure-token", "display_text": name, "token": word}
        else:
            name = self._named(full, node.name)
            shown = {"name": name, "type": node.type, "display_text": node.name}
            if node.is_key:
                shown["key_spec_index"] = self._key_spec_index()
            elif name in KEY_PATTERNS:
                shown["key_spec_index"] = self._pattern_spec
        if token:
            shown["token"] = token
        self._finish(shown, node, full)
        if node.kind == "choice":
            shown["arguments"] = [self._argument(child) for child in node.children]
        return shown

    def _sequence(self, node: Node) -> dict[str, Any]:
        outline = outline_of(node)
        children = fold_repetition(node.children)
        if len(children) == 1:
            only = children[0]
            only.optional = node.optional
            shown = self._argument(only)
            if node.children[0].kind == "word" and only.repeated:
                shown["flags"] = words([*_flag_names(only), "multiple_token"])
            return shown
        first, *others = children
        if first.kind == "word" and len(others) == 1 and not others[0].optional:
            value = others[0]
            if value.kind in ("value", "choice"):
                value.optional = node.optional
                # `GET pattern` again and again: the word comes each time.
                shown = self._argument(value, first.name)
                if node.repeated:
                    value.repeated = True
                    shown["flags"] = words([*_flag_names(value), "multiple_token"])
                return shown
        is_plain = first.name in TOKEN_OF_GROUP or (
            first.name not in TOKEN_OF_FIRST
            and all(
                not other.optional and (other.kind == "value" or other.repeated) for other in others
            )
        )
        shown = {"name": "", "type": "block"}
        if first.kind == "word" and is_plain and len(others) > 1:
            shown["name"] = self._named(outline, first.name.lower())
            shown["token"] = first.name
            inner = [self._argument(other) for other in others]
        elif first.kind == "word" and others[0].kind == "value" and not others[0].optional:
            shown["name"] = self._named(outline, first.name.lower())
            inner = [self._argument(others[0], first.name)]
            inner += [self._argument(other) for other in others[1:]]
        else:
            shown["name"] = self._named(outline, node.name or "data")
            inner = [self._argument(child) for child in children]
        self._finish(shown, node, outline)
        shown["arguments"] = inner
        return shown

    def _finish(self, shown: dict[str, Any], node: Node, outline: str) -> None:
        since = since_of(self._command.name, outline)
        if since:
            shown["since"] = since
        names = _flag_names(node)
        if names:
            shown["flags"] = words(names)

    def _named(self, outline: str, otherwise: str) -> str:
        repeats = self._met[outline] = self._met.get(outline, 0) + 1
        return name_of(self._command.name, outline, otherwise, repeats)

    def _key_spec_index(self) -> int:
        if len(self._specs) > 1:
            return self._specs.pop(0)
        return self._specs[0] if self._specs else 0


def _flag_names(node: Node) -> list[str]:
    return ["optional"] * node.optional + ["multiple"] * node.repeated


def outline_of(node: Node) -> str:
    """`NX|XX`, `LIMIT offset count`: see `argument_names`."""
    if node.kind == "choice":
        return "|".join(outline_of(child).split(" ", 1)[0] for child in node.children)
    if node.kind == "sequence":
        return " ".join(outline_of(child) for child in fold_repetition(deepcopy(node.children)))
    return node.name
