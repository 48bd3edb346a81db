"""HyperLogLogs beside sets: few elements are counted exactly, unions are unions."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.store import Store

STORE = Store()

# Of these 60, no two share a register: so small a set is counted without error.
NAMES = [f"n{number}" for number in range(60)]
elements = st.lists(st.sampled_from(NAMES), max_size=30)
limits = st.sampled_from((0, 30, 3000))


def fill(key: str, names: list[str]) -> None:
    STORE("DEL", key)
    if names:
        STORE("PFADD", key, *names)


@given(names=elements, limit=limits)
def test_few_elements_are_counted_exactly(names: list[str], limit: int):
    STORE("CONFIG", "SET", "hll-sparse-max-bytes", limit)
    STORE("DEL", "key")
    seen: set[str] = set()
    for name in names:
        has_changed = name not in seen
        assert STORE("PFADD", "key", name) == has_changed
        seen.add(name)
        assert STORE("PFCOUNT", "key") == len(seen)


@given(parts=st.lists(elements, min_size=1, max_size=4), limit=limits, dense=st.booleans())
def test_a_union_counts_what_is_in_any(parts: list[list[str]], limit: int, dense: bool):
    STORE("CONFIG", "SET", "hll-sparse-max-bytes", limit)
    keys = [f"part{number}" for number in range(len(parts))]
    for key, names in zip(keys, parts, strict=True):
        fill(key, names)
    if dense:
        STORE("PFDEBUG", "TODENSE", keys[0])
    everything = sorted({name for names in parts for name in names})
    assert STORE("PFCOUNT", *keys) == len(everything)
    STORE("DEL", "union", "whole")
    STORE("PFMERGE", "union", *keys)
    assert STORE("PFCOUNT", "union") == len(everything)
    # The registers are those of one that saw all of them itself.
    STORE("PFADD", "whole", *everything)
    assert STORE("PFDEBUG", "GETREG", "union") == STORE("PFDEBUG", "GETREG", "whole")
