"""A bar on the terminal that says how far a long run is; nothing where nobody looks on."""

from __future__ import annotations

import os
import sys
from types import TracebackType

from rubellite.clock import monotonic_seconds

#: How often the bar is drawn anew.
_REDRAW_SECONDS = 0.1
_BAR_COLUMNS_MAX = 30


def amount(count: float, unit: str) -> str:
    """A number for people: bytes in powers of 1024, other things with their thousands."""
    if unit != "bytes":
        return f"{int(count):,} {unit}"
    power, units = 0, "BKMGT"
    while count >= 1024 and power < len(units) - 1:
        count /= 1024
        power += 1
    return f"{int(count)} B" if power == 0 else f"{count:.1f} {units[power]}B"


class Progress:
    """Draws on standard error, if that is a terminal. Its line is gone at the end."""

    def __init__(self, label: str, total: int = 0, unit: str = "bytes") -> None:
        #: How much there is; 0: nobody knows.
        self.total = total
        self._label = label
        self._unit = unit
        self._began = monotonic_seconds()
        self._drawn = 0.0
        self._is_shown = sys.stderr.isatty()

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _problem: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self.clear()

    def update(self, done: int, note: str = "") -> None:
        """Says how much is done. O(1), and cheap when it is called often."""
        if not self._is_shown:
            return
        now = monotonic_seconds()
        if now - self._drawn < _REDRAW_SECONDS:
            return
        self._drawn = now
        line = self._line(done, max(now - self._began, 0.001), note)
        try:
            columns = os.get_terminal_size(sys.stderr.fileno()).columns
        except OSError:
            columns = 80
        sys.stderr.write(f"\r{line[: columns - 1]}\x1b[K")
        sys.stderr.flush()

    def _line(self, done: int, seconds: float, note: str) -> str:
        shown = amount(done, self._unit)
        if self.total:
            share = min(done / self.total, 1.0)
            filled = int(share * _BAR_COLUMNS_MAX)
            bar = "█" * filled + "░" * (_BAR_COLUMNS_MAX - filled)
            rest = seconds / share - seconds if share else 0.0
            shown = f"{bar} {share:4.0%}  {shown}, {_clock(rest)} left"
        rate = amount(done / seconds, self._unit)
        return f"{self._label}  {shown}, {rate}/s{'  ' + note if note else ''}"

    def clear(self) -> None:
        """Takes the bar off the terminal, so that text can be written."""
        if self._is_shown and self._drawn:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
            self._drawn = 0.0


def _clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes}:{rest:02}"
