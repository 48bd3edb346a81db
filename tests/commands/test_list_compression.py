"""`list-compress-depth`: nobody sees it but in bytes.

A run of a large list holds hundreds of short items or 32 long ones, so the lists here are
long: most of their runs are far from both ends.
"""

from __future__ import annotations

import os
import secrets
from random import Random
from typing import Any

import pytest

from tests.list_commands import list_command
from tests.store import Store

SHORT = [f"job:{number:06}:pending".encode() for number in range(6000)]
LONG = [b'{"id": %d, "note": "%s"}' % (number, b"as before, " * 80) for number in range(400)]


def memory(store: Store, key: str = "k") -> int:
    usage = store("MEMORY", "USAGE", key)
    assert isinstance(usage, int)
    return usage


def used(store: Store) -> int:
    lines = store("INFO", "memory").text.decode().splitlines()
    return int(next(line for line in lines if line.startswith("used_memory:"))[12:])


@pytest.mark.parametrize("items", [SHORT, LONG], ids=["short", "long"])
@pytest.mark.parametrize("name", ["RPUSH", "LPUSH"])
def test_a_long_repetitive_list_takes_less_than_half(items: list[bytes], name: str):
    store = Store()
    before = used(store)
    store(name, "plain", *items)
    between = used(store)
    store("CONFIG", "SET", "list-compress-depth", 1)
    store(name, "squeezed", *items)
    assert memory(store, "squeezed") * 2 < memory(store, "plain")
    assert (used(store) - between) * 3 < (between - before) * 2
    assert store("LRANGE", "squeezed", 0, -1) == store("LRANGE", "plain", 0, -1)
    assert store("OBJECT", "ENCODING", "squeezed") == "quicklist"


def test_what_does_not_shrink_stays_as_it_is():
    rng, plain, squeezed = Random(1), Store(), Store({"list-compress-depth": "1"})
    items = [rng.randbytes(20) for _ in range(6000)]
    for store in (plain, squeezed):
        store("RPUSH", "k", *items)
    assert memory(squeezed) == pytest.approx(memory(plain), rel=0.01)


def test_a_deep_setting_leaves_more_of_both_ends_plain():
    usage = []
    for depth in (1, 3, 6, 1000, 0):
        store = Store({"list-compress-depth": str(depth)})
        store("RPUSH", "k", *SHORT)
        usage.append(memory(store))
    assert usage == sorted(usage)
    assert usage[0] < usage[1] < usage[2] < usage[3]
    assert usage[3] == pytest.approx(usage[4], rel=0.01)


def test_a_new_depth_reaches_a_list_as_it_changes():
    store = Store()
    store("RPUSH", "k", *SHORT)
    plain = memory(store)
    store("CONFIG", "SET", "list-compress-depth", 1)
    assert memory(store) == plain
    for _ in SHORT:
        store("LMOVE", "k", "k", "LEFT", "RIGHT")
    assert memory(store) < plain * 0.6
    store("CONFIG", "SET", "list-compress-depth", 0)
    for item in SHORT:
        assert store("LMOVE", "k", "k", "LEFT", "RIGHT") == item
    assert memory(store) > plain * 0.9
    store.engine.check()


def test_a_list_that_is_loaded_or_restored_follows_the_setting():
    store = Store()
    store("RPUSH", "k", *SHORT)
    plain, dump = memory(store), store("DUMP", "k")
    store("CONFIG", "SET", "list-compress-depth", 2)
    store("RESTORE", "copy", 0, dump)
    assert memory(store, "copy") < plain * 0.7
    assert store("DUMP", "copy") == dump
    assert store("DEBUG", "DIGEST-VALUE", "copy") == store("DEBUG", "DIGEST-VALUE", "k")
    store("SORT", "k", "ALPHA", "STORE", "sorted")
    assert memory(store, "sorted") < plain * 0.7


@pytest.mark.parametrize("items", [SHORT, LONG], ids=["short", "long"])
def test_every_reply_is_the_same_at_every_depth(items: list[bytes]):
    seed = int(os.environ.get("RUBELLITE_DIFF_SEED", secrets.randbelow(1_000_000)))
    rng = Random(f"{len(items)} {seed}")
    stores = [Store({"list-compress-depth": depth}) for depth in ("0", "1", "2")]
    done: list[Any] = []

    def everywhere(*words: bytes) -> None:
        done.append(words[:3])
        replies = [store(*words) for store in stores]
        if isinstance(replies[0], Exception):
            replies = [str(reply) for reply in replies]
        assert replies[0] == replies[1] == replies[2], (seed, done[-20:])

    everywhere(b"RPUSH", b"k", *items)
    for number in range(300):
        everywhere(*list_command(rng, items))
        if number % 15 == 0:
            everywhere(b"DUMP", b"k")
        if number % 50 == 0:
            everywhere(b"DEBUG", b"DIGEST")
            for store in stores:
                store.engine.check()
