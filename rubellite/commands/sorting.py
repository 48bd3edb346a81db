"""SORT and SORT_RO: lists, sets and sorted sets in the order of their elements or of other keys."""

from __future__ import annotations

from typing import Final

from rubellite._core import Arguments, Call
from rubellite.engine.events import LIST
from rubellite.engine.replies import Reply
from rubellite.errors import SYNTAX
from rubellite.record import Record, made
from rubellite.spec.command import command
from rubellite.spec.flags import DENYOOM, READ, WRITE
from rubellite.spec.keys import KeySpec

_COST: Final = (
    "O(N+M*log(M)) where N is the number of elements in the list or set to sort, and M the number "
    "of returned elements. When the elements are not sorted, complexity is O(N)."
)
#: The types that are sorted; `@keyspace` is not among them.
_CATEGORIES: Final = ("@set", "@sortedset", "@list", "@dangerous")
_SYNTAX: Final = "[BY pattern] [LIMIT offset count] [GET pattern [GET pattern ...]] [ASC|DESC]"

_KEYS: Final = [
    KeySpec(("RO", "access"), index=1),
    KeySpec(
        ("RO", "access"),
        search="unknown",
        notes="Keys of BY and GET are made of the elements that are sorted.",
    ),
]
_STORE_KEY: Final = KeySpec(
    ("OW", "update"),
    search="unknown",
    keyword="STORE",
    index=2,
    notes="STORE may be a value of another option, too.",
)


class _Sorting(Record):
    """What SORT is told."""

    by: bytes | None = None
    get: list[bytes] = made(factory=list)
    limit: tuple[int, int] = (0, -1)
    descending: bool = False
    alpha: bool = False
    destination: bytes | None = None


def _read(words: Arguments, *, may_store: bool) -> _Sorting:
    """The options.

    Errors: SYNTAX, NOT_INTEGER.
    """
    sorting = _Sorting()
    at, count = 0, len(words)
    while at < count:
        word, left = words[at].upper(), count - at - 1
        if word in (b"ASC", b"DESC"):
            sorting.descending = word == b"DESC"
        elif word == b"ALPHA":
            sorting.alpha = True
        elif word == b"LIMIT" and left >= 2:
            sorting.limit = (words.integer(at + 1), words.integer(at + 2))
            at += 2
        elif word == b"STORE" and left and may_store:
            sorting.destination = words[at + 1]
            at += 1
        elif word == b"BY" and left:
            # Once a pattern says not to sort, no later one does.
            if sorting.by is None or b"*" in sorting.by:
                sorting.by = words[at + 1]
            at += 1
        elif word == b"GET" and left:
            sorting.get.append(words[at + 1])
            at += 1
        else:
            raise SYNTAX
        at += 1
    return sorting


def _sort(call: Call, key: bytes, words: Arguments, *, may_store: bool) -> Reply:
    """Errors: SYNTAX, NOT_INTEGER, WRONG_TYPE, SCORES_NOT_FLOAT."""
    told = _read(words, may_store=may_store)
    options = (told.by, told.get, told.limit, told.descending, told.alpha)
    if told.destination is None:
        return call.reply_sorted(key, *options)
    return call.store(told.destination, call.list_sorted(key, *options), LIST, "sortstore")


@command(
    f"SORT key {_SYNTAX} [ALPHA] [STORE destination:OW,update]",
    WRITE | DENYOOM,
    since="1.0.0",
    cost=_COST,
    categories=_CATEGORIES,
    keyspace=False,
    keys=[*_KEYS, _STORE_KEY],
    takes_rest=True,
)
def sort(call: Call, key: bytes, words: Arguments) -> Reply:
    """Return or store the elements of a list, set or sorted set in order.

    Errors: SYNTAX, NOT_INTEGER, WRONG_TYPE, SCORES_NOT_FLOAT.
    """
    return _sort(call, key, words, may_store=True)


@command(
    f"SORT_RO key {_SYNTAX} [ALPHA]",
    READ,
    since="7.0.0",
    cost=_COST,
    categories=_CATEGORIES,
    keyspace=False,
    keys=_KEYS,
    takes_rest=True,
)
def sort_ro(call: Call, key: bytes, words: Arguments) -> Reply:
    """Return the elements of a list, set or sorted set in order.

    Errors: SYNTAX, NOT_INTEGER, WRONG_TYPE, SCORES_NOT_FLOAT.
    """
    return _sort(call, key, words, may_store=False)
