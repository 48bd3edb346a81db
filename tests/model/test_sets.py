"""Set commands beside Python's own sets, in all forms and across the steps between them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.store import Store

#: With limits this low a few members pass through every form.
STORES = {
    "usual limits": Store(),
    "low limits": Store(
        {
            "set-max-intset-entries": "4",
            "set-max-listpack-entries": "6",
            "set-max-listpack-value": "3",
        }
    ),
    "no packing": Store({"set-max-intset-entries": "0", "set-max-listpack-entries": "0"}),
}

integers = st.integers(-300, 300).map(lambda number: b"%d" % number)
members = st.one_of(integers, st.sampled_from((b"a", b"b", b"ccc", b"dddd", b"", b"007")))
several = st.lists(members, max_size=12)
counts = st.integers(-20, 20)


@pytest.fixture(params=STORES, scope="module")
def store(request: pytest.FixtureRequest) -> Store:
    return STORES[request.param]


def given_set(store: Store, key: str, content: list[bytes]) -> set[bytes]:
    store("DEL", key)
    if content:
        store("SADD", key, *content)
    return set(content)


def as_set(reply: Any) -> set[bytes]:
    items = list(reply)
    assert len(items) == len(set(items))
    return set(items)


@given(
    steps=st.lists(
        st.tuples(st.sampled_from(("SADD", "SREM", "SISMEMBER", "SMISMEMBER")), several),
        max_size=12,
    )
)
def test_members_come_and_go(store: Store, steps: list[tuple[str, list[bytes]]]):
    model = given_set(store, "key", [])
    for name, words in steps:
        if not words:
            continue
        expected: Any
        if name == "SADD":
            expected = len(set(words) - model)
            model |= set(words)
        elif name == "SREM":
            expected = len(set(words) & model)
            model -= set(words)
        elif name == "SMISMEMBER":
            expected = [int(word in model) for word in words]
        else:
            words = words[:1]
            expected = int(words[0] in model)
        assert store(name, "key", *words) == expected
        assert store("SCARD", "key") == len(model)
        assert as_set(store("SMEMBERS", "key")) == model
        assert store("EXISTS", "key") == int(bool(model))


@given(
    sources=st.lists(st.lists(members, max_size=9), min_size=1, max_size=4),
    limit=st.integers(0, 4),
)
def test_sets_are_combined(store: Store, sources: list[list[bytes]], limit: int):
    keys = [f"source{at}" for at in range(len(sources))]
    first, *others = [given_set(store, key, at) for key, at in zip(keys, sources, strict=True)]
    expected = {
        "SINTER": first.intersection(*others),
        "SUNION": first.union(*others),
        "SDIFF": first.difference(*others),
    }
    for name, found in expected.items():
        assert as_set(store(name, *keys)) == found
        assert store(name + "STORE", "target", *keys) == len(found)
        assert as_set(store("SMEMBERS", "target")) == found
    # A source may be the destination.
    count = len(expected["SINTER"])
    assert store("SINTERCARD", len(keys), *keys, "LIMIT", limit) == min(count, limit or count)
    assert store("SINTERSTORE", keys[0], *keys) == count
    assert as_set(store("SMEMBERS", keys[0])) == expected["SINTER"]


@given(content=several, other=several, member=members)
def test_smove_moves(store: Store, content: list[bytes], other: list[bytes], member: bytes):
    source, destination = given_set(store, "from", content), given_set(store, "to", other)
    is_there = member in source
    assert store("SMOVE", "from", "to", member) == int(is_there)
    if is_there:
        source.discard(member)
        destination.add(member)
    assert as_set(store("SMEMBERS", "from")) == source
    assert as_set(store("SMEMBERS", "to")) == destination


@given(content=several, count=counts)
def test_random_members_are_members(store: Store, content: list[bytes], count: int):
    model = given_set(store, "key", content)
    drawn = store("SRANDMEMBER", "key", count)
    assert set(drawn) <= model
    if count < 0:
        assert len(drawn) == (-count if model else 0)
    else:
        assert len(as_set(drawn)) == min(count, len(model))
    one = store("SRANDMEMBER", "key")
    assert (one in model) if model else one is None


@given(content=several, count=st.integers(0, 14))
def test_what_is_popped_is_gone(store: Store, content: list[bytes], count: int):
    model = given_set(store, "key", content)
    popped = as_set(store("SPOP", "key", count))
    assert popped <= model
    assert len(popped) == min(count, len(model))
    assert as_set(store("SMEMBERS", "key")) == model - popped
    one = store("SPOP", "key")
    assert (one in model - popped) if model - popped else one is None


@given(content=st.lists(members, max_size=40), count=st.integers(1, 5))
def test_a_scan_finds_all_members(store: Store, content: list[bytes], count: int):
    model = given_set(store, "key", content)
    found: set[bytes] = set()
    cursor = b"0"
    while True:
        cursor, some = store("SSCAN", "key", cursor, "COUNT", count)
        found |= set(some)
        if cursor == b"0":
            break
    assert found == model
