"""MONITOR over sockets: what is shown to whom."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator

import pytest

from tests.oracles import Server
from tests.wire import Connection, Error, Status


@pytest.fixture(params=[2, 3])
def monitor(request: pytest.FixtureRequest, server: Server) -> Iterator[Connection]:
    with server.connect(request.param) as connection:
        assert connection.call("MONITOR") == Status("OK")
        yield connection


def shown(monitor: Connection, client: Connection, *arguments: bytes | str) -> list[str]:
    """The lines that a monitor gets of one command."""
    client.call(*arguments)
    client.call("ECHO", "the end")
    lines: list[str] = []
    while not (line := str(monitor.receive())).endswith('"ECHO" "the end"'):
        lines.append(line)
    return lines


def test_a_line_has_time_database_and_address(server: Server, monitor: Connection):
    with server.connect() as client:
        host, port = client.socket.getsockname()
        [line] = shown(monitor, client, "SELECT", "3")
        assert re.fullmatch(rf'\d+\.\d{{6}} \[3 {host}:{port}\] "SELECT" "3"', line)


def test_arguments_are_quoted(server: Server, monitor: Connection):
    with server.connect() as client:
        [line] = shown(monitor, client, "SET", "a", b'\x00 "\\\n\xff')
        assert line.endswith(r'"SET" "a" "\x00 \"\\\n\xff"')


def test_passwords_are_not_shown(server: Server, monitor: Connection):
    with server.connect() as client:
        [line] = shown(monitor, client, "AUTH", "default", "secret")
        assert line.endswith('"AUTH" "(redacted)" "(redacted)"')
        [line] = shown(monitor, client, "HELLO", "2", "AUTH", "default", "secret")
        assert line.endswith('"HELLO" "2" "AUTH" "(redacted)" "(redacted)"')


def test_what_administers_is_not_shown(server: Server, monitor: Connection):
    with server.connect() as client:
        for command in (["CONFIG", "GET", "port"], ["CLIENT", "LIST"], ["DEBUG", "SLEEP", "0"]):
            assert shown(monitor, client, *command) == []


def test_a_transaction_is_shown_when_it_runs(server: Server, monitor: Connection):
    with server.connect() as client:
        client.pipeline([["MULTI"], ["SET", "a", "1"], ["GET", "a"]])
        lines = [str(monitor.receive())]
        lines += shown(monitor, client, "EXEC")
        words = [line.split("] ")[1] for line in lines]
        assert words == ['"MULTI"', '"SET" "a" "1"', '"GET" "a"', '"EXEC"']


def test_a_monitor_may_not_use_keys(monitor: Connection):
    assert monitor.call("GET", "a") == Error("ERR Replica can't interact with the keyspace")
    assert monitor.call("PING") == Status("PONG")


def test_monitor_does_not_begin_inside_a_transaction(server: Server):
    with server.connect() as client:
        replies = client.pipeline([["MULTI"], ["MONITOR"], ["EXEC"]])
        assert replies[2] == [Error("ERR MONITOR isn't allowed for DENY BLOCKING client")]


def test_reset_ends_it(server: Server, monitor: Connection):
    assert monitor.call("RESET") == Status("RESET")
    with server.connect() as client:
        client.call("PING")
    assert monitor.call("GET", "nosuch") is not None
    assert monitor.buffer == b""


def test_a_monitor_is_listed_and_can_be_killed(server: Server, monitor: Connection):
    with server.connect() as client:
        line = client.call("CLIENT", "LIST", "FLAGS", "O").decode()
        number = re.findall(r"id=(\d+)", line)[-1]
        assert client.call("CLIENT", "KILL", "ID", number) == 1
        assert monitor.receive_raw(5)[1]


def test_a_monitor_that_does_not_read_is_closed(server: Server):
    with server.connect() as client, server.connect() as monitor:
        monitor.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        monitor.call("MONITOR")
        client.call("CONFIG", "SET", "client-output-buffer-limit", "normal 1000000 0 0")
        try:
            for _ in range(400):
                client.call("STRLEN", "x" * 100_000)
                if not client.call("CLIENT", "LIST", "FLAGS", "O"):
                    break
            else:
                pytest.fail("the monitor's output grows without bound")
        finally:
            client.call("CONFIG", "SET", "client-output-buffer-limit", "normal 0 0 0")
