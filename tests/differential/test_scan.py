"""SCAN's whole iteration and KEYS, among thousands of keys, as sets."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from random import Random

import pytest

from tests.oracles import Server
from tests.wire import Connection

KEYS = 3000
ALPHABET = "abc*?[]^-\\1"


def whole_scan(connection: Connection, *options: str) -> set[bytes]:
    found: set[bytes] = set()
    cursor = b"0"
    while True:
        cursor, keys = connection.call("SCAN", cursor, *options)
        found.update(keys)
        if cursor == b"0":
            return found


@pytest.fixture
def pair(ours: Server, valkey91: Server) -> Iterator[list[Connection]]:
    """Both servers with the same keys, some of which are due."""
    rng = Random(1)
    with ours.connect() as mine, valkey91.connect() as theirs:
        pair = [mine, theirs]
        names = [
            "".join(rng.choice(ALPHABET) for _ in range(rng.randrange(6))) for _ in range(KEYS // 2)
        ]
        names += [f"key:{number}" for number in range(KEYS // 2)]
        for connection in pair:
            connection.call("FLUSHALL")
            connection.pipeline([["SET", name, "value"] for name in names])
            connection.pipeline([["MSETEX", "1", name, "1", "PXAT", "1"] for name in names[::7]])
        yield pair
        for connection in pair:
            connection.call("FLUSHALL")


@pytest.mark.parametrize(
    "options",
    [
        [],
        ["COUNT", "1"],
        ["COUNT", "7"],
        ["COUNT", "100000"],
        ["MATCH", "key:1*"],
        ["MATCH", "*[a-c]", "COUNT", "100"],
        ["TYPE", "string", "COUNT", "100"],
        ["TYPE", "hash", "COUNT", "100"],
        ["MATCH", "key:[^1]?", "TYPE", "STRING", "COUNT", "50"],
    ],
    ids=" ".join,
)
def test_a_whole_scan_finds_the_same_keys(options: list[str], pair: list[Connection]):
    mine, theirs = (whole_scan(connection, *options) for connection in pair)
    assert mine == theirs
    assert len(mine) > 1000 or options


def test_keys_matches_the_same_names(pair: list[Connection]):
    seed = int(os.environ.get("RUBELLITE_DIFF_SEED", secrets.randbelow(1_000_000)))
    rng = Random(seed)
    patterns = ["*", "", "**", "key:*", "*:1", "?" * 5]
    patterns += [
        "".join(rng.choice(ALPHABET) for _ in range(rng.randrange(1, 6))) for _ in range(300)
    ]
    for pattern in patterns:
        mine, theirs = (sorted(connection.call("KEYS", pattern)) for connection in pair)
        assert mine == theirs, f"seed {seed}, pattern {pattern!r}"
