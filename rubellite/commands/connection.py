"""Connection: PING, ECHO, SELECT, AUTH, HELLO, QUIT, RESET."""

from __future__ import annotations

from rubellite import REDIS_VERSION
from rubellite._core import Call, Reply
from rubellite.engine.access import authenticate
from rubellite.engine.client_names import check_name
from rubellite.engine.replies import OK, PONG, RESET
from rubellite.errors import (
    AUTH_REQUIRED,
    NOT_INTEGER,
    PROTOCOL_NOT_INTEGER,
    UNSUPPORTED_PROTOCOL,
)
from rubellite.spec.command import command
from rubellite.spec.flags import (
    ALLOW_BUSY,
    FAST,
    IN_SUBSCRIBE,
    LOADING,
    NO_AUTH,
    NO_QUEUE,
    NOSCRIPT,
    STALE,
)

_ALWAYS = NOSCRIPT | LOADING | STALE | FAST | NO_AUTH | ALLOW_BUSY


@command(
    "PING [message]",
    FAST | IN_SUBSCRIBE,
    since="1.0.0",
    tips=("request_policy:all_shards", "response_policy:all_succeeded"),
)
def ping(call: Call, message: bytes | None) -> Reply:
    """Answer PONG, or the message."""
    return PONG if message is None else message
