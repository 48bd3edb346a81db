"""Data of every type and encoding, as commands that any of the real servers takes."""

from __future__ import annotations

from typing import Any

from tests.wire import Connection

#: 2100-01-01: a deadline that no test lives to see.
FAR_MS = 4_102_444_800_000

#: Limits at which everything small is packed, or nothing is.
LIMITS = {
    "usual": (),
    "none": (
        *("hash-max-listpack-entries", "0"),
        *("zset-max-listpack-entries", "0"),
        *("set-max-intset-entries", "0"),
        *("list-max-listpack-size", "1"),
    ),
}

NUMBERS = (0, 1, -1, 12, 127, 128, -4096, 4095, -40_000, 70_000, 2**31, -(2**31) - 1, 2**63 - 1)
TEXTS = (b"", b"a", b"hello world", b"01", b"-0", b"\x00\xff", b"x" * 63, b"y" * 64, b"z" * 5000)


def commands() -> list[tuple[Any, ...]]:
    """Commands that make the data."""
    found: list[tuple[Any, ...]] = []
    for index, number in enumerate(NUMBERS):
        found.append(("SET", f"number:{index}", number))
    for index, text in enumerate(TEXTS):
        found.append(("SET", f"text:{index}", text, "PXAT", FAR_MS + index))
    found.append(("SET", "big", b"0123456789" * 20_000))
    elements: list[bytes | int] = [*NUMBERS, *TEXTS]
    shapes: dict[str, list[bytes | int]] = {
        "few": elements[:6],
        "mixed": elements,
        "many": list(range(1500)),
    }
    for name, many in shapes.items():
        fields = [part for element in many for part in (element, b"value of " + _text(element))]
        found.append(("HSET", f"hash:{name}", *fields))
        found.append(("SADD", f"set:{name}", *many))
        found.append(("RPUSH", f"list:{name}", *many))
        scored = [part for at, element in enumerate(many) for part in (at * 0.25 - 2, element)]
        found.append(("ZADD", f"zset:{name}", *scored))
    found.append(("SADD", "set:numbers", *NUMBERS))
    found.append(("SADD", "set:texts", *TEXTS))
    found.append(("ZADD", "zset:odd", "-inf", "a", "inf", "b", "1e20", "c", "0", "d", "0", "e"))
    found.append(("EXPIREAT", "hash:few", FAR_MS // 1000))
    found.append(("SELECT", 9))
    found.append(("SET", "elsewhere", "yes"))
    found.append(("SELECT", 0))
    return found


def _text(element: bytes | int) -> bytes:
    return element if isinstance(element, bytes) else b"%d" % element


def fill(connection: Connection) -> None:
    """Makes the data."""
    connection.call("FLUSHALL")
    for command in commands():
        reply = connection.call(*command)
        assert "ERR" not in repr(reply), (command[:2], reply)


def digest(connection: Connection) -> str:
    """One number for all data."""
    return str(connection.call("DEBUG", "DIGEST"))
