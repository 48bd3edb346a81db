"""How fast things go right now: the mean over the last samples, as INFO shows it."""

from __future__ import annotations

from collections import deque

#: A sample each tenth of a second, so a rate looks back 1.6 seconds.
_SAMPLES = 16


class Rates:
    """Commands, bytes in and bytes out a second."""

    def __init__(self) -> None:
        self._samples: deque[tuple[int, int, int, int]] = deque(maxlen=_SAMPLES + 1)

    def sample(self, now_ms: int, commands: int, bytes_read: int, bytes_written: int) -> None:
        """Takes the counters as they are now."""
        samples = self._samples
        if samples and commands < samples[-1][1]:
            # CONFIG RESETSTAT set them back.
            samples.clear()
        samples.append((now_ms, commands, bytes_read, bytes_written))

    def now(self) -> tuple[float, float, float]:
        """Commands, bytes read and bytes written a second."""
        if len(self._samples) < 2:
            return 0.0, 0.0, 0.0
        first, last = self._samples[0], self._samples[-1]
        milliseconds = last[0] - first[0]
        if milliseconds <= 0:
            return 0.0, 0.0, 0.0
        return (
            (last[1] - first[1]) * 1000 / milliseconds,
            (last[2] - first[2]) * 1000 / milliseconds,
            (last[3] - first[3]) * 1000 / milliseconds,
        )
