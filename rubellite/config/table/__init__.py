"""The table of all parameters, and what stands in files without being one."""

from __future__ import annotations

from rubellite.config.setting import Setting
from rubellite.config.table import data, network, operations, persistence, replication

#: Every parameter by its name, in the order CONFIG GET shows them.
SETTINGS: dict[str, Setting] = {
    setting.name: setting
    for setting in sorted(
        (
            *network.SETTINGS,
            *data.SETTINGS,
            *persistence.SETTINGS,
            *replication.SETTINGS,
            *operations.SETTINGS,
        ),
        key=lambda setting: setting.name,
    )
}

#: The same under every name they answer to.
BY_ANY_NAME: dict[str, Setting] = {
    name: setting for setting in SETTINGS.values() for name in (setting.name, *setting.aliases)
}

#: Directives of files that are not parameters: ignoring them would be unsafe.
UNSAFE_DIRECTIVES = {
    "user": "users in configuration files are not supported yet",
    "rename-command": "renaming commands is not supported",
    "loadmodule": "modules are not supported; write the command in Python instead",
    "loadmodule-ex": "modules are not supported; write the command in Python instead",
    "sentinel": "there is no Sentinel mode",
}

#: Parameters of old versions that real servers still read past.
RETIRED = frozenset(
    {"list-max-ziplist-entries", "list-max-ziplist-value", "lua-replicate-commands"}
)
