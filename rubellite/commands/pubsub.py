"""Publish/subscribe: SUBSCRIBE, PSUBSCRIBE, SSUBSCRIBE, PUBLISH, SPUBLISH, PUBSUB."""

from __future__ import annotations

from rubellite._core import Arguments, Call
from rubellite.engine.replies import Reply
from rubellite.errors import SHARD_SUBSCRIBE_DENIED, WRONG_SUBCOMMAND, text_of
from rubellite.spec.command import command, container
from rubellite.spec.flags import (
    FAST,
    IN_SUBSCRIBE,
    LISTENS,
    LOADING,
    MAY_REPLICATE,
    NOSCRIPT,
    PUBSUB,
    STALE,
)
from rubellite.spec.keys import KeySpec

_ANY_TIME = PUBSUB | LOADING | STALE
_LISTENS = _ANY_TIME | NOSCRIPT | IN_SUBSCRIBE | LISTENS
_PUBLISHES = _ANY_TIME | FAST | MAY_REPLICATE
#: Shard channels belong to a slot as keys do, so clusters find them like keys.
_SHARD_CHANNELS = [KeySpec(("not_key",), index=1, last=-1)]

# The numbers of subscriptions in confirmations count channels and patterns together.


@command(
    "SUBSCRIBE channel [channel ...]",
    _LISTENS,
    since="2.0.0",
    cost="O(N) where N is the number of channels to subscribe to.",
)
def subscribe(call: Call, channels: Arguments) -> Reply:
    """Listen for messages published to channels."""
    return call.subscribe("channel", channels)


@command(
    "UNSUBSCRIBE [channel ...]",
    _LISTENS,
    since="2.0.0",
    cost="O(N) where N is the number of channels to unsubscribe.",
)
def unsubscribe(call: Call, channels: Arguments) -> Reply:
    """Listen no longer to these channels, or to any."""
    return call.unsubscribe("channel", channels)


@command(
    "PSUBSCRIBE pattern:pattern [pattern ...]",
    _LISTENS,
    since="2.0.0",
    cost="O(N) where N is the number of patterns to subscribe to.",
)
def psubscribe(call: Call, patterns: Arguments) -> Reply:
    """Listen for messages published to channels that match glob-style patterns."""
    return call.subscribe("pattern", patterns)


@command(
    "PUNSUBSCRIBE [pattern:pattern ...]",
    _LISTENS,
    since="2.0.0",
    cost="O(N) where N is the number of patterns to unsubscribe.",
)
def punsubscribe(call: Call, patterns: Arguments) -> Reply:
    """Listen no longer to these patterns, or to any."""
    return call.unsubscribe("pattern", patterns)


@command(
    "SSUBSCRIBE shardchannel [shardchannel ...]",
    _LISTENS,
    since="7.0.0",
    cost="O(N) where N is the number of shard channels to subscribe to.",
    keys=_SHARD_CHANNELS,
)
def ssubscribe(call: Call, shardchannels: Arguments) -> Reply:
    """Listen for messages published to channels of a cluster's shard.

    Errors: SHARD_SUBSCRIBE_DENIED.
    """
    if call.denies_blocking:
        raise SHARD_SUBSCRIBE_DENIED
    return call.subscribe("shard", shardchannels)


@command(
    "SUNSUBSCRIBE [shardchannel ...]",
    _LISTENS,
    since="7.0.0",
    cost="O(N) where N is the number of shard channels to unsubscribe.",
    keys=_SHARD_CHANNELS,
)
def sunsubscribe(call: Call, shardchannels: Arguments) -> Reply:
    """Listen no longer to these channels of a shard, or to any."""
    return call.unsubscribe("shard", shardchannels)


@command(
    "PUBLISH channel message",
    _PUBLISHES,
    since="2.0.0",
    cost="O(N+M) where N is the number of clients subscribed to the channel and M is the number "
    "of patterns that any client listens to.",
    native=True,
)
def publish(call: Call, channel: bytes, message: bytes) -> Reply:
    """Send a message to all who listen to a channel; returns how often it was sent."""


@command(
    "SPUBLISH shardchannel message",
    _PUBLISHES,
    since="7.0.0",
    cost="O(N) where N is the number of clients subscribed to the shard channel.",
    keys=[KeySpec(("not_key",), index=1)],
    native=True,
)
def spublish(call: Call, shardchannel: bytes, message: bytes) -> Reply:
    """Send a message to all who listen to a channel of a shard."""


container("PUBSUB", "A container for Pub/Sub commands", since="2.8.0", group="pubsub")


@command(
    "PUBSUB CHANNELS [pattern:pattern]",
    _ANY_TIME,
    since="2.8.0",
    cost="O(N) where N is the number of channels that are listened to.",
    takes_rest=True,
    arity=-2,
)
def pubsub_channels(call: Call, words: Arguments) -> Reply:
    """List channels that are listened to, all or those whose names match.

    Errors: WRONG_SUBCOMMAND.
    """
    return call.topics("channel", _pattern(call, words))


@command(
    "PUBSUB NUMSUB [channel ...]",
    _ANY_TIME,
    since="2.8.0",
    cost="O(N) where N is the number of requested channels.",
)
def pubsub_numsub(call: Call, channels: Arguments) -> Reply:
    """Count those who listen to each channel by its name."""
    return _numbers(call, "channel", channels)


@command("PUBSUB NUMPAT", _ANY_TIME, since="2.8.0")
def pubsub_numpat(call: Call) -> Reply:
    """Count the different patterns that are listened to."""
    return call.topic_count("pattern")


@command(
    "PUBSUB SHARDCHANNELS [pattern:pattern]",
    _ANY_TIME,
    since="7.0.0",
    cost="O(N) where N is the number of shard channels that are listened to.",
    takes_rest=True,
    arity=-2,
)
def pubsub_shardchannels(call: Call, words: Arguments) -> Reply:
    """List channels of shards that are listened to, all or those whose names match.

    Errors: WRONG_SUBCOMMAND.
    """
    return call.topics("shard", _pattern(call, words))


@command(
    "PUBSUB SHARDNUMSUB [shardchannel ...]",
    _ANY_TIME,
    since="7.0.0",
    cost="O(N) where N is the number of requested shard channels.",
)
def pubsub_shardnumsub(call: Call, shardchannels: Arguments) -> Reply:
    """Count those who listen to each channel of a shard."""
    return _numbers(call, "shard", shardchannels)


def _pattern(call: Call, words: Arguments) -> bytes:
    if len(words) > 1:
        raise WRONG_SUBCOMMAND(text_of(call.argument(1)), "PUBSUB")
    return words[0] if len(words) else b"*"


def _numbers(call: Call, kind: str, names: Arguments) -> Reply:
    reply: list[bytes | int] = []
    for name in names:
        reply += (name, call.listeners(kind, name))
    return reply
