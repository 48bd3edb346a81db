"""Members that expire beside a dict of deadlines, and beside a store that reads the journal."""

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
    st.tuples(st.just("SADD"), several),
    st.tuples(st.just("SREM"), several),
    st.tuples(st.just("SPERSIST"), several),
    st.tuples(st.just("SPEXPIRE"), several, st.integers(0, 20), conditions),
    st.tuples(st.just("advance"), st.integers(1, 12), st.booleans()),
)


class Model:
    """The members of one set with their deadlines."""

    def __init__(self) -> None:
        self.now_ms = START_MS
        self.deadlines: dict[bytes, int] = {}

    def advance(self, ms: int) -> None:
        self.now_ms += ms
        self.deadlines = {m: at for m, at in self.deadlines.items() if at > self.now_ms}

    def add(self, names: list[bytes]) -> int:
        new = [name for name in names if name not in self.deadlines]
        self.deadlines.update(dict.fromkeys(new, NEVER))
        return len(new)

    def remove(self, names: list[bytes]) -> int:
        return sum(self.deadlines.pop(name, None) is not None for name in names)

    def persist(self, name: bytes) -> int:
        if name not in self.deadlines:
            return -2
        had_one = self.deadlines[name] != NEVER
        self.deadlines[name] = NEVER
        return 1 if had_one else -1

    def expire(self, name: bytes, ms: int, condition: str) -> int:
        old = self.deadlines.get(name)
        if old is None:
            return -2
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
            del self.deadlines[name]
            return 2
        self.deadlines[name] = new
        return 1


@pytest.mark.parametrize("entries", ["128", "3", "0"])
@settings(deadline=None, max_examples=50)
@given(script=st.lists(steps, max_size=25))
def test_members_expire_as_the_model_says(entries: str, script: list[tuple[Any, ...]]):
    store = Store({"set-max-listpack-entries": entries, "set-max-intset-entries": entries})
    replica = Store()
    store.engine.record_journal()
    model = Model()
    for name, *details in script:
        reply: Any
        expected: Any
        if name == "advance":
            ms, ticks = details
            model.advance(ms)
            store.engine.advance_clock(ms)
            replica.engine.advance_clock(ms)
            if ticks:
                store.engine.tick()
            continue
        words = details[0]
        listed = ("MEMBERS", len(words), *words)
        if name == "SADD":
            reply, expected = store("SADD", "s", *words), model.add(words)
        elif name == "SREM":
            reply, expected = store("SREM", "s", *words), model.remove(words)
        elif name == "SPERSIST":
            reply, expected = store("SPERSIST", "s", *listed), [model.persist(w) for w in words]
        else:
            ms, condition = details[1:]
            options = (condition,) if condition else ()
            reply = store("SPEXPIRE", "s", ms, *options, *listed)
            expected = [model.expire(word, ms, condition) for word in words]
        assert (name, reply) == (name, expected)
        assert store("SCARD", "s") == len(model.deadlines)
    expected = {name: -1 if at == NEVER else at for name, at in model.deadlines.items()}
    # The replica's own clock must not help it.
    replica.engine.freeze_clock(START_MS)
    for words in decode_all(store.engine.take_journal()):
        replica(*words)
    replica.engine.freeze_clock(model.now_ms)
    for one in (store, replica):
        found = list(one("SMEMBERS", "s"))
        listed = ("MEMBERS", len(found), *found)
        times = one("SPEXPIRETIME", "s", *listed) if found else []
        assert dict(zip(found, times, strict=True)) == expected
        one.engine.check()
