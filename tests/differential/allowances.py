"""Which differences between two servers' replies are legitimate, and why.

`equivalent` is asked only about replies that are not equal. Everything that makes it
say yes stands in the tables below, with its reason; there is no other tolerance.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from tests.wire import NULL, NULL3, Double, Error, Map, Members, Status, same

# The two servers got the command a moment apart, and sequences run for a while.
TIME_TOLERANCE_MS = 5_000

# Order is the hash table's, seeded at random by each process.
UNORDERED = frozenset(
    b"KEYS SMEMBERS SINTER SUNION SDIFF HKEYS HVALS SCAN SSCAN HSCAN ZSCAN".split()
)
UNORDERED_PAIRS = frozenset((b"HGETALL",))

# Chosen at random: only the shape can be equal.
RANDOM = frozenset(b"SRANDMEMBER HRANDFIELD ZRANDMEMBER RANDOMKEY SPOP".split())

# Remaining times, and the moments computed from them: name -> milliseconds in a unit.
TIMES = {
    **dict.fromkeys(b"TTL EXPIRETIME HTTL HEXPIRETIME".split(), 1000),
    **dict.fromkeys(b"PTTL PEXPIRETIME HPTTL HPEXPIRETIME".split(), 1),
}

# A deadline has six bytes here, eight there: what is later than that means never anyway.
DEADLINE_MS_MAX = 2**48 - 1

# Their replies may quote an error's text.
SCRIPTED = frozenset(b"EVAL EVAL_RO EVALSHA EVALSHA_RO FCALL FCALL_RO FUNCTION SCRIPT".split())

# Measures the process rather than the data, or bytes that only their writer must read.
SHAPE_ONLY = {
    (b"TIME",): "the clock",
    (b"DUMP",): "carries the writer's RDB version; tests of persistence load it back",
    (b"INFO",): "describes the process",
    (b"LASTSAVE",): "the clock",
    (b"MEMORY", b"USAGE"): "the allocator's",
    (b"OBJECT", b"IDLETIME"): "the clock",
    (b"OBJECT", b"FREQ"): "counted at random",
}


def equivalent(command: Sequence[bytes], ours: Any, theirs: Any) -> bool:
    """Whether unequal replies to `command` may differ like this."""
    name = command[0].upper()
    if isinstance(ours, Error) or isinstance(theirs, Error):
        return (
            isinstance(ours, Error)
            and isinstance(theirs, Error)
            and _allowed_error(command, ours, theirs)
        )
    if name in TIMES:
        return _close(ours, theirs, TIME_TOLERANCE_MS // TIMES[name]) or _beyond_year_10889(
            name, ours, theirs
        )
    if name in RANDOM:
        return _same_shape(ours, theirs)
    if (name,) in SHAPE_ONLY or tuple(word.upper() for word in command[:2]) in SHAPE_ONLY:
        return type(ours) is type(theirs)
    if name.endswith(b"SCAN") and _is_partial_scan(command, ours, theirs):
        return True
    if name in UNORDERED:
        return same(_sorted(ours), _sorted(theirs))
    if name in UNORDERED_PAIRS:
        return same(_sorted(_pairs(ours)), _sorted(_pairs(theirs)))
    for rule in RULES:
        if name in rule.commands:
            return rule.holds(command, ours, theirs)
    return False


@dataclass(frozen=True)
class Rule:
    commands: frozenset[bytes]
    why: str
    holds: Callable[[Sequence[bytes], Any, Any], bool]


def _sort_leaves_order_open(command: Sequence[bytes], ours: Any, theirs: Any) -> bool:
    words = {word.upper() for word in command}
    return bool(words & {b"BY", b"GET"}) and same(_sorted(ours), _sorted(theirs))


# XINFO's fields that hold a moment or a stretch of time.
_IDLE_FIELDS = frozenset((b"idle", b"inactive", b"seen-time", b"active-time"))


def _equal_but_for_idle_times(command: Sequence[bytes], ours: Any, theirs: Any) -> bool:
    return _same_shape(ours, theirs) and same(_without_idle(ours), _without_idle(theirs))


def _without_idle(reply: Any) -> Any:
    if not isinstance(reply, (list, tuple)):
        return reply
    items = list(reply)
    # XPENDING's long form: [id, consumer, idle, deliveries].
    if len(items) == 4 and [type(item) for item in items] == [bytes, bytes, int, int]:
        items[2] = 0
    for at, item in enumerate(items[:-1]):
        # -1 says that there is no such time, which is not the clock's.
        if (
            isinstance(item, bytes)
            and item in _IDLE_FIELDS
            and isinstance(items[at + 1], int)
            and items[at + 1] >= 0
        ):
            items[at + 1] = 0
    return type(reply)(_without_idle(item) for item in items)


def _same_but_for_identity(command: Sequence[bytes], ours: Any, theirs: Any) -> bool:
    if type(ours) is not type(theirs) or not isinstance(ours, list):
        return False
    own = frozenset((b"server", b"version", b"id", b"modules"))

    def rest(reply: Any) -> list[Any]:
        pairs = reply if isinstance(reply, Map) else zip(reply[::2], reply[1::2], strict=True)
        return [(name, value) for name, value in pairs if name not in own]

    return same(rest(ours), rest(theirs))


def _is_embedded_longer_there(command: Sequence[bytes], ours: Any, theirs: Any) -> bool:
    return bool(ours == b"raw" and theirs == b"embstr")


def _compares_beyond_year_10889(command: Sequence[bytes], ours: Any, theirs: Any) -> bool:
    words = {word.upper() for word in command[3:]}
    if not words & {b"GT", b"LT"} or {ours, theirs} != {0, 1}:
        return False
    unit_ms = 1 if command[0].upper().startswith(b"P") else 1000
    return int(command[2]) * unit_ms > DEADLINE_MS_MAX


def _says_the_same(command: Sequence[bytes], ours: Any, theirs: Any) -> bool:
    # A table returned as a map or set comes in the order of its hash part.
    return told(_sorted(ours)) == told(_sorted(theirs))


RULES = (
    Rule(
        frozenset((b"FUNCTION",)),
        "libraries and functions come in the hash table's order",
        lambda _command, ours, theirs: same(_sorted(ours), _sorted(theirs)),
    ),
    Rule(
        SCRIPTED - {b"FUNCTION"},
        "may quote an error, whose text names the script and the product",
        _says_the_same,
    ),
    Rule(
        frozenset(b"EXPIRE PEXPIRE EXPIREAT PEXPIREAT".split()),
        "two deadlines later than the latest are the same one",
        _compares_beyond_year_10889,
    ),
    Rule(
        frozenset((b"OBJECT",)),
        "embstr ends at 44 bytes, as documented; there, where key and value fill 128",
        _is_embedded_longer_there,
    ),
    Rule(
        frozenset((b"HELLO",)),
        "names and numbers the server and the client",
        _same_but_for_identity,
    ),
    Rule(
        frozenset((b"SORT", b"SORT_RO")),
        "members of a set with equal weights come in the hash table's order",
        _sort_leaves_order_open,
    ),
    Rule(
        frozenset((b"XPENDING", b"XINFO")),
        "how long an entry or a consumer has been idle is read off the clock",
        _equal_but_for_idle_times,
    ),
)


def _allowed_error(command: Sequence[bytes], ours: Error, theirs: Error) -> bool:
    """Errors are compared to the letter, those of scripts up to what `told` takes out."""
    return command[0].upper() in SCRIPTED and told(ours) == told(theirs)


# Valkey 9.1 leaves the script's digest or function's name out of what follows an error; Redis
# has it.
_WHAT_RAN = re.compile(r"script: (\w+, )?on")
# Of several, the one that the hash table has first.
_CONFLICT = re.compile(r"Function \w+ already exists")
_ADDRESS = re.compile(r"0x[0-9a-f]+")
#: Where a text names the product.
_PRODUCTS = (
    ("This Valkey", "This Redis"),
    *(
        (f"server.{part}", f"redis.{part}")
        for part in ("log", "setresp", "set_repl", "acl_check_cmd", "register_function")
    ),
)


def told(reply: Any) -> str:
    """What a script replied, without addresses, its own name and the product's."""
    text = _CONFLICT.sub("Function … already exists", repr(reply))
    text = _ADDRESS.sub("an address", _WHAT_RAN.sub("script: NAME, on", text))
    for theirs, ours in _PRODUCTS:
        text = text.replace(theirs, ours)
    return text


def _close(ours: Any, theirs: Any, tolerance: int) -> bool:
    if isinstance(ours, list) and isinstance(theirs, list):
        return len(ours) == len(theirs) and all(
            _close(left, right, tolerance) for left, right in zip(ours, theirs, strict=True)
        )
    if type(ours) is int and type(theirs) is int and ours >= 0 and theirs >= 0:
        return abs(ours - theirs) <= tolerance
    return same(ours, theirs)


def _beyond_year_10889(name: bytes, ours: Any, theirs: Any) -> bool:
    if isinstance(ours, list) and isinstance(theirs, list):
        return len(ours) == len(theirs) and all(
            same(left, right) or _beyond_year_10889(name, left, right)
            for left, right in zip(ours, theirs, strict=True)
        )
    if type(ours) is not int or type(theirs) is not int:
        return False
    now_ms = 0 if b"TIME" in name else int(time.time() * 1000)
    latest = (DEADLINE_MS_MAX - now_ms) // TIMES[name]
    return theirs > latest and abs(ours - latest) <= TIME_TOLERANCE_MS // TIMES[name]


def _same_shape(ours: Any, theirs: Any) -> bool:
    if type(ours) is not type(theirs):
        return False
    if isinstance(ours, (list, tuple)):
        return len(ours) == len(theirs) and all(map(_same_shape, ours, theirs))
    return True


def _is_partial_scan(command: Sequence[bytes], ours: Any, theirs: Any) -> bool:
    """A cursor means something to its server alone, so what one step finds is open too.

    A scan that starts at 0 and ends at 0 in one step must find everything.
    """
    if not _same_shape(ours[:1], theirs[:1]):
        return False
    cursor = command[1] if command[0].upper() == b"SCAN" else command[2]
    return not (cursor == ours[0] == theirs[0] == b"0")


def _sorted(reply: Any) -> Any:
    """With every array below put in one order."""
    if isinstance(reply, (list, tuple)):
        kind = type(reply)
        return kind(sorted((_sorted(item) for item in reply), key=repr))
    return reply


def _pairs(reply: Any) -> Any:
    if isinstance(reply, Map) or not isinstance(reply, list):
        return reply
    return list(zip(reply[::2], reply[1::2], strict=False))


def describe(reply: Any) -> str:
    """A reply's kind, for counting differences that look alike."""
    if isinstance(reply, Error):
        return f"-{reply}"
    if isinstance(reply, Status):
        return f"+{reply}"
    if reply is NULL or reply is NULL3:
        return "null"
    if isinstance(reply, Members):
        return "set"
    if isinstance(reply, Map):
        return "map"
    if isinstance(reply, Double):
        return "double"
    if isinstance(reply, list):
        return "empty array" if not reply else "array"
    return type(reply).__name__
