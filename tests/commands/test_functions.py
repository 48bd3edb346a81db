"""Functions as clients meet them: what ends them, what they may do, what is told of them."""

from __future__ import annotations

import pytest
import redis

import rubellite
from tests.commands.test_scripting import ENDLESS, STUBBORN, running
from tests.oracles import Server
from tests.store import Store
from tests.wire import NULL, Error


def library(body: str, name: str = "lib") -> str:
    return f"#!lua name={name}\n{body}"


def function(body: str, name: str = "f", flags: str = "") -> str:
    return (
        f"redis.register_function{{function_name='{name}', flags={{{flags}}}, "
        f"callback=function(keys, args) {body} end}}\n"
    )


@pytest.fixture(autouse=True)
def _no_functions(request: pytest.FixtureRequest):
    if "server" in request.fixturenames:
        with request.getfixturevalue("server").connect() as connection:
            connection.call("FUNCTION", "FLUSH")
    return


@pytest.mark.parametrize("body", [ENDLESS, STUBBORN])
def test_a_function_that_does_not_end_is_killed(server: Server, body: str):
    with server.connect() as client:
        assert client.call("FUNCTION", "LOAD", library(function(body))) == b"lib"
    with running(server, "FCALL", "f", "1", "key", "arg") as (control, replies):
        busy = (
            "BUSY Redis is busy running a script. You can only call FUNCTION KILL or "
            "SHUTDOWN NOSAVE."
        )
        for words in (["PING"], ["FUNCTION", "LIST"], ["SCRIPT", "KILL"], ["FCALL", "f", "0"]):
            assert control.call(*words) == busy
        stats = control.call("FUNCTION", "STATS")
        assert stats[0] == b"running_script"
        name, command, milliseconds = stats[1][1::2]
        assert (name, command) == (b"f", [b"FCALL", b"f", b"1", b"key", b"arg"])
        assert milliseconds >= 20
        assert control.call("FUNCTION", "KILL") == "OK"
    assert replies[0] == (
        "ERR Script killed by user with FUNCTION KILL. script: f, on @user_function:2."
    )
    with server.connect() as client:
        assert client.call("FUNCTION", "KILL") == "NOTBUSY No scripts in execution right now."
        assert client.call("FUNCTION", "STATS")[1] == NULL
        assert client.call("FCALL", "nobody", "0") == "ERR Function not found"


def test_a_function_that_wrote_is_not_killed(server: Server):
    body = "redis.call('set', 'x', 1) for i = 1, 1e8 do end"
    with server.connect() as client:
        client.call("FUNCTION", "LOAD", library(function(body)))
    with running(server, "FCALL", "f", "0") as (control, _):
        for word in ("FUNCTION", "SCRIPT"):
            assert str(control.call(word, "KILL")).startswith("UNKILLABLE Sorry the script")


def test_function_stats_and_kill_are_refused_while_a_script_runs(server: Server):
    with running(server, "EVAL", ENDLESS, "0") as (control, _):
        for word in ("STATS", "KILL"):
            reply = control.call("FUNCTION", word)
            assert str(reply).startswith("BUSY")
            assert "SCRIPT KILL" in reply
        assert control.call("SCRIPT", "KILL") == "OK"


@pytest.mark.parametrize("body", [ENDLESS, "local function f() return f() end f()"])
def test_a_library_may_take_half_a_second_to_load(server: Server, body: str):
    with server.connect() as client:
        client.call("FUNCTION", "LOAD", library(function("return 1")))
        reply = client.call("FUNCTION", "LOAD", library(body, "other"))
        assert reply == "ERR Error registering functions: ERR FUNCTION LOAD timeout"
        assert client.call("FCALL", "f", "0") == 1
        assert len(client.call("FUNCTION", "LIST")) == 1


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ("local s = 'x' while true do s = s .. s end", "not enough memory"),
        ("local s = ('x'):rep(2^40)", "not enough memory"),
        ("local t = setmetatable", "nonexistent global variable 'setmetatable'"),
        ("redis.register_function = nil", "readonly table"),
        ("redis.register_function('f', redis.call)", "variable 'call'"),
    ],
)
def test_a_hostile_library_is_refused(server: Server, body: str, error: str):
    with server.connect(timeout_seconds=60) as client:
        reply = client.call("FUNCTION", "LOAD", library(body))
        assert isinstance(reply, Error)
        assert error in reply
        assert client.call("FUNCTION", "LOAD", library(function("return 1"))) == b"lib"


def test_what_fails_to_replace_a_library_leaves_it(store: Store):
    store("FUNCTION", "LOAD", library(function("return 1")))
    store("FUNCTION", "LOAD", library(function("return 2", "g"), "other"))
    for body in ("x x", "nosuch()", "", function("return 3", "g"), function("return 3", "a-b")):
        reply = store("FUNCTION", "LOAD", "REPLACE", library(body))
        assert isinstance(reply, Exception), body
        assert (store("FCALL", "f", "0"), store("FCALL", "g", "0")) == (1, 2)


def test_what_functions_share_lives_as_long_as_their_library(store: Store):
    body = "local n = 0\n" + function("n = n + 1 return n")
    store("FUNCTION", "LOAD", library(body))
    assert [store("FCALL", "f", "0") for _ in range(3)] == [1, 2, 3]
    store("FUNCTION", "LOAD", "REPLACE", library(body))
    assert store("FCALL", "F", "0") == 1


def test_flushall_leaves_functions_and_flushing_them_leaves_keys(store: Store):
    store("FUNCTION", "LOAD", library(function("return redis.call('get', keys[1])")))
    store("FLUSHALL")
    store("SET", "key", "value")
    store("SCRIPT", "FLUSH")
    assert store("FCALL", "f", "1", "key") == b"value"
    store("FUNCTION", "FLUSH", "SYNC")
    assert str(store("FCALL", "f", "1", "key")) == "ERR Function not found"
    assert store("GET", "key") == b"value"


def test_flags_count_when_memory_is_full(store: Store):
    write = "return redis.call('set', 'k', 'v')"
    body = function(write) + function(write, "may", "'allow-oom'")
    body += function("return redis.call('get', 'k')", "reads", "'no-writes'")
    store("FUNCTION", "LOAD", library(body))
    store("CONFIG", "SET", "maxmemory", "1")
    out_of_memory = "OOM command not allowed when used memory > 'maxmemory'."
    assert str(store("FCALL", "f", "0")) == out_of_memory
    assert str(store("FUNCTION", "LOAD", library(body, "other"))) == out_of_memory
    store("FCALL", "may", "0")
    assert store("GET", "k") == b"v"
    assert store("FCALL_RO", "reads", "0") == b"v"


def test_changes_of_libraries_enter_the_journal_and_failures_do_not(store: Store):
    engine = store.engine
    engine.record_journal()
    source = library(function("redis.call('set', 'a', 1) redis.call('incr', 'a')"))
    store("FUNCTION", "LOAD", source)
    store("FUNCTION", "LOAD", source)
    store("FUNCTION", "DELETE", "nobody")
    store("FCALL", "f", "0")
    dumped = store("FUNCTION", "DUMP")
    store("FUNCTION", "RESTORE", dumped)
    store("FUNCTION", "RESTORE", dumped, "FLUSH")
    store("FUNCTION", "DELETE", "lib")
    store("FUNCTION", "FLUSH")
    words = engine.take_journal().split(b"\r\n")
    told = [word for word in words if word.isalpha()]
    unit = [b"MULTI", b"set", b"a", b"incr", b"a", b"EXEC"]
    assert told == [
        *(b"SELECT", b"FUNCTION", b"LOAD"),
        *unit,
        *(b"FUNCTION", b"RESTORE", b"FLUSH"),
        *(b"FUNCTION", b"DELETE", b"lib"),
        *(b"FUNCTION", b"FLUSH"),
    ]
    assert source.splitlines()[-1].encode() in b"".join(words)


def test_info_and_memory_stats_count_functions(store: Store):
    fields = ["number_of_functions", "number_of_libraries", "used_memory_functions"]
    fields.append("used_memory_vm_functions")

    def told() -> list[int]:
        info = store("INFO", "memory").text.decode().splitlines()
        found = dict(line.split(":", 1) for line in info if ":" in line)
        return [int(found[name]) for name in fields]

    assert told() == [0, 0, 0, 0]
    store("FUNCTION", "LOAD", library(function("return 1") + function("return 2", "g")))
    functions, libraries, kept, interpreter = told()
    assert (functions, libraries) == (2, 1)
    assert 100 < kept < 1000
    assert 10_000 < interpreter < 200_000
    store("FUNCTION", "FLUSH")
    assert told() == [0, 0, 0, 0]


def test_a_library_logs_while_it_is_loaded(server: Server):
    with server.connect() as client:
        body = "redis.log(redis.LOG_WARNING, 'loaded', 7)\n" + function(
            "redis.log(redis.LOG_WARNING, 'called') return 1"
        )
        before = len(server.log())
        assert client.call("FUNCTION", "LOAD", library(body)) == b"lib"
        assert client.call("FCALL", "f", "0") == 1
    told = server.log()[before:]
    assert "loaded 7" in told
    assert "called" in told


def test_monitors_see_the_call_before_what_the_function_calls(server: Server):
    with server.connect() as client, server.connect() as monitor:
        client.call("FUNCTION", "LOAD", library(function("return redis.call('get', 'x')")))
        monitor.call("MONITOR")
        client.call("FCALL", "f", "0")
        assert '"FCALL" "f" "0"' in monitor.receive()
        assert 'lua] "get" "x"' in monitor.receive()


def test_redis_py_loads_and_calls_functions(server: Server):
    source = library(
        function("return redis.call('incrby', keys[1], args[1])", "add")
        + function("return redis.call('get', keys[1])", "read", "'no-writes'")
    )
    with redis.Redis(port=server.port) as remote, rubellite.Redis() as embedded:
        for client in (remote, embedded):
            client.delete("n")
            assert client.function_load(source, replace=True) in (b"lib", "lib")
            assert client.fcall("add", 1, "n", 5) == 5
            assert client.fcall_ro("read", 1, "n") == b"5"
            with pytest.raises(redis.ResponseError, match=r"write flag using \*_ro"):
                client.fcall_ro("add", 1, "n", 5)
            (listed,) = client.function_list(withcode=True)
            # A list in RESP2, a map in RESP3.
            assert repr(source.encode()) in repr(listed)
            dumped = client.function_dump()
            client.function_flush()
            assert client.function_list() == []
            assert client.function_restore(dumped)
            assert client.fcall("add", 1, "n", 1) == 6
            assert client.function_delete("lib")


def test_functions_work_through_the_handle_of_an_embedded_store():
    with rubellite.open() as db:
        assert db.call("FUNCTION", "LOAD", library(function("return #keys"))) == b"lib"
        assert db.call("FCALL", "f", 2, "a", "b") == 2
