"""Bitmap commands beside their obvious definition: a list of bits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.store import Store

STORE = Store()

values = st.one_of(
    st.binary(max_size=12),
    # Long runs of the same, as in real bitmaps.
    st.lists(
        st.tuples(st.sampled_from((b"\0", b"\xff", b"\x01")), st.integers(0, 100)), max_size=3
    ).map(lambda runs: b"".join(byte * count for byte, count in runs)),
)
indices = st.integers(-120, 120)
units = st.sampled_from(("BYTE", "BIT"))

Bits = list[int]


def bits_of(value: bytes) -> Bits:
    return [byte >> (7 - place) & 1 for byte in value for place in range(8)]


def bytes_of(bits: Bits) -> bytes:
    padded = bits + [0] * (-len(bits) % 8)
    return bytes(int("".join(map(str, padded[at : at + 8])), 2) for at in range(0, len(padded), 8))


def within(value: bytes, start: int, end: int, unit: str) -> range:
    """The bits that a start and an end name."""
    width = 8 if unit == "BYTE" else 1
    count = len(value) * 8 // width
    first = max(start + count, 0) if start < 0 else start
    last = max(end + count, 0) if end < 0 else min(end, count - 1)
    return range(first * width, (last + 1) * width) if first <= last < count else range(0)


@given(value=values, start=indices, end=indices, unit=units)
def test_bitcount_counts_the_ones_in_the_range(value: bytes, start: int, end: int, unit: str):
    STORE("SET", "key", value)
    bits = bits_of(value)
    assert STORE("BITCOUNT", "key") == sum(bits)
    expected = sum(bits[at] for at in within(value, start, end, unit))
    if 0 > start > end:
        expected = 0
    assert STORE("BITCOUNT", "key", start, end, unit) == expected


@given(value=values, bit=st.integers(0, 1), start=indices, end=indices, unit=units)
def test_bitpos_finds_the_first_in_the_range(
    value: bytes, bit: int, start: int, end: int, unit: str
):
    STORE("SET", "key", value)
    bits = bits_of(value)

    def first(places: range) -> int:
        return next((at for at in places if bits[at] == bit), -1)

    assert STORE("BITPOS", "key", bit, start, end, unit) == first(within(value, start, end, unit))
    # Without an end, zeros follow.
    open_range = within(value, start, -1, "BYTE")
    expected = first(open_range)
    if expected == -1 and bit == 0 and open_range:
        expected = len(bits)
    assert STORE("BITPOS", "key", bit, start) == expected


OPERATIONS: dict[str, Callable[[tuple[int, ...]], Any]] = {
    "AND": all,
    "OR": any,
    "XOR": lambda bits: sum(bits) % 2,
    "ONE": lambda bits: sum(bits) == 1,
    "DIFF": lambda bits: bits[0] and not any(bits[1:]),
    "DIFF1": lambda bits: any(bits[1:]) and not bits[0],
    "ANDOR": lambda bits: bits[0] and any(bits[1:]),
}


@given(
    operation=st.sampled_from(sorted(OPERATIONS)), sources=st.lists(values, min_size=2, max_size=5)
)
def test_bitop_looks_at_each_column(operation: str, sources: list[bytes]):
    STORE("FLUSHALL")
    for number, value in enumerate(sources):
        # What is empty may as well be missing.
        if value:
            STORE("SET", f"source{number}", value)
    names = [f"source{number}" for number in range(len(sources))]
    longest = max(map(len, sources))
    columns = zip(*(bits_of(value.ljust(longest, b"\0")) for value in sources), strict=True)
    expected = bytes_of([int(OPERATIONS[operation](column)) for column in columns])
    STORE("SET", "to", "old")
    assert STORE("BITOP", operation, "to", *names) == longest
    assert STORE("GET", "to") == (expected or None)


@given(value=values)
def test_bitop_not_turns_every_bit(value: bytes):
    STORE("SET", "key", value)
    STORE("BITOP", "NOT", "to", "key")
    assert STORE("GET", "to") == (bytes(255 - byte for byte in value) or None)


types = st.one_of(
    st.tuples(st.just("u"), st.integers(1, 63)), st.tuples(st.just("i"), st.integers(1, 64))
)
numbers = st.one_of(
    st.integers(-300, 300),
    # Not the lowest: real servers take a saturating SET of it for a high one.
    st.integers(-(2**62), 2**63 - 1),
)
steps = st.tuples(
    types,
    st.integers(0, 70),
    st.sampled_from(("GET", "SET", "INCRBY")),
    numbers,
    st.sampled_from(("WRAP", "SAT", "FAIL")),
)


class Fields:
    """BITFIELD on a list of bits."""

    def __init__(self, value: bytes) -> None:
        self.bits = bits_of(value)

    def grow(self, length: int) -> None:
        self.bits += [0] * (length + -length % 8 - len(self.bits))

    def run(self, step: tuple[Any, ...]) -> int | None:
        (sign, width), offset, action, number, overflow = step
        place = slice(offset, offset + width)
        shown = (self.bits[place] + [0] * width)[:width]
        old = int("".join(map(str, shown)), 2)
        least, most = (
            (0, 2**width - 1) if sign == "u" else (-(2 ** (width - 1)), 2 ** (width - 1) - 1)
        )
        if old > most:
            old -= 2**width
        if action == "GET":
            return old
        new = number if action == "SET" else old + number
        if sign == "u" and action == "SET":
            new %= 2**64
        if not least <= new <= most:
            if overflow == "FAIL":
                return None
            if overflow == "SAT":
                new = max(least, min(most, new))
            else:
                new = (new - least) % 2**width + least
        self.bits[place] = [int(digit) for digit in f"{new % 2**width:0{width}b}"]
        return old if action == "SET" else new


@given(value=values, chain=st.lists(steps, max_size=6))
def test_bitfield_reads_and_writes_whole_numbers(value: bytes, chain: list[tuple[Any, ...]]):
    STORE("DEL", "key")
    if value:
        STORE("SET", "key", value)
    words: list[str | int] = []
    for (sign, width), offset, action, number, overflow in chain:
        words += ["OVERFLOW", overflow, action, f"{sign}{width}", offset]
        words += [] if action == "GET" else [number]
    fields = Fields(value)
    writes = [offset + width for (_, width), offset, action, _, _ in chain if action != "GET"]
    if writes:
        fields.grow(max(writes))
    expected = [fields.run(step) for step in chain]
    assert STORE("BITFIELD", "key", *words) == expected
    assert (STORE("GET", "key") or b"") == bytes_of(fields.bits)


@given(value=values, offsets=st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 1))))
def test_setbit_and_getbit_address_one_bit(value: bytes, offsets: list[tuple[int, int]]):
    STORE("SET", "key", value)
    bits = bits_of(value)
    for offset, bit in offsets:
        bits += [0] * (offset // 8 * 8 + 8 - len(bits))
        assert STORE("GETBIT", "key", offset) == bits[offset]
        assert STORE("SETBIT", "key", offset, bit) == bits[offset]
        bits[offset] = bit
    assert STORE("GET", "key") == bytes_of(bits)
