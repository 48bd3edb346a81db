"""Hashes: HSET, HGET and their like. Fields that expire are in `hash_expiry`."""

from __future__ import annotations

from rubellite._core import Arguments, Call, Hash
from rubellite.engine.events import HASH
from rubellite.engine.replies import OK, Reply
from rubellite.engine.scanning import scan_options
from rubellite.errors import (
    RANDOM_COUNT_OUT_OF_RANGE,
    SYNTAX,
    VALUE_OUT_OF_RANGE,
    WRONG_ARITY,
)
from rubellite.spec.command import command
from rubellite.spec.flags import DENYOOM, FAST, READ, WRITE
from rubellite.spec.parameters import Cursor

_COUNT_MAX = 2**63 - 1
#: HRANDFIELD's count with values is half of that.
_PAIRS_MAX = _COUNT_MAX // 2
_ALL = "O(N) where N is the size of the hash."


@command(
    "HSET key:RW,update field value [field value ...]",
    WRITE | DENYOOM | FAST,
    since="2.0.0",
    cost="O(1) for each field/value pair added, so O(N) to add N field/value pairs when the "
    "command is called with multiple field/value pairs.",
    history=(("4.0.0", "Accepts multiple `field` and `value` arguments."),),
    takes_rest=True,
    native=True,
)
def hset(call: Call, key: bytes, pairs: Arguments) -> Reply:
    """Give fields values; count those that are new.

    Errors: WRONG_ARITY, WRONG_TYPE.
    """


@command(
    "HMSET key:RW,update field value [field value ...]",
    WRITE | DENYOOM | FAST,
    since="2.0.0",
    cost="O(N) where N is the number of fields being set.",
    takes_rest=True,
)
def hmset(call: Call, key: bytes, pairs: Arguments) -> Reply:
    """Give fields values.

    Errors: WRONG_ARITY, WRONG_TYPE.
    """
    if len(pairs) % 2:
        raise WRONG_ARITY("hmset")
    call.edit(key, Hash).set_all(pairs)
    call.notify(HASH, "hset", key)
    return OK


@command("HSETNX key:RW,insert field value", WRITE | DENYOOM | FAST, since="2.0.0")
def hsetnx(call: Call, key: bytes, field: bytes, value: bytes) -> Reply:
    """Give a field a value unless it has one.

    Errors: WRONG_TYPE.
    """
    if not call.edit(key, Hash).set_if_absent(field, value):
        return 0
    call.notify(HASH, "hset", key)
    return 1


@command("HGET key:RO,access field", READ | FAST, since="2.0.0", native=True)
def hget(call: Call, key: bytes, field: bytes) -> Reply:
    """Return the value of a field; null where there is none.

    Errors: WRONG_TYPE.
    """


@command(
    "HMGET key:RO,access field [field ...]",
    READ | FAST,
    since="2.0.0",
    cost="O(N) where N is the number of fields being requested.",
    native=True,
)
def hmget(call: Call, key: bytes, fields: Arguments) -> Reply:
    """Return the values of fields; null for each that is not there.

    Errors: WRONG_TYPE.
    """


@command(
    "HDEL key:RW,delete field [field ...]",
    WRITE | FAST,
    since="2.0.0",
    cost="O(N) where N is the number of fields to be removed.",
    history=(("2.4.0", "Accepts multiple `field` arguments."),),
)
def hdel(call: Call, key: bytes, fields: Arguments) -> Reply:
    """Take fields out; count those that were there.

    Errors: WRONG_TYPE.
    """
    removed = call.edit(key, Hash).remove_all(fields)
    if removed:
        call.notify(HASH, "hdel", key)
    return removed


@command("HLEN key:RO", READ | FAST, since="2.0.0")
def hlen(call: Call, key: bytes) -> Reply:
    """Count the fields.

    Errors: WRONG_TYPE.
    """
    found = call.read(key, Hash)
    return 0 if found is None else len(found)


@command("HSTRLEN key:RO field", READ | FAST, since="3.2.0")
def hstrlen(call: Call, key: bytes, field: bytes) -> Reply:
    """Length of the value of a field; 0 where there is none.

    Errors: WRONG_TYPE.
    """
    found = call.read(key, Hash)
    return 0 if found is None else found.string_length(field)


@command("HEXISTS key:RO field", READ | FAST, since="2.0.0")
def hexists(call: Call, key: bytes, field: bytes) -> Reply:
    """Whether a field is there.

    Errors: WRONG_TYPE.
    """
    found = call.read(key, Hash)
    return int(found is not None and field in found)


@command(
    "HGETALL key:RO,access",
    READ,
    since="2.0.0",
    cost=_ALL,
    tips=("nondeterministic_output_order",),
)
def hgetall(call: Call, key: bytes) -> Reply:
    """Return all fields and their values.

    Errors: WRONG_TYPE.
    """
    found = call.read(key, Hash)
    return {} if found is None else found.reply_items()


@command(
    "HKEYS key:RO,access",
    READ,
    since="2.0.0",
    cost=_ALL,
    tips=("nondeterministic_output_order",),
)
def hkeys(call: Call, key: bytes) -> Reply:
    """Return all fields.

    Errors: WRONG_TYPE.
    """
    found = call.read(key, Hash)
    return [] if found is None else found.reply_fields()


@command(
    "HVALS key:RO,access",
    READ,
    since="2.0.0",
    cost=_ALL,
    tips=("nondeterministic_output_order",),
)
def hvals(call: Call, key: bytes) -> Reply:
    """Return all values.

    Errors: WRONG_TYPE.
    """
    found = call.read(key, Hash)
    return [] if found is None else found.reply_values()


@command("HINCRBY key:RW,access,update field increment", WRITE | DENYOOM | FAST, since="2.0.0")
def hincrby(call: Call, key: bytes, field: bytes, increment: int) -> Reply:
    """Add to the integer in a field, counting a missing one as 0.

    Errors: WRONG_TYPE, NOT_INTEGER, HASH_VALUE_NOT_INTEGER, INCREMENT_OVERFLOW.
    """
    total = call.edit(key, Hash).increment(field, increment)
    call.notify(HASH, "hincrby", key)
    return total


@command(
    "HINCRBYFLOAT key:RW,access,update field increment:double",
    WRITE | DENYOOM | FAST,
    since="2.6.0",
)
def hincrbyfloat(call: Call, key: bytes, field: bytes, increment: bytes) -> Reply:
    """Add a decimal fraction to the number in a field, counting a missing one as 0.

    Errors: WRONG_TYPE, NOT_FLOAT, INCREMENT_NOT_FINITE, HASH_VALUE_NOT_FLOAT,
    INCREMENT_NAN_OR_INFINITY.
    """
    call.check_float(increment)
    found = call.edit(key, Hash)
    total = found.increment_float(field, increment)
    # Rounding may differ from machine to machine; the sum does not.
    [at_ms] = found.deadlines([field])
    if at_ms > 0:
        expiry = (b"PXAT", b"%d" % at_ms, b"FIELDS", b"1", field, total)
        call.propagate((b"HSETEX", key, *expiry))
    else:
        call.propagate((b"HSET", key, field, total))
    call.notify(HASH, "hincrbyfloat", key)
    return total


@command(
    "HRANDFIELD key:RO,access [count [WITHVALUES]]",
    READ,
    since="6.2.0",
    cost="O(N) where N is the number of fields returned",
    tips=("nondeterministic_output",),
    takes_rest=True,
)
def hrandfield(call: Call, key: bytes, options: Arguments) -> Reply:
    """Return fields chosen at random; with a negative count, some perhaps more than once.

    Errors: NOT_INTEGER, RANDOM_COUNT_OUT_OF_RANGE, SYNTAX, VALUE_OUT_OF_RANGE, WRONG_TYPE.
    """
    if not options:
        found = call.read(key, Hash)
        return None if found is None else found.reply_random()
    count = options.integer(0)
    if count < -_COUNT_MAX:
        raise RANDOM_COUNT_OUT_OF_RANGE
    with_values = len(options) > 1
    if len(options) > 2 or (with_values and options[1].upper() != b"WITHVALUES"):
        raise SYNTAX
    if with_values and not -_PAIRS_MAX <= count <= _PAIRS_MAX:
        raise VALUE_OUT_OF_RANGE
    found = call.read(key, Hash)
    return [] if found is None else found.reply_sample(count, with_values)


@command(
    "HSCAN key:RO,access cursor [MATCH pattern] [COUNT count] [NOVALUES]",
    READ,
    since="2.8.0",
    cost="O(1) for every call. O(N) for a complete iteration, including enough command calls for "
    "the cursor to return back to 0. N is the number of elements inside the collection.",
    tips=("nondeterministic_output",),
    takes_rest=True,
)
def hscan(call: Call, key: bytes, cursor: Cursor, options: Arguments) -> Reply:
    """List some fields with their values and the cursor to go on from; 0 ends the iteration.

    Errors: INVALID_CURSOR, WRONG_TYPE, SYNTAX, NOT_INTEGER, NOSCORES_OUTSIDE_ZSCAN.
    """
    found = call.read(key, Hash)
    if found is None:
        return [b"0", []]
    pattern, count, without_values = scan_options(options, b"NOVALUES")
    return found.reply_scan(cursor, count, pattern, not without_values)
