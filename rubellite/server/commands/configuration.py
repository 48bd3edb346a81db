"""CONFIG: reading, changing and keeping the configuration."""

from __future__ import annotations

from rubellite._core import Arguments, Call
from rubellite.config import rewrite
from rubellite.config.table import BY_ANY_NAME
from rubellite.engine.replies import OK, Reply
from rubellite.errors import SYNTAX, text_of
from rubellite.persistence import append_only, snapshots
from rubellite.server.settings import apply_settings
from rubellite.server.state import of
from rubellite.spec.command import command, container
from rubellite.spec.flags import ADMIN, LOADING, NOSCRIPT, STALE

_ADMIN = ADMIN | NOSCRIPT | LOADING | STALE
_ALL_NODES = ("request_policy:all_nodes", "response_policy:all_succeeded")

container("CONFIG", "A container for server configuration commands", since="2.0.0")


@command(
    "CONFIG GET parameter [parameter ...]",
    _ADMIN,
    since="2.0.0",
    cost="O(N) when N is the number of configuration parameters provided",
    history=(("7.0.0", "Added the ability to pass multiple pattern parameters in one call"),),
)
def config_get(call: Call, parameters: Arguments) -> Reply:
    """Return the parameters that match any of the patterns, and their values."""
    return of(call).config.get(*(text_of(pattern) for pattern in parameters))


@command(
    "CONFIG SET parameter value [parameter value ...]",
    _ADMIN,
    since="2.0.0",
    cost="O(N) when N is the number of configuration parameters provided",
    tips=_ALL_NODES,
    history=(("7.0.0", "Added the ability to set multiple parameters in one call."),),
    takes_rest=True,
)
def config_set(call: Call, words: Arguments) -> Reply:
    """Change parameters: all of them, or none if one is refused.

    Errors: SYNTAX.
    """
    if len(words) % 2:
        raise SYNTAX
    texts = [text_of(word) for word in words]
    for index, name in enumerate(texts[::2]):
        setting = BY_ANY_NAME.get(name.lower())
        if setting is not None and setting.is_sensitive:
            call.redact(words, 2 * index + 1)
    config = of(call).config
    pairs = list(zip(texts[::2], texts[1::2], strict=True))
    config.set_many(pairs, is_local=is_local(call))
    apply_settings(call, config)
    snapshots.of(call).judge(call)
    append_only.of(call).follow(call)
    return OK


def is_local(call: Call) -> bool:
    """Whether the client is on this machine."""
    session = call.session()
    host = str(session["address"]).rpartition(":")[0].strip("[]")
    return bool(session["is_unix_socket"]) or host in ("embedded", "::1") or host[:4] == "127."


@command("CONFIG RESETSTAT", _ADMIN, since="2.0.0", tips=_ALL_NODES)
def config_resetstat(call: Call) -> Reply:
    """Set the counters that INFO reports back to zero."""
    call.reset_statistics()
    snapshots.of(call).forget_counts()
    append_only.of(call).forget_counts()
    return OK


@command("CONFIG REWRITE", _ADMIN, since="2.8.0", tips=_ALL_NODES)
def config_rewrite(call: Call) -> Reply:
    """Write the present configuration into the file that it came from."""
    rewrite(of(call).config)
    return OK
