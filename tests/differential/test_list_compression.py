"""Lists with `list-compress-depth` answer as Valkey's do, while both squeeze their nodes."""

from __future__ import annotations

import os
import secrets
from random import Random

import pytest

from tests.differential.differ import Command
from tests.oracles import Server

COMMANDS = 400
TEXTS = {
    "short": [b"job:%06d:pending" % number for number in range(4000)],
    "long": [b'{"id": %d, "note": "%s"}' % (number, b"as before, " * 80) for number in range(300)],
}


def command(rng: Random, items: list[bytes]) -> Command:
    one, other = rng.choice(items), rng.choice((b"", b"7", b"short " * 9, b"m" * 3000))
    index = b"%d" % rng.randint(-len(items), len(items))
    many = [rng.choice(items) for _ in range(rng.choice((1, 3, 200)))]
    end = rng.choice((b"LEFT", b"RIGHT"))
    return rng.choice(
        (
            [b"RPUSH", b"k", *many],
            [b"LPUSH", b"k", *many],
            [b"LPOP", b"k", b"%d" % rng.choice((1, 100, 500))],
            [b"RPOP", b"k", b"%d" % rng.choice((1, 100, 500))],
            [b"LINDEX", b"k", index],
            [b"LSET", b"k", index, other],
            [b"LINSERT", b"k", rng.choice((b"BEFORE", b"AFTER")), one, other],
            [b"LREM", b"k", b"%d" % rng.randint(-3, 3), one],
            [b"LPOS", b"k", one, b"RANK", rng.choice((b"1", b"-2")), b"COUNT", b"0"],
            [b"LRANGE", b"k", index, b"%d" % rng.randint(-50, len(items))],
            [b"LTRIM", b"k", b"%d" % rng.randint(0, 200), b"%d" % rng.randint(-200, -1)],
            [b"LMOVE", b"k", rng.choice((b"k", b"other")), end, end],
            [b"LLEN", b"k"],
        )
    )


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
                words = command(rng, TEXTS[kind])
                assert mine.call(*words) == theirs.call(*words), (seed, number, words[:3])
            for key in (b"k", b"other"):
                everything = [c.call("LRANGE", key, "0", "-1") for c in (mine, theirs)]
                assert everything[0] == everything[1], seed
        finally:
            for connection in (mine, theirs):
                connection.call("CONFIG", "SET", "list-compress-depth", "0")
