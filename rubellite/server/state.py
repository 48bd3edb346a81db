"""What the server's own commands know of it: configuration, log, identity."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

from rubellite._core import memory_used
from rubellite.config import Config
from rubellite.server.logging import Log
from rubellite.server.rates import Rates


@dataclass(slots=True)
class ServerState:
    """One running server."""

    config: Config
    log: Log
    run_id: str
    replication_id: str
    process_id: int
    #: Bytes that were in use before there was any data.
    memory_at_start: int
    #: systemd or upstart, if one of them looks after us.
    supervisor: str = ""
    rates: Rates = field(default_factory=Rates)


_current: ServerState | None = None


def start(config: Config, log: Log, supervisor: str = "") -> ServerState:
    """Notes what this process serves."""
    global _current
    _current = ServerState(
        config,
        log,
        run_id=os.urandom(20).hex(),
        replication_id=os.urandom(20).hex(),
        process_id=os.getpid(),
        memory_at_start=memory_used(),
        supervisor=supervisor,
    )
    return _current


def current() -> ServerState:
    """The running server."""
    if _current is None:
        raise RuntimeError("no server was started in this process")
    return _current
