"""The append-only file: nothing acknowledged is lost, whatever happens to the process."""

from __future__ import annotations

import os
import resource
import secrets
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import rubellite
from rubellite.persistence import manifest as manifests
from tests import oracles
from tests.durability import kill as kill_loop
from tests.oracles import Server
from tests.wire import Connection

ON = ("--appendonly", "yes")


def start(*arguments: str) -> Server:
    return oracles.start("ours", *ON, *arguments)


def kill(server: Server) -> None:
    assert server.process is not None
    server.process.send_signal(signal.SIGKILL)
    server.process.wait()


def stop(server: Server) -> None:
    """Lets the server end as an operator would, and waits for that."""
    assert server.process is not None
    server.process.terminate()
    assert server.process.wait(timeout=20) == 0


def wait_for(connection: Connection, field: str, value: str) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        text: Any = connection.call("INFO", "persistence")
        if f"{field}:{value}\r\n".encode() in bytes(text):
            return
    pytest.fail(f"{field} never became {value}")


def fill(connection: Connection, *, with_field_deadlines: bool = True) -> Any:
    """Data of all kinds, and their digest."""
    connection.call("SET", "text", "x" * 100)
    connection.call("SET", "brief", "1", "PX", "10000000")
    connection.call("INCR", "count")
    connection.call("HSET", "hash", "f", "1", "g", "2")
    connection.call("RPUSH", "list", *(str(number) for number in range(1000)))
    connection.call("LPOP", "list", "3")
    connection.call("SADD", "set", "a", "b", "c")
    connection.call("SPOP", "set")
    connection.call("ZADD", "zset", "1", "a", "2.5", "b")
    connection.call("ZINCRBY", "zset", "0.5", "a")
    connection.call("HINCRBYFLOAT", "hash", "f", "0.1")
    if with_field_deadlines:
        connection.call("HPEXPIRE", "hash", "10000000", "FIELDS", "1", "g")
    connection.call("BLMOVE", "list", "moved", "LEFT", "RIGHT", "0")
    connection.call("PFADD", "hll", "a", "b")
    connection.call("SETBIT", "bits", "100", "1")
    connection.call("MULTI")
    connection.call("INCRBY", "count", "5")
    connection.call("SELECT", "3")
    connection.call("SET", "elsewhere", "y")
    connection.call("EXEC")
    connection.call("SELECT", "0")
    connection.call("DEL", "text")
    return connection.call("DEBUG", "DIGEST")


@pytest.mark.parametrize("policy", ["always", "everysec", "no"])
def test_data_are_there_again_after_kill_9(policy: str):
    server = start("--appendfsync", policy)
    try:
        with server.connect() as connection:
            digest = fill(connection)
        kill(server)
        server.restart()
        with server.connect() as connection:
            assert connection.call("DEBUG", "DIGEST") == digest
            assert 0 < int(str(connection.call("PTTL", "brief"))) <= 10000000
    finally:
        server.stop()


@pytest.mark.parametrize(("policy", "cycles"), [("always", 6), ("everysec", 2)])
def test_every_acknowledged_write_survives_kills_at_any_moment(policy: str, cycles: int):
    """`python -m tests.durability.kill --cycles 500` is the long run."""
    seed = secrets.randbelow(1 << 32)
    result = kill_loop.run(policy, cycles, seed)
    assert result.cycles == cycles, seed
    assert result.acknowledged > 0, seed


def test_a_rewrite_under_load_loses_nothing_and_removes_old_files():
    server = start("--appendfsync", "no")
    try:
        with server.connect() as connection:
            connection.call("DEBUG", "POPULATE", "50000")
            connection.send("BGREWRITEAOF")
            for number in range(2000):
                connection.send("SET", f"key:{number}", f"new{number}")
            for _ in range(2001):
                connection.receive()
            connection.call("FLUSHALL")
            connection.call("SET", "last", "1")
            wait_for(connection, "aof_rewrite_in_progress", "0")
            digest = connection.call("DEBUG", "DIGEST")
        folder = server.directory / "appendonlydir"
        assert sorted(path.name for path in folder.iterdir()) == [
            "appendonly.aof.2.base.rdb",
            "appendonly.aof.2.incr.aof",
            "appendonly.aof.manifest",
        ]
        kill(server)
        server.restart()
        with server.connect() as connection:
            assert connection.call("DEBUG", "DIGEST") == digest
            assert connection.call("GET", "last") == b"1"
    finally:
        server.stop()


def test_a_key_that_got_more_time_after_the_rewrite_is_there():
    server = start()
    try:
        with server.connect() as connection:
            connection.call("SET", "lease", "1", "PX", "300")
            connection.call("HSET", "h", "f", "1")
            connection.call("HPEXPIRE", "h", "300", "FIELDS", "1", "f")
            connection.call("BGREWRITEAOF")
            wait_for(connection, "aof_rewrite_in_progress", "0")
            connection.call("PERSIST", "lease")
            connection.call("HPERSIST", "h", "FIELDS", "1", "f")
            connection.call("DEBUG", "SLEEP", "0.4")
        kill(server)
        server.restart()
        with server.connect() as connection:
            assert connection.call("GET", "lease") == b"1"
            assert connection.call("HGET", "h", "f") == b"1"
    finally:
        server.stop()


def test_a_file_that_ends_in_a_command_is_loaded_up_to_there():
    server = start()
    try:
        with server.connect() as connection:
            connection.call("SET", "kept", "1")
            connection.call("MULTI")
            connection.call("SET", "half", "1")
            connection.call("SET", "other", "1")
            connection.call("EXEC")
        kill(server)
        path = server.directory / "appendonlydir" / "appendonly.aof.1.incr.aof"
        path.write_bytes(path.read_bytes()[:-5])
        server.restart()
        with server.connect() as connection:
            assert connection.call("KEYS", "*") == [b"kept"]
            connection.call("SET", "next", "1")
        kill(server)
        server.restart()
        with server.connect() as connection:
            assert connection.call("DBSIZE") == 2
        assert "aof-load-truncated is enabled" in server.log()
    finally:
        server.stop()


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda data: data.replace(b"$3\r\nSET", b"$9\r\nSET", 1), "longer than its length"),
        (lambda data: data.replace(b"SET", b"SXT", 1), "unknown command"),
        (lambda data: b"hello" + data, "neither a command"),
    ],
)
def test_a_damaged_file_is_refused_with_its_place(spoil: Callable[[bytes], bytes], reason: str):
    server = start()
    try:
        with server.connect() as connection:
            connection.call("SET", "a", "1")
        kill(server)
        path = server.directory / "appendonlydir" / "appendonly.aof.1.incr.aof"
        path.write_bytes(spoil(path.read_bytes()))
        with pytest.raises(oracles.ServerUnavailableError, match="Bad file format"):
            server.restart()
        assert reason in server.log()
        assert "byte" in server.log()
    finally:
        server.stop()


def test_the_file_is_switched_on_and_off_while_the_server_runs():
    server = oracles.start("ours")
    try:
        with server.connect() as connection:
            connection.call("SET", "before", "1")
            assert connection.call("CONFIG", "SET", "appendonly", "yes") == "OK"
            wait_for(connection, "aof_rewrite_in_progress", "0")
            connection.call("SET", "after", "1")
            assert connection.call("CONFIG", "SET", "appendonly", "no") == "OK"
            connection.call("SET", "unseen", "1")
            assert connection.call("CONFIG", "SET", "appendonly", "yes") == "OK"
            wait_for(connection, "aof_rewrite_in_progress", "0")
            connection.call("SET", "more", "1")
        kill(server)
        server.extra_arguments = ON
        server.restart()
        with server.connect() as connection:
            assert connection.call("DBSIZE") == 4
    finally:
        server.stop()


@pytest.mark.parametrize("real", ["redis70", "redis82", "valkey91"])
def test_real_servers_load_our_files_and_we_theirs(real: str):
    server = start()
    try:
        with server.connect() as connection:
            # Not every server knows deadlines of fields.
            fill(connection, with_field_deadlines=False)
            connection.call("BGREWRITEAOF")
            wait_for(connection, "aof_rewrite_in_progress", "0")
            connection.call("SET", "later", "1")
            digest = connection.call("DEBUG", "DIGEST")
        stop(server)
        theirs = Server(real, ON)
        theirs.directory = Path(server.directory)
        theirs.port = server.port
        try:
            theirs.restart()
            with theirs.connect() as connection:
                assert connection.call("DEBUG", "DIGEST") == digest
                connection.call("SET", "from them", "1")
                digest = connection.call("DEBUG", "DIGEST")
                connection.send("SHUTDOWN", "NOSAVE")
            assert theirs.process is not None
            theirs.process.wait(timeout=20)
        finally:
            if theirs.is_alive():
                kill(theirs)
        server.restart()
        with server.connect() as connection:
            assert connection.call("DEBUG", "DIGEST") == digest
    finally:
        server.stop()


def test_the_single_file_of_an_old_server_becomes_the_base():
    server = oracles.start("ours")
    try:
        kill(server)
        (server.directory / "appendonly.aof").write_bytes(
            b"*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\n1\r\n"
        )
        server.extra_arguments = ON
        server.restart()
        with server.connect() as connection:
            assert connection.call("GET", "a") == b"1"
        assert not (server.directory / "appendonly.aof").exists()
    finally:
        server.stop()


def test_a_full_disk_refuses_writers_until_there_is_room_again():
    """The limit on the size of files stands in for a disk without room."""
    server = start("--appendfsync", "everysec")
    try:
        process = server.process
        assert process is not None
        with server.connect() as connection:
            connection.call("SET", "before", "1")
            path = server.directory / "appendonlydir" / "appendonly.aof.1.incr.aof"
            size = path.stat().st_size
            unlimited = resource.RLIM_INFINITY
            resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (size + 100, unlimited))
            connection.call("SET", "big", "x" * 1000)
            reply = connection.call("SET", "refused", "1")
            assert str(reply).startswith("MISCONF Errors writing to the AOF file:")
            assert connection.call("GET", "before") == b"1"
            assert path.stat().st_size == size
            resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (unlimited, unlimited))
            wait_for(connection, "aof_last_write_status", "ok")
            assert connection.call("SET", "after", "1") == "OK"
            while "AOF write error looks solved" not in server.log():
                connection.call("PING")
        kill(server)
        server.restart()
        with server.connect() as connection:
            assert connection.call("STRLEN", "big") == 1000
            assert connection.call("GET", "after") == b"1"
    finally:
        server.stop()


def test_waitaof_answers_when_the_file_is_on_disk():
    server = start("--appendfsync", "no")
    try:
        with server.connect() as connection:
            connection.call("SET", "a", "1")
            assert connection.call("WAITAOF", "1", "0", "0") == [1, 0]
            assert connection.call("WAITAOF", "0", "0", "0") == [1, 0]
    finally:
        server.stop()


def test_an_embedded_store_that_was_killed_is_whole(tmp_path: Path):
    child = os.fork()
    if child == 0:
        db = rubellite.open(tmp_path, durability="always")
        for number in range(100):
            db.set(f"key:{number}", number)
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)
    with rubellite.open(tmp_path) as db:
        assert len(db) == 100
        assert db.get("key:99") == b"99"


def test_manifests_that_do_not_hold_together_are_refused():
    good = manifests.parse('file "a b.rdb" seq 2 type b\nfile a.2 seq 2 type i\n')
    assert good.base == ("a b.rdb", 2)
    assert manifests.parse(good.text()) == good
    for text in (
        "file a seq x type b",
        "nothing",
        "file ../a seq 1 type b",
        "file a seq 1 type b\nfile b seq 2 type b",
        "file a seq 2 type i\nfile b seq 1 type i",
    ):
        with pytest.raises(manifests.ManifestError):
            manifests.parse(text)


def test_debug_loadaof_brings_back_what_the_file_holds():
    server = start("--appendfsync", "no")
    try:
        with server.connect() as connection:
            digest = fill(connection)
            assert connection.call("DEBUG", "LOADAOF") == "OK"
            assert connection.call("DEBUG", "DIGEST") == digest
            connection.call("BGREWRITEAOF")
            wait_for(connection, "aof_rewrite_in_progress", "0")
            connection.call("SET", "later", "1")
            connection.call("MULTI")
            connection.call("SET", "within", "1")
            connection.call("DEBUG", "LOADAOF")
            connection.call("INCR", "within")
            assert connection.call("EXEC") == ["OK", "OK", 2]
            digest = connection.call("DEBUG", "DIGEST")
            size = (server.directory / "appendonlydir/appendonly.aof.2.incr.aof").stat().st_size
        kill(server)
        # What was loaded is not written once more.
        assert size < 500
        server.restart()
        with server.connect() as connection:
            assert connection.call("DEBUG", "DIGEST") == digest
    finally:
        server.stop()


def test_debug_loadaof_without_a_file_is_an_error():
    server = oracles.start("ours")
    try:
        with server.connect() as connection:
            reply = connection.call("DEBUG", "LOADAOF")
            assert reply == "ERR Error trying to load the AOF files, check server logs."
    finally:
        server.stop()
