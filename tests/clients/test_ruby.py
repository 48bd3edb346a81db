"""redis-rb against our server and Redis 7.0."""

from __future__ import annotations

from tests.clients.conftest import Play


def test_the_client_sees_what_it_sees_on_redis(play: Play):
    play("ruby", "redis-rb", 2)
