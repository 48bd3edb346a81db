"""The time of a store under test: it follows `time.time()`, and can be moved and stopped.

time-machine and freezegun change what `time.time()` says, and so the store's time.
"""

from __future__ import annotations

import calendar
import sys
import time
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rubellite._core import EmbeddedSession, Engine
    from rubellite.client.wire import WireSession


def wall_seconds() -> float:
    """Seconds since 1970 as the tested code sees them.

    freezegun shows some threads the real time, and the engine has one of its own, so it
    is asked for the time that it shows to all others.
    """
    freezegun = sys.modules.get("freezegun.api")
    if freezegun is not None and freezegun.freeze_factories:
        factory = freezegun.freeze_factories[-1]
        # With `auto_tick_seconds` asking would move it.
        moment = factory.time_to_freeze if hasattr(factory, "step_width") else factory()
        return float(calendar.timegm(moment.timetuple()) + moment.microsecond / 1e6)
    return time.time()


class Clock:
    """The time of one store: expiry, TTLs and the ends of waits go by it.

    What is due happens before a method returns: keys expire, clients that waited get
    their reply.
    """

    def __init__(self, engine: Engine, control: EmbeddedSession | WireSession) -> None:
        self._engine = engine
        self._control = control
        self._added_ms = 0
        self._is_frozen = False
        engine.follow_clock(wall_seconds)

    def now(self) -> float:
        """Seconds since 1970 in the store (TIME)."""
        seconds, microseconds = self._control.call("TIME")
        return int(seconds) + int(microseconds) / 1e6

    def advance(self, seconds: float | timedelta) -> None:
        """Moves the time by so many seconds (to the millisecond), running or frozen."""
        if isinstance(seconds, timedelta):
            seconds = seconds.total_seconds()
        added_ms = round(seconds * 1000)
        if not self._is_frozen:
            self._added_ms += added_ms
        self._engine.advance_clock(added_ms)
        self._engine.tick()

    def freeze(self, at: float | datetime | None = None) -> None:
        """Stops the time: at this moment (seconds since 1970 or a datetime), or now.

        Afterwards only `advance` moves it.
        """
        if isinstance(at, datetime):
            at = at.timestamp()
        self._engine.freeze_clock(round((self.now() if at is None else at) * 1000))
        self._is_frozen = True
        self._engine.tick()

    def resume(self) -> None:
        """Lets the time run again, from where it would be without `freeze`."""
        self._engine.freeze_clock(None)
        self._is_frozen = False
        self._engine.tick()

    def reset(self) -> None:
        """Goes back to `time.time()`."""
        if self._added_ms or self._is_frozen:
            self._engine.freeze_clock(None)
            self._engine.advance_clock(-self._added_ms)
            self._added_ms, self._is_frozen = 0, False
