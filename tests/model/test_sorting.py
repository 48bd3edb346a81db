"""SORT beside Python's `sorted`."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.store import Store

STORE = Store()

numbers = st.one_of(
    st.integers(-50, 50).map(lambda number: b"%d" % number),
    st.sampled_from((b"1.0", b"01", b"+1", b"1e1", b"-0", b"inf", b"-inf", b"0.5", b"-0.25")),
)
words = st.one_of(numbers, st.binary(max_size=3).filter(lambda word: b"\0" not in word))
weights = st.dictionaries(words, numbers, max_size=8)


def sliced(elements: list[bytes], offset: int, count: int) -> list[bytes]:
    start = max(offset, 0)
    return elements[start:] if count < 0 else elements[start : start + count]


@given(
    elements=st.lists(words, max_size=30),
    known=weights,
    by=st.sampled_from((None, "w:*", "h:*->f", "nosort")),
    alpha=st.booleans(),
    descending=st.booleans(),
    offset=st.integers(-3, 30),
    count=st.integers(-2, 30),
    gets=st.lists(st.sampled_from(("#", "w:*", "h:*->f", "w:")), max_size=3),
)
def test_elements_come_in_order(
    elements: list[bytes],
    known: dict[bytes, bytes],
    by: str | None,
    alpha: bool,
    descending: bool,
    offset: int,
    count: int,
    gets: list[str],
):
    STORE("FLUSHALL")
    if elements:
        STORE("RPUSH", "key", *elements)
    for element, weight in known.items():
        STORE("SET", b"w:" + element, weight)
        STORE("HSET", b"h:" + element, "f", weight)

    def weight_of(element: bytes) -> Any:
        if by is None:
            return element if alpha else (float(element), element)
        weight = known.get(element)
        if alpha:
            return (weight is not None, weight or b"")
        return (float(weight or b"0"), element)

    options: list[bytes | str | int] = ["LIMIT", offset, count]
    options += ["BY", by] if by else []
    options += ["ALPHA"] if alpha else []
    options += ["DESC"] if descending else []
    options += [part for pattern in gets for part in ("GET", pattern)]
    if by == "nosort":
        ordered = elements[::-1] if descending else elements
    else:
        try:
            keys = {element: weight_of(element) for element in elements}
        except ValueError:
            reply = STORE("SORT", "key", *options)
            assert "One or more scores" in str(reply)
            return
        # Python keeps equal elements in their order when it reverses, and so do we.
        ordered = sorted(elements, key=keys.__getitem__, reverse=descending)
    expected: list[bytes | None] = []
    for element in sliced(ordered, offset, count):
        for pattern in gets or ["#"]:
            found = None if pattern == "w:" else known.get(element)
            expected.append(element if pattern == "#" else found)
    assert STORE("SORT", "key", *options) == expected
    assert STORE("SORT_RO", "key", *options) == expected
    assert STORE("SORT", "key", *options, "STORE", "stored") == len(expected)
    assert STORE("LRANGE", "stored", 0, -1) == [found or b"" for found in expected]


@given(members=st.sets(words, min_size=1, max_size=30), descending=st.booleans())
def test_an_unsorted_set_is_stored_in_order(members: set[bytes], descending: bool):
    STORE("DEL", "key", "stored")
    STORE("SADD", "key", *members)
    assert set(STORE("SORT", "key", "BY", "nosort")) == members
    order = ["DESC"] if descending else []
    assert STORE("SORT", "key", "BY", "nosort", *order, "STORE", "stored") == len(members)
    assert STORE("LRANGE", "stored", 0, -1) == sorted(members, reverse=descending)
