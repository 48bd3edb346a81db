"""Functions are kept with the data, in the files and payloads of all servers."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from rubellite.cli.main import main
from tests import oracles
from tests.differential.test_functions import ordered
from tests.durability.test_append_only import ON, kill, start, stop, wait_for
from tests.durability.test_rdb_exchange import _sealed, _string, hand_over, servers  # noqa: F401
from tests.oracles import ORACLES, Server
from tests.wire import Connection

FIRST = (
    "#!lua name=first\n"
    "redis.register_function{function_name='get', description='reads',\n"
    " callback=function(keys) return redis.call('GET', keys[1]) end, flags={'no-writes'}}\n"
    "redis.register_function('set', function(keys, args)\n"
    " return redis.call('SET', keys[1], args[1]) end)"
)
SECOND = "#!lua name=second\nredis.register_function('seven', function() return 7 end)"


def listed(connection: Connection) -> Any:
    return ordered(connection.call("FUNCTION", "LIST", "WITHCODE"))


def fill(connection: Connection) -> Any:
    connection.call("FLUSHALL")
    connection.call("FUNCTION", "FLUSH")
    for source in (FIRST, SECOND):
        assert not str(connection.call("FUNCTION", "LOAD", source)).startswith("ERR")
    assert connection.call("FCALL", "set", 1, "key", "value") == "OK"
    found = listed(connection)
    assert len(found) == 2
    return found


def check(connection: Connection, expected: Any) -> None:
    assert listed(connection) == expected
    assert connection.call("FCALL_RO", "get", 1, "key") == b"value"
    assert connection.call("FCALL", "seven", 0) == 7


@pytest.mark.parametrize("compression", ["yes", "no"])
@pytest.mark.parametrize("name", ORACLES)
def test_files_with_functions_go_both_ways(
    servers: dict[str, Server],  # noqa: F811
    name: str,
    compression: str,
):
    if name not in servers:
        pytest.skip(f"{name} is not installed")
    real, ours = servers[name], servers["ours"]
    for giver, taker in ((real, ours), (ours, real)):
        with giver.connect() as connection:
            connection.call("CONFIG", "SET", "rdbcompression", compression)
            expected = fill(connection)
        with taker.connect() as connection:
            connection.call("FUNCTION", "LOAD", "REPLACE", SECOND.replace("second", "third"))
        with hand_over(giver, taker) as connection:
            check(connection, expected)


@pytest.mark.parametrize("name", ORACLES)
def test_dumps_of_functions_go_both_ways(servers: dict[str, Server], name: str):  # noqa: F811
    if name not in servers:
        pytest.skip(f"{name} is not installed")
    with servers[name].connect() as real, servers["ours"].connect() as ours:
        for giver, taker in ((real, ours), (ours, real)):
            expected = fill(giver)
            dumped = giver.call("FUNCTION", "DUMP")
            taker.call("FUNCTION", "FLUSH")
            assert taker.call("FUNCTION", "RESTORE", dumped) == "OK"
            assert listed(taker) == expected


def restored(connection: Connection, payload: bytes, *policy: str) -> tuple[str, Any]:
    connection.call("FUNCTION", "FLUSH")
    connection.call("FUNCTION", "LOAD", SECOND)
    reply = str(connection.call("FUNCTION", "RESTORE", payload, *policy))
    return reply, listed(connection)


@pytest.mark.parametrize("policy", [(), ("APPEND",), ("replace",), ("FLUSH",)])
def test_payloads_are_taken_whole_or_not_at_all(
    servers: dict[str, Server],  # noqa: F811
    policy: tuple[str, ...],
):
    def source(name: str, function: str) -> bytes:
        code = f"#!lua name={name}\nredis.register_function('{function}', function() end)"
        return b"\xf5" + _string(code.encode())

    def broken(code: str) -> bytes:
        return b"\xf5" + _string(code.encode())

    bodies = [
        b"",
        source("a", "f"),
        source("second", "f"),
        source("a", "seven"),
        source("a", "SEVEN"),
        source("a", "f") + source("b", "g"),
        source("a", "f") + source("a", "g"),
        source("a", "f") + source("b", "F"),
        source("a", "f") + b"\0" + _string(b"x"),
        b"\0" + _string(b"x"),
        b"\xf6" + _string(b"x") + _string(b"LUA") + b"\0" + _string(b"x"),
        b"\xf5\x7f",
        b"\xf5\x30abc",
        broken("#!lua name=a\nx x"),
        broken("#!lua name=a\nnosuch()"),
        broken("#!lua name=a\nreturn 1"),
        broken("#!foo name=a\nx"),
        broken("hello"),
    ]
    with servers["valkey91"].connect() as real, servers["ours"].connect() as ours:
        for body in bodies:
            payload = _sealed(body)
            assert restored(ours, payload, *policy) == restored(real, payload, *policy), body
            damaged = payload[:-1] + b"?"
            assert restored(ours, damaged, *policy) == restored(real, damaged, *policy)


def test_a_file_whose_functions_cannot_be_loaded_changes_nothing(
    servers: dict[str, Server],  # noqa: F811
):
    ours = servers["ours"]
    with ours.connect() as connection:
        expected = fill(connection)
        path = ours.directory / "dump.rdb"
        for spoilt in (b"\xf5" + _string(b"#!lua name=a\nnosuch()"), b"\xf6" + _string(b"x")):
            path.write_bytes(b"REDIS0010" + spoilt + b"\xff" + bytes(8))
            reply = connection.call("DEBUG", "RELOAD", "NOSAVE")
            assert reply == "ERR Error trying to load the RDB dump, check server logs."
            check(connection, expected)
        assert "dump.rdb: at offset" in ours.log()
        assert "nonexistent global variable 'nosuch'" in ours.log()
        assert "Pre-GA function format not supported" in ours.log()


def test_debug_reload_loads_libraries_anew(servers: dict[str, Server]):  # noqa: F811
    with servers["ours"].connect() as connection:
        connection.call("FUNCTION", "FLUSH")
        counter = (
            "#!lua name=counter\nlocal n = 0\n"
            "redis.register_function('count', function() n = n + 1 return n end)"
        )
        assert connection.call("FUNCTION", "LOAD", counter) == b"counter"
        assert [connection.call("FCALL", "count", 0) for _ in range(2)] == [1, 2]
        assert connection.call("DEBUG", "RELOAD") == "OK"
        assert connection.call("FCALL", "count", 0) == 1
        reply = connection.call("DEBUG", "RELOAD", "NOFLUSH")
        assert reply == "ERR Error trying to load the RDB dump, check server logs."
        assert connection.call("FCALL", "count", 0) == 2
        connection.call("FLUSHALL")
        assert connection.call("DEBUG", "RELOAD", "MERGE") == "OK"
        assert connection.call("FCALL", "count", 0) == 1


def test_functions_are_there_after_kill_9_and_after_a_rewrite():
    server = start()
    try:
        with server.connect() as connection:
            expected = fill(connection)
        kill(server)
        server.restart()
        with server.connect() as connection:
            check(connection, expected)
            connection.call("BGREWRITEAOF")
            wait_for(connection, "aof_rewrite_in_progress", "0")
            assert connection.call("FUNCTION", "DELETE", "second") == "OK"
            assert connection.call("FUNCTION", "LOAD", SECOND) == b"second"
        kill(server)
        server.restart()
        with server.connect() as connection:
            check(connection, expected)
    finally:
        server.stop()


@pytest.mark.parametrize("preamble", ["yes", "no"])
@pytest.mark.parametrize("real", ORACLES)
def test_append_only_files_with_functions_go_both_ways(real: str, preamble: str):
    server = start()
    try:
        with server.connect() as connection:
            expected = fill(connection)
            connection.call("BGREWRITEAOF")
            wait_for(connection, "aof_rewrite_in_progress", "0")
            connection.call("FUNCTION", "LOAD", "REPLACE", SECOND)
        stop(server)
        theirs = Server(real, [*ON, "--aof-use-rdb-preamble", preamble])
        theirs.directory, theirs.port = Path(server.directory), server.port
        try:
            theirs.restart()
        except oracles.ServerUnavailableError:
            if real == "redis70" and shutil.which("redis-server") is None:
                pytest.skip("redis70 is not installed")
            raise
        try:
            with theirs.connect() as connection:
                check(connection, expected)
                connection.call("BGREWRITEAOF")
                wait_for(connection, "aof_rewrite_in_progress", "0")
                connection.send("SHUTDOWN", "NOSAVE")
            assert theirs.process is not None
            theirs.process.wait(timeout=20)
        finally:
            if theirs.is_alive():
                kill(theirs)
        server.restart()
        with server.connect() as connection:
            check(connection, expected)
    finally:
        server.stop()


def test_the_tools_show_libraries(
    servers: dict[str, Server],  # noqa: F811
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
):
    with servers["ours"].connect() as connection:
        fill(connection)
        connection.call("SAVE")
    path = str(servers["ours"].directory / "dump.rdb")
    assert main(["check-rdb", path]) == 0
    assert "Library of functions '#!lua name=first'" in capsys.readouterr().out
    target = tmp_path / "lines.jsonl"
    assert main(["convert", path, str(target)]) == 0
    lines = [json.loads(line) for line in target.read_text().splitlines()]
    assert {"library": FIRST} in lines
