"""Fields of hashes that expire: HEXPIRE, HTTL, HGETEX, HSETEX and their like."""

from __future__ import annotations

from typing import Final

from rubellite._core import Arguments, Call, Hash
from rubellite.engine.events import GENERIC, HASH, NEW
from rubellite.engine.expiry import check_deadline, conditions_of
from rubellite.engine.replies import Reply
from rubellite.errors import (
    INVALID_EXPIRE,
    NUMFIELDS,
    SYNTAX,
    ReplyError,
)
from rubellite.spec.command import command
from rubellite.spec.flags import DENYOOM, FAST, READ, WRITE

_EACH = "O(N) where N is the number of specified fields."
_SINCE = "9.0.0"
_GROUP = "hash"

#: What became of a field.
_NO_FIELD, _NO_DEADLINE, _SET, _GONE = -2, -1, 1, 2

#: Words with a time: milliseconds in a unit, and whether they count from now.
_TIMES: Final = {
    b"EX": (1000, True),
    b"PX": (1, True),
    b"EXAT": (1000, False),
    b"PXAT": (1, False),
}


def _fields_at(words: Arguments, first: int, key: bytes = b"") -> int:
    """Where FIELDS stands, with the options of HEXPIRE or HGETEX in front of it.

    As in Valkey, a `key` of that name will do where there is no other: -1.

    Errors: NUMFIELDS.
    """
    for at in range(first, len(words) - 1):
        if words[at].upper() == b"FIELDS":
            return at
    if key.upper() == b"FIELDS":
        return -1
    raise NUMFIELDS


def _counted(words: Arguments, at: int, error: type[ReplyError], stride: int = 1) -> Arguments:
    """What stands behind `FIELDS numfields`, if there are as many as it says."""
    number = words.integer(at + 1)
    fields = words.after(at + 2)
    if number < 1 or number * stride != len(fields):
        raise error
    return fields


def _fields_only(words: Arguments, error: type[ReplyError]) -> Arguments:
    """The fields of `FIELDS numfields field [field ...]`.

    Errors: SYNTAX, NOT_INTEGER, NUMFIELDS.
    """
    if words[0].upper() != b"FIELDS":
        raise SYNTAX
    return _counted(words, 0, error)


def _expire(call: Call, key: bytes, words: Arguments, unit_ms: int, since_ms: int) -> Reply:
    """Gives fields the deadline `words[0]` units after `since_ms`, as the other words allow."""
    at = _fields_at(words, 1)
    conditions = conditions_of(words.flat()[1:at] if at > 1 else ())
    fields = _counted(words, at, NUMFIELDS)
    amount = words.integer(0)
    if amount < 0:
        raise INVALID_EXPIRE(call.command_name)
    at_ms = check_deadline(amount, unit_ms, since_ms, call.command_name)
    outcomes = call.edit(key, Hash).expire_all(
        fields,
        at_ms,
        nx=b"NX" in conditions,
        xx=b"XX" in conditions,
        gt=b"GT" in conditions,
        lt=b"LT" in conditions,
    )
    _tell_expired(call, key, fields, outcomes, at_ms)
    return outcomes


def _tell_expired(
    call: Call, key: bytes, fields: Arguments, outcomes: list[int], at_ms: int
) -> None:
    """The journal and subscribers learn which fields got a deadline, or are gone."""
    changed = [field for field, outcome in zip(fields, outcomes, strict=True) if outcome > 0]
    if not changed:
        return
    if _GONE in outcomes:
        call.count_expired_fields(len(changed))
        call.propagate((b"HDEL", key, *changed))
        call.notify(HASH, "hexpired", key)
    else:
        call.propagate((b"HPEXPIREAT", key, b"%d" % at_ms, *_listed(changed)))
        call.notify(HASH, "hexpire", key)


def _listed(fields: list[bytes]) -> list[bytes]:
    return [b"FIELDS", b"%d" % len(fields), *fields]


@command(
    "HEXPIRE key:RW,update seconds [NX|XX|GT|LT] <FIELDS numfields field [field ...]>",
    WRITE | FAST,
    since=_SINCE,
    cost=_EACH,
    group=_GROUP,
    takes_rest=True,
)
def hexpire(call: Call, key: bytes, words: Arguments) -> Reply:
    """Let fields expire in so many seconds.

    Errors: NUMFIELDS, UNSUPPORTED_OPTION, EXPIRE_CONDITIONS, EXPIRE_COMPARISONS,
    NOT_INTEGER, INVALID_EXPIRE, WRONG_TYPE.
    """
    return _expire(call, key, words, 1000, call.now_ms)


@command(
    "HPEXPIRE key:RW,update milliseconds [NX|XX|GT|LT] <FIELDS numfields field [field ...]>",
    WRITE | FAST,
    since=_SINCE,
    cost=_EACH,
    group=_GROUP,
    takes_rest=True,
)
def hpexpire(call: Call, key: bytes, words: Arguments) -> Reply:
    """Let fields expire in so many milliseconds.

    Errors: NUMFIELDS, UNSUPPORTED_OPTION, EXPIRE_CONDITIONS, EXPIRE_COMPARISONS,
    NOT_INTEGER, INVALID_EXPIRE, WRONG_TYPE.
    """
    return _expire(call, key, words, 1, call.now_ms)


@command(
    "HEXPIREAT key:RW,update unix-time-seconds:integer [NX|XX|GT|LT] "
    "<FIELDS numfields field [field ...]>",
    WRITE | FAST,
    since=_SINCE,
    cost=_EACH,
    group=_GROUP,
    takes_rest=True,
)
def hexpireat(call: Call, key: bytes, words: Arguments) -> Reply:
    """Let fields expire at a Unix time in seconds.

    Errors: NUMFIELDS, UNSUPPORTED_OPTION, EXPIRE_CONDITIONS, EXPIRE_COMPARISONS,
    NOT_INTEGER, INVALID_EXPIRE, WRONG_TYPE.
    """
    return _expire(call, key, words, 1000, 0)


@command(
    "HPEXPIREAT key:RW,update unix-time-milliseconds:integer [NX|XX|GT|LT] "
    "<FIELDS numfields field [field ...]>",
    WRITE | FAST,
    since=_SINCE,
    cost=_EACH,
    group=_GROUP,
    takes_rest=True,
)
def hpexpireat(call: Call, key: bytes, words: Arguments) -> Reply:
    """Let fields expire at a Unix time in milliseconds.

    Errors: NUMFIELDS, UNSUPPORTED_OPTION, EXPIRE_CONDITIONS, EXPIRE_COMPARISONS,
    NOT_INTEGER, INVALID_EXPIRE, WRONG_TYPE.
    """
    return _expire(call, key, words, 1, 0)


def _deadlines(call: Call, key: bytes, words: Arguments) -> list[int]:
    fields = _fields_only(words, SYNTAX)
    found = call.read(key, Hash)
    return [_NO_FIELD] * len(fields) if found is None else found.deadlines(fields)


@command(
    "HTTL key:RO,access <FIELDS numfields field [field ...]>",
    READ | FAST,
    since=_SINCE,
    cost=_EACH,
    group=_GROUP,
    takes_rest=True,
)
def httl(call: Call, key: bytes, words: Arguments) -> Reply:
    """Seconds until fields expire; -1 for one that never does, -2 for none.

    Errors: SYNTAX, NOT_INTEGER, WRONG_TYPE.
    """
    now_ms = call.now_ms
    return [
        at_ms if at_ms < 0 else (at_ms - now_ms + 500) // 1000
        for at_ms in _deadlines(call, key, words)
    ]


@command(
    "HPTTL key:RO,access <FIELDS numfields field [field ...]>",
    READ | FAST,
    since=_SINCE,
    cost=_EACH,
    group=_GROUP,
    takes_rest=True,
)
def hpttl(call: Call, key: bytes, words: Arguments) -> Reply:
    """Milliseconds until fields expire; -1 for one that never does, -2 for none.

    Errors: SYNTAX, NOT_INTEGER, WRONG_TYPE.
    """
    now_ms = call.now_ms
    return [at_ms if at_ms < 0 else at_ms - now_ms for at_ms in _deadlines(call, key, words)]


@command(
    "HEXPIRETIME key:RO,access <FIELDS numfields field [field ...]>",
    READ | FAST,
    since=_SINCE,
    cost=_EACH,
    group=_GROUP,
    takes_rest=True,
)
def hexpiretime(call: Call, key: bytes, words: Arguments) -> Reply:
    """Unix times in seconds at which fields expire; -1 for one that never does, -2 for none.

    Errors: SYNTAX, NOT_INTEGER, WRONG_TYPE.
    """
    return [at_ms if at_ms < 0 else (at_ms + 500) // 1000 for at_ms in _deadlines(call, key, words)]


@command(
    "HPEXPIRETIME key:RO,access <FIELDS numfields field [field ...]>",
    READ | FAST,
    since=_SINCE,
    cost=_EACH,
    group=_GROUP,
    takes_rest=True,
)
def hpexpiretime(call: Call, key: bytes, words: Arguments) -> Reply:
    """Unix times in ms at which fields expire; -1 for one that never does, -2 for none.

    Errors: SYNTAX, NOT_INTEGER, WRONG_TYPE.
    """
    return _deadlines(call, key, words)


@command(
    "HPERSIST key:RW,update <FIELDS numfields field [field ...]>",
    WRITE | FAST,
    since=_SINCE,
    cost=_EACH,
    group=_GROUP,
    takes_rest=True,
)
def hpersist(call: Call, key: bytes, words: Arguments) -> Reply:
    """Let fields expire no more.

    Errors: SYNTAX, NOT_INTEGER, NUMFIELDS, WRONG_TYPE.
    """
    fields = _fields_only(words, NUMFIELDS)
    outcomes = call.edit(key, Hash).persist_all(fields)
    if _SET in outcomes:
        call.notify(HASH, "hpersist", key)
    return outcomes


@command(
    "HGETDEL key:RW,access,delete <FIELDS numfields field [field ...]>",
    WRITE | FAST,
    since="9.1.0",
    cost="O(N) where N is the number of fields to be retrieved and deleted.",
    group=_GROUP,
    takes_rest=True,
)
def hgetdel(call: Call, key: bytes, words: Arguments) -> Reply:
    """Take fields out and return their values; null for each that is not there.

    Errors: SYNTAX, NOT_INTEGER, NUMFIELDS, WRONG_TYPE.
    """
    fields = _fields_only(words, NUMFIELDS)
    values = call.edit(key, Hash).pop_all(fields)
    if any(value is not None for value in values):
        call.notify(HASH, "hdel", key)
    return values


class _Options:
    """The words between key and FIELDS of HGETEX and HSETEX.

    Errors: SYNTAX.
    """

    __slots__ = ("_amount", "_words", "expiry", "given")

    def __init__(
        self,
        words: Arguments,
        end: int,
        other_expiry: bytes,
        conditions: tuple[tuple[bytes, bytes], ...],
    ) -> None:
        self._words = words
        self._amount = 0
        #: EX, PX, EXAT, PXAT or `other_expiry`; one of them may be given again.
        self.expiry = b""
        #: The conditions.
        self.given: set[bytes] = set()
        at = 0
        while at < end:
            word = words[at].upper()
            pair = next((pair for pair in conditions if word in pair), None)
            if pair is not None:
                self.given.add(word)
                if self.given.issuperset(pair):
                    raise SYNTAX
            elif self.expiry not in (b"", word):
                raise SYNTAX
            elif word == other_expiry:
                self.expiry = word
            elif word in _TIMES and at + 1 < end:
                self.expiry = word
                at += 1
                self._amount = at
            else:
                raise SYNTAX
            at += 1

    def deadline(self, call: Call) -> int | None:
        """The deadline that is asked for; it may have passed.

        Errors: NOT_INTEGER, INVALID_EXPIRE.
        """
        if self.expiry not in _TIMES:
            return None
        unit_ms, is_relative = _TIMES[self.expiry]
        amount = self._words.integer(self._amount)
        if amount < 0:
            raise INVALID_EXPIRE(call.command_name)
        since_ms = call.now_ms if is_relative else 0
        return check_deadline(amount, unit_ms, since_ms, call.command_name)


@command(
    "HGETEX key:RW,access,update [EX seconds|PX milliseconds|EXAT unix-time-seconds|"
    "PXAT unix-time-milliseconds|PERSIST] <FIELDS numfields field [field ...]>",
    WRITE | FAST,
    since=_SINCE,
    cost=_EACH,
    group=_GROUP,
    takes_rest=True,
)
def hgetex(call: Call, key: bytes, words: Arguments) -> Reply:
    """Return the values of fields, and let them expire or no more.

    Errors: NUMFIELDS, SYNTAX, NOT_INTEGER, INVALID_EXPIRE, WRONG_TYPE.
    """
    fields_at = _fields_at(words, 0, key)
    options = _Options(words, fields_at, b"PERSIST", ())
    fields = _counted(words, fields_at, NUMFIELDS)
    found = call.read(key, Hash)
    at_ms = options.deadline(call)
    if found is None:
        return [None] * len(fields)
    if at_ms is not None and at_ms <= call.now_ms:
        # Field by field: one that is named again is gone by then.
        values = found.pop_all(fields)
        gone = [_GONE if value is not None else _NO_FIELD for value in values]
        _tell_expired(call, key, fields, gone, at_ms)
        return values
    values = found.get_all(fields)
    if options.expiry == b"PERSIST":
        outcomes = found.persist_all(fields)
        if _SET in outcomes:
            persisted = [f for f, outcome in zip(fields, outcomes, strict=True) if outcome == _SET]
            call.propagate((b"HPERSIST", key, *_listed(persisted)))
            call.notify(HASH, "hpersist", key)
    elif at_ms is not None:
        outcomes = found.expire_all(fields, at_ms)
        _tell_expired(call, key, fields, outcomes, at_ms)
    return values


@command(
    "HSETEX key:RW,insert [NX|XX] [FNX|FXX] [EX seconds|PX milliseconds|EXAT unix-time-seconds|"
    "PXAT unix-time-milliseconds|KEEPTTL] <FIELDS numfields field value [field value ...]>",
    WRITE | DENYOOM | FAST,
    since=_SINCE,
    cost=_EACH,
    group=_GROUP,
    takes_rest=True,
)
def hsetex(call: Call, key: bytes, words: Arguments) -> Reply:
    """Give fields values if the conditions hold, and let them expire. 0: they did not hold.

    Errors: NUMFIELDS, SYNTAX, NOT_INTEGER, INVALID_EXPIRE, WRONG_TYPE.
    """
    fields_at = _fields_at(words, 0, key)
    options = _Options(words, fields_at, b"KEEPTTL", ((b"NX", b"XX"), (b"FNX", b"FXX")))
    pairs = _counted(words, fields_at, NUMFIELDS, 2)
    found = call.edit(key, Hash)
    given = options.given
    if given & {b"NX", b"XX"} and call.exists(key, "peek") == (b"NX" in given):
        return 0
    at_ms = options.deadline(call)
    if b"FNX" in given and found.has_any(pairs):
        return 0
    if b"FXX" in given and not found.has_all(pairs):
        return 0
    if at_ms is not None and at_ms <= call.now_ms:
        return _set_too_late(call, key, found, pairs.flat()[::2])
    found.set_all(pairs, at_ms, options.expiry == b"KEEPTTL", False)
    if at_ms is not None:
        call.propagate((b"HSETEX", key, b"PXAT", b"%d" % at_ms, *words.after(fields_at)))
    elif given & {b"NX", b"XX", b"FNX", b"FXX"}:
        kept = (b"KEEPTTL",) if options.expiry else ()
        call.propagate((b"HSETEX", key, *kept, *words.after(fields_at)))
    call.notify(HASH, "hset", key)
    if at_ms is not None:
        call.notify(HASH, "hexpire", key)
    return 1


def _set_too_late(call: Call, key: bytes, found: Hash, fields: tuple[bytes, ...]) -> int:
    """What HSETEX does with a deadline that has passed: the fields are set and gone."""
    there = [field for field in dict.fromkeys(fields) if field in found]
    is_new = not call.exists(key, "peek")
    if is_new:
        call.notify(NEW, "new", key)
    call.notify(HASH, "hset", key)
    call.notify(HASH, "hexpire", key)
    found.remove_all(there)
    call.propagate((b"HDEL", key, *there))
    call.count_expired_fields(len(fields))
    call.notify(HASH, "hexpired", key)
    if is_new:
        call.notify(GENERIC, "del", key)
    return 1
