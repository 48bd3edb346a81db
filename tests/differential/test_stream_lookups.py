"""Commands of streams look a key up where Valkey does: before or after what they refuse.

Seen by what it counts, by `keymiss` and by `expired`, for a stream, a missing key, one of
another type and a stream that is due. XDELEX and XACKDEL are compared with Redis 8.2.
"""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.differential.test_events import Listened
from tests.oracles import Server
from tests.wire import Connection

#: What is asked of a key, rightly and wrongly. Two mistakes in a line ask which is seen first.
LINES = """
XACK {} g 1-1
XACK {} none 1-1
XACK {} g x
XACK {} none x
XADD {} 9-1 f v
XADD {} 0-1 f v
XADD {} 0-0 f v
XADD {} x f v
XADD {} 9-1 f
XADD {} NOMKSTREAM 9-1 f v
XADD {} NOMKSTREAM x f v
XADD {} MAXLEN x 9-1 f v
XADD {} MAXLEN -1 9-1 f v
XADD {} MAXLEN 1 LIMIT 1 9-1 f v
XADD {} LIMIT 1 9-1 f v
XAUTOCLAIM {} g ann 0 0
XAUTOCLAIM {} none ann 0 0
XAUTOCLAIM {} g ann x 0
XAUTOCLAIM {} g ann 0 x
XAUTOCLAIM {} g ann 0 (
XAUTOCLAIM {} g ann 0 (18446744073709551615-18446744073709551615
XAUTOCLAIM {} g ann 0 0 COUNT
XAUTOCLAIM {} g ann 0 0 COUNT x
XAUTOCLAIM {} g ann 0 0 COUNT 0
XAUTOCLAIM {} g ann 0 0 COUNT -1
XAUTOCLAIM {} g ann 0 0 COUNT 9223372036854775807
XAUTOCLAIM {} g ann 0 0 COUNT 1000000000000000000
XAUTOCLAIM {} none ann 0 0 COUNT 0
XAUTOCLAIM {} g ann 0 0 FOO
XAUTOCLAIM {} g ann 0 0 JUSTID COUNT 0
XAUTOCLAIM {} g ann 0 0 COUNT 0 FOO
XCLAIM {} g ann 0 1-1
XCLAIM {} none ann 0 1-1
XCLAIM {} g ann x 1-1
XCLAIM {} none ann x 1-1
XCLAIM {} g ann 0 x
XCLAIM {} g ann 0 1-1 FOO
XCLAIM {} none ann 0 1-1 FOO
XCLAIM {} g ann 0 1-1 IDLE x
XCLAIM {} g ann 0 1-1 TIME x
XCLAIM {} g ann 0 1-1 RETRYCOUNT x
XCLAIM {} g ann 0 1-1 IDLE
XCLAIM {} g ann 0 1-1 LASTID x
XCLAIM {} g ann 0 1-1 FORCE JUSTID
XDEL {} 1-1
XDEL {} x
XDEL {} 1-1 x
XGROUP CREATE {} g 0
XGROUP CREATE {} h 0
XGROUP CREATE {} h x
XGROUP CREATE {} g x
XGROUP CREATE {} h $
XGROUP CREATE {} h 0 MKSTREAM
XGROUP CREATE {} h x MKSTREAM
XGROUP CREATE {} h 0 FOO
XGROUP CREATE {} h 0 ENTRIESREAD
XGROUP CREATE {} h 0 ENTRIESREAD x
XGROUP CREATE {} h 0 ENTRIESREAD -2
XGROUP CREATE {} h 0 MKSTREAM MKSTREAM MKSTREAM MKSTREAM
XGROUP CREATECONSUMER {} g ann
XGROUP CREATECONSUMER {} none ann
XGROUP DELCONSUMER {} g ann
XGROUP DELCONSUMER {} none ann
XGROUP DESTROY {} g
XGROUP DESTROY {} none
XGROUP SETID {} g 0
XGROUP SETID {} none 0
XGROUP SETID {} g x
XGROUP SETID {} none x
XGROUP SETID {} g 0 FOO
XGROUP SETID {} g 0 ENTRIESREAD x
XGROUP SETID {} g 0 ENTRIESREAD -2
XGROUP SETID {} g 0 MKSTREAM
XGROUP FOO {}
XINFO STREAM {}
XINFO STREAM {} FULL
XINFO STREAM {} FOO
XINFO STREAM {} FULL COUNT
XINFO STREAM {} FULL COUNT x
XINFO STREAM {} FULL FOO 1
XINFO GROUPS {}
XINFO CONSUMERS {} g
XINFO CONSUMERS {} none
XINFO FOO {}
XLEN {}
XPENDING {} g
XPENDING {} none
XPENDING {} g - +
XPENDING {} g - + x
XPENDING {} g - + -1
XPENDING {} g x + 1
XPENDING {} g - x 1
XPENDING {} none - x 1
XPENDING {} g IDLE x - + 1
XPENDING {} g IDLE 0 - +
XPENDING {} g - + 1 ann
XPENDING {} g - + 1 ann more
XPENDING {} g IDLE 0 - + 1 ann more
XRANGE {} - +
XRANGE {} x +
XRANGE {} - x
XRANGE {} ( +
XRANGE {} (18446744073709551615-18446744073709551615 +
XRANGE {} - (0-0
XRANGE {} - + COUNT
XRANGE {} - + COUNT x
XRANGE {} - + COUNT 0
XRANGE {} - + COUNT -1
XRANGE {} - + FOO 1
XREVRANGE {} + -
XREVRANGE {} x -
XREVRANGE {} + x
XREVRANGE {} + - COUNT x
XREVRANGE {} + - COUNT 0
XREVRANGE {} + - FOO 1
XREAD STREAMS {} 0
XREAD STREAMS {} x
XREAD STREAMS {} $
XREAD STREAMS {} +
XREAD STREAMS {} >
XREAD STREAMS {} k 0
XREAD STREAMS {} k 0 x
XREAD STREAMS k {} x 0
XREAD STREAMS {} none text 0 0 0
XREAD COUNT x STREAMS {} 0
XREAD COUNT -1 STREAMS {} 0
XREAD BLOCK x STREAMS {} 0
XREAD BLOCK -1 STREAMS {} 0
XREAD FOO STREAMS {} 0
XREAD NOACK STREAMS {} 0
XREADGROUP GROUP g ann STREAMS {} 0
XREADGROUP GROUP g ann STREAMS {} >
XREADGROUP GROUP g ann STREAMS {} $
XREADGROUP GROUP g ann STREAMS {} +
XREADGROUP GROUP g ann STREAMS {} x
XREADGROUP GROUP none ann STREAMS {} x
XREADGROUP GROUP none ann STREAMS {} >
XREADGROUP GROUP none ann STREAMS {} $
XREADGROUP GROUP g ann STREAMS k {} > >
XREADGROUP GROUP g ann STREAMS {} k > x
XREADGROUP GROUP g ann STREAMS {} none text > > >
XREADGROUP GROUP g ann COUNT x STREAMS {} >
XREADGROUP GROUP g ann BLOCK x STREAMS {} >
XREADGROUP GROUP g ann BLOCK -1 STREAMS {} >
XREADGROUP GROUP g ann FOO STREAMS {} >
XREADGROUP COUNT 1 NOACK NOACK STREAMS {} >
XSETID {} 9-1
XSETID {} x
XSETID {} 0-1
XSETID {} 9-1 ENTRIESADDED x
XSETID {} 9-1 ENTRIESADDED -1
XSETID {} 9-1 ENTRIESADDED 0
XSETID {} 9-1 MAXDELETEDID x
XSETID {} 9-1 MAXDELETEDID 10-1
XSETID {} 9-1 ENTRIESADDED 5 MAXDELETEDID 1-1
XSETID {} 9-1 FOO 1
XSETID {} 9-1 ENTRIESADDED
XTRIM {} MAXLEN 0
XTRIM {} MAXLEN x
XTRIM {} MAXLEN -1
XTRIM {} MINID x
XTRIM {} MAXLEN 0 LIMIT 1
XTRIM {} MAXLEN ~ 0 LIMIT x
XTRIM {} MAXLEN ~ 0 LIMIT -1
XTRIM {} LIMIT 1
XTRIM {} FOO 1
XTRIM {} MAXLEN 1 MINID 1
XTRIM {} MAXLEN = 0
"""

#: What Valkey 9.1 does not have.
REDIS_LINES = """
XACKDEL {} g IDS 1 1-1
XACKDEL {} none IDS 1 1-1
XACKDEL {} g IDS 0 1-1
XACKDEL {} g IDS x 1-1
XACKDEL {} g IDS 2 1-1
XACKDEL {} g IDS 1 x
XACKDEL {} none IDS 1 x
XACKDEL {} g FOO IDS 1 1-1
XACKDEL {} g ACKED IDS 1 1-1
XACKDEL {} g KEEPREF DELREF IDS 1 1-1
XADD {} ACKED MAXLEN 0 9-1 f v
XADD {} ACKED KEEPREF 9-1 f v
XDELEX {} IDS 1 1-1
XDELEX {} IDS 0 1-1
XDELEX {} IDS x 1-1
XDELEX {} IDS 2 1-1
XDELEX {} IDS 1 x
XDELEX {} FOO IDS 1 1-1
XDELEX {} ACKED IDS 1 1-1
XDELEX {} KEEPREF DELREF IDS 1 1-1
XTRIM {} MAXLEN 0 ACKED
XTRIM {} MAXLEN x ACKED
"""

KEYS = ("k", "none", "text", "due")


def micros(client: Connection) -> int:
    """The server's time."""
    seconds, rest = client.call("TIME")
    return int(seconds) * 1_000_000 + int(rest)


def told(listened: Listened, line: str) -> tuple[str, list[str], list[Any]]:
    """What is answered, what it counts and the events that are heard."""
    client = listened.client
    # `due` is gone for who looks, though nobody has yet.
    for prepare in (
        "FLUSHALL",
        "SET text x",
        *(f"XADD {key} {number}-1 f v" for key in ("k", "due") for number in (1, 2)),
        *(f"XGROUP CREATE {key} g 0" for key in ("k", "due")),
        *(f"XREADGROUP GROUP g bob COUNT 1 STREAMS {key} >" for key in ("k", "due")),
        "PEXPIRE due 1",
    ):
        client.call(*prepare.split())
    begun = micros(client)
    while micros(client) <= begun + 2000:
        pass
    listened.events_of([b"PING"])
    client.call("CONFIG", "RESETSTAT")
    heard = listened.events_of([word.encode() for word in line.split()])
    facts = client.call("INFO", "stats").decode().splitlines()
    counts = [fact for fact in facts if fact.startswith("keyspace_")]
    # Times are told, too, which differ.
    return re.sub(r"\d+", "0", listened.reply), counts, heard


def differences(one: Server, other: Server, lines: str) -> list[Any]:
    """Lines of which the two tell differently."""
    mine, theirs = Listened(one), Listened(other)
    found = []
    try:
        for line in lines.strip().splitlines():
            for key in KEYS:
                words = line.format(key)
                ours, real = told(mine, words), told(theirs, words)
                if ours != real:
                    found.append((words, ours, real))
    finally:
        mine.close()
        theirs.close()
    return found


@pytest.mark.parametrize("name", sorted({line.split()[0] for line in LINES.split("\n") if line}))
def test_a_key_is_looked_up_where_valkey_looks_it_up(name: str, ours: Server, valkey91: Server):
    lines = "\n".join(line for line in LINES.split("\n") if line.split(" ")[0] == name)
    assert differences(ours, valkey91, lines) == []


def test_a_key_is_looked_up_where_redis_looks_it_up(ours: Server, redis82: Server):
    assert differences(ours, redis82, REDIS_LINES) == []
