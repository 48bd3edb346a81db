"""What may be typed: command names, and the arguments that are still missing.

From the server's COMMAND DOCS, which ours makes of the command notation; so commands of
your own have hints, too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

#: An argument as COMMAND DOCS describes it.
Argument = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Usage:
    """A command: `CONFIG GET` and its arguments."""

    name: str
    arguments: tuple[Argument, ...] = ()
    summary: str = ""
    since: str = ""
    group: str = ""

    @property
    def text(self) -> str:
        """The syntax line."""
        return " ".join([self.name, *map(show, self.arguments)])


@dataclass(slots=True)
class Usages:
    """All commands, by their names in capitals."""

    by_name: dict[str, Usage] = field(default_factory=dict)

    def add(self, name: str, docs: Mapping[str, Any]) -> None:
        """Adds a command and its subcommands, as COMMAND DOCS tells of them."""
        shown = name.replace("|", " ").upper()
        self.by_name[shown] = Usage(
            shown,
            tuple(docs.get("arguments", ())),
            str(docs.get("summary", "")),
            str(docs.get("since", "")),
            str(docs.get("group", "")),
        )
        for inner, its in docs.get("subcommands", {}).items():
            self.add(inner, its)

    def find(self, words: list[str]) -> tuple[Usage, int] | None:
        """The command that a line begins with, and how many words its name has."""
        for count in (2, 1):
            name = " ".join(words[:count]).upper()
            if len(words) >= count and name in self.by_name:
                return self.by_name[name], count
        return None

    def is_container(self, name: str) -> bool:
        """Whether there are only subcommands of this name."""
        prefix = name.upper() + " "
        return any(known.startswith(prefix) for known in self.by_name)

    def completions(self, words: list[str], prefix: str) -> list[tuple[str, str]]:
        """What the word that begins with `prefix` may become, each with its summary."""
        start = prefix.upper()
        if not words:
            return [
                (usage.name, usage.summary)
                for usage in sorted(self.by_name.values(), key=lambda usage: usage.name)
                if " " not in usage.name and usage.name.startswith(start)
            ]
        if len(words) == 1 and self.is_container(words[0]):
            head = words[0].upper() + " "
            return [
                (name.removeprefix(head), usage.summary)
                for name, usage in sorted(self.by_name.items())
                if name.startswith(head + start)
            ]
        found = self.find(words)
        if found is None:
            return []
        usage, count = found
        left = remaining(usage.arguments, words[count:])
        tokens = dict.fromkeys(token for item in left for token in _tokens(item))
        return [(token, "") for token in tokens if token.startswith(start)]

    def hint(self, words: list[str]) -> str:
        """What may follow the words of a line."""
        found = self.find(words)
        if found is None:
            return ""
        usage, count = found
        if not usage.arguments and count == 1 and self.is_container(usage.name):
            return "subcommand" if len(words) == 1 else ""
        return " ".join(map(show, remaining(usage.arguments, words[count:])))


def of_docs(reply: Any) -> Usages:
    """The usages in a reply to COMMAND DOCS."""
    usages = Usages()
    for name, docs in _plain(reply).items() if reply else ():
        usages.add(name, docs)
    return usages


#: Parts of COMMAND DOCS that are maps; in RESP2 they are flat lists.
_MAPS = frozenset(("arguments", "subcommands"))


def _plain(reply: Any) -> Any:
    """Maps as dicts, texts as str, whatever the protocol."""
    if isinstance(reply, Mapping):
        return {_name(key): _member(_name(key), value) for key, value in reply.items()}
    pairs = zip(reply[::2], reply[1::2], strict=False)
    return {_name(key): _member(_name(key), value) for key, value in pairs}


def _name(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return str(value)


def _member(name: str, value: Any) -> Any:
    if name == "arguments":
        return [_plain(argument) for argument in value]
    if name == "flags":
        return [_name(flag) for flag in value]
    if isinstance(value, (list, Mapping)):
        # Below a command's name, or among subcommands: what it says of itself.
        return _plain(value) if name not in ("history", "doc_flags") else []
    return _name(value)


# Arguments


def _flags(argument: Argument) -> Iterable[str]:
    flags: Iterable[str] = argument.get("flags", ())
    return flags


def _inner(argument: Argument) -> str:
    parts = argument.get("arguments", ())
    kind = argument.get("type")
    if kind == "oneof":
        return "|".join(map(_bare, parts))
    if kind == "block":
        return " ".join(map(show, parts))
    if kind == "pure-token":
        return ""
    return str(argument.get("display_text") or argument.get("name", ""))


def _bare(argument: Argument) -> str:
    """An argument without the brackets of what is optional."""
    token, inner = argument.get("token"), _inner(argument)
    shown = f"{token or chr(34) * 2} {inner}".rstrip() if token is not None else inner
    if "multiple" in _flags(argument):
        again = shown if "multiple_token" in _flags(argument) else inner
        return f"{shown} [{again} ...]"
    return shown


def show(argument: Argument) -> str:
    """An argument as the manual writes it."""
    shown = _bare(argument)
    return f"[{shown}]" if "optional" in _flags(argument) else shown


def _tokens(argument: Argument) -> list[str]:
    """Words that an argument may begin with."""
    if argument.get("token") is not None:
        return [str(argument["token"]).upper()]
    parts = list(argument.get("arguments", ()))
    if argument.get("type") == "oneof":
        return [token for part in parts for token in _tokens(part)]
    return _tokens(parts[0]) if argument.get("type") == "block" and parts else []


def _size(argument: Argument) -> int:
    """How many words an argument takes at least, its token included."""
    own = 1 if argument.get("token") is not None else 0
    parts = list(argument.get("arguments", ()))
    kind = argument.get("type")
    if kind == "pure-token":
        return 1
    if kind == "oneof":
        return own + min((_size(part) for part in parts), default=1)
    if kind == "block":
        return own + sum(_size(part) for part in parts if "optional" not in _flags(part))
    return own + 1


def _chosen(argument: Argument, word: str) -> Argument:
    """What of alternatives a word has chosen."""
    if argument.get("type") == "oneof" and argument.get("token") is None:
        for part in argument.get("arguments", ()):
            if word in _tokens(part):
                return _chosen(part, word)
    return argument


def remaining(arguments: Iterable[Argument], words: list[str]) -> list[Argument]:
    """The arguments that may follow these words. O(words × arguments)."""
    left, at = list(arguments), 0
    while at < len(words) and left:
        word = words[at].upper()
        named = next((item for item in left if word in _tokens(item)), None)
        if named is not None:
            taken = _chosen(named, word)
            size = _size(taken)
            left = _without(left, named)
            if at + size > len(words):
                missing = at + size - len(words)
                return [*_values(taken)[-missing:], *left]
            at += size
            continue
        plain = next((item for item in left if not _tokens(item)), None)
        if plain is None:
            return left
        at += _size(plain)
        if at > len(words):
            return [*_values(plain)[len(words) - at :], *_after(left, plain)]
        if "multiple" in _flags(plain):
            again = {"name": f"{_inner(plain)} ...", "flags": ["optional"], "type": "string"}
            return [again, *_after(left, plain)] if at == len(words) else _rest(left, plain, words)
        left = _without(left, plain)
    return left


def _rest(left: list[Argument], plain: Argument, words: list[str]) -> list[Argument]:
    """After several words of an argument that repeats: it, and named ones not yet there."""
    again = {"name": f"{_inner(plain)} ...", "flags": ["optional"], "type": "string"}
    typed = {word.upper() for word in words}
    others = [item for item in _after(left, plain) if not typed.intersection(_tokens(item))]
    return [again, *others]


def _without(left: list[Argument], item: Argument) -> list[Argument]:
    return [other for other in left if other is not item]


def _after(left: list[Argument], item: Argument) -> list[Argument]:
    return _without(left, item)


def _values(argument: Argument) -> list[Argument]:
    """The words behind an argument's token, as arguments of their own."""
    if argument.get("type") == "block":
        return [value for part in argument.get("arguments", ()) for value in _values(part)]
    if argument.get("type") == "pure-token":
        return []
    return [{"name": _inner(argument), "type": "string"}]
