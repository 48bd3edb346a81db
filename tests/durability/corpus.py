"""What fuzzing begins with: small values of every type and encoding, of every server."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests import oracles
from tests.durability.data import FAR_MS, commands
from tests.oracles import ORACLES, OURS
from tests.wire import Error, encode

#: Limits at which everything is packed, or nothing is.
_LIMITS = (0, 128)


def small_commands() -> Iterator[tuple[Any, ...]]:
    """Commands that make small data of every type, for every server."""
    for command in commands():
        if not any(word in str(command[1]) for word in ("many", "big")):
            yield tuple(part[:40] if isinstance(part, bytes) else part for part in command)
    for number in range(3):
        yield "XADD", "stream", f"{number + 1}-1", "field", "value", "n", number
    yield "XDEL", "stream", "2-1"
    yield "XGROUP", "CREATE", "stream", "group", "0"
    yield "XREADGROUP", "GROUP", "group", "alice", "COUNT", "1", "STREAMS", "stream", ">"
    yield "PFADD", "hll", "a", "b", "c"
    yield "SETBIT", "bits", 70, 1


def later_commands() -> Iterator[tuple[Any, ...]]:
    """What only some servers know: they may refuse it."""
    yield "HPEXPIREAT", "hash:few", FAR_MS, "FIELDS", 2, "0", "1"
    yield "HPEXPIREAT", "hash:mixed", FAR_MS + 5, "FIELDS", 1, "hello world"
    yield "SPEXPIREAT", "set:texts", FAR_MS, "MEMBERS", 1, "a"
    yield "ZPEXPIREAT", "zset:odd", FAR_MS, "MEMBERS", 1, "a"
    yield "HSETEX", "hash:few", "PXAT", FAR_MS, "FIELDS", 1, "new", "value"


def payloads() -> list[bytes]:
    """What DUMP answers here and at every real server that is installed."""
    found: set[bytes] = set()
    for name in (OURS, *ORACLES):
        try:
            server = oracles.start(name)
        except oracles.ServerUnavailableError:
            continue
        try:
            with server.connect() as connection:
                for limit in _LIMITS:
                    connection.call("FLUSHALL")
                    for setting in ("hash", "zset"):
                        connection.call("CONFIG", "SET", f"{setting}-max-listpack-entries", limit)
                    connection.call("CONFIG", "SET", "set-max-intset-entries", limit)
                    for command in (*small_commands(), *later_commands()):
                        connection.call(*command)
                    for key in connection.call("KEYS", "*"):
                        payload = connection.call("DUMP", key)
                        assert not isinstance(payload, Error), (name, key, payload)
                        found.add(bytes(payload))
        finally:
            server.stop()
    return sorted(found)


def increments() -> list[bytes]:
    """Append-only files as ours are, with transactions and notes."""
    plain = [encode(("SELECT", 0))]
    plain += [encode(command) for command in small_commands()]
    unit = [
        encode(("MULTI",)),
        encode(("INCR", "n")),
        encode(("LPUSH", "l", "a")),
        encode(("EXEC",)),
    ]
    notes = [
        b'#TS:1767225600\r\n#RB:HPEXPIREAT "hash:few" "%d" "FIELDS" "1" "0"\r\n' % FAR_MS,
        b'#RB+SPEXPIREAT "set:te\r\n#RB:xts" "%d" "MEMBERS" "1" "a"\r\n' % FAR_MS,
        b'#RB!HSETEX "hash:few" "PXAT" "%d" "FIELDS" "1" "x" "\\xff"\r\n' % FAR_MS,
        encode(("HSET", "hash:few", "x", b"\xff")),
    ]
    return [
        b"".join(plain),
        b"".join([*plain[:12], *unit, *plain[12:]]),
        b"".join([*plain, *notes]),
    ]
