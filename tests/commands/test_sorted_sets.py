"""Sorted sets: what a transcript cannot say."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.oracles import Server
from tests.wire import NULL_ARRAY, Connection, Error


@pytest.fixture
def client(ours: Server):
    with ours.connect() as connection:
        connection.call("FLUSHALL")
        yield connection


def fill(client: Connection, key: str, count: int) -> None:
    pairs = [part for number in range(count) for part in (str(number), f"m{number}")]
    assert client.call("ZADD", key, *pairs) == count


def wait_for_blocked(client: Connection, count: int) -> None:
    while f"blocked_clients:{count}\r" not in client.call("INFO", "clients").decode():
        pass


@pytest.mark.parametrize("count", [10, 1000])
def test_random_members_are_as_many_and_as_different_as_asked(client: Connection, count: int):
    fill(client, "z", count)
    members = {f"m{number}".encode() for number in range(count)}
    assert client.call("ZRANDMEMBER", "z") in members
    chosen = client.call("ZRANDMEMBER", "z", "5")
    assert len(set(chosen)) == 5
    assert set(chosen) <= members
    assert set(client.call("ZRANDMEMBER", "z", str(count + 5))) == members
    again = client.call("ZRANDMEMBER", "z", "-3000", "WITHSCORES")
    assert len(again) == 6000
    assert all(member == b"m" + score for member, score in zip(*[iter(again)] * 2, strict=True))
    assert len(Counter(again[::2])) > 9


def test_a_reply_of_endless_random_members_is_refused(client: Connection):
    fill(client, "z", 3)
    assert client.call("ZRANDMEMBER", "z", "-9223372036854775807") == Error(
        "ERR value is out of range"
    )
    assert client.call("ZCARD", "z") == 3


@pytest.mark.parametrize("count", [100, 3000])
def test_a_whole_scan_finds_every_member_while_scores_change(client: Connection, count: int):
    fill(client, "z", count)
    cursor, found = b"0", []
    while True:
        cursor, items = client.call("ZSCAN", "z", cursor, "COUNT", "50")
        found += items[::2]
        client.call("ZINCRBY", "z", "1000000", found[-1])
        client.call("ZINCRBY", "z", "-1000000", f"m{len(found) % count}")
        if cursor == b"0":
            break
    assert {f"m{number}".encode() for number in range(count)} <= set(found)


def test_limits_for_the_packed_form_are_live(client: Connection):
    fill(client, "z", 100)
    assert client.call("OBJECT", "ENCODING", "z") == b"listpack"
    assert client.call("CONFIG", "SET", "zset-max-listpack-entries", "100") == "OK"
    assert client.call("ZADD", "z", "5", "m5") == 0
    assert client.call("OBJECT", "ENCODING", "z") == b"listpack"
    assert client.call("ZADD", "z", "5", "one more") == 1
    assert client.call("OBJECT", "ENCODING", "z") == b"skiplist"
    assert client.call("CONFIG", "SET", "zset-max-listpack-entries", "128") == "OK"
    assert client.call("ZRANGESTORE", "part", "z", "0", "9") == 10
    assert client.call("OBJECT", "ENCODING", "part") == b"listpack"


def test_storing_into_an_input_reads_it_first(client: Connection):
    client.call("ZADD", "a", "1", "x", "2", "y")
    client.call("SADD", "s", "y", "z")
    assert client.call("ZUNIONSTORE", "a", "2", "a", "a", "WEIGHTS", "1", "10") == 2
    assert client.call("ZRANGE", "a", "0", "-1", "WITHSCORES") == [b"x", b"11", b"y", b"22"]
    assert client.call("ZRANGESTORE", "a", "a", "5", "9") == 0
    assert client.call("EXISTS", "a") == 0


def test_a_long_range_goes_and_the_rest_stays(client: Connection):
    fill(client, "z", 20_000)
    assert client.call("ZREMRANGEBYRANK", "z", "5", "-6") == 19_990
    assert client.call("ZRANGE", "z", "0", "-1") == [
        f"m{number}".encode() for number in (*range(5), *range(19_995, 20_000))
    ]
    assert client.call("ZREMRANGEBYSCORE", "z", "-inf", "+inf") == 10
    assert client.call("EXISTS", "z") == 0


def test_an_expiry_ends_with_a_store_and_outlives_an_edit(client: Connection):
    fill(client, "z", 3)
    client.call("EXPIRE", "z", "1000")
    client.call("ZADD", "z", "9", "new")
    assert client.call("TTL", "z") > 0
    client.call("ZUNIONSTORE", "z", "1", "z")
    assert client.call("TTL", "z") == -1


@pytest.mark.parametrize(
    ("setup", "wake"),
    [
        ("", "ZADD z 1 a"),
        ("", "ZINCRBY z 1 a"),
        ("", "GEOADD z 0 0 a"),
        ("ZADD y 1 a", "RENAME y z"),
        ("SADD y a", "ZUNIONSTORE z 1 y"),
        ("ZADD y 1 a", "ZRANGESTORE z y 0 -1"),
        ("ZADD y 1 a", "COPY y z"),
    ],
)
def test_whatever_makes_a_sorted_set_wakes_who_waits(
    ours: Server, client: Connection, setup: str, wake: str
):
    if setup:
        client.call(*setup.split())
    with ours.connect() as waiting:
        waiting.send("BZPOPMIN", "none", "z", "0")
        wait_for_blocked(client, 1)
        client.call(*wake.split())
        assert waiting.receive()[:2] == [b"z", b"a"]
        assert client.call("EXISTS", "z") == 0


def test_who_waits_longest_is_served_first(ours: Server, client: Connection):
    count = 0
    with ours.connect() as first, ours.connect() as second, ours.connect() as third:
        for waiting, command in (
            (first, "BZPOPMIN z 0"),
            (second, "BZMPOP 0 2 other z MAX COUNT 2"),
            (third, "BZPOPMAX z 0"),
        ):
            waiting.send(*command.split())
            count += 1
            wait_for_blocked(client, count)
        client.call("ZADD", "z", "1", "a", "2", "b", "3", "c", "4", "d")
        assert first.receive() == [b"z", b"a", b"1"]
        assert second.receive() == [b"z", [[b"d", b"4"], [b"c", b"3"]]]
        assert third.receive() == [b"z", b"b", b"2"]
    assert client.call("EXISTS", "z") == 0


def test_nothing_waits_inside_a_transaction(client: Connection):
    client.call("MULTI")
    client.call("BZPOPMIN", "z", "0")
    client.call("BZMPOP", "0", "1", "z", "MIN")
    client.call("ZADD", "z", "1", "a")
    client.call("BZPOPMAX", "z", "0")
    replies = client.call("EXEC")
    assert replies[2:] == [1, [b"z", b"a", b"1"]]
    assert [reply is NULL_ARRAY for reply in replies[:2]] == [True, True]


def test_what_a_limit_skips_is_not_looked_at_where_scores_differ(
    client: Connection, valkey91: Server
):
    with valkey91.connect() as oracle:
        for connection in (client, oracle):
            connection.call("DEL", "z")
            connection.call("ZADD", "z", "-1", "2", "-1", "a", "-1", "e", "2", "1", "9", "d")
        for words in ("ZREVRANGEBYLEX z (e (b LIMIT 2 10", "ZRANGEBYLEX z [2 [b LIMIT 2 9"):
            assert client.call(*words.split()) == oracle.call(*words.split())


def test_a_key_of_another_kind_that_came_meanwhile_fails_the_wait(ours: Server, client: Connection):
    with ours.connect() as waiting:
        waiting.send("BZPOPMIN", "first", "z", "0")
        wait_for_blocked(client, 1)
        client.call("SADD", "first", "x")
        client.call("ZADD", "z", "1", "a")
        assert str(waiting.receive()).startswith("WRONGTYPE")
        assert client.call("ZCARD", "z") == 1
