"""Units of length that geo commands know."""

from __future__ import annotations

from typing import Final

from rubellite.errors import UNIT

_UNITS_M: Final = {b"M": 1.0, b"KM": 1000.0, b"FT": 0.3048, b"MI": 1609.34}


def unit_m(text: bytes) -> float:
    """How many meters a unit has.

    Errors: UNIT.
    """
    meters = _UNITS_M.get(text.upper())
    if meters is None:
        raise UNIT
    return meters
