"""Geo: what a transcript cannot say; distances beside the formula, searches beside Valkey 9.1."""

from __future__ import annotations

import math
import os
import secrets
from random import Random
from typing import Any

import pytest

from tests.oracles import Server
from tests.wire import Connection

EARTH_RADIUS_M = 6372797.560856


@pytest.fixture
def client(ours: Server):
    with ours.connect() as connection:
        connection.call("FLUSHALL")
        yield connection


@pytest.fixture
def oracle(valkey91: Server):
    with valkey91.connect() as connection:
        connection.call("FLUSHALL")
        yield connection


@pytest.fixture
def rng() -> Random:
    seed = int(os.environ.get("RUBELLITE_DIFF_SEED", secrets.randbelow(1_000_000)))
    print(f"seed {seed}")
    return Random(seed)


def haversine_m(one: tuple[float, float], other: tuple[float, float]) -> float:
    (west, south), (east, north) = (
        [math.radians(degrees) for degrees in place] for place in (one, other)
    )
    a = math.sin((north - south) / 2) ** 2
    a += math.cos(south) * math.cos(north) * math.sin((east - west) / 2) ** 2
    return 2 * EARTH_RADIUS_M * math.asin(math.sqrt(a))


def place(rng: Random, middle: tuple[float, float], degrees: float) -> tuple[float, float]:
    longitude = middle[0] + rng.uniform(-degrees, degrees)
    latitude = middle[1] + rng.uniform(-degrees, degrees)
    return max(-180.0, min(180.0, longitude)), max(-85.0, min(85.0, latitude))


def places(client: Connection, key: str, members: list[str]) -> list[tuple[float, float]]:
    reply = client.call("GEOPOS", key, *members)
    return [(float(longitude), float(latitude)) for longitude, latitude in reply]


def test_distances_are_those_of_the_formula(client: Connection, rng: Random):
    names = [f"m{number}" for number in range(40)]
    for name in names:
        longitude, latitude = place(rng, (0.0, 0.0), 180.0)
        client.call("GEOADD", "g", repr(longitude), repr(latitude), name)
    where = dict(zip(names, places(client, "g", names), strict=True))
    for _ in range(100):
        one, other = rng.choice(names), rng.choice(names)
        distance = float(client.call("GEODIST", "g", one, other))
        assert distance == pytest.approx(haversine_m(where[one], where[other]), abs=0.001)


@pytest.mark.parametrize("degrees", [0.01, 1.0, 30.0])
def test_a_search_finds_all_that_is_near_and_nothing_else(
    client: Connection, rng: Random, degrees: float
):
    middle = place(rng, (0.0, 0.0), 80.0)
    names = [f"m{number}" for number in range(200)]
    for name in names:
        longitude, latitude = place(rng, middle, degrees)
        client.call("GEOADD", "g", repr(longitude), repr(latitude), name)
    where = dict(zip(names, places(client, "g", names), strict=True))
    for _ in range(20):
        center = place(rng, middle, degrees)
        radius_m = degrees * 111_000 * rng.choice([0.1, 0.5, 2.0])
        near = {name for name in names if haversine_m(center, where[name]) <= radius_m}
        words = ("FROMLONLAT", repr(center[0]), repr(center[1]), "BYRADIUS", repr(radius_m), "m")
        found = client.call("GEOSEARCH", "g", *words)
        assert {name.decode() for name in found} == near
        nearest = client.call("GEOSEARCH", "g", *words, "COUNT", "5", "ASC")
        order = sorted(near, key=lambda name: haversine_m(center, where[name]))
        assert [name.decode() for name in nearest] == order[:5]


@pytest.mark.parametrize("degrees", [0.01, 1.0, 20.0])
def test_searches_answer_what_valkey_answers(
    client: Connection, oracle: Connection, rng: Random, degrees: float
):
    def both(*words: Any) -> None:
        mine, theirs = (
            connection.call(*(str(word) for word in words)) for connection in (client, oracle)
        )
        assert mine == theirs, words

    middle = place(rng, (0.0, 0.0), 60.0)
    members = [part for number in range(150) for part in (*place(rng, middle, degrees), number)]
    both("GEOADD", "g", *members)
    both("GEOHASH", "g", *range(20))
    for _ in range(30):
        center = place(rng, middle, degrees)
        size = degrees * 111 * rng.choice([0.1, 0.5, 1, 3])
        shape = rng.choice([("BYRADIUS", size), ("BYBOX", size, size * rng.choice([0.3, 2]))])
        start = rng.choice([("FROMMEMBER", rng.randrange(150)), ("FROMLONLAT", *center)])
        count = rng.choice([(), ("ASC",), ("DESC",), ("COUNT", 9), ("COUNT", 9, "ANY")])
        details = ("WITHDIST", "WITHHASH", "WITHCOORD")
        both("GEOSEARCH", "g", *start, *shape, "km", *count, *details)
        corners = [degree for _ in range(5) for degree in place(rng, middle, degrees)]
        both("GEOSEARCH", "g", "BYPOLYGON", 5, *corners, "ASC", "WITHDIST")
    both("GEOSEARCHSTORE", "to", "g", *start, *shape, "km", "STOREDIST")
    both("ZRANGE", "to", 0, -1, "WITHSCORES")


def test_the_journal_gets_scores_for_places(client: Connection):
    client.call("GEOADD", "g", "NX", "13.361389", "38.115556", "palermo")
    assert client.call("ZSCORE", "g", "palermo") == b"3479099956230698"
    assert client.call("GEOADD", "g", "NX", "CH", "1", "1", "palermo") == 0
    assert client.call("ZSCORE", "g", "palermo") == b"3479099956230698"


def test_scores_that_are_no_places_do_no_harm(client: Connection):
    client.call("ZADD", "z", "-5", "a", "1e17", "b", "inf", "c", "-inf", "d", "1.5", "e")
    assert len(client.call("GEOPOS", "z", *"abcde")) == 5
    assert len(client.call("GEOHASH", "z", *"abcde")) == 5
    for member in "abcde":
        assert client.call("GEODIST", "z", member, "a") is not None
        client.call("GEOSEARCH", "z", "FROMMEMBER", member, "BYRADIUS", "1e9", "km")
    assert client.call("PING") == "PONG"
