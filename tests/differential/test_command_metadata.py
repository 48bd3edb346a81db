"""COMMAND INFO and COMMAND DOCS of every command, held against Valkey 9.1.

Summaries and complexities are our own words, and so are the texts of histories; all
else has to be equal: arity, flags, key positions, categories, tips, key specs,
subcommands and the tree of arguments.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests import oracles
from tests.wire import Connection, Map, Members

#: Commands that only Redis 8.2 has; that is what they are held against.
REDIS_ONLY: frozenset[str] = frozenset(())

#: Commands of our own (docs/decisions says why), described by nobody else.
OURS_ONLY = frozenset(
    f"{letter}{name}"
    for letter in "sz"
    for name in (
        "expire pexpire expireat pexpireat ttl pttl expiretime pexpiretime persist".split()
    )
)

#: Differences that are meant, by command and what differs.
ALLOWED: dict[tuple[str, str], str] = {
    ("bitop", "arguments"): "four operations are Redis 8.2's; Valkey has not got them",
    ("client|kill", "arguments"): "filters are combined; Valkey's tree says one of them",
    ("cluster|migrateslots", "arguments"): "a word of a group belongs to what follows it",
    ("debug", "arguments"): "a subcommand and what it takes; Valkey's tree says nothing",
    ("xadd", "arguments"): "the policies for references are Redis 8.2's; Valkey has not got them",
    ("xtrim", "arguments"): "the policies for references are Redis 8.2's; Valkey has not got them",
    ("xdelex", "arguments"): "IDS and what follows stand side by side, not in a block",
    ("xackdel", "arguments"): "IDS and what follows stand side by side, not in a block",
    ("xread", "arguments"): "STREAMS and what follows stand side by side, not in a block",
    ("xreadgroup", "arguments"): "STREAMS and what follows stand side by side, not in a block",
}

#: What is told in our own words.
OWN_WORDS = ("summary", "complexity", "history")

INFO_ELEMENTS = (
    "name",
    "arity",
    "flags",
    "first_key",
    "last_key",
    "step",
    "categories",
    "tips",
    "key_specs",
    "subcommands",
)


def plain(reply: Any) -> Any:
    """Replies as Python objects; sets and subcommands lose their order."""
    if isinstance(reply, Map):
        return {plain(key): plain(value) for key, value in reply}
    if isinstance(reply, Members):
        return sorted((plain(item) for item in reply), key=repr)
    if isinstance(reply, (list, tuple)):
        return [plain(item) for item in reply]
    return reply.decode() if isinstance(reply, bytes) else reply


def infos(connection: Connection) -> dict[str, dict[str, Any]]:
    """COMMAND's elements by name, subcommands like commands."""
    found: dict[str, dict[str, Any]] = {}

    def add(rows: list[Any]) -> None:
        for row in rows:
            entry = dict(zip(INFO_ELEMENTS, row, strict=True))
            add(entry["subcommands"])
            entry["key_specs"] = [
                {name: value for name, value in spec.items() if name != "notes"}
                for spec in entry["key_specs"]
            ]
            entry["subcommands"] = None
            found[entry["name"]] = entry

    add(plain(connection.call("COMMAND")))
    return found


def documents(connection: Connection) -> dict[str, dict[str, Any]]:
    """COMMAND DOCS by name, subcommands like commands."""
    found: dict[str, dict[str, Any]] = {}

    def add(rows: dict[str, Any]) -> None:
        for name, entry in rows.items():
            add(entry.pop("subcommands", {}))
            for key in OWN_WORDS:
                entry.pop(key, None)
            _without_own_words(entry.get("arguments", []))
            found[name] = entry

    add(plain(connection.call("COMMAND", "DOCS")))
    return found


def _without_own_words(arguments: list[dict[str, Any]]) -> None:
    for argument in arguments:
        argument.pop("summary", None)
        argument.pop("deprecated_since", None)
        if argument["name"] == "numfields":
            # A count has no key; Valkey says so for some of its hash commands.
            argument.pop("key_spec_index", None)
        _without_own_words(argument.get("arguments", []))


class Catalogue:
    """What one server says of its commands."""

    def __init__(self, name: str) -> None:
        server = oracles.start(name)
        try:
            with server.connect(protocol=3) as connection:
                self.infos, self.documents = infos(connection), documents(connection)
        finally:
            server.stop()


@pytest.fixture(scope="module")
def ours() -> Catalogue:
    return Catalogue("ours")


@pytest.fixture(scope="module")
def valkey() -> Iterator[Catalogue]:
    try:
        yield Catalogue("valkey91")
    except oracles.ServerUnavailableError as problem:
        pytest.fail(str(problem), pytrace=False)


@pytest.fixture(scope="module")
def redis() -> Iterator[Catalogue]:
    try:
        yield Catalogue("redis82")
    except oracles.ServerUnavailableError as problem:
        pytest.fail(str(problem), pytrace=False)


def differences(kind: str, ours: Catalogue, valkey: Catalogue, redis: Catalogue) -> list[str]:
    """What our commands say otherwise, a line each."""
    found = []
    for name, entry in getattr(ours, kind).items():
        expected = getattr(valkey, kind).get(name) or getattr(redis, kind).get(name)
        if expected is None:
            if name not in REDIS_ONLY | OURS_ONLY:
                found.append(f"{name}: no real server has it")
            continue
        for key in sorted({*entry, *expected}):
            if (name, key) in ALLOWED or entry.get(key) == expected.get(key):
                continue
            found.append(f"{name} {key}:\n    {entry.get(key)}\n    {expected.get(key)}")
    return found


@pytest.mark.parametrize("kind", ["infos", "documents"])
def test_commands_are_described_alike(kind, ours, valkey, redis):
    found = differences(kind, ours, valkey, redis)
    assert not found, "\n".join(found)


def test_allowances_are_needed(ours, valkey, redis):
    for name, key in ALLOWED:
        assert name in ours.infos, f"{name} is not there: drop the allowance"
        real = valkey if name in valkey.infos else redis
        same = all(
            getattr(ours, kind)[name].get(key) == getattr(real, kind)[name].get(key)
            for kind in ("infos", "documents")
            if name in getattr(real, kind)
        )
        assert not same, f"{name} {key} no longer differs: drop the allowance"


@pytest.mark.parametrize("protocol", [2, 3])
def test_the_shapes_on_the_wire_are_the_same(protocol):
    replies = []
    for name in ("ours", "valkey91"):
        server = oracles.start(name)
        try:
            with server.connect(protocol) as connection:
                replies.append(
                    [
                        connection.call("COMMAND", "INFO", "get", "nosuch"),
                        connection.call("COMMAND", "DOCS", "dbsize", "nosuch"),
                        connection.call("COMMAND", "GETKEYS", "mset", "a", "1", "b", "2"),
                        connection.call("COMMAND", "GETKEYSANDFLAGS", "set", "a", "b"),
                        connection.call("COMMAND", "GETKEYS", "ping"),
                        connection.call("COMMAND", "LIST", "FILTERBY", "PATTERN", "getd*"),
                    ]
                )
        finally:
            server.stop()
    ours, theirs = replies
    assert repr(ours[0]) == repr(theirs[0])
    assert [type(item) for item in ours] == [type(item) for item in theirs]
    assert repr(ours[2:]) == repr(theirs[2:])
