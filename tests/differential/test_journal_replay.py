"""What the journal says is what happened: replayed, it makes the same data.

Generated commands run on one engine, time passing between them; its journal is then
executed by a second engine, as the append-only file would be. All keys, values and
deadlines must be equal.
"""

from __future__ import annotations

import os
import secrets
from random import Random
from typing import Any

import pytest

from rubellite.spec.command import TABLE
from rubellite.spec.flags import WRITE
from tests.differential.differ import Command
from tests.differential.grammar import Call
from tests.differential.groups import GROUPS, SETUP
from tests.differential.values import KEYS
from tests.store import START_MS, Store
from tests.wire import decode_all

COMMANDS = int(os.environ.get("RUBELLITE_DIFF_COMMANDS", 20_000)) // 4
# A wrong step is found soon after it was made, not only at the end.
COMMANDS_PER_CHECK = 100

TRANSACTION = [Call(line) for line in ("MULTI", "EXEC", "DISCARD", "SELECT db", "WATCH anykey")]
# Deadlines that pass during the run, which `KINDS` avoids for the sake of real servers.
SHORT_LIVES = [Call(line) for line in ("SET anykey value", "RPUSH anykey element", "GET anykey")]
# What they answer depends on the process; they are no part of the data.
LEFT_OUT = frozenset(("RESET", "AUTH", "HELLO"))

DATABASES = range(4)


def known(lines: list[Call]) -> list[Call]:
    names = {"|".join(word.decode().lower() for word in call.words) for call in lines}
    present = names & set(TABLE)
    return [
        call
        for call in lines
        if "|".join(word.decode().lower() for word in call.words) in present
        and call.words[0].decode() not in LEFT_OUT
    ]


def generate(rng: Random, calls: list[Call], count: int) -> list[Command]:
    commands = []
    for _ in range(count):
        chance = rng.random()
        if chance < 0.15:
            commands.append(rng.choice(TRANSACTION).valid(rng))
        elif chance < 0.2:
            key = rng.choice(KEYS)
            commands.append([b"PEXPIRE", key, b"%d" % rng.randrange(1, 5000)])
        elif chance < 0.25:
            commands.append(rng.choice(known(SHORT_LIVES)).valid(rng))
        else:
            commands.append(rng.choice(calls).any(rng))
    return commands


def contents(store: Store) -> dict[tuple[int, bytes], Any]:
    """Every key of every database: its digest and its deadline."""
    found = {}
    store("DISCARD")
    for database in DATABASES:
        store("SELECT", database)
        # SCAN sees to it that what is due goes.
        for key in store("SCAN", 0, "COUNT", 1_000_000)[1]:
            digest = store("DEBUG", "DIGEST-VALUE", key)
            found[database, key] = (store("TYPE", key), digest, store("PEXPIRETIME", key))
    store("SELECT", 0)
    return found


def replay(journal: bytes, into: Store, session: int) -> None:
    for command in decode_all(journal):
        reply = into.call_as(session, *command)
        assert not isinstance(reply, Exception), f"{command}: {reply}"


@pytest.mark.parametrize("group", GROUPS)
def test_the_journal_rebuilds_the_data(group: str):
    seed = int(os.environ.get("RUBELLITE_DIFF_SEED", secrets.randbelow(1_000_000)))
    rng = Random(f"{group} {seed}")
    origin = Store()
    calls = known([Call(line, GROUPS[group].kinds) for line in GROUPS[group].lines])
    if not calls:
        pytest.skip("ours has none of these commands yet")
    calls += known([Call(line) for line in SETUP])
    # Nothing expires by itself in the copy: its time is long before any deadline.
    copy = Store(now_ms=1)
    # The stream remembers which database it selected.
    reader = copy.engine.open_session()
    origin.engine.record_journal()
    done: list[Command] = []
    while len(done) < COMMANDS:
        for command in generate(rng, calls, COMMANDS_PER_CHECK):
            if rng.random() < 0.1:
                origin.engine.advance_clock(rng.randrange(2000))
            origin(*command)
            done.append(command)
        expected = contents(origin)
        journal = origin.engine.take_journal()
        replay(journal, copy, reader)
        rebuilt = contents(copy)
        assert rebuilt == expected, (
            f"seed {seed}: {difference(expected, rebuilt)} after {done[-COMMANDS_PER_CHECK:]}, "
            f"journal {decode_all(journal)}"
        )
    origin.engine.check()
    copy.engine.check()


def difference(expected: dict[Any, Any], rebuilt: dict[Any, Any]) -> dict[Any, Any]:
    return {
        key: (expected.get(key), rebuilt.get(key))
        for key in expected.keys() | rebuilt.keys()
        if expected.get(key) != rebuilt.get(key)
    }


def test_what_reads_or_fails_leaves_the_journal_alone():
    store = Store()
    store("SET", "key", "value")
    store("SET", "other", "value")
    store.engine.record_journal()
    rng = Random(1)
    for name in ("strings", "keys"):
        for call in known([Call(line, GROUPS[name].kinds) for line in GROUPS[name].lines]):
            command = call.valid(rng)
            spec = TABLE["|".join(word.decode().lower() for word in call.words)]
            if not spec.flags & WRITE:
                store(*command)
    for unchanging in (
        ["DEL", "missing"],
        ["EXPIRE", "missing", "10"],
        ["PERSIST", "key"],
        ["SETNX", "key", "other"],
        ["SET", "key", "other", "NX"],
        ["SET", "missing", "other", "XX"],
        ["SET", "key", "other", "IFEQ", "different"],
        ["SETRANGE", "key", "1", ""],
        ["GETEX", "key"],
        ["GETDEL", "missing"],
        ["DELIFEQ", "key", "different"],
        ["MSETNX", "key", "a", "b", "c"],
        ["MSETEX", "1", "key", "a", "NX"],
        ["RENAME", "key", "key"],
        ["RENAMENX", "key", "other"],
        ["COPY", "key", "other"],
        ["MOVE", "missing", "1"],
        ["SET", "missing", "value", "PXAT", "1"],
        ["SETBIT", "key", "1", "1"],
        ["BITFIELD", "key", "GET", "u8", "0"],
        ["BITFIELD", "key", "OVERFLOW", "FAIL", "INCRBY", "u8", "0", "255"],
        ["BITFIELD", "key", "INCRBY", "u8", "0", "0"],
        ["BITOP", "NOT", "missing", "missing"],
        ["PFADD", "key", "a"],
        ["PFCOUNT", "missing"],
        ["PFCOUNT", "missing", "missing"],
        ["INCR", "key"],
    ):
        store(*unchanging)
        assert store.engine.take_journal() == b"", unchanging


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("EXPIRE key 10", f"PEXPIREAT key {START_MS + 10_000}"),
        ("PEXPIRE key 10 NX", f"PEXPIREAT key {START_MS + 10}"),
        ("EXPIREAT key 4102444800", "PEXPIREAT key 4102444800000"),
        ("EXPIRE key -1", "DEL key"),
        ("PEXPIREAT key 1", "DEL key"),
        ("SET key v EX 10", f"SET key v PXAT {START_MS + 10_000}"),
        ("SET key v KEEPTTL", "SET key v KEEPTTL"),
        ("SET key v PXAT 1", "DEL key"),
        ("SET key v IFEQ value", "SET key v"),
        ("SET key v XX GET", "SET key v"),
        ("SETEX key 10 v", f"SET key v PXAT {START_MS + 10_000}"),
        ("GETSET key v", "SET key v"),
        ("GETDEL key", "DEL key"),
        ("GETEX key PX 10", f"PEXPIREAT key {START_MS + 10}"),
        ("GETEX key PXAT 1", "DEL key"),
        ("DELIFEQ key value", "DEL key"),
        ("UNLINK key missing", "UNLINK key missing"),
        ("INCRBYFLOAT n 1.5", "SET n 2.5 KEEPTTL"),
        ("INCR n", "INCR n"),
        ("SETBIT key 1 0", "SETBIT key 1 0"),
        ("SETBIT key 100 0", "SETBIT key 100 0"),
        ("BITFIELD key GET u8 0 SET u8 0 1", "BITFIELD key GET u8 0 SET u8 0 1"),
        # It fails, but adds the zeros that it would have needed.
        (
            "BITFIELD key OVERFLOW FAIL SET u8 80 256",
            "BITFIELD key OVERFLOW FAIL SET u8 80 256",
        ),
        ("BITOP NOT key missing", "BITOP NOT key missing"),
        ("PFADD new a", "PFADD new a"),
        ("PFMERGE new missing", "PFMERGE new missing"),
        # It caches in the string what it counted.
        ("PFCOUNT counted", "PFCOUNT counted"),
        ("RENAMENX key other", "RENAMENX key other"),
        ("COPY key other", "COPY key other"),
        ("MOVE key 1", "MOVE key 1"),
        ("SWAPDB 0 1", "SWAPDB 0 1"),
        ("FLUSHDB ASYNC", "FLUSHDB ASYNC"),
        ("FLUSHALL", "FLUSHALL"),
    ],
)
def test_the_journal_gets(command: str, expected: str):
    store = Store()
    store("SET", "key", "value")
    store("SET", "n", "1")
    store("PFADD", "counted", "a")
    store.engine.record_journal()
    assert not isinstance(store(*command.split()), Exception)
    select, *effects = decode_all(store.engine.take_journal())
    assert select == [b"SELECT", b"0"]
    assert [b" ".join(effect).decode() for effect in effects] == [expected]


def test_a_key_that_expires_is_deleted_in_the_journal():
    store = Store()
    store("SET", "key", "value", "PX", "10")
    store.engine.record_journal()
    store.engine.advance_clock(11)
    assert store("GET", "key") is None
    assert decode_all(store.engine.take_journal()) == [[b"SELECT", b"0"], [b"DEL", b"key"]]
