"""SHUTDOWN: the end, if nothing speaks against it."""

from __future__ import annotations

from rubellite._core import NOTHING, Arguments, Call
from rubellite.engine.replies import Reply
from rubellite.errors import NO_SHUTDOWN, SHUTDOWN_FAILED, SYNTAX
from rubellite.server import ending
from rubellite.spec.command import command
from rubellite.spec.flags import ADMIN, ALLOW_BUSY, LOADING, NO_MULTI, NOSCRIPT, STALE

_WORDS = frozenset((b"NOSAVE", b"SAVE", b"NOW", b"FORCE", b"SAFE", b"FAILOVER", b"ABORT"))


@command(
    "SHUTDOWN [<[NOSAVE|SAVE] [NOW] [FORCE] [SAFE] [FAILOVER]>|ABORT]",
    ADMIN | NOSCRIPT | LOADING | STALE | NO_MULTI | ALLOW_BUSY,
    since="1.0.0",
    cost="O(N) when saving, where N is the total number of keys in all databases when saving data, "
    "otherwise O(1)",
    history=(("7.0.0", "Added the `NOW`, `FORCE` and `ABORT` modifiers."),),
    takes_rest=True,
)
def shutdown(call: Call, words: Arguments) -> Reply:
    """Save what has to be saved, and end the server.

    Errors: SYNTAX, NO_SHUTDOWN, SHUTDOWN_FAILED, BUSY, BUSY_COMMAND.
    """
    given = {word.upper() for word in words}
    if not given <= _WORDS or {b"SAVE", b"NOSAVE"} <= given:
        raise SYNTAX
    if b"ABORT" in given:
        if len(given) > 1:
            raise SYNTAX
        # Nobody is waited for, so there never is a shutdown to call off.
        raise NO_SHUTDOWN
    if b"NOSAVE" not in given:
        call.refuse_if_busy()
    save = True if b"SAVE" in given else False if b"NOSAVE" in given else None
    if not ending.prepare(call, save, force=b"FORCE" in given):
        raise SHUTDOWN_FAILED
    call.stop(0)
    return NOTHING
