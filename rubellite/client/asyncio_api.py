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

from rubellite.client.redis_api import _default_protocol, as_redis_error, store_of
from rubellite.client.routes import Routes
from rubellite.errors import ReplyError

if TYPE_CHECKING:
    from rubellite.client.store import Store

_ROUTES = Routes(is_hurried=True)


class Redis(redis.asyncio.Redis):
    """An asyncio redis-py client of an embedded store; see `rubellite.Redis`."""

    def __init__(
        self, store: Store | str | os.PathLike[str] | None = None, *, db: int = 0, **options: Any
    ) -> None:
        self.store, self._owns_store = store_of(store)
        super().__init__(unix_socket_path=self.store.socket_path(), db=db, **options)
        settings = self.connection_pool.connection_kwargs
        encoder = self.get_encoder()
        is_utf8 = encoder.encoding.lower().replace("-", "") == "utf8"
        self._is_direct = (
            is_utf8 and encoder.encoding_errors == "strict" and not self.single_connection_client
        )
        protocol = settings.get("protocol")
        self._embedded = self.store.engine.embed(
            _default_protocol() if protocol is None else int(protocol),
            db,
            encoder.decode_responses,
            encoder.encode,
        )
        self._call = self._embedded.call

    async def execute_command(self, *args: Any, **options: Any) -> Any:
        """Executes a command and returns its parsed reply."""
        name = args[0]
        if (
            not (self._is_direct and _ROUTES[name])
            or not self.store.is_here()
            or "NEVER_DECODE" in options
        ):
            return await super().execute_command(*args, **options)
        try:
            reply = self._call(*args)
        except ReplyError as problem:
            if "EMPTY_RESPONSE" in options:
                return options["EMPTY_RESPONSE"]
            raise as_redis_error(problem) from None
        callback = self.response_callbacks.get(name)
        if callback is None:
            return reply
        options.pop("EMPTY_RESPONSE", None)
        options.pop("keys", None)
        found = callback(reply, **options)
        return await found if inspect.isawaitable(found) else found

    async def aclose(self, close_connection_pool: bool | None = None) -> None:
        """Closes the client's connections, and its store if that was made for it."""
        await super().aclose(close_connection_pool)
        if self._owns_store:
            self.store.close()
