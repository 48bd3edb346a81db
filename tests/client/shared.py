"""A directory that another process holds, and what its tests need."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import rubellite
from rubellite.client.store import Store
from tests.client.other import Other


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def holder(path: Path) -> Iterator[Other]:
    """Another process that holds the directory."""
    with Other(path) as other:
        assert other("db.is_here()")
        yield other


@pytest.fixture
def db(holder: Other, path: Path) -> Iterator[Store]:
    """A store of this process that is attached to the other one."""
    with rubellite.open(path) as store:
        assert not store.is_here()
        yield store


def in_thread(work: Callable[[], Any]) -> tuple[threading.Thread, list[Any]]:
    """Begins work; what it returned or raised is in the list afterwards."""
    found: list[Any] = []

    def run() -> None:
        try:
            found.append(work())
        except Exception as problem:
            found.append(problem)

    thread = threading.Thread(target=run)
    thread.start()
    return thread, found


def wait_until(is_so: Callable[[], bool]) -> None:
    """Looks again and again; the test's own time limit ends it."""
    while not is_so():
        pass
