"""Scripts: what they return, how they fail and what they find, compared with Valkey 9.1.

`scripts.jsonl` holds a case in each line: a script, or a list of scripts and commands that
follow each other (`RESP3` in front: in that protocol).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.differential.allowances import told
from tests.oracles import Server

CASES = [
    json.loads(line)
    for line in Path(__file__).with_name("scripts.jsonl").read_text(encoding="utf-8").splitlines()
]
BATCH = 60


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
