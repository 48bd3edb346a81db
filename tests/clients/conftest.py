"""`play`: the scenario of one client, on our server and on a real one."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.clients import scenario
from tests.clients.toolchains import CLIENTS
from tests.oracles import Server

Play = Callable[[str, str, int], None]


@pytest.fixture
def play(ours: Server, redis70: Server) -> Play:
    """`play(language, client, protocol)`."""

    def play(language: str, client: str, protocol: int) -> None:
        scenario.compare(CLIENTS.ready(language), client, protocol, ours, redis70)

    return play
