"""A store for each test, whose clock stands still until the test moves it."""

from __future__ import annotations

import pytest

from tests.store import Store


@pytest.fixture
def store() -> Store:
    return Store()
