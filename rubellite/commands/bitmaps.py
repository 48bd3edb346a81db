"""Bitmaps: strings whose bits have numbers, the first the highest of the first byte."""

from __future__ import annotations

from typing import Annotated

from rubellite._core import Arguments, Call
from rubellite.engine.replies import Reply
from rubellite.errors import (
    BIT_ARGUMENT,
    BIT_OFFSET,
    BIT_VALUE,
    BITOP_NOT,
    BITOP_SOURCES,
    SYNTAX,
)
from rubellite.spec.command import command
from rubellite.spec.flags import DENYOOM, FAST, READ, WRITE
from rubellite.spec.parameters import Range

_Offset = Annotated[int, Range(least=0, error="BIT_OFFSET")]
_BITS = {b"0": False, b"1": True}


def _check_offset(call: Call, offset: int) -> None:
    """Fails if a string cannot be as long as its bit `offset` asks for.

    Errors: BIT_OFFSET.
    """
    if offset // 8 >= call.bulk_bytes_max:
        raise BIT_OFFSET


@command("SETBIT key:RW,access,update offset value:integer", WRITE | DENYOOM, since="2.2.0")
def setbit(call: Call, key: bytes, offset: _Offset, value: bytes) -> Reply:
    """Set the bit at `offset`, filling the string up with zeros; return the old one.

    Errors: BIT_OFFSET, BIT_VALUE, WRONG_TYPE, STRING_TOO_LONG (without memory for it).
    """
    _check_offset(call, offset)
    if value not in _BITS:
        raise BIT_VALUE
    return call.set_bit(key, offset, _BITS[value])


@command("GETBIT key offset", READ | FAST, since="2.2.0")
def getbit(call: Call, key: bytes, offset: _Offset) -> Reply:
    """Return the bit at `offset`; 0 behind the end of the string.

    Errors: BIT_OFFSET, WRONG_TYPE.
    """
    _check_offset(call, offset)
    return call.get_bit(key, offset)


def _range(words: Arguments) -> tuple[int, int | None, bool]:
    """`[start [end [BYTE|BIT]]]`: where to begin, where to end if said, and whether in bits.

    Errors: SYNTAX, NOT_INTEGER.
    """
    if len(words) > 3:
        raise SYNTAX
    start = words.integer(0) if len(words) > 0 else 0
    unit = words[2].upper() if len(words) > 2 else b"BYTE"
    if unit not in (b"BYTE", b"BIT"):
        raise SYNTAX
    end = words.integer(1) if len(words) > 1 else None
    return start, end, unit == b"BIT"


@command(
    "BITCOUNT key [start [end [BYTE|BIT]]]",
    READ,
    since="2.6.0",
    cost="O(N) where N is the number of bytes looked at.",
    history=(
        ("7.0.0", "Added the `BYTE|BIT` option."),
        ("8.0.0", "`end` may be left out: it is the last byte then."),
    ),
    takes_rest=True,
)
def bitcount(call: Call, key: bytes, within: Arguments) -> Reply:
    """Count the bits that are 1, in the whole string or from `start` to `end`.

    Errors: SYNTAX, NOT_INTEGER, WRONG_TYPE.
    """
    start, end, in_bits = _range(within)
    return call.count_bits(key, start, -1 if end is None else end, in_bits)


@command(
    "BITPOS key bit [start [end [BYTE|BIT]]]",
    READ,
    since="2.8.7",
    cost="O(N) where N is the number of bytes looked at.",
    history=(("7.0.0", "Added the `BYTE|BIT` option."),),
    takes_rest=True,
)
def bitpos(call: Call, key: bytes, bit: int, within: Arguments) -> Reply:
    """Find the first bit that is `bit`; -1 if there is none.

    A string whose `end` is not given goes on with zeros for ever.

    Errors: NOT_INTEGER, BIT_ARGUMENT, SYNTAX, WRONG_TYPE.
    """
    if bit not in (0, 1):
        raise BIT_ARGUMENT
    position = call.bit_position(key, bit == 1, *_range(within))
    return -1 if position is None else position


@command(
    "BITOP <AND|OR|XOR|NOT|DIFF|DIFF1|ANDOR|ONE> destkey:OW,update key:RO,access [key ...]",
    WRITE | DENYOOM,
    since="2.6.0",
    cost="O(N) where N is the number of bytes of all sources.",
    history=(("8.2.0", "Added `DIFF`, `DIFF1`, `ANDOR` and `ONE`, which are Redis's."),),
)
def bitop(call: Call, operation: str, destkey: bytes, keys: Arguments) -> Reply:
    """Combine strings bit by bit, shorter ones being filled up with zeros.

    `DIFF` is what only the first has, `DIFF1` what only the others have, `ANDOR` what the
    first shares with any other, `ONE` what exactly one has.

    Errors: SYNTAX, BITOP_NOT, BITOP_SOURCES, WRONG_TYPE.
    """
    if operation == "NOT" and len(keys) != 1:
        raise BITOP_NOT
    if operation in ("DIFF", "DIFF1", "ANDOR") and len(keys) < 2:
        raise BITOP_SOURCES(operation)
    return call.combine_bits(operation, destkey, keys)


@command(
    "BITFIELD key:RW,access,update,variable_flags [GET encoding offset|"
    "[OVERFLOW <WRAP|SAT|FAIL>] <SET encoding offset value:integer|"
    "INCRBY encoding offset increment> ...]",
    WRITE | DENYOOM,
    since="3.2.0",
    cost="O(1) for each operation.",
    takes_rest=True,
)
def bitfield(call: Call, key: bytes, operations: Arguments) -> Reply:
    """Read, write and add to integers of 1 to 64 bits anywhere in a string.

    `u8` is an unsigned one of 8 bits, `i5` a signed one of 5; `#2` is the offset of the
    third of such integers. What does not fit wraps, saturates or fails (null).

    Errors: SYNTAX, BITFIELD_TYPE, BIT_OFFSET, NOT_INTEGER, BITFIELD_OVERFLOW, WRONG_TYPE,
    STRING_TOO_LONG (without memory for it).
    """
    return call.run_fields(key, operations)


@command(
    "BITFIELD_RO key [GET encoding offset [GET encoding offset ...]]",
    READ | FAST,
    since="6.0.0",
    cost="O(1) for each operation.",
    takes_rest=True,
)
def bitfield_ro(call: Call, key: bytes, operations: Arguments) -> Reply:
    """Read integers of 1 to 64 bits anywhere in a string.

    Errors: SYNTAX, BITFIELD_TYPE, BIT_OFFSET, NOT_INTEGER, BITFIELD_OVERFLOW,
    BITFIELD_READ_ONLY, WRONG_TYPE.
    """
    return call.run_fields(key, operations, read_only=True)
