"""Rubellite: a Redis-compatible data-structure store that is a Python library first.

import rubellite

with rubellite.open() as db:
db.set("greeting", "hello")
db.redis().lpush("queue", "job")
"""

from __future__ import annotations

from rubellite.about import REDIS_VERSION, __version__

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    from collections.abc import Iterable
    from typing import Any

    import redis
    import redis.cluster

    from rubellite.client.redis_api import Redis
    from rubellite.client.store import Store
    from rubellite.errors import HeldElsewhereError, OutcomeUnknown, SubscriptionGap
    from rubellite.extending import Source

__all__ = [
    "REDIS_VERSION",
    "HeldElsewhereError",
    "OutcomeUnknown",
    "Redis",
    "Store",
    "SubscriptionGap",
    "__version__",
    "connect",
    "open",
]


def open(
    path: str | os.PathLike[str] | None = None,
    *,
    durability: str = "everysec",
    load: Iterable[Source] = (),
    **settings: str | int | bool,
) -> Store:
    """Opens a store in this process: no server, no port.

    Without a path the data live in memory and end with the store. A path is a data
    directory in Redis's own layout, which is loaded and written to. What survives a crash:

        "always"     all that a call returned from; one fsync for each call that writes
        "everysec"   all but the last millisecond when the process is killed (docs/sharing.md),
                     all but the last second when the machine goes down
        "snapshot"   what was there at the last snapshot: `save` points, BGSAVE, `close()`

    A directory that another process holds already is shared: calls go to its engine, and
    one of the others takes over when it ends (docs/sharing.md).

    `load` names files, modules or functions that declare commands of your own
    (`rubellite.extending`). `settings` are those of redis.conf, with `_` for `-`:
    `open(maxmemory="100mb")`. Fails with `ValueError` for settings that cannot be,
    or others than those that a directory is held with, `ExtensionError` for commands that
    cannot be added, `LoadError` where the data cannot be loaded or shared.
    """
    from rubellite.client.store import open_store

    words = {True: "yes", False: "no"}
    texts = {
        name.replace("_", "-"): words[value] if isinstance(value, bool) else str(value)
        for name, value in settings.items()
    }
    if durability not in ("always", "everysec", "snapshot"):
        raise ValueError(f'durability "{durability}": expected "always", "everysec" or "snapshot"')
    if path is not None and durability != "snapshot":
        texts = {"appendonly": "yes", "appendfsync": durability, "save": "", **texts}
    return open_store(path, texts, load)


def connect(
    where: str | os.PathLike[str], **options: Any
) -> redis.Redis | redis.cluster.RedisCluster:
    """A redis-py client of what a URL or a path names: code moves by changing a string.

        "data/"                                      the embedded store in that directory
        "redis://:secret@example.org:6379/0"         a server; "rediss://" with TLS
        "unix:///run/redis/socket"                   a server's Unix socket
        "redis+sentinel://one,two:26379/mymaster/0"  the master that the sentinels name
        "redis+cluster://one:6379,two:6379"          a cluster, by some of its nodes

    `options` are those of redis-py's client; `sentinel_kwargs` is for connections to the
    sentinels. Needs redis-py. Closing the client of a path closes its store.
    Fails with `ValueError` for a URL that cannot be, `LoadError` as `open` does.
    """
    from rubellite.client.requirements import needs_redis_py

    with needs_redis_py():
        from rubellite.client.urls import connect_to

    return connect_to(where, options)


def __getattr__(name: str) -> Any:
    # redis-py takes longer to import than all of this, and not everybody wants it.
    if name == "Redis":
        from rubellite.client.requirements import needs_redis_py

        with needs_redis_py():
            from rubellite.client.redis_api import Redis

        return Redis
    if name in ("HeldElsewhereError", "OutcomeUnknown", "SubscriptionGap"):
        from rubellite import errors

        return getattr(errors, name)
    if name == "Store":
        from rubellite.client.store import Store

        return Store
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
