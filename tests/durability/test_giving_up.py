"""Files that are being written, and given up: what is left of them, and what is said.

Where `name` is a real server, too, it is asked the same.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest

import rubellite
from tests import oracles
from tests.oracles import Server
from tests.wire import Connection

SLOW = ("--rdb-key-save-delay", "10000", "--save", "")
KEYS = 1000
NOTHING = "ERR Background saving is currently not in progress or scheduled"


@pytest.fixture(params=["ours", "valkey91"])
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def server(name: str) -> Iterator[Server]:
    server = oracles.start(name, *SLOW)
    with server.connect() as connection:
        connection.call("DEBUG", "POPULATE", KEYS)
    yield server
    server.stop()


def told(connection: Connection) -> dict[str, str]:
    text = connection.call("INFO", "persistence").decode()
    return dict(line.split(":", 1) for line in text.splitlines() if ":" in line)


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def switch_on(connection: Connection, server: Server) -> None:
    """The append-only file, until it is whole; from then on the next one takes long."""
    connection.call("CONFIG", "SET", "rdb-key-save-delay", 0)
    connection.call("CONFIG", "SET", "appendonly", "yes")
    wait_for(lambda: "manifest" in str(files(server)))
    wait_for(lambda: told(connection)["aof_rewrite_in_progress"] == "0")
    connection.call("CONFIG", "SET", "rdb-key-save-delay", 10_000)


def files(server: Server) -> set[str]:
    """What is in the server's folder, without its log."""
    paths = server.directory.rglob("*")
    return {path.name for path in paths if path.is_file()} - {"log"}


def test_no_file_is_left_of_a_rewrite_when_the_file_is_switched_off(server, name):
    with server.connect() as connection:
        connection.call("CONFIG", "SET", "appendonly", "yes")
        assert told(connection)["aof_rewrite_in_progress"] == "1"
        connection.call("CONFIG", "SET", "appendonly", "no")
        wait_for(lambda: told(connection)["aof_rewrite_in_progress"] == "0")
        facts = told(connection)
        assert facts["aof_last_bgrewrite_status"] == "ok"
        assert facts["aof_rewrites"] == "1"
        assert facts["aof_rewrites_consecutive_failures"] == "0"
        assert facts["aof_last_rewrite_time_sec"] == "-1"
        # Real servers leave the increment, which no manifest names.
        if name == "ours":
            assert files(server) == set()
        # The next one is as good as any.
        connection.call("CONFIG", "SET", "rdb-key-save-delay", 0)
        connection.call("CONFIG", "SET", "appendonly", "yes")
        wait_for(lambda: "base.rdb" in str(files(server)))


def test_what_was_there_before_stays_when_a_rewrite_is_given_up(server):
    with server.connect() as connection:
        switch_on(connection, server)
        assert str(connection.call("BGREWRITEAOF")).endswith("started")
        connection.call("SET", "late", "1")
        connection.call("CONFIG", "SET", "appendonly", "no")
        wait_for(lambda: told(connection)["aof_rewrite_in_progress"] == "0")
        kept = {f"appendonly.aof.{what}" for what in ("1.base.rdb", "1.incr.aof", "2.incr.aof")} | {
            "appendonly.aof.manifest"
        }
        wait_for(lambda: files(server) == kept)
        # They hold all data, whether or not they are written to.
        assert connection.call("DEBUG", "LOADAOF") == "OK"
        assert connection.call("DBSIZE") == KEYS + 1


def test_flushall_ends_a_background_save_but_no_rewrite(server):
    with server.connect() as connection:
        connection.call("CONFIG", "SET", "appendonly", "yes")
        connection.call("FLUSHALL")
        assert told(connection)["aof_rewrite_in_progress"] == "1"
        connection.call("CONFIG", "SET", "appendonly", "no")
        wait_for(lambda: told(connection)["aof_rewrite_in_progress"] == "0")
        connection.call("DEBUG", "POPULATE", KEYS)
        before = files(server)
        connection.call("BGSAVE")
        connection.call("FLUSHALL")
        wait_for(lambda: told(connection)["rdb_bgsave_in_progress"] == "0")
        facts = told(connection)
        assert facts["rdb_last_bgsave_status"] == "ok"
        assert facts["rdb_last_bgsave_time_sec"] == "0"
        assert facts["rdb_saves"] == "1"
        wait_for(lambda: files(server) == before)


def test_bgsave_cancel_leaves_a_rewrite_alone(server):
    with server.connect() as connection:
        assert str(connection.call("BGREWRITEAOF")).endswith("started")
        assert connection.call("BGSAVE", "CANCEL") == NOTHING
        assert connection.call("BGSAVE", "SCHEDULE") == "Background saving scheduled"
        assert connection.call("BGSAVE", "CANCEL") == "Scheduled background saving cancelled"
        assert connection.call("BGSAVE", "CANCEL") == NOTHING
        assert told(connection)["aof_rewrite_in_progress"] == "1"


def test_a_rewrite_that_waits_for_a_save_begins_after_it(server):
    with server.connect() as connection:
        connection.call("BGSAVE")
        assert str(connection.call("BGREWRITEAOF")).endswith("scheduled")
        assert told(connection)["aof_rewrite_scheduled"] == "1"
        assert connection.call("BGSAVE", "CANCEL") == "Background saving cancelled"
        wait_for(lambda: told(connection)["aof_rewrite_in_progress"] == "1")


def test_the_first_rewrite_keeps_the_server_from_ending(server, name):
    with server.connect() as connection:
        connection.call("CONFIG", "SET", "appendonly", "yes")
        reply = connection.call("SHUTDOWN")
        assert reply == "ERR Errors trying to SHUTDOWN. Check logs."
        assert told(connection)["aof_rewrite_in_progress"] == "1"
        connection.send_raw(b"SHUTDOWN FORCE\r\n")
        assert server.process is not None
        assert server.process.wait(timeout=20) == 0
    if name == "ours":
        assert files(server) == set()


def test_an_end_gives_a_rewrite_up(server):
    with server.connect() as connection:
        switch_on(connection, server)
        connection.call("BGREWRITEAOF")
    assert server.process is not None
    server.process.terminate()
    assert server.process.wait(timeout=20) == 0
    assert not [name for name in files(server) if "2.base" in name or name.startswith("temp")]


def test_a_rewrite_is_no_save(server):
    with server.connect() as connection:
        connection.call("SET", "key", "value")
        connection.call("BGREWRITEAOF")
        connection.call("CONFIG", "SET", "rdb-key-save-delay", 0)
        assert connection.call("SAVE") == "OK"
        assert told(connection)["rdb_changes_since_last_save"] == "0"
        connection.call("SET", "key", "value")
        wait_for(lambda: told(connection)["aof_rewrite_in_progress"] == "0")
        connection.call("BGREWRITEAOF")
        wait_for(lambda: told(connection)["aof_rewrite_in_progress"] == "0")
        assert told(connection)["rdb_changes_since_last_save"] == "1"
        assert told(connection)["aof_last_bgrewrite_status"] == "ok"


def test_loading_what_is_not_there_leaves_nothing(server):
    with server.connect() as connection:
        reply = connection.call("DEBUG", "LOADAOF")
        assert reply == "ERR Error trying to load the AOF files, check server logs."
        assert connection.call("DBSIZE") == 0


def test_starts_are_counted_until_somebody_resets_that(server):
    with server.connect() as connection:
        connection.call("BGSAVE")
        connection.call("BGSAVE", "CANCEL")
        wait_for(lambda: told(connection)["rdb_bgsave_in_progress"] == "0")
        connection.call("BGREWRITEAOF")
        facts = told(connection)
        assert (facts["rdb_saves"], facts["aof_rewrites"]) == ("1", "1")
        assert facts["current_save_keys_total"] == str(KEYS)
        connection.call("CONFIG", "RESETSTAT")
        facts = told(connection)
        assert (facts["rdb_saves"], facts["aof_rewrites"]) == ("0", "0")


def test_a_store_that_is_closed_in_its_first_rewrite_is_whole(tmp_path):
    with rubellite.open(tmp_path, appendonly="no", **{"rdb-key-save-delay": "10000"}) as db:
        for number in range(KEYS):
            db.set(f"key:{number}", "value")
        db.call("CONFIG", "SET", "appendonly", "yes")
        db.set("late", "1")
        assert not list(tmp_path.rglob("*.manifest"))
    names = {path.name for path in (tmp_path / "appendonlydir").iterdir()}
    assert names == {"appendonly.aof.2.base.rdb", "appendonly.aof.manifest"}
    with rubellite.open(tmp_path, appendonly="yes") as db:
        assert len(db) == KEYS + 1
