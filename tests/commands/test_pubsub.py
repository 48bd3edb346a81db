"""Publish/subscribe over sockets: who hears what, in which order and under which limits."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.oracles import Server
from tests.wire import NULL, NULL3, Connection, Error, Push, Status, WireError

RESP2_ONLY = (
    "ERR Can't execute '{}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are "
    "allowed in this context"
)


@pytest.fixture
def publisher(server: Server) -> Iterator[Connection]:
    with server.connect() as connection:
        yield connection


@pytest.fixture(params=[2, 3])
def protocol(request: pytest.FixtureRequest) -> int:
    number: int = request.param
    return number


@pytest.fixture
def subscriber(server: Server, protocol: int) -> Iterator[Connection]:
    with server.connect(protocol) as connection:
        yield connection


def information(connection: Connection, section: str) -> dict[str, str]:
    text = connection.call("INFO", section).decode()
    return dict(line.split(":", 1) for line in text.splitlines() if ":" in line)


def heard(connection: Connection, count: int) -> list[list[Any]]:
    return [list(connection.receive()) for _ in range(count)]


def subscribe(connection: Connection, *words: str) -> list[list[Any]]:
    """Sends (P|S)(UN)SUBSCRIBE and returns its confirmations, one for each name."""
    connection.send(*words)
    return heard(connection, max(1, len(words) - 1))


# Listening


def test_confirmations_count_channels_and_patterns_together(subscriber: Connection):
    assert subscribe(subscriber, "SUBSCRIBE", "a", "b", "a") == [
        [b"subscribe", b"a", 1],
        [b"subscribe", b"b", 2],
        [b"subscribe", b"a", 2],
    ]
    assert subscribe(subscriber, "PSUBSCRIBE", "c*") == [[b"psubscribe", b"c*", 3]]
    assert subscribe(subscriber, "SSUBSCRIBE", "a") == [[b"ssubscribe", b"a", 1]]
    assert subscribe(subscriber, "UNSUBSCRIBE", "a", "z") == [
        [b"unsubscribe", b"a", 2],
        [b"unsubscribe", b"z", 2],
    ]


def test_leaving_all_names_each_and_nothing_is_null(subscriber: Connection, protocol: int):
    subscribe(subscriber, "PSUBSCRIBE", "a", "b", "c")
    subscriber.send("PUNSUBSCRIBE")
    left = heard(subscriber, 3)
    assert {name for _, name, _ in left} == {b"a", b"b", b"c"}
    assert [count for _, _, count in left] == [2, 1, 0]
    null = NULL if protocol == 2 else NULL3
    for word in ("PUNSUBSCRIBE", "UNSUBSCRIBE", "SUNSUBSCRIBE"):
        assert subscribe(subscriber, word) == [[word.lower().encode(), null, 0]]


def test_messages_come_by_channel_and_by_each_matching_pattern(
    subscriber: Connection, publisher: Connection, protocol: int
):
    subscribe(subscriber, "SUBSCRIBE", "news.art")
    subscribe(subscriber, "PSUBSCRIBE", "news.*", "n?ws.[ab]rt", "sport.*")
    assert publisher.call("PUBLISH", "news.art", "one") == 3
    first, *others = [subscriber.receive() for _ in range(3)]
    assert type(first) is (list if protocol == 2 else Push)
    assert first == [b"message", b"news.art", b"one"]
    assert sorted(others) == [
        [b"pmessage", b"n?ws.[ab]rt", b"news.art", b"one"],
        [b"pmessage", b"news.*", b"news.art", b"one"],
    ]
    assert publisher.call("PUBLISH", "sport", "two") == 0


def test_shard_channels_are_a_world_of_their_own(subscriber: Connection, publisher: Connection):
    subscribe(subscriber, "SSUBSCRIBE", "a")
    assert publisher.call("PUBLISH", "a", "no") == 0
    assert publisher.call("SPUBLISH", "a", "yes") == 1
    assert heard(subscriber, 1) == [[b"smessage", b"a", b"yes"]]
    subscribe(subscriber, "SUNSUBSCRIBE")
    assert publisher.call("SPUBLISH", "a", "nobody") == 0


def test_messages_keep_their_order_and_their_bytes(subscriber: Connection, publisher: Connection):
    subscribe(subscriber, "SUBSCRIBE", "bytes")
    messages = [b"", b"\r\n$1\r\nx\r\n", bytes(range(256)), b"x" * 100_000, b"last"]
    publisher.pipeline([["PUBLISH", "bytes", message] for message in messages])
    assert [message for _, _, message in heard(subscriber, 5)] == messages


def test_introspection_counts_listeners(publisher: Connection, server: Server):
    with server.connect(3) as one, server.connect() as two:
        subscribe(one, "SUBSCRIBE", "a1", "a2")
        subscribe(two, "SUBSCRIBE", "a1")
        subscribe(one, "PSUBSCRIBE", "p*", "q*")
        subscribe(two, "PSUBSCRIBE", "p*")
        subscribe(one, "SSUBSCRIBE", "s1")
        assert sorted(publisher.call("PUBSUB", "CHANNELS")) == [b"a1", b"a2"]
        assert publisher.call("PUBSUB", "CHANNELS", "*2") == [b"a2"]
        assert publisher.call("PUBSUB", "NUMSUB", "a1", "no") == [b"a1", 2, b"no", 0]
        assert publisher.call("PUBSUB", "NUMSUB") == []
        assert publisher.call("PUBSUB", "NUMPAT") == 2
        assert publisher.call("PUBSUB", "SHARDCHANNELS") == [b"s1"]
        assert publisher.call("PUBSUB", "SHARDNUMSUB", "s1", "a1") == [b"s1", 1, b"a1", 0]
        assert publisher.call("PUBSUB", "CHANNELS", "a", "b") == Error(
            "ERR unknown subcommand or wrong number of arguments for 'CHANNELS'. Try PUBSUB HELP."
        )
        stats, clients = information(publisher, "stats"), information(publisher, "clients")
        assert [stats[f"pubsub{of}"] for of in ("_channels", "_patterns", "shard_channels")] == [
            "2",
            "2",
            "1",
        ]
        assert clients["pubsub_clients"] == "2"
        line = publisher.call("CLIENT", "LIST", "ID", one.call("CLIENT", "ID")).decode()
        assert " flags=P " in line
        assert " sub=2 psub=2 ssub=1 " in line
    while information(publisher, "clients")["pubsub_clients"] != "0":
        pass
    assert publisher.call("PUBSUB", "CHANNELS") == []
    assert publisher.call("PUBSUB", "NUMPAT") == 0


# What a subscriber may do


def test_a_resp2_subscriber_may_do_little(server: Server):
    with server.connect() as connection:
        subscribe(connection, "SUBSCRIBE", "a")
        for command, name in ((["GET", "k"], "get"), (["CLIENT", "ID"], "client|id")):
            assert connection.call(*command) == Error(RESP2_ONLY.format(name))
        assert connection.call("PING") == [b"pong", b""]
        assert connection.call("PING", "hello") == [b"pong", b"hello"]
        assert connection.call("GET") == Error("ERR wrong number of arguments for 'get' command")
        subscribe(connection, "UNSUBSCRIBE")
        assert connection.call("GET", "k") is NULL
        assert connection.call("PING") == Status("PONG")


def test_a_resp3_subscriber_may_do_everything(server: Server):
    with server.connect(3) as connection:
        subscribe(connection, "SUBSCRIBE", "a")
        assert connection.call("PING") == Status("PONG")
        assert connection.call("GET", "k") is NULL3
        # Its own message follows the reply.
        connection.send("PUBLISH", "a", "me")
        assert [connection.receive(), connection.receive()] == [1, [b"message", b"a", b"me"]]
        connection.call("HELLO", "2")
        assert connection.call("GET", "k") == Error(RESP2_ONLY.format("get"))


def test_reset_leaves_all_without_a_word(subscriber: Connection, publisher: Connection):
    subscribe(subscriber, "SUBSCRIBE", "reset")
    subscribe(subscriber, "PSUBSCRIBE", "reset*")
    assert subscriber.call("RESET") == Status("RESET")
    assert publisher.call("PUBLISH", "reset", "x") == 0
    assert subscriber.call("GET", "k") is NULL


def test_inside_a_transaction_pushes_follow_its_reply(subscriber: Connection, protocol: int):
    commands = [["SUBSCRIBE", "a"], ["PUBLISH", "a", "x"], ["GET", "k"], ["UNSUBSCRIBE"]]
    subscriber.send("MULTI")
    for command in commands:
        subscriber.send(*command)
    subscriber.send("EXEC")
    assert subscriber.receive() == Status("OK")
    assert [subscriber.receive() for _ in commands] == [Status("QUEUED")] * 4
    confirmed, receivers, value, left = subscriber.receive()
    assert (list(confirmed), receivers) == ([b"subscribe", b"a", 1], 1)
    assert value is (NULL if protocol == 2 else NULL3)
    assert list(left) == [b"unsubscribe", b"a", 0]
    assert heard(subscriber, 1) == [[b"message", b"a", b"x"]]


def test_shards_are_not_subscribed_to_in_transactions(subscriber: Connection):
    subscriber.pipeline([["MULTI"], ["SSUBSCRIBE", "a"]])
    assert subscriber.call("EXEC") == [
        Error("ERR SSUBSCRIBE isn't allowed for a DENY BLOCKING client")
    ]


@pytest.mark.parametrize("mode", ["OFF", "SKIP"])
def test_pushes_are_heard_although_replies_are_silenced(
    subscriber: Connection, publisher: Connection, mode: str
):
    subscriber.send("CLIENT", "REPLY", mode)
    assert subscribe(subscriber, "SUBSCRIBE", "quiet") == [[b"subscribe", b"quiet", 1]]
    publisher.call("PUBLISH", "quiet", "x")
    assert heard(subscriber, 1) == [[b"message", b"quiet", b"x"]]


def test_what_a_silenced_transaction_confirms_comes_before_its_own_messages(
    subscriber: Connection,
):
    subscriber.send("CLIENT", "REPLY", "OFF")
    for command in (["MULTI"], ["SUBSCRIBE", "a"], ["PUBLISH", "a", "x"], ["SUBSCRIBE", "b"]):
        subscriber.send(*command)
    subscriber.send("EXEC")
    assert heard(subscriber, 3) == [
        [b"subscribe", b"a", 1],
        [b"subscribe", b"b", 2],
        [b"message", b"a", b"x"],
    ]


# Who is closed


def test_subscribers_can_be_killed_by_type(subscriber: Connection, publisher: Connection):
    subscribe(subscriber, "SSUBSCRIBE", "a")
    assert publisher.call("CLIENT", "KILL", "TYPE", "normal") == 0
    assert publisher.call("CLIENT", "KILL", "TYPE", "pubsub") == 1
    with pytest.raises((WireError, OSError)):
        subscriber.receive()


def test_who_stops_reading_is_cut_off_and_others_miss_nothing(server: Server, protocol: int):
    message = b"m" * 50_000
    with (
        server.connect() as publisher,
        server.connect(protocol) as stalled,
        server.connect(protocol) as good,
    ):
        publisher.call("CONFIG", "SET", "client-output-buffer-limit", "pubsub 4mb 0 0")
        before = int(information(publisher, "stats")["client_output_buffer_limit_disconnections"])
        subscribe(stalled, "SUBSCRIBE", "flood")
        subscribe(good, "SUBSCRIBE", "flood")
        sent = 0
        # What the system's buffers take does not count.
        while publisher.call("PUBLISH", "flood", b"%08d" % sent + message) == 2:
            assert good.receive()[2] == b"%08d" % sent + message
            sent += 1
            assert sent < 2000, "nobody was cut off"
        assert good.receive()[2] == b"%08d" % sent + message
        assert publisher.call("PUBLISH", "flood", "end") == 1
        assert good.receive()[2] == b"end"
        after = int(information(publisher, "stats")["client_output_buffer_limit_disconnections"])
        assert after == before + 1
        publisher.call("CONFIG", "SET", "client-output-buffer-limit", "pubsub 32mb 8mb 60")


def test_the_soft_limit_cuts_off_after_its_seconds(server: Server):
    with server.connect() as publisher, server.connect() as stalled:
        publisher.call("CONFIG", "SET", "client-output-buffer-limit", "pubsub 0 1mb 1")
        subscribe(stalled, "SUBSCRIBE", "slow")
        while "omem=0 " in publisher.call("CLIENT", "LIST", "TYPE", "pubsub").decode():
            publisher.call("PUBLISH", "slow", b"x" * 1_000_000)
        publisher.pipeline([["PUBLISH", "slow", b"x" * 1_000_000]] * 3)
        began = time.monotonic()
        while publisher.call("PUBSUB", "NUMSUB", "slow") == [b"slow", 1]:
            assert time.monotonic() - began < 10
        assert time.monotonic() - began > 0.5
        publisher.call("CONFIG", "SET", "client-output-buffer-limit", "pubsub 32mb 8mb 60")
