"""Whether the books are right: MEMORY USAGE of all keys, held against the growth of RSS.

Keys of every type, small and large, are written to an empty server of ours. What all of
them claim to take together must be what the process grew by, within a tenth: who decides
by MEMORY USAGE what to delete, or how much memory to rent, relies on it.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

from benchmarks.report import Goal, Results, Row
from benchmarks.servers import Server
from benchmarks.wire import Connection, ReplyError, encode

GOAL = Goal(at_least=0.9, at_most=1.1)
SCANNED_AT_ONCE = 1_000
#: Members that one command adds to a large collection.
ADDED_AT_ONCE = 100

Words = tuple[bytes | str | int, ...]


def _small(chance: random.Random, key: str, number: int) -> Iterator[Words]:
    """One small key of each type."""
    few = range(chance.randint(1, 12))
    words = [b"member:%d" % chance.randrange(10**9) for _ in few]
    yield "SET", f"number:{key}", number
    yield "SET", f"string:{key}", b"s" * chance.randint(1, 60)
    yield "SET", f"session:{key}", b"s" * chance.randint(20, 600), "EX", 100_000
    yield "HSET", f"hash:{key}", *(part for word in words for part in (word, word))
    yield "SADD", f"numbers:{key}", *(chance.randrange(10**5) for _ in few)
    yield "SADD", f"set:{key}", *words
    yield "RPUSH", f"list:{key}", *words
    yield "ZADD", f"zset:{key}", *(part for at, word in enumerate(words) for part in (at, word))
    for at in few:
        yield "XADD", f"stream:{key}", f"{at + 1}-1", "field", at


def _middling(chance: random.Random, key: str, _: int) -> Iterator[Words]:
    """What is in between, or seldom."""
    yield "SET", f"page:{key}", b"p" * chance.randint(1_000, 15_000)
    yield "SETBIT", f"bits:{key}", chance.randrange(100_000), 1
    yield "PFADD", f"visitors:{key}", *(chance.randrange(10**6) for _ in range(200))
    yield "HSET", f"timed:{key}", "a", "1", "b", "2", "c", "3"
    yield "HEXPIRE", f"timed:{key}", 100_000, "FIELDS", 1, "b"
    for at in range(1, 20):
        yield "XADD", f"events:{key}", f"{at}-1", "kind", "click", "page", f"/{at}"
    yield "XGROUP", "CREATE", f"events:{key}", "group", 0
    yield "XREADGROUP", "GROUP", "group", "one", "COUNT", 9, "STREAMS", f"events:{key}", ">"


def _large(chance: random.Random, key: str, members: int) -> Iterator[Words]:
    """One key of each type with many members."""
    yield "SET", f"file:{key}", b"f" * chance.randint(20_000, 2_000_000)
    for first in range(0, members, ADDED_AT_ONCE):
        numbers = range(first, first + ADDED_AT_ONCE)
        words = [b"member:%09d" % number for number in numbers]
        yield "HSET", f"large:hash:{key}", *(part for word in words for part in (word, b"0" * 10))
        yield "SADD", f"large:set:{key}", *words
        yield "RPUSH", f"large:list:{key}", *words
        scores = (chance.randrange(2**32) for _ in numbers)
        pairs = zip(scores, words, strict=True)
        yield "ZADD", f"large:zset:{key}", *(part for pair in pairs for part in pair)
        for number in numbers:
            yield "XADD", f"large:stream:{key}", f"{number + 1}-1", "a", number % 100, "b", "c"


def keyspace(small: int, large: int, members: int) -> Iterator[bytes]:
    """Commands for `small` times the small keys, and `large` times those of many members."""
    chance = random.Random(1)
    for number in range(small):
        yield from (encode(*words) for words in _small(chance, str(number), number))
        if number % 10 == 0:
            yield from (encode(*words) for words in _middling(chance, str(number), number))
    for number in range(large):
        yield from (encode(*words) for words in _large(chance, str(number), members))


def measure(
    server: Server,
    results: Results,
    say: Callable[[str], None],
    *,
    small: int = 50_000,
    large: int = 8,
    members: int = 50_000,
    settle_s: float = 1.5,
) -> None:
    """One row: what the server grew by, in units of what its keys claim."""
    before = server.settled_rss_bytes(settle_s)
    with server.connect() as connection:
        connection.load(keyspace(small, large, members))
    grown = server.settled_rss_bytes(settle_s) - before
    # Asked for last: the question, too, takes buffers.
    with server.connect() as connection:
        claimed = claimed_bytes(connection)
    say(f"memory: keys claim {claimed / 1e6:,.1f} MB, RSS grew by {grown / 1e6:,.1f} MB")
    row = Row("memory", "mixed keys", "RSS/MEMORY USAGE", "×", {}, goal=GOAL)
    row.values[server.name] = grown / claimed
    results.add(row)


def claimed_bytes(connection: Connection) -> int:
    """The sum of MEMORY USAGE over all keys of the database."""
    cursor, claimed = b"0", 0
    while True:
        found = connection.call("SCAN", cursor, "COUNT", SCANNED_AT_ONCE)
        assert isinstance(found, list)
        following, keys = found
        assert isinstance(following, bytes)
        assert isinstance(keys, list)
        names = [key for key in keys if isinstance(key, bytes)]
        connection.send(b"".join(encode("MEMORY", "USAGE", name) for name in names))
        for _ in names:
            reply = connection.read_reply()
            if isinstance(reply, ReplyError):
                raise reply
            assert isinstance(reply, int)
            claimed += reply
        cursor = following
        if cursor == b"0":
            return claimed
