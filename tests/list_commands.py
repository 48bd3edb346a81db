"""Random commands on one long list, for those who compare what two ways of keeping it answer."""

from __future__ import annotations

from random import Random

VALUES = (b"", b"7", b"new", b"short " * 9, b"n" * 600, b"m" * 3000)


def list_command(rng: Random, items: list[bytes]) -> list[bytes]:
    """A command that reads or edits the list `k`, whose elements are mostly of `items`."""
    one, other = rng.choice(items), rng.choice(VALUES)
    index = b"%d" % rng.randint(-len(items), len(items))
    many = [rng.choice(items) for _ in range(rng.choice((1, 3, 200)))]
    end = rng.choice((b"LEFT", b"RIGHT"))
    return rng.choice(
        (
            [b"RPUSH", b"k", *many],
            [b"LPUSH", b"k", *many],
            [b"LPOP", b"k", b"%d" % rng.choice((1, 100, 700))],
            [b"RPOP", b"k", b"%d" % rng.choice((1, 100, 700))],
            [b"LINDEX", b"k", index],
            [b"LLEN", b"k"],
            [b"LSET", b"k", index, other],
            [b"LINSERT", b"k", rng.choice((b"BEFORE", b"AFTER")), one, other],
            [b"LREM", b"k", b"%d" % rng.randint(-3, 3), one],
            [b"LPOS", b"k", one, b"RANK", rng.choice((b"1", b"-2")), b"COUNT", b"0"],
            [b"LRANGE", b"k", index, b"%d" % rng.randint(-50, len(items))],
            [b"LTRIM", b"k", b"%d" % rng.randint(0, 300), b"%d" % rng.randint(-300, -1)],
            [b"LMOVE", b"k", rng.choice((b"k", b"other")), end, end],
            [b"SORT", b"k", b"ALPHA", b"LIMIT", b"10", b"20"],
        )
    )
