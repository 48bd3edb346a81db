"""Replies as redis-cli shows them on a terminal: what the manual's transcripts hold."""

from __future__ import annotations

from typing import Any

from tests.wire import NULL, NULL3, NULL_ARRAY, Double, Error, Map, Members, Push, Status, Verbatim

_ESCAPES = {
    ord("\\"): "\\\\",
    ord('"'): '\\"',
    ord("\n"): "\\n",
    ord("\r"): "\\r",
    ord("\t"): "\\t",
    ord("\a"): "\\a",
    ord("\b"): "\\b",
}

#: What an empty reply of several elements is called, and what follows an element's number.
_AGGREGATES = {Members: ("set", "~"), Push: ("push", ")"), Map: ("hash", "#")}

#: Commands whose text is made for people: it is shown as it is.
_PLAIN_TEXT = (
    ("INFO",),
    ("LOLWUT",),
    ("CLIENT", "LIST"),
    ("CLIENT", "INFO"),
    ("DEBUG", "HTSTATS"),
    ("LATENCY", "DOCTOR"),
    ("LATENCY", "GRAPH"),
    ("MEMORY", "DOCTOR"),
    ("MEMORY", "MALLOC-STATS"),
)


def show(reply: Any, command: list[bytes]) -> str:
    """The lines that redis-cli prints for the reply to `command`."""
    words = tuple(word.decode("ascii", "replace").upper() for word in command)
    if isinstance(reply, bytes) and any(words[: len(names)] == names for names in _PLAIN_TEXT):
        return reply.decode("utf-8", "backslashreplace")
    return _show(reply, "")


def _show(reply: Any, indent: str) -> str:
    match reply:
        case Error():
            return f"(error) {reply!s}"
        case Status():
            return str(reply)
        case Double():
            return f"(double) {reply!s}"
        case Verbatim():
            return reply[4:].decode("utf-8", "backslashreplace")
        case bytes():
            return quoted(reply)
        case bool():
            return "(true)" if reply else "(false)"
        case int():
            return f"(integer) {reply}"
        case list():
            return _show_list(reply, indent)
        case _ if reply in (NULL, NULL3, NULL_ARRAY):
            return "(nil)"
    raise TypeError(f"redis-cli has no form for {reply!r}")


def _show_list(reply: list[Any], indent: str) -> str:
    name, separator = _AGGREGATES.get(type(reply), ("array", ")"))
    if not reply:
        return f"(empty {name})"
    width = len(str(len(reply)))
    inner = indent + " " * (width + 2)
    lines = []
    for number, item in enumerate(reply, 1):
        if isinstance(item, tuple):
            key, value = item
            # A value of several elements begins on the line after its key.
            gap = f"\n{inner}" if isinstance(value, list) and value else " "
            shown = f"{_show(key, inner)} =>{gap}{_show(value, inner)}"
        else:
            shown = _show(item, inner)
        lines.append(f"{indent if number > 1 else ''}{number:>{width}}{separator} {shown}")
    return "\n".join(lines)


def quoted(data: bytes) -> str:
    """`data` in quotes, with escapes for what a terminal does not show."""
    shown = (
        _ESCAPES.get(byte) or (chr(byte) if 0x20 <= byte < 0x7F else f"\\x{byte:02x}")
        for byte in data
    )
    return f'"{"".join(shown)}"'
