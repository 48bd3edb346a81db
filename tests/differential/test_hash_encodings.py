"""Hashes change their encoding at the same field as Valkey's, wherever the limits are."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator

import pytest

from tests.differential import report
from tests.differential.groups import GROUPS
from tests.oracles import Server

NAMES = ("hash-max-listpack-entries", "hash-max-listpack-value")
COMMANDS = int(os.environ.get("RUBELLITE_DIFF_COMMANDS", 30_000)) // 6


@pytest.fixture(params=[(0, 0), (1, 64), (3, 8), (512, 0)], ids=str)
def servers(
    request: pytest.FixtureRequest, ours: Server, valkey91: Server
) -> Iterator[tuple[Server, Server]]:
    """Both servers with limits that small hashes reach."""
    with ours.connect() as mine, valkey91.connect() as theirs:
        usual = [mine.call("CONFIG", "GET", name)[1] for name in NAMES]
        for connection in (mine, theirs):
            for name, limit in zip(NAMES, request.param, strict=True):
                assert connection.call("CONFIG", "SET", name, limit) == "OK"
        yield ours, valkey91
        for connection in (mine, theirs):
            for name, limit in zip(NAMES, usual, strict=True):
                assert connection.call("CONFIG", "SET", name, limit) == "OK"


def test_encodings_change_at_the_same_field(servers: tuple[Server, Server]):
    ours, valkey91 = servers
    seed = int(os.environ.get("RUBELLITE_DIFF_SEED", secrets.randbelow(1_000_000)))
    campaign = report.run(GROUPS["hashes"], ours, {"valkey91": valkey91}, COMMANDS, seed)
    assert campaign.is_clean, "\n" + report.show(campaign, {"valkey91": valkey91}, ours)
