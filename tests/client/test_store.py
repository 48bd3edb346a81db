"""The embedded store: `rubellite.open()`, its native API, and life with threads and forks."""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import rubellite
from rubellite.client import tenure
from rubellite.client.store import Store
from rubellite.errors import ReplyError
from rubellite.persistence.directory import DirectoryLock
from rubellite.persistence.snapshots import LoadError
from tests.wire import Connection


@pytest.fixture
def db() -> Iterator[Store]:
    with rubellite.open() as store:
        yield store


def test_strings_are_read_and_written_like_a_dictionary(db: Store):
    db["name"] = "ruby"
    assert db["name"] == b"ruby"
    assert "name" in db
    assert len(db) == 1
    del db["name"]
    assert db.get("name") is None
    with pytest.raises(KeyError):
        db["name"]


def test_conditions_and_lifetimes_of_set(db: Store):
    assert db.set("lock", "me", only_if_absent=True, seconds=30)
    assert not db.set("lock", "you", only_if_absent=True)
    assert db.set("lock", "you", only_if_present=True)
    assert db.call("TTL", "lock") == -1
    assert db.increment("visits", 5) == 5


def test_a_hash_is_a_mapping(db: Store):
    user = db.hash("user")
    user["name"] = "Ann"
    user.update({"age": 30}, city="Rome")
    assert dict(user) == {b"name": b"Ann", b"age": b"30", b"city": b"Rome"}
    assert user.increment("age") == 31
    del user["city"]
    assert b"city" not in list(user)
    with pytest.raises(KeyError):
        user["city"]


def test_a_list_is_a_sequence_with_two_ends(db: Store):
    jobs = db.list("jobs")
    assert jobs.append("a", "b", "c") == 3
    assert jobs.append_left("first") == 4
    assert list(jobs) == [b"first", b"a", b"b", b"c"]
    assert (jobs[0], jobs[-1], jobs[1:3]) == (b"first", b"c", [b"a", b"b"])
    jobs[1] = "A"
    assert jobs[1] == b"A"
    with pytest.raises(IndexError):
        jobs[9]
    with pytest.raises(IndexError):
        jobs[9] = "x"
    assert jobs.pop() == b"c"
    assert jobs.pop_left() == b"first"
    jobs.clear()
    assert jobs.pop() is None


def test_a_set_is_a_set(db: Store):
    tags = db.set_of("tags")
    assert tags.add("x", "y", "z") == 3
    assert b"x" in tags
    assert len(tags) == 3
    assert tags & {b"x", b"q"} == {b"x"}
    tags.discard("x")
    assert set(tags) == {b"y", b"z"}


def test_a_sorted_set_is_a_mapping_in_the_order_of_scores(db: Store):
    board = db.sorted_set("board")
    board["ann"] = 10
    board["bob"] = 7.5
    board["cid"] = 30
    assert list(board) == [b"bob", b"ann", b"cid"]
    assert board["bob"] == 7.5
    assert board.rank("ann") == 1
    assert board.top(2) == [(b"cid", 30.0), (b"ann", 10.0)]
    assert board.between(7, 10) == [(b"bob", 7.5), (b"ann", 10.0)]
    assert board.increment("bob", 1) == 8.5
    del board["cid"]
    assert b"cid" not in board


def test_a_wait_ends_when_another_thread_pushes(db: Store):
    found: list[bytes | None] = []
    thread = threading.Thread(
        target=lambda: found.append(db.list("queue").pop_left(timeout_seconds=20))
    )
    thread.start()
    while int(db.info("clients")["blocked_clients"]) == 0:
        pass
    db.list("queue").append("job")
    thread.join()
    assert found == [b"job"]


def test_a_wait_ends_when_its_time_is_up(db: Store):
    assert db.list("queue").pop(timeout_seconds=0.01) is None


def test_ctrl_c_ends_a_wait_and_nothing_is_taken(db: Store):
    pid = os.getpid()

    def interrupt() -> None:
        while int(db.info("clients")["blocked_clients"]) == 0:
            pass
        os.kill(pid, signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    # Who runs the tests may ignore Ctrl-C in its workers.
    usual = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        thread.start()
        with pytest.raises(KeyboardInterrupt):
            db.list("queue").pop_left(timeout_seconds=20)
        thread.join()
    finally:
        signal.signal(signal.SIGINT, usual)
    db.list("queue").append("job")
    assert len(db.list("queue")) == 1
    assert db.list("queue").pop_left() == b"job"


def test_error_replies_are_raised_with_their_text(db: Store):
    db.set("text", "x")
    with pytest.raises(ReplyError, match="WRONGTYPE"):
        db.hash("text")["field"] = 1
    with pytest.raises(ReplyError, match="unknown command 'NOPE'"):
        db.call("NOPE")


def test_arguments_that_are_no_words_are_refused(db: Store):
    with pytest.raises(TypeError, match="bytes, str, int or float"):
        db.call("SET", "key", None)
    assert len(db) == 0


def test_threads_share_the_store_without_losing_an_increment(db: Store):
    def work() -> None:
        for _ in range(2000):
            db.increment("total")

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert db.get("total") == b"8000"


def test_other_processes_reach_a_store_that_serves(db: Store):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    db.set("shared", "yes")
    db.serve(port=port)
    with Connection("127.0.0.1", port) as connection:
        assert connection.call("GET", "shared") == b"yes"
        connection.call("SET", "answer", "42")
    assert db.get("answer") == b"42"


def test_a_child_after_a_fork_works_on_its_parents_store(db: Store):
    client: Any = db.redis()
    client.set("from", "parent")
    child = os.fork()
    if child == 0:
        status = 1
        try:
            assert client.get("from") == b"parent"
            client.set("from", "child")
            assert db.get("from") == b"child"
            db.hash("h")["of"] = "child"
            assert db.list("queue").pop(timeout_seconds=0.01) is None
            status = 0
        finally:
            os._exit(status)
    assert os.waitpid(child, 0)[1] == 0
    assert db.get("from") == b"child"
    assert dict(db.hash("h")) == {b"of": b"child"}


def test_closing_twice_is_one_close_and_the_socket_goes(db: Store):
    path = db.socket_path()
    assert os.path.exists(path)
    db.close()
    db.close()
    assert db.is_closed
    assert not os.path.exists(path)


def test_keys_expire_while_nobody_looks(db: Store):
    db.set("brief", "x", seconds=0.01)
    client: Any = db.redis()
    events = client.pubsub()
    db.call("CONFIG", "SET", "notify-keyspace-events", "Ex")
    events.subscribe("__keyevent@0__:expired")
    db.set("brief", "x", seconds=0.05)
    while (message := events.get_message(timeout=10)) is not None:
        if message["type"] == "message":
            assert message["data"] == b"brief"
            break
    else:
        pytest.fail("the key did not expire by itself")
    events.close()


@pytest.mark.parametrize("durability", ["always", "everysec", "snapshot"])
def test_a_store_with_a_path_is_there_again_after_it_was_closed(tmp_path: Path, durability: str):
    with rubellite.open(tmp_path / "data", durability=durability) as db:
        db.set("kept", "yes")
        db.hash("h")["f"] = "v"
    with rubellite.open(tmp_path / "data", durability=durability) as db:
        assert db.get("kept") == b"yes"
        assert db.hash("h")["f"] == b"v"


def test_closing_gives_up_a_background_save_and_saves_all(tmp_path: Path):
    settings: dict[str, Any] = {"durability": "snapshot", "rdb_key_save_delay": 100_000}
    with rubellite.open(tmp_path, **settings) as db:
        db["a"] = 1
        db["b"] = 2
        db.call("BGSAVE")
        db["late"] = 3
    assert os.listdir(tmp_path) == ["dump.rdb"]
    with rubellite.open(tmp_path, **settings) as db:
        assert sorted(db.keys()) == [b"a", b"b", b"late"]


def test_two_stores_keep_their_data_and_settings_apart(tmp_path: Path):
    with rubellite.open(tmp_path / "one") as one, rubellite.open(tmp_path / "two") as two:
        one.set("a", 1)
        two.set("a", 2)
        one.call("CONFIG", "SET", "maxmemory", "100mb")
        assert two.call("CONFIG", "GET", "maxmemory") == {b"maxmemory": b"0"}
        one.call("SAVE")
    with rubellite.open(tmp_path / "one") as one, rubellite.open(tmp_path / "two") as two:
        assert (one.get("a"), two.get("a")) == (b"1", b"2")


def test_a_servers_directory_is_not_shared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(tenure, "_LISTEN_SECONDS_MAX", 0.05)
    lock = DirectoryLock()
    lock.take(str(tmp_path))
    with pytest.raises(LoadError, match="another server keeps its data"):
        rubellite.open(tmp_path)
    lock.release()
    rubellite.open(tmp_path).close()


def test_any_free_port_will_do(db: Store):
    (address,) = db.serve(port=0)
    host, _, port = address.partition(":")
    db.set("key", "value")
    with Connection(host, int(port)) as connection:
        assert connection.call("GET", "key") == b"value"


def test_a_client_that_was_killed_is_told_so(db: Store):
    client: Any = db.redis()
    client.set("key", "value")
    assert len(db.call("CLIENT", "LIST").splitlines()) == 2
    db.call("CLIENT", "KILL", "TYPE", "normal")
    for _ in range(2):
        with pytest.raises(RuntimeError, match=r"client (was|is) closed"):
            client.get("key")
    assert len(db.call("CLIENT", "LIST").splitlines()) == 1
