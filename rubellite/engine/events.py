"""Classes of keyspace events; the numbers are those of the core's `dispatch::notify::class`."""

from __future__ import annotations

from typing import Final

KEYSPACE: Final = 1 << 0
KEYEVENT: Final = 1 << 1
GENERIC: Final = 1 << 2
STRING: Final = 1 << 3
LIST: Final = 1 << 4
SET: Final = 1 << 5
HASH: Final = 1 << 6
SORTED_SET: Final = 1 << 7
EXPIRED: Final = 1 << 8
EVICTED: Final = 1 << 9
STREAM: Final = 1 << 10
KEY_MISS: Final = 1 << 11
MODULE: Final = 1 << 13
NEW: Final = 1 << 14

#: The letters of `notify-keyspace-events`; `A` is all of them but `m` and `n`.
LETTERS: Final[dict[str, int]] = {
    "K": KEYSPACE,
    "E": KEYEVENT,
    "g": GENERIC,
    "$": STRING,
    "l": LIST,
    "s": SET,
    "h": HASH,
    "z": SORTED_SET,
    "x": EXPIRED,
    "e": EVICTED,
    "t": STREAM,
    "d": MODULE,
    "m": KEY_MISS,
    "n": NEW,
}
_ALL = "g$lshzxetd"


def flags(letters: str) -> int:
    """The classes that a `notify-keyspace-events` value asks for."""
    expanded = letters.replace("A", _ALL)
    found = 0
    for letter in expanded:
        found |= LETTERS[letter]
    return found
