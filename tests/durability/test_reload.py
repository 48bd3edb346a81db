"""Whatever commands made comes back from a file and from a dump as it was."""

from __future__ import annotations

import os
import secrets
from random import Random
from typing import Any

import pytest

from rubellite.spec.command import TABLE
from tests.differential.grammar import Call
from tests.differential.groups import GROUPS, SETUP
from tests.differential.test_journal_replay import DATABASES, difference, generate, known
from tests.store import Store

COMMANDS = int(os.environ.get("RUBELLITE_DIFF_COMMANDS", 20_000)) // 20
COMMANDS_PER_CHECK = 200
#: Commands that end what the test needs, or change what it compares.
LEFT_OUT = (b"FLUSHALL", b"SAVE", b"BGSAVE", b"SHUTDOWN", b"CONFIG", b"DEBUG")


def contents(store: Store, is_exact: bool) -> dict[tuple[int, bytes], Any]:
    """Every key: its type, deadline, value and fields' deadlines.

    Exactly, its encoding and its value as Valkey writes it.
    """
    found = {}
    store("DISCARD")
    store("CONFIG", "SET", "rdb-format", "valkey80")
    for database in DATABASES:
        store("SELECT", database)
        for key in store("SCAN", 0, "COUNT", 1_000_000)[1]:
            facts = [store("TYPE", key), store("PEXPIRETIME", key)]
            if is_exact:
                facts += [store("OBJECT", "ENCODING", key), store("DUMP", key)]
            else:
                facts += [store("DEBUG", "DIGEST-VALUE", key), field_deadlines(store, key)]
            found[database, key] = facts
    store("SELECT", 0)
    return found


def field_deadlines(store: Store, key: bytes) -> list[Any]:
    if store("TYPE", key).text != "hash" or "hpexpiretime" not in TABLE:
        return []
    fields = sorted(store("HKEYS", key))
    deadlines = store("HPEXPIRETIME", key, "FIELDS", len(fields), *fields)
    return list(zip(fields, deadlines, strict=True))


@pytest.mark.parametrize("limit", [4, 128])
@pytest.mark.parametrize("format", ["redis10", "redis12", "valkey80"])
def test_what_commands_made_comes_back(format, limit, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    seed = int(os.environ.get("RUBELLITE_DIFF_SEED", secrets.randbelow(1_000_000)))
    rng = Random(f"{format} {limit} {seed}")
    store = Store({"list-max-listpack-size": str(limit)})
    for kind in ("hash", "set", "zset"):
        store("CONFIG", "SET", f"{kind}-max-listpack-entries", limit)
    lines = [Call(line, group.kinds) for group in GROUPS.values() for line in group.lines]
    calls = [
        call
        for call in known([*lines, *[Call(line) for line in SETUP]])
        if call.words[0] not in LEFT_OUT
    ]
    for done in range(0, COMMANDS, COMMANDS_PER_CHECK):
        for command in generate(rng, calls, COMMANDS_PER_CHECK):
            store(*command)
        expected = contents(store, is_exact=False)
        reload(store, format)
        assert difference(expected, contents(store, is_exact=False)) == {}, (seed, done)
        # What was edited is stored more tightly after the first time, as on real servers.
        expected = contents(store, is_exact=True)
        reload(store, format)
        assert difference(expected, contents(store, is_exact=True)) == {}, (seed, done)
        for (database, key), (_, deadline, _, dump) in expected.items():
            store("SELECT", database)
            words = ("RESTORE", key, max(deadline, 0), dump, "REPLACE", "ABSTTL")
            reply = store(*words)
            assert reply.text == "OK", (seed, key, str(reply), dump)
        assert difference(expected, contents(store, is_exact=True)) == {}, (seed, done)


def reload(store: Store, format: str) -> None:
    store("CONFIG", "SET", "rdb-format", format)
    assert store("DEBUG", "RELOAD").text == "OK"
    store.engine.check()
