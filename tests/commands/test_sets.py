"""Sets: what a transcript cannot say of chance, encodings and the journal."""

from __future__ import annotations

import os
import secrets
from collections import Counter
from random import Random

import pytest

from tests.oracles import Server
from tests.store import Store
from tests.wire import Connection, decode_all

#: Members that make a set of each form under the usual limits.
FORMS = {
    "intset": [b"%d" % number for number in range(10)],
    "listpack": [b"m%d" % number for number in range(10)],
    "hashtable": [b"m%d" % number for number in range(9)] + [b"x" * 65],
}
DRAWS = 4000


def is_uniform(counts: Counter[bytes], choices: int) -> bool:
    """Whether chi-squared is below what one in a million fair draws would exceed."""
    expected = counts.total() / choices
    squares = sum((count - expected) ** 2 for count in counts.values()) / expected
    squares += (choices - len(counts)) * expected
    # For 9 degrees of freedom.
    return squares < 45


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.mark.parametrize("form", FORMS)
def test_each_member_is_drawn_equally_often(store: Store, form: str):
    members = FORMS[form]
    store("SADD", "key", *members)
    assert store("OBJECT", "ENCODING", "key") == form
    one = Counter(store("SRANDMEMBER", "key") for _ in range(DRAWS))
    assert is_uniform(one, len(members))
    assert is_uniform(Counter(store("SRANDMEMBER", "key", -DRAWS)), len(members))
    some: Counter[bytes] = Counter()
    for _ in range(DRAWS // 3):
        some.update(store("SRANDMEMBER", "key", 3))
    assert is_uniform(some, len(members))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("count", [(), (3,)])
def test_each_member_is_popped_equally_often(store: Store, form: str, count: tuple[int, ...]):
    members = FORMS[form]
    popped: Counter[bytes] = Counter()
    for _ in range(DRAWS // 2):
        store("DEL", "key")
        store("SADD", "key", *members)
        reply = store("SPOP", "key", *count)
        popped.update([reply] if isinstance(reply, bytes) else reply)
    assert is_uniform(popped, len(members))


def journal_of(store: Store, *words: str | int) -> list[list[bytes]]:
    store.engine.take_journal()
    store(*words)
    effects = decode_all(store.engine.take_journal())
    return [effect for effect in effects if effect[0] != b"SELECT"]


def test_the_journal_says_what_was_popped(store: Store):
    store.engine.record_journal()
    store("SADD", "key", *range(5000))
    popped = store("SPOP", "other", 3)
    assert popped == set()
    assert journal_of(store, "SPOP", "key", 0) == []
    (effect,) = journal_of(store, "SPOP", "key", 3)
    assert effect[:2] == [b"SREM", b"key"]
    assert len(effect) == 5
    assert store("SMISMEMBER", "key", *effect[2:]) == [0, 0, 0]
    (effect,) = journal_of(store, "SPOP", "key")
    assert effect[:2] == [b"SREM", b"key"]
    # Many are several commands of one unit, so that none is too long.
    begin, *effects, end = journal_of(store, "SPOP", "key", 2500)
    assert (begin, end) == ([b"MULTI"], [b"EXEC"])
    assert [len(effect) - 2 for effect in effects] == [1024, 1024, 452]
    assert journal_of(store, "SPOP", "key", 2496) == [[b"UNLINK", b"key"]]


def test_a_reply_that_no_memory_could_hold_is_refused(store: Store):
    store("SADD", "key", "a", "b")
    refusal = store("SRANDMEMBER", "key", -(2**63) + 1)
    assert str(refusal) == "ERR value is out of range"
    assert store("SRANDMEMBER", "nothing", -(2**63) + 1) == []


SPOPS = """
    SPOP s -1
    SPOP s abc
    SPOP text -1
    SPOP text 1
    SPOP text 0
    SPOP text
    SPOP s 1 2
    SPOP nothing
    SPOP nothing 0
    SPOP nothing 3
    SPOP nothing -1
    SPOP s 9223372036854775808
    SPOP s 0
    SPOP one
    SPOP one
    SPOP s 4
    EXISTS s
    SPOP two 9223372036854775807
    EXISTS two one
"""


@pytest.mark.parametrize("protocol", [2, 3])
def test_spop_answers_as_valkeys(ours: Server, valkey91: Server, protocol: int):
    commands = [line.split() for line in SPOPS.strip().splitlines()]
    with ours.connect(protocol) as mine, valkey91.connect(protocol) as theirs:
        for connection in (mine, theirs):
            connection.call("FLUSHALL")
            connection.call("SADD", "s", "1", "2", "3")
            connection.call("SADD", "one", "a")
            connection.call("SADD", "two", "b")
            connection.call("SET", "text", "")
        for command in commands:
            own, other = mine.call(*command), theirs.call(*command)
            assert (command, repr(own)) == (command, repr(other))


LIMITS = [(512, 128, 64), (2, 128, 64), (512, 2, 64), (2, 2, 64), (4, 8, 64), (8, 4, 64), (0, 0, 0)]
SOURCES = {
    # Name: members, one that made the form and went, or none.
    "small_hash": ([b"1", b"2", b"3"], b"x" * 65),
    "mixed_hash": ([b"a", b"b", b"1"], b"x" * 65),
    "integer_list": ([b"1", b"2", b"3"], b"zzz"),
    "mixed_list": ([b"a", b"b", b"1"], b"zzz"),
    "integers": ([b"1", b"2", b"3"], None),
    "other_integers": ([b"1", b"2", b"3", b"9"], None),
    "long_hash": ([b"%d" % number for number in range(20)], b"x" * 65),
    "long_list": ([b"%d" % number for number in range(20)], b"zzz"),
    "long_integers": ([b"%d" % number for number in range(20)], None),
}


def set_limits(connection: Connection, limits: tuple[int, int, int]) -> None:
    names = ("set-max-intset-entries", "set-max-listpack-entries", "set-max-listpack-value")
    words = [str(word) for pair in zip(names, limits, strict=True) for word in pair]
    assert connection.call("CONFIG", "SET", *words) == "OK"


def test_results_are_encoded_as_valkey_does(ours: Server, valkey91: Server):
    with ours.connect() as mine, valkey91.connect() as theirs:
        for connection in (mine, theirs):
            connection.call("FLUSHALL")
            set_limits(connection, LIMITS[0])
            for key, (members, shaping) in SOURCES.items():
                first = [] if shaping is None else [shaping]
                connection.call("SADD", key, *first, *members)
                connection.call("SREM", key, *first, "nothing")
        pairs = [(one,) for one in SOURCES] + [(one, other) for one in SOURCES for other in SOURCES]
        commands = [
            (name, "target", *keys)
            for name in ("SINTERSTORE", "SUNIONSTORE", "SDIFFSTORE")
            for keys in pairs
            # Where such a set comes first, its order decides, which is anybody's.
            if name == "SINTERSTORE" or "mixed_hash" not in keys
        ]
        script = [
            part for command in commands for part in (command, ("OBJECT", "ENCODING", "target"))
        ]
        for limits in LIMITS:
            for connection in (mine, theirs):
                set_limits(connection, limits)
            replies = zip(script, mine.pipeline(script), theirs.pipeline(script), strict=True)
            for command, own, other in replies:
                assert (limits, command, own) == (limits, command, other)
        for connection in (mine, theirs):
            set_limits(connection, LIMITS[0])


def test_sets_change_their_form_at_the_same_member_as_valkeys(ours: Server, valkey91: Server):
    seed = int(os.environ.get("RUBELLITE_DIFF_SEED", secrets.randbelow(1_000_000)))
    rng = Random(seed)

    def members() -> list[bytes]:
        pool = [b"%d" % rng.randrange(-40, 40), b"%d" % rng.randrange(10**10)]
        pool += [b"w%d" % rng.randrange(9), b"w" * rng.choice((3, 63, 64, 65))]
        width = rng.choice((1, 2, 4))
        return [rng.choice(pool[:width]) for _ in range(rng.choice((1, 5)))]

    with ours.connect() as mine, valkey91.connect() as theirs:
        for connection in (mine, theirs):
            connection.call("FLUSHALL")
        for _ in range(60):
            limits = rng.choice(LIMITS)
            script: list[tuple[str | bytes, ...]] = []
            for _ in range(25):
                key = rng.choice("abc")
                name = rng.choice(("SADD", "SADD", "SADD", "SREM"))
                command: tuple[str | bytes, ...] = ("DEL", key)
                if rng.random() < 0.95:
                    command = (name, key, *members())
                script += [command, ("OBJECT", "ENCODING", key)]
            for connection in (mine, theirs):
                set_limits(connection, limits)
            replies = zip(script, mine.pipeline(script), theirs.pipeline(script), strict=True)
            for command, own, other in replies:
                assert own == other, f"seed {seed}, limits {limits}: {command}"
        for connection in (mine, theirs):
            set_limits(connection, LIMITS[0])
