"""What the journal gets of commands written in Python, whatever becomes of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import rubellite
from rubellite.errors import ReplyError
from rubellite.extending import WRITE, Call, Error, Hash, List, Reply, command
from tests.store import START_MS, Store
from tests.wire import decode_all


@command("PLAIN key value", WRITE)
def plain(call: Call, key: bytes, value: bytes) -> Reply:
    """Edit a key itself."""
    return call.edit(key, List).push("RIGHT", [value])


@command("TIMED key seconds", WRITE)
def timed(call: Call, key: bytes, seconds: int) -> Reply:
    """Say what the journal gets."""
    at = call.now_ms + seconds * 1000
    call.set(key, b"1", at)
    call.propagate([b"SET", key, b"1", b"PXAT", b"%d" % at])


@command("EXECUTES key", WRITE)
def executes(call: Call, key: bytes) -> Reply:
    """Let others edit."""
    call.execute("INCR", key)
    call.execute("EXPIRE", key, 10)


@command("BOTH key other:RW", WRITE)
def both(call: Call, key: bytes, other: bytes) -> Reply:
    """Edit a key itself, and let others edit."""
    call.edit(key, Hash).set_all([b"field", b"1"])
    call.execute("INCR", other)
    call.edit(key, Hash).set_all([b"field", b"2"])
    # A key that the syntax does not name.
    call.edit(b"unnamed", Hash).set_all([b"a", b"b"])


@command("SPOIL key how", WRITE)
def spoil(call: Call, key: bytes, how: bytes) -> Reply:
    """Fail when half is done."""
    call.edit(key, List).push("RIGHT", [b"half"])
    call.edit(b"unnamed", List).push("RIGHT", [b"half"])
    if how == b"reply":
        raise Error("no")
    if how == b"execute":
        call.execute("INCR", "counter")
        call.execute("INCR", key)
    raise ValueError("no")


@command("NOTHING key", WRITE)
def nothing(call: Call, key: bytes) -> Reply:
    """Change nothing."""
    return call.exists(key)


ALL = (plain, timed, executes, both, spoil, nothing)


def journal_of(store: Store) -> list[str]:
    """The commands in the journal, without SELECT."""
    commands = [b" ".join(words).decode() for words in decode_all(store.engine.take_journal())]
    return [line for line in commands if not line.startswith("SELECT")]


@pytest.fixture
def store() -> Store:
    store = Store(load=ALL)
    store.engine.record_journal()
    return store


def digest(store: Store) -> Any:
    return store("DEBUG", "DIGEST")


def replayed(lines: list[str]) -> Store:
    other = Store(load=ALL)
    for line in lines:
        if line not in ("MULTI", "EXEC"):
            assert not isinstance(other(*line.split()), ReplyError), line
    return other


CASES: list[tuple[str, list[str]]] = [
    ("PLAIN list a", ["PLAIN list a"]),
    ("TIMED key 5", [f"SET key 1 PXAT {START_MS + 5000}"]),
    ("EXECUTES key", ["MULTI", "INCR key", f"PEXPIREAT key {START_MS + 10_000}", "EXEC"]),
    (
        "BOTH one two",
        [
            "MULTI", "INCR two", "DEL one", "HSET one field 2", "DEL unnamed", "HSET unnamed a b",
            "EXEC",
        ],
    ),
    ("NOTHING key", []),
]  # fmt: skip


@pytest.mark.parametrize(("line", "expected"), CASES)
def test_effects(line: str, expected: list[str], store: Store) -> None:
    assert not isinstance(store(*line.split()), ReplyError)
    lines = journal_of(store)
    if lines and line.startswith("EXECUTES"):
        # EXPIRE may be written as it came or as a deadline; both are one unit.
        assert lines[:2] == expected[:2]
        assert len(lines) == 4
    else:
        assert lines == expected
    assert digest(replayed(lines)) == digest(store)


@pytest.mark.parametrize("how", ["reply", "bug", "execute"])
def test_what_fails_halfway_leaves_the_state_of_its_keys(how: str, store: Store) -> None:
    store("RPUSH", "list", "whole")
    journal_of(store)
    assert isinstance(store("SPOIL", "list", how), ReplyError)
    lines = journal_of(store)
    assert not any(line.startswith("SPOIL") for line in lines)
    assert "RPUSH unnamed half" in lines
    other = Store(load=ALL)
    other("RPUSH", "list", "whole")
    for line in lines:
        if line not in ("MULTI", "EXEC"):
            assert not isinstance(other(*line.split()), ReplyError), line
    assert digest(other) == digest(store)
    assert other("LRANGE", "list", 0, -1) == [b"whole", b"half"]
    store.engine.check()


def test_a_transaction_is_one_unit(store: Store) -> None:
    store("MULTI")
    store("EXECUTES", "a")
    store("PLAIN", "b", "1")
    store("EXEC")
    lines = journal_of(store)
    assert [line for line in lines if line in ("MULTI", "EXEC")] == ["MULTI", "EXEC"]
    assert lines[-2] == "PLAIN b 1"


Opener = Callable[..., Any]


def test_the_append_only_file_is_replayed_with_the_commands(tmp_path: Path) -> None:
    with rubellite.open(tmp_path, load=ALL) as db:
        db.call("PLAIN", "list", "a")
        db.call("EXECUTES", "counter")
    with rubellite.open(tmp_path, load=ALL) as db:
        assert db.call("LRANGE", "list", 0, -1) == [b"a"]
        assert db.call("PTTL", "counter") > 0
        db.call("BGREWRITEAOF")


def test_a_file_that_needs_a_module_says_so(tmp_path: Path) -> None:
    with rubellite.open(tmp_path, load=ALL) as db:
        db.call("PLAIN", "list", "a")
    with pytest.raises(Exception, match="load the module that declares it") as caught:
        rubellite.open(tmp_path)
    assert "unknown command 'PLAIN'" in str(caught.value)
    with rubellite.open(tmp_path, load=ALL) as db:
        assert db.call("LLEN", "list") == 1
