"""OBJECT: how the value of a key is stored, and when it was used."""

from __future__ import annotations

from rubellite._core import Call
from rubellite.engine.replies import Reply
from rubellite.errors import FREQUENCY_NOT_TRACKED, IDLE_TIME_NOT_TRACKED
from rubellite.spec.command import command, container
from rubellite.spec.flags import READ

_CHANGES = ("nondeterministic_output",)

container(
    "OBJECT",
    "A container for object introspection commands",
    since="2.2.3",
    group="generic",
)


@command("OBJECT ENCODING key:RO", READ, since="2.2.3", tips=_CHANGES)
def object_encoding(call: Call, key: bytes) -> Reply:
    """Name the way in which the value at `key` is stored."""
    return call.encoding(key)


@command("OBJECT FREQ key:RO", READ, since="4.0.0", tips=_CHANGES)
def object_freq(call: Call, key: bytes) -> Reply:
    """Logarithm of how often `key` was used, under an LFU policy.

    Errors: FREQUENCY_NOT_TRACKED.
    """
    frequency = call.access_frequency(key)
    if frequency is not None and not call.counts_accesses:
        raise FREQUENCY_NOT_TRACKED
    return frequency


@command("OBJECT IDLETIME key:RO", READ, since="2.2.3", tips=_CHANGES)
def object_idletime(call: Call, key: bytes) -> Reply:
    """Seconds since `key` was last used, unless under an LFU policy.

    Errors: IDLE_TIME_NOT_TRACKED.
    """
    seconds = call.idle_seconds(key)
    if seconds is not None and call.counts_accesses:
        raise IDLE_TIME_NOT_TRACKED
    return seconds


@command("OBJECT REFCOUNT key:RO", READ, since="2.2.3", tips=_CHANGES)
def object_refcount(call: Call, key: bytes) -> Reply:
    """Count the keys that share the value at `key`: always 1."""
    return None if call.encoding(key) is None else 1
