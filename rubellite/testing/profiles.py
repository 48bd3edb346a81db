"""Profiles: the commands of a store as an older server, or one of another family, has them.

What came after the profile's version is unknown there; an option that came later is a
syntax error. Versions are those of COMMAND DOCS: the notation's own, and below where
Redis and Valkey went different ways after 7.2.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any, Final

from rubellite import errors
from rubellite._core import Call, Verbatim
from rubellite.about import REDIS_VERSION
from rubellite.spec.argument_names import SINCE
from rubellite.spec.command import TABLE, Command, Registry
from rubellite.spec.describe import outline_of
from rubellite.spec.notation import Node, Syntax
from rubellite.testing.matching import matches

Version = tuple[int, int]

#: The versions that a profile may name, by product.
KNOWN: Final[dict[str, tuple[str, ...]]] = {
    "redis": ("6.0", "6.2", "7.0", "7.2", "7.4", "8.0", "8.2"),
    "valkey": ("7.2", "8.0", "8.1", "9.0", "9.1"),
}

#: Where a product never had it.
_NEVER: Final = "1000.0"


def _all(names: str, version: str) -> dict[str, str]:
    return dict.fromkeys(names.split(), version)


#: Since when a product has a command, where the notation tells of the other one.
_COMMANDS: Final = {
    "redis": {
        **_all(
            "hexpire hexpireat hexpiretime hpersist hpexpire hpexpireat hpexpiretime hpttl httl",
            "7.4",
        ),
        **_all("hgetdel hgetex hsetex", "8.0"),
        **_all(
            "client|capa client|import-source commandlog commandlog|get commandlog|help "
            "commandlog|len commandlog|reset delifeq msetex script|show",
            _NEVER,
        ),
    },
    "valkey": _all("xackdel xdelex", _NEVER),
}

#: Commands of ours that no other server has.
_OURS: Final = frozenset(
    "sexpire sexpireat sexpiretime spersist spexpire spexpireat spexpiretime spttl sttl".split()
)

#: Since when arguments are there, by outline; what COMMAND DOCS tells in its history only.
_ARGUMENTS: Final = {
    "georadiusbymember": {"ANY": "6.2"},
    "georadiusbymember_ro": {"ANY": "6.2"},
    "xgroup|create": {"ENTRIESREAD entries-read": "7.0"},
    "xgroup|setid": {"ENTRIESREAD entries-read": "7.0"},
    "zrank": {"WITHSCORE": "7.2"},
    "zrevrank": {"WITHSCORE": "7.2"},
}

_REFERENCES: Final = {"KEEPREF|DELREF|ACKED": "8.2"}
_NO_REFERENCES: Final = {"KEEPREF|DELREF|ACKED": _NEVER}


def _filters(command: str) -> dict[str, str]:
    """The filters of CLIENT KILL and LIST that only Valkey has."""
    return {outline: _NEVER for outline, since in SINCE[command].items() if since >= "8.0.0"}


#: The same, where the products differ.
_OWN_ARGUMENTS: Final = {
    "redis": {
        "bgsave": {"CANCEL": _NEVER},
        "bitop": _all("DIFF DIFF1 ANDOR ONE", "8.2"),
        "client|kill": {**_filters("client|kill"), "MAXAGE maxage": "7.4"},
        "client|list": _filters("client|list"),
        "geosearch": {"BYPOLYGON num-vertices longitude latitude": _NEVER},
        "geosearchstore": {"BYPOLYGON num-vertices longitude latitude": _NEVER},
        "hexpireat": {"NX|XX|GT|LT": "7.4"},
        "hpexpire": {"NX|XX|GT|LT": "7.4"},
        "hpexpireat": {"NX|XX|GT|LT": "7.4"},
        "hscan": {"NOVALUES": "7.4"},
        "hsetex": {"NX|XX": _NEVER},
        "set": {"IFEQ comparison-value": _NEVER},
        "shutdown": {"SAFE": _NEVER, "FAILOVER": _NEVER},
        "xadd": _REFERENCES,
        "xtrim": _REFERENCES,
        "zscan": {"NOSCORES": _NEVER},
    },
    "valkey": {
        "bitop": _all("DIFF DIFF1 ANDOR ONE", _NEVER),
        "hscan": {"NOVALUES": "8.0"},
        "xadd": _NO_REFERENCES,
        "xtrim": _NO_REFERENCES,
        "zscan": {"NOSCORES": "8.0"},
    },
}

#: What could be given once only before these versions.
_MANY_SINCE: Final = {"config|get": "7.0", "config|set": "7.0", "info": "7.0"}


def _has(words: tuple[bytes, ...], *wanted: bytes) -> bool:
    return set(wanted) <= {word.upper() for word in words}


#: What words alone do not tell: since when it may be, what it is, and the error before.
_HABITS: Final[dict[str, tuple[str, Callable[[tuple[bytes, ...]], bool], str]]] = {
    # SET key value NX GET
    "set": ("7.0", lambda words: _has(words[3:], b"NX", b"GET"), "SYNTAX"),
    # XADD key 5-*
    "xadd": (
        "7.0",
        lambda words: any(re.fullmatch(rb"\d+-\*", word) for word in words[2:-2]),
        "STREAM_ID",
    ),
}


#: How an unknown option is taken, where that is no syntax error: as an entry's ID.
_REFUSALS: Final = {"xadd": "STREAM_ID"}


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
        if entry.name in _OURS:
            return False
        return self._knows(_COMMANDS[self._product].get(entry.name, entry.since))

    def _has_part(self, command: str, outline: str) -> bool:
        own = _OWN_ARGUMENTS[self._product].get(command, {})
        since = own.get(outline) or _ARGUMENTS.get(command, {}).get(outline)
        return self._knows(since or SINCE.get(command, {}).get(outline, ""))

    def seen(self, entry: Command) -> Command:
        """The command as it is there: fewer subcommands and options."""
        lost: set[str] = set()
        nodes = self._pruned(entry, entry.syntax.nodes, lost)
        copy = replace(entry, subcommands={}, docs=None)
        if not self._knows(_MANY_SINCE.get(entry.name, "")):
            nodes = [replace(node, repeated=False) for node in nodes[:1]]
        if nodes != entry.syntax.nodes:
            copy.syntax = Syntax(entry.syntax.text, entry.syntax.words, nodes)
            if entry.arity == entry.syntax.arity:
                copy.arity = copy.syntax.arity
        since, is_new, error = _HABITS.get(entry.name, ("", _never, ""))
        if self._knows(since):
            is_new = _never
        if lost or is_new is not _never:
            copy.handler = _checked(entry, nodes, lost, is_new, error)
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
                node = replace(node, children=children)
            kept.append(node)
        return kept


def _never(_words: tuple[bytes, ...]) -> bool:
    return False


def _words_of(node: Node) -> set[str]:
    if node.kind == "word":
        return {node.name}
    first = node.children[:1] if node.kind == "sequence" else node.children
    return {word for child in first for word in _words_of(child)}


def _checked(
    entry: Command,
    nodes: list[Node],
    lost: set[str],
    is_new: Callable[[tuple[bytes, ...]], bool],
    error: str,
) -> Callable[..., Any]:
    """The command's handler, which refuses what the profile does not know."""
    handler, skipped = entry.handler, entry.words
    newer = frozenset(word.encode() for word in lost)

    def check(call: Call, *values: Any) -> Any:
        words = call.request_words()
        arguments = words[skipped:]
        if any(word.upper() in newer for word in arguments) and not matches(nodes, arguments):
            raise errors.TABLE[_REFUSALS.get(entry.name, "SYNTAX")]
        if is_new(words):
            raise errors.TABLE[error]
        return handler(call, *values)

    return check
