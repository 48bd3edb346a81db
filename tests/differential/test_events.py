"""Keyspace events: the same ones, in the same order, after every command.

A second client listens to all events. A write to a key of its own marks where one
command's events end.
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

SEQUENCES = 100
SEQUENCE_COMMANDS = 25
MARK = b"~mark~"

LEFT_OUT = frozenset(b"RESET HELLO AUTH DUMP RESTORE".split())
Event = tuple[bytes, bytes]


class Listened:
    """A server's client and one that hears what it does."""

    def __init__(self, server: Server) -> None:
        self.client = server.connect()
        self.listener = server.connect()
        if not knows(self.client, [b"PSUBSCRIBE"]):
            self.client.close()
            self.listener.close()
            pytest.skip(f"{server.name} has no PSUBSCRIBE yet")
        assert self.client.call("CONFIG", "SET", "notify-keyspace-events", "EAmn") == "OK"
        # What is due goes when it is looked at, not when the server gets to it.
        assert self.client.call("DEBUG", "SET-ACTIVE-EXPIRE", "0") == "OK"
        self.listener.call("PSUBSCRIBE", "__keyevent@*")

    def close(self) -> None:
        self.client.call("DISCARD")
        self.client.call("CONFIG", "SET", "notify-keyspace-events", "")
        self.client.call("DEBUG", "SET-ACTIVE-EXPIRE", "1")
        self.client.close()
        self.listener.close()

    def events_of(self, command: Command) -> list[Event]:
        """What is heard of one command."""
        self.client.call(*command)
        # In a transaction the mark would be queued.
        self.client.call("SELECT", "0")
        self.client.call("SET", MARK, "")
        heard = []
        while (event := self._next()) != (b"__keyevent@0__:set", MARK):
            if event[1] != MARK:
                heard.append(event)
        return heard

    def _next(self) -> Event:
        _, _, channel, key = self.listener.receive()
        return channel, key


@pytest.fixture
def pair(ours: Server, valkey91: Server) -> Iterator[tuple[Listened, Listened]]:
    mine, theirs = Listened(ours), Listened(valkey91)
    yield mine, theirs
    mine.close()
    theirs.close()


@pytest.mark.parametrize(
    "group",
    ["strings", "keys", "hashes", "lists", "sets", "sorted_sets", "geo", "bitmaps", "hyperloglogs"],
)
def test_the_same_events_in_the_same_order(group: str, pair: tuple[Listened, Listened]):
    seed = int(os.environ.get("RUBELLITE_DIFF_SEED", secrets.randbelow(1_000_000)))
    rng = Random(f"{group} {seed}")
    calls = [Call(line, GROUPS[group].kinds) for line in GROUPS[group].lines]
    setup = [Call(line) for line in SETUP]
    connections: list[Connection] = [listened.client for listened in pair]
    for connection in connections:
        calls = [call for call in calls if knows(connection, call.words)]
        setup = [call for call in setup if knows(connection, call.words)]
    calls = [call for call in calls if call.words[0] not in LEFT_OUT]
    for _ in range(SEQUENCES):
        sequence: list[Command] = [[b"FLUSHALL"]]
        sequence += [call.valid(rng) for call in setup if rng.random() < 0.5]
        sequence += [rng.choice(calls).valid(rng) for _ in range(SEQUENCE_COMMANDS)]
        for at, command in enumerate(sequence):
            mine, theirs = (listened.events_of(command) for listened in pair)
            assert mine == theirs, f"seed {seed}, after {sequence[: at + 1]}"
