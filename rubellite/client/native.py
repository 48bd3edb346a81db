"""The fast way to the everyday commands: typed, with bytes out, straight on the handle."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rubellite._core import EmbeddedSession
    from rubellite.client.wire import WireSession

#: What keys and values may be; text is UTF-8, numbers are their decimal text.
Text = bytes | str
Value = bytes | str | int | float


class Native:
    """Commands of one client of an engine in this process.

    What is not here is `call("COMMAND", …)`, whose reply is plain Python: bytes, int,
    float, None, list, dict. Error replies are raised as `rubellite.errors.ReplyError`.
    Ctrl-C is raised as everywhere: the call was executed as a whole, in part or not at
    all (docs/extending.md).
    """

    def __init__(self, session: EmbeddedSession | WireSession) -> None:
        self._session = session
        #: Executes any command: `call("LPUSH", "queue", "job")`.
        self.call = session.call
        # Functions of the session itself: a Python function around one would cost more
        # than the look-up does.
        get, set = session.functions()
        #: `get(key)`: the string at `key`, or None. O(1).
        self.get = get
        #: `set(key, value, *, seconds=None, only_if_absent=False, only_if_present=False)`
        #: gives `key` a string, for so many seconds or for good. False: a condition
        #: failed. O(1).
        self.set = set

    def delete(self, *keys: Text) -> int:
        """Removes keys; returns how many were there."""
        removed: int = self.call("DEL", *keys) if keys else 0
        return removed

    def exists(self, key: Text) -> bool:
        """Whether `key` is there."""
        return bool(self.call("EXISTS", key))

    def increment(self, key: Text, by: int = 1) -> int:
        """Adds to the integer at `key`, a missing one being 0; returns the sum."""
        total: int = self.call("INCRBY", key, by)
        return total

    def expire(self, key: Text, seconds: float) -> bool:
        """Lets `key` go after so many seconds. False: there is no such key."""
        return bool(self.call("PEXPIRE", key, round(seconds * 1000)))

    def keys(self, pattern: Text = "*") -> list[bytes]:
        """Names of all keys that match the glob. O(keys)."""
        found: list[bytes] = self.call("KEYS", pattern)
        return found

    def __getitem__(self, key: Text) -> bytes:
        found = self.get(key)
        if found is None:
            raise KeyError(key)
        return found

    def __setitem__(self, key: Text, value: Value) -> None:
        self.set(key, value)

    def __delitem__(self, key: Text) -> None:
        if not self.delete(key):
            raise KeyError(key)

    def __contains__(self, key: Text) -> bool:
        return self.exists(key)

    def __len__(self) -> int:
        size: int = self.call("DBSIZE")
        return size

    def flush(self) -> None:
        """Removes all keys of the database."""
        self.call("FLUSHDB")

    def info(self, section: str = "default") -> dict[str, str]:
        """INFO as a dictionary of its lines."""
        text: Any = self.call("INFO", section)
        lines = bytes(text).decode().splitlines()
        pairs = (line.partition(":") for line in lines if line and line[0] != "#")
        return {name: value for name, _, value in pairs}
