"""Keys of every type, with every kind of deadline, and what is to be the same of them."""

from __future__ import annotations

from typing import Any

from tests.store import Store

#: 2100-01-01, and a moment that has passed.
FAR_MS = 4_102_444_800_000
PAST_MS = 1_000_000_000_000

COMMANDS: tuple[tuple[Any, ...], ...] = (
    ("SET", "text", "käse"),
    ("SET", "timed", "x" * 300, "PXAT", FAR_MS),
    ("SET", b"\xff\xfe", b"\x00\xff"),
    ("SET", "number", 12),
    ("RPUSH", "list", "a", b"\x80", "", "a", "1" * 5000),
    ("SADD", "numbers", 3, 1, 2),
    ("SADD", "set", "a", "b", b"\xf0"),
    ("SPEXPIREAT", "set", FAR_MS + 1, "MEMBERS", 2, "a", b"\xf0"),
    ("HSET", "hash", "f", "v", "g", b"\xfe", "h", ""),
    ("HPEXPIREAT", "hash", FAR_MS + 2, "FIELDS", 2, "f", "g"),
    ("PEXPIREAT", "hash", FAR_MS + 3),
    ("ZADD", "zset", "-inf", "low", "inf", "high", "-0.0", "zero", "0.1", "part", "1e300", "big"),
    ("ZADD", "scores", 1, "a", 2, b"\xf1", "2.5", "c"),
    ("ZPEXPIREAT", "scores", FAR_MS + 4, "MEMBERS", 2, "a", b"\xf1"),
    ("XADD", "stream", "1-1", "a", "1", "b", b"\xff"),
    ("XADD", "stream", "1-2", "other", "names"),
    ("XADD", "stream", "2-0", "a", "3", "b", "4"),
    ("XADD", "stream", "5-0", "a", "3", "b", "4"),
    ("XGROUP", "CREATE", "stream", "g", "0"),
    ("XGROUP", "CREATE", "stream", "idle", "$", "ENTRIESREAD", 2),
    ("XREADGROUP", "GROUP", "g", "ann", "COUNT", 2, "STREAMS", "stream", ">"),
    ("XREADGROUP", "GROUP", "g", "bob", "COUNT", 1, "STREAMS", "stream", ">"),
    ("XGROUP", "CREATECONSUMER", "stream", "g", "lazy"),
    ("XDEL", "stream", "1-2"),
    ("XGROUP", "CREATE", "empty", "g", "7-7", "MKSTREAM"),
    ("XADD", "emptied", "3-3", "a", "b"),
    ("XDEL", "emptied", "3-3"),
    ("SELECT", 9),
    ("SET", "elsewhere", "yes"),
    ("SELECT", 0),
)


def fill(store: Store) -> None:
    """Makes the keys; their consumers are seen at different times."""
    for words in COMMANDS:
        reply = store(*words)
        assert not isinstance(reply, Exception), (words, reply)
        store.engine.advance_clock(1000)
    for collection in ("list", "set", "hash", "zset"):
        add = {"list": "RPUSH", "set": "SADD", "hash": "HSET", "zset": "ZADD"}[collection]
        many: list[Any] = [
            part
            for at in range(1500)
            for part in ((at, f"m{at}") if collection in ("hash", "zset") else (f"m{at}",))
        ]
        store(add, f"many:{collection}", *many)
    store("SPEXPIREAT", "many:set", FAR_MS, "MEMBERS", 3, "m1", "m700", "m1400")
    store("HPEXPIREAT", "many:hash", FAR_MS, "FIELDS", 3, "1", "700", "1400")
    store("ZPEXPIREAT", "many:zset", FAR_MS, "MEMBERS", 3, "m1", "m700", "m1400")


def facts(store: Store) -> dict[str, Any]:
    """All that must survive, and what DEBUG DIGEST does not see."""
    streams = ("stream", "empty", "emptied")
    return {
        "digest": store("DEBUG", "DIGEST"),
        "keys": store("DBSIZE"),
        "set": store("SPEXPIRETIME", "set", "MEMBERS", 3, "a", "b", b"\xf0"),
        "hash": store("HPEXPIRETIME", "hash", "FIELDS", 3, "f", "g", "h"),
        "scores": store("ZPEXPIRETIME", "scores", "MEMBERS", 3, "a", b"\xf1", "c"),
        "many:set": store("SPEXPIRETIME", "many:set", "MEMBERS", 2, "m700", "m701"),
        "many:hash": store("HPEXPIRETIME", "many:hash", "FIELDS", 2, "700", "701"),
        "many:zset": store("ZPEXPIRETIME", "many:zset", "MEMBERS", 2, "m700", "m701"),
        "zset": store("ZRANGE", "zset", 0, -1, "WITHSCORES"),
        "streams": [_plain(store("XINFO", "STREAM", name, "FULL")) for name in streams],
    }


def _plain(reply: Any) -> Any:
    """Replies as text, which compares."""
    if isinstance(reply, dict):
        skipped = ("radix-tree-keys", "radix-tree-nodes")
        return {str(k): _plain(v) for k, v in reply.items() if str(k) not in skipped}
    if isinstance(reply, list):
        return [_plain(item) for item in reply]
    return str(getattr(reply, "items", reply)) if not hasattr(reply, "text") else reply.text
