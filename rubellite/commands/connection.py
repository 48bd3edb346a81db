"""Connection: PING, ECHO, SELECT, AUTH, HELLO, QUIT, RESET."""

from __future__ import annotations

from rubellite._core import Arguments, Call
from rubellite.engine.access import authenticate
from rubellite.engine.client_names import check_name
from rubellite.engine.replies import OK, RESET, Reply
from rubellite.errors import (
    HELLO_NEEDS_AUTH,
    HELLO_OPTION,
    NOT_INTEGER,
    PROTOCOL_NOT_INTEGER,
    SYNTAX,
    UNSUPPORTED_PROTOCOL,
    text_of,
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

#: What HELLO says: redis-py caches on the client's side only where this is at least 7.4.
_HELLO_VERSION = "7.4.0"

_ALWAYS = NOSCRIPT | LOADING | STALE | FAST | NO_AUTH | ALLOW_BUSY


@command(
    "PING [message]",
    FAST | IN_SUBSCRIBE,
    since="1.0.0",
    tips=("request_policy:all_shards", "response_policy:all_succeeded"),
    native=True,
)
def ping(call: Call, message: bytes | None) -> Reply:
    """Answer PONG, or the message."""


@command("ECHO message", LOADING | STALE | FAST, since="1.0.0")
def echo(call: Call, message: bytes) -> Reply:
    """Answer the message."""
    return message


@command("SELECT index", LOADING | STALE | FAST | ALLOW_BUSY, since="1.0.0")
def select(call: Call, index: int) -> Reply:
    """Choose the database that the connection works on.

    Errors: DATABASE_OUT_OF_RANGE.
    """
    call.select(index)
    return OK


@command(
    "AUTH [username] password", _ALWAYS, since="1.0.0", arity=-2, takes_rest=True, categories=()
)
def auth(call: Call, words: Arguments) -> Reply:
    """Tell the server who asks.

    Errors: SYNTAX, WRONG_PASSWORD, AUTH_WITHOUT_PASSWORD.
    """
    if len(words) > 2:
        raise SYNTAX
    for index in range(len(words)):
        call.redact(words, index)
    authenticate(call, words[0] if len(words) == 2 else None, words[-1])
    return OK


@command(
    "HELLO [protover [AUTH username password] [SETNAME clientname]]",
    _ALWAYS,
    since="6.0.0",
    takes_rest=True,
)
def hello(call: Call, words: Arguments) -> Reply:
    """Agree on the protocol, and say who asks.

    Errors: PROTOCOL_NOT_INTEGER, UNSUPPORTED_PROTOCOL, HELLO_OPTION, WRONG_PASSWORD,
    HELLO_NEEDS_AUTH, CLIENT_NAME_CHARACTERS.
    """
    protocol = _protocol(words) if words else None
    name: bytes | None = None
    credentials: tuple[bytes, bytes] | None = None
    at = 1
    while at < len(words):
        word = words[at].upper()
        left = len(words) - at - 1
        if word == b"AUTH" and left >= 2:
            call.redact(words, at + 1)
            call.redact(words, at + 2)
            credentials = words[at + 1], words[at + 2]
            at += 3
        elif word == b"SETNAME" and left >= 1:
            name = check_name(words[at + 1])
            at += 2
        else:
            raise HELLO_OPTION(text_of(words[at]))
    if credentials is not None:
        authenticate(call, *credentials)
    session = call.session()
    if session is None or not session["is_authenticated"]:
        raise HELLO_NEEDS_AUTH
    if name is not None:
        call.set_session("name", name)
    if protocol is not None:
        call.set_session("protocol", protocol)
    return {
        "server": "redis",
        "version": _HELLO_VERSION,
        "proto": call.protocol,
        "id": call.client_id,
        "mode": "standalone",
        "role": "master",
        "modules": [],
    }


def _protocol(words: Arguments) -> int:
    try:
        protocol = words.integer(0)
    except NOT_INTEGER:
        raise PROTOCOL_NOT_INTEGER from None
    if protocol not in (2, 3):
        raise UNSUPPORTED_PROTOCOL
    return protocol


@command("QUIT", _ALWAYS | NO_QUEUE | IN_SUBSCRIBE, since="1.0.0", arity=-1, takes_rest=True)
def quit(call: Call, ignored: Arguments) -> Reply:
    """Close the connection."""
    call.set_session("close", True)
    return OK


@command("RESET", _ALWAYS | NO_QUEUE | IN_SUBSCRIBE, since="6.2.0")
def reset(call: Call) -> Reply:
    """Make the connection as new."""
    call.reset_session()
    return RESET
