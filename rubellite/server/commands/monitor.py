"""MONITOR: every command of every client, as it happens."""

from __future__ import annotations

from rubellite._core import NOTHING, Call
from rubellite.engine.replies import OK, Reply
from rubellite.errors import MONITOR_DENIED
from rubellite.spec.command import command
from rubellite.spec.flags import ADMIN, LISTENS, LOADING, NOSCRIPT, STALE


@command("MONITOR", ADMIN | NOSCRIPT | LOADING | STALE | LISTENS, since="1.0.0")
def monitor(call: Call) -> Reply:
    """Send this connection every command that is run, but those that administer.

    Passwords are not shown. A connection that monitors may not read or write keys.

    Errors: MONITOR_DENIED.
    """
    if call.denies_blocking:
        raise MONITOR_DENIED
    if call.session()["is_monitor"]:
        # Who monitors already gets no answer at all.
        return NOTHING
    call.set_session("is_monitor", True)
    return OK
