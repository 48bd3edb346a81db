"""What isolation costs: 1,000 tests with a store each, beside 1,000 with nothing.

    python -m tests.kit.thousand

Prints the processor's time of both runs of pytest, what is on top, and how much of that
is the beginning (imports), which one test has, too.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

TESTS = 1000
ROOT = Path(__file__).resolve().parents[2]

_TEXT = """
import pytest

@pytest.fixture
def nothing():
    yield

@pytest.mark.parametrize("number", range({tests}))
def test_one_of_many({fixture}, number):
    {work}
"""

_CASES = {
    "nothing": "pass",
    "rubellite_store": "assert rubellite_store.increment('visits') == 1",
    "rubellite_client": "assert rubellite_client.incr('visits') == 1",
}


def seconds(folder: Path, fixture: str, tests: int) -> float:
    """The processor's seconds of a run whose tests use this fixture."""
    text = _TEXT.format(tests=tests, fixture=fixture, work=_CASES[fixture])
    (folder / "test_many.py").write_text(text, encoding="utf-8")
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "rubellite.testing.plugin", str(folder)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        stdout=subprocess.DEVNULL,
        check=True,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        plain = 0.0
        for fixture in _CASES:
            first, spent = (seconds(Path(name), fixture, tests) for tests in (1, TESTS))
            plain = plain or spent
            print(f"{fixture:16} {spent:.2f} s, {spent - plain:.2f} on top; one test {first:.2f} s")


if __name__ == "__main__":
    main()
