"""What has to be done before the server may end, whoever asks for it.

Parts of the server that must not lose anything register a function. It is called with a
`Call`, True (SHUTDOWN SAVE), False (NOSAVE) or None (as configured), and whether the server
will end whatever it says (FORCE); it answers whether the server may end.
"""

from __future__ import annotations

from collections.abc import Callable

from rubellite._core import Call
from rubellite.server.state import of

Check = Callable[[Call, bool | None, bool], bool]

_CHECKS: list[Check] = []


def before_end(check: Check) -> None:
    """Asks `check` whenever the server is to end."""
    _CHECKS.append(check)


def prepare(call: Call, save: bool | None, *, force: bool = False) -> bool:
    """Whether the server ends now; says in the log why it should not."""
    log = of(call).log
    log.warning("User requested shutdown...")
    may_end = True
    for check in _CHECKS:
        may_end &= check(call, save, force)
    if not may_end:
        log.warning("Errors trying to shut down the server. Check the logs for more information.")
    return may_end or force
