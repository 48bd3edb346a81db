"""`play`: the scenario of one client, on our server and on a real one."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.clients import scenario, toolchains
from tests.oracles import Server

Play = Callable[[str, str, int], None]


def ready(language: str) -> list[str]:
    """The command that runs the language's program; skips the test where it cannot run."""
    try:
        return toolchains.prepare(language)
    except toolchains.ToolchainMissingError as missing:
        pytest.skip(str(missing))


@pytest.fixture
def play(ours: Server, redis70: Server) -> Play:
    """`play(language, client, protocol)`."""

    def play(language: str, client: str, protocol: int) -> None:
        scenario.compare(ready(language), client, protocol, ours, redis70)

    return play
