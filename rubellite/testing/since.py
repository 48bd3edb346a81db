"""Since when Redis and Valkey have what the notation does not date for both of them.

COMMAND DOCS of the real servers tells it; where that only tells it in words, so did trying.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from rubellite.spec.argument_names import SINCE

#: The versions that a profile may name, by product.
KNOWN: Final[dict[str, tuple[str, ...]]] = {
    "redis": ("6.0", "6.2", "7.0", "7.2", "7.4", "8.0", "8.2"),
    "valkey": ("7.2", "8.0", "8.1", "9.0", "9.1"),
}

#: Where a product never had it.
NEVER: Final = "1000.0"


def _all(names: str, version: str) -> dict[str, str]:
    return dict.fromkeys(names.split(), version)


#: Since when a product has a command, where the notation tells of the other one.
COMMANDS: Final = {
    "redis": {
        **_all(
            "hexpire hexpireat hexpiretime hpersist hpexpire hpexpireat hpexpiretime hpttl httl",
            "7.4",
        ),
        **_all("hgetdel hgetex hsetex", "8.0"),
        **_all(
            "client|capa client|import-source commandlog commandlog|get commandlog|help "
            "commandlog|len commandlog|reset delifeq msetex script|show",
            NEVER,
        ),
    },
    "valkey": _all("xackdel xdelex", NEVER),
}

#: Since when arguments are there, by outline; what COMMAND DOCS tells in its history only.
ARGUMENTS: Final = {
    "georadiusbymember": {"ANY": "6.2"},
    "georadiusbymember_ro": {"ANY": "6.2"},
    "xgroup|create": {"ENTRIESREAD entries-read": "7.0"},
    "xgroup|setid": {"ENTRIESREAD entries-read": "7.0"},
    "zrank": {"WITHSCORE": "7.2"},
    "zrevrank": {"WITHSCORE": "7.2"},
}

_REFERENCES: Final = {"KEEPREF|DELREF|ACKED": "8.2"}
_NO_REFERENCES: Final = {"KEEPREF|DELREF|ACKED": NEVER}


def _filters(command: str) -> dict[str, str]:
    """The filters of CLIENT KILL and LIST that only Valkey has."""
    return {outline: NEVER for outline, since in SINCE[command].items() if since >= "8.0.0"}


#: The same, where the products differ.
OWN_ARGUMENTS: Final = {
    "redis": {
        "bgsave": {"CANCEL": NEVER},
        "bitop": _all("DIFF DIFF1 ANDOR ONE", "8.2"),
        "client|kill": {**_filters("client|kill"), "MAXAGE maxage": "7.4"},
        "client|list": _filters("client|list"),
        "cluster|setslot": {"TIMEOUT timeout": NEVER},
        "geosearch": {"BYPOLYGON num-vertices longitude latitude": NEVER},
        "geosearchstore": {"BYPOLYGON num-vertices longitude latitude": NEVER},
        "hexpireat": {"NX|XX|GT|LT": "7.4"},
        "hpexpire": {"NX|XX|GT|LT": "7.4"},
        "hpexpireat": {"NX|XX|GT|LT": "7.4"},
        "hscan": {"NOVALUES": "7.4"},
        "hsetex": {"NX|XX": NEVER},
        "set": {"IFEQ comparison-value": NEVER},
        "shutdown": {"SAFE": NEVER, "FAILOVER": NEVER},
        "xadd": _REFERENCES,
        "xtrim": _REFERENCES,
        "zscan": {"NOSCORES": NEVER},
    },
    "valkey": {
        "bitop": _all("DIFF DIFF1 ANDOR ONE", NEVER),
        "hscan": {"NOVALUES": "8.0"},
        "xadd": _NO_REFERENCES,
        "xtrim": _NO_REFERENCES,
        "zscan": {"NOSCORES": "8.0"},
    },
}

#: What could be given once only before these versions.
MANY_SINCE: Final = {"config|get": "7.0", "config|set": "7.0", "info": "7.0"}


Words = tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Habit:
    """A way to use a command that words alone do not tell: since when it may be used so.

    `error` is what it was before, a name in `rubellite.errors`.
    """

    since: dict[str, str]
    is_used: Callable[[Words], bool]
    error: str = "SYNTAX"


def _both(version: str) -> dict[str, str]:
    return {"redis": version, "valkey": version}


def _has(words: Words, *wanted: bytes) -> bool:
    return set(wanted) <= {word.upper() for word in words}


def _entry_id(words: Words) -> bytes:
    """The ID of the entry that XADD is to add."""
    at = 2
    while at < len(words) - 1:
        word = words[at].upper()
        if word in (b"MAXLEN", b"MINID"):
            at += 3 if words[at + 1] in (b"=", b"~") else 2
        elif word == b"LIMIT":
            at += 2
        elif word in (b"NOMKSTREAM", b"KEEPREF", b"DELREF", b"ACKED"):
            at += 1
        else:
            break
    return words[at]


_EXCLUSIVE: Final = Habit(
    _both("6.2"), lambda words: any(word.startswith(b"(") for word in words[2:4]), "STREAM_ID"
)

#: What is used in a new way, by command.
HABITS: Final = {
    # BITCOUNT key 0
    "bitcount": Habit({"redis": NEVER, "valkey": "8.0"}, lambda words: len(words) == 3),
    # CLIENT KILL ID 1 2
    "client|kill": Habit(
        {"redis": NEVER, "valkey": "8.1"},
        lambda words: re.search(rb" ID \d+ \d", b" ".join(words).upper()) is not None,
    ),
    # SET key value NX GET
    "set": Habit(_both("7.0"), lambda words: _has(words[3:], b"NX", b"GET")),
    # XADD key 5-* field value
    "xadd": Habit(_both("7.0"), lambda words: _entry_id(words).endswith(b"-*"), "STREAM_ID"),
    # XRANGE key (5-1 +
    "xrange": _EXCLUSIVE,
    "xrevrange": _EXCLUSIVE,
}

#: How an unknown option is taken, where that is no syntax error: as an entry's ID.
REFUSALS: Final = {"xadd": "STREAM_ID"}
