"""What several clients do at once: random scripts, and what may differ in what they hear.

    1: SUBSCRIBE ch1          2: CLIENT TRACKING ON      1+: MULTI, GET k1, EXEC
    2: GET k1                 3: SET k1 v PUBLISH …      @2 stands for client 2's number

A step is one client and the commands that it sends together. `normalised` takes out of
what was heard what no client may rely on: the order of hash tables, numbers of clients,
and the servers' names.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from random import Random
from typing import Any

from tests.wire import NULL, NULL3, Map, Status

Command = list[bytes]


@dataclass(frozen=True)
class Step:
    """What one client sends together."""

    voice: int
    commands: tuple[tuple[bytes, ...], ...]

    def __str__(self) -> str:
        lines = (b" ".join(command).decode("latin-1") for command in self.commands)
        return f"{self.voice}: " + " | ".join(lines)


CHANNELS = (b"ch1", b"ch2", b"ch3", b"__redis__:invalidate", b"__keyspace@0__:k1")
_KINDS: dict[str, tuple[bytes, ...]] = {
    "key": (b"k1", b"k2", b"k12", b"other"),
    "counter": (b"n1", b"n2"),
    "hash": (b"h1", b"h2"),
    "list": (b"l1", b"l2"),
    "set": (b"s1", b"s2"),
    "sorted": (b"z1", b"z2"),
    "value": (b"v1", b"v2", b""),
    "channel": CHANNELS,
    "shard": (b"sh1", b"sh2"),
    "pattern": (b"ch*", b"c?2", b"*", b"__key*@0__:*", b"[c]h1"),
    "message": (b"m1", b"m2", b""),
    "prefix": (b"k", b"k1", b"n", b"", b"other"),
    "database": (b"0", b"0", b"1"),
    "events": (b"", b"KEA", b"KA", b"E$g", b"KEAmn", b"Kx", b"KEA", b"Exg"),
    "name": (b"one", b"two", b""),
    "stream": (b"x1", b"x2"),
    "group": (b"g1", b"g2"),
    "consumer": (b"ann", b"bob"),
    "old": (b"0", b"1", b"5", b"9-1", b"17"),
}

# Each line as often as its number says. Nobody waits for a key here: what such a client has
# sent meanwhile runs in the turn that wakes it on Valkey and in the next one on ours, which
# shows in what broadcasts put together.
_LINES = """
    6 SET key value
    1 SET key value NX
    1 SET key value PX 100000
    6 GET key
    3 MGET key key
    3 MSET key value key value
    2 DEL key key
    2 INCR counter
    2 APPEND key value
    1 GETDEL key
    1 GETEX key PERSIST
    1 GETEX key EX 100
    1 EXPIRE key 1000
    1 PEXPIREAT key 1
    1 PERSIST key
    1 SETRANGE key 1 x
    1 RENAME key key
    1 COPY key key REPLACE
    1 MOVE key 1
    1 EXISTS key key
    1 TOUCH key
    1 STRLEN key
    1 OBJECT ENCODING key
    1 SELECT database
    1 FLUSHDB
    1 SWAPDB 0 1
    1 HSET hash key value
    1 HGET hash key
    1 HDEL hash key
    1 LPUSH list value value
    1 RPUSH list message
    1 LPOP list
    1 LRANGE list 0 -1
    1 SADD set value message
    1 SREM set value
    1 SCARD set
    1 ZADD sorted 1 key 2 value
    1 ZREM sorted key
    1 ZCARD sorted
    8 PUBLISH channel message
    3 SPUBLISH shard message
    5 SUBSCRIBE channel
    2 SUBSCRIBE channel channel
    3 UNSUBSCRIBE channel
    1 UNSUBSCRIBE
    3 PSUBSCRIBE pattern
    1 PSUBSCRIBE pattern pattern
    2 PUNSUBSCRIBE pattern
    1 PUNSUBSCRIBE
    2 SSUBSCRIBE shard
    1 SUNSUBSCRIBE shard
    1 SUNSUBSCRIBE
    1 PUBSUB CHANNELS
    1 PUBSUB CHANNELS pattern
    1 PUBSUB NUMSUB channel channel
    1 PUBSUB NUMPAT
    1 PUBSUB SHARDCHANNELS
    1 PUBSUB SHARDNUMSUB shard
    6 MULTI
    7 EXEC
    1 DISCARD
    2 WATCH key
    1 UNWATCH
    4 CLIENT TRACKING ON
    1 CLIENT TRACKING ON NOLOOP
    1 CLIENT TRACKING ON OPTIN
    1 CLIENT TRACKING ON OPTOUT NOLOOP
    2 CLIENT TRACKING ON BCAST
    2 CLIENT TRACKING ON BCAST PREFIX prefix
    1 CLIENT TRACKING ON BCAST NOLOOP PREFIX prefix PREFIX prefix
    2 CLIENT TRACKING ON REDIRECT voice
    1 CLIENT TRACKING ON BCAST REDIRECT voice
    1 CLIENT TRACKING ON PREFIX prefix OPTIN
    4 CLIENT TRACKING OFF
    3 CLIENT CACHING YES
    2 CLIENT CACHING NO
    1 CLIENT GETREDIR
    1 CLIENT TRACKINGINFO
    1 CLIENT REPLY OFF
    2 CLIENT REPLY SKIP
    4 CLIENT REPLY ON
    1 CLIENT KILL ID voice
    1 CLIENT NO-TOUCH ON
    1 CLIENT SETNAME name
    1 MONITOR
    1 CONFIG SET notify-keyspace-events events
    1 RESET
    1 QUIT
    2 HELLO 3
    1 HELLO 2
    2 PING
    1 PING message
    1 NOSUCHCOMMAND
    1 GET
"""
# `next` is an identifier above those before it. The first client never waits. Here what is
# sent by those who wait must not matter to others: see above, and `_TURNS_MATTER`.
_STREAM_LINES = """
    40 XADD stream next f value
    6 XADD stream next f value g value
    6 XADD stream MAXLEN 2 next f value
    3 XADD stream NOMKSTREAM MINID ~ old next f value
    2 XADD stream old f value
    14 XREAD BLOCK 0 STREAMS stream $
    8 XREAD COUNT 1 BLOCK 0 STREAMS stream stream $ $
    4 XREAD BLOCK 0 STREAMS stream old
    4 XREAD BLOCK 0 STREAMS stream +
    4 XREAD STREAMS stream old
    4 XREAD COUNT 1 STREAMS stream stream old $
    14 XREADGROUP GROUP group consumer BLOCK 0 STREAMS stream >
    8 XREADGROUP GROUP group consumer COUNT 1 BLOCK 0 STREAMS stream >
    6 XREADGROUP GROUP group consumer BLOCK 0 NOACK STREAMS stream stream > >
    6 XREADGROUP GROUP group consumer STREAMS stream old
    6 XREADGROUP GROUP group consumer COUNT 2 STREAMS stream >
    8 XACK stream group next next
    3 XPENDING stream group
    14 XGROUP CREATE stream group $ MKSTREAM
    6 XGROUP CREATE stream group 0
    3 XGROUP SETID stream group old
    3 XGROUP CREATECONSUMER stream group consumer
    3 XGROUP DELCONSUMER stream group consumer
    4 XGROUP DESTROY stream group
    3 XCLAIM stream group consumer 0 next
    3 XAUTOCLAIM stream group consumer 0 0 JUSTID
    4 XTRIM stream MAXLEN 1
    3 XTRIM stream MINID old
    4 XDEL stream next
    4 XLEN stream
    3 XRANGE stream - + COUNT 3
    3 XREVRANGE stream + -
    2 XSETID stream next
    2 XINFO STREAM stream
    2 XINFO GROUPS stream
    3 DEL stream
    2 SET stream value
    2 LPUSH stream value
    1 BLPOP stream 0
    1 EXPIRE stream 1000
    2 PEXPIREAT stream 1
    2 RENAME stream stream
    2 COPY stream stream REPLACE
    2 MOVE stream 1
    2 WATCH stream
    6 CLIENT UNBLOCK voice
    3 CLIENT UNBLOCK voice ERROR
    10 MULTI
    10 EXEC
"""
_TOPICS = (*CHANNELS, *_KINDS["shard"])
#: Everything is left in the order of a hash table, which inside EXEC cannot be told apart.
#: What shows whether a command ran in the turn that another one ended in, or in the next.
_TURNS_MATTER = frozenset(("BCAST", "PREFIX", "KILL", "SWAPDB", "FLUSHDB"))
_MAY_WAIT = frozenset((b"XREAD", b"XREADGROUP", b"BLPOP"))
_UNORDERED_CONFIRMATIONS = ((b"UNSUBSCRIBE",), (b"PUNSUBSCRIBE",), (b"SUNSUBSCRIBE",))


def weighted_lines(*, of_streams: bool = False) -> list[tuple[int, list[str]]]:
    """The lines above: how often, and their words."""
    lines = [line.split() for line in _LINES.strip().splitlines()]
    if of_streams:
        lines = [words for words in lines if not _TURNS_MATTER.intersection(words)]
        lines += [line.split() for line in _STREAM_LINES.strip().splitlines()]
    return [(int(weight), words) for weight, *words in lines]


def script(
    rng: Random, lines: Sequence[tuple[int, list[str]]], voices: int, steps: int
) -> list[Step]:
    """A random script."""
    weights = [weight for weight, _ in lines]
    found: list[Step] = []
    queueing: set[int] = set()
    monitors: set[int] = set()
    voice = 0
    while len(found) < steps:
        if rng.random() < 0.6:
            voice = rng.randrange(voices)
        commands: list[tuple[bytes, ...]] = []
        for at in range(rng.choice((1, 1, 1, 2, 3))):
            words = rng.choices(lines, weights)[0][1]
            number = len(found) + at
            command = tuple(_word(rng, word, voices, number) for word in words)
            if voice == 0 and command[0] in _MAY_WAIT and voice not in queueing:
                continue
            if command[0] in (b"MULTI", b"MONITOR") and voice in queueing | monitors:
                # Valkey writes what a monitor sees into the reply of its own EXEC.
                continue
            if command[0] == b"MULTI":
                queueing.add(voice)
            elif command[0] == b"MONITOR":
                monitors.add(voice)
            elif command[0] in (b"EXEC", b"DISCARD", b"RESET"):
                queueing.discard(voice)
            elif command in _UNORDERED_CONFIRMATIONS and voice in queueing:
                continue
            if command[0] == b"QUIT":
                # Whom CLIENT REPLY has silenced Valkey does not let go.
                commands += [(b"RESET",), command]
                break
            commands.append(command)
        if commands:
            found.append(Step(voice, tuple(commands)))
    return found


def _word(rng: Random, word: str, voices: int, number: int) -> bytes:
    if word == "voice":
        return b"@%d" % rng.randrange(voices)
    if word == "next":
        return b"%d-%d" % (number, rng.randrange(1, 4))
    return rng.choice(_KINDS[word]) if word in _KINDS else word.encode()


_MONITORED = re.compile(r"^[0-9]+\.[0-9]+ \[([0-9]+) (\S+)\] ")
_NUMBER = re.compile(r'"([0-9]{4,})"')
#: Smaller numbers are counts and lengths; numbers of clients are made to be above.
CLIENT_NUMBER_MIN = 1000


def normalised(
    messages: Iterable[Any], numbers: dict[int, str], addresses: dict[str, str]
) -> list[Any]:
    """What a client heard, without what may differ."""
    plain = [_plain(message, numbers) for message in messages]
    kept = []
    for message in plain:
        found = _MONITORED.match(message) if isinstance(message, Status) else None
        if found is not None and isinstance(message, Status):
            who = addresses.get(found[2])
            if who is None:
                # The test's own connection.
                continue
            words = _NUMBER.sub(
                lambda number: f'"{numbers.get(int(number[1]), number[1])}"',
                message[found.end() :],
            )
            message = Status(f"[{found[1]} {who}] {words}")
        kept.append(message)
    return _ordered(kept)


def _plain(message: Any, numbers: dict[int, str]) -> Any:
    if isinstance(message, bool) or not isinstance(message, (int, list, tuple)):
        return message
    if isinstance(message, int):
        return numbers.get(message, message) if message >= CLIENT_NUMBER_MIN else message
    if isinstance(message, tuple):
        return tuple(_plain(item, numbers) for item in message)
    if message and (message[0] == b"server" or message[0] == (b"server", b"redis")):
        return "HELLO"
    if isinstance(message, Map) and message and message[0][0] == b"server":
        return "HELLO"
    if message[:1] == [b"invalidate"] or message[1:2] == [b"__redis__:invalidate"]:
        # Real servers write the null of a flush in the protocol of the client that is
        # tracked; we in that of the client that gets it.
        message = type(message)(NULL if item is NULL3 else item for item in message)
    items = [_plain(item, numbers) for item in message]
    if len(items) > 1 and all(item in _TOPICS for item in items):
        items.sort()
    return type(message)(items)


def _kind(message: Any) -> Any:
    """What neighbours must share so that their order does not matter."""
    if isinstance(message, list) and message and isinstance(message[0], bytes):
        if message[0] == b"pmessage":
            return message[0], message[2], message[3]
        if message[0].endswith(b"unsubscribe"):
            return message[0]
    return None


def _ordered(messages: list[Any]) -> list[Any]:
    result: list[Any] = []
    for kind, run in groupby(messages, key=_kind):
        group = list(run)
        if kind is not None and len(group) > 1:
            if isinstance(kind, tuple):
                group.sort(key=repr)
            else:
                names = sorted((message[1] for message in group), key=repr)
                group = [
                    type(message)([message[0], name, message[2]])
                    for message, name in zip(group, names, strict=True)
                ]
        result += group
    return result
