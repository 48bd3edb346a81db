"""`rubellite.asyncio.Redis`: redis-py's asyncio client of an embedded store.

What is over in microseconds runs at once, without leaving the event loop's step; all
else goes through redis-py's own connection to the store's Unix socket, so nothing
blocks the loop, and a cancelled wait is a connection that hangs up: nothing is taken.
"""

from __future__ import annotations

import inspect
import os
from typing import TYPE_CHECKING, Any

import redis.asyncio
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from rubellite.client import redis_connections
from rubellite.client.redis_api import (
    again,
    direct_call,
    parsed_reply,
    parses_as_core,
    speaks_strict_utf8,
    store_of,
    with_driver,
)
from rubellite.client.routes import Routes

if TYPE_CHECKING:
    from rubellite.client.store import Store


class Redis(redis.asyncio.Redis):
    """An asyncio redis-py client of an embedded store; see `rubellite.Redis`."""

    def __init__(
        self, store: Store | str | os.PathLike[str] | None = None, *, db: int = 0, **options: Any
    ) -> None:
        self.store, self._owns_store = store_of(store, options)
        self._arguments = (db, options)
        chosen = {
            "retry": Retry(NoBackoff(), 0),
            "password": self.store.config.text("requirepass") or None,
            **options,
        }
        path = self.store.socket_path()
        super().__init__(unix_socket_path=path, db=db, **with_driver(chosen))
        if "connection_pool" in options:
            db = self.connection_pool.connection_kwargs.get("db", 0)
        else:
            redis_connections.use(
                self.connection_pool, self.store, redis_connections.AsyncConnection
            )
        self._is_direct = (
            speaks_strict_utf8(self.get_encoder())
            and parses_as_core(self)
            and not self.single_connection_client
        )
        self._call = direct_call(self.store, self, db)
        self._routes = Routes(self.store.commands, is_hurried=True)

    async def execute_command(self, *args: Any, **options: Any) -> Any:
        """Executes a command and returns its parsed reply."""
        name = args[0]
        if (
            not (self._is_direct and self._routes[name])
            or not self.store.is_here()
            or "NEVER_DECODE" in options
        ):
            return await super().execute_command(*args, **options)
        found = parsed_reply(self._call, self.response_callbacks.get(name), args, options)
        return await found if inspect.isawaitable(found) else found

    def set(self, name: Any, value: Any, *args: Any, **options: Any) -> Any:
        """Sets the string at `name`; with the options of `redis.asyncio.Redis.set`."""
        # redis-py looks through all its options, which takes longer than the rest.
        if args or options:
            return super().set(name, value, *args, **options)
        return self.execute_command("SET", name, value)

    async def aclose(self, close_connection_pool: bool | None = None) -> None:
        """Closes the client's connections, and its store if that was made for it."""
        await super().aclose(close_connection_pool)
        if self._owns_store:
            self.store.close()

    def __reduce__(self) -> tuple[Any, ...]:
        db, options = self._arguments
        return again, (type(self), self.store, db, options)
