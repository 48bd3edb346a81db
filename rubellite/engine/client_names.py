"""Names that clients give themselves."""

from __future__ import annotations

from rubellite.errors import CLIENT_NAME_CHARACTERS


def check_name(name: bytes) -> bytes:
    """`name`, if it can stand in CLIENT LIST.

    Errors: CLIENT_NAME_CHARACTERS.
    """
    # As in C, a NUL ends what is looked at.
    if any(byte < 33 or byte > 126 for byte in name.partition(b"\0")[0]):
        raise CLIENT_NAME_CHARACTERS
    return name
