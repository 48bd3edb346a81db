"""`migrate`: keys go from server to server, and into data directories and out of them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import rubellite
from rubellite.cli import migrate as migrating
from rubellite.cli.main import main
from rubellite.cli.reading import comparable, read
from rubellite.client import resp
from tests import oracles
from tests.cli.samples import FAR_MS
from tests.durability import data
from tests.oracles import Server
from tests.wire import Connection

#: What Redis 7.2 and Valkey 9 know beside what Redis 7.0 does.
FIELD_DEADLINES = ("HPEXPIREAT", "hash:many", FAR_MS + 7, "FIELDS", 2, "7", "70")
STREAM = (
    ("XADD", "stream", "1-1", "a", "1", "b", b"\xff"),
    ("XADD", "stream", "1-2", "other", "names"),
    ("XADD", "stream", "5-0", "a", "3"),
    ("XGROUP", "CREATE", "stream", "g", "0"),
    ("XREADGROUP", "GROUP", "g", "ann", "COUNT", 2, "STREAMS", "stream", ">"),
    ("XGROUP", "CREATECONSUMER", "stream", "g", "lazy"),
    ("XDEL", "stream", "1-2"),
    ("XGROUP", "CREATE", "empty", "g", "7-7", "MKSTREAM"),
)


@pytest.fixture(autouse=True)
def empty(request: pytest.FixtureRequest) -> Iterator[None]:
    """No server keeps anything for the next test."""
    yield
    for name in ("ours", *oracles.ORACLES):
        if name in request.fixturenames:
            with request.getfixturevalue(name).connect() as connection:
                connection.call("FLUSHALL")


def url(server: Server, database: int | None = None) -> str:
    return f"redis://{server.host}:{server.port}" + ("" if database is None else f"/{database}")


def fill(connection: Connection, *, has_field_deadlines: bool = False) -> None:
    data.fill(connection)
    more = [*STREAM, ("PEXPIREAT", "zset:many", FAR_MS + 9)]
    for words in [*more, FIELD_DEADLINES] if has_field_deadlines else more:
        assert "ERR" not in repr(connection.call(*words)), words


def contents(call: Any, select: Any, databases: tuple[int, ...] = (0, 9)) -> dict[Any, Any]:
    """Everything, with deadlines, as it compares between servers."""
    found: dict[Any, Any] = {}
    for number in databases:
        select(number)
        for key in sorted(call("KEYS", "*")):
            value = read(call, key)
            assert value is not None
            found[number, key] = (value[0], comparable(*value), call("PEXPIRETIME", key))
    return found


def of(server: Server) -> dict[Any, Any]:
    connection = resp.Connection(resp.Address(server.host, server.port))
    try:
        return contents(connection.call, lambda number: connection.call("SELECT", number))
    finally:
        connection.close()


def of_path(path: Path) -> dict[Any, Any]:
    with rubellite.open(path) as store:
        session = store.session(protocol=2)
        return contents(session.call, lambda number: session.call("SELECT", number))


PAIRS = [
    ("ours", "valkey91", True),
    ("valkey91", "ours", True),
    ("redis82", "ours", True),
    ("ours", "redis82", True),
    # Neither understands the other's dumps.
    ("redis82", "valkey91", True),
    ("valkey91", "redis70", False),
    ("redis70", "ours", False),
    ("ours", "redis70", False),
]


@pytest.mark.parametrize(
    ("source", "target", "has_field_deadlines"), PAIRS, ids=[f"{a}-{b}" for a, b, _ in PAIRS]
)
def test_everything_goes_from_server_to_server(
    request, capsys, source, target, has_field_deadlines
):
    one, other = request.getfixturevalue(source), request.getfixturevalue(target)
    with one.connect() as connection:
        fill(connection, has_field_deadlines=has_field_deadlines)
    before = of(one)
    assert main(["migrate", url(one), url(other), "--all"]) == 0
    assert capsys.readouterr().out == f"{len(before)} keys: {len(before)} copied\n"
    assert of(other) == before
    # Once more: everything is there, and nothing is touched.
    assert main(["migrate", url(one), url(other), "--all"]) == 0
    out = capsys.readouterr().out
    assert out == f"{len(before)} keys: 0 copied, {len(before)} equal already\n"


def test_a_path_takes_and_gives(ours, redis70, tmp_path, capsys):
    with redis70.connect() as connection:
        fill(connection)
        before, digest = of(redis70), data.digest(connection)
        assert main(["migrate", url(redis70), str(tmp_path / "data"), "--all"]) == 0
        assert of_path(tmp_path / "data") == before
        connection.call("FLUSHALL")
        assert main(["migrate", str(tmp_path / "data"), url(redis70), "--all"]) == 0
        assert data.digest(connection) == digest
    assert of(redis70) == before
    # From path to path; only what matches, of one database.
    given = [str(tmp_path / "data"), str(tmp_path / "more"), "--match", "list:*", "--db", "0"]
    assert main(["migrate", *given]) == 0
    lists = {key: value for key, value in before.items() if key[1].startswith(b"list:")}
    assert of_path(tmp_path / "more") == lists
    capsys.readouterr()


def test_a_directory_with_a_snapshot_alone_is_left_as_it_is(tmp_path, capsys):
    with rubellite.open(tmp_path / "a", durability="snapshot") as store:
        store.set("k", "v")
        store.call("SAVE")
    before = {file: (tmp_path / "a" / file).read_bytes() for file in os.listdir(tmp_path / "a")}
    assert main(["migrate", str(tmp_path / "a"), str(tmp_path / "b")]) == 0
    after = {file: (tmp_path / "a" / file).read_bytes() for file in os.listdir(tmp_path / "a")}
    assert after == before
    assert capsys.readouterr().out == "1 keys: 1 copied\n"


def test_a_url_names_databases(ours, valkey91):
    with ours.connect() as connection:
        connection.call("SELECT", 3)
        connection.call("SET", "k", "v")
    assert main(["migrate", url(ours, 3), url(valkey91, 5)]) == 0
    with valkey91.connect() as connection:
        assert connection.call("DBSIZE") == 0
        connection.call("SELECT", 5)
        assert connection.call("GET", "k") == b"v"


def test_keys_of_the_target_are_compared_replaced_or_kept(ours, valkey91, capsys):
    with ours.connect() as one, valkey91.connect() as other:
        for key in ("same", "differs", "later"):
            one.call("SET", key, "v", "PXAT", FAR_MS)
        other.call("SET", "same", "v", "PXAT", FAR_MS)
        other.call("SET", "differs", "w", "PXAT", FAR_MS)
        other.call("SET", "later", "v", "PXAT", FAR_MS + 1)
        assert main(["migrate", url(ours), url(valkey91)]) == 1
        told = capsys.readouterr()
        assert "1 equal already, 2 with other content" in told.out
        assert "differs: the target has it with other content" in told.err
        assert main(["migrate", url(ours), url(valkey91), "--skip"]) == 0
        assert capsys.readouterr().out == "3 keys: 0 copied, 3 kept as they were\n"
        assert other.call("GET", "differs") == b"w"
        assert main(["migrate", url(ours), url(valkey91), "--replace"]) == 0
        assert other.call("GET", "differs") == b"v"
        assert other.call("PEXPIRETIME", "later") == FAR_MS


def test_what_the_target_cannot_hold_is_named(ours, redis70, capsys):
    with ours.connect() as connection:
        connection.call("SADD", "members", "a", "b")
        connection.call("SPEXPIREAT", "members", FAR_MS, "MEMBERS", 1, "a")
        connection.call("ZADD", "scores", 1, "a", 2, "b")
        connection.call("ZPEXPIREAT", "scores", FAR_MS, "MEMBERS", 1, "a")
        connection.call("HSET", "fields", "a", "b")
        connection.call("HPEXPIREAT", "fields", FAR_MS, "FIELDS", 1, "a")
        connection.call("SET", "plain", "v")
    assert main(["migrate", url(ours), url(redis70)]) == 1
    told = capsys.readouterr()
    assert told.out == "4 keys: 1 copied, 3 failed\n"
    assert "members: ERR unknown command 'SPEXPIREAT'" in told.err
    assert "scores: ERR unknown command 'ZPEXPIREAT'" in told.err
    assert "fields: ERR unknown command 'HPEXPIREAT'" in told.err
    with redis70.connect() as connection:
        # Nothing is there in part.
        assert connection.call("KEYS", "*") == [b"plain"]


def test_deadlines_of_members_go_from_ours_to_ours(ours, tmp_path, capsys):
    timed: list[tuple[Any, ...]] = [
        ("SADD", "set", "a", "b"),
        ("SPEXPIREAT", "set", FAR_MS, "MEMBERS", 1, "a"),
        ("ZADD", "zset", 1, "a", 2, "b"),
        ("ZPEXPIREAT", "zset", FAR_MS, "MEMBERS", 1, "a"),
    ]
    target = str(tmp_path / "data")
    with ours.connect() as connection:
        for words in timed:
            connection.call(*words)
        assert main(["migrate", url(ours), target]) == 0
        assert of_path(tmp_path / "data") == of(ours)
        with rubellite.open(target) as store:
            members = ("MEMBERS", 2, "a", "b")
            assert store.call("ZPEXPIRETIME", "zset", *members) == [FAR_MS, -1]
            assert store.call("SPEXPIRETIME", "set", *members) == [FAR_MS, -1]
        capsys.readouterr()
        # A member's deadline is content, too: another one is no equal key.
        connection.call("ZPEXPIREAT", "zset", FAR_MS + 1, "MEMBERS", 1, "a")
        assert main(["migrate", url(ours), target]) == 1
        assert "1 equal already, 1 with other content" in capsys.readouterr().out


def test_an_interrupted_run_is_finished_by_the_next(redis70, tmp_path, monkeypatch, capsys):
    with redis70.connect() as connection:
        fill(connection)
        connection.call("DEBUG", "POPULATE", 3000, "filler", 20)
    before = of(redis70)
    settle, calls = migrating._Copy._settle, 0

    def interrupt(self: Any, sent: Any) -> None:
        nonlocal calls
        calls += 1
        if calls == 4:
            # After the target was sent a batch, before it is known what became of it.
            raise KeyboardInterrupt
        settle(self, sent)

    monkeypatch.setattr(migrating._Copy, "_settle", interrupt)
    given = ["migrate", url(redis70), str(tmp_path / "data"), "--all"]
    assert main(given) == 130
    assert "the same command goes on" in capsys.readouterr().err
    monkeypatch.undo()
    assert main(given) == 0
    assert "equal already" in capsys.readouterr().out
    assert of_path(tmp_path / "data") == before


def test_a_killed_run_is_finished_by_the_next(redis70, tmp_path):
    with redis70.connect() as connection:
        connection.call("DEBUG", "POPULATE", 6_000, "filler", 20)
        fill_into = [sys.executable, "-m", "rubellite.cli.main"]
        path = str(tmp_path / "data")
        given = [*fill_into, "migrate", url(redis70), path]
        process = subprocess.Popen(given, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        increment = tmp_path / "data" / "appendonlydir" / "appendonly.aof.1.incr.aof"
        while not (increment.exists() and increment.stat().st_size > 10_000):
            assert process.poll() is None
        process.send_signal(signal.SIGKILL)
        process.wait()
        subprocess.run(given, check=True, stdout=subprocess.DEVNULL)
        with rubellite.open(path, enable_debug_command="yes") as store:
            found = store.call("DEBUG", "DIGEST")
            assert store.call("DBSIZE") == 6_000
        assert data.digest(connection) == (found.decode() if isinstance(found, bytes) else found)


def test_a_directory_that_another_process_holds_is_migrated_into_and_out_of(redis70, tmp_path):
    held = tmp_path / "held"
    command = [sys.executable, "-m", "rubellite.cli.main", "migrate"]
    with redis70.connect() as connection, rubellite.open(held) as store:
        connection.call("FLUSHALL")
        connection.call("RPUSH", "jobs", "a", "b")
        subprocess.run([*command, url(redis70), str(held)], check=True, capture_output=True)
        assert store.call("LRANGE", "jobs", 0, -1) == [b"a", b"b"]
        store.set("from-here", "1")
        subprocess.run([*command, str(held), url(redis70)], check=True, capture_output=True)
        assert connection.call("GET", "from-here") == b"1"


def test_what_is_wrong_is_told_in_one_line(ours, redis70, tmp_path, capsys):
    (tmp_path / "file").write_text("x")
    with redis70.connect() as connection, rubellite.open(tmp_path / "used", durability="always"):
        connection.call("CONFIG", "SET", "requirepass", "secret")
        try:
            wrong = {
                f"redis://:bad@127.0.0.1:{redis70.port}": "WRONGPASS",
                url(redis70): "NOAUTH",
                "redis://127.0.0.1:1": "Connection refused",
                "redis://no-such-host.invalid": "no-such-host.invalid:6379",
                "http://127.0.0.1": 'URL scheme "http" is unknown',
                "redis://127.0.0.1:x": "is no URL",
                "redis://127.0.0.1/x": 'database "x" is not a number',
                "redis://127.0.0.1/?x=1": 'the option "x=1"',
                "unix:///nowhere/socket": "No such file or directory",
                str(tmp_path / "missing"): "there is no such data directory",
                str(tmp_path / "file"): "no folder",
                str(tmp_path / "used"): "is held by process",
                url(ours, 99): "out of range",
            }
            for source, text in wrong.items():
                assert main(["migrate", source, str(tmp_path / "target")]) == 1
                told = capsys.readouterr().err
                assert told.startswith("rubellite migrate: "), told
                assert text in told
                assert told.count("\n") == 1
                assert "bad@" not in told
            right = f"redis://:secret@127.0.0.1:{redis70.port}"
            assert main(["migrate", right, str(tmp_path / "target")]) == 0
        finally:
            connection.call("CONFIG", "SET", "requirepass", "")
