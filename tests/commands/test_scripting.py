"""Scripts as clients meet them: what they may do, what ends them, what is kept of them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import redis

import rubellite
from tests.oracles import Server
from tests.store import Store
from tests.wire import Connection, Error

ENDLESS = "while true do end"
#: Catches every error, its own end included.
STUBBORN = "while true do pcall(function() while true do end end) end"


@contextmanager
def running(server: Server, *command: str) -> Iterator[tuple[Connection, list[Any]]]:
    """A second client, while the first one's script runs and others hear BUSY."""
    control = server.connect()
    control.call("CONFIG", "SET", "busy-reply-threshold", "20")
    replies: list[Any] = []
    client = server.connect()
    thread = threading.Thread(target=lambda: replies.append(client.call(*command)))
    thread.start()
    try:
        while not str(control.call("PING")).startswith("BUSY"):
            pass
        yield control, replies
        thread.join()
    finally:
        client.close()
        control.close()


@pytest.mark.parametrize("script", [ENDLESS, STUBBORN])
def test_a_script_that_does_not_end_is_killed(server: Server, script: str):
    with running(server, "EVAL", script, "0") as (control, replies):
        assert str(control.call("GET", "x")).startswith("BUSY Redis is busy running a script.")
        # Who connects now is served, too.
        newcomer = server.connect()
        assert newcomer.call("SCRIPT", "KILL") == "OK"
        newcomer.close()
    assert str(replies[0]).startswith("ERR Script killed by user with SCRIPT KILL. script: ")
    with_others = server.connect()
    assert with_others.call("PING") == "PONG"
    assert with_others.call("EVAL", "return 7", "0") == 7
    with_others.close()


def test_a_script_that_wrote_is_not_killed(server: Server):
    script = "redis.call('set', 'x', 1) while redis.call('get', 'y') do end for i = 1, 1e8 do end"
    with running(server, "EVAL", script, "0") as (control, _):
        assert str(control.call("SCRIPT", "KILL")).startswith("UNKILLABLE Sorry the script")
        assert str(control.call("SHUTDOWN")).startswith("BUSY")


def test_shutdown_nosave_ends_the_server_under_a_script():
    from tests import oracles

    server = oracles.start("ours")
    try:
        script = "redis.call('set', 'x', 1) " + ENDLESS
        control = server.connect()
        control.call("CONFIG", "SET", "busy-reply-threshold", "20")
        client = server.connect()
        client.send("EVAL", script, "0")
        while not str(control.call("PING")).startswith("BUSY"):
            pass
        control.send("SHUTDOWN", "NOSAVE")
        assert server.process is not None
        assert server.process.wait(timeout=10) == 0
        client.close()
        control.close()
    finally:
        server.stop()


@pytest.mark.parametrize(
    ("script", "error"),
    [
        ("local s = 'x' while true do s = s .. s end", "not enough memory"),
        ("return #string.rep('x', 2^40)", "not enough memory"),
        ("return #string.gsub(string.rep('a', 1e5), 'a', string.rep('b', 1e5))", "memory"),
        ("table.insert({}, -2^31, 1)", "not enough memory"),
        ("return string.find(string.rep('a', 1e6), string.rep('a?', 5e5))", "too complex"),
        ("local function f() return 1 + f() end return f()", "stack overflow"),
        ("local function f() return coroutine.wrap(f)() end return f()", "C stack overflow"),
        ("local t = {} t[1] = t return cjson.encode(t)", "excessive nesting"),
        ("return loadstring(string.dump(function() end))()", "attempt to call a nil value"),
        ("return loadstring('\\27Lua')()", "attempt to call a nil value"),
        ("getmetatable('').__index = nil", "readonly table"),
        ("rawset(_G, 'x', 1)", "readonly table"),
        ("next(_G) getmetatable(_G).__index = 1", "readonly table"),
        ("pairs(string)(string) string.rep = nil", "readonly table"),
        ("return io", "nonexistent global variable 'io'"),
        ("return debug.getinfo(1)", "nonexistent global variable 'debug'"),
        ("return setfenv(1, {})", "nonexistent global variable 'setfenv'"),
        ("return newproxy(true)", "nonexistent global variable 'newproxy'"),
        ("return os.execute('true')", "attempt to call field 'execute'"),
    ],
)
def test_a_hostile_script_is_refused(server: Server, script: str, error: str):
    client = server.connect(timeout_seconds=60)
    reply = client.call("EVAL", script, "0")
    assert isinstance(reply, Error)
    assert error in reply
    assert client.call("EVAL", "return string.rep('a', 2)", "0") == b"aa"
    client.close()


def test_what_a_slow_pattern_does_can_be_killed(server: Server):
    script = "return string.find(string.rep('a', 1e5), string.rep('a-', 20) .. 'b')"
    with running(server, "EVAL", script, "0") as (control, replies):
        assert control.call("SCRIPT", "KILL") == "OK"
    assert isinstance(replies[0], Error)


def test_what_a_script_changes_is_one_unit_of_the_journal(store: Store):
    store.engine.record_journal()
    store("EVAL", "redis.call('set', 'a', 1) redis.call('incr', 'a') redis.call('get', 'a')", "0")
    words = store.engine.take_journal().split(b"\r\n")[0::1]
    commands = [word for word in words if word in (b"MULTI", b"set", b"incr", b"get", b"EXEC")]
    assert commands == [b"MULTI", b"set", b"incr", b"EXEC"]
    script = "redis.set_repl(redis.REPL_NONE) redis.call('set', 'b', 1)"
    store("EVAL", script, "0")
    assert store.engine.take_journal() == b""


def test_a_script_in_the_wrong_database_stays_there(store: Store):
    store("EVAL", "redis.call('select', 2) redis.call('set', 'a', 1)", "0")
    assert store("EXISTS", "a") == 0
    store("SELECT", "2")
    assert store("EXISTS", "a") == 1


def test_scripts_of_eval_are_forgotten_above_500(store: Store):
    kept = store("SCRIPT", "LOAD", "return 'kept'")
    for number in range(510):
        assert store("EVAL", f"return {number}", "0") == number
    first = "06d3d9b2060dd51343d5f19f0e531f15c507e3d1"
    assert store("SCRIPT", "EXISTS", kept, first) == [1, 0]
    info = store("INFO", "memory", "stats").text.decode()
    assert "number_of_cached_scripts:501" in info
    assert "evicted_scripts:10" in info


def test_redis_py_registers_scripts_and_locks(server: Server):
    remote = redis.Redis(port=server.port)
    embedded = rubellite.Redis()
    for client in (remote, embedded):
        script = client.register_script("return redis.call('incrby', KEYS[1], ARGV[1])")
        client.script_flush()
        assert script(keys=["n"], args=[5]) == 5
        assert script(keys=["n"], args=[5]) == 10
        with client.lock("lock", timeout=10) as lock:
            assert lock.owned()
            assert lock.extend(5)
            assert not client.lock("lock", timeout=10).acquire(blocking=False)
        assert client.lock("lock", timeout=10).acquire(blocking=False)
        client.close()
