"""Reads a key by the commands of its type, where a dump of it is of no use.

Values are those of `RdbReader.next_item`; large ones are read in steps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from rubellite.client.resp import ErrorText

#: Elements in one reply.
_STEP = 1000

Caller = Callable[..., Any]


class ReadError(Exception):
    """The key cannot be read; `str()` says why."""


def read(call: Caller, key: bytes) -> tuple[str, Any] | None:
    """The type and value of `key`; None without it. O(N). Fails with `ReadError`."""
    kind = call("TYPE", key)
    kind = kind.decode() if isinstance(kind, bytes) else str(kind)
    if kind == "none":
        return None
    if kind not in _READERS:
        raise ReadError(f"its type is {kind}")
    value = _READERS[kind](call, key)
    return (
        None if value is None or (kind not in ("string", "stream") and not value) else (kind, value)
    )


def _ask(call: Caller, *words: Any) -> Any:
    reply = call(*words)
    if isinstance(reply, ErrorText):
        raise ReadError(str(reply))
    return reply


def _string(call: Caller, key: bytes) -> Any:
    return _ask(call, "GET", key)


def _list(call: Caller, key: bytes) -> list[bytes]:
    found: list[bytes] = []
    while part := _ask(call, "LRANGE", key, len(found), len(found) + _STEP - 1):
        found += part
    return found


def _scan(call: Caller, name: str, key: bytes) -> Iterator[list[bytes]]:
    cursor = b"0"
    while True:
        cursor, part = _ask(call, name, key, cursor, "COUNT", _STEP)
        yield part
        if cursor == b"0":
            return


def _deadlines(call: Caller, name: str, word: str, key: bytes, names: list[bytes]) -> list[Any]:
    """Of fields or members; all None where the server knows no such thing."""
    found: list[Any] = []
    for start in range(0, len(names), _STEP):
        part = names[start : start + _STEP]
        reply = call(name, key, word, len(part), *part)
        if isinstance(reply, ErrorText):
            if "unknown command" in reply.lower():
                return [None] * len(names)
            raise ReadError(str(reply))
        found += [at if at >= 0 else None for at in reply or [-2] * len(part)]
    return found


def _set(call: Caller, key: bytes) -> list[tuple[bytes, int | None]]:
    members = list(dict.fromkeys(m for part in _scan(call, "SSCAN", key) for m in part))
    deadlines = _deadlines(call, "SPEXPIRETIME", "MEMBERS", key, members)
    return list(zip(members, deadlines, strict=True))


def _hash(call: Caller, key: bytes) -> list[tuple[bytes, bytes, int | None]]:
    pairs: dict[bytes, bytes] = {}
    for part in _scan(call, "HSCAN", key):
        pairs.update(zip(part[::2], part[1::2], strict=True))
    deadlines = _deadlines(call, "HPEXPIRETIME", "FIELDS", key, list(pairs))
    items = zip(pairs.items(), deadlines, strict=True)
    return [(field, value, deadline) for (field, value), deadline in items]


def _sorted_set(call: Caller, key: bytes) -> list[tuple[bytes, float, int | None]]:
    scores: dict[bytes, float] = {}
    for part in _scan(call, "ZSCAN", key):
        scores.update(zip(part[::2], map(float, part[1::2]), strict=True))
    deadlines = _deadlines(call, "ZPEXPIRETIME", "MEMBERS", key, list(scores))
    items = zip(scores.items(), deadlines, strict=True)
    members = [(member, score, deadline) for (member, score), deadline in items]
    return sorted(members, key=lambda item: (item[1], item[0]))


def _facts(reply: list[Any]) -> dict[str, Any]:
    """A flat list of names and values."""
    return {
        bytes(name).decode(): value for name, value in zip(reply[::2], reply[1::2], strict=True)
    }


def _text(id: bytes | None) -> str:
    return (id or b"0-0").decode()


def _stream(call: Caller, key: bytes) -> dict[str, Any]:
    facts = _facts(_ask(call, "XINFO", "STREAM", key, "FULL", "COUNT", 0))
    groups = []
    for group in map(_facts, facts["groups"]):
        read = group.get("entries-read")
        consumers = [_facts(consumer) for consumer in group["consumers"]]
        groups.append(
            {
                "name": group["name"],
                "last_id": _text(group["last-delivered-id"]),
                "entries_read": -1 if read is None else read,
                "pending": [
                    (_text(id), delivered_ms, deliveries, consumer)
                    for id, consumer, delivered_ms, deliveries in group["pending"]
                ],
                "consumers": [
                    (one["name"], one["seen-time"], one.get("active-time", one["seen-time"]))
                    for one in consumers
                ],
            }
        )
    return {
        "entries": [(_text(id), parts) for id, parts in facts["entries"]],
        "last_id": _text(facts["last-generated-id"]),
        "max_deleted_id": _text(facts.get("max-deleted-entry-id")),
        "entries_added": facts.get("entries-added", facts["length"]),
        "groups": groups,
    }


_READERS: dict[str, Callable[[Caller, bytes], Any]] = {
    "string": _string,
    "list": _list,
    "set": _set,
    "hash": _hash,
    "zset": _sorted_set,
    "stream": _stream,
}


def comparable(kind: str, value: Any) -> Any:
    """A value that is equal to another if the content is; orders that mean nothing are gone.

    When a consumer was seen last changes by looking on, and is left out.
    """
    if kind in ("set", "hash", "zset"):
        return {item[0]: item[1:] for item in value}
    if kind == "stream":
        plain = {**value, "entries": [(id, list(parts)) for id, parts in value["entries"]]}
        plain["groups"] = sorted(
            (
                group["name"],
                group["last_id"],
                group["entries_read"],
                sorted(map(tuple, group["pending"])),
                sorted(name for name, *_ in group["consumers"]),
            )
            for group in value["groups"]
        )
        return plain
    return value
