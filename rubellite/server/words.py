"""Numbers in arguments that a command reads by itself."""

from __future__ import annotations

from rubellite.errors import text_of

_I64_MIN, _I64_MAX = -(2**63), 2**63 - 1


def integer(raw: bytes | str) -> int | None:
    """A whole number as the protocol writes them: no `+`, spaces or zeros in front."""
    text = raw if isinstance(raw, str) else text_of(raw)
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdigit()) or (digits[0] == "0" and text != "0"):
        return None
    number = int(text)
    return number if _I64_MIN <= number <= _I64_MAX else None
