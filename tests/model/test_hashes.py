"""Hashes beside a dict: fields, values and deadlines, with a clock that moves."""

from __future__ import annotations

from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from rubellite.errors import ReplyError
from tests.store import START_MS, Store

FIELDS = [b"a", b"b", b"7", b"-300", b"field:1", b"", b"x" * 70]
fields = st.sampled_from(FIELDS)
values = st.one_of(
    st.binary(max_size=70),
    st.integers(-(2**63), 2**63 - 1).map(lambda number: b"%d" % number),
)
delays = st.integers(1, 50)


class HashBesideDict(RuleBasedStateMachine):
    """`model` maps fields to (value, deadline or None); an empty one is no key."""

    def __init__(self) -> None:
        super().__init__()
        self.store = Store({"hash-max-listpack-entries": "4"})
        self.now_ms = START_MS
        self.model: dict[bytes, tuple[bytes, int | None]] = {}

    def call(self, *words: Any) -> Any:
        return self.store(*words)

    @rule(pairs=st.lists(st.tuples(fields, values), min_size=1, max_size=6))
    def hset(self, pairs: list[tuple[bytes, bytes]]) -> None:
        new = {field for field, _ in pairs} - self.model.keys()
        assert self.call("HSET", "h", *(word for pair in pairs for word in pair)) == len(new)
        self.model.update((field, (value, None)) for field, value in pairs)

    @rule(field=fields, value=values)
    def hsetnx(self, field: bytes, value: bytes) -> None:
        assert self.call("HSETNX", "h", field, value) == (field not in self.model)
        self.model.setdefault(field, (value, None))

    @rule(
        pairs=st.dictionaries(fields, values, min_size=1, max_size=4),
        delay=delays,
        condition=st.sampled_from([None, "FNX", "FXX"]),
    )
    def hsetex(self, pairs: dict[bytes, bytes], delay: int, condition: str | None) -> None:
        there = [field in self.model for field in pairs]
        holds = condition is None or (not any(there) if condition == "FNX" else all(there))
        words = [word for pair in pairs.items() for word in pair]
        options = [condition] if condition else []
        reply = self.call("HSETEX", "h", *options, "PX", delay, "FIELDS", len(pairs), *words)
        assert reply == holds
        if holds:
            deadline = self.now_ms + delay
            self.model.update((field, (value, deadline)) for field, value in pairs.items())

    @rule(
        chosen=st.lists(fields, min_size=1, max_size=4, unique=True),
        delay=st.integers(0, 50),
        condition=st.sampled_from([None, "NX", "XX", "GT", "LT"]),
    )
    def hpexpire(self, chosen: list[bytes], delay: int, condition: str | None) -> None:
        expected = [self._expire(field, self.now_ms + delay, condition) for field in chosen]
        options = [condition] if condition else []
        reply = self.call("HPEXPIRE", "h", delay, *options, "FIELDS", len(chosen), *chosen)
        assert reply == expected

    def _expire(self, field: bytes, at_ms: int, condition: str | None) -> int:
        if field not in self.model:
            return -2
        value, old = self.model[field]
        allowed = {
            None: True,
            "NX": old is None,
            "XX": old is not None,
            "GT": old is not None and at_ms > old,
            "LT": old is None or at_ms < old,
        }
        if not allowed[condition]:
            return 0
        if at_ms <= self.now_ms:
            del self.model[field]
            return 2
        self.model[field] = (value, at_ms)
        return 1

    @rule(chosen=st.lists(fields, min_size=1, max_size=3, unique=True))
    def hpersist(self, chosen: list[bytes]) -> None:
        expected = []
        for field in chosen:
            value, deadline = self.model.get(field, (b"", None))
            expected.append(-2 if field not in self.model else -1 if deadline is None else 1)
            if field in self.model:
                self.model[field] = (value, None)
        assert self.call("HPERSIST", "h", "FIELDS", len(chosen), *chosen) == expected

    @rule(chosen=st.lists(fields, min_size=1, max_size=3))
    def hdel(self, chosen: list[bytes]) -> None:
        expected = sum(self.model.pop(field, None) is not None for field in chosen)
        assert self.call("HDEL", "h", *chosen) == expected

    @rule(chosen=st.lists(fields, min_size=1, max_size=3))
    def hgetdel(self, chosen: list[bytes]) -> None:
        expected = [self.model.pop(field, (None,))[0] for field in chosen]
        assert self.call("HGETDEL", "h", "FIELDS", len(chosen), *chosen) == expected

    @rule(field=fields, by=st.integers(-(2**40), 2**40))
    def hincrby(self, field: bytes, by: int) -> None:
        old, deadline = self.model.get(field, (b"0", None))
        reply = self.call("HINCRBY", "h", field, by)
        if isinstance(reply, ReplyError):
            assert not _is_integer(old) or not -(2**63) <= int(old) + by < 2**63
        else:
            assert reply == int(old) + by
            self.model[field] = (b"%d" % reply, deadline)

    @rule(ms=st.integers(1, 30), ticks=st.booleans())
    def time_passes(self, ms: int, ticks: bool) -> None:
        self.store.engine.advance_clock(ms)
        self.now_ms += ms
        if ticks:
            self.store.engine.tick()
        self.model = {
            field: (value, deadline)
            for field, (value, deadline) in self.model.items()
            if deadline is None or deadline > self.now_ms
        }

    @precondition(lambda self: self.model)
    @rule(count=st.integers(-8, 8))
    def hrandfield(self, count: int) -> None:
        drawn = self.call("HRANDFIELD", "h", count)
        assert set(drawn) <= self.model.keys()
        if count >= 0:
            assert len(set(drawn)) == len(drawn) == min(count, len(self.model))
        else:
            assert len(drawn) == -count

    @invariant()
    def all_is_there_and_nothing_else(self) -> None:
        assert self.call("HGETALL", "h") == {
            field: value for field, (value, _) in self.model.items()
        }
        assert self.call("HLEN", "h") == len(self.model)
        assert self.call("EXISTS", "h") == bool(self.model)
        deadlines = self.call("HPEXPIRETIME", "h", "FIELDS", len(FIELDS), *FIELDS)
        assert deadlines == [
            -2 if field not in self.model else self.model[field][1] or -1 for field in FIELDS
        ]

    def teardown(self) -> None:
        self.store.engine.check()


def _is_integer(text: bytes) -> bool:
    try:
        return b"%d" % int(text) == text
    except ValueError:
        return False


TestHashBesideDict = HashBesideDict.TestCase
TestHashBesideDict.settings = settings(max_examples=40, stateful_step_count=40, deadline=None)
