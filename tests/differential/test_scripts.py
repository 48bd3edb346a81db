"""Scripts: what they return, how they fail and what they find, compared with Valkey 9.1.

`scripts.jsonl` holds a case in each line: a script, or a list of scripts and commands that
follow each other (`RESP3` in front: in that protocol).
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.oracles import Server

CASES = [
    json.loads(line)
    for line in Path(__file__).with_name("scripts.jsonl").read_text(encoding="utf-8").splitlines()
]
BATCH = 60

# Valkey 9.1 leaves the script's digest out of what follows an error; Redis has it.
_DIGEST = re.compile(r"script: ([0-9a-f]{40}, )?on")
_ADDRESS = re.compile(r"0x[0-9a-f]+")
#: Where a text names the product.
_NAMES = (
    ("This Valkey", "This Redis"),
    *(
        (f"server.{part}", f"redis.{part}")
        for part in (
            "log",
            "setresp",
            "set_repl",
            "acl_check_cmd",
        )
    ),
)


def told(reply: Any) -> str:
    text = _ADDRESS.sub("an address", _DIGEST.sub("script: SHA, on", repr(reply)))
    for theirs, ours in _NAMES:
        text = text.replace(theirs, ours)
    return text


def play(server: Server, case: Any) -> list[str]:
    steps = case if isinstance(case, list) else [case]
    protocol = 2
    if steps[0] == "RESP3":
        protocol, steps = 3, steps[1:]
    connection = server.connect(protocol)
    try:
        connection.call("FLUSHALL")
        commands = [["EVAL", step, "0"] if isinstance(step, str) else step for step in steps]
        return [told(connection.call(*command)) for command in commands]
    finally:
        connection.close()


@pytest.mark.parametrize("first", range(0, len(CASES), BATCH))
def test_scripts_answer_as_in_valkey(ours: Server, valkey91: Server, first: int):
    for case in CASES[first : first + BATCH]:
        assert play(ours, case) == play(valkey91, case), case
