"""Streams and their groups of consumers as Python objects: a live look at a key, no copy.

Each method is one command; what takes several is said. Names, values and IDs come out as
bytes; text that goes in is UTF-8. An ID orders entries: `b"1700000000000-0"`, milliseconds
and a number.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from rubellite.client.containers import Run
from rubellite.client.native import Text, Value
from rubellite.errors import ReplyError

#: How many entries an iterator asks for at a time.
_PAGE = 256
#: How many entries XAUTOCLAIM looks at in one call.
_CLAIM_PAGE = 100


class Entry(NamedTuple):
    """One entry: its ID and its fields.

    Of a field that was given twice the last value is here. `fields` is empty for an entry
    that is still pending but was deleted from its stream.
    """

    id: bytes
    fields: dict[bytes, bytes]


class Pending(NamedTuple):
    """An entry that a consumer was given and has not acknowledged."""

    id: bytes
    consumer: bytes
    #: Since it was delivered last.
    idle_seconds: float
    #: How often it was delivered.
    deliveries: int


def _entry(reply: Any) -> Entry:
    identifier, parts = reply
    return Entry(identifier, dict(zip(parts[::2], parts[1::2], strict=True)) if parts else {})


def _entries(reply: Any) -> list[Entry]:
    return [_entry(item) for item in reply or ()]


def _of_one_stream(reply: Any) -> list[Entry]:
    """What XREAD says of the only stream that it was asked for; nothing: time was up."""
    return [] if reply is None else _entries(next(iter(reply.values())))


def _blocking(timeout_seconds: float) -> tuple[Value, ...]:
    if timeout_seconds < 0:
        raise ValueError("timeout_seconds must not be negative")
    # What is less than a millisecond must not become 0, which is for ever.
    return "BLOCK", math.ceil(timeout_seconds * 1000)


class Stream:
    """The stream at a key: a log of entries, read by as many as like."""

    def __init__(self, call: Run, key: Text, wait: Run) -> None:
        self._call = call
        self._wait = wait
        self.key = key

    def append(
        self,
        fields: Mapping[Any, Value],
        id: Text = "*",
        *,
        maxlen: int | None = None,
        minid: Text | None = None,
        exact: bool = False,
    ) -> bytes:
        """Adds an entry; returns its ID, which is of the time now unless it is given.

        With `maxlen` the oldest entries beyond that many go, with `minid` those with
        smaller IDs; unless it must be `exact`, only as far as it costs next to nothing.
        O(1). Fails with ReplyError if the ID is not greater than all before it, or if
        there are no fields.
        """
        words = [part for pair in fields.items() for part in pair]
        trim = self._trim_words(maxlen, minid, exact)
        added: bytes = self._call("XADD", self.key, *trim, id, *words)
        return added

    @staticmethod
    def _trim_words(maxlen: int | None, minid: Text | None, exact: bool) -> tuple[Value, ...]:
        if maxlen is not None and minid is not None:
            raise ValueError("maxlen and minid exclude each other")
        how = "=" if exact else "~"
        if maxlen is not None:
            return "MAXLEN", how, maxlen
        return () if minid is None else ("MINID", how, minid)

    def trim(
        self, *, maxlen: int | None = None, minid: Text | None = None, exact: bool = True
    ) -> int:
        """Removes the oldest entries, as `append` does; returns how many went."""
        words = self._trim_words(maxlen, minid, exact)
        if not words:
            raise ValueError("trim needs maxlen or minid")
        removed: int = self._call("XTRIM", self.key, *words)
        return removed

    def __len__(self) -> int:
        count: int = self._call("XLEN", self.key)
        return count

    def __getitem__(self, id: Text) -> dict[bytes, bytes]:
        found = self.between(id, id)
        if not found:
            raise KeyError(id)
        return found[0].fields

    def __contains__(self, id: object) -> bool:
        return bool(self._call("XRANGE", self.key, id, id))

    def __delitem__(self, id: Text) -> None:
        if not self.delete(id):
            raise KeyError(id)

    def delete(self, *ids: Text) -> int:
        """Takes entries out; returns how many were there."""
        removed: int = self._call("XDEL", self.key, *ids) if ids else 0
        return removed

    def __iter__(self) -> Iterator[Entry]:
        """All entries, the oldest first, in pages: one command for each 256 of them.

        What is added meanwhile is seen.
        """
        return self._pages("XRANGE", "-", "+")

    def __reversed__(self) -> Iterator[Entry]:
        """All entries, the newest first, in pages."""
        return self._pages("XREVRANGE", "+", "-")

    def _pages(self, command: str, first: Text, last: Text) -> Iterator[Entry]:
        while True:
            page = _entries(self._call(command, self.key, first, last, "COUNT", _PAGE))
            yield from page
            if len(page) < _PAGE:
                return
            first = b"(" + page[-1].id

    def between(self, first: Text = "-", last: Text = "+", count: int | None = None) -> list[Entry]:
        """Entries with IDs in this range, both ends included, at most `count`.

        A number without its second part is all of that millisecond; `(` before an ID
        leaves it out.
        """
        limit = () if count is None else ("COUNT", count)
        return _entries(self._call("XRANGE", self.key, first, last, *limit))

    def newest(self, count: int = 1) -> list[Entry]:
        """The last entries, the newest first."""
        return _entries(self._call("XREVRANGE", self.key, "+", "-", "COUNT", count))

    def last_id(self) -> bytes:
        """The greatest ID that was ever added, `b"0-0"` without a stream.

        Read from there on, and nothing that is added later is missed.
        """
        try:
            facts: dict[bytes, Any] = self._call("XINFO", "STREAM", self.key)
        except ReplyError as problem:
            if "no such key" in str(problem):
                return b"0-0"
            raise
        identifier: bytes = facts[b"last-generated-id"]
        return identifier

    def read(
        self,
        after: Text = "0-0",
        *,
        count: int | None = None,
        timeout_seconds: float | None = None,
    ) -> list[Entry]:
        """Entries with greater IDs than `after`, at most `count`.

        With a timeout it waits while there are none, so many seconds and 0 for ever, and
        `after="$"` is the last ID there is now. Nothing came: an empty list.
        """
        limit = () if count is None else ("COUNT", count)
        what = (*limit, "STREAMS", self.key, after)
        if timeout_seconds is None:
            return _of_one_stream(self._call("XREAD", *what))
        return _of_one_stream(self._wait("XREAD", *_blocking(timeout_seconds), *what))

    def group(self, name: Text) -> Group:
        """The group of consumers of this name; `create()` makes it."""
        return Group(self._call, self.key, name, self._wait)

    def groups(self) -> list[bytes]:
        """Names of all groups. Fails with ReplyError if there is no stream."""
        return [facts[b"name"] for facts in self._call("XINFO", "GROUPS", self.key)]

    def clear(self) -> None:
        """Removes the stream with its groups."""
        self._call("DEL", self.key)


class Group:
    """A group of consumers: each entry goes to one of them, and is kept until that one acks.

    Every method but `create` fails with ReplyError (NOGROUP) if the group is not there,
    where the command does.
    """

    def __init__(self, call: Run, key: Text, name: Text, wait: Run) -> None:
        self._call = call
        self._wait = wait
        self.key = key
        self.name = name

    def create(self, after: Text = "$") -> bool:
        """Makes the group, and the stream if need be. False: it is there already.

        Its consumers get what is behind `after`: what will be added (`$`), all (`0`).
        """
        try:
            self._call("XGROUP", "CREATE", self.key, self.name, after, "MKSTREAM")
        except ReplyError as problem:
            if str(problem).startswith("BUSYGROUP"):
                return False
            raise
        return True

    def destroy(self) -> bool:
        """Removes the group with what is pending in it. False: there is none."""
        return bool(self._call("XGROUP", "DESTROY", self.key, self.name))

    def read(
        self,
        consumer: Text,
        count: int | None = None,
        *,
        timeout_seconds: float | None = None,
        no_ack: bool = False,
    ) -> list[Entry]:
        """Entries that no consumer was given yet; they are pending until `ack`.

        With a timeout it waits while there are none, so many seconds and 0 for ever.
        Nothing came: an empty list. With `no_ack` they do not become pending: who fails
        has lost them.
        """
        limit = () if count is None else ("COUNT", count)
        what = (*limit, *(("NOACK",) if no_ack else ()), "STREAMS", self.key, ">")
        who = ("GROUP", self.name, consumer)
        if timeout_seconds is None:
            return _of_one_stream(self._call("XREADGROUP", *who, *what))
        waiting = _blocking(timeout_seconds)
        return _of_one_stream(self._wait("XREADGROUP", *who, *waiting, *what))

    def read_again(
        self, consumer: Text, after: Text = "0-0", count: int | None = None
    ) -> list[Entry]:
        """What is pending for a consumer, behind an ID: what it had when it failed."""
        limit = () if count is None else ("COUNT", count)
        who = ("GROUP", self.name, consumer)
        return _of_one_stream(self._call("XREADGROUP", *who, *limit, "STREAMS", self.key, after))

    def ack(self, *ids: Text) -> int:
        """Says that entries are done; returns how many of them were pending."""
        done: int = self._call("XACK", self.key, self.name, *ids) if ids else 0
        return done

    def pending(
        self, consumer: Text | None = None, *, count: int = 100, idle_seconds: float = 0
    ) -> list[Pending]:
        """The oldest entries that are pending, of one consumer or all, idle for so long."""
        idle = ("IDLE", round(idle_seconds * 1000)) if idle_seconds else ()
        whose = () if consumer is None else (consumer,)
        found = self._call("XPENDING", self.key, self.name, *idle, "-", "+", count, *whose)
        return [
            Pending(identifier, who, idle_ms / 1000, deliveries)
            for identifier, who, idle_ms, deliveries in found
        ]

    def pending_count(self) -> int:
        """How many entries are pending."""
        count: int = self._call("XPENDING", self.key, self.name)[0]
        return count

    def claim(self, consumer: Text, *ids: Text, idle_seconds: float = 0) -> list[Entry]:
        """Hands pending entries that are idle for so long to a consumer; returns those."""
        if not ids:
            return []
        idle_ms = round(idle_seconds * 1000)
        return _entries(self._call("XCLAIM", self.key, self.name, consumer, idle_ms, *ids))

    def claim_abandoned(
        self, consumer: Text, idle_seconds: float, count: int | None = None
    ) -> list[Entry]:
        """Hands what is pending and idle for so long to a consumer, at most `count`.

        What dead consumers left behind. One command for each hundred entries that are
        pending, until there are enough.
        """
        found: list[Entry] = []
        cursor: bytes | str = "0-0"
        while count is None or len(found) < count:
            wanted = _CLAIM_PAGE if count is None else min(count - len(found), _CLAIM_PAGE)
            who = (self.key, self.name, consumer, round(idle_seconds * 1000))
            cursor, claimed, _ = self._call("XAUTOCLAIM", *who, cursor, "COUNT", wanted)
            found += _entries(claimed)
            if cursor == b"0-0":
                break
        return found

    def consumers(self) -> dict[bytes, int]:
        """Names of the consumers, and how many entries are pending for each."""
        facts = self._call("XINFO", "CONSUMERS", self.key, self.name)
        return {consumer[b"name"]: consumer[b"pending"] for consumer in facts}

    def remove_consumer(self, consumer: Text) -> int:
        """Removes a consumer; returns how many entries were pending for it, and are no more."""
        pending: int = self._call("XGROUP", "DELCONSUMER", self.key, self.name, consumer)
        return pending
