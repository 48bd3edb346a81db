"""SORT and SORT_RO, through a socket, beside Valkey."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.oracles import Server
from tests.store import Store
from tests.wire import Connection

NUMBERS = ("RPUSH", "numbers", "3", "1", "2", "10", "-5", "1.0", "01", "+1", "2e0")
WORDS = ("RPUSH", "words", "pear", "fig", "apple", "", "fig", "kiwi", "1")
SCORED = ("ZADD", "scored", "2", "b", "1", "a", "2", "bb", "inf", "z", "-inf", "y")
MEMBERS = ("SADD", "members", "pear", "fig", "apple", "kiwi", "4")
PREPARED: tuple[tuple[str, ...], ...] = (
    NUMBERS,
    WORDS,
    SCORED,
    MEMBERS,
    ("SADD", "integers", "3", "20", "100"),
    ("SET", "string", "value"),
    ("MSET", "w:1", "7", "w:2", "-1", "w:fig", "inf", "w:b", "0", "w:a", "-0", "w:pear", "0.5"),
    ("HSET", "h:1", "rank", "9", "->", "odd", "a->b", "nested"),
    ("HSET", "h:fig", "rank", "2"),
    ("HSET", "h:pear", "rank", "1"),
    ("SET", "h:2", "no hash"),
)


@pytest.fixture(scope="module")
def pair(server: Server, valkey91: Server) -> Iterator[tuple[Connection, Connection]]:
    with server.connect() as ours, valkey91.connect() as theirs:
        yield ours, theirs


def both(pair: tuple[Connection, Connection], *words: str | bytes | int) -> Any:
    """The reply, which is the same from both servers."""
    ours, theirs = (one.call(*words) for one in pair)
    assert repr(ours) == repr(theirs), words
    return ours


@pytest.fixture
def filled(pair: tuple[Connection, Connection]) -> tuple[Connection, Connection]:
    both(pair, "FLUSHALL")
    for line in PREPARED:
        both(pair, *line)
    return pair


@pytest.mark.parametrize(
    "options",
    [
        "",
        "DESC",
        "DESC ASC",
        "LIMIT 1 2",
        "LIMIT -3 2",
        "LIMIT 2 -1",
        "LIMIT 2 0",
        "LIMIT 50 2",
        "LIMIT 9223372036854775807 9223372036854775807",
        "LIMIT -9223372036854775808 9223372036854775807",
        "ALPHA",
        "alpha desc",
        "BY w:*",
        "BY w:* DESC",
        "BY h:*->rank",
        "BY h:*->rank ALPHA DESC",
        "BY h:*->",
        "BY nosort",
        "BY nosort DESC LIMIT 1 2",
        "BY nosort LIMIT 1 -1",
        "BY w:* BY nosort",
        "BY nosort BY w:*",
        "BY #",
        "ALPHA GET # GET w:* GET h:*->rank GET h:*->a->b GET h:*->-> GET w:1 GET ##",
        "GET",
        "BY",
        "STORE",
        "LIMIT 1",
        "LIMIT a b",
        "LIMIT 1 b NOSUCH",
        "NOSUCH LIMIT a b",
        "ALPHA NOSUCH",
    ],
)
@pytest.mark.parametrize("key", ["numbers", "words", "scored", "string", "missing"])
def test_replies_are_those_of_valkey(filled: tuple[Connection, Connection], key: str, options: str):
    for command in ("SORT", "SORT_RO"):
        both(filled, command, key, *options.split())
    reply = both(filled, "SORT", key, *options.split(), "STORE", "stored")
    both(filled, "LRANGE", "stored", 0, -1)
    both(filled, "EXISTS", "stored")
    assert "syntax" in str(both(filled, "SORT_RO", key, "STORE", "stored")), reply


def test_a_set_is_stored_in_the_order_of_its_bytes(filled: tuple[Connection, Connection]):
    for key in ("members", "integers"):
        for options in ("", "DESC", "LIMIT 1 2", "GET #", "GET w:* GET #"):
            both(filled, "SORT", key, "BY", "nosort", *options.split(), "STORE", "stored")
            both(filled, "LRANGE", "stored", 0, -1)
        both(filled, "SORT", key, "ALPHA")
    both(filled, "SORT", "integers", "BY", "nosort")
    both(filled, "SORT", "integers", "BY", "nosort", "DESC", "LIMIT", 1, 5)
    assert set(filled[0].call("SORT", "members", "BY", "nosort")) == {
        member.encode() for member in MEMBERS[2:]
    }


def test_scores_are_read_as_valkey_reads_them(pair: tuple[Connection, Connection]):
    texts = (
        "inf +inf -Infinity nan 1. .5 +.5 1e5 0x10 1e400 1e-400 4e-324 -0 1_0 --1 . + - e1 "
        "123456789012345678901234567890 9223372036854775808 0e-999"
    ).split()
    for text in (*texts, "", " 1", "1 ", "1\n", "1\0", "\0", "1\0x"):
        both(pair, "DEL", "list", "w:1")
        both(pair, "RPUSH", "list", text, "0.25", "7")
        both(pair, "SET", "w:7", text)
        both(pair, "SORT", "list")
        both(pair, "DEL", "list")
        both(pair, "RPUSH", "list", "7", "1", "2")
        both(pair, "SORT", "list", "BY", "w:*", "DESC")


def test_a_zero_byte_ends_what_is_compared_for_a_reply(pair: tuple[Connection, Connection]):
    both(pair, "DEL", "list")
    both(pair, "RPUSH", "list", b"a\0b", b"b", b"a\0a", b"\xff", b"a", b"B")
    both(pair, "MSET", b"w:a", b"x\0b", b"w:b", b"x\0a", b"w:B", b"x")
    for options in ("ALPHA", "ALPHA DESC", "ALPHA BY w:*", "ALPHA DESC BY w:*"):
        both(pair, "SORT", "list", *options.split())
        both(pair, "SORT", "list", *options.split(), "STORE", "stored")
        both(pair, "LRANGE", "stored", 0, -1)


def test_an_error_leaves_the_destination_as_it_was(filled: tuple[Connection, Connection]):
    for key in ("words", "string"):
        assert str(both(filled, "SORT", key, "STORE", "numbers")).split()[0] in "ERR WRONGTYPE"
    assert both(filled, "LLEN", "numbers") == len(NUMBERS) - 2


def test_the_destination_may_be_the_source_or_of_another_type(
    filled: tuple[Connection, Connection],
):
    for destination in ("words", "scored", "string"):
        both(filled, "EXPIRE", destination, 1000)
        both(filled, "SORT", "words", "ALPHA", "STORE", destination)
        both(filled, "LRANGE", destination, 0, -1)
        assert both(filled, "TTL", destination) == -1


@pytest.mark.parametrize("limit", [-1, -2, 4, 100])
def test_what_is_stored_has_the_encoding_of_a_list(pair: tuple[Connection, Connection], limit: int):
    both(pair, "CONFIG", "SET", "list-max-listpack-size", limit)
    try:
        for count in (1, 4, 5, 100, 101, 3000):
            both(pair, "DEL", "source")
            both(pair, "SADD", "source", *range(count))
            both(pair, "SORT", "source", "STORE", "stored")
            both(pair, "OBJECT", "ENCODING", "stored")
    finally:
        both(pair, "CONFIG", "SET", "list-max-listpack-size", -2)


def events_of(server: Server, lines: list[list[str]]) -> list[tuple[bytes, bytes]]:
    """What a subscriber hears of the commands, and last how many keys were found."""
    with server.connect() as client, server.connect() as subscriber:
        client.call("FLUSHALL")
        for prepared in PREPARED:
            client.call(*prepared)
        client.call("CONFIG", "SET", "notify-keyspace-events", "AEmn")
        subscriber.call("PSUBSCRIBE", "__keyevent*", "end")
        client.call("CONFIG", "RESETSTAT")
        for line in lines:
            client.call(*line)
        counts = re.findall(rb"keyspace_(hits|misses):(\d+)", client.call("INFO", "stats"))
        client.call("CONFIG", "SET", "notify-keyspace-events", "")
        client.call("PUBLISH", "end", "end")
        heard: list[tuple[bytes, bytes]] = []
        while True:
            message = subscriber.receive()
            if message[0] == b"pmessage":
                if message[2] == b"end":
                    return heard + counts
                heard.append((message[2], message[3]))


def test_events_are_those_of_valkey(server: Server, valkey91: Server):
    lines = [
        line.split()
        for line in (
            "SORT numbers BY w:* GET h:*->rank",
            "SORT missing",
            "SORT numbers STORE string",
            "SORT numbers STORE new",
            "SORT missing STORE new",
            "SORT missing STORE new",
            "SORT numbers LIMIT 50 1 STORE string",
            "SORT words STORE string",
            "SORT words BY w:* LIMIT 0 1",
            "SORT words BY nosort GET w:* STORE numbers",
        )
    ]
    heard = events_of(server, lines)
    assert (b"__keyevent@0__:sortstore", b"new") in heard
    assert heard == events_of(valkey91, lines)


def test_keys_are_found_where_valkey_finds_them(pair: tuple[Connection, Connection]):
    for line in (
        "SORT a",
        "SORT a BY b* GET c* STORE d ALPHA",
        "SORT a STORE d STORE e",
        "SORT a GET STORE b STORE c",
        "SORT a LIMIT 1 STORE d",
        "SORT a STORE get STORE d",
        "SORT a STORE",
        "SORT_RO a STORE d",
    ):
        both(pair, "COMMAND", "GETKEYS", *line.split())
        both(pair, "COMMAND", "GETKEYSANDFLAGS", *line.split())


def test_long_random_collections_sort_like_valkeys(pair: tuple[Connection, Connection]):
    generator = random.Random(5)
    both(pair, "FLUSHALL")
    for number in range(0, 600, 3):
        both(pair, "SET", f"w:{number}", generator.randrange(50))
        both(pair, "HSET", f"h:{number}", "f", repr(generator.random()))
    for _ in range(40):
        elements = [generator.randrange(600) for _ in range(generator.randrange(1, 400))]
        both(pair, "DEL", "key")
        if generator.random() < 0.5:
            both(pair, "RPUSH", "key", *elements)
        else:
            pairs = [part for one in elements for part in (generator.randrange(20), one)]
            both(pair, "ZADD", "key", *pairs)
        options: list[str | int] = []
        by = generator.choice(("", "", "w:*", "h:*->f", "nosort"))
        options += ["BY", by] if by else []
        options += generator.choice(([], ["DESC"]))
        # Texts that are equal have no order of their own once LIMIT is given.
        options += ["ALPHA"] if by in ("", "nosort") and generator.random() < 0.3 else []
        if generator.random() < 0.6:
            options += ["LIMIT", generator.randrange(-5, 300), generator.randrange(-2, 50)]
        options += generator.choice(([], ["GET", "w:*", "GET", "#"], ["GET", "h:*->f"]))
        both(pair, "SORT", "key", *options)
        both(pair, "SORT", "key", *options, "STORE", "stored")
        both(pair, "LRANGE", "stored", 0, -1)


def test_who_waits_for_the_destination_gets_an_element(server: Server):
    with server.connect() as waiting, server.connect() as client:
        client.call("FLUSHALL")
        client.call("RPUSH", "numbers", 3, 1, 2)
        waiting.send("BLPOP", "stored", 0)
        while b"blocked_clients:0\r\n" in client.call("INFO", "clients"):
            pass
        assert client.call("SORT", "numbers", "STORE", "stored") == 3
        assert waiting.receive() == [b"stored", b"1"]
        assert client.call("LRANGE", "stored", 0, -1) == [b"2", b"3"]


def test_what_has_expired_is_no_weight_and_not_returned(store: Store):
    store("RPUSH", "numbers", 1, 2)
    store("SET", "w:1", 5, "PX", 10)
    assert store("SORT", "numbers", "BY", "w:*", "GET", "w:*") == [None, b"5"]
    store.engine.advance_clock(11)
    assert store("SORT", "numbers", "BY", "w:*", "GET", "w:*") == [None, None]
    assert store("SORT", "numbers", "BY", "w:*") == [b"1", b"2"]


def test_nulls_are_those_of_the_protocol(server: Server, valkey91: Server):
    replies = []
    for one in (server, valkey91):
        with one.connect(3) as client:
            client.call("FLUSHALL")
            client.call("RPUSH", "numbers", 1)
            replies.append(repr(client.call("SORT", "numbers", "GET", "w:*", "GET", "#")))
    assert replies[0] == replies[1]
