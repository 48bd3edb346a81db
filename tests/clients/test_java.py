"""Jedis and Lettuce against our server and Redis 7.0."""

from __future__ import annotations

import pytest

from tests.clients.conftest import Play


@pytest.mark.parametrize("protocol", [2, 3])
@pytest.mark.parametrize("client", ["jedis", "lettuce"])
def test_the_client_sees_what_it_sees_on_redis(play: Play, client: str, protocol: int):
    play("java", client, protocol)
