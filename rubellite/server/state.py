"""What the server's own commands know of it: configuration, log, identity."""

from __future__ import annotations

import os

from rubellite._core import Call
from rubellite.config import Config
from rubellite.record import Record, made
from rubellite.server.logging import Log
from rubellite.server.rates import Rates


class ServerState(Record):
    """One running server."""

    config: Config
    log: Log
    run_id: str
    replication_id: str
    process_id: int
    #: Bytes that the engine used, and that the process took, before there was any data.
    memory_at_start: int = 0
    resident_at_start: int = 0
    #: systemd or upstart, if one of them looks after us.
    supervisor: str = ""
    rates: Rates = made(factory=Rates)


def new(config: Config, log: Log, supervisor: str = "") -> ServerState:
    """The state of a server that begins now."""
    return ServerState(
        config,
        log,
        run_id=os.urandom(20).hex(),
        replication_id=os.urandom(20).hex(),
        process_id=os.getpid(),
        supervisor=supervisor,
    )


def of(call: Call) -> ServerState:
    """That of the server that runs the command."""
    found: ServerState = call.part("state")
    return found
