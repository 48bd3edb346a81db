"""A command or trigger in Python that does not end: nobody is locked out, and it can be ended."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import oracles
from tests.commands.test_scripting import running
from tests.oracles import Server
from tests.wire import Error

COMMANDS = '''
import time
from rubellite.extending import READ, WRITE, Arguments, Call, Killed, List, ReplyError, command, on


@command("ENDLESS", READ)
def endless(call: Call) -> None:
    """Never end."""
    while True:
        pass


@command("CALM", READ)
def calm(call: Call) -> None:
    """Let the usual errors through."""
    while True:
        try:
            while True:
                call.execute("GET", b"key")
        except Exception:
            pass


@command("EDITS key", WRITE)
def edits(call: Call, key: bytes) -> None:
    """Change a key without end."""
    while True:
        call.edit(key, List).push("RIGHT", [b"element"])
        while len(call.read(key, List)) >= 100:
            pass


@command("OUTER key", WRITE)
def outer(call: Call, key: bytes) -> bytes:
    """Execute what does not end, and go on."""
    call.execute("SET", key, b"before")
    try:
        call.execute("ENDLESS")
    except ReplyError as problem:
        call.execute("SET", key, str(problem).encode())
    while True:
        call.execute("GET", key)


@command("SLEEPS milliseconds:integer", READ)
def sleeps(call: Call, milliseconds: int) -> bytes:
    """Let go of the GIL."""
    time.sleep(milliseconds / 1000)
    return b"slept"


@command("COUNTS limit:integer", WRITE)
def counts(call: Call, limit: int) -> int:
    """Use the engine all the time, and end."""
    for _ in range(limit):
        call.execute("INCR", b"count")
    return int(call.execute("GET", b"count"))


@command("QUICK", READ)
def quick(call: Call) -> bytes:
    """End at once."""
    return b"done"


@on("set", "loop:*")
def loops(call: Call, event: str, key: bytes) -> None:
    """Never end."""
    call.execute("APPEND", b"heard", key)
    while True:
        pass
'''
BUSY = (
    "BUSY Redis is busy running a command in Python. You can only call SCRIPT KILL or SHUTDOWN "
    "NOSAVE."
)


@pytest.fixture(scope="module")
def module(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("commands") / "runaways.py"
    path.write_text(COMMANDS)
    return str(path)


@pytest.fixture(scope="module")
def server(module: str) -> Iterator[Server]:
    server = oracles.start("ours", "--load", module, "--appendonly", "yes")
    yield server
    server.stop()


@pytest.mark.parametrize("name", ["ENDLESS", "CALM"])
def test_a_command_that_does_not_end_is_ended(server: Server, name: str):
    with running(server, name) as (control, replies):
        for words in (["GET", "x"], ["QUICK"], ["EVAL", "return 1", "0"], ["FUNCTION", "STATS"]):
            assert control.call(*words) == BUSY
        # It is no function.
        assert control.call("FUNCTION", "KILL") == BUSY
        newcomer = server.connect()
        assert newcomer.call("SCRIPT", "KILL") == "OK"
        newcomer.close()
    assert replies == [f"ERR Command '{name.lower()}' killed by user with SCRIPT KILL."]
    assert f"Its name is: {name.lower()}." in server.log()
    with server.connect() as client:
        # Nothing of it is left for others to find.
        assert client.pipeline([["QUICK"]] * 200) == [b"done"] * 200
        assert client.call("SCRIPT", "KILL") == "NOTBUSY No scripts in execution right now."
        assert client.call("EVAL", "return redis.call('PING').ok", "0") == b"PONG"


def test_what_it_had_changed_is_kept_as_after_any_failure(module: str):
    server = oracles.start("ours", "--load", module, "--appendonly", "yes")
    try:
        with running(server, "EDITS", "list") as (control, replies):
            assert control.call("SCRIPT", "KILL") == "OK"
        assert isinstance(replies[0], Error)
        with server.connect() as client:
            length = client.call("LLEN", "list")
            assert 1 <= length <= 100
        server.restart()
        with server.connect() as client:
            assert client.call("LLEN", "list") == length
    finally:
        server.stop()


def test_what_a_command_executes_is_ended_with_it(server: Server):
    with running(server, "OUTER", "key") as (control, replies):
        assert control.call("SCRIPT", "KILL") == "OK"
    assert replies == ["ERR Command 'outer' killed by user with SCRIPT KILL."]
    with server.connect() as client:
        found = client.call("GET", "key")
        assert found in (b"before", b"ERR Command 'endless' killed by user with SCRIPT KILL.")


def test_in_a_transaction_the_others_go_on(server: Server):
    with server.connect() as client, server.connect() as control:
        control.call("CONFIG", "SET", "busy-reply-threshold", "20")
        client.pipeline([["MULTI"], ["SET", "a", "1"], ["ENDLESS"], ["SET", "b", "2"]])
        client.send("EXEC")
        while not str(control.call("PING")).startswith("BUSY"):
            pass
        assert control.call("SCRIPT", "KILL") == "OK"
        first, ended, last = client.reply()
        assert (first, last) == ("OK", "OK")
        assert isinstance(ended, Error)
        assert control.call("MGET", "a", "b") == [b"1", b"2"]


def test_a_script_that_called_one_is_ended_with_it(server: Server):
    script = "redis.pcall('ENDLESS') while true do end"
    with running(server, "EVAL", script, "0") as (control, replies):
        reply = control.call("PING")
        assert reply == (
            "BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE."
        )
        assert control.call("SCRIPT", "KILL") == "OK"
    assert str(replies[0]).startswith("ERR Script killed by user with SCRIPT KILL.")


def test_a_trigger_that_does_not_end_is_ended(server: Server):
    with server.connect() as client:
        client.call("DEL", "heard")
    with running(server, "SET", "loop:1", "value") as (control, replies):
        assert control.call("GET", "x") == BUSY
        assert control.call("SCRIPT", "KILL") == "OK"
    assert replies == ["OK"]
    with server.connect() as client:
        assert client.call("GET", "heard") == b"loop:1"
        assert client.call("QUICK") == b"done"
    assert "Its name is: trigger." in server.log()


def test_others_are_answered_while_a_command_sleeps(server: Server):
    with running(server, "SLEEPS", "300") as (control, replies):
        assert control.call("GET", "x") == BUSY
    assert replies == [b"slept"]


def test_a_busy_command_that_ends_by_itself_has_its_reply(server: Server):
    with server.connect() as client:
        client.call("DEL", "count")
    with running(server, "COUNTS", "300000") as (control, replies):
        # Each of these is a turn in the middle of its work.
        while control.call("PING") == BUSY:
            pass
    assert replies == [300000]
    with server.connect() as client:
        assert client.call("GET", "count") == b"300000"


def test_shutdown_nosave_ends_the_server_under_a_command(module: str):
    server = oracles.start("ours", "--load", module)
    try:
        with server.connect() as control, server.connect() as client:
            control.call("CONFIG", "SET", "busy-reply-threshold", "20")
            client.send("ENDLESS")
            while not str(control.call("PING")).startswith("BUSY"):
                pass
            control.send("SHUTDOWN", "NOSAVE")
            assert server.process is not None
            assert server.process.wait(timeout=20) == 0
    finally:
        server.stop()


def test_without_a_threshold_nobody_is_told(server: Server):
    with server.connect() as client, server.connect() as control:
        control.call("CONFIG", "SET", "busy-reply-threshold", "0")
        client.send("SLEEPS", "150")
        assert control.call("PING") == "PONG"
        assert client.reply() == b"slept"


def test_killed_is_no_usual_exception(tmp_path: Path):
    from rubellite.extending import Killed

    assert issubclass(Killed, BaseException)
    assert not issubclass(Killed, Exception)
