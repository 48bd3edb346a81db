"""StackExchange.Redis (C#), as far as a raw socket can stand in for it.

.NET is not asked of a machine that runs the tests. What that client needs of a server, before it
lets anybody send a command, is its handshake: who it is, how the server is configured, whether
it is a replica, a sentinel or part of a cluster, which server breaks ties between masters; and a
second connection that subscribes. It pipelines all that and drops a server whose answers it
cannot read, so they must have the shape that Redis gives them.
"""

from __future__ import annotations

import re
import uuid

import pytest

from tests.oracles import Server

HANDSHAKE = [
    ["CLIENT", "SETNAME", "WEB01(SE.Redis-v2.8.41)"],
    ["CLIENT", "ID"],
    ["CONFIG", "GET", "timeout"],
    ["CONFIG", "GET", "replica-read-only"],
    ["CONFIG", "GET", "slave-read-only"],
    ["CONFIG", "GET", "databases"],
    ["SENTINEL", "MASTERS"],
    ["GET", "__Booksleeve_TieBreak"],
    ["PING"],
]


def shape(reply: object) -> object:
    """A reply as two servers must agree on it: numbers of clients are their own affair."""
    return "an integer" if type(reply) is int else reply


@pytest.mark.parametrize("protocol", [2, 3])
def test_the_handshake_is_answered_as_redis_answers_it(
    ours: Server, redis70: Server, protocol: int
):
    answers = []
    for server in (ours, redis70):
        with server.connect(protocol) as client:
            answers.append([repr(shape(client.call(*command))) for command in HANDSHAKE])
    assert dict(zip(map(tuple, HANDSHAKE), answers[0], strict=True)) == dict(
        zip(map(tuple, HANDSHAKE), answers[1], strict=True)
    )


def test_it_hears_that_this_is_no_cluster(ours: Server, redis70: Server):
    with ours.connect() as mine, redis70.connect() as real:
        assert mine.call("CLUSTER", "NODES") == real.call("CLUSTER", "NODES")


@pytest.mark.parametrize("protocol", [2, 3])
def test_it_finds_in_info_what_it_looks_for(ours: Server, protocol: int):
    with ours.connect(protocol) as client:
        replication = bytes(client.call("INFO", "replication")).decode()
        server = bytes(client.call("INFO", "server")).decode()
    assert re.search(r"^role:master\r$", replication, re.M)
    assert re.search(r"^redis_version:\d+\.\d+\.\d+\r$", server, re.M)
    assert re.search(r"^redis_mode:standalone\r$", server, re.M)
    assert re.search(r"^run_id:[0-9a-f]{40}\r$", server, re.M)


@pytest.mark.parametrize("protocol", [2, 3])
def test_the_tracer_comes_back_byte_for_byte(ours: Server, protocol: int):
    identity = uuid.UUID("00ff0d0a-8081-4000-8000-0a0d00ff0102").bytes
    with ours.connect(protocol) as client:
        assert bytes(client.call("ECHO", identity)) == identity
        assert client.call("CLIENT", "SETINFO", "lib-name", "SE.Redis") == "OK"
        assert client.call("CLIENT", "SETINFO", "lib-ver", "2.8.41") == "OK"
        listing = bytes(client.call("CLIENT", "INFO"))
        assert b"lib-name=SE.Redis lib-ver=2.8.41" in listing


@pytest.mark.parametrize("protocol", [2, 3])
def test_the_subscriber_hears_of_a_new_master(ours: Server, redis70: Server, protocol: int):
    heard = [announce(server, protocol) for server in (ours, redis70)]
    assert heard[0] == heard[1]


def announce(server: Server, protocol: int) -> list[str]:
    """What the subscription connection reads: subscribed, the message, its way to keep alive."""
    with server.connect(protocol) as listener, server.connect() as other:
        listener.send("SUBSCRIBE", "__Booksleeve_MasterChanged")
        replies = [listener.receive()]
        assert other.call("PUBLISH", "__Booksleeve_MasterChanged", "*") == 1
        replies.append(listener.receive())
        listener.send("PING")
        replies.append(listener.receive())
        listener.send("UNSUBSCRIBE", "a channel it never asked for")
        replies.append(listener.receive())
        return [repr(reply) for reply in replies]
