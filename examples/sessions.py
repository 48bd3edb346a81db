"""Sessions that end when nobody comes back, and a list of those that did: a trigger.

python examples/sessions.py
"""

from __future__ import annotations

import rubellite
from rubellite.extending import WRITE, Call, command, on


@command("SESSION.SEEN user seconds:double", WRITE)
def seen(call: Call, user: bytes, seconds: float) -> int:
    """Begin a session, or let it go on."""
    key = b"session:" + user
    visits: int = call.execute("INCR", key)
    call.execute("PEXPIRE", key, round(seconds * 1000))
    return visits


@on("expired", "session:*")
def ended(call: Call, event: str, key: bytes) -> None:
    """Keep what is worth keeping."""
    call.execute("RPUSH", "ended", key.removeprefix(b"session:"))


if __name__ == "__main__":
    with rubellite.open(load=[seen, ended]) as db:
        db.call("SESSION.SEEN", "ann", 0.05)
        print("ann came", db.call("SESSION.SEEN", "ann", 0.05), "times")
        while not (gone := db.call("LRANGE", "ended", 0, -1)):
            pass
        print(gone[0].decode(), "has left")
