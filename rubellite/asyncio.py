"""asyncio clients of an embedded store: `from rubellite.asyncio import Redis`."""

from __future__ import annotations

from rubellite.client.asyncio_api import Redis

__all__ = ["Redis"]
