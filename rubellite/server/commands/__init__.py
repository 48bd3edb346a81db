"""Commands about the server: CONFIG, INFO, CLIENT, COMMAND, DEBUG and their like."""

from __future__ import annotations

from importlib import import_module

MODULES = (
    "configuration",
    "database",
    "information",
    "introspection",
    "shutdown",
)


def load() -> None:
    """Imports every module, so that its commands are in the table."""
    for module in MODULES:
        import_module(f"rubellite.server.commands.{module}")
