"""Replies as redis-cli shows them: for terminals, raw, as CSV and as JSON.

The tests compare them with redis-cli's own output.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from rubellite.client.resp import BigNumber, Double, ErrorText, Map, Members, Push, Status, Verbatim

#: How a reply becomes text.
Format = Callable[[Any], bytes]

_ESCAPES = {
    ord("\\"): b"\\\\",
    ord('"'): b'\\"',
    ord("\n"): b"\\n",
    ord("\r"): b"\\r",
    ord("\t"): b"\\t",
    ord("\a"): b"\\a",
    ord("\b"): b"\\b",
}
_QUOTED = [
    _ESCAPES.get(byte, bytes([byte]) if 0x20 <= byte < 0x7F else b"\\x%02x" % byte)
    for byte in range(256)
]
#: What an aggregate without elements is called, and what follows an element's number.
_AGGREGATES = {Members: (b"set", b"~"), Push: (b"push", b")"), Map: (b"hash", b"#")}

#: Commands whose text is made for people, and shown as it is.
_PLAIN_TEXT = frozenset(
    (
        ("info",),
        ("lolwut",),
        ("client", "list"),
        ("client", "info"),
        ("cluster", "nodes"),
        ("cluster", "info"),
        ("debug", "htstats"),
        ("debug", "htstats-key"),
        ("latency", "doctor"),
        ("latency", "graph"),
        ("latency", "histogram"),
        ("memory", "doctor"),
        ("memory", "malloc-stats"),
        ("proxy", "info"),
    )
)


def is_plain_text(words: list[bytes]) -> bool:
    """Whether the reply to a command is text for people."""
    lowered = tuple(word.decode("latin-1").lower() for word in words[:2])
    return lowered[:1] in _PLAIN_TEXT or lowered in _PLAIN_TEXT


def quoted(data: bytes) -> bytes:
    """Bytes in quotes, with escapes for what a terminal does not show."""
    return b'"' + b"".join(map(_QUOTED.__getitem__, data)) + b'"'


def _text(reply: Any) -> bytes:
    return reply if isinstance(reply, bytes) else str(reply).encode("utf-8")


# For terminals


def standard(reply: Any) -> bytes:
    """As on a terminal: numbered elements, quoted strings, types in parentheses."""
    return _standard(reply, b"") + b"\n"


def _standard(reply: Any, indent: bytes) -> bytes:
    match reply:
        case None:
            return b"(nil)"
        case ErrorText():
            return b"(error) " + _text(reply)
        case Double():
            return b"(double) " + _text(reply)
        case Status() | BigNumber() | Verbatim():
            return _text(reply)
        case bytes():
            return quoted(reply)
        case bool():
            return b"(true)" if reply else b"(false)"
        case int():
            return b"(integer) %d" % reply
    return _numbered(reply, indent)


def _numbered(reply: list[Any], indent: bytes) -> bytes:
    name, mark = _AGGREGATES.get(type(reply), (b"array", b")"))
    if not reply:
        return b"(empty %b)" % name
    is_map = isinstance(reply, Map)
    count = len(reply) // 2 if is_map else len(reply)
    width = len(str(count))
    inner = indent + b" " * (width + 2)
    lines = []
    for number in range(1, count + 1):
        if is_map:
            key, value = reply[2 * number - 2], reply[2 * number - 1]
            inside = _standard(value, inner)
            # A value of several lines begins on the line after its key.
            gap = b"\n" + inner if isinstance(value, list) and b"\n" in inside else b""
            shown = b"%b => %b%b" % (_standard(key, inner), gap, inside)
        else:
            shown = _standard(reply[number - 1], inner)
        head = b"%*d%b " % (width, number, mark)
        lines.append((indent if number > 1 else b"") + head + shown)
    return b"\n".join(lines)


# Raw


def raw(reply: Any, *, between: bytes = b"\n", after: bytes = b"\n") -> bytes:
    """Strings as they are, elements `between` each other, `after` at the end."""
    return _raw(reply, between) + after


def _raw(reply: Any, between: bytes) -> bytes:
    if reply is None:
        return b""
    if isinstance(reply, ErrorText):
        return _text(reply) + b"\n"
    if isinstance(reply, bool):
        return b"(true)" if reply else b"(false)"
    if isinstance(reply, Map):
        pairs = zip(reply[::2], reply[1::2], strict=True)
        return between.join(_raw(key, between) + b" " + _raw(item, between) for key, item in pairs)
    if isinstance(reply, list):
        return between.join(_raw(item, between) for item in reply)
    return _text(reply)


# CSV


def csv(reply: Any) -> bytes:
    """Comma-separated values."""
    return _csv(reply) + b"\n"


def _csv(reply: Any) -> bytes:
    if reply is None:
        return b"NULL"
    if isinstance(reply, ErrorText):
        return b"ERROR," + quoted(_text(reply))
    if isinstance(reply, bool):
        return b"true" if reply else b"false"
    if isinstance(reply, (int, Double, BigNumber)):
        return _text(reply)
    if isinstance(reply, list):
        return b",".join(map(_csv, reply))
    return quoted(_text(reply))


# JSON


def json(reply: Any) -> bytes:
    """JSON, in which bytes that are not UTF-8 stand as they are."""
    return _json(reply, _json_string) + b"\n"


def quoted_json(reply: Any) -> bytes:
    """JSON of ASCII alone: strings are quoted as for a terminal first."""
    return _json(reply, lambda text: _json_string(quoted(text)[1:-1])) + b"\n"


_JSON_ESCAPES = {
    ord("\\"): b"\\\\",
    ord('"'): b'\\"',
    ord("\n"): b"\\n",
    ord("\f"): b"\\f",
    ord("\r"): b"\\r",
    ord("\t"): b"\\t",
    ord("\b"): b"\\b",
}
_JSON = [
    _JSON_ESCAPES.get(byte, bytes([byte]) if byte >= 0x20 else b"\\u%04x" % byte)
    for byte in range(256)
]


def _json_string(text: bytes) -> bytes:
    return b'"' + b"".join(map(_JSON.__getitem__, text)) + b'"'


def _json(reply: Any, string: Callable[[bytes], bytes]) -> bytes:
    if reply is None:
        return b"null"
    if isinstance(reply, ErrorText):
        return b"error:" + string(_text(reply))
    if isinstance(reply, bool):
        return b"true" if reply else b"false"
    if isinstance(reply, Double) and not math.isfinite(float(reply)):
        # redis-cli writes what no reader of JSON takes.
        return string(_text(reply))
    if isinstance(reply, (int, Double, BigNumber)):
        return _text(reply)
    if isinstance(reply, Map):
        pairs = zip(reply[::2], reply[1::2], strict=True)
        return (
            b"{"
            + b",".join(_json_key(key, string) + b":" + _json(item, string) for key, item in pairs)
            + b"}"
        )
    if isinstance(reply, list):
        return b"[" + b",".join(_json(item, string) for item in reply) + b"]"
    return string(_text(reply))


def _json_key(key: Any, string: Callable[[bytes], bytes]) -> bytes:
    if isinstance(key, (bytes, str)) and not isinstance(key, (Double, BigNumber)):
        return string(_text(key))
    return string(_json(key, string))
