"""DEBUG over sockets: its doors, its bugs on purpose."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

from tests import oracles
from tests.oracles import Server
from tests.wire import NULL, Connection, Error, Status, WireError

BUG = "ERR Internal error in 'debug'; the server's log holds the details"


@pytest.fixture
def client(server: Server) -> Iterator[Connection]:
    with server.connect() as connection:
        connection.call("FLUSHALL")
        yield connection


def test_it_is_closed_unless_opened():
    server = oracles.start("ours", "--enable-debug-command", "no")
    try:
        with server.connect() as connection:
            reply = connection.call("DEBUG", "HELP")
            assert isinstance(reply, Error)
            assert reply.startswith("ERR DEBUG command not allowed. If the enable-debug-command")
    finally:
        server.stop()


@pytest.mark.parametrize("bug", ["PANIC", "ASSERT"])
def test_a_bug_costs_an_error_and_nothing_else(server: Server, client: Connection, bug: str):
    with server.connect() as other:
        other.pipeline([["MULTI"], ["SET", "b", "1"]])
        replies = client.pipeline([["SET", "a", "1"], ["DEBUG", bug], ["INCR", "a"], ["PING"]])
        assert replies == [Status("OK"), Error(BUG), 2, Status("PONG")]
        assert other.call("EXEC") == [Status("OK")]
    assert "failed through a bug of ours" in server.log()
    assert client.call("DBSIZE") == 2


def test_a_bug_inside_a_transaction_costs_one_reply(client: Connection):
    client.pipeline([["MULTI"], ["SET", "a", "1"], ["DEBUG", "PANIC"], ["INCR", "a"]])
    assert client.call("EXEC") == [Status("OK"), Error(BUG), 2]
    assert client.call("GET", "a") == b"2"


@pytest.mark.parametrize(
    ("crash", "number"), [("SEGFAULT", signal.SIGSEGV), ("OOM", signal.SIGABRT)]
)
def test_a_crash_is_a_crash(crash: str, number: signal.Signals):
    server = oracles.start("ours")
    try:
        with server.connect() as connection, pytest.raises((OSError, WireError)):
            connection.call("DEBUG", crash)
        assert server.process is not None
        assert server.process.wait(20) == -number
    finally:
        server.stop()


def test_populate_is_fast_and_leaves_what_is_there(client: Connection):
    client.call("SET", "key:1", "mine")
    assert client.call("DEBUG", "POPULATE", "200000") == Status("OK")
    assert client.call("DBSIZE") == 200_000
    assert client.call("MGET", "key:0", "key:1", "key:199999") == [
        b"value:0",
        b"mine",
        b"value:199999",
    ]


def test_active_expiry_can_be_stopped(client: Connection):
    client.call("DEBUG", "SET-ACTIVE-EXPIRE", "0")
    try:
        client.call("SET", "a", "1", "PX", "1")
        client.call("DEBUG", "SLEEP", "0.25")
        assert client.call("DBSIZE") == 1
        assert client.call("GET", "a") is NULL
        assert client.call("DBSIZE") == 0
    finally:
        client.call("DEBUG", "SET-ACTIVE-EXPIRE", "1")


def test_what_time_does_can_be_stopped(client: Connection):
    client.call("DEBUG", "PAUSE-CRON", "1")
    client.call("SET", "a", "1", "PX", "1")
    client.call("DEBUG", "SLEEP", "0.25")
    assert client.call("DBSIZE") == 1
    client.call("DEBUG", "PAUSE-CRON", "0")
    while client.call("DBSIZE"):
        pass


def test_digests_tell_data_apart(client: Connection):
    empty = client.call("DEBUG", "DIGEST")
    assert empty == Status("0" * 40)
    client.call("SET", "a", "b")
    # What Redis and Valkey answer.
    assert client.call("DEBUG", "DIGEST") == Status("479783d7290f02957dfbe3408a858ba13eea1709")
    assert client.call("DEBUG", "DIGEST-VALUE", "a", "nosuch") == [
        Status("b78559cd22bce6e6df712eb99ce7f3b08e8f8f1f"),
        empty,
    ]
    client.call("SELECT", "1")
    client.call("SET", "a", "b")
    other = client.call("DEBUG", "DIGEST")
    client.call("SWAPDB", "0", "1")
    assert client.call("DEBUG", "DIGEST") == other
    client.call("DEL", "a")
    assert client.call("DEBUG", "DIGEST") not in (other, empty)


def test_tables_are_described(client: Connection):
    client.call("DEBUG", "POPULATE", "1000")
    text = client.call("DEBUG", "HTSTATS", "0", "full").decode()
    assert text.startswith("[Dictionary HT]\n")
    assert " number of entries: 1000\n" in text
    assert "[Expires HT]\n" in text


def test_the_log_can_be_written(server: Server, client: Connection):
    client.call("DEBUG", "LOG", "hello there")
    assert "DEBUG LOG: hello there" in server.log()


def test_errors_are_answered_as_they_are_given(client: Connection):
    assert client.call("DEBUG", "ERROR", "CODE with\r\ntwo lines") == Error("CODE with  two lines")


def test_an_append_only_file_that_is_not_kept_cannot_be_loaded(client: Connection):
    assert client.call("DEBUG", "LOADAOF") == Error(
        "ERR Error trying to load the AOF files, check server logs."
    )


def test_help_lists_every_subcommand(client: Connection):
    lines = [str(line) for line in client.call("DEBUG", "HELP")]
    assert lines[0].startswith("DEBUG <subcommand>")
    assert "SLEEP <seconds>" in lines
    assert lines[-2:] == ["HELP", "    Print this help."]


def test_patterns_are_tried(client: Connection):
    assert client.call("DEBUG", "STRINGMATCH-LEN", "20", "a*a") == 1
    assert client.call("DEBUG", "STRINGMATCH-LEN", "20", "b*") == 0
    assert str(client.call("DEBUG", "STRINGMATCH-TEST")).endswith("test passed")
