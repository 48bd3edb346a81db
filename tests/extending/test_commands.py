"""Commands written in Python by users, in a store inside the process."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

import rubellite
from rubellite.extending import (
    BLOCKING,
    DENYOOM,
    FAST,
    OK,
    READ,
    WRITE,
    WRONG_TYPE,
    Arguments,
    Blocked,
    Call,
    Error,
    ExtensionError,
    Hash,
    List,
    NotationError,
    Option,
    Reply,
    ReplyError,
    command,
)


@command("RATE.LIMIT key limit:integer seconds", WRITE, since="2.1.0", cost="O(1)")
def rate_limit(call: Call, key: bytes, limit: int, seconds: int) -> int:
    """Return how many more may pass in the period.

    Errors: none.
    """
    passed: int = call.execute("INCR", key)
    if passed == 1:
        call.execute("EXPIRE", key, seconds)
    return max(limit - passed, -1)


@command(
    "PROFILE.SET key name value [name value ...] [ONLY <NEW|OLD>]", WRITE | DENYOOM, takes_rest=True
)
def profile_set(call: Call, key: bytes, rest: Arguments) -> Reply:
    """Set fields of a profile."""
    return call.edit(key, Hash).set_all(rest)


@command("TAKE queue:RW timeout:double", WRITE | BLOCKING)
def take(call: Call, queue: bytes, timeout: bytes) -> Reply:
    """Take the first element of a queue, waiting for one."""
    deadline = call.deadline_after(timeout)
    if call.read(queue, List) is None:
        return Blocked([queue], List, deadline)
    return call.execute("LPOP", queue)


@command("LOOK key [WITH word:string] [LOUD]", READ | FAST)
def look(call: Call, key: bytes, word: Option, loud: bool) -> Reply:
    """Return what a key holds, in several shapes."""
    found = call.get(key)
    if loud and found is not None:
        found = bytes(found).upper()
    return {"value": found, "word": word, "ok": OK, "half": 0.5, "set": {1}}


@command("JOB ADD queue:RW job", WRITE)
def job_add(call: Call, queue: bytes, job: bytes) -> Reply:
    """Add a job."""
    return call.execute("RPUSH", queue, job)


@command("JOB COUNT queue", READ)
def job_count(call: Call, queue: bytes) -> Reply:
    """Count jobs."""
    return call.execute("LLEN", queue)


EMPTY: dict[bytes, int] = {}
ALL = (rate_limit, profile_set, take, look, job_add, job_count)


@pytest.fixture
def db() -> Iterator[Any]:
    with rubellite.open(load=ALL) as store:
        yield store


def fails(db: Any, *words: Any) -> str:
    with pytest.raises(ReplyError) as caught:
        db.call(*words)
    return str(caught.value)


def test_arguments_are_parsed_as_those_of_built_in_commands(db):
    assert [db.call("rate.limit", "k", 2, 10) for _ in range(3)] == [1, 0, -1]
    assert 0 < db.call("PTTL", "k") <= 10_000
    assert fails(db, "RATE.LIMIT", "k") == "ERR wrong number of arguments for 'rate.limit' command"
    assert fails(db, "RATE.LIMIT", "k", "x", 1) == "ERR value is not an integer or out of range"
    assert fails(db, "LOOK", "k", "WITH") == "ERR syntax error"
    assert fails(db, "LOOK", "k", "SOFT") == "ERR syntax error"


def test_replies_take_every_shape(db):
    db.set("k", "v")
    assert db.call("LOOK", "k", "LOUD", "WITH", "x") == {
        b"value": b"V",
        b"word": b"x",
        b"ok": b"OK",
        b"half": 0.5,
        b"set": [1],
    }


def test_it_is_documented_like_a_built_in_command(db):
    [info] = db.call("COMMAND", "INFO", "rate.limit")
    assert info[:6] == [b"rate.limit", 4, [b"write"], 1, 1, 1]
    docs = db.call("COMMAND", "DOCS", "rate.limit")[b"rate.limit"]
    assert docs[b"summary"] == b"Return how many more may pass in the period"
    assert (docs[b"since"], docs[b"group"], docs[b"complexity"]) == (b"2.1.0", b"module", b"O(1)")
    assert [argument[b"name"] for argument in docs[b"arguments"]] == [b"key", b"limit", b"seconds"]
    assert db.call("COMMAND", "GETKEYS", "TAKE", "q", "0") == [b"q"]
    count = db.call("COMMAND", "COUNT")
    with rubellite.open() as plain:
        assert count - plain.call("COMMAND", "COUNT") == 5
        assert fails(plain, "RATE.LIMIT", "k", 1, 1).startswith("ERR unknown command 'RATE.LIMIT'")
    listed = db.call("COMMAND", "LIST", "FILTERBY", "MODULE", __name__)
    assert b"take" in listed
    assert b"get" not in listed


def test_two_words_make_a_container_with_help(db):
    assert db.call("JOB ADD", "q", "a") == 1
    assert db.call("job", "count", "q") == 1
    assert fails(db, "JOB", "NO") == "ERR unknown subcommand 'NO'. Try JOB HELP."
    assert db.call("JOB HELP") == [
        b"JOB <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
        b"ADD queue job",
        b"    Add a job.",
        b"COUNT queue",
        b"    Count jobs.",
        b"HELP",
        b"    Print this help.",
    ]


def test_it_is_counted_and_logged(db):
    db.call("CONFIG", "SET", "slowlog-log-slower-than", "0")
    db.call("RATE.LIMIT", "k", 2, 10)
    assert "calls=1," in db.info("commandstats")["cmdstat_rate.limit"]
    logged = [entry[3] for entry in db.call("SLOWLOG", "GET")]
    assert [b"RATE.LIMIT", b"k", b"2", b"10"] in logged
    assert b"rate.limit" in db.call("LATENCY", "HISTOGRAM")


def test_redis_py_pipelines_and_transactions_call_it(db):
    client = db.redis(decode_responses=True)
    assert client.execute_command("RATE.LIMIT", "k", 5, 10) == 4
    with client.pipeline(transaction=True) as pipe:
        pipe.execute_command("RATE.LIMIT", "k", 5, 10)
        pipe.get("k")
        assert pipe.execute() == [3, "2"]
    with client.pipeline() as pipe:
        pipe.watch("k")
        db.call("RATE.LIMIT", "k", 5, 10)
        pipe.multi()
        pipe.get("k")
        with pytest.raises(redis.WatchError):
            pipe.execute()


def test_a_command_waits_until_there_is_something(db):
    got: list[Any] = []
    waiter = threading.Thread(
        target=lambda: got.append(db.redis().execute_command("TAKE", "q", 20))
    )
    waiter.start()
    while db.info("clients")["blocked_clients"] != "1":
        pass
    db.call("RPUSH", "q", "a", "b")
    waiter.join(20)
    assert got == [b"a"]
    assert db.call("TAKE", "empty", "0.01") is None
    # Nothing waits inside a transaction.
    client = db.redis()
    with client.pipeline() as pipe:
        pipe.execute_command("TAKE", "empty", 0)
        assert pipe.execute() == [None]


def test_memory_that_is_full_refuses_what_may_grow(db):
    db.call("CONFIG", "SET", "maxmemory", "1")
    assert fails(db, "PROFILE.SET", "p", "a", "1").startswith("OOM ")
    # Not flagged so itself, but what it executes is.
    assert fails(db, "RATE.LIMIT", "k", 1, 1).startswith("OOM ")
    assert db.call("LOOK", "k")[b"value"] is None


def test_keyspace_events_are_sent(db):
    db.call("CONFIG", "SET", "notify-keyspace-events", "KEA")
    heard = db.redis().pubsub()
    heard.psubscribe("__keyevent@0__:*")
    assert heard.get_message(timeout=20)["type"] == "psubscribe"
    db.call("RATE.LIMIT", "k", 2, 10)
    events = [heard.get_message(timeout=20) for _ in range(2)]
    assert [event["channel"] for event in events] == [
        b"__keyevent@0__:incrby",
        b"__keyevent@0__:expire",
    ]


def test_a_name_that_is_taken_is_refused(db):
    with pytest.raises(ExtensionError, match=r"'GET key': GET is built in; choose another name"):
        db.command("GET key")(lambda call, key: 1)
    with pytest.raises(ExtensionError, match="CONFIG is built in"):
        db.command("CONFIG FAST key")(lambda call, key: 1)
    with pytest.raises(ExtensionError, match=rf"LOOK is there already, from {__name__}"):
        db.command("LOOK key")(lambda call, key: 1)
    with pytest.raises(ExtensionError, match="LOOK is a command, and can have no subcommands"):
        db.command("LOOK TWICE key")(lambda call, key: 1)
    # The same once more is no clash.
    db.load(look)


def test_a_command_is_added_to_a_store_that_runs(db):
    other = db.redis()

    @db.command("TWICE number:integer", READ)
    def twice(call, number):
        """Double a number."""
        return 2 * number

    assert db.call("TWICE", 21) == 42
    assert other.execute_command("TWICE", 1) == 2
    assert twice(None, 4) == 8
    db.command("JOB CLEAR queue:RW", WRITE)(lambda call, queue: call.delete(queue))
    assert db.call("JOB CLEAR", "q") is False
    assert b"CLEAR queue" in db.call("JOB HELP")
    assert b"job|clear" in db.call("COMMAND", "DOCS", "job")[b"job"][b"subcommands"]
    with rubellite.open() as plain:
        assert fails(plain, "TWICE", 1).startswith("ERR unknown command")


def test_a_command_cannot_be_added_from_inside_one(db):
    def add(call: Call) -> Reply:
        db.command("LATER")(lambda call: 1)

    db.command("ADD.LATER")(add)
    assert "use its `call`" in fails(db, "ADD.LATER")


@pytest.mark.parametrize(
    ("text", "handler", "problem"),
    [
        ("SUM one:integer", lambda call, two: 1, "parameter 'two' where the syntax says 'one'"),
        ("SUM one", lambda call: 1, "no parameter for 'one'"),
        ("SUM one [", lambda call, one: 1, "nothing inside of a pair of brackets"),
        ("SUM one ]", lambda call, one: 1, "']' out of place"),
        ("sum one", lambda call, sum_, one: 1, "begins with the command's name"),
    ],
)
def test_what_does_not_match_is_refused_at_once(text, handler, problem):
    with pytest.raises(NotationError, match=re.escape(problem)):
        command(text)(handler)


def test_mistakes_in_declarations_are_told():
    async def later(call: Call) -> Reply:
        return 1

    def texts(call: Call, text: str) -> Reply:
        return text

    with pytest.raises(NotationError, match="plain function"):
        command("LATER")(later)
    with pytest.raises(NotationError, match="annotate and decode bytes"):
        command("TEXTS text")(texts)
    with pytest.raises(NotationError, match="READ is for commands that do not write"):
        command("BOTH", READ | WRITE)(lambda call: 1)
    with pytest.raises(NotationError, match="no such category: nosuch"):
        command("CAT", categories=["@nosuch"])(lambda call: 1)
    with pytest.raises(ExtensionError, match="declares no command"):
        rubellite.open(load=[print])


# Errors


def test_an_exception_becomes_an_error_and_a_traceback(db, caplog):
    @db.command("BROKEN key", READ)
    def broken(call: Call, key: bytes) -> Reply:
        return EMPTY[key]

    @db.command("SILENT", READ)
    def silent(call: Call) -> Reply:
        raise RuntimeError("\nsecond line")

    assert fails(db, "BROKEN", "k") == "ERR Failure in 'broken': KeyError: b'k'"
    assert fails(db, "SILENT") == "ERR Failure in 'silent': RuntimeError"
    record = caplog.records[0].getMessage()
    assert record.startswith(f"The command 'broken' of {__name__} failed:\nTraceback")
    assert "return EMPTY[key]" in record
    assert db.call("PING") == b"PONG"
    assert db.info("errorstats")["errorstat_ERR"] == "count=2"


def test_errors_of_ones_own_reach_the_client_as_they_are(db, caplog):
    @db.command("REFUSE how", READ)
    def refuse(call: Call, how: bytes) -> Reply:
        if how == b"type":
            raise WRONG_TYPE
        raise Error("no such job", code="NOJOB") if how == b"code" else Error("not\r\nyou")

    assert fails(db, "REFUSE", "type").startswith("WRONGTYPE Operation against")
    assert fails(db, "REFUSE", "code") == "NOJOB no such job"
    assert fails(db, "REFUSE", "x") == "ERR not  you"
    assert not caplog.records


def test_errors_of_executed_commands_are_raised(db):
    @db.command("TRY key:RW", WRITE)
    def attempt(call: Call, key: bytes) -> Reply:
        try:
            call.execute("INCR", key)
        except ReplyError as problem:
            return str(problem)
        return "fine"

    db.set("text", "x")
    assert db.call("TRY", "text") == b"ERR value is not an integer or out of range"
    assert fails(db, "RATE.LIMIT", "text", 1, 1) == "ERR value is not an integer or out of range"


def test_what_may_be_executed_is_limited(db):
    @db.command("RUN word [word ...]", WRITE)
    def run(call: Call, words: Arguments) -> Reply:
        return call.execute(*words)

    @db.command("PEEK word [word ...]", READ)
    def peek(call: Call, words: Arguments) -> Reply:
        return call.execute(*words)

    assert db.call("RUN", "HSET", "h", "a", "1") == 1
    assert db.call("RUN", "HGETALL", "h") == {b"a": b"1"}
    assert db.call("RUN", "ZADD", "z", "1.5", "m") == 1
    assert db.call("RUN", "ZSCORE", "z", "m") == 1.5
    assert db.call("RUN", "BLPOP", "none", "0") is None
    assert fails(db, "RUN", "NOSUCH").startswith("ERR unknown command 'NOSUCH'")
    assert fails(db, "RUN", "GET") == "ERR wrong number of arguments for 'get' command"
    for refused in ("MULTI", "EXEC", "SUBSCRIBE", "SELECT", "RESET"):
        words = [refused] if refused in ("MULTI", "EXEC", "RESET") else [refused, "1"]
        assert fails(db, "RUN", *words) == (
            f"ERR '{refused.lower()}' cannot be executed by another command"
        )
    assert fails(db, "PEEK", "SET", "k", "v") == (
        "ERR 'set' writes, but the command that executes it is not flagged WRITE"
    )
    assert fails(db, "RUN", *["RUN"] * 40, "PING") == "ERR Commands execute each other too deeply"
    assert db.call("RUN", *["RUN"] * 20, "PING") == b"PONG"


def test_a_call_is_void_after_its_command(db):
    kept: list[Call] = []
    db.command("KEEP")(lambda call: kept.append(call))
    db.call("KEEP")
    with pytest.raises(RuntimeError, match="this call is over"):
        kept[0].execute("PING")


def test_changes_need_the_flag(db, caplog):
    @db.command("SNEAK key", READ)
    def sneak(call: Call, key: bytes) -> Reply:
        call.set(key, b"1")
        return OK

    assert fails(db, "SNEAK", "k") == (
        "ERR Failure in 'sneak': RuntimeError: a command that changes keys must be flagged WRITE"
    )
    assert caplog.records


# Modules


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


MODULE = '''
from rubellite.extending import READ, command
import helper_of_limits
@command("GREET name", READ)
def greet(call, name):
    """Greet."""
    return helper_of_limits.PREFIX + name
also = greet
'''


def test_files_and_modules_are_loaded(tmp_path, monkeypatch):
    file = write(tmp_path / "limits of mine.py", MODULE)
    write(tmp_path / "helper_of_limits.py", "PREFIX = b'hello '")
    with rubellite.open(load=[file]) as db, rubellite.open(load=[str(file)]) as other:
        assert db.call("GREET", "Ada") == other.call("GREET", "Ben")[:6] + b"Ada"
    # A module's name, and one that is imported already.
    write(
        tmp_path / "greetings.py",
        "from rubellite.extending import command\n"
        "command('BYE')(lambda call: b'bye')\n"
        "@command('HI')\ndef hi(call): return b'hi'\n",
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    import greetings  # type: ignore[import-not-found]

    with rubellite.open(load=["greetings"]) as db:
        assert db.call("HI") == b"hi"
        db.load(greetings)


def test_a_file_does_not_take_the_place_of_another_module(tmp_path):
    import json

    file = write(
        tmp_path / "json.py",
        "from rubellite.extending import command\n@command('J')\ndef j(call): return __name__\n",
    )
    with rubellite.open(load=[file]) as db:
        assert db.call("J") == b"json_2"
    import sys

    assert sys.modules["json"] is json


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("def f(:", "SyntaxError: invalid syntax"),
        ("import sys; sys.exit(3)", "SystemExit: 3"),
        ("import nosuch_module", "ModuleNotFoundError: No module named 'nosuch_module'"),
        ("x = 1", "it declares no command"),
        (
            "from rubellite.extending import command\n@command('GET key')\ndef get(call, key): 1",
            "GET is built in",
        ),
    ],
)
def test_a_module_that_cannot_be_loaded_is_refused(tmp_path, text, problem):
    file = write(tmp_path / f"broken{abs(hash(text))}.py", text)
    with pytest.raises(ExtensionError, match=problem) as caught:
        rubellite.open(load=[file])
    assert "\n" not in str(caught.value)


def test_missing_files_and_modules_are_refused(tmp_path):
    with pytest.raises(ExtensionError, match="there is no such file"):
        rubellite.open(load=[tmp_path / "nosuch.py"])
    with pytest.raises(ExtensionError, match="No module named 'nosuch_module'"):
        rubellite.open(load=["nosuch_module"])
