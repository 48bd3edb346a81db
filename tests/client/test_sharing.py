"""A directory that several processes share: attaching, and what is refused."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import pickle
import shutil
import signal
import socket
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import redis

import rubellite
from rubellite.asyncio import Redis as AsyncRedis
from rubellite.client import tenure
from rubellite.client.meeting import NoSocketsError, Place
from rubellite.client.store import Store
from rubellite.client.wire import LISTENING
from rubellite.errors import HeldElsewhereError, OutcomeUnknown, ReplyError
from rubellite.extending import ExtensionError
from rubellite.persistence.snapshots import LoadError
from rubellite.server.app import load_commands
from rubellite.spec.command import TABLE
from rubellite.spec.flags import LISTENS
from tests.client.other import Other
from tests.client.shared import db, holder, in_thread, path, wait_until

__all__ = ["db", "holder", "path"]


# The same store from everywhere


def test_the_native_api_is_the_same(holder: Other, db: Store):
    holder("db.set('from', 'there')")
    assert db["from"] == b"there"
    db["number"] = 41
    assert db.increment("number") == 42
    assert db.set("once", "a", only_if_absent=True, seconds=100)
    assert not db.set("once", "b", only_if_absent=True)
    db.hash("h").update({"f": "1", "g": "2"})
    assert dict(db.hash("h")) == {b"f": b"1", b"g": b"2"}
    db.sorted_set("z")["m"] = 1.5
    assert db.sorted_set("z").top(1) == [(b"m", 1.5)]
    db.list("l").append("a", "b")
    assert db.list("l").pop(timeout_seconds=1) == b"b"
    assert db.set_of("s").add("x") == 1
    with pytest.raises(ReplyError, match="WRONGTYPE"):
        db.hash("number")["f"] = 1
    assert holder("db['number']") == b"42"
    assert len(db) == int(holder("len(db)"))


def test_replies_of_any_size_arrive_whole(db: Store):
    db["big"] = b"x" * 3_000_000
    assert db["big"] == b"x" * 3_000_000
    db.list("long").append(*range(50_000))
    assert list(db.list("long"))[-1] == b"49999"


def test_the_redis_py_api_is_the_same(holder: Other, db: Store):
    r: Any = db.redis(decode_responses=True)
    assert r.set("k", "v")
    assert r.get("k") == "v"
    assert r.hset("h", mapping={"f": "1"}) == 1
    with pytest.raises(redis.ResponseError, match="not an integer"):
        r.incr("k")
    with r.pipeline() as pipe:
        pipe.set("n", 1).incr("n")
        assert pipe.execute() == [True, 2]
    assert r.eval("return redis.call('INCR', KEYS[1])", 1, "n") == 3
    with r.pubsub() as listener:
        listener.subscribe("news")
        assert listener.get_message(timeout=10)["type"] == "subscribe"
        holder("db.call('PUBLISH', 'news', 'hello')")
        assert listener.get_message(timeout=10)["data"] == "hello"
    r.close()


def test_the_asyncio_api_is_the_same(db: Store):
    async def work() -> None:
        client: Any = AsyncRedis(db, decode_responses=True)
        assert await client.set("k", "v")
        assert await client.get("k") == "v"
        async with client.pipeline() as pipe:
            assert await pipe.set("n", 1).incr("n").execute() == [True, 2]
        await client.aclose()

    asyncio.run(work())


def test_a_wait_ends_when_another_process_pushes(holder: Other, db: Store):
    thread, found = in_thread(lambda: db.list("queue").pop_left(timeout_seconds=30))
    wait_until(lambda: int(db.info("clients")["blocked_clients"]) == 1)
    holder("db.list('queue').append('job')")
    thread.join()
    assert found == [b"job"]


def test_ctrl_c_ends_a_wait_and_nothing_is_taken(db: Store):
    def interrupt() -> None:
        wait_until(lambda: int(db.info("clients")["blocked_clients"]) == 1)
        os.kill(os.getpid(), signal.SIGINT)

    usual = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        thread, _ = in_thread(interrupt)
        with pytest.raises(KeyboardInterrupt):
            db.list("queue").pop_left(timeout_seconds=30)
        thread.join()
    finally:
        signal.signal(signal.SIGINT, usual)
    db.list("queue").append("job")
    assert db.list("queue").pop_left() == b"job"


def test_the_same_directory_twice_in_one_process_is_one_store(path: Path):
    with rubellite.open(path) as one, rubellite.open(path) as two:
        one["k"] = "v"
        assert two["k"] == b"v"
        one.close()
        assert two["k"] == b"v"
        assert two.is_here()


# What needs the engine in the process


def test_what_needs_the_engine_here_says_so(db: Store, tmp_path: Path):
    for work in (
        lambda: db.command("HELLO.WORLD"),
        lambda: db.on("expired"),
        lambda: db.load(tmp_path / "x.py"),
        lambda: db.serve(port=1),
        lambda: db.engine,
    ):
        with pytest.raises(HeldElsewhereError, match="holds the store"):
            work()


@pytest.mark.parametrize("where", ["here", "elsewhere"])
@pytest.mark.parametrize(
    "line", ["MONITOR", "subscribe news", "SSUBSCRIBE news", "PUNSUBSCRIBE", "Client Reply OFF"]
)
def test_what_needs_a_connection_of_its_own_is_refused(
    request: pytest.FixtureRequest, where: str, line: str
):
    name = " ".join(line.upper().split()[: 2 if "Client" in line else 1])
    with rubellite.open() if where == "here" else request.getfixturevalue("db") as store:
        for words in (line.split(), [line], [word.encode() for word in line.split()]):
            with pytest.raises(ReplyError, match=f"ERR {name} needs a connection of its own"):
                store.call(*words)
        assert store.call("CLIENT SETNAME", "reply")
        assert store.increment("n") == 1


def test_handles_know_what_needs_a_connection_though_nothing_is_assembled():
    load_commands()
    flagged = {entry.name for entry in TABLE.values() if entry.flags & LISTENS}
    assert {name.replace("|", " ").upper() for name in flagged} == LISTENING


def test_loaded_commands_must_be_loaded_by_the_holder(tmp_path: Path, path: Path):
    module = tmp_path / "own_commands.py"
    module.write_text(
        "from rubellite.extending import Call, command\n\n\n"
        '@command("OWN.TEN")\ndef ten(call: Call) -> int:\n    return 10\n'
    )
    with Other(path) as holder:
        assert holder("db.is_here()")
        with pytest.raises(ExtensionError, match=r"has not loaded own\.ten"):
            rubellite.open(path, load=[module])
    with Other(path, load=[str(module)]) as holder:
        assert holder("db.is_here()")
        with rubellite.open(path, load=[module]) as db:
            assert db.call("OWN.TEN") == 10
            holder.kill()
            assert db.call("OWN.TEN") == 10


# What is refused


def test_another_version_is_refused(holder: Other, path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(tenure, "__version__", "9.9.9")
    with pytest.raises(LoadError, match=r"version .* of Rubellite; this is version 9\.9\.9"):
        rubellite.open(path)


def test_other_settings_are_refused(holder: Other, path: Path):
    with pytest.raises(ValueError, match='with appendfsync "everysec"; here it would be "always"'):
        rubellite.open(path, durability="always")
    with pytest.raises(ValueError, match="maxmemory"):
        rubellite.open(path, maxmemory="100mb")


def test_another_user_is_refused(holder: Other, path: Path, monkeypatch: pytest.MonkeyPatch):
    me = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: me + 1)
    with pytest.raises(LoadError, match=f"is held by user {me}, and this is user {me + 1}"):
        rubellite.open(path)


def test_a_file_system_without_sockets_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch):
    def listen(_place: Place) -> socket.socket:
        raise NoSocketsError("Operation not permitted")

    monkeypatch.setattr(Place, "listen", listen)
    monkeypatch.setattr(Place, "has_sockets", lambda _place: False)
    monkeypatch.setattr(tenure, "_LISTEN_SECONDS_MAX", 0.05)
    with rubellite.open(path) as db:
        db["alone"] = "works"
        with pytest.raises(LoadError, match="file system has no sockets"):
            rubellite.open(path)


def test_passwords_are_the_stores(path: Path):
    with Other(path, requirepass="secret") as holder:
        assert holder("db.is_here()")
        with rubellite.open(path, requirepass="secret") as db:
            assert db.set("k", "v")
            r: Any = db.redis()
            assert r.pipeline().get("k").execute() == [b"v"]
        with pytest.raises(LoadError, match="NOAUTH"):
            rubellite.open(path)


def test_a_holder_may_be_in_a_container(path: Path):
    # It has another PID namespace, so it cannot know the number of our process.
    through = ["unshare", "--pid", "--fork", "--kill-child"]
    if os.geteuid() != 0:
        through += ["--user", "--map-current-user"]
    if shutil.which("unshare") is None or subprocess.run([*through, "true"]).returncode != 0:
        pytest.skip("no PID namespace may be made here")
    with Other(path, through=through) as holder:
        assert holder("os.getpid()") == 1
        with rubellite.open(path) as db:
            assert not db.is_here()
            db["k"] = "v"
            assert holder("db['k']") == b"v"


# Where the socket is


def test_only_the_user_gets_at_it(path: Path):
    with rubellite.open(path):
        assert stat.S_IMODE(path.stat().st_mode) == 0o700
        assert stat.S_IMODE((path / "rubellite.sock").stat().st_mode) == 0o600
    assert not (path / "rubellite.sock").exists()


def test_paths_may_be_longer_than_those_of_sockets(tmp_path: Path):
    path = tmp_path / ("long" * 30) / ("longer" * 20)
    path.parent.mkdir()
    with Other(path) as holder:
        holder("db.set('k', 'v')")
        with rubellite.open(path) as db:
            assert not db.is_here()
            assert db["k"] == b"v"
            assert len(db.socket_path()) < 108
            r: Any = db.redis()
            assert r.pipeline().get("k").execute() == [b"v"]


def test_urls_lead_to_the_store(holder: Other, db: Store):
    db["k"] = "v"
    client: Any = redis.Redis.from_url(db.url(db=0))
    assert client.get("k") == b"v"
    client.close()
    assert db.url("redis+socket", db=2) == f"redis+socket://{db.socket_path()}?virtual_host=2"
    with pytest.raises(ValueError, match='"http"'):
        db.url("http")


# Forks and pickles


def forked(work: Callable[[], None]) -> int:
    """A child that works and ends; its process."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            work()
            status = 0
        finally:
            os._exit(status)
    return child


def test_a_child_of_the_holder_works_on_its_store(path: Path):
    with rubellite.open(path) as db:
        jobs = db.list("jobs")
        r: Any = db.redis()

        def work() -> None:
            assert db.increment("n") == 1
            assert jobs.append("x") == 1
            assert r.pipeline().incr("n").execute() == [2]

        assert os.waitpid(forked(work), 0)[1] == 0
        assert db["n"] == b"2"


def test_the_others_hear_of_the_end_of_a_holder_that_has_children(
    holder: Other, db: Store, tmp_path: Path
):
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    # The connection is there when the holder forks; its child must not keep it alive.
    assert db.list("queue").pop_left(timeout_seconds=0.01) is None
    child = holder(
        f"(lambda pid: pid or (open({str(fifo)!r}).read(), db.increment('n'), os._exit(0)))"
        "(os.fork())"
    )
    assert child > 0
    thread, found = in_thread(lambda: db.list("queue").pop_left(timeout_seconds=60))
    wait_until(lambda: int(db.info("clients")["blocked_clients"]) == 1)
    holder.kill()
    thread.join()
    assert isinstance(found[0], OutcomeUnknown)
    assert db.increment("n") == 1
    # And the child goes on with the new holder.
    fifo.write_text("go")
    wait_until(lambda: db["n"] == b"2")


def work_spawned(store: Store, client: Any) -> None:
    store.increment("n")
    client.incr("n")


@pytest.mark.parametrize("has_path", [True, False])
def test_handles_can_be_sent_to_other_processes(path: Path, has_path: bool):
    with rubellite.open(path if has_path else None) as db:
        context = multiprocessing.get_context("spawn")
        client = rubellite.Redis(db, decode_responses=True)
        process = context.Process(target=work_spawned, args=(db, client))
        process.start()
        process.join()
        assert process.exitcode == 0
        assert db["n"] == b"2"


def test_pickles_are_arguments(path: Path):
    with rubellite.open(path) as db:
        db["k"] = "v"
        with pickle.loads(pickle.dumps(db)) as again:
            assert again["k"] == b"v"
        client: Any = pickle.loads(pickle.dumps(AsyncRedis(db, decode_responses=True)))

        async def get() -> Any:
            try:
                return await client.get("k")
            finally:
                await client.aclose()

        assert asyncio.run(get()) == "v"
        client.store.close()
