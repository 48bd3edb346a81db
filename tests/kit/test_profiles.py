"""Profiles refuse what the server that they name does not have, in its words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rubellite import testing
from rubellite.errors import ReplyError
from rubellite.server.app import load_commands
from rubellite.spec.command import TABLE
from rubellite.spec.notation import Node, read
from rubellite.testing import IsolatedStore
from rubellite.testing.matching import matches
from rubellite.testing.profiles import commands_of, is_ours, parse
from rubellite.testing.since import KNOWN
from tests.oracles import Server
from tests.wire import Error

load_commands()


def test_a_profile_names_a_product_and_a_version():
    assert parse("redis:6.2") == ("redis", (6, 2))
    assert parse("Valkey:9.1.2") == ("valkey", (9, 1))


@pytest.mark.parametrize("text", ["", "redis", "redis:5.0", "valkey:6.2", "dragonfly:1.0"])
def test_an_unknown_profile_is_refused_with_all_that_there_are(text):
    with pytest.raises(ValueError, match=r"there are redis:6\.0, .*valkey:9\.1"):
        testing.open(text)


# Beside the real servers

_SUPPORTED = {"redis70": "redis:7.0", "redis82": "redis:8.2", "valkey91": "valkey:9.1"}


@pytest.fixture(params=_SUPPORTED)
def pair(request: pytest.FixtureRequest) -> Iterator[tuple[IsolatedStore, Server]]:
    real = request.getfixturevalue(request.param)
    with testing.open(_SUPPORTED[request.param]) as store:
        yield store, real


def test_commands_are_known_where_the_real_server_knows_them(pair):
    store, real = pair
    with real.connect() as connection:
        known = set(_documented(connection.call("COMMAND", "DOCS")))
    assert set(store.commands) == known & set(TABLE)


def test_commands_that_no_real_server_has_are_dated_by_a_version_of_ours(valkey91, redis82):
    known: set[str] = set()
    for real in (valkey91, redis82):
        with real.connect() as connection:
            known |= set(_documented(connection.call("COMMAND", "DOCS")))
    assert {name for name, entry in TABLE.items() if is_ours(entry)} == set(TABLE) - known


def _words(nodes: list[Node]) -> set[str]:
    found = set()
    for node in nodes:
        if node.kind == "word":
            found.add(node.name.strip('"'))
        found |= _words(node.children)
    return found


def _tokens(arguments: list[Any]) -> set[str]:
    found = set()
    for one in arguments:
        facts = dict(zip(one[::2], one[1::2], strict=True))
        if b"token" in facts:
            found.add(facts[b"token"].decode())
        found |= _tokens(facts.get(b"arguments", []))
    return found


def _documented(replies: list[Any]) -> dict[str, set[str]]:
    found = {}
    for name, facts in zip(replies[::2], replies[1::2], strict=True):
        named = dict(zip(facts[::2], facts[1::2], strict=True))
        found[name.decode()] = _tokens(named.get(b"arguments", []))
        found |= _documented(named.get(b"subcommands", []))
    return found


#: Where COMMAND DOCS of the real server says less or more than it does: BITOP's operations
#: and SKIPME's values are strings to Redis 7.0.
_LOOSE = {("redis70", "bitop"), ("redis70", "client|kill")}


def test_options_are_known_where_the_real_server_documents_them(pair):
    store, real = pair
    with real.connect() as connection:
        documented = _documented(connection.call("COMMAND", "DOCS"))
    different = {
        name: (_words(entry.syntax.nodes), documented[name])
        for name, entry in store.commands.items()
        if _words(entry.syntax.nodes) != documented[name] and (real.name, name) not in _LOOSE
    }
    assert different == {}


_NEWER = [
    "HEXPIRE h 1 FIELDS 1 f",
    "XACKDEL s g IDS 1 1-1",
    "CLIENT NO-TOUCH ON",
    "CLIENT SETINFO LIB-NAME x",
    "DELIFEQ key value",
    "SEXPIRE s 1 MEMBERS 1 m",
    "ZRANK z m WITHSCORE",
    "ZREVRANK z m WITHSCORE",
    "SET key value IFEQ old",
    "SET key value NX GET",
    "CLIENT KILL ID 1000 2000 SKIPME yes",
    "BITCOUNT string 0",
    "XRANGE s (5-1 +",
    "HSCAN h 0 NOVALUES",
    "ZSCAN z 0 NOSCORES",
    "XADD s KEEPREF * f v",
    "XADD s 5-* f v",
    "EXPIRE key 10 NX",
    "BITOP DIFF to a b",
    "GEOSEARCH g BYPOLYGON 3 1 1 2 2 3 1",
    "LPOP l 2",
    "CONFIG GET maxmemory hz",
    "INFO server clients",
    "ZADD z GT 1 m",
    "GETEX key PERSIST",
]


def test_what_is_newer_fails_as_it_does_on_the_real_server(pair):
    store, real = pair
    with real.connect() as connection:
        for line in _NEWER:
            # Some options are only looked at where there is a key.
            for prepare in ("FLUSHALL", "HSET h f v", "ZADD z 1 m", "SET string v"):
                connection.call(*prepare.split())
                store.call(*prepare.split())
            words = line.split()
            theirs = connection.call(*words)
            try:
                ours: object = store.call(*words)
            except ReplyError as problem:
                ours = problem
            failed = isinstance(theirs, Error), isinstance(ours, Exception)
            assert failed[0] == failed[1], (line, theirs, ours)
            if failed[0]:
                assert str(ours) == str(theirs), line


# Of servers that are not here

_OLDER = [
    ("redis:6.0", "GETEX key", "ERR unknown command 'GETEX'"),
    ("redis:6.0", "SET key value GET", "ERR syntax error"),
    ("redis:6.0", "SET key value EXAT 99999999999", "ERR syntax error"),
    ("redis:6.0", "LPOP key 2", "ERR wrong number of arguments for 'lpop' command"),
    ("redis:6.0", "XRANGE s (5-1 +", "ERR Invalid stream ID"),
    ("redis:6.2", "XADD s MAXLEN ~ 10 5-* f v", "ERR Invalid stream ID"),
    ("valkey:7.2", "CLIENT KILL ID 1000 2000", "ERR syntax error"),
    ("redis:6.0", "ZADD z GT 1 m", "ERR syntax error"),
    ("redis:6.0", "ZRANGE z 0 -1 REV", "ERR syntax error"),
    ("redis:6.0", "XADD s NOMKSTREAM * f v", "ERR Invalid stream ID"),
    ("redis:6.2", "EXPIRE key 10 NX", "ERR wrong number of arguments for 'expire' command"),
    ("redis:6.2", "SET key value NX GET", "ERR syntax error"),
    ("redis:6.2", "CONFIG SET hz 10 timeout 0", "ERR wrong number of arguments"),
    ("redis:6.2", "BITCOUNT key 0 1 BIT", "ERR syntax error"),
    ("redis:6.2", "EVAL_RO return 0", "ERR unknown command 'EVAL_RO'"),
    ("redis:7.2", "HEXPIRE h 1 FIELDS 1 f", "ERR unknown command 'HEXPIRE'"),
    ("redis:7.4", "HGETEX h FIELDS 1 f", "ERR unknown command 'HGETEX'"),
    ("redis:8.0", "XDELEX s IDS 1 1-1", "ERR unknown command 'XDELEX'"),
    ("valkey:8.0", "SET key value IFEQ old", "ERR syntax error"),
    ("valkey:8.1", "HEXPIRE h 1 FIELDS 1 f", "ERR unknown command 'HEXPIRE'"),
    ("valkey:9.0", "HGETDEL h FIELDS 1 f", "ERR unknown command 'HGETDEL'"),
]


@pytest.mark.parametrize("profile, line, error", _OLDER)
def test_what_is_newer_fails(profile, line, error):
    with testing.open(profile) as store, pytest.raises(ReplyError) as problem:
        store.call(*line.split())
    assert str(problem.value).startswith(error)


_STAYS = [
    "SET GET GET",
    "SET key IFEQ",
    "ZADD GT 1 GT",
    "XADD NOMKSTREAM * NOMKSTREAM LIMIT",
    "SET key value EX 10 NX",
    "RPUSH LPOP COUNT",
    "XADD s * 5-* 5-*",
    "XADD s MAXLEN = 10 * 5-* v NOMKSTREAM v",
    "LPOP LPOP",
    "ZRANGE REV 0 -1 WITHSCORES",
]


def test_words_of_options_may_be_data():
    with testing.open("redis:6.0") as store:
        for line in _STAYS:
            store.call(*line.split())


def test_scripts_and_transactions_meet_the_same_commands():
    with testing.open("redis:6.0") as store:
        with pytest.raises(ReplyError, match="Unknown command called from script"):
            store.call("EVAL", "return redis.call('getex', KEYS[1])", 1, "key")
        with pytest.raises(ReplyError, match="ERR syntax error"):
            store.call("EVAL", "return redis.call('set', KEYS[1], 'v', 'GET')", 1, "key")
        store.call("MULTI")
        with pytest.raises(ReplyError, match="wrong number of arguments"):
            store.call("LPOP", "key", 2)
        with pytest.raises(ReplyError, match="EXECABORT"):
            store.call("EXEC")


def test_libraries_are_told_the_version_of_the_profile():
    with testing.open("redis:6.2") as store:
        client = store.redis()
        assert client.info("server")["redis_version"] == "6.2.0"
        assert "server_name" not in client.info("server")
        hello = store.call("HELLO", 3)
        assert (hello[b"server"], hello[b"version"]) == (b"redis", b"6.2.0")
        client.close()
    with testing.open("valkey:9.1") as store:
        client = store.redis()
        assert client.info()["valkey_version"] == "9.1.0"
        assert client.info()["redis_version"] == "7.2.4"
        client.close()


def test_every_profile_has_the_commands_of_the_one_before():
    for product, versions in KNOWN.items():
        names: set[str] = set()
        for version in versions:
            now = set(commands_of(f"{product}:{version}"))
            assert names <= now, (product, version)
            names = now


# Matching

_SET = read("SET key value [NX|XX] [GET] [EX seconds|PX milliseconds|KEEPTTL]").nodes


@given(st.permutations(["NX", "GET", "EX 10"]))
def test_options_may_come_in_any_order(options):
    words = " ".join(["k v", *options]).encode().split()
    assert matches(_SET, words)
    assert not matches(_SET, [*words, b"XX"])


@given(st.lists(st.sampled_from([b"k", b"v", b"NX", b"GET", b"EX", b"10"]), max_size=7))
def test_matching_agrees_with_a_parser_that_takes_one_option_after_the_other(words):
    rest = words[2:]
    seen = set()
    while rest:
        option = rest[0]
        size = {b"NX": 1, b"GET": 1, b"EX": 2}.get(option, 0)
        if not size or option in seen or (size == 2 and not (len(rest) > 1 and rest[1] == b"10")):
            break
        seen.add(option)
        rest = rest[size:]
    assert matches(_SET, words) == (len(words) >= 2 and not rest)


def test_matching_takes_no_longer_for_many_words():
    nodes = read("ZADD key [NX|XX] [CH] score member [score member ...]").nodes
    assert matches(nodes, [b"key", b"CH", *[b"1", b"m"] * 20_000])
    assert not matches(nodes, [b"key", b"CH", *[b"1", b"m"] * 20_000, b"1"])
