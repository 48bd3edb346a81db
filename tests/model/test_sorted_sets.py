"""Sorted sets beside a dict that is sorted when somebody looks."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.oracles import Server
from tests.wire import Connection

Model = dict[bytes, float]

members = st.sampled_from([b"a", b"b", b"ab", b"", b"1", b"-7", b"10", b"x" * 70, b"\xff\x00"])
scores = st.sampled_from([0.0, 1.0, 2.0, -1.5, 3.25, 1e20, math.inf, -math.inf])
models = st.dictionaries(members, scores, min_size=1)
pairs = st.lists(st.tuples(scores, members), min_size=1, max_size=6)
ranks = st.integers(-12, 12)
limits = st.sampled_from([("128", "64"), ("0", "0"), ("3", "5")])

ordinary = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@pytest.fixture(scope="module")
def client(ours: Server):
    with ours.connect(protocol=3) as connection:
        yield connection
        connection.call("CONFIG", "SET", "zset-max-listpack-entries", "128")
        connection.call("CONFIG", "SET", "zset-max-listpack-value", "64")


def text(score: float) -> str:
    return repr(score)


def order(model: Model) -> list[tuple[bytes, float]]:
    return sorted(model.items(), key=lambda item: (item[1], item[0]))


def put(client: Connection, key: str, model: Model, form: tuple[str, str] = ("128", "64")) -> None:
    client.call("CONFIG", "SET", "zset-max-listpack-entries", form[0])
    client.call("CONFIG", "SET", "zset-max-listpack-value", form[1])
    client.call("DEL", key)
    for member, score in model.items():
        client.call("ZADD", key, text(score), member)


def entries(reply: Any) -> list[tuple[bytes, float]]:
    return [(member, float(score)) for member, score in reply]


def everything(client: Connection, key: str) -> list[tuple[bytes, float]]:
    return entries(client.call("ZRANGE", key, "0", "-1", "WITHSCORES"))


def allowed(condition: str, old: float | None, new: float) -> bool:
    if old is None:
        return condition != "XX"
    return {"NX": False, "GT": new > old, "LT": new < old}.get(condition, True)


@ordinary
@given(models, st.sampled_from(["", "NX", "XX", "GT", "LT"]), pairs, limits)
def test_zadd_matches_assignment(client, model, condition, new, form):
    put(client, "z", model, form)
    added = changed = 0
    for score, member in new:
        old = model.get(member)
        if allowed(condition, old, score):
            added += old is None
            changed += old is not None and old != score
            model[member] = score
    words = [part for score, member in new for part in (text(score), member)]
    reply = client.call("ZADD", "z", *([condition] if condition else []), "CH", *words)
    assert reply == added + changed
    assert everything(client, "z") == order(model)


@ordinary
@given(models, ranks, ranks, st.booleans(), limits)
def test_ranges_by_rank_are_slices(client, model, start, stop, reverse, form):
    put(client, "z", model, form)
    items = order(model)[::-1] if reverse else order(model)
    first = max(start + len(items), 0) if start < 0 else start
    last = stop + len(items) if stop < 0 else stop
    expected = items[first : max(last + 1, 0)]
    rev = ["REV"] if reverse else []
    reply = client.call("ZRANGE", "z", str(start), str(stop), *rev, "WITHSCORES")
    assert entries(reply) == expected
    assert client.call("ZRANGESTORE", "to", "z", str(start), str(stop), *rev) == len(expected)
    assert everything(client, "to") == sorted(expected, key=lambda item: (item[1], item[0]))
    if not reverse:
        assert client.call("ZREMRANGEBYRANK", "z", str(start), str(stop)) == len(expected)
        assert everything(client, "z") == [item for item in items if item not in expected]


@ordinary
@given(models, scores, scores, st.booleans(), st.booleans(), ranks, ranks, limits)
def test_ranges_by_score_are_filters(
    client, model, low, high, without_low, without_high, offset, count, form
):
    put(client, "z", model, form)

    def is_inside(score: float) -> bool:
        return (low < score or (low == score and not without_low)) and (
            score < high or (score == high and not without_high)
        )

    bounds = ("(" * without_low + text(low), "(" * without_high + text(high))
    expected = [item for item in order(model) if is_inside(item[1])]
    assert client.call("ZCOUNT", "z", *bounds) == len(expected)
    reply = client.call("ZRANGEBYSCORE", "z", *bounds, "WITHSCORES")
    assert entries(reply) == expected
    window = expected[offset:] if offset >= 0 else []
    window = window[:count] if count >= 0 else window
    limit = ("LIMIT", str(offset), str(count))
    reply = client.call("ZRANGE", "z", *bounds, "BYSCORE", *limit, "WITHSCORES")
    assert entries(reply) == window
    backwards = expected[::-1][offset:] if offset >= 0 else []
    backwards = backwards[:count] if count >= 0 else backwards
    reply = client.call("ZREVRANGEBYSCORE", "z", *bounds[::-1], *limit, "WITHSCORES")
    assert entries(reply) == backwards
    assert client.call("ZREMRANGEBYSCORE", "z", *bounds) == len(expected)
    assert everything(client, "z") == [item for item in order(model) if not is_inside(item[1])]


@ordinary
@given(st.sets(members, min_size=1), members, members, st.booleans(), st.booleans(), limits)
def test_ranges_by_member_compare_bytes(client, names, low, high, without_low, without_high, form):
    put(client, "z", dict.fromkeys(names, 0.0), form)

    def is_inside(member: bytes) -> bool:
        return (low < member or (low == member and not without_low)) and (
            member < high or (member == high and not without_high)
        )

    bounds = ((b"(" if without_low else b"[") + low, (b"(" if without_high else b"[") + high)
    expected = sorted(filter(is_inside, names))
    assert client.call("ZLEXCOUNT", "z", *bounds) == len(expected)
    assert client.call("ZRANGEBYLEX", "z", *bounds) == expected
    assert client.call("ZRANGE", "z", *bounds[::-1], "BYLEX", "REV") == expected[::-1]
    assert client.call("ZREMRANGEBYLEX", "z", *bounds) == len(expected)
    assert client.call("ZRANGE", "z", "0", "-1") == sorted(names - set(expected))


@ordinary
@given(models, members, limits)
def test_a_rank_is_a_place_in_the_order(client, model, member, form):
    put(client, "z", model, form)
    names = [name for name, _ in order(model)]
    expected = names.index(member) if member in model else None
    rank = client.call("ZRANK", "z", member)
    reverse = client.call("ZREVRANK", "z", member, "WITHSCORE")
    if expected is None:
        assert not isinstance(rank, int)
        assert not isinstance(reverse, list)
    else:
        assert rank == expected
        assert reverse[0] == len(names) - 1 - expected
        assert float(reverse[1]) == model[member]


@ordinary
@given(models, st.integers(0, 12), st.booleans(), limits)
def test_popping_takes_from_the_ends(client, model, count, high, form):
    put(client, "z", model, form)
    items = order(model)[::-1] if high else order(model)
    reply = client.call("ZPOPMAX" if high else "ZPOPMIN", "z", str(count))
    assert entries(reply) == items[:count]
    assert client.call("ZCARD", "z") == max(len(items) - count, 0)


def zero_for_nan(score: float) -> float:
    return 0.0 if math.isnan(score) else score


@ordinary
@given(
    st.lists(models, min_size=1, max_size=3),
    st.lists(scores, min_size=3, max_size=3),
    st.sampled_from(["SUM", "MIN", "MAX"]),
    limits,
)
def test_combining_matches_dictionaries(client, sets, weights, aggregate, form):
    for number, model in enumerate(sets):
        put(client, f"z{number}", model, form)
    keys = [f"z{number}" for number in range(len(sets))]
    weights = weights[: len(sets)]
    union: Model = {}
    # Scores meet in the order of the sets' sizes.
    for model, weight in sorted(zip(sets, weights, strict=True), key=lambda pair: len(pair[0])):
        for member, score in model.items():
            score = zero_for_nan(score * weight)
            if member in union:
                old = union[member]
                total = zero_for_nan(old + score)
                score = {"SUM": total, "MIN": min(old, score), "MAX": max(old, score)}[aggregate]
            union[member] = score
    common = set.intersection(*map(set, sets))
    options = ["WEIGHTS", *map(text, weights), "AGGREGATE", aggregate]
    count = str(len(sets))
    assert client.call("ZUNIONSTORE", "to", count, *keys, *options) == len(union)
    assert everything(client, "to") == order(union)
    reply = client.call("ZINTER", count, *keys, *options, "WITHSCORES")
    assert entries(reply) == order({name: union[name] for name in common})
    assert client.call("ZINTERCARD", count, *keys, "LIMIT", "2") == min(len(common), 2)
    others = set().union(*sets[1:])
    only = {name: score for name, score in sets[0].items() if name not in others}
    assert entries(client.call("ZDIFF", count, *keys, "WITHSCORES")) == order(only)
