"""How the kit's own tests use it: directly, and from inside a pytest run of a user."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

import rubellite.client.asyncio_api
import rubellite.client.redis_api
import rubellite.testing.loops
import rubellite.testing.pool  # noqa: F401
from rubellite import testing
from rubellite.server.app import load_commands
from rubellite.testing import IsolatedStore

# `pytester` forgets what was first imported in a run of its own; the table of commands
# would remember.
load_commands()

Run = Callable[..., pytest.RunResult]

#: Where a test's clock stands still: 2026-01-01.
START = 1_767_225_600.0


@pytest.fixture(scope="module")
def shared_store() -> Iterator[IsolatedStore]:
    with testing.open() as store:
        yield store


@pytest.fixture
def store(shared_store: IsolatedStore) -> Iterator[IsolatedStore]:
    """An isolated store, as users get it."""
    yield shared_store
    assert shared_store.reset()


@pytest.fixture
def run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a user's test file in a pytest of its own."""
    # Whether or not this environment has the entry point.
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")

    def run(text: str, *arguments: str) -> pytest.RunResult:
        pytester.makepyfile(text)
        plugin = ("-p", "rubellite.testing.plugin")
        # This process has it already.
        warnings = ("-W", "error", "-W", "ignore::pytest.PytestAssertRewriteWarning")
        return pytester.runpytest_inprocess(*plugin, *warnings, "--strict-markers", *arguments)

    return run
