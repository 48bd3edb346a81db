"""`--load`: commands in Python on a server, and servers that do not start for them."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import oracles
from tests.oracles import Server, ServerUnavailableError
from tests.wire import Connection, Error, Map

COMMANDS = '''
from rubellite.extending import READ, WRITE, Call, command


@command("RATE.LIMIT key limit:integer seconds", WRITE)
def rate_limit(call: Call, key: bytes, limit: int, seconds: int) -> int:
    """Count down."""
    passed = call.execute("INCR", key)
    if passed == 1:
        call.execute("EXPIRE", key, seconds)
    return max(limit - passed, -1)


@command("APPEND.ONE list:RW element", WRITE)
def append_one(call, list, element):
    """Add to a list itself."""
    from rubellite.extending import List

    return call.edit(list, List).push("RIGHT", [element])


@command("SHAPE", READ)
def shape(call):
    """Return a map."""
    return {b"a": 1.5}


@command("BROKEN", READ)
def broken(call):
    """Fail."""
    return shape.nosuch
'''
GREETINGS = '''
from rubellite.extending import command


@command("GREET name")
def greet(call, name):
    """Greet."""
    return b"hello " + name
'''


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    (tmp_path / "my limits.py").write_text(COMMANDS)
    (tmp_path / "greetings_of_ours.py").write_text(GREETINGS)
    return [str(tmp_path / "my limits.py"), str(tmp_path / "greetings_of_ours.py")]


@pytest.fixture
def server(files: list[str]) -> Iterator[Server]:
    server = oracles.start("ours", "--load", files[0], "--load", files[1], "--appendonly", "yes")
    yield server
    server.stop()


@pytest.fixture
def connection(server: Server) -> Iterator[Connection]:
    with server.connect() as connection:
        yield connection


def test_every_client_can_call_them(server: Server, connection: Connection) -> None:
    assert connection.call("RATE.LIMIT", "k", 1, 10) == 0
    assert connection.call("rate.limit", "k", 1, 10) == -1
    assert connection.call("GREET", "Ada") == b"hello Ada"
    assert connection.call("SHAPE") == [b"a", b"1.5"]
    with server.connect(protocol=3) as modern:
        assert isinstance(modern.call("SHAPE"), Map)
    connection.send_raw(b"GREET inline\r\n")
    assert connection.reply() == b"hello inline"


def test_failures_are_logged_with_their_traceback(server: Server, connection: Connection) -> None:
    reply = connection.call("BROKEN")
    assert reply == Error(
        "ERR Failure in 'broken': AttributeError: 'function' object has no attribute 'nosuch'"
    )
    assert "return shape.nosuch" in server.log()


def test_monitors_see_them_and_what_they_execute(server: Server, connection: Connection) -> None:
    with server.connect() as monitor:
        assert monitor.call("MONITOR") == "OK"
        connection.call("RATE.LIMIT", "k", 1, 10)
        seen = [monitor.reply().split("] ")[1] for _ in range(3)]
    assert seen == ['"INCR" "k"', '"EXPIRE" "k" "10"', '"RATE.LIMIT" "k" "1" "10"']


def test_configuration_shows_what_is_loaded(connection: Connection, files: list[str]) -> None:
    assert connection.call("CONFIG", "GET", "load") == [
        b"load",
        f'"{files[0]}" "{files[1]}"'.encode(),
    ]
    assert str(connection.call("CONFIG", "SET", "load", "x.py")).startswith("ERR ")


def test_a_restart_replays_the_append_only_file(server: Server) -> None:
    with server.connect() as connection:
        connection.call("APPEND.ONE", "list", "a")
        connection.call("RATE.LIMIT", "k", 5, 100)
        connection.call("SET", "seen", "1")
        connection.call("WAITAOF", 1, 0, 1000)
    server.restart()
    with server.connect() as connection:
        assert connection.call("LRANGE", "list", 0, -1) == [b"a"]
        assert connection.call("TTL", "k") > 0
    server.extra_arguments = ["--appendonly", "yes"]
    with pytest.raises(ServerUnavailableError) as caught:
        server.restart()
    assert "load the module that declares it" in str(caught.value)


def test_a_configuration_file_may_name_them(files: list[str], tmp_path: Path) -> None:
    file = tmp_path / "server.conf"
    file.write_text(f'load "{files[0]}"\nload {files[1]}\n')
    server = oracles.start("ours", "--include", str(file))
    try:
        with server.connect() as connection:
            assert connection.call("GREET", "x") == b"hello x"
            assert connection.call("RATE.LIMIT", "k", 1, 10) == 0
    finally:
        server.stop()


def test_names_are_looked_for_where_the_server_is_started(files: list[str], tmp_path: Path) -> None:
    # The other folder, `--dir`, is where its data are.
    server = Server("ours", ["--load", "greetings_of_ours", "--load", "my limits.py"])
    (tmp_path / "rubellite-data").mkdir()
    command = [*oracles.command_line("ours"), "--port", "0", "--unixsocket", "socket"]
    process = subprocess.Popen(
        [*command, "--dir", "rubellite-data", *server.extra_arguments, "--save", ""],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        text=True,
        env=oracles._environment(),
    )
    try:
        assert process.stdout is not None
        lines = iter(process.stdout.readline, "")
        assert any("Ready to accept" in line for line in lines)
    finally:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


@pytest.mark.parametrize(
    ("text", "problem", "detail"),
    [
        ("1 / 0", "ZeroDivisionError: division by zero", "    1 / 0"),
        ("from rubellite.extending import command\ncommand('GET key')(print)", "", "NotationError"),
        (GREETINGS.replace("GREET name", "PING name"), "PING is built in", ""),
    ],
)
def test_a_module_that_cannot_be_loaded_stops_the_start(
    tmp_path: Path, text: str, problem: str, detail: str
) -> None:
    file = tmp_path / "broken.py"
    file.write_text(text)
    result = subprocess.run(
        [*oracles.command_line("ours"), "--port", "0", "--load", str(file)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=20,
        env=oracles._environment(),
        check=False,
    )
    assert result.returncode == 1
    [line] = [line for line in result.stdout.splitlines() if "Fatal error" in line]
    assert f"Fatal error loading an extension, exiting: {file}" in line or problem in line
    assert problem in line
    assert detail in result.stdout
