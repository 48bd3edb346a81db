"""What the server's own commands know of it: configuration, log, identity."""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass

from rubellite.config import Config
from rubellite.server.logging import Log


@dataclass(slots=True)
class ServerState:
    """One running server."""

    config: Config
    log: Log
    run_id: str
    replication_id: str
    process_id: int


_current: ServerState | None = None


def start(config: Config, log: Log) -> ServerState:
    """Notes what this process serves."""
    global _current
    _current = ServerState(config, log, secrets.token_hex(20), secrets.token_hex(20), os.getpid())
    return _current


def current() -> ServerState:
    """The running server."""
    if _current is None:
        raise RuntimeError("no server was started in this process")
    return _current
