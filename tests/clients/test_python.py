"""redis-py, valkey-py and coredis against our server and Redis 7.0."""

from __future__ import annotations

import pytest

from tests.clients.conftest import Play


@pytest.mark.parametrize(
    ("client", "protocol"),
    [("redis", 2), ("redis", 3), ("valkey", 2), ("valkey", 3), ("coredis", 3)],
)
def test_the_client_sees_what_it_sees_on_redis(play: Play, client: str, protocol: int):
    play("python", client, protocol)
