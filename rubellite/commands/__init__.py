"""The data types' commands, one module a type."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module

MODULES = (
    "connection",
    "transactions",
    "pubsub",
    "strings",
    "bitmaps",
    "hyperloglog",
    "keys",
    "expiry",
    "objects",
    "hashes",
    "hash_expiry",
    "sets",
    "set_expiry",
    "lists",
    "list_elements",
    "sorted_sets",
    "sorted_set_ranges",
    "sorted_set_algebra",
    "sorted_set_expiry",
    "geo",
    "geo_search",
    "sorting",
    "streams",
    "stream_groups",
    "stream_claims",
    "stream_info",
)

#: What nearly every program uses: a store in memory begins with these.
EVERYDAY = (
    "connection",
    "strings",
    "keys",
    "expiry",
    "hashes",
    "sets",
    "lists",
    "list_elements",
    "sorted_sets",
    "sorted_set_ranges",
)


def load(modules: Iterable[str] = MODULES) -> None:
    """Imports modules, so that their commands are in the table."""
    for module in modules:
        import_module(f"rubellite.commands.{module}")
