"""asyncio clients that end with their event loop, whoever runs it.

A fixture that is no coroutine works with pytest-asyncio, anyio and `asyncio.run` alike,
but cannot close connections: their loop is gone when it could. A loop that ends closes
its asynchronous generators first, so one of them does it.
"""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import AsyncGenerator
from typing import Any


def close_with_loop(client: Any) -> None:
    """Lets the client disconnect in each loop that it is used in, at its end."""
    pool = client.connection_pool
    get_connection = pool.get_connection
    watched: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, AsyncGenerator[None]]
    watched = weakref.WeakKeyDictionary()

    async def disconnecting() -> AsyncGenerator[None]:
        try:
            yield
        finally:
            await pool.disconnect()

    async def get_watched_connection(*args: Any, **options: Any) -> Any:
        loop = asyncio.get_running_loop()
        if loop not in watched:
            watched[loop] = disconnecting()
            await anext(watched[loop])
        return await get_connection(*args, **options)

    pool.get_connection = get_watched_connection
