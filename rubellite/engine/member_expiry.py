"""Deadlines of members: what sets and sorted sets have in common.

No real server has them; they say for members what Valkey's HEXPIRE and HTTL say for
fields (docs/decisions/0008-members-of-sets-expire.md).
"""

from __future__ import annotations

from typing import Final

from rubellite._core import Arguments, Call, Set, SortedSet
from rubellite.engine.expiry import check_deadline, conditions_of
from rubellite.engine.replies import Reply
from rubellite.errors import INVALID_EXPIRE, NUMMEMBERS, SYNTAX
from rubellite.record import Record

COST: Final = "O(N) where N is the number of specified members."

#: What became of a member: -2 there is none, 0 a condition did not hold.
_NO_MEMBER, _SET, _GONE = -2, 1, 2


def _members(words: Arguments, at: int) -> Arguments:
    """The members of `MEMBERS nummembers member [member ...]`, which begins at `at`.

    Errors: SYNTAX, NOT_INTEGER, NUMMEMBERS.
    """
    if words[at].upper() != b"MEMBERS":
        raise SYNTAX
    members = words.after(at + 2)
    if words.integer(at + 1) != len(members):
        raise NUMMEMBERS
    return members


class MemberExpiry(Record, frozen=True):
    """How the commands of one type speak of their members' deadlines. All is O(members)."""

    #: The view of a collection of the type.
    view: type[Set] | type[SortedSet]
    #: The class of its events.
    event_class: int
    #: What its commands and events begin with.
    letter: str

    def expire(
        self, call: Call, key: bytes, words: Arguments, unit_ms: int, since_ms: int
    ) -> Reply:
        """Gives members the deadline `words[0]` units after `since_ms`, if conditions hold.

        Errors: SYNTAX, UNSUPPORTED_OPTION, NOT_INTEGER, NUMMEMBERS, EXPIRE_CONDITIONS,
        EXPIRE_COMPARISONS, INVALID_EXPIRE, WRONG_TYPE.
        """
        at = 1
        while at < len(words) - 2 and words[at].upper() != b"MEMBERS":
            at += 1
        given = conditions_of(words.flat()[1:at] if at > 1 else ())
        members = _members(words, at)
        amount = words.integer(0)
        if amount < 0:
            raise INVALID_EXPIRE(call.command_name)
        at_ms = check_deadline(amount, unit_ms, since_ms, call.command_name)
        outcomes = call.edit(key, self.view).expire_all(
            members,
            at_ms,
            nx=b"NX" in given,
            xx=b"XX" in given,
            gt=b"GT" in given,
            lt=b"LT" in given,
        )
        outcome_of = zip(members, outcomes, strict=True)
        changed = [member for member, outcome in outcome_of if outcome in (_SET, _GONE)]
        if not changed:
            return outcomes
        command = self.letter.upper().encode()
        if _GONE in outcomes:
            call.propagate((command + b"REM", key, *changed))
            call.count_expired_fields(len(changed))
            call.notify(self.event_class, f"{self.letter}expired", key)
        else:
            number = b"%d" % len(changed)
            name = command + b"PEXPIREAT"
            call.propagate((name, key, b"%d" % at_ms, b"MEMBERS", number, *changed))
            call.notify(self.event_class, f"{self.letter}expire", key)
        return outcomes

    def deadlines(self, call: Call, key: bytes, words: Arguments) -> list[int]:
        """Milliseconds since 1970; -1 for one that never expires, -2 for none.

        Errors: SYNTAX, NOT_INTEGER, NUMMEMBERS, WRONG_TYPE.
        """
        members = _members(words, 0)
        found = call.read(key, self.view)
        return [_NO_MEMBER] * len(members) if found is None else found.deadlines(members)

    def remaining_ms(self, call: Call, key: bytes, words: Arguments) -> list[int]:
        """As `deadlines`, counted from now."""
        now_ms = call.now_ms
        return [at if at < 0 else at - now_ms for at in self.deadlines(call, key, words)]

    def persist(self, call: Call, key: bytes, words: Arguments) -> Reply:
        """Takes deadlines away.

        Errors: SYNTAX, NOT_INTEGER, NUMMEMBERS, WRONG_TYPE.
        """
        outcomes = call.edit(key, self.view).persist_all(_members(words, 0))
        if _SET in outcomes:
            call.notify(self.event_class, f"{self.letter}persist", key)
        return outcomes


def in_seconds(times_ms: list[int]) -> list[int]:
    """Times in seconds, rounded; -1 and -2 stay what they are."""
    return [at if at < 0 else (at + 500) // 1000 for at in times_ms]
