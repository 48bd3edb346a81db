"""OBJECT ENCODING of lists changes at the same element as on Valkey, whatever the limit.

A server keeps a large list in nodes, and makes it small again only when all is in one.
Ours has no such nodes: it goes back as soon as the list has half the limit. So while a
list shrinks ours may be small already.

A limit in elements bounds the bytes, too, but Valkey does not look at them when LSET's
longer element is in: its small list may then be larger than 8 KB, ours never is.
"""

from __future__ import annotations

import os
import secrets
from random import Random

import pytest

from tests.differential.differ import Command
from tests.oracles import Server

LIMITS = ("-2", "-1", "128", "8", "5", "2", "1", "0")
SEQUENCES = 12
SEQUENCE_COMMANDS = 60

# Fewer bytes than this are small for any limit in elements; elements have heads, too.
BYTES_SAFE = 8000

ELEMENTS = (b"a", b"", b"7", b"-5", b"4096", b"70000", b"1700000000000", b"-99999999999", b"x" * 63)
LONG = (b"y" * 64, b"y" * 600, b"y" * 1300, b"y" * 4000, b"12345678901234567890")


def command(rng: Random, is_long: bool) -> Command:
    elements = LONG if is_long else ELEMENTS
    one = rng.choice(elements)
    many = [rng.choice(elements) for _ in range(rng.choice((1, 2, 5, 40 if not is_long else 6)))]
    index = b"%d" % rng.randint(-4, 4)
    end = rng.choice((b"LEFT", b"RIGHT"))
    return rng.choice(
        (
            [b"RPUSH", b"k", *many],
            [b"LPUSH", b"k", *many],
            [b"LPUSH", b"other", *many],
            [b"LPOP", b"k", b"%d" % rng.randint(1, 60)],
            [b"RPOP", b"k", b"%d" % rng.randint(1, 60)],
            [b"RPOP", b"k"],
            [b"LSET", b"k", index, one],
            [b"LINSERT", b"k", b"BEFORE", rng.choice(elements), one],
            [b"LREM", b"k", index, one],
            [b"LTRIM", b"k", b"%d" % rng.randint(0, 9), b"%d" % rng.randint(-20, -1)],
            [b"LMOVE", b"k", b"other", end, end],
            [b"LMOVE", b"k", b"k", b"LEFT", b"RIGHT"],
            [b"LMPOP", b"2", b"other", b"k", end, b"COUNT", b"%d" % rng.randint(1, 30)],
        )
    )


@pytest.mark.parametrize("limit", LIMITS)
def test_encodings_change_at_the_same_element(limit: str, ours: Server, valkey91: Server):
    seed = int(os.environ.get("RUBELLITE_DIFF_SEED", secrets.randbelow(1_000_000)))
    rng = Random(f"{limit} {seed}")
    with ours.connect() as mine, valkey91.connect() as theirs:
        for connection in (mine, theirs):
            assert connection.call("CONFIG", "SET", "list-max-listpack-size", limit) == "OK"
        for _ in range(SEQUENCES):
            is_long, played = rng.random() < 0.4, []
            # Whose large form has several nodes, perhaps.
            grown: set[bytes] = set()
            for connection in (mine, theirs):
                connection.call("FLUSHALL")
            for _ in range(SEQUENCE_COMMANDS):
                played.append(command(rng, is_long))
                mine.call(*played[-1])
                theirs.call(*played[-1])
                for key in (b"k", b"other"):
                    encodings = [c.call("OBJECT", "ENCODING", key) for c in (mine, theirs)]
                    where = f"seed {seed}, limit {limit}, {key!r} after {played}"
                    if encodings == [b"listpack", b"quicklist"]:
                        assert key in grown, where
                    elif encodings == [b"quicklist", b"listpack"]:
                        elements = mine.call("LRANGE", key, "0", "-1")
                        assert int(limit) > 0, where
                        assert sum(map(len, elements)) > BYTES_SAFE, where
                    else:
                        assert encodings[0] == encodings[1], where
                        grown.discard(key) if encodings[1] != b"quicklist" else grown.add(key)
        for connection in (mine, theirs):
            connection.call("CONFIG", "SET", "list-max-listpack-size", "-2")
