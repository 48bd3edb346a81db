"""Keys as lines of JSON: `docs/json-lines.md` is their definition.

    {"db":0,"key":"user:1","type":"hash","expires_at":4102444800000,"value":[["name","ann"]]}

A string of bytes is a JSON string where the bytes are UTF-8, else {"base64": "…"}.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
from typing import Any

#: What a key is, apart from its value.
Line = dict[str, Any]


class LineError(Exception):
    """A line is not what it must be; `str()` says why."""


# Writing


def line_of(database: int, name: bytes, kind: str, deadline: int | None, value: Any) -> str:
    """The line of a key, from what `RdbReader` says of it."""
    line: Line = {"db": database, "key": _json(name), "type": kind}
    if deadline is not None:
        line["expires_at"] = deadline
    line["value"] = _WRITERS[kind](value)
    return json.dumps(line, ensure_ascii=False, separators=(",", ":"), allow_nan=False) + "\n"


def line_of_library(code: bytes) -> str:
    """The line of a library of functions."""
    return json.dumps({"library": _json(code)}, ensure_ascii=False, separators=(",", ":")) + "\n"


def _json(raw: bytes) -> Any:
    """A string where the bytes are text, else an object that says it is not."""
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(raw).decode("ascii")}


def _score(score: float) -> float | int | str:
    # JSON knows no infinity, and its integers no -0.
    if math.isinf(score):
        return "inf" if score > 0 else "-inf"
    is_plain = score.is_integer() and abs(score) < 1e17 and math.copysign(1, score) * score > 0
    return int(score) if is_plain or (score == 0 and math.copysign(1, score) > 0) else score


def _stream(value: Any) -> Any:
    return {
        "entries": [[id, *map(_json, parts)] for id, parts in value["entries"]],
        "last_id": value["last_id"],
        "max_deleted_id": value["max_deleted_id"],
        "entries_added": value["entries_added"],
        "groups": [
            {
                "name": _json(group["name"]),
                "last_id": group["last_id"],
                "entries_read": group["entries_read"],
                "consumers": [
                    {"name": _json(name), "seen_at": seen, "active_at": active}
                    for name, seen, active in group["consumers"]
                ],
                "pending": [
                    [id, _json(consumer), delivered, deliveries]
                    for id, delivered, deliveries, consumer in group["pending"]
                ],
            }
            for group in value["groups"]
        ],
    }


_WRITERS = {
    "string": _json,
    "list": lambda value: [_json(element) for element in value],
    "set": lambda value: [
        _json(member) if deadline is None else [_json(member), deadline]
        for member, deadline in value
    ],
    "hash": lambda value: [
        [_json(field), _json(text)] + ([] if deadline is None else [deadline])
        for field, text, deadline in value
    ],
    "zset": lambda value: [
        [_json(member), _score(score)] + ([] if deadline is None else [deadline])
        for member, score, deadline in value
    ],
    "stream": _stream,
}


# Reading


def library_of(text: bytes) -> bytes | None:
    """The code in a library's line; None: it is no such line. Fails with `LineError`."""
    # Nearly every line is a key's, and is parsed once.
    if b'"library"' not in text:
        return None
    try:
        line = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(line, dict) or line.keys() != {"library"}:
        return None
    return _raw(line["library"])


def parse(text: str | bytes) -> tuple[int, bytes, str, int | None, Any]:
    """A line as `line_of` takes it. Fails with `LineError`."""
    try:
        line = json.loads(text)
    except (ValueError, RecursionError) as problem:
        raise LineError(f"no JSON: {problem}") from None
    if not isinstance(line, dict):
        raise LineError("not an object")
    for name in ("key", "type", "value"):
        if name not in line:
            raise LineError(f'"{name}" is missing')
    unknown = line.keys() - {"db", "key", "type", "value", "expires_at"}
    if unknown:
        raise LineError(f'"{min(unknown)}" is unknown')
    kind = line["type"]
    if not isinstance(kind, str) or kind not in _READERS:
        raise LineError(f'"type" is none of {", ".join(_READERS)}')
    deadline = line.get("expires_at")
    if deadline is not None:
        deadline = _positive(deadline, "expires_at")
    database = _integer(line.get("db", 0), "db")
    value = _READERS[kind](line["value"])
    if kind not in ("string", "stream") and not value:
        raise LineError(f"a {kind} without elements")
    return database, _raw(line["key"]), kind, deadline, value


def _raw(value: Any) -> bytes:
    if isinstance(value, str):
        try:
            return value.encode("utf-8")
        except UnicodeEncodeError:
            raise LineError("a string holds half a surrogate pair") from None
    if isinstance(value, dict) and value.keys() == {"base64"}:
        try:
            return base64.b64decode(value["base64"], validate=True)
        except (binascii.Error, TypeError, ValueError):
            raise LineError('"base64" holds no base64') from None
    raise LineError('neither a string nor {"base64": …}')


def _integer(value: Any, name: str) -> int:
    if type(value) is not int or not -1 <= value < 1 << 63:
        raise LineError(f'"{name}" is no integer that can be')
    return value


def _positive(value: Any, name: str) -> int:
    number = _integer(value, name)
    if number < 1:
        raise LineError(f'"{name}" must be milliseconds after 1970')
    return number


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise LineError("a list was expected")
    return value


def _read_set(value: Any) -> list[tuple[bytes, int | None]]:
    members: list[tuple[bytes, int | None]] = []
    for item in _list(value):
        if isinstance(item, list):
            if len(item) != 2:
                raise LineError("a member with a deadline is a pair")
            members.append((_raw(item[0]), _positive(item[1], "deadline")))
        else:
            members.append((_raw(item), None))
    return members


def _read_hash(value: Any) -> list[tuple[bytes, bytes, int | None]]:
    fields: list[tuple[bytes, bytes, int | None]] = []
    for item in _list(value):
        if not isinstance(item, list) or len(item) not in (2, 3):
            raise LineError("a field is [field, value] or [field, value, deadline]")
        deadline = _positive(item[2], "deadline") if len(item) == 3 else None
        fields.append((_raw(item[0]), _raw(item[1]), deadline))
    return fields


def _read_sorted_set(value: Any) -> list[tuple[bytes, float, int | None]]:
    members: list[tuple[bytes, float, int | None]] = []
    for item in _list(value):
        if not isinstance(item, list) or len(item) not in (2, 3):
            raise LineError(
                "an element of a sorted set is [member, score] or [member, score, deadline]"
            )
        score = item[1]
        if score in ("inf", "-inf"):
            score = float(score)
        if type(score) not in (int, float) or math.isnan(score):
            raise LineError("a score is no number")
        deadline = _positive(item[2], "deadline") if len(item) == 3 else None
        members.append((_raw(item[0]), float(score), deadline))
    return members


def _id(value: Any) -> str:
    if isinstance(value, str):
        ms, dash, sequence = value.partition("-")
        parts = (ms, sequence)
        is_plain = all(part.isascii() and part.isdigit() and len(part) <= 20 for part in parts)
        if dash and is_plain and all(int(part) < 1 << 64 for part in parts):
            return f"{int(ms)}-{int(sequence)}"
    raise LineError("an ID is not of the form milliseconds-number")


def _part(value: Any, name: str) -> Any:
    if not isinstance(value, dict):
        raise LineError("an object was expected")
    if name not in value:
        raise LineError(f'"{name}" is missing')
    return value[name]


def _read_entry(value: Any) -> tuple[str, list[bytes]]:
    if not isinstance(value, list) or len(value) < 3 or len(value) % 2 == 0:
        raise LineError("an entry of a stream is [ID, name, value, …]")
    return _id(value[0]), [_raw(part) for part in value[1:]]


def _read_pending(value: Any) -> tuple[str, int, int, bytes]:
    if not isinstance(value, list) or len(value) != 4:
        raise LineError("a pending entry is [ID, consumer, delivered at, deliveries]")
    delivered, deliveries = _integer(value[2], "delivered at"), _integer(value[3], "deliveries")
    return _id(value[0]), delivered, max(deliveries, 0), _raw(value[1])


def _read_group(value: Any) -> dict[str, Any]:
    consumers = [
        (
            _raw(_part(consumer, "name")),
            _integer(_part(consumer, "seen_at"), "seen_at"),
            _integer(_part(consumer, "active_at"), "active_at"),
        )
        for consumer in _list(_part(value, "consumers"))
    ]
    return {
        "name": _raw(_part(value, "name")),
        "last_id": _id(_part(value, "last_id")),
        "entries_read": _integer(_part(value, "entries_read"), "entries_read"),
        "consumers": consumers,
        "pending": [_read_pending(item) for item in _list(_part(value, "pending"))],
    }


def _read_stream(value: Any) -> dict[str, Any]:
    return {
        "entries": [_read_entry(item) for item in _list(_part(value, "entries"))],
        "last_id": _id(_part(value, "last_id")),
        "max_deleted_id": _id(_part(value, "max_deleted_id")),
        "entries_added": max(_integer(_part(value, "entries_added"), "entries_added"), 0),
        "groups": [_read_group(item) for item in _list(_part(value, "groups"))],
    }


_READERS = {
    "string": _raw,
    "list": lambda value: [_raw(item) for item in _list(value)],
    "set": _read_set,
    "hash": _read_hash,
    "zset": _read_sorted_set,
    "stream": _read_stream,
}
