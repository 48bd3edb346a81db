"""The filters of CLIENT LIST and CLIENT KILL: reading them, and whom they choose.

    ID 4 7 NOT-TYPE pubsub MAXAGE 60        all of them must hold

A filter that is given again replaces the one before. An empty name matches nobody,
because a client without a name has none, not an empty one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rubellite._core import Call
from rubellite.errors import (
    CLIENT_ID_NOT_POSITIVE,
    FILTER_DATABASE,
    FILTER_LETTERS,
    FILTER_NOT_INTEGER,
    FILTER_NOT_POSITIVE,
    NO_SUCH_USER,
    SYNTAX,
    UNKNOWN_CLIENT_TYPE,
    text_of,
)
from rubellite.record import Record, made
from rubellite.server import client_list
from rubellite.server.client_list import Facts
from rubellite.server.words import integer

Test = Callable[[Facts], bool]

#: The names of client types; replicas and primaries there are none here.
_TYPES = {
    "normal": "normal",
    "pubsub": "pubsub",
    "slave": "replica",
    "replica": "replica",
    "master": "primary",
    "primary": "primary",
}


class Filters(Record):
    """What was asked for; `tests` by the word that asked."""

    skip_me: bool
    tests: dict[str, Test] = made(factory=dict)

    def chooses(self, facts: Facts, own_id: int) -> bool:
        """Whether a client passes all filters."""
        if self.skip_me and facts["id"] == own_id:
            return False
        return all(test(facts) for test in self.tests.values())


def read(call: Call, words: Sequence[bytes], *, skip_me: bool) -> Filters:
    """Reads filters; `skip_me` is what holds without SKIPME.

    Errors: SYNTAX, UNKNOWN_CLIENT_TYPE, CLIENT_ID_NOT_POSITIVE, NO_SUCH_USER,
    FILTER_NOT_INTEGER, FILTER_NOT_POSITIVE, FILTER_DATABASE, FILTER_LETTERS.
    """
    filters = Filters(skip_me)
    at = 0
    while at < len(words):
        word = text_of(words[at]).upper()
        name = word.removeprefix("NOT-")
        if at + 1 == len(words):
            raise SYNTAX
        if name == "ID":
            test, at = _ids(words, at + 1)
        else:
            value = text_of(words[at + 1])
            at += 2
            if word == "SKIPME":
                filters.skip_me = _yes_or_no(value)
                continue
            if word in _ONLY_POSITIVE:
                test = _ONLY_POSITIVE[word](call, value)
            elif name in _NEGATABLE:
                test = _NEGATABLE[name](call, value)
            else:
                raise SYNTAX
        filters.tests[word] = _negated(test) if word.startswith("NOT-") else test
    return filters


def _negated(test: Test) -> Test:
    return lambda facts: not test(facts)


def _yes_or_no(value: str) -> bool:
    if value.lower() not in ("yes", "no"):
        raise SYNTAX
    return value.lower() == "yes"


def _ids(words: Sequence[bytes], at: int) -> tuple[Test, int]:
    """As many numbers as there are; the next word is another filter."""
    ids: set[int] = set()
    while at < len(words) and (number := integer(words[at])) is not None:
        if number < 1:
            raise CLIENT_ID_NOT_POSITIVE
        ids.add(number)
        at += 1
    if not ids:
        raise SYNTAX
    return (lambda facts: facts["id"] in ids), at


def _by_type(call: Call, value: str) -> Test:
    wanted = _TYPES.get(value.lower())
    if wanted is None:
        raise UNKNOWN_CLIENT_TYPE(value)
    return lambda facts: client_list.kind(facts) == wanted


def _by_user(call: Call, value: str) -> Test:
    # More users come with ACLs.
    if value != "default":
        raise NO_SUCH_USER(value)
    return lambda facts: facts["user"] == value


def _equal(fact: str) -> Callable[[Call, str], Test]:
    def make(call: Call, value: str) -> Test:
        return lambda facts: bool(value) and facts[fact] == value

    return make


def _by_ip(call: Call, value: str) -> Test:
    return lambda facts: facts["address"].rpartition(":")[0].strip("[]") == value.strip("[]")


def _at_least(name: str, since: str) -> Callable[[Call, str], Test]:
    def make(call: Call, value: str) -> Test:
        seconds = integer(value)
        if seconds is None:
            raise FILTER_NOT_INTEGER(name)
        if seconds < 1:
            raise FILTER_NOT_POSITIVE(name)
        now_ms = call.now_ms
        return lambda facts: (now_ms - facts[since]) // 1000 >= seconds

    return make


def _by_database(call: Call, value: str) -> Test:
    number = integer(value)
    if number is None:
        raise FILTER_NOT_INTEGER("DB")
    if not 0 <= number < call.database_count:
        raise FILTER_DATABASE(call.database_count - 1)
    return lambda facts: facts["database"] == number


def _by_letters(
    name: str, known: str, letters_of: Callable[[Facts], str]
) -> Callable[[Call, str], Test]:
    def make(call: Call, value: str) -> Test:
        if not set(value) <= set(known):
            raise FILTER_LETTERS(name, value)
        return lambda facts: set(value) <= set(letters_of(facts))

    return make


_ONLY_POSITIVE: dict[str, Callable[[Call, str], Test]] = {
    "MAXAGE": _at_least("maxage", "created_ms"),
    "IDLE": _at_least("idle", "last_request_ms"),
}
_NEGATABLE: dict[str, Callable[[Call, str], Test]] = {
    "TYPE": _by_type,
    "USER": _by_user,
    "ADDR": _equal("address"),
    "LADDR": _equal("local_address"),
    "NAME": _equal("name"),
    "FLAGS": _by_letters("flags", client_list.FLAG_LETTERS, client_list.flags),
    "LIB-NAME": _equal("library_name"),
    "LIB-VER": _equal("library_version"),
    "DB": _by_database,
    "CAPA": _by_letters("capa", client_list.CAPABILITY_LETTERS, client_list.capabilities),
    "IP": _by_ip,
}
