"""SLOWLOG and COMMANDLOG over sockets."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.oracles import Server
from tests.wire import Connection, Error, Status


@pytest.fixture
def client(server: Server) -> Iterator[Connection]:
    with server.connect() as connection:
        connection.call("CONFIG", "SET", "slowlog-log-slower-than", "0", "slowlog-max-len", "128")
        connection.call("SLOWLOG", "RESET")
        yield connection
        connection.call("CONFIG", "SET", "slowlog-log-slower-than", "10000")


def logged(client: Connection) -> list[list[bytes]]:
    """The arguments of the logged commands, newest first, without those of this module."""
    entries = client.call("SLOWLOG", "GET", "-1")
    return [entry[3] for entry in entries if entry[3][0] not in (b"SLOWLOG", b"CONFIG")]


def test_an_entry_tells_who_asked_what(client: Connection):
    client.call("CLIENT", "SETNAME", "me")
    client.call("SET", "a", "1")
    newest = client.call("SLOWLOG", "GET", "1")[0]
    number, seconds, microseconds, arguments, address, name = newest
    assert number > 0
    assert seconds == client.call("TIME")[0] or seconds > 1_000_000_000
    assert microseconds >= 0
    assert arguments == [b"SET", b"a", b"1"]
    assert address == "{}:{}".format(*client.socket.getsockname()).encode()
    assert name == b"me"


def test_long_commands_are_cut(client: Connection):
    client.call("SET", "a", "x" * 300)
    assert logged(client)[0][2] == b"x" * 128 + b"... (172 more bytes)"
    client.call("MSET", *["a", "b"] * 40)
    arguments = logged(client)[0]
    assert len(arguments) == 32
    assert arguments[-1] == b"... (50 more arguments)"


def test_commands_of_a_transaction_stand_alone(client: Connection):
    client.pipeline([["MULTI"], ["SET", "a", "1"], ["GET", "a"], ["EXEC"]])
    assert logged(client) == [[b"GET", b"a"], [b"SET", b"a", b"1"], [b"MULTI"]]


def test_refused_commands_are_not_logged_failed_ones_are(client: Connection):
    client.call("NOSUCH")
    client.call("GET")
    client.call("SET", "a", "b", "EX", "never")
    assert logged(client) == [[b"SET", b"a", b"b", b"EX", b"never"]]


@pytest.mark.parametrize(
    ("command", "secrets"),
    [
        (["AUTH", "secret"], [1]),
        (["AUTH", "default", "secret"], [1, 2]),
        (["HELLO", "2", "AUTH", "default", "secret"], [3, 4]),
    ],
)
def test_passwords_are_not_logged(client: Connection, command: list[str], secrets: list[int]):
    client.call(*command)
    wanted = [b"(redacted)" if at in secrets else word.encode() for at, word in enumerate(command)]
    assert logged(client)[0] == wanted


def test_passwords_in_the_configuration_are_not_logged(client: Connection):
    client.call("CONFIG", "SET", "hz", "10", "requirepass", "")
    entry = client.call("SLOWLOG", "GET", "1")[0]
    assert entry[3] == [b"CONFIG", b"SET", b"hz", b"10", b"requirepass", b"(redacted)"]


def test_the_log_has_a_length(client: Connection):
    client.call("CONFIG", "SET", "slowlog-max-len", "3")
    for _ in range(5):
        client.call("PING")
    assert client.call("SLOWLOG", "LEN") == 3
    assert len(client.call("SLOWLOG", "GET")) == 3
    assert len(client.call("SLOWLOG", "GET", "2")) == 2
    client.call("CONFIG", "SET", "slowlog-log-slower-than", "-1")
    assert client.call("SLOWLOG", "RESET") == Status("OK")
    client.call("PING")
    assert client.call("SLOWLOG", "LEN") == 0


def test_large_requests_and_replies_have_logs_of_their_own(client: Connection):
    client.call("CONFIG", "SET", "commandlog-request-larger-than", "5000")
    client.call("CONFIG", "SET", "commandlog-reply-larger-than", "5000")
    client.call("SET", "a", "x" * 5000)
    client.call("GET", "a")
    client.call("STRLEN", "a")
    [request] = client.call("COMMANDLOG", "GET", "-1", "large-request")
    # *3, $3 SET, $1 a, $5000 and the value.
    assert request[2] == 4 + 9 + 7 + 7 + 5000 + 2
    assert request[3][0] == b"SET"
    [reply] = client.call("COMMANDLOG", "GET", "-1", "large-reply")
    assert reply[2:4] == [7 + 5000 + 2, [b"GET", b"a"]]
    assert client.call("COMMANDLOG", "RESET", "large-reply") == Status("OK")
    assert client.call("COMMANDLOG", "LEN", "large-reply") == 0
    assert client.call("COMMANDLOG", "LEN", "large-request") == 1
    assert isinstance(client.call("COMMANDLOG", "LEN", "nosuch"), Error)
