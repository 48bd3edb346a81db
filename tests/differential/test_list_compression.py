"""Lists with `list-compress-depth` answer as Valkey's do, while both squeeze their nodes."""

from __future__ import annotations

import os
import secrets
from random import Random

import pytest

from tests.list_commands import list_command
from tests.oracles import Server

COMMANDS = 400
TEXTS = {
    "short": [b"job:%06d:pending" % number for number in range(4000)],
    "long": [b'{"id": %d, "note": "%s"}' % (number, b"as before, " * 80) for number in range(300)],
}


@pytest.mark.parametrize("depth", ["1", "2"])
@pytest.mark.parametrize("kind", TEXTS)
def test_replies_are_those_of_valkey(kind: str, depth: str, ours: Server, valkey91: Server):
    seed = int(os.environ.get("RUBELLITE_DIFF_SEED", secrets.randbelow(1_000_000)))
    rng = Random(f"{kind} {depth} {seed}")
    with ours.connect() as mine, valkey91.connect() as theirs:
        for connection in (mine, theirs):
            connection.call("FLUSHALL")
            assert connection.call("CONFIG", "SET", "list-compress-depth", depth) == "OK"
            connection.call("RPUSH", b"k", *TEXTS[kind])
        try:
            for number in range(COMMANDS):
                words = list_command(rng, TEXTS[kind])
                assert mine.call(*words) == theirs.call(*words), (seed, number, words[:3])
            for key in (b"k", b"other"):
                everything = [c.call("LRANGE", key, "0", "-1") for c in (mine, theirs)]
                assert everything[0] == everything[1], seed
        finally:
            for connection in (mine, theirs):
                connection.call("CONFIG", "SET", "list-compress-depth", "0")
