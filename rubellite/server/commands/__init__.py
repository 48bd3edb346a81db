"""Commands about the server: CONFIG, INFO, CLIENT, COMMAND, DEBUG and their like."""

from __future__ import annotations

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


def load() -> None:
    """Imports every module, so that its commands are in the table."""
    for module in MODULES:
        import_module(f"rubellite.server.commands.{module}")
