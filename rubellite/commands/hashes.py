"""Hashes: HSET, HGET and their like."""

from __future__ import annotations

from rubellite._core import Arguments, Call, Hash
from rubellite.engine.events import HASH
from rubellite.engine.replies import Reply
from rubellite.errors import WRONG_ARITY
from rubellite.spec.command import command
from rubellite.spec.flags import DENYOOM, FAST, READ, WRITE


@command(
    "HSET key:RW,update field value [field value ...]",
    WRITE | DENYOOM | FAST,
    since="2.0.0",
    cost="O(1) for each field/value pair added, so O(N) to add N field/value pairs when the "
    "command is called with multiple field/value pairs.",
    history=(("4.0.0", "Accepts multiple `field` and `value` arguments."),),
    takes_rest=True,
)
def hset(call: Call, key: bytes, pairs: Arguments) -> Reply:
    """Give fields values; count those that are new.

    Errors: WRONG_ARITY, WRONG_TYPE.
    """
    if len(pairs) % 2:
        raise WRONG_ARITY("hset")
    added = call.edit(key, Hash).set_all(pairs)
    call.notify(HASH, "hset", key)
    return added


@command("HGET key:RO,access field", READ | FAST, since="2.0.0")
def hget(call: Call, key: bytes, field: bytes) -> Reply:
    """Return the value of a field; null where there is none.

    Errors: WRONG_TYPE.
    """
    found = call.read(key, Hash)
    return found and found.get(field)


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


@command(
    "HGETALL key:RO,access",
    READ,
    since="2.0.0",
    cost="O(N) where N is the size of the hash.",
    tips=("nondeterministic_output_order",),
)
def hgetall(call: Call, key: bytes) -> Reply:
    """Return all fields and their values.

    Errors: WRONG_TYPE.
    """
    found = call.read(key, Hash)
    return {} if found is None else found.reply_items()
