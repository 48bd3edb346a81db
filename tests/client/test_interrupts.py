"""Ctrl-C inside a call of the embedded store: it is raised in the caller, and nothing is torn.

Where it strikes is chosen exactly: a profile function raises it when a handler is entered,
or when a method of its call has returned.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

import rubellite
from rubellite.client.store import Store
from rubellite.errors import ReplyError
from rubellite.extending import WRITE
from tests.client.shared import in_thread, wait_until


@pytest.fixture
def db() -> Iterator[Store]:
    with rubellite.open() as store:
        yield store
        store.engine.check()


@contextmanager
def interrupted(event: str, name: str, kind: type[BaseException] = KeyboardInterrupt) -> Any:
    """Raises in this thread when `name` is called first, or has returned: "call", "c_return"."""
    struck: list[str] = []

    def strike(frame: FrameType, what: str, argument: Any) -> None:
        found = argument.__name__ if what.startswith("c_") else frame.f_code.co_name
        if (what, found) == (event, name):
            struck.append(found)
            raise kind

    sys.setprofile(strike)
    try:
        with pytest.raises(kind):
            yield
    finally:
        sys.setprofile(None)
    assert struck == [name]


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
def test_it_is_raised_and_no_bug_is_told(db: Store, caplog: Any, kind: type[BaseException]):
    @db.command("HALFWAY key", WRITE)
    def halfway(call: Any, key: bytes) -> None:
        """Sets one key of two."""
        call.execute("SET", key, "done")
        raise kind("enough")

    with pytest.raises(kind, match="enough"):
        db.call("HALFWAY", "k")
    assert db["k"] == b"done"
    assert caplog.records == []
    # The next call is as if nothing had been.
    assert db.call("DEL", "k") == 1


@contextmanager
def usual_ctrl_c() -> Iterator[None]:
    # Who runs the tests may ignore Ctrl-C in its workers.
    usual = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, usual)


def test_ctrl_c_ends_a_command_that_does_not(db: Store, caplog: Any):
    is_running = threading.Event()

    @db.command("FOREVER")
    def forever(call: Any) -> None:
        """Never ends."""
        is_running.set()
        while True:
            pass

    def interrupt() -> None:
        is_running.wait()
        os.kill(os.getpid(), signal.SIGINT)

    with usual_ctrl_c():
        thread, _ = in_thread(interrupt)
        with pytest.raises(KeyboardInterrupt):
            db.call("FOREVER")
        thread.join()
    assert caplog.records == []
    assert db.call("PING") in ("PONG", b"PONG", True)


def test_before_the_first_change_nothing_was_done(db: Store):
    db.list("from").append("job")
    with interrupted("call", "lmove"):
        db.call("LMOVE", "from", "to", "LEFT", "RIGHT")
    assert list(db.list("from")) == [b"job"]
    assert "to" not in db


def test_what_was_changed_is_in_the_file(tmp_path: Path):
    with rubellite.open(tmp_path, durability="always") as db:
        db.list("from").append("job", "other")
        with interrupted("c_return", "reply_move"):
            db.call("LMOVE", "from", "to", "LEFT", "RIGHT")
        assert list(db.list("to")) == [b"job"]
        db.engine.check()
    with rubellite.open(tmp_path, durability="always") as db:
        assert (list(db.list("from")), list(db.list("to"))) == ([b"other"], [b"job"])


@pytest.mark.parametrize(
    ("event", "name"), [("call", "linsert"), ("call", "move_between"), ("c_return", "reply_move")]
)
def test_the_other_commands_of_its_transaction_are_executed(db: Store, event: str, name: str):
    db.list("from").append("job")
    db.call("MULTI")
    db.call("LMOVE", "from", "to", "LEFT", "RIGHT")
    db.call("LINSERT", "to", "BEFORE", "job", "first")
    db.call("RPUSH", "to", "last")
    with interrupted(event, name):
        db.call("EXEC")
    assert list(db.list("to")) == [b"first", b"job", b"last"]
    assert "from" not in db


def test_an_exec_that_did_not_begin_leaves_no_transaction(db: Store):
    db.call("MULTI")
    db.call("SET", "k", "v")
    with interrupted("call", "exec_"):
        db.call("EXEC")
    assert db.get("k") is None
    with pytest.raises(ReplyError, match="EXEC without MULTI"):
        db.call("EXEC")


@pytest.mark.parametrize(("event", "name"), [("call", "_pop_or_wait"), ("c_return", "reply_pop")])
def test_another_client_that_waits_loses_nothing(db: Store, event: str, name: str):
    thread, found = in_thread(lambda: db.list("queue").pop_left(timeout_seconds=30))
    wait_until(lambda: int(db.info("clients")["blocked_clients"]) == 1)
    with interrupted(event, name):
        db.list("queue").append("job")
    thread.join()
    assert found == [b"job"]
    assert "queue" not in db


def test_a_trigger_is_ended_and_the_others_hear_of_the_event(db: Store, caplog: Any):
    heard: list[bytes] = []

    @db.on("set")
    def impatient(call: Any, event: str, key: bytes) -> None:
        raise KeyboardInterrupt

    @db.on("set")
    def patient(call: Any, event: str, key: bytes) -> None:
        heard.append(key)

    with pytest.raises(KeyboardInterrupt):
        db.set("k", "v")
    assert (db.get("k"), heard) == (b"v", [b"k"])
    assert caplog.records == []


def test_it_goes_through_commands_that_execute_others(db: Store):
    seen: list[str] = []

    @db.command("OUTER key", WRITE)
    def outer(call: Any, key: bytes) -> None:
        """Executes a command that is interrupted."""
        try:
            call.execute("LMOVE", key, "to", "LEFT", "RIGHT")
        except Exception:
            seen.append("an error")
        finally:
            seen.append("cleaned up")

    db.list("from").append("job")
    with interrupted("call", "lmove"):
        db.call("OUTER", "from")
    assert seen == ["cleaned up"]
    assert list(db.list("from")) == [b"job"]


def test_a_script_ends_with_the_command_that_it_calls(db: Store):
    db.list("from").append("job")
    script = "redis.call('SET', 'a', 1); redis.call('LMOVE', KEYS[1], 'to', 'LEFT', 'RIGHT')"
    with interrupted("call", "lmove"):
        db.call("EVAL", script + "; redis.call('SET', 'b', 1)", 1, "from")
    assert (db.get("a"), db.get("b")) == (b"1", None)
    assert list(db.list("from")) == [b"job"]


def test_redis_py_s_api_raises_it_too(db: Store):
    client = db.redis()
    client.rpush("from", "job")
    with interrupted("call", "lmove"):
        client.lmove("from", "to")
    assert client.lrange("from", 0, -1) == [b"job"]


def test_over_a_socket_it_is_a_failure_of_the_command(db: Store, caplog: Any):
    @db.command("LEAVE")
    def leave(call: Any) -> None:
        """Would end the process."""
        raise SystemExit(3)

    with db.redis(single_connection_client=True) as client:
        db.wants_connections = True
        with pytest.raises(Exception, match="Failure in 'leave': SystemExit: 3"):
            client.execute_command("LEAVE")
        assert client.ping()
    assert "leave" in caplog.text
