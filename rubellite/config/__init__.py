"""Every setting: one table, its present values, and the files they come from.

`table` lists the parameters; `Config` holds their values; `load` reads redis-server's
command line and redis.conf; `rewrite` writes the file back. Nothing here depends on a
running server.
"""

from __future__ import annotations

from rubellite.config.config import Config, ConfigError
from rubellite.config.kinds import RefusedError
from rubellite.config.loading import ConfigFileError, Loader, load
from rubellite.config.rewrite import rewrite
from rubellite.config.setting import ACCEPTED, REFUSED, WORKS, Setting
from rubellite.config.table import BY_ANY_NAME, SETTINGS

__all__ = [
    "ACCEPTED",
    "BY_ANY_NAME",
    "REFUSED",
    "SETTINGS",
    "WORKS",
    "Config",
    "ConfigError",
    "ConfigFileError",
    "Loader",
    "RefusedError",
    "Setting",
    "load",
    "rewrite",
]
