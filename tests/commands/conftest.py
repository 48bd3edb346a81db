"""What these tests share: a server for each module, a store for each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests import oracles
from tests.oracles import Server
from tests.store import Store


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """Ours; its settings may be changed, other modules have their own."""
    server = oracles.start("ours")
    yield server
    server.stop()


@pytest.fixture
def store() -> Store:
    """An engine in this process, whose clock stands still until the test moves it."""
    return Store()
