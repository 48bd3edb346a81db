"""What a command's look at a key leaves behind: access counters, hits, misses, changes.

Under an LFU policy with a logarithm factor of 0 and no decay, OBJECT FREQ counts every
access exactly. So two servers that touch the same keys show the same numbers after
every command.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from random import Random

import pytest

from tests.differential.differ import Command, knows
from tests.differential.grammar import Call
from tests.differential.groups import GROUPS, SETUP
from tests.oracles import Server
from tests.wire import Connection

SEQUENCES = 150
SEQUENCE_COMMANDS = 25
KEYS = (b"s1", b"s2", b"n1", b"m1", b"h1", b"l1", b"z1")

# Chosen at random, or a look at nothing: they tell nothing about one key.
LEFT_OUT = frozenset(b"RANDOMKEY KEYS SCAN DUMP RESTORE SORT SORT_RO".split())
COUNTING = {
    "maxmemory-policy": "allkeys-lfu",
    "lfu-log-factor": "0",
    "lfu-decay-time": "0",
}
USUAL = {"maxmemory-policy": "noeviction", "lfu-log-factor": "10", "lfu-decay-time": "1"}


@pytest.fixture
def pair(ours: Server, valkey91: Server) -> Iterator[tuple[Connection, Connection]]:
    """Connections to both servers, which count accesses meanwhile."""
    with ours.connect() as mine, valkey91.connect() as theirs:
        for connection in (mine, theirs):
            for name, value in COUNTING.items():
                assert connection.call("CONFIG", "SET", name, value) == "OK"
        yield mine, theirs
        for connection in (mine, theirs):
            for name, value in USUAL.items():
                assert connection.call("CONFIG", "SET", name, value) == "OK"


def observe(connection: Connection, sequence: list[Command]) -> list[list[object]]:
    """After each command: its effect on the counters of every key."""
    looks: list[Command] = [[b"OBJECT", b"FREQ", key] for key in KEYS]
    seen: list[list[object]] = []
    connection.call("FLUSHALL")
    connection.call("CONFIG", "RESETSTAT")
    changes_before = None
    for command in sequence:
        _, *counters, info = connection.pipeline([command, *looks, [b"INFO", b"everything"]])
        facts = dict(line.split(":", 1) for line in info.decode().splitlines() if ":" in line)
        changes = int(facts["rdb_changes_since_last_save"])
        made = 0 if changes_before is None else changes - changes_before
        changes_before = changes
        seen.append([*counters, facts["keyspace_hits"], facts["keyspace_misses"], made])
    return seen


def _fails_and_grows(command: Command) -> bool:
    """Where all of a BITFIELD overflows, a string may grow that Valkey says is unchanged."""
    return command[0] == b"BITFIELD" and b"FAIL" in command


@pytest.mark.parametrize(
    "group", ["strings", "keys", "lists", "bitmaps", "hyperloglogs", "sorted_sets"]
)
def test_commands_touch_what_they_touch_there(group: str, pair: tuple[Connection, Connection]):
    seed = int(os.environ.get("RUBELLITE_DIFF_SEED", secrets.randbelow(1_000_000)))
    rng = Random(seed)
    lines = [Call(line, GROUPS[group].kinds) for line in GROUPS[group].lines]
    setup = [Call(line) for line in SETUP]
    calls = [call for call in lines if call.words[0] not in LEFT_OUT]
    for connection in pair:
        calls = [call for call in calls if knows(connection, call.words)]
        setup = [call for call in setup if knows(connection, call.words)]
    for _ in range(SEQUENCES):
        sequence = [call.valid(rng) for call in setup if rng.random() < 0.5]
        sequence += [rng.choice(calls).valid(rng) for _ in range(SEQUENCE_COMMANDS)]
        sequence = [command for command in sequence if not _fails_and_grows(command)]
        mine, theirs = (observe(connection, sequence) for connection in pair)
        if mine != theirs:
            # A key that expired between a command and the look at it differs once; what is
            # wrong differs again.
            mine, theirs = (observe(connection, sequence) for connection in pair)
        for at, (ours, expected) in enumerate(zip(mine, theirs, strict=True)):
            assert ours == expected, f"seed {seed}, after {sequence[: at + 1]}"
