"""Commands about the server: CONFIG, INFO, CLIENT, COMMAND, DEBUG and their like."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module

MODULES = (
    "clients",
    "client_tracking",
    "cluster",
    "configuration",
    "database",
    "debug",
    "information",
    "introspection",
    "latency",
    "memory",
    "monitor",
    "shutdown",
    "slowlog",
)

#: As `rubellite.commands.EVERYDAY`.
EVERYDAY = ("database",)


def load(modules: Iterable[str] = MODULES) -> None:
    """Imports modules, so that their commands are in the table."""
    for module in modules:
        import_module(f"rubellite.server.commands.{module}")
