"""The bar is for those who look on, and gone when it is done."""

from __future__ import annotations

import io
import sys

import pytest

from rubellite.cli import progress as bars
from rubellite.cli.progress import Progress, amount


class Screen(io.StringIO):
    """Standard error as a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def seconds(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """A clock that a test moves."""
    now = [100.0]
    monkeypatch.setattr(bars, "monotonic_seconds", lambda: now[0])
    return now


def test_a_terminal_sees_how_far_it_is(monkeypatch, seconds):
    screen = Screen()
    monkeypatch.setattr(sys, "stderr", screen)
    with Progress("reading", total=4 << 20) as progress:
        seconds[0] += 10
        progress.update(1 << 20)
        # Too soon after the last time to be drawn.
        progress.update(2 << 20)
    shown = screen.getvalue()
    assert shown.count("\r") == 2
    assert " 25%  1.0 MB, 0:30 left, 102.4 KB/s" in shown
    assert shown.endswith("\r\x1b[K")


def test_nobody_else_does(monkeypatch, seconds):
    screen = io.StringIO()
    monkeypatch.setattr(sys, "stderr", screen)
    with Progress("copying", unit="keys") as progress:
        seconds[0] += 10
        progress.update(5)
    assert screen.getvalue() == ""


def test_amounts_are_short():
    shown = [amount(0, "bytes"), amount(1023, "bytes"), amount(1536, "bytes"), amount(1e6, "keys")]
    assert shown == ["0 B", "1023 B", "1.5 KB", "1,000,000 keys"]
