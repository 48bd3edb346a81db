"""Faults: what goes wrong between a client and its server, on demand.

    faults.lose_reply("incr")               # the next INCR is done, and its reply is lost
    faults.fail("OOM", "set", nth=3)        # the third SET from now on fails
    with faults.loading(times=None):        # all that a loading server would refuse
        ...

They strike at the engine, in front of its commands, so every way in meets them: sockets
and the embedded client, which uses its connection while a fault is armed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rubellite import errors
from rubellite.spec import flags as flag

if TYPE_CHECKING:
    from rubellite.spec.command import Registry
    from rubellite.testing.store import IsolatedStore

#: What clients say of themselves when they connect; only a fault that names it strikes it.
_GREETINGS = frozenset("auth client echo hello quit reset select".split())

#: What redis-py's methods of these names say instead.
_SYNONYMS = {"incr": "incrby", "decr": "decrby"}

#: Verdicts of `Engine.guard_requests`.
_DROP, _LOSE = "drop", "lose"


def _any(_flags: int) -> bool:
    return True


#: The conditions of a server, and which commands it refuses meanwhile, by their flags.
_CONDITIONS: dict[str, tuple[type[errors.ReplyError], Callable[[int], bool]]] = {
    "LOADING": (errors.LOADING, lambda flags: not flags & flag.LOADING),
    "READONLY": (errors.READ_ONLY_REPLICA, lambda flags: bool(flags & flag.WRITE)),
    "OOM": (errors.OUT_OF_MEMORY, lambda flags: bool(flags & flag.DENYOOM)),
}


@dataclass(eq=False)
class Fault:
    """One fault that was armed; `hits` counts how often it struck. A context manager."""

    action: bytes | str | int
    names: frozenset[str]
    concerns: Callable[[int], bool]
    nth: int
    times: int | None
    disarm: Callable[[Fault], None] = field(repr=False)
    seen: int = 0
    hits: int = 0

    def _names(self, name: str) -> bool:
        if not self.names:
            return name.partition("|")[0] not in _GREETINGS
        return name in self.names or name.partition("|")[0] in self.names

    def strikes(self, name: str, flags: int) -> bool:
        """Whether this command, the next one, is struck; counts it."""
        if not self._names(name) or not self.concerns(flags):
            return False
        self.seen += 1
        if self.seen < self.nth:
            return False
        self.hits += 1
        if self.times is not None and self.hits >= self.times:
            self.disarm(self)
        return True

    def __enter__(self) -> Fault:
        return self

    def __exit__(self, *_problem: object) -> None:
        self.disarm(self)


class Faults:
    """Arms faults of one store.

    `commands` names what is struck ("set", "client kill"), by default every command but
    what clients say when they connect (HELLO, CLIENT, SELECT, …). "incr" stands for INCRBY,
    too, which redis-py's `incr()` is. A fault strikes the
    `nth` such command from now on and those after it, `times` in all; None: until it is
    disarmed, by `clear()` or at the end of its `with` block.
    """

    def __init__(self, store: IsolatedStore) -> None:
        self._store = store
        self._commands: Registry = store.commands  # type: ignore[assignment]
        self._armed: list[Fault] = []
        #: Whether requests are shown to `_guard`, which cannot end that itself.
        self._is_guarding = False
        #: Clients of the kit itself, whom nothing strikes.
        self.exempt: set[int] = set()

    def drop(self, *commands: str, nth: int = 1, times: int | None = 1) -> Fault:
        """The connection is closed, and the command is not executed."""
        return self._arm(_DROP, commands, nth, times)

    def lose_reply(self, *commands: str, nth: int = 1, times: int | None = 1) -> Fault:
        """The command is executed, but the connection is closed before its reply."""
        return self._arm(_LOSE, commands, nth, times)

    def delay(self, seconds: float, *commands: str, nth: int = 1, times: int | None = 1) -> Fault:
        """The command is executed, but its reply leaves so many seconds later.

        By the store's clock: `clock.advance` brings it, and so does `clear`.
        """
        return self._arm(round(seconds * 1000), commands, nth, times)

    def fail(
        self, error: str = "ERR injected fault", *commands: str, nth: int = 1, times: int | None = 1
    ) -> Fault:
        """The command is not executed, and fails with this error line.

        "LOADING", "READONLY" and "OOM" stand for the servers' own texts, and then strike
        only the commands that such a server refuses.
        """
        if error in _CONDITIONS:
            condition, concerns = _CONDITIONS[error]
            return self._arm(condition.text.encode(), commands, nth, times, concerns)
        return self._arm(error.encode(), commands, nth, times)

    def loading(self, *commands: str, nth: int = 1, times: int | None = 1) -> Fault:
        """The server still loads its data."""
        return self.fail("LOADING", *commands, nth=nth, times=times)

    def readonly(self, *commands: str, nth: int = 1, times: int | None = 1) -> Fault:
        """The server has become a replica, as after a failover: it refuses to write."""
        return self.fail("READONLY", *commands, nth=nth, times=times)

    def oom(self, *commands: str, nth: int = 1, times: int | None = 1) -> Fault:
        """The server has used up `maxmemory`."""
        return self.fail("OOM", *commands, nth=nth, times=times)

    def clear(self) -> None:
        """Disarms all faults; replies that are late leave."""
        self._armed = []
        self._follow()
        if self._is_guarding:
            self._is_guarding = False
            self._store.engine.guard_requests(None)
            self._store.engine.tick()

    def _arm(
        self,
        action: bytes | str | int,
        commands: Iterable[str],
        nth: int,
        times: int | None,
        concerns: Callable[[int], bool] = _any,
    ) -> Fault:
        names = frozenset("|".join(name.lower().split()) for name in commands)
        for name in names:
            if name not in self._commands:
                raise ValueError(f"{name.replace('|', ' ')!r} is no command of this store")
        if nth < 1 or (times is not None and times < 1):
            raise ValueError("nth and times count from 1")
        names |= {_SYNONYMS[name] for name in names & _SYNONYMS.keys()}
        fault = Fault(action, names, concerns, nth, times, self._disarm)
        self._armed = [*self._armed, fault]
        self._follow()
        if not self._is_guarding:
            self._is_guarding = True
            self._store.engine.guard_requests(self._guard)
        return fault

    def _disarm(self, fault: Fault) -> None:
        if fault in self._armed:
            self._armed = [one for one in self._armed if one is not fault]
            self._follow()

    def _follow(self) -> None:
        # Only a connection can break.
        self._store.route_by_connections(bool(self._armed))

    def _guard(self, client: int, words: list[bytes]) -> bytes | str | int | None:
        if not self._armed or client in self.exempt:
            return None
        entry = self._commands.look_up([word.decode("latin-1") for word in words[:2]])
        name = words[0].decode("latin-1").lower() if entry is None else entry.name
        flags = 0 if entry is None else entry.flags
        for fault in self._armed:
            if fault.strikes(name, flags):
                return fault.action
        return None
