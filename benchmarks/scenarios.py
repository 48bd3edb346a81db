"""What the speed benchmark asks of each server, as data.

A command is written as for redis-benchmark: `__rand_int__` becomes twelve random
digits below the number of keys. Before every round the server is emptied and
`preload` fills it, so each round of each server does the same work.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from benchmarks.wire import encode

RANDOM = "__rand_int__"
PIPELINES = (1, 16, 64)

# (number of keys, number of requests to come) -> encoded commands
Preload = Callable[[int, int], Iterator[bytes]]

PUSHED_AT_ONCE = 500

# How many members the sets of SINTER and ZUNIONSTORE have, where there are as many keys.
COMBINED_MAX = 10_000


@dataclass(frozen=True)
class Scenario:
    """One command under load. `requests_max` bounds what a popping command needs preloaded."""

    name: str
    command: tuple[str, ...]
    preload: Preload | None = None
    requests_max: int | None = None
    #: What ours is asked instead, where the peers need a script.
    ours: tuple[str, ...] = ()

    def command_for(self, server: str) -> tuple[str, ...]:
        """The command that this server is asked."""
        return self.ours if self.ours and server == "ours" else self.command

    def probe(self, server: str) -> tuple[str, ...]:
        """The command as one request, to learn whether a server knows it."""
        return tuple(argument.replace(RANDOM, "0" * 12) for argument in self.command_for(server))


def strings(keys: int, _requests: int) -> Iterator[bytes]:
    for number in range(keys):
        yield encode("SET", b"key:%012d" % number, b"xxx")


def long_list(_keys: int, _requests: int) -> Iterator[bytes]:
    for _ in range(100_000 // PUSHED_AT_ONCE):
        yield encode("RPUSH", "mylist", *[b"xxx"] * PUSHED_AT_ONCE)


def list_to_pop(_keys: int, requests: int) -> Iterator[bytes]:
    for _ in range(0, requests, PUSHED_AT_ONCE):
        yield encode("RPUSH", "mylist", *[b"xxx"] * PUSHED_AT_ONCE)


def set_to_pop(_keys: int, requests: int) -> Iterator[bytes]:
    for start in range(0, requests, PUSHED_AT_ONCE):
        numbers = range(start, start + PUSHED_AT_ONCE)
        yield encode("SADD", "myset", *(b"element:%012d" % number for number in numbers))


def sorted_set_to_pop(_keys: int, requests: int) -> Iterator[bytes]:
    for start in range(0, requests, PUSHED_AT_ONCE):
        arguments: list[bytes | int] = []
        for number in range(start, start + PUSHED_AT_ONCE):
            arguments += (number, b"element:%012d" % number)
        yield encode("ZADD", "myzset", *arguments)


def hash_to_read(keys: int, _requests: int) -> Iterator[bytes]:
    for start in range(0, keys, PUSHED_AT_ONCE):
        arguments: list[bytes] = []
        for number in range(start, start + PUSHED_AT_ONCE):
            arguments += (b"element:%012d" % number, b"xxx")
        yield encode("HSET", "myhash", *arguments)


def sorted_set_to_read(keys: int, _requests: int) -> Iterator[bytes]:
    return sorted_set_to_pop(keys, keys)


def two_sets(keys: int, _requests: int) -> Iterator[bytes]:
    """Two sets that have half of their members in common."""
    combined = min(COMBINED_MAX, keys)
    for key, first in ((b"set:1", 0), (b"set:2", combined // 2)):
        for start in range(first, first + combined, PUSHED_AT_ONCE):
            numbers = range(start, start + PUSHED_AT_ONCE)
            yield encode("SADD", key, *(b"element:%012d" % number for number in numbers))


def two_sorted_sets(keys: int, _requests: int) -> Iterator[bytes]:
    """Two sorted sets that have half of their members in common, at other scores."""
    combined = min(COMBINED_MAX, keys)
    for key, first in ((b"zset:1", 0), (b"zset:2", combined // 2)):
        for start in range(first, first + combined, PUSHED_AT_ONCE):
            arguments: list[bytes | int] = []
            for number in range(start, start + PUSHED_AT_ONCE):
                # A prime spreads the scores, which come in no order of their own.
                arguments += (number * 7919 % combined, b"element:%012d" % number)
            yield encode("ZADD", key, *arguments)


def entry(id: str) -> bytes:
    return encode("XADD", "mystream", id, "name", "Ann", "visits", "1")


def stream_to_read(keys: int, _requests: int) -> Iterator[bytes]:
    for _ in range(keys):
        yield entry("*")


def stream_to_deliver(_keys: int, requests: int) -> Iterator[bytes]:
    """A stream with an entry for each request, and a group that has read none."""
    yield encode("XGROUP", "CREATE", "mystream", "group", "0", "MKSTREAM")
    for _ in range(requests):
        yield entry("*")


def entries_to_acknowledge(keys: int, _requests: int) -> Iterator[bytes]:
    """An entry for each random number, all delivered."""
    yield encode("XGROUP", "CREATE", "mystream", "group", "0", "MKSTREAM")
    for number in range(1, keys + 1):
        yield entry(f"{number}-1")
    for _ in range(0, keys, PUSHED_AT_ONCE):
        count = str(PUSHED_AT_ONCE)
        yield encode(*_READ_GROUP, "COUNT", count, "STREAMS", "mystream", ">")


_READ_GROUP = ("XREADGROUP", "GROUP", "group", "consumer")

GET_AND_INCR = "redis.call('GET', KEYS[1]) return redis.call('INCR', KEYS[1])"
_EVAL = ("EVAL", GET_AND_INCR, "1", f"counter:{RANDOM}")

SCENARIOS = (
    Scenario("PING", ("PING",)),
    Scenario("GET", ("GET", f"key:{RANDOM}"), strings),
    Scenario("SET", ("SET", f"key:{RANDOM}", "xxx")),
    Scenario("INCR", ("INCR", f"counter:{RANDOM}")),
    Scenario("MSET(10)", ("MSET", *(f"key:{RANDOM}", "xxx") * 10)),
    Scenario("LPUSH", ("LPUSH", "mylist", "xxx")),
    Scenario("RPUSH", ("RPUSH", "mylist", "xxx")),
    Scenario("LPOP", ("LPOP", "mylist"), list_to_pop),
    Scenario("RPOP", ("RPOP", "mylist"), list_to_pop),
    Scenario("SADD", ("SADD", "myset", f"element:{RANDOM}")),
    Scenario("HSET", ("HSET", "myhash", f"element:{RANDOM}", "xxx")),
    Scenario("HGET", ("HGET", "myhash", f"element:{RANDOM}"), hash_to_read),
    Scenario("SPOP", ("SPOP", "myset"), set_to_pop, requests_max=500_000),
    Scenario("ZADD", ("ZADD", "myzset", RANDOM, f"element:{RANDOM}")),
    Scenario("ZPOPMIN", ("ZPOPMIN", "myzset"), sorted_set_to_pop, requests_max=500_000),
    Scenario("ZRANGE_100", ("ZRANGE", "myzset", "0", "99"), sorted_set_to_read),
    Scenario("LRANGE_100", ("LRANGE", "mylist", "0", "99"), long_list),
    Scenario("LRANGE_300", ("LRANGE", "mylist", "0", "299"), long_list),
    Scenario("LRANGE_500", ("LRANGE", "mylist", "0", "499"), long_list),
    Scenario("LRANGE_600", ("LRANGE", "mylist", "0", "599"), long_list),
    # Each answers thousands of members or stores them: fewer requests than their rate asks for.
    Scenario("SINTER", ("SINTER", "set:1", "set:2"), two_sets, requests_max=2_400),
    Scenario(
        "ZUNIONSTORE",
        ("ZUNIONSTORE", "union", "2", "zset:1", "zset:2"),
        two_sorted_sets,
        requests_max=2_400,
    ),
    Scenario("XRANGE_100", ("XRANGE", "mystream", "-", "+", "COUNT", "100"), stream_to_read),
    Scenario(
        "XREADGROUP",
        (*_READ_GROUP, "COUNT", "1", "STREAMS", "mystream", ">"),
        stream_to_deliver,
        requests_max=500_000,
    ),
    # More requests would find most entries acknowledged already.
    Scenario(
        "XACK",
        ("XACK", "mystream", "group", f"{RANDOM}-1"),
        entries_to_acknowledge,
        requests_max=200_000,
    ),
    # A command in Python (benchmarks/commands.py) beside a script in Lua.
    Scenario("EVAL/own", _EVAL, ours=("BENCH.GETINCR", f"counter:{RANDOM}")),
    Scenario("EVAL/own execute", _EVAL, ours=("BENCH.EXECUTE", f"counter:{RANDOM}")),
)
