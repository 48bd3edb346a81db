"""What the Python programs print: one JSON line a step, the same for equal replies."""

from __future__ import annotations

import json
from typing import Any

section = ""


def plain(value: Any) -> Any:
    """A reply as JSON can hold it; what has no order is sorted."""
    if isinstance(value, bytes):
        text = value.decode("latin-1")
        return text if text.isascii() and text.isprintable() else f"hex {value.hex()}"
    if isinstance(value, set | frozenset):
        return ["set", *sorted(map(plain, value), key=repr)]
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {str(plain(key)): plain(item) for key, item in value.items()}
    if isinstance(value, BaseException):
        return {"error": f"{type(value).__name__}: {value}"}
    if value is None or isinstance(value, bool | int | str):
        return value
    return repr(value)


def say(step: str, reply: Any) -> None:
    """Prints a step; long values by their length and ends only."""
    shown = plain(reply)
    if isinstance(shown, str) and len(shown) > 1000:
        shown = [len(shown), shown[:100], shown[-100:]]
    print(json.dumps([section, step, shown], sort_keys=True), flush=True)
