"""After `close()` nothing is done any more, and nobody waits."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import rubellite
from rubellite.client.store import Store
from tests.client.other import Other
from tests.client.shared import holder, in_thread, path, wait_until

__all__ = ["holder", "path"]

_JOIN_SECONDS = 20


@pytest.fixture(params=["memory", "here", "elsewhere"])
def db(request: Any, path: Path) -> Iterator[Store]:
    """A store: in memory, in a directory, and attached to another process's."""
    if request.param == "elsewhere":
        request.getfixturevalue("holder")
    with rubellite.open(None if request.param == "memory" else path) as store:
        assert store.is_here() == (request.param != "elsewhere")
        yield store


def _of_session(db: Store) -> Callable[[], Any]:
    session = db.session()
    return lambda: session.call("SET", "a", 1)


def _set_of_session(db: Store) -> Callable[[], Any]:
    session = db.session()
    return lambda: session.set("a", 1)


def _of_container(db: Store) -> Callable[[], Any]:
    items = db.list("l")
    return lambda: items.append("a")


def _of_redis_py(db: Store) -> Callable[[], Any]:
    client = db.redis()
    return lambda: client.set("a", 1)


def _used_connection(db: Store) -> Callable[[], Any]:
    client: Any = db.redis()
    client.pipeline().set("a", 1).execute()
    return lambda: client.pipeline().set("a", 1).execute()


def _wait_of_redis_py(db: Store) -> Callable[[], Any]:
    client = db.redis()
    return lambda: client.blpop(["l"], 60)


def _pipeline(db: Store) -> Callable[[], Any]:
    client: Any = db.redis()
    return lambda: client.pipeline().set("a", 1).execute()


#: What is made while the store is open, and gives what is called when it is closed.
_LATER: dict[str, Callable[[Store], Callable[[], Any]]] = {
    "the handle": lambda db: lambda: db.set("a", 1),
    "call": lambda db: lambda: db.call("SET", "a", 1),
    "what was left out at first": lambda db: lambda: db.call("PFADD", "p", "a"),
    "a session": _of_session,
    "a session's set": _set_of_session,
    "a new session": lambda db: lambda: db.session().call("SET", "a", 1),
    "a container": _of_container,
    "a wait": lambda db: lambda: db.list("l").pop_left(timeout_seconds=60),
    "redis-py": _of_redis_py,
    "redis-py's wait": _wait_of_redis_py,
    "a pipeline": _pipeline,
    "a connection that was used": _used_connection,
    "a new client": lambda db: lambda: db.redis().set("a", 1),
    "asyncio": lambda db: lambda: asyncio.run(db.asyncio_redis().set("a", 1)),
    "a socket": lambda db: lambda: db.serve(port=0),
}


@pytest.mark.parametrize("what", _LATER)
def test_a_closed_store_refuses(db: Store, what: str):
    call = _LATER[what](db)
    db.close()
    db.close()
    thread, found = in_thread(call)
    thread.join(_JOIN_SECONDS)
    assert found, "it waits for ever"
    assert isinstance(found[0], Exception), found[0]
    assert "closed" in str(found[0]), repr(found[0])


def test_an_interrupted_close_goes_on_when_it_is_called_again(
    path: Path, monkeypatch: pytest.MonkeyPatch
):
    db = rubellite.open(path)
    db["a"] = 1
    room = db.room
    assert room is not None
    join = room._thread.join
    interrupted: list[bool] = []

    def interrupt() -> None:
        if not interrupted:
            interrupted.append(True)
            raise KeyboardInterrupt
        join()

    monkeypatch.setattr(room._thread, "join", interrupt)
    with pytest.raises(KeyboardInterrupt):
        db.close()
    assert db.is_closed
    db.close()
    with rubellite.open(path) as again:
        assert again["a"] == b"1"


def test_a_command_cannot_close_its_store(path: Path):
    with rubellite.open(path) as db:

        @db.command("BYE")
        def bye(call: Any) -> None:
            """Wants to be the last."""
            db.close()

        with pytest.raises(rubellite.errors.ReplyError, match="running a command of this thread"):
            db.call("BYE")
        db["a"] = 1
    with rubellite.open(path) as again:
        assert again["a"] == b"1"


def test_several_threads_may_close_a_store_at_once(path: Path):
    for number in range(20):
        db = rubellite.open(path)
        assert db.increment("n") == number + 1
        team = [in_thread(db.close) for _ in range(3)]
        if number % 2:
            team.append(in_thread(lambda db=db: db.call("SHUTDOWN")))  # type: ignore[misc]
        for thread, _ in team:
            thread.join(_JOIN_SECONDS)
            assert not thread.is_alive()


def test_nothing_is_left_behind_by_who_asks_for_an_address(tmp_path: Path, monkeypatch: Any):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    db = rubellite.open()
    db.close()
    with pytest.raises(RuntimeError, match="closed"):
        db.url()
    assert list(tmp_path.iterdir()) == []


_WAITS: dict[str, Callable[[Store], Any]] = {
    "a container": lambda db: db.list("l").pop_left(timeout_seconds=600),
    "a session": lambda db: db.session().call("BLPOP", "l", 0),
    "redis-py": lambda db: db.redis().blpop("l", 600),
    "a stream": lambda db: db.call("XREAD", "BLOCK", 0, "STREAMS", "s", "$"),
}


@pytest.mark.parametrize("what", _WAITS)
def test_who_waits_hears_of_the_end(db: Store, what: str):
    team = [in_thread(lambda: _WAITS[what](db)) for _ in range(3)]
    # Two calls of one session do not wait at the same time.
    most = 1 if what == "a stream" else 3
    wait_until(lambda: db.session().call("INFO", "clients").count(b"blocked_clients:%d" % most))
    db.close()
    for thread, found in team:
        thread.join(_JOIN_SECONDS)
        assert found, "it waits for ever"
        assert isinstance(found[0], Exception), found[0]


@pytest.mark.parametrize(
    "settings", [{}, {"durability": "always"}, {"durability": "snapshot", "save": "900 1"}]
)
def test_what_was_done_before_the_end_is_there(path: Path, settings: dict[str, Any]):
    # Threads work until they are refused: all that they were told is done must be there.
    db = rubellite.open(path, **settings)
    counts: dict[str, Callable[[str], Any]] = {"own": db.increment, "redis": db.redis().incr}
    done = dict.fromkeys(counts, 0)

    def work(name: str) -> None:
        while True:
            done[name] = counts[name](name)

    own, _ = in_thread(lambda: work("own"))
    other, _ = in_thread(lambda: work("redis"))
    wait_until(lambda: min(done.values()) > 100)
    db.close()
    for thread in (own, other):
        thread.join(_JOIN_SECONDS)
    with rubellite.open(path, **settings) as again:
        assert {name: int(again[name]) for name in done} == done


def test_a_holder_that_closes_ends_its_own_calls_only(path: Path):
    with Other(path) as holder:
        assert holder("db.is_here()")
        with rubellite.open(path) as db:
            thread, found = in_thread(lambda: db.list("l").pop_left(timeout_seconds=60))
            wait_until(lambda: b"blocked_clients:1" in db.session().call("INFO", "clients"))
            holder.close()
            thread.join(_JOIN_SECONDS)
            assert isinstance(found[0], rubellite.OutcomeUnknown)
            assert db.increment("n") == 1
