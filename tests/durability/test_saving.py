"""When data are saved, what happens when they cannot be, and who may save where."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests import oracles
from tests.oracles import Server
from tests.wire import Connection

# Long enough that nothing is saved unless a test asks for it.
SAVES = ("--save", "100000 1")


def wait_for(condition: Callable[[], bool], what: str = "") -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.01)


def persistence(connection: Connection) -> dict[str, str]:
    text = connection.call("INFO", "persistence").decode()
    return dict(line.split(":", 1) for line in text.splitlines() if ":" in line)


def is_idle(connection: Connection) -> bool:
    return persistence(connection)["rdb_bgsave_in_progress"] == "0"


@pytest.fixture
def server() -> Iterator[Server]:
    server = oracles.start("ours", *SAVES)
    yield server
    server.stop()


def files(server: Server) -> set[str]:
    return {path.name for path in server.directory.iterdir()} - {"log"}


def test_data_survive_a_restart(server):
    with server.connect() as connection:
        connection.call("SET", "text", "value")
        connection.call("SET", "mortal", "value", "EX", 1000)
        connection.call("SELECT", 5)
        connection.call("SET", "other", 12)
        assert connection.call("SAVE") == "OK"
        connection.call("SET", "late", "lost")
    server.restart()
    with server.connect() as connection:
        assert connection.call("GET", "text") == b"value"
        assert 990 < connection.call("TTL", "mortal") <= 1000
        assert connection.call("DBSIZE") == 2
        connection.call("SELECT", 5)
        assert connection.call("GET", "other") == b"12"
        assert persistence(connection)["rdb_last_load_keys_loaded"] == "3"
        assert persistence(connection)["rdb_changes_since_last_save"] == "0"
    assert "DB loaded from disk" in server.log()
    assert files(server) == {"dump.rdb"}


def test_a_background_save_keeps_the_moment_it_began(server):
    with server.connect() as connection:
        connection.call("DEBUG", "POPULATE", 2000, "key", 30)
        connection.call("CONFIG", "SET", "rdb-key-save-delay", 100)
        assert connection.call("BGSAVE") == "Background saving started"
        assert connection.call("BGSAVE") == "ERR Background save already in progress"
        assert connection.call("SAVE") == "ERR Background save already in progress"
        assert connection.call("SET", "key:1999", "changed") == "OK"
        assert connection.call("DEL", "key:0", "key:1000") == 2
        connection.call("SET", "new", "value")
        found = persistence(connection)
        assert found["rdb_bgsave_in_progress"] == "1"
        assert found["current_save_keys_total"] == "2000"
        assert connection.call("SWAPDB", 0, 7) == "OK"
        connection.call("SELECT", 7)
        assert connection.call("FLUSHDB") == "OK"
        wait_for(lambda: is_idle(connection))
        found = persistence(connection)
        assert found["rdb_last_bgsave_status"] == "ok"
        # What was changed meanwhile is not saved yet.
        assert int(found["rdb_changes_since_last_save"]) >= 4
    server.restart()
    with server.connect() as connection:
        assert connection.call("DBSIZE") == 2000
        assert connection.call("GET", "key:1999").startswith(b"value:1999")
        assert connection.call("EXISTS", "new") == 0


def test_large_values_are_saved_as_they_were_when_it_began(server):
    with server.connect() as connection:
        fields = [b"field:%d" % index for index in range(60_000)]
        for at in range(0, len(fields), 1000):
            part = [word for field in fields[at : at + 1000] for word in (field, field)]
            connection.call("HSET", "hash", *part)
        connection.call("SET", "text", b"0123456789" * 300_000)
        connection.call("DEBUG", "POPULATE", 20_000, "key", 50)
        expected = connection.call("DEBUG", "DIGEST")
        assert connection.call("BGSAVE") == "Background saving started"
        # Ahead of the walk, in the middle of it, and behind it.
        connection.call("HSET", "hash", "new", "value")
        connection.call("APPEND", "text", "more")
        changed = 0
        while not is_idle(connection):
            connection.call("HSET", "hash", fields[changed], "changed", "another", changed)
            connection.call("SETRANGE", "text", changed, "changed")
            connection.call("DEL", f"key:{changed}")
            changed += 1
        assert changed > 0
        assert persistence(connection)["rdb_last_bgsave_status"] == "ok"
        connection.call("SET", "late", "lost")
    server.process.kill()
    server.process.wait()
    server.restart()
    with server.connect() as connection:
        assert connection.call("DEBUG", "DIGEST") == expected


def test_a_background_save_can_be_called_off(server):
    with server.connect() as connection:
        connection.call("SET", "a", "b")
        connection.call("SAVE")
        before = (server.directory / "dump.rdb").read_bytes()
        connection.call("DEBUG", "POPULATE", 1000)
        connection.call("CONFIG", "SET", "rdb-key-save-delay", 10_000)
        assert connection.call("BGSAVE") == "Background saving started"
        assert connection.call("BGSAVE", "CANCEL") == "Background saving cancelled"
        reply = connection.call("BGSAVE", "CANCEL")
        assert reply == "ERR Background saving is currently not in progress or scheduled"
        assert files(server) == {"dump.rdb"}
        assert (server.directory / "dump.rdb").read_bytes() == before
        # The next one is as good as any.
        connection.call("CONFIG", "SET", "rdb-key-save-delay", 0)
        assert connection.call("BGSAVE", "SCHEDULE") == "Background saving started"
        wait_for(lambda: is_idle(connection))
        assert persistence(connection)["rdb_last_bgsave_status"] == "ok"
        assert connection.call("DEBUG", "RELOAD", "NOSAVE") == "OK"
        assert connection.call("DBSIZE") == 1001


def test_flushall_ends_a_background_save(server):
    with server.connect() as connection:
        connection.call("DEBUG", "POPULATE", 1000)
        connection.call("CONFIG", "SET", "rdb-key-save-delay", 10_000)
        connection.call("BGSAVE")
        connection.call("CONFIG", "SET", "save", "")
        assert connection.call("FLUSHALL") == "OK"
        assert is_idle(connection)
        assert persistence(connection)["rdb_last_bgsave_status"] == "ok"
        assert files(server) == set()
        connection.call("CONFIG", "SET", "save", "100000 1")
        connection.call("SET", "a", "b")
        assert connection.call("SAVE") == "OK"
        assert connection.call("FLUSHALL") == "OK"
        # With save points an old file must not bring the data back.
        assert connection.call("DEBUG", "RELOAD", "NOSAVE") == "OK"
        assert connection.call("DBSIZE") == 0


def test_kill_during_a_background_save_leaves_the_old_file(server):
    with server.connect() as connection:
        connection.call("SET", "a", "b")
        connection.call("SAVE")
        before = (server.directory / "dump.rdb").read_bytes()
        connection.call("DEBUG", "POPULATE", 5000)
        connection.call("CONFIG", "SET", "rdb-key-save-delay", 10_000)
        connection.call("BGSAVE")
        wait_for(lambda: any(name.startswith("temp-") for name in files(server)))
    server.process.send_signal(signal.SIGKILL)
    server.process.wait()
    assert (server.directory / "dump.rdb").read_bytes() == before
    server.restart()
    with server.connect() as connection:
        assert connection.call("DBSIZE") == 1


def test_save_points_save(server):
    with server.connect() as connection:
        saved = connection.call("LASTSAVE")
        connection.call("CONFIG", "SET", "save", "1 3")
        for value in range(3):
            connection.call("SET", "key", value)
        wait_for(lambda: "dump.rdb" in files(server))
        wait_for(lambda: is_idle(connection))
        assert connection.call("LASTSAVE") > saved
        assert persistence(connection)["rdb_changes_since_last_save"] == "0"
    assert "3 changes in 1 seconds. Saving..." in server.log()


@pytest.mark.parametrize("how", ["command", "signal", "nosave"])
def test_the_end_saves(server, how):
    with server.connect() as connection:
        connection.call("SET", "a", "b")
        if how == "signal":
            server.process.terminate()
        elif how == "command":
            connection.send("SHUTDOWN")
        else:
            connection.send("SHUTDOWN", "NOSAVE")
        assert server.process.wait(20) == 0
    assert ("dump.rdb" in files(server)) == (how != "nosave")


def test_writers_are_told_when_saving_fails_and_when_it_works_again(server):
    with server.connect() as connection:
        connection.call("SET", "a", "b")
        # A folder in the place of the file: root may write anywhere else.
        obstacle = server.directory / "dump.rdb"
        (obstacle / "x").mkdir(parents=True)
        assert connection.call("SAVE").startswith("ERR")
        # A failed SAVE says so itself; writers need not be told.
        assert connection.call("SET", "a", "c") == "OK"
        assert connection.call("BGSAVE") == "Background saving started"
        wait_for(lambda: persistence(connection)["rdb_last_bgsave_status"] == "err")
        for command in (("SET", "a", "d"), ("DEL", "a"), ("PING",)):
            assert connection.call(*command).startswith("MISCONF Redis is configured to save RDB")
        assert connection.call("GET", "a") == b"c"
        assert connection.call("MULTI") == "OK"
        assert connection.call("SET", "a", "d").startswith("MISCONF")
        assert connection.call("EXEC").startswith("EXECABORT")
        assert connection.call("SHUTDOWN") == "ERR Errors trying to SHUTDOWN. Check logs."
        assert connection.call("CONFIG", "SET", "stop-writes-on-bgsave-error", "no") == "OK"
        assert connection.call("SET", "a", "e") == "OK"
        connection.call("CONFIG", "SET", "stop-writes-on-bgsave-error", "yes")
        assert connection.call("PING").startswith("MISCONF")
        shutil.rmtree(obstacle)
        connection.call("BGSAVE")
        wait_for(lambda: persistence(connection)["rdb_last_bgsave_status"] == "ok")
        assert connection.call("SET", "a", "f") == "OK"
        assert files(server) == {"dump.rdb"}
    assert "Background saving error" in server.log()


def test_a_full_disk_leaves_no_torn_file():
    # A file may not exceed a megabyte: the system refuses as a full disk does.
    server = Server("ours", SAVES)
    original = oracles.command_line
    limit = ["prlimit", f"--fsize={1 << 20}", "--"]
    if shutil.which("prlimit") is None:
        pytest.skip("prlimit is not installed")
    try:
        oracles.command_line = lambda name: [*limit, *original(name)]
        server.start()
        with server.connect() as connection:
            connection.call("SET", "a", "b")
            assert connection.call("SAVE") == "OK"
            before = (server.directory / "dump.rdb").read_bytes()
            connection.call("DEBUG", "POPULATE", 20_000, "key", 100)
            connection.call("CONFIG", "SET", "rdbcompression", "no")
            assert connection.call("SAVE").startswith("ERR")
            connection.call("BGSAVE")
            wait_for(lambda: persistence(connection)["rdb_last_bgsave_status"] == "err")
            assert files(server) == {"dump.rdb"}
            assert (server.directory / "dump.rdb").read_bytes() == before
            assert connection.call("SET", "a", "c").startswith("MISCONF")
            connection.call("FLUSHALL")
    finally:
        oracles.command_line = original
        server.stop()


def test_a_file_that_cannot_be_read_stops_the_start(tmp_path: Path):
    (tmp_path / "dump.rdb").write_bytes(b"REDIS0010\xfe\x00\x00\x03keyshort")
    result = _start_in(tmp_path, "--save", "")
    assert result.returncode == 1
    assert "dump.rdb: at offset" in result.stdout
    assert (tmp_path / "dump.rdb").exists()


def _start_in(directory: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    root = str(Path(__file__).resolve().parents[2])
    return subprocess.run(
        [*oracles.command_line("ours"), "--port", "0", "--dir", str(directory), *arguments],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        env={**os.environ, "PYTHONPATH": root},
    )


def test_two_servers_do_not_keep_data_in_one_directory(server):
    result = _start_in(server.directory, *SAVES)
    assert result.returncode == 1
    assert "another server keeps its data in" in result.stdout
    # Whoever keeps nothing may be there, too, until it wants to save.
    guest = oracles.start("ours", "--dir", str(server.directory))
    try:
        with guest.connect() as connection:
            assert connection.call("SET", "a", "b") == "OK"
            assert connection.call("SAVE").startswith("ERR")
    finally:
        guest.stop()
    assert files(server) == set()
