"""What has to be done before the server may end, whoever asks for it.

Parts of the server that must not lose anything register: `before_end(save)` is called
with True (SHUTDOWN SAVE), False (NOSAVE) or None (as configured), and answers whether
the server may end.
"""

from __future__ import annotations

from collections.abc import Callable

from rubellite.server.state import current

Check = Callable[[bool | None], bool]

_CHECKS: list[Check] = []


def before_end(check: Check) -> None:
    """Asks `check` whenever the server is to end."""
    _CHECKS.append(check)


def is_anything_kept() -> bool:
    """Whether somebody would save the data."""
    return bool(_CHECKS)


def prepare(save: bool | None) -> bool:
    """Whether the server may end now; says in the log why not."""
    log = current().log
    log.warning("User requested shutdown...")
    if save and not _CHECKS:
        log.warning("Error trying to save the DB, can't exit: nothing here writes snapshots.")
        return False
    may_end = True
    for check in _CHECKS:
        may_end &= check(save)
    if not may_end:
        log.warning("Error trying to save the DB, can't exit.")
    return may_end
