"""Which commands of a redis-py client run directly, and which need its connection."""

from __future__ import annotations

from collections.abc import Mapping

from rubellite.spec.command import Command
from rubellite.spec.flags import BLOCKING, FAST

#: They change or look at the connection itself.
_OF_CONNECTION = frozenset(
    "AUTH CLIENT DISCARD EXEC HELLO MONITOR MULTI PSUBSCRIBE PUNSUBSCRIBE QUIT READONLY READWRITE "
    "RESET SELECT SHUTDOWN SSUBSCRIBE SUBSCRIBE SUNSUBSCRIBE UNSUBSCRIBE UNWATCH WATCH".split()
)
#: Not marked as fast, but of bounded work whatever the data are.
_BOUNDED = frozenset(
    "SET SETEX PSETEX GETRANGE SETRANGE MSET MSETNX DEL SUBSTR PUBLISH COPY RENAME "
    "SETBIT BITFIELD EXPIREAT LPOS".split()
)


class Routes(dict[str | bytes, bool]):
    """Command name as a client wrote it → whether it may run directly.

    In an event loop (`is_hurried`) only what is over in microseconds may.
    """

    def __init__(self, commands: Mapping[str, Command], *, is_hurried: bool = False) -> None:
        super().__init__()
        self._commands = commands
        self._is_hurried = is_hurried

    def __missing__(self, name: str | bytes) -> bool:
        text = name.decode("latin-1") if isinstance(name, bytes) else str(name)
        first = text.split(maxsplit=1)[0].upper() if text.strip() else ""
        command = self._commands.get(first.lower())
        is_direct = first not in _OF_CONNECTION
        if command is not None and command.flags & BLOCKING:
            is_direct = False
        if self._is_hurried and first not in _BOUNDED:
            is_direct = is_direct and command is not None and bool(command.flags & FAST)
        if command is not None:
            # What is not known may be added later.
            self[name] = is_direct
        return is_direct
