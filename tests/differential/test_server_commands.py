"""CLIENT, SLOWLOG, LATENCY, MEMORY and DEBUG beside Valkey: the same words, the same replies.

Where a reply says something of the server itself (numbers, addresses), its shape is
compared: field names in their order, errors to the letter.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from typing import Any

import pytest

from tests import oracles
from tests.oracles import Server
from tests.wire import Connection, Error, Map, same

#: One command a line; both servers must answer alike.
ALIKE = """
CLIENT
CLIENT nosuch
CLIENT ID 5
CLIENT LIST TYPE
CLIENT LIST TYPE foo
CLIENT LIST TYPE master
CLIENT LIST TYPE primary
CLIENT LIST TYPE replica
CLIENT LIST TYPE pubsub
CLIENT LIST foo
CLIENT LIST ID
CLIENT LIST ID abc
CLIENT LIST ID 0
CLIENT LIST ID -1
CLIENT LIST ID 999998 999999 abc
CLIENT LIST ID 999999 TYPE normal
CLIENT LIST USER nosuch
CLIENT LIST ADDR 1.2.3.4:5
CLIENT LIST SKIPME foo
CLIENT LIST SKIPME yes
CLIENT LIST MAXAGE abc
CLIENT LIST MAXAGE 0
CLIENT LIST MAXAGE 100000
CLIENT LIST IDLE abc
CLIENT LIST IDLE 0
CLIENT LIST IDLE 1000
CLIENT LIST FLAGS zz
CLIENT LIST FLAGS Nx
CLIENT LIST NAME foo
CLIENT LIST NAME ""
CLIENT LIST LIB-NAME foo
CLIENT LIST LIB-VER foo
CLIENT LIST DB abc
CLIENT LIST DB 100
CLIENT LIST DB -1
CLIENT LIST CAPA foo
CLIENT LIST CAPA r
CLIENT LIST IP foo
CLIENT LIST NOT-IP 127.0.0.1
CLIENT LIST NOT-TYPE normal
CLIENT LIST NOT-TYPE foo
CLIENT LIST NOT-USER default
CLIENT LIST NOT-DB 0
CLIENT LIST NOT-FLAGS N
CLIENT LIST NOT-SKIPME yes
CLIENT LIST NOT-MAXAGE 5
CLIENT LIST NOT-IDLE 5
CLIENT LIST TYPE normal TYPE pubsub
CLIENT KILL
CLIENT KILL a b c
CLIENT KILL foo
CLIENT KILL 1.2.3.4:5
CLIENT KILL ID
CLIENT KILL ID abc
CLIENT KILL ID 0
CLIENT KILL ID 999998
CLIENT KILL ID 999998 999999
CLIENT KILL foo bar
CLIENT KILL LADDR 1.2.3.4:5
CLIENT KILL USER default NAME nosuch
CLIENT KILL TYPE foo
CLIENT KILL TYPE pubsub
CLIENT KILL SKIPME foo
CLIENT KILL MAXAGE 999999999
CLIENT KILL DB 99
CLIENT KILL NOT-DB 0
CLIENT KILL NOT-ID 5 TYPE pubsub
CLIENT PAUSE
CLIENT PAUSE abc
CLIENT PAUSE -1
CLIENT PAUSE 0
CLIENT PAUSE 0 foo
CLIENT PAUSE abc foo
CLIENT PAUSE 0 write
CLIENT PAUSE 9223372036854775807
CLIENT UNPAUSE
CLIENT UNPAUSE a
CLIENT REPLY foo
CLIENT REPLY ON
CLIENT NO-EVICT foo
CLIENT NO-EVICT on
CLIENT NO-EVICT off
CLIENT NO-TOUCH foo
CLIENT NO-TOUCH on
CLIENT NO-TOUCH off
CLIENT UNBLOCK abc
CLIENT UNBLOCK abc foo
CLIENT UNBLOCK 999999
CLIENT UNBLOCK 999999 error
CLIENT UNBLOCK 999999 foo
CLIENT GETREDIR
CLIENT TRACKINGINFO
CLIENT CACHING foo
CLIENT CACHING yes
CLIENT TRACKING
CLIENT TRACKING foo
CLIENT TRACKING off
CLIENT TRACKING off bcast
CLIENT TRACKING on foo
CLIENT CAPA
CLIENT CAPA foo
CLIENT IMPORT-SOURCE
CLIENT IMPORT-SOURCE on
CLIENT IMPORT-SOURCE off
CLIENT IMPORT-SOURCE foo
CLIENT SETNAME "a b"
CLIENT SETNAME ""
CLIENT GETNAME
CLIENT SETNAME foo
CLIENT GETNAME
CLIENT SETINFO
CLIENT SETINFO lib-name "a b"
CLIENT SETINFO LIB-NAME "a b"
CLIENT SETINFO lib-name foo
CLIENT SETINFO lib-ver 1.2
CLIENT SETINFO foo bar
MULTI
CLIENT REPLY OFF
DISCARD
MULTI
MONITOR
EXEC
MONITOR a
SLOWLOG
SLOWLOG nosuch
SLOWLOG RESET
SLOWLOG GET 0
SLOWLOG GET abc
SLOWLOG GET +1
SLOWLOG GET -2
SLOWLOG GET -1
SLOWLOG GET 1 2
SLOWLOG LEN 2
COMMANDLOG GET 1 slow
COMMANDLOG GET 1 foo
COMMANDLOG GET abc foo
COMMANDLOG GET -1 large-request
COMMANDLOG LEN large-reply
COMMANDLOG RESET slow
COMMANDLOG RESET foo
LATENCY HISTORY
LATENCY HISTORY nosuch
LATENCY RESET nosuch
LATENCY GRAPH nosuch
LATENCY GRAPH nosuch a
LATENCY DOCTOR a
LATENCY LATEST
LATENCY HISTOGRAM nosuch
MEMORY
MEMORY nosuch
MEMORY USAGE
MEMORY USAGE nosuch
MEMORY USAGE a SAMPLES
MEMORY USAGE a SAMPLES x
MEMORY USAGE a SAMPLES -1
MEMORY USAGE a foo 3
MEMORY USAGE a SAMPLES 1 b
MEMORY MALLOC-STATS a
MEMORY PURGE
DEBUG
DEBUG nosuch
DEBUG SLEEP
DEBUG SLEEP abc
DEBUG SLEEP 0
DEBUG SLEEP 0 1
DEBUG SET-ACTIVE-EXPIRE abc
DEBUG SET-ACTIVE-EXPIRE 1
DEBUG JMAP
DEBUG OBJECT nosuch
DEBUG OBJECT
DEBUG DIGEST
DEBUG DIGEST-VALUE a
DEBUG DIGEST-VALUE
DEBUG PROTOCOL string
DEBUG PROTOCOL integer
DEBUG PROTOCOL double
DEBUG PROTOCOL bignum
DEBUG PROTOCOL null
DEBUG PROTOCOL array
DEBUG PROTOCOL set
DEBUG PROTOCOL map
DEBUG PROTOCOL verbatim
DEBUG PROTOCOL true
DEBUG PROTOCOL false
DEBUG PROTOCOL foo
DEBUG PROTOCOL
DEBUG CHANGE-REPL-ID
DEBUG QUICKLIST-PACKED-THRESHOLD 10
DEBUG QUICKLIST-PACKED-THRESHOLD 0
DEBUG QUICKLIST-PACKED-THRESHOLD abc
DEBUG QUICKLIST-PACKED-THRESHOLD 10gb
DEBUG QUICKLIST-PACKED-THRESHOLD 10b
DEBUG POPULATE
DEBUG POPULATE abc
DEBUG POPULATE -1
DEBUG POPULATE 10
GET key:3
DEBUG POPULATE 10 foo
GET foo:3
DEBUG POPULATE 10 bar 5
GET bar:3
DEBUG POPULATE 10 bar 20
GET bar:3
DEBUG POPULATE 3 baz 20
GET baz:2
DEBUG POPULATE 3 baz -1
DEBUG POPULATE 3 baz abc
DEBUG POPULATE 3 baz 1 2
DBSIZE
DEBUG DIGEST
DEBUG HTSTATS 99
DEBUG HTSTATS abc
DEBUG HTSTATS-KEY key:1
DEBUG HTSTATS-KEY nosuch
DEBUG LISTPACK key:1
DEBUG LISTPACK nosuch
DEBUG QUICKLIST key:1
DEBUG LOG hi
DEBUG ERROR
DEBUG ERROR foo
DEBUG ERROR "FOO bar"
DEBUG PAUSE-CRON 1
DEBUG PAUSE-CRON 0
DEBUG REPLYBUFFER foo bar
DEBUG REPLYBUFFER PEAK-RESET-TIME never
DEBUG REPLYBUFFER PEAK-RESET-TIME 100
DEBUG REPLYBUFFER PEAK-RESET-TIME abc
DEBUG REPLYBUFFER RESIZING 0
DEBUG SDSLEN nosuch
DEBUG DICT-RESIZING 1
"""

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
    commands = [
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
