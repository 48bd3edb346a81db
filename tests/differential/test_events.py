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
        #: What the last command was answered.
        self.reply = ""
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
        self.reply = repr(self.client.call(*command))
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


#: What is done to a stream, and what it holds before.
STREAM_CHANGES = [
    "XADD k 9-1 f v",
    "XADD k MAXLEN 1 9-1 f v",
    "XADD new 9-1 f v",
    "XTRIM k MAXLEN 0",
    "XDEL k 1-1",
    "XSETID k 9-1",
    "XGROUP CREATE k h 0",
    "XGROUP CREATE new h 0 MKSTREAM",
    "XGROUP CREATECONSUMER k g ann",
    "XGROUP SETID k g 0",
    "XGROUP DESTROY k g",
    "XREADGROUP GROUP g ann STREAMS k >",
    "XCLAIM k g ann 0 1-1 FORCE",
    "XAUTOCLAIM k g ann 0 0",
    "DEL k",
    "EXPIRE k 100",
    "RENAME k new",
]


@pytest.mark.parametrize("line", STREAM_CHANGES)
def test_invalidations_come_where_valkey_sends_them(line: str, ours: Server, valkey91: Server):
    heard = []
    for server in (ours, valkey91):
        with server.connect() as client, server.connect(3) as listener:
            client.call("FLUSHALL")
            for number in (1, 2):
                client.call("XADD", "k", f"{number}-1", "f", "v")
            client.call("XGROUP", "CREATE", "k", "g", "0")
            client.call("CONFIG", "SET", "notify-keyspace-events", "KEAn")
            listener.call("CLIENT", "TRACKING", "ON")
            listener.call("XREAD", "STREAMS", "k", "new", "0", "0")
            listener.send("PSUBSCRIBE", "*")
            listener.receive()
            client.call(*line.split())
            listener.pushes.clear()
            assert listener.call("PING") == "PONG"
            heard.append([[*map(repr, push)] for push in listener.pushes])
            client.call("CONFIG", "SET", "notify-keyspace-events", "")
    assert heard[0] == heard[1]


def test_who_tracks_itself_hears_of_a_change_before_who_waited_for_it(
    ours: Server, valkey91: Server
):
    heard = []
    for server in (ours, valkey91):
        with server.connect(3) as waiter, server.connect() as client:
            client.call("FLUSHALL")
            number = waiter.call("CLIENT", "ID")
            client.call("CLIENT", "TRACKING", "ON", "REDIRECT", number)
            client.call("XADD", "k", "1-1", "f", "v")
            client.call("XREAD", "STREAMS", "k", "0")
            waiter.send("XREAD", "BLOCK", 0, "STREAMS", "k", "$")
            while b"blocked_clients:1" not in client.call("INFO", "clients"):
                pass
            client.call("XADD", "k", "2-1", "f", "v")
            heard.append([repr(waiter.receive()) for _ in range(2)])
    assert heard[0] == heard[1]
