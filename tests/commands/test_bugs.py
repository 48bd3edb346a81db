"""A handler that is wrong costs its own reply and nothing else."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from rubellite import errors
from rubellite._core import Call, Engine, set_errors
from rubellite.spec.command import Command
from rubellite.spec.notation import read
from rubellite.spec.table import for_core
from tests.wire import Connection, Error

BUG = "ERR Internal error in 'half'; the server's log holds the details"


def half(call: Call) -> Any:
    """Return what no protocol can say, behind something it can."""
    return [1, [b"two", object()]]


def number(call: Call) -> Any:
    """Return a number."""
    return 7


def as_command(name: str, handler: Any) -> Command:
    syntax = read(name)
    return Command(
        name=syntax.name,
        syntax=syntax,
        flags=0,
        since="1.0.0",
        cost="O(1)",
        group="server",
        summary="",
        handler=handler,
        elements=[],
        arity=1,
        keys=[],
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
