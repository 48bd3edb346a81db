"""Fixtures that every test may use: the servers, one of each per test process."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

from tests import oracles
from tests.oracles import Server

# What a job in the background starts ignores Ctrl-C, and tests send it.
signal.signal(signal.SIGINT, signal.default_int_handler)


def _serve(name: str) -> Iterator[Server]:
    try:
        server = oracles.start(name)
    except oracles.ServerUnavailableError as problem:
        # Redis 7.0 depends on the distribution; the others come with the test tools.
        if name == "redis70":
            pytest.skip(str(problem))
        pytest.fail(str(problem), pytrace=False)
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="session")
def ours() -> Iterator[Server]:
    yield from _serve(os.environ.get("RUBELLITE_TEST_AS_OURS", oracles.OURS))


@pytest.fixture(scope="session")
def valkey91() -> Iterator[Server]:
    yield from _serve("valkey91")


@pytest.fixture(scope="session")
def redis82() -> Iterator[Server]:
    yield from _serve("redis82")


@pytest.fixture(scope="session")
def redis70() -> Iterator[Server]:
    yield from _serve("redis70")
