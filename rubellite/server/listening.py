"""`port` and `bind` while the server runs: CONFIG SET moves the listeners."""

from __future__ import annotations

from rubellite._core import Engine
from rubellite.config import Config, RefusedError
from rubellite.server.logging import Log


def follow(config: Config, engine: Engine, log: Log) -> None:
    """Lets `engine` listen where `config` says, from now on."""
    config.observe(
        ["port"],
        lambda changed: _listen(
            changed, engine, log, "Unable to listen on this port. Check server logs."
        ),
    )
    config.observe(
        ["bind"],
        lambda changed: _listen(changed, engine, log, "Failed to bind to specified addresses."),
    )


def _listen(config: Config, engine: Engine, log: Log, refusal: str) -> None:
    try:
        engine.listen(
            list(config.words("bind")),
            config.integer("port") or None,
            config.integer("tcp-backlog"),
        )
    except OSError as problem:
        log.warning(f"Warning: {problem}")
        raise RefusedError(refusal) from None
