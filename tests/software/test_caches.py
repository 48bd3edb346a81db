"""Caches of web frameworks: Django's Redis backend, Flask-Caching."""

from __future__ import annotations

import subprocess
import sys
from itertools import count
from typing import Any

import pytest
import redis
from flask import Flask
from flask_caching import Cache

from tests.oracles import Server

#: In a process of its own: Django's settings belong to the process.
DJANGO = """
import sys
from django.conf import settings

settings.configure(
    CACHES={
        "default": {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": sys.argv[1],
            "KEY_PREFIX": "site",
        }
    }
)
from django.core.cache import cache

cache.set("greeting", {"en": "hello"}, 60)
assert cache.get("greeting") == {"en": "hello"}
assert cache.get("nothing", "default") == "default"
assert not cache.add("greeting", 1) and cache.add("other", 1)
assert cache.incr("other", 5) == 6 and cache.decr("other") == 5
assert cache.set_many({"a": 1, "b": [2]}, timeout=100) == []
assert cache.get_many(["a", "b", "c"]) == {"a": 1, "b": [2]}
assert cache.touch("a", 1000) and not cache.touch("c")
assert cache.has_key("a") and "c" not in cache
cache.delete_many(["a", "b"])
assert cache.get_many(["a", "b"]) == {}
cache.set("gone", 1, 0)
assert cache.get("gone") is None
cache.set("old", 1)
assert cache.incr_version("old") == 2
assert cache.get("old") is None and cache.get("old", version=2) == 1
assert cache.get_or_set("made", lambda: 7) == 7
try:
    cache.incr("nothing")
except ValueError:
    pass
else:
    raise AssertionError("incr of a missing key")
print(sorted(key for key in cache._cache.get_client().scan_iter()))
cache.clear()
assert cache.get("other") is None
"""


@pytest.fixture
def address(ours: Server) -> str:
    with redis.Redis(port=ours.port) as client:
        client.flushall()
    return f"redis://127.0.0.1:{ours.port}/3"


def test_django_caches(address: str):
    done = subprocess.run(
        [sys.executable, "-c", DJANGO, address], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert "b'site:1:greeting'" in done.stdout


def test_flask_caching_keeps_views_and_functions(address: str):
    app = Flask(__name__)
    cache = Cache(app, config={"CACHE_TYPE": "RedisCache", "CACHE_REDIS_URL": address})
    calls = count()

    @app.route("/")
    @cache.cached(timeout=50)
    def index() -> str:
        return f"call {next(calls)}"

    @cache.memoize(timeout=50)
    def add(one: int, other: int) -> Any:
        return one + other, next(calls)

    with app.test_client() as client:
        assert client.get("/").text == client.get("/").text == "call 0"
    with app.app_context():
        assert add(1, 2) == add(1, 2) == (3, 1)
        assert add(2, 2) == (4, 2)
        cache.delete_memoized(add, 1, 2)
        assert add(1, 2) == (3, 3)
        assert add(2, 2) == (4, 2)
        assert cache.set_many({"a": 1, "b": 2})
        assert cache.get_many("a", "b", "c") == [1, 2, None]
        assert cache.cache.inc("n", 2) == 2
        assert cache.has("a")
        assert cache.delete("a")
        assert not cache.has("a")
        assert cache.clear()
        assert add(1, 2) == (3, 4)
