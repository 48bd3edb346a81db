"""Lists: encodings, limits and what else a transcript does not show."""

from __future__ import annotations

import pytest

from rubellite._core import EmbeddedSession
from tests.oracles import Server
from tests.store import Store
from tests.wire import Connection


@pytest.fixture
def session(store: Store) -> EmbeddedSession:
    return store.engine.embed()


def test_a_list_outgrows_its_entry_at_the_element_that_would_not_fit(store: Store):
    store("CONFIG", "SET", "list-max-listpack-size", 4)
    for count in range(1, 7):
        store("RPUSH", "k", "x")
        assert store("OBJECT", "ENCODING", "k") == ("listpack" if count <= 4 else "quicklist")
    # And is small again at half the limit.
    for left in range(5, 0, -1):
        store("LPOP", "k")
        assert store("OBJECT", "ENCODING", "k") == ("quicklist" if left > 2 else "listpack")


def test_the_limit_counts_for_the_next_edit_when_it_changes(store: Store):
    store("RPUSH", "k", *range(10))
    store("CONFIG", "SET", "list-max-listpack-size", 5)
    assert store("OBJECT", "ENCODING", "k") == "listpack"
    store("RPUSH", "k", "x")
    assert store("OBJECT", "ENCODING", "k") == "quicklist"
    store("CONFIG", "SET", "list-max-listpack-size", -2)
    store("LPOP", "k")
    assert store("OBJECT", "ENCODING", "k") == "listpack"


def test_integers_of_six_bytes_count_as_in_a_listpack(store: Store):
    moment = 1_700_000_000_000
    encodings = []
    for number in range(830):
        store("RPUSH", "k", moment + number)
        encodings.append(store("OBJECT", "ENCODING", "k"))
    # 8 KB, 7 bytes of head, 10 bytes each; the one that comes counts as its 13 digits.
    assert encodings.index("quicklist") == (8192 - 7 - 13) // 10 + 1


def test_a_large_list_is_the_same_from_both_ends(store: Store):
    store("RPUSH", "k", *range(20_000))
    store("LPUSH", "k", *range(-1, -20_001, -1))
    assert store("LLEN", "k") == 40_000
    assert store("LINDEX", "k", 12_345) == b"-7655"
    assert store("LRANGE", "k", -3, -1) == [b"19997", b"19998", b"19999"]
    store("LSET", "k", 30_000, "here")
    assert store("LPOS", "k", "here") == 30_000
    assert store("LINSERT", "k", "BEFORE", "here", "before") == 40_001
    assert store("LREM", "k", -1, "here") == 1
    store("LTRIM", "k", 10, -11)
    assert store("LRANGE", "k", 0, 0) == [b"-19990"]
    assert store("LLEN", "k") == 39_980
    store.engine.check()


def test_elements_may_hold_any_bytes_and_be_long(store: Store):
    elements = [b"\x00\r\n", b"\xff" * 9000, b"", b"-0", b"1e3", b"9223372036854775808"]
    store("RPUSH", "k", *elements)
    assert store("LRANGE", "k", 0, -1) == elements
    assert store("RPOP", "k", 6) == elements[::-1]
    assert store("EXISTS", "k") == 0


def test_lmove_on_one_list_keeps_its_key_and_deadline(store: Store):
    store("RPUSH", "k", "only")
    store("EXPIRE", "k", 100)
    assert store("LMOVE", "k", "k", "LEFT", "RIGHT") == b"only"
    assert store("TTL", "k") == 100


def test_a_refused_command_changes_nothing(store: Store):
    store("RPUSH", "k", "a", "b")
    store("SET", "text", "hello")
    before = store("DEBUG", "DIGEST")
    for command in (
        "LPOP k -1",
        "LSET k 2 x",
        "LINSERT k BEFORE x y",
        "LMOVE k text LEFT LEFT",
        "LMPOP 1 k LEFT COUNT 0",
        "LREM k x a",
        "LTRIM k 0 x",
        "LPOS k a RANK 0",
        "RPUSH text a",
        "BLPOP k x",
    ):
        store(*command.split())
        assert store("DEBUG", "DIGEST") == before, command


def test_the_digest_of_a_list_is_that_of_the_real_server(ours: Server, valkey91: Server):
    def digests(client: Connection) -> list[bytes]:
        client.call("FLUSHALL")
        client.call("RPUSH", "small", "a", "7", "", "-5")
        client.call("RPUSH", "large", *(f"element {number}" for number in range(2000)))
        found = client.call("DEBUG", "DIGEST-VALUE", "small", "large", "none")
        client.call("FLUSHALL")
        return list(found)

    with ours.connect() as mine, valkey91.connect() as theirs:
        assert digests(mine) == digests(theirs)


def test_a_session_in_the_process_gets_the_same_replies(session: EmbeddedSession):
    assert session.call("RPUSH", "k", "a", "b") == 2
    assert session.call("LRANGE", "k", 0, -1) == [b"a", b"b"]
    assert session.call("LPOP", "k", 1) == [b"a"]
    assert session.call("LMPOP", 1, "k", "LEFT") == [b"k", [b"b"]]
    assert session.call("LPOP", "k") is None
