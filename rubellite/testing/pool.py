"""The stores and real servers that the tests of one process share, one after the other."""

from __future__ import annotations

from typing import Any

from rubellite import testing
from rubellite.testing.servers import RealServer, find_real_server
from rubellite.testing.store import IsolatedStore

_Key = tuple[Any, ...]


class Pool:
    """Stores that are free, by profile and settings."""

    def __init__(self, real_program: str = "") -> None:
        self._free: dict[_Key, list[IsolatedStore]] = {}
        self._taken: dict[IsolatedStore, _Key] = {}
        self._real_program = real_program
        self._real: RealServer | None = None

    def take(self, profile: str | None, settings: dict[str, Any]) -> IsolatedStore:
        """An empty store, which is to be given back. Fails as `testing.open` does."""
        key = (profile, *sorted(settings.items()))
        free = self._free.setdefault(key, [])
        store = free.pop() if free else testing.open(profile, **settings)
        self._taken[store] = key
        return store

    def give_back(self, store: IsolatedStore) -> None:
        """Cleans a store for the next test, or ends it if that cannot be."""
        key = self._taken.pop(store)
        if store.reset():
            self._free[key].append(store)
        else:
            store.close()

    def real_server(self) -> RealServer | None:
        """The real server, started when it is first asked for; None: there is none."""
        if self._real is None:
            program = find_real_server(self._real_program)
            if program is not None:
                self._real = RealServer(program)
        return self._real

    def close(self) -> None:
        """Ends all stores and servers."""
        for store in [*self._taken, *(one for free in self._free.values() for one in free)]:
            store.close()
        self._taken.clear()
        self._free.clear()
        if self._real is not None:
            self._real.stop()
            self._real = None
