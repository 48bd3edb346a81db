"""Clients that wait for keys, dealt random commands: everybody gets what Valkey gives."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from random import Random

import pytest

from tests.differential.differ import knows
from tests.differential.waiting import Stage
from tests.oracles import Server

NAMES = ("ann", "bob", "cid", "dan", "eve")
# Somebody must be left to push.
WAITING_MAX = 3
SEQUENCES = 15
SEQUENCE_COMMANDS = 40

WAITS = [
    "BLPOP k1 0",
    "BLPOP k2 k1 0",
    "BRPOP k1 k3 k1 0",
    "BRPOP k2 0",
    "BLMOVE k1 k2 LEFT RIGHT 0",
    "BLMOVE k2 k3 RIGHT LEFT 0",
    "BLMOVE k3 k3 LEFT RIGHT 0",
    "BRPOPLPUSH k1 s 0",
    "BRPOPLPUSH k3 k1 0",
    "BLMPOP 0 1 k1 LEFT COUNT 2",
    "BLMPOP 0 3 k3 k2 k1 RIGHT",
]
OTHERS = [
    "RPUSH k1 a",
    "RPUSH k1 a b c",
    "LPUSH k2 d",
    "LPUSH k2 d e",
    "RPUSH k3 f",
    "RPUSHX k3 g",
    "RPUSH other x y",
    "LMOVE other k1 LEFT LEFT",
    "RENAME other k2",
    "RENAME k1 k2",
    "COPY other k3 REPLACE",
    "COPY other k1 DB 1",
    "MOVE other 1",
    "SWAPDB 0 1",
    "SET k1 text",
    "SET s text",
    "DEL k1",
    "DEL s k2 k3",
    "LPOP k1",
    "LPOP k2 9",
    "EXPIRE k1 100",
    "FLUSHDB",
    "MULTI|RPUSH k1 a|LPOP k1|EXEC",
    "MULTI|RPUSH k2 a|RPUSH k1 b c|EXEC",
    "MULTI|RPUSH k1 a|DEL k1|SET k1 b|EXEC",
    "MULTI|BLPOP k1 0|BLMOVE k2 k3 LEFT LEFT 0|RPUSH k1 z|EXEC",
    "MULTI|SET k3 x|DEL k3|RPUSH k3 y|LSET k3 0 n|EXEC",
    "CLIENT UNBLOCK @ann",
    "CLIENT UNBLOCK @bob TIMEOUT",
    "CLIENT UNBLOCK @cid ERROR",
    "LLEN k1",
]


@pytest.fixture(params=(2, 3), ids=("resp2", "resp3"))
def stages(
    request: pytest.FixtureRequest, ours: Server, valkey91: Server
) -> Iterator[tuple[Stage, Stage]]:
    with Stage(ours, NAMES, request.param) as mine, Stage(valkey91, NAMES, request.param) as theirs:
        yield mine, theirs


def test_everybody_gets_the_same_in_the_same_order(stages: tuple[Stage, Stage]):
    seed = int(os.environ.get("RUBELLITE_DIFF_SEED", secrets.randbelow(1_000_000)))
    rng = Random(f"waiting {seed}")
    watcher = stages[0].watcher
    waits = [line for line in WAITS if knows(watcher, [line.split()[0].encode()])]
    for _ in range(SEQUENCES):
        played: list[tuple[str, str]] = []
        for stage in stages:
            stage.watcher.call("FLUSHALL")
        waiting: set[str] = set()
        for _ in range(SEQUENCE_COMMANDS):
            free = [name for name in NAMES if name not in waiting]
            may_wait = len(waiting) < WAITING_MAX and rng.random() < 0.5
            name, line = rng.choice(free), rng.choice(waits if may_wait else OTHERS)
            played.append((name, line))
            for command in line.split("|"):
                mine, theirs = (stage.act(name, *command.split()) for stage in stages)
                assert mine == theirs, f"seed {seed}: {played} {command}"
            waiting = stages[0].waiting()
            assert waiting == stages[1].waiting(), f"seed {seed}: {played}"
        digests = [stage.watcher.call("DEBUG", "DIGEST") for stage in stages]
        assert digests[0] == digests[1], f"seed {seed}: {played}"
        for stage in stages:
            for name in NAMES:
                stage.watcher.call("CLIENT", "UNBLOCK", str(stage.ids[name]))
            stage.served({})
