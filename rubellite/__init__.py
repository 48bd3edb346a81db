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
    from typing import Any

    from rubellite.client.redis_api import Redis
    from rubellite.client.store import Store

__all__ = ["REDIS_VERSION", "Redis", "Store", "__version__", "open"]


def open(path: str | os.PathLike[str] | None = None, **settings: str | int | bool) -> Store:
    """Opens a store in this process: no server, no port.

    Without a path the data live in memory and end with the store. A path is a data
    directory in Redis's own layout: what is in it is loaded, snapshots are saved there
    (`save` points, BGSAVE) and when the store is closed. `settings` are those of
    redis.conf, with `_` for `-`: `open(maxmemory="100mb")`.
    """
    from rubellite.client.store import open_store

    words = {True: "yes", False: "no"}
    texts = {
        name.replace("_", "-"): words[value] if isinstance(value, bool) else str(value)
        for name, value in settings.items()
    }
    return open_store(path, texts)


def __getattr__(name: str) -> Any:
    # redis-py takes longer to import than all of this, and not everybody wants it.
    if name == "Redis":
        from rubellite.client.redis_api import Redis

        return Redis
    if name == "Store":
        from rubellite.client.store import Store

        return Store
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
