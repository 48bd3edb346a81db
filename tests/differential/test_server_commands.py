"""CLIENT, SLOWLOG, LATENCY, MEMORY and DEBUG beside Valkey: the same words, the same replies.

Where a reply says something of the server itself (numbers, addresses), its shape is
compared: field names in their order, errors to the letter.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import oracles
from tests.oracles import Server
from tests.wire import Connection, Error, Map, same

#: One command a line; both servers must answer alike.
ALIKE = Path(__file__).with_name("server_commands.txt").read_text()

Pair = tuple[Connection, Connection]


@pytest.fixture(scope="module")
def servers() -> Iterator[tuple[Server, Server]]:
    """Fresh ones: what others left in the shared ones shows in counts."""
    ours, theirs = oracles.start("ours"), oracles.start("valkey91")
    yield ours, theirs
    ours.stop()
    theirs.stop()


@pytest.fixture(params=[2, 3])
def pair(request: pytest.FixtureRequest, servers: tuple[Server, Server]) -> Iterator[Pair]:
    ours, theirs = (server.connect(request.param) for server in servers)
    for connection in (ours, theirs):
        connection.call("FLUSHALL")
    yield ours, theirs
    ours.close()
    theirs.close()


def fields_of(reply: Any) -> list[Any]:
    """The names of a map, whatever the protocol, and of those inside it."""
    pairs = reply if isinstance(reply, Map) else list(zip(reply[::2], reply[1::2], strict=True))
    return [[name, *(fields_of(value) if isinstance(value, list) else [])] for name, value in pairs]


def test_replies_are_valkeys(pair: Pair):
    ours, theirs = pair
    differences = []
    for line in ALIKE.strip().splitlines():
        command = shlex.split(line)
        mine, wanted = ours.call(*command), theirs.call(*command)
        if not same(mine, wanted):
            differences.append(f"{line}: {mine!r} instead of {wanted!r}")
    assert not differences, "\n".join(differences)


@pytest.mark.parametrize("command", [("CLIENT", "LIST"), ("CLIENT", "INFO")])
def test_a_clients_line_has_valkeys_fields(pair: Pair, command: tuple[str, ...]):
    names = []
    for connection in pair:
        line = connection.call(*command).decode().strip()
        names.append([part.partition("=")[0] for part in line.splitlines()[0].split(" ")])
    assert names[0] == names[1]


#: Fields whose values are those of the client, not of the server's buffers.
CLIENTS_OWN = (
    "name age idle flags capa db sub psub ssub watch argv-mem obl oll omem events cmd user redir "
    "resp lib-name lib-ver tot-net-in tot-cmds"
).split()


def test_a_clients_line_has_valkeys_values(servers: tuple[Server, Server]):
    values = []
    for server in servers:
        with server.connect() as connection, server.connect() as watcher:
            for command in (
                ("CLIENT", "SETNAME", "somebody"),
                ("CLIENT", "SETINFO", "LIB-NAME", "library"),
                ("CLIENT", "CAPA", "redirect", "other"),
                ("SELECT", "3"),
                ("WATCH", "a", "b"),
                ("CLIENT", "NO-TOUCH", "ON"),
                ("CLIENT", "NO-EVICT", "ON"),
                ("NOSUCH",),
                ("GET",),
                ("MULTI",),
                ("GET", "a"),
                ("GET", "b"),
            ):
                connection.call(*command)
            line = watcher.call("CLIENT", "LIST", "NAME", "somebody").decode()
            found = dict(part.split("=", 1) for part in line.split())
            values.append({name: found[name] for name in [*CLIENTS_OWN, "multi"]})
            connection.call("EXEC")
            line = connection.call("CLIENT", "INFO").decode()
            found = dict(part.split("=", 1) for part in line.split())
            values[-1] |= {f"after {name}": found[name] for name in CLIENTS_OWN}
    assert values[0] == values[1]


def test_flags_letters_that_a_filter_may_name_are_valkeys(pair: Pair):
    letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
    known = [
        [
            letter
            for letter in letters
            if not isinstance(connection.call("CLIENT", "LIST", "FLAGS", letter), Error)
        ]
        for connection in pair
    ]
    assert known[0] == known[1]


def test_memory_stats_has_valkeys_fields(pair: Pair):
    for connection in pair:
        connection.call("SET", "a", "b")
    ours, theirs = (fields_of(connection.call("MEMORY", "STATS")) for connection in pair)
    # Valkey goes on to list databases that were used once.
    emptied = [names for names in theirs if re.fullmatch(rb"db\.[1-9]\d*", names[0])]
    assert ours == [names for names in theirs if names not in emptied]


def test_digests_are_valkeys(pair: Pair):
    commands: list[tuple[str | bytes, ...]] = [
        ("SET", "a", "b"),
        ("SET", "n", "-12"),
        ("SET", "empty", ""),
        ("SET", "long", "x" * 100_000),
        ("SET", "binary", bytes(range(256))),
        ("SET", "expiring", "1", "EX", "1000"),
        ("APPEND", "n", "3"),
        ("SELECT", "9"),
        ("SET", "a", "other"),
        ("SELECT", "0"),
    ]
    for connection in pair:
        connection.pipeline(commands)
    keys = ["a", "n", "empty", "long", "binary", "expiring", "nosuch"]
    ours, theirs = (connection.call("DEBUG", "DIGEST-VALUE", *keys) for connection in pair)
    assert same(ours, theirs)
    ours, theirs = (connection.call("DEBUG", "DIGEST") for connection in pair)
    assert same(ours, theirs)


def test_debug_object_has_valkeys_words(pair: Pair):
    # Longer ones are compressed by Valkey before it measures them.
    for key, value in (("a", "b"), ("n", "70000"), ("m", "-5"), ("l", "y" * 20), ("empty", "")):
        texts = []
        for connection in pair:
            connection.call("SET", key, value)
            texts.append(
                re.sub(r"at:0x[0-9a-f]+|lru:\d+", "", connection.call("DEBUG", "OBJECT", key))
            )
        assert texts[0] == texts[1]


@pytest.mark.parametrize("name", ["attrib", "push"])
def test_debug_protocol_sends_valkeys_bytes(servers: tuple[Server, Server], name: str):
    sent = []
    for server in servers:
        with server.connect(3) as connection:
            connection.send("DEBUG", "PROTOCOL", name)
            sent.append(connection.receive_raw(0.2))
    assert sent[0] == sent[1]


def test_monitor_shows_what_valkeys_shows(servers: tuple[Server, Server]):
    lines = []
    for server in servers:
        with server.connect() as monitor, server.connect() as client:
            assert monitor.call("MONITOR") == "OK"
            for command in (
                ["PING"],
                ["NOSUCH"],
                ["GET"],
                ["AUTH", "secret"],
                ["AUTH", "default", "secret"],
                ["HELLO", "2", "AUTH", "default", "secret", "SETNAME", "x"],
                ["CONFIG", "SET", "requirepass", ""],
                ["MULTI"],
                ["SET", "a", "b"],
                ["GET", "a", "b"],
                ["DISCARD"],
                ["MULTI"],
                ["SET", "a", "1"],
                ["INCR", "a"],
                ["EXEC"],
                ["SELECT", "2"],
                ["SET", "a", "b", "EX", "foo"],
                ["SET", "a", b'\x00\x01"\\\r\n\t\x07\x08\xff e'],
                ["CLIENT", "ID"],
                ["CLIENT", "LIST", "ID", "1"],
                ["SLOWLOG", "LEN"],
                ["DEBUG", "SLEEP", "0"],
                ["QUIT"],
            ):
                client.call(*command)
            shown = monitor.receive_raw(0.3)[0].decode()
            lines.append(re.sub(r"\d+\.\d{6} \[(\d+) [^]]+\]", r"time [\1 address]", shown))
    assert lines[0] == lines[1]


def test_the_slow_log_keeps_what_valkeys_keeps(servers: tuple[Server, Server]):
    kept = []
    for server in servers:
        with server.connect() as client:
            client.call("CONFIG", "SET", "slowlog-log-slower-than", "0")
            client.call("SLOWLOG", "RESET")
            for command in (
                ["AUTH", "secret"],
                ["AUTH", "a", "b", "c"],
                ["HELLO", "2", "AUTH", "default", "secret", "SETNAME", "me"],
                ["HELLO", "2", "AUTH", "default"],
                ["CONFIG", "SET", "maxmemory", "0", "masterauth", "", "requirepass", ""],
                ["NOSUCH"],
                ["GET"],
                ["MULTI"],
                ["SET", "a", "x" * 200],
                ["EXEC"],
                ["MSET", *["a", "b"] * 40],
                ["SET", "a", "b", "EX", "foo"],
            ):
                client.call(*command)
            client.call("CONFIG", "SET", "slowlog-log-slower-than", "10000")
            entries = client.call("SLOWLOG", "GET", "-1")
            kept.append([(entry[3], entry[5]) for entry in entries])
            assert all(len(entry) == 6 for entry in entries)
            assert [entry[0] for entry in entries] == sorted(
                (entry[0] for entry in entries), reverse=True
            )
    assert kept[0] == kept[1]


def test_large_commands_are_logged_as_valkey_logs_them(servers: tuple[Server, Server]):
    logged = []
    for server in servers:
        with server.connect() as client:
            client.call("CONFIG", "SET", "commandlog-request-larger-than", "1000")
            client.call("CONFIG", "SET", "commandlog-reply-larger-than", "2000")
            client.call("SET", "a", "x" * 900)
            client.call("SET", "a", "x" * 1000)
            client.call("SET", "a", "x" * 2000)
            client.call("GET", "a")
            found = []
            for kind in ("large-request", "large-reply"):
                entries = client.call("COMMANDLOG", "GET", "-1", kind)
                found.append([(entry[2], entry[3]) for entry in entries])
                found.append(client.call("COMMANDLOG", "LEN", kind))
            logged.append(found)
    assert logged[0] == logged[1]


@pytest.mark.parametrize("allowed", ["no", "local", "yes"])
def test_debug_is_allowed_as_valkey_allows_it(allowed: str):
    replies = []
    for name in ("ours", "valkey91"):
        server = oracles.start(name, "--enable-debug-command", allowed)
        try:
            with server.connect() as connection:
                replies.append(
                    [
                        connection.call("DEBUG", "SLEEP", "0"),
                        connection.call("DEBUG", "nosuch"),
                        connection.call("CONFIG", "SET", "enable-debug-command", "yes"),
                        connection.call("CONFIG", "SET", "dir", "/tmp"),
                    ]
                )
        finally:
            server.stop()
    assert same(replies[0], replies[1])
