"""Properties of commands. The numbers are those of the core's `dispatch::spec::flag`."""

from __future__ import annotations

from typing import Final

WRITE: Final = 1 << 0
READ: Final = 1 << 1
DENYOOM: Final = 1 << 2
ADMIN: Final = 1 << 3
PUBSUB: Final = 1 << 4
NOSCRIPT: Final = 1 << 5
BLOCKING: Final = 1 << 6
LOADING: Final = 1 << 7
STALE: Final = 1 << 8
SKIP_MONITOR: Final = 1 << 9
SKIP_SLOWLOG: Final = 1 << 10
ASKING: Final = 1 << 11
FAST: Final = 1 << 12
NO_AUTH: Final = 1 << 13
MAY_REPLICATE: Final = 1 << 14
NO_ASYNC_LOADING: Final = 1 << 16
NO_MULTI: Final = 1 << 17
NO_MANDATORY_KEYS: Final = 1 << 18
ALLOW_BUSY: Final = 1 << 19
MOVABLE_KEYS: Final = 1 << 20

#: Runs at once although MULTI is open.
NO_QUEUE: Final = 1 << 40
#: Only its subcommands can be called.
CONTAINER: Final = 1 << 41
#: Enters the journal even when nothing was edited.
ALWAYS_PROPAGATE: Final = 1 << 42
#: Options are converted while they are matched, not after all are.
EAGER: Final = 1 << 43
#: Allowed to a client that is subscribed in RESP2.
IN_SUBSCRIBE: Final = 1 << 44
#: Written by a user: what it edits is noted, and it may execute other commands.
EXTENSION: Final = 1 << 45
#: What follows is messages, or nothing: of no use without a connection of one's own.
LISTENS: Final = 1 << 46

#: Names as COMMAND INFO shows them, in its order; the rest is not shown.
NAMES: Final[dict[int, str]] = {
    WRITE: "write",
    READ: "readonly",
    DENYOOM: "denyoom",
    ADMIN: "admin",
    PUBSUB: "pubsub",
    NOSCRIPT: "noscript",
    BLOCKING: "blocking",
    LOADING: "loading",
    STALE: "stale",
    SKIP_MONITOR: "skip_monitor",
    SKIP_SLOWLOG: "skip_commandlog",
    ASKING: "asking",
    FAST: "fast",
    NO_AUTH: "no_auth",
    NO_ASYNC_LOADING: "no_async_loading",
    NO_MULTI: "no_multi",
    NO_MANDATORY_KEYS: "no_mandatory_keys",
    ALLOW_BUSY: "allow_busy",
    MOVABLE_KEYS: "movablekeys",
}


def names(flags: int) -> list[str]:
    """The flags' names as COMMAND INFO shows them."""
    return [name for flag, name in NAMES.items() if flags & flag]
