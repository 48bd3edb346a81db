"""A handler that is wrong costs its own reply and nothing else."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from rubellite import errors
from rubellite._core import Call, Engine, Hash, set_errors
from rubellite.spec.command import Command
from rubellite.spec.flags import WRITE
from rubellite.spec.keys import derive_keys
from rubellite.spec.notation import read
from rubellite.spec.parameters import compile_parameters
from rubellite.spec.table import for_core
from tests.store import Store
from tests.wire import Connection, Error, decode_all

BUG = "ERR Internal error in 'half'; the server's log holds the details"


def half(call: Call) -> Any:
    """Return what no protocol can say, behind something it can."""
    return [1, [b"two", object()]]


def number(call: Call) -> Any:
    """Return a number."""
    return 7


def spoil(call: Call, key: bytes) -> Any:
    """Edit, and fail before the reply."""
    call.edit(key, Hash).set_all([b"field", b"1"])
    call.propagate([b"NEVER", key])
    raise RuntimeError("a bug")


def look(call: Call, key: bytes) -> Any:
    """Fail without an edit."""
    raise RuntimeError("a bug")


def as_command(text: str, handler: Any, flags: int = 0) -> Command:
    syntax = read(text)
    return Command(
        name=syntax.name,
        syntax=syntax,
        flags=flags,
        since="1.0.0",
        cost="O(1)",
        group="server",
        summary="",
        handler=handler,
        elements=compile_parameters(syntax, handler),
        arity=syntax.arity,
        keys=derive_keys(syntax, flags),
        categories=[],
    )


@pytest.fixture
def connection() -> Iterator[Connection]:
    set_errors(errors.TABLE, errors.ReplyError, errors.RawError)
    commands = [as_command("HALF", half), as_command("NUMBER", number)]
    engine = Engine(1, for_core(commands), on_bug=lambda problem, name: None)
    ready = threading.Event()
    addresses: list[str] = []

    def on_ready(found: list[str]) -> None:
        addresses.extend(found)
        ready.set()

    thread = threading.Thread(
        target=engine.serve,
        args=(["127.0.0.1"], 0),
        kwargs={"on_ready": on_ready, "handle_signals": False},
    )
    thread.start()
    assert ready.wait(20)
    host, _, port = addresses[0].rpartition(":")
    try:
        with Connection(host, int(port), 2, 20.0) as connection:
            yield connection
    finally:
        engine.stop()
        thread.join(20)


def test_a_reply_that_cannot_be_written_leaves_no_part_of_it(connection: Connection) -> None:
    connection.send_raw(b"HALF\r\nNUMBER\r\nHALF\r\nNUMBER\r\n")
    replies = [connection.receive() for _ in range(4)]
    assert replies == [Error(BUG), 7, Error(BUG), 7]


def test_the_journal_gets_the_state_of_a_key_that_was_edited_before_the_bug() -> None:
    set_errors(errors.TABLE, errors.ReplyError, errors.RawError)
    problems: list[str] = []
    engine = Engine(
        1,
        for_core(
            [as_command("SPOIL key:RW", spoil, WRITE), as_command("LOOK key:RW", look, WRITE)]
        ),
        on_bug=lambda problem, name: problems.append(f"{name}: {problem}"),
    )
    engine.record_journal()
    session = engine.open_session()
    for line in ([b"LOOK", b"key"], [b"SPOIL", b"key"]):
        with pytest.raises(errors.ReplyError, match="Internal error"):
            engine.execute(session, line)
    assert problems == ["look: a bug", "spoil: a bug"]
    select, *state = decode_all(engine.take_journal())
    assert select == [b"SELECT", b"0"]
    assert [b" ".join(words) for words in state] == [
        b"MULTI",
        b"DEL key",
        b"HSET key field 1",
        b"EXEC",
    ]


@pytest.mark.parametrize("line", [("FLUSHALL", "FOO"), ("FLUSHDB", "ASYNC", "SYNC")])
def test_a_flush_that_was_refused_is_not_written(store: Store, line: tuple[str, ...]) -> None:
    """It was, and the append-only file could not be loaded any more."""
    store.engine.record_journal()
    assert str(store(*line)) == "ERR syntax error"
    assert store.engine.take_journal() == b""
    store(line[0])
    assert decode_all(store.engine.take_journal())[-1] == [line[0].encode()]
