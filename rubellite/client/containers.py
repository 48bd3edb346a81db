"""Collections as Python's own containers: a live look at a key, no copy.

Each method is one command; what takes several is said. Members, fields and values come
out as bytes; text that goes in is UTF-8.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping, MutableSet
from typing import Any

from rubellite.client.native import Text, Value

Run = Callable[..., Any]


class HashMap(MutableMapping[bytes, bytes]):
    """The hash at a key."""

    def __init__(self, call: Run, key: Text) -> None:
        self._call = call
        self.key = key

    def __getitem__(self, field: Text) -> bytes:
        value: bytes | None = self._call("HGET", self.key, field)
        if value is None:
            raise KeyError(field)
        return value

    def __setitem__(self, field: Text, value: Value) -> None:
        self._call("HSET", self.key, field, value)

    def __delitem__(self, field: Text) -> None:
        if not self._call("HDEL", self.key, field):
            raise KeyError(field)

    def __contains__(self, field: object) -> bool:
        return bool(self._call("HEXISTS", self.key, field))

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._call("HKEYS", self.key))

    def __len__(self) -> int:
        count: int = self._call("HLEN", self.key)
        return count

    def update(  # type: ignore[override]
        self, pairs: Mapping[Any, Any] | Iterable[tuple[Any, Any]] = (), **more: Value
    ) -> None:
        """Gives several fields values in one command."""
        items = dict(pairs)
        items.update(more)
        if items:
            self._call("HSET", self.key, *(word for pair in items.items() for word in pair))

    def to_dict(self) -> dict[bytes, bytes]:
        """A copy of the whole hash."""
        found: dict[bytes, bytes] = self._call("HGETALL", self.key)
        return found

    def increment(self, field: Text, by: int = 1) -> int:
        """Adds to the integer in a field, a missing one being 0; returns the sum."""
        total: int = self._call("HINCRBY", self.key, field, by)
        return total

    def clear(self) -> None:
        self._call("DEL", self.key)


class Sequence:
    """The list at a key: O(1) at both ends."""

    def __init__(self, call: Run, key: Text, wait: Run) -> None:
        self._call = call
        self._wait = wait
        self.key = key

    def __len__(self) -> int:
        count: int = self._call("LLEN", self.key)
        return count

    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            start, stop, step = index.indices(len(self))
            if step != 1:
                return self._call("LRANGE", self.key, 0, -1)[index]
            return [] if stop <= start else self._call("LRANGE", self.key, start, stop - 1)
        value = self._call("LINDEX", self.key, index)
        if value is None:
            raise IndexError(index)
        return value

    def __setitem__(self, index: int, value: Value) -> None:
        from rubellite.errors import ReplyError

        try:
            self._call("LSET", self.key, index, value)
        except ReplyError as problem:
            if "index out of range" in str(problem) or "no such key" in str(problem):
                raise IndexError(index) from None
            raise

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._call("LRANGE", self.key, 0, -1))

    def append(self, *values: Value) -> int:
        """Adds at the right end; returns the length."""
        length: int = self._call("RPUSH", self.key, *values)
        return length

    def append_left(self, *values: Value) -> int:
        """Adds at the left end, one after the other; returns the length."""
        length: int = self._call("LPUSH", self.key, *values)
        return length

    def pop(self, timeout_seconds: float | None = None) -> bytes | None:
        """Takes from the right end; None if the list is empty, or stays so that long."""
        return self._pop("RPOP", "BRPOP", timeout_seconds)

    def pop_left(self, timeout_seconds: float | None = None) -> bytes | None:
        """Takes from the left end; None if the list is empty, or stays so that long."""
        return self._pop("LPOP", "BLPOP", timeout_seconds)

    def _pop(self, at_once: str, waiting: str, timeout_seconds: float | None) -> bytes | None:
        if timeout_seconds is None:
            value: bytes | None = self._call(at_once, self.key)
            return value
        found = self._wait(waiting, self.key, timeout_seconds)
        return None if found is None else found[1]

    def clear(self) -> None:
        """Removes all items."""
        self._call("DEL", self.key)


class StringSet(MutableSet[bytes]):
    """The set at a key."""

    def __init__(self, call: Run, key: Text) -> None:
        self._call = call
        self.key = key

    def __contains__(self, member: object) -> bool:
        return bool(self._call("SISMEMBER", self.key, member))

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._call("SMEMBERS", self.key))

    def __len__(self) -> int:
        count: int = self._call("SCARD", self.key)
        return count

    def add(self, *members: Value) -> int:  # type: ignore[override]
        """Adds members; returns how many are new."""
        added: int = self._call("SADD", self.key, *members)
        return added

    def discard(self, *members: Value) -> int:  # type: ignore[override]
        """Takes members out; returns how many were there."""
        removed: int = self._call("SREM", self.key, *members)
        return removed

    def clear(self) -> None:
        self._call("DEL", self.key)

    @classmethod
    def _from_iterable(cls, members: Iterable[Any]) -> set[Any]:
        # The result of an operator is a set in memory, not another key.
        return set(members)


class ScoreMap(MutableMapping[bytes, float]):
    """The sorted set at a key: members with scores, in the order of those."""

    def __init__(self, call: Run, key: Text) -> None:
        self._call = call
        self.key = key

    def __getitem__(self, member: Text) -> float:
        score: float | None = self._call("ZSCORE", self.key, member)
        if score is None:
            raise KeyError(member)
        return score

    def __setitem__(self, member: Text, score: float) -> None:
        self._call("ZADD", self.key, score, member)

    def __delitem__(self, member: Text) -> None:
        if not self._call("ZREM", self.key, member):
            raise KeyError(member)

    def __contains__(self, member: object) -> bool:
        return self._call("ZSCORE", self.key, member) is not None

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._call("ZRANGE", self.key, 0, -1))

    def __len__(self) -> int:
        count: int = self._call("ZCARD", self.key)
        return count

    def rank(self, member: Text) -> int | None:
        """How many members are before this one; None: it is not there. O(log n)."""
        rank: int | None = self._call("ZRANK", self.key, member)
        return rank

    def top(self, count: int) -> list[tuple[bytes, float]]:
        """The members with the highest scores, the highest first."""
        return self._pairs("ZRANGE", self.key, 0, count - 1, "REV", "WITHSCORES")

    def between(self, least: float, most: float) -> list[tuple[bytes, float]]:
        """Members with scores in this range, both ends included, in order."""
        return self._pairs("ZRANGE", self.key, least, most, "BYSCORE", "WITHSCORES")

    def _pairs(self, *words: Value) -> list[tuple[bytes, float]]:
        return [(member, score) for member, score in self._call(*words)]

    def increment(self, member: Text, by: float = 1.0) -> float:
        """Adds to the score of a member, a missing one being 0; returns the sum."""
        score: float = self._call("ZINCRBY", self.key, by, member)
        return score

    def clear(self) -> None:
        self._call("DEL", self.key)
