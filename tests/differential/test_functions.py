"""Libraries and functions: what is taken in, what is refused and how, what functions find.

Compared with Valkey 9.1. `functions.jsonl` holds a case in each line: commands that follow
each other, a string being the body of a library `lib` that is loaded, then listed, and its
function `f` called.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.differential.allowances import told
from tests.oracles import Server
from tests.wire import Map, Members

CASES = [
    json.loads(line)
    for line in Path(__file__).with_name("functions.jsonl").read_text("utf-8").splitlines()
]
BATCH = 50


def ordered(reply: Any) -> Any:
    """Libraries and functions by name: they come in any order."""
    if isinstance(reply, list):
        items = [ordered(item) for item in reply]
        is_flat = bool(items) and items[0] in (b"library_name", b"name", b"running_script")
        return items if is_flat else sorted(items, key=repr)
    if isinstance(reply, (Map, Members)):
        return type(reply)([ordered(item) for item in reply])
    return reply


def play(server: Server, case: Any, protocol: int) -> Iterator[str]:
    commands = []
    for step in case if isinstance(case, list) else [case]:
        if isinstance(step, list):
            commands.append(step)
        else:
            commands += [
                ["FUNCTION", "LOAD", f"#!lua name=lib\n{step}"],
                ["FUNCTION", "LIST", "WITHCODE"],
                ["FCALL", "f", "2", "k1", "k2", "a1"],
                ["FCALL_RO", "f", "1", "k1"],
            ]
    with server.connect(protocol) as connection:
        connection.call("FLUSHALL")
        connection.call("FUNCTION", "FLUSH")
        connection.call("HSET", "hash", "field", "1")
        for command in commands:
            reply = connection.call(*command)
            yield told(ordered(reply) if command[:2] == ["FUNCTION", "LIST"] else reply)


@pytest.mark.parametrize("protocol", [2, 3])
@pytest.mark.parametrize("first", range(0, len(CASES), BATCH))
def test_functions_answer_as_in_valkey(ours: Server, valkey91: Server, first: int, protocol: int):
    for case in CASES[first : first + BATCH]:
        expected = list(play(valkey91, case, protocol))
        assert list(play(ours, case, protocol)) == expected, case
