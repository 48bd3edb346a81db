"""Scored members that expire beside a dict, and beside a store that reads the journal."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.store import START_MS, Store
from tests.wire import decode_all

NEVER = 2**62

members = st.sampled_from([b"a", b"b", b"ccc", b"1", b"2", b"300"])
several = st.lists(members, min_size=1, max_size=4, unique=True)
conditions = st.sampled_from(["", "NX", "XX", "GT", "LT"])
steps = st.one_of(
    st.tuples(st.just("ZADD"), several, st.integers(0, 3)),
    st.tuples(st.just("ZREM"), several),
    st.tuples(st.just("ZPOPMIN"), st.integers(0, 2)),
    st.tuples(st.just("ZREMRANGEBYRANK"), st.integers(0, 3), st.integers(0, 3)),
    st.tuples(st.just("ZPERSIST"), several),
    st.tuples(st.just("ZPEXPIRE"), several, st.integers(0, 20), conditions),
    st.tuples(st.just("advance"), st.integers(1, 12), st.booleans()),
)


class Model:
    """The members of one sorted set, each with its score and its deadline."""

    def __init__(self) -> None:
        self.now_ms = START_MS
        self.entries: dict[bytes, tuple[int, int]] = {}

    def advance(self, ms: int) -> None:
        self.now_ms += ms
        self.entries = {m: e for m, e in self.entries.items() if e[1] > self.now_ms}

    def sorted(self) -> list[bytes]:
        return sorted(self.entries, key=lambda name: (self.entries[name][0], name))

    def add(self, names: list[bytes], score: int) -> int:
        new = sum(name not in self.entries for name in names)
        for name in names:
            self.entries[name] = (score, self.entries.get(name, (0, NEVER))[1])
        return new

    def remove(self, names: list[bytes]) -> int:
        return sum(self.entries.pop(name, None) is not None for name in names)

    def persist(self, name: bytes) -> int:
        if name not in self.entries:
            return -2
        score, deadline = self.entries[name]
        self.entries[name] = (score, NEVER)
        return 1 if deadline != NEVER else -1

    def expire(self, name: bytes, ms: int, condition: str) -> int:
        if name not in self.entries:
            return -2
        score, old = self.entries[name]
        new = self.now_ms + ms
        holds = {
            "": True,
            "NX": old == NEVER,
            "XX": old != NEVER,
            "GT": new > old,
            "LT": new < old,
        }
        if not holds[condition]:
            return 0
        if ms == 0:
            del self.entries[name]
            return 2
        self.entries[name] = (score, new)
        return 1


def run(store: Store, model: Model, name: str, details: list[Any]) -> tuple[Any, Any]:
    """What the store and the model answer to one step."""
    if name == "ZADD":
        words, score = details
        pairs = [part for word in words for part in (score, word)]
        return store("ZADD", "z", *pairs), model.add(words, score)
    if name == "ZPOPMIN":
        popped = model.sorted()[: details[0]]
        expected = [[word, float(model.entries[word][0])] for word in popped]
        model.remove(popped)
        return store("ZPOPMIN", "z", details[0]), expected
    if name == "ZREMRANGEBYRANK":
        low, high = details
        removed = model.remove(model.sorted()[low : high + 1])
        return store("ZREMRANGEBYRANK", "z", low, high), removed
    words = details[0]
    listed = ("MEMBERS", len(words), *words)
    if name == "ZREM":
        return store("ZREM", "z", *words), model.remove(words)
    if name == "ZPERSIST":
        return store("ZPERSIST", "z", *listed), [model.persist(word) for word in words]
    ms, condition = details[1:]
    options = (condition,) if condition else ()
    reply = store("ZPEXPIRE", "z", ms, *options, *listed)
    return reply, [model.expire(word, ms, condition) for word in words]


@pytest.mark.parametrize("entries", ["128", "3", "0"])
@settings(deadline=None, max_examples=50)
@given(script=st.lists(steps, max_size=25))
def test_members_expire_as_the_model_says(entries: str, script: list[tuple[Any, ...]]):
    store = Store({"zset-max-listpack-entries": entries})
    replica = Store()
    store.engine.record_journal()
    model = Model()
    for name, *details in script:
        if name == "advance":
            ms, ticks = details
            model.advance(ms)
            store.engine.advance_clock(ms)
            if ticks:
                store.engine.tick()
        else:
            reply, expected = run(store, model, name, details)
            assert (name, reply) == (name, expected)
        assert store("ZRANGE", "z", 0, -1) == model.sorted()
        for rank, member in enumerate(model.sorted()):
            assert store("ZRANK", "z", member) == rank
    # The replica's own clock must not help it.
    replica.engine.freeze_clock(START_MS)
    for words in decode_all(store.engine.take_journal()):
        replica(*words)
    replica.engine.freeze_clock(model.now_ms)
    names = model.sorted()
    deadlines = [-1 if at == NEVER else at for _, at in map(model.entries.__getitem__, names)]
    for one in (store, replica):
        assert one("ZRANGE", "z", 0, -1) == names
        if names:
            assert one("ZPEXPIRETIME", "z", "MEMBERS", len(names), *names) == deadlines
        one.engine.check()
