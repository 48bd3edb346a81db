"""Keys of any type: DEL, EXISTS, RENAME, COPY, KEYS, SCAN and their like.

When keys expire is `expiry`'s subject, how values are stored `objects`'.
"""

from __future__ import annotations

from rubellite._core import Arguments, Call, Status
from rubellite.engine.replies import OK, Reply
from rubellite.errors import NOVALUES_OUTSIDE_HSCAN, SYNTAX, UNKNOWN_TYPE, text_of
from rubellite.spec.command import command
from rubellite.spec.flags import DENYOOM, FAST, READ, WRITE
from rubellite.spec.parameters import Cursor

_SHARDS = ("request_policy:multi_shard", "response_policy:agg_sum")

#: What TYPE answers and SCAN's TYPE accepts.
_TYPES = frozenset((b"string", b"list", b"set", b"zset", b"hash", b"stream"))

#: How many keys a step of SCAN looks at unless it is told.
_SCAN_COUNT = 10


@command(
    "DEL key:RM,delete [key ...]",
    WRITE,
    since="1.0.0",
    cost="O(N) where N is the number of keys that will be removed.",
    tips=_SHARDS,
)
def del_(call: Call, keys: Arguments) -> Reply:
    """Remove keys; big values are freed in the background."""
    return call.delete_all(keys)


@command(
    "UNLINK key:RM,delete [key ...]",
    WRITE | FAST,
    since="4.0.0",
    cost="O(1) for each key removed regardless of its size.",
    tips=_SHARDS,
)
def unlink(call: Call, keys: Arguments) -> Reply:
    """Remove keys, as `DEL` does; big values are freed in the background."""
    return call.delete_all(keys)


@command(
    "EXISTS key:RO [key ...]",
    READ | FAST,
    since="1.0.0",
    cost="O(N) where N is the number of keys to check.",
    tips=_SHARDS,
    history=(("3.0.3", "Accepts multiple `key` arguments."),),
)
def exists(call: Call, keys: Arguments) -> Reply:
    """Count which of the keys are there; one named twice counts twice."""
    return call.exists_count(keys, "look")


@command(
    "TOUCH key:RO [key ...]",
    READ | FAST,
    since="3.2.1",
    cost="O(N) where N is the number of keys that will be touched.",
    tips=_SHARDS,
)
def touch(call: Call, keys: Arguments) -> Reply:
    """Note an access to each key; count those that are there."""
    return call.exists_count(keys, "touch")


@command("TYPE key:RO", READ | FAST, since="1.0.0")
def type_(call: Call, key: bytes) -> Reply:
    """Name the type of the value at `key`; `none` without key."""
    return Status(call.type_name(key) or "none")


@command("RENAME key:RW,access,delete newkey:OW,update", WRITE, since="1.0.0")
def rename(call: Call, key: bytes, newkey: bytes) -> Reply:
    """Give a key another name, whatever that held before.

    Errors: NO_SUCH_KEY.
    """
    call.rename(key, newkey)
    return OK


@command(
    "RENAMENX key:RW,access,delete newkey:OW,insert",
    WRITE | FAST,
    since="1.0.0",
    history=(
        (
            "3.2.0",
            "The command no longer returns an error when source and destination names are the "
            "same.",
        ),
    ),
)
def renamenx(call: Call, key: bytes, newkey: bytes) -> Reply:
    """Give a key another name, unless that is taken.

    Errors: NO_SUCH_KEY.
    """
    return int(call.rename(key, newkey, True))


@command("MOVE key:RW,access,update db", WRITE | FAST, since="1.0.0")
def move(call: Call, key: bytes, db: int) -> Reply:
    """Move a key to another database, unless it is there already.

    Errors: NOT_INTEGER, OUT_OF_INT32, DATABASE_OUT_OF_RANGE, SOURCE_AND_DESTINATION_SAME.
    """
    return int(call.move_key(key, db))


@command(
    "COPY source:RO,access destination:OW,update [DB destination-db] [REPLACE]",
    WRITE | DENYOOM,
    since="6.2.0",
    cost="O(N) worst case for collections, where N is the number of nested items. "
    "O(1) for string values.",
    takes_rest=True,
)
def copy(call: Call, source: bytes, destination: bytes, options: Arguments) -> Reply:
    """Copy a value with its time to live to another key.

    Errors: SYNTAX, NOT_INTEGER, OUT_OF_INT32, DATABASE_OUT_OF_RANGE,
    SOURCE_AND_DESTINATION_SAME.
    """
    database = call.database
    replaces = False
    at = 0
    while at < len(options):
        word = options[at].upper()
        if word == b"REPLACE":
            replaces = True
            at += 1
        elif word == b"DB" and at + 1 < len(options):
            database = call.check_database(options.integer(at + 1))
            at += 2
        else:
            raise SYNTAX
    return int(call.copy(source, destination, database, replaces))


@command(
    "KEYS pattern",
    READ,
    since="1.0.0",
    cost="O(N) with N being the number of keys in the database, under the assumption that the "
    "key names in the database and the given pattern have limited length.",
    categories=("@dangerous",),
    tips=("request_policy:all_shards", "nondeterministic_output_order"),
)
def keys(call: Call, pattern: bytes) -> Reply:
    """List the names of all keys that match."""
    return call.keys(pattern)


@command(
    "SCAN cursor [MATCH pattern] [COUNT count] [TYPE type]",
    READ,
    since="2.8.0",
    cost="O(1) for every call. O(N) for a complete iteration, including enough command calls for "
    "the cursor to return back to 0. N is the number of elements inside the collection.",
    tips=("nondeterministic_output", "request_policy:special", "response_policy:special"),
    history=(("6.0.0", "Added the `TYPE` subcommand."),),
    takes_rest=True,
)
def scan(call: Call, cursor: Cursor, options: Arguments) -> Reply:
    """List some keys and the cursor to go on from; 0 ends the iteration.

    Errors: INVALID_CURSOR, SYNTAX, NOT_INTEGER, UNKNOWN_TYPE, NOVALUES_OUTSIDE_HSCAN.
    """
    pattern: bytes | None = None
    kind: bytes | None = None
    count = _SCAN_COUNT
    at = 0
    while at < len(options):
        word = options[at].upper()
        has_value = at + 1 < len(options)
        if word == b"COUNT" and has_value:
            count = options.integer(at + 1)
            if count < 1:
                raise SYNTAX
        elif word == b"MATCH" and has_value:
            pattern = options[at + 1]
        elif word == b"TYPE" and has_value:
            kind = options[at + 1]
            if kind.lower() not in _TYPES:
                raise UNKNOWN_TYPE(text_of(kind))
        elif word == b"NOVALUES":
            raise NOVALUES_OUTSIDE_HSCAN
        else:
            raise SYNTAX
        at += 2
    following, found = call.scan(cursor, count, pattern, kind)
    return [b"%d" % following, found]


@command(
    "RANDOMKEY",
    READ,
    since="1.0.0",
    tips=("request_policy:all_shards", "response_policy:special", "nondeterministic_output"),
)
def randomkey(call: Call) -> Reply:
    """Name any key; null in an empty database."""
    return call.random_key()
