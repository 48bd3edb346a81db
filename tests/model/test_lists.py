"""Lists beside a Python list, whatever their form."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from rubellite.errors import INDEX_OUT_OF_RANGE, NO_SUCH_KEY
from tests.store import Store

STORE = Store()

#: Words that repeat, integers of all widths, and what is long.
elements = st.one_of(
    st.sampled_from((b"a", b"b", b"", b"7", b"-1")),
    st.integers(-(2**63), 2**63 - 1).map(lambda number: b"%d" % number),
    st.sampled_from((b"x" * 63, b"x" * 64, b"x" * 600, b"07", b"9223372036854775808")),
)
some = st.lists(elements, min_size=1, max_size=4)
indices = st.integers(-12, 12)
ends = st.sampled_from(("LEFT", "RIGHT"))


def kept(items: list[bytes], start: int, stop: int) -> slice:
    """The part from `start` to `stop`, both included, as the commands count."""
    first = max(start + len(items), 0) if start < 0 else start
    last = stop + len(items) if stop < 0 else stop
    return slice(first, max(last + 1, 0))


class Lists(RuleBasedStateMachine):
    """Every command that changes a list, and the list that there should be."""

    @initialize(limit=st.sampled_from((-2, -1, 0, 1, 3, 8)))
    def begin(self, limit: int) -> None:
        STORE("FLUSHALL")
        assert str(STORE("CONFIG", "SET", "list-max-listpack-size", limit))
        self.items: list[bytes] = []
        self.other: list[bytes] = []

    @rule(end=ends, added=some, only_there=st.booleans())
    def push(self, end: str, added: list[bytes], only_there: bool) -> None:
        name = f"{end[0]}PUSH" + "X" * only_there
        if self.items or not only_there:
            self.items = added[::-1] + self.items if end == "LEFT" else self.items + added
        assert STORE(name, "key", *added) == len(self.items)

    @rule(end=ends, count=st.none() | st.integers(0, 5))
    def pop(self, end: str, count: int | None) -> None:
        wanted = 1 if count is None else count
        queue = self.items if end == "LEFT" else self.items[::-1]
        popped, left = queue[:wanted], queue[wanted:]
        expected: Any = popped if count is not None else popped[0] if popped else None
        if not self.items:
            expected = None
        arguments = () if count is None else (count,)
        assert STORE(f"{end[0]}POP", "key", *arguments) == expected
        self.items = left if end == "LEFT" else left[::-1]

    @rule(index=indices, element=elements)
    def set_one(self, index: int, element: bytes) -> None:
        reply = STORE("LSET", "key", index, element)
        if not self.items:
            assert str(reply) == NO_SUCH_KEY.text
        elif -len(self.items) <= index < len(self.items):
            self.items[index] = element
        else:
            assert str(reply) == INDEX_OUT_OF_RANGE.text

    @rule(where=st.sampled_from(("BEFORE", "AFTER")), pivot=elements, element=elements)
    def insert(self, where: str, pivot: bytes, element: bytes) -> None:
        expected = -1 if self.items else 0
        if pivot in self.items:
            self.items.insert(self.items.index(pivot) + (where == "AFTER"), element)
            expected = len(self.items)
        assert STORE("LINSERT", "key", where, pivot, element) == expected

    @rule(count=st.integers(-3, 3), element=elements)
    def remove(self, count: int, element: bytes) -> None:
        items = self.items[::-1] if count < 0 else self.items
        left, removed = [], 0
        for item in items:
            if item == element and (removed < abs(count) or not count):
                removed += 1
            else:
                left.append(item)
        self.items = left[::-1] if count < 0 else left
        assert STORE("LREM", "key", count, element) == removed

    @rule(start=indices, stop=indices)
    def trim(self, start: int, stop: int) -> None:
        STORE("LTRIM", "key", start, stop)
        self.items = self.items[kept(self.items, start, stop)]

    @rule(out=ends, into=ends, is_round=st.booleans())
    def move(self, out: str, into: str, is_round: bool) -> None:
        destination = self.items if is_round else self.other
        moved = self.items.pop(0 if out == "LEFT" else -1) if self.items else None
        name = "key" if is_round else "other"
        assert STORE("LMOVE", "key", name, out, into) == moved
        if moved is not None:
            destination.insert(0 if into == "LEFT" else len(destination), moved)

    @rule(end=ends, count=st.integers(1, 4))
    def pop_many(self, end: str, count: int) -> None:
        queue = self.items if end == "LEFT" else self.items[::-1]
        expected = [b"key", queue[:count]] if queue else None
        assert STORE("LMPOP", 2, "none", "key", end, "COUNT", count) == expected
        left = queue[count:]
        self.items = left if end == "LEFT" else left[::-1]

    @invariant()
    def is_the_same(self) -> None:
        if not hasattr(self, "items"):
            return
        assert STORE("LRANGE", "key", 0, -1) == self.items
        assert STORE("LRANGE", "other", 0, -1) == self.other
        assert STORE("LLEN", "key") == len(self.items)
        assert STORE("EXISTS", "key", "other") == bool(self.items) + bool(self.other)


TestLists = Lists.TestCase


@given(items=some, start=indices, stop=indices)
def test_lrange_and_lindex_count_from_both_ends(items: list[bytes], start: int, stop: int):
    STORE("DEL", "key")
    STORE("RPUSH", "key", *items)
    assert STORE("LRANGE", "key", start, stop) == items[kept(items, start, stop)]
    inside = -len(items) <= start < len(items)
    assert STORE("LINDEX", "key", start) == (items[start] if inside else None)


@given(
    items=st.lists(st.sampled_from((b"a", b"b", b"12")), min_size=1, max_size=12),
    wanted=st.sampled_from((b"a", b"12", b"c")),
    rank=st.integers(-4, 4).filter(bool),
    count=st.none() | st.integers(0, 3),
    compared_max=st.integers(0, 9),
    limit=st.sampled_from((-2, 1)),
)
def test_lpos_matches_the_obvious_definition(
    items: list[bytes], wanted: bytes, rank: int, count: int | None, compared_max: int, limit: int
):
    STORE("CONFIG", "SET", "list-max-listpack-size", limit)
    STORE("DEL", "key")
    STORE("RPUSH", "key", *items)
    places = list(enumerate(items))
    if rank < 0:
        places.reverse()
    found = [at for at, item in places[: compared_max or None] if item == wanted]
    found = found[abs(rank) - 1 :][: 1 if count is None else count or None]
    options: list[bytes | str | int] = ["RANK", rank, "MAXLEN", compared_max]
    if count is not None:
        assert STORE("LPOS", "key", wanted, *options, "COUNT", count) == found
    else:
        assert STORE("LPOS", "key", wanted, *options) == (found[0] if found else None)
