"""For the tests of other people's code: isolated stores, time and faults under control.

    from rubellite import testing

    with testing.open(profile="redis:7.2") as store:
        store.redis().set("session", "ann", ex=60)
        store.clock.advance(60)
        assert store.redis().get("session") is None

pytest finds the fixtures (`rubellite_client` and its like) by itself; see docs/testing.md.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from rubellite.testing.clock import Clock
    from rubellite.testing.faults import Faults
    from rubellite.testing.store import IsolatedStore

__all__ = ["Clock", "Faults", "IsolatedStore", "open"]


def open(profile: str | None = None, **settings: str | int | bool) -> IsolatedStore:
    """Opens a store in memory, for tests; a context manager.

    `profile` names the server that the code will meet ("redis:6.2", "valkey:9.1"), whose
    commands and options it then has and no newer ones. `settings` are those of redis.conf,
    with `_` for `-`. Fails with `ValueError` for a profile or a setting that cannot be.
    """
    from rubellite.testing.store import IsolatedStore

    words = {True: "yes", False: "no"}
    texts = {
        name.replace("_", "-"): words[value] if isinstance(value, bool) else str(value)
        for name, value in settings.items()
    }
    return IsolatedStore(profile, texts)


def __getattr__(name: str) -> Any:
    # pytest imports this package in every run of everybody who has it: it must cost nothing.
    from importlib import import_module

    modules = {"Clock": "clock", "Faults": "faults", "IsolatedStore": "store"}
    if name in modules:
        return getattr(import_module(f"rubellite.testing.{modules[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
