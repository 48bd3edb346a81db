"""SLOWLOG and COMMANDLOG: commands that were slow, or large, or had large replies."""

from __future__ import annotations

from rubellite._core import Arguments, Call
from rubellite.engine.replies import OK, Reply
from rubellite.errors import LOG_COUNT, LOG_TYPE, WRONG_SUBCOMMAND, text_of
from rubellite.server.words import integer
from rubellite.spec.command import command, container
from rubellite.spec.flags import ADMIN, LOADING, STALE

_FLAGS = ADMIN | LOADING | STALE
_ALL_NODES = "request_policy:all_nodes"
_CHANGES = "nondeterministic_output"
_GET_TIPS = (_ALL_NODES, _CHANGES)
_LEN_TIPS = (_ALL_NODES, "response_policy:agg_sum", _CHANGES)
_RESET_TIPS = (_ALL_NODES, "response_policy:all_succeeded")

#: Entries that SLOWLOG GET returns unless told otherwise.
_SHOWN = 10
_ALL = 2**63 - 1

container("SLOWLOG", "A container for slow log commands", since="2.2.12")
container("COMMANDLOG", "A container for command log commands", since="8.1.0")


def _count(raw: bytes) -> int:
    count = integer(raw)
    if count is None or count < -1:
        raise LOG_COUNT
    return _ALL if count == -1 else count


def _entries(call: Call, name: str, count: int) -> Reply:
    return [list(entry) for entry in call.command_log(name, count)]


@command(
    "SLOWLOG GET [count]",
    _FLAGS,
    since="2.2.12",
    cost="O(N) where N is the number of entries returned",
    tips=_GET_TIPS,
    takes_rest=True,
    arity=-2,
    history=(("4.0.0", "Added client IP address, port and name to the reply."),),
)
def slowlog_get(call: Call, words: Arguments) -> Reply:
    """Return the newest slow commands: number, time, microseconds, arguments, who asked.

    Errors: LOG_COUNT, WRONG_SUBCOMMAND.
    """
    if len(words) > 1:
        raise WRONG_SUBCOMMAND(text_of(call.argument(1)), "SLOWLOG")
    return _entries(call, "slow", _count(words[0]) if len(words) else _SHOWN)


@command("SLOWLOG LEN", _FLAGS, since="2.2.12", tips=_LEN_TIPS)
def slowlog_len(call: Call) -> Reply:
    """Count the slow commands that are kept."""
    return call.command_log_length("slow")


@command(
    "SLOWLOG RESET",
    _FLAGS,
    since="2.2.12",
    cost="O(N) where N is the number of entries in the slowlog",
    tips=_RESET_TIPS,
)
def slowlog_reset(call: Call) -> Reply:
    """Forget the slow commands."""
    call.reset_command_log("slow")
    return OK


_TYPES = "<SLOW|LARGE-REQUEST|LARGE-REPLY>"


def _log_name(raw: bytes) -> str:
    name = text_of(raw).lower()
    if name not in ("slow", "large-request", "large-reply"):
        raise LOG_TYPE
    return name


@command(
    f"COMMANDLOG GET count {_TYPES}",
    _FLAGS,
    since="8.1.0",
    cost="O(N) where N is the number of entries returned",
    tips=_GET_TIPS,
    takes_rest=True,
    arity=4,
)
def commandlog_get(call: Call, words: Arguments) -> Reply:
    """Return the newest commands of a log: number, time, microseconds or bytes, arguments, who.

    Errors: LOG_COUNT, LOG_TYPE.
    """
    count = _count(words[0])
    return _entries(call, _log_name(words[1]), count)


@command(
    f"COMMANDLOG LEN {_TYPES}",
    _FLAGS,
    since="8.1.0",
    tips=_LEN_TIPS,
    takes_rest=True,
    arity=3,
)
def commandlog_len(call: Call, words: Arguments) -> Reply:
    """Count the commands that a log keeps.

    Errors: LOG_TYPE.
    """
    return call.command_log_length(_log_name(words[0]))


@command(
    f"COMMANDLOG RESET {_TYPES}",
    _FLAGS,
    since="8.1.0",
    cost="O(N) where N is the number of entries in the commandlog",
    tips=_RESET_TIPS,
    takes_rest=True,
    arity=3,
)
def commandlog_reset(call: Call, words: Arguments) -> Reply:
    """Forget the commands of a log.

    Errors: LOG_TYPE.
    """
    call.reset_command_log(_log_name(words[0]))
    return OK
