"""Keys of any type: DEL, EXISTS, EXPIRE, SCAN and their like."""

from __future__ import annotations

from rubellite._core import Arguments, Call
from rubellite.engine.replies import Reply
from rubellite.spec.command import command
from rubellite.spec.flags import FAST, READ, WRITE

_SHARDS = ("request_policy:multi_shard", "response_policy:agg_sum")


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
    "EXISTS key:RO [key ...]",
    READ | FAST,
    since="1.0.0",
    cost="O(N) where N is the number of keys to check.",
    tips=_SHARDS,
)
def exists(call: Call, keys: Arguments) -> Reply:
    """Count which of the keys are there; one named twice counts twice."""
    return call.exists_count(keys, True)
