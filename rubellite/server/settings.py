"""Hands the settings that the engine acts on itself to it, at start and when they change."""

from __future__ import annotations

from typing import Any, Protocol

from rubellite.config import Config
from rubellite.engine import events
from rubellite.engine.access import ACCESS

#: Settings that the engine takes under their own name.
_PLAIN_INTEGERS = (
    "maxclients",
    "tcp-keepalive",
    "timeout",
    "proto-max-bulk-len",
    "client-query-buffer-limit",
    "maxmemory",
    "maxmemory-samples",
    "maxmemory-eviction-tenacity",
    "lfu-log-factor",
    "lfu-decay-time",
    "tracking-table-max-keys",
    "busy-reply-threshold",
    "slowlog-log-slower-than",
    "slowlog-max-len",
    "commandlog-request-larger-than",
    "commandlog-large-request-max-len",
    "commandlog-reply-larger-than",
    "commandlog-large-reply-max-len",
    "latency-monitor-threshold",
    "hash-max-listpack-entries",
    "hash-max-listpack-value",
    "list-max-listpack-size",
    "list-compress-depth",
    "set-max-intset-entries",
    "set-max-listpack-entries",
    "set-max-listpack-value",
    "zset-max-listpack-entries",
    "zset-max-listpack-value",
    "hll-sparse-max-bytes",
    "stream-node-max-entries",
    "stream-node-max-bytes",
    "active-defrag-ignore-bytes",
    "active-defrag-threshold-lower",
    "active-defrag-threshold-upper",
    "active-defrag-cycle-min",
    "active-defrag-cycle-max",
)
_PLAIN_SWITCHES = ("protected-mode", "latency-tracking", "activedefrag")


class Configurable(Protocol):
    """`_core.Engine`, or the `Call` of the command that changes a setting."""

    def configure(self, name: str, value: Any) -> bool: ...


def apply_settings(target: Configurable, config: Config) -> None:
    """Gives `target` all settings as they are now."""
    for name in _PLAIN_INTEGERS:
        target.configure(name, config.integer(name))
    for name in _PLAIN_SWITCHES:
        target.configure(name, config.boolean(name))
    limits = config.output_limits()
    target.configure("output-limit-normal", limits["normal"])
    target.configure("output-limit-pubsub", limits["pubsub"])
    of_clients = config.integer("maxmemory-clients")
    if of_clients < 0:
        # A percentage of `maxmemory`.
        of_clients = config.integer("maxmemory") * -of_clients // 100
    target.configure("maxmemory-clients", of_clients)
    policy = config.text("maxmemory-policy")
    target.configure("maxmemory-policy", policy)
    target.configure("counts-accesses", "lfu" in policy)
    target.configure("notify-flags", events.flags(config.text("notify-keyspace-events")))
    ACCESS.password = config.text("requirepass").encode("utf-8", "surrogateescape")
    target.configure("password_required", bool(ACCESS.password))
