"""`maxmemory`: which keys go, which stay, and who is refused."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator

import pytest

from tests.oracles import Server
from tests.store import Store
from tests.wire import NULL, NULL_ARRAY, Connection, WireError, decode_all

ANY = ("allkeys-lru", "allkeys-lfu", "allkeys-random")
VOLATILE = ("volatile-lru", "volatile-lfu", "volatile-random", "volatile-ttl")
DEFAULTS = {
    "maxmemory": "0",
    "maxmemory-policy": "noeviction",
    "maxmemory-samples": "5",
    "maxmemory-eviction-tenacity": "10",
    "notify-keyspace-events": "",
}


def configure(client: Connection, **settings: object) -> None:
    words = [
        word for name, value in settings.items() for word in (name.replace("_", "-"), str(value))
    ]
    assert client.call("CONFIG", "SET", *words) == "OK"


def reset(client: Connection) -> None:
    client.call("CONFIG", "SET", *(word for pair in DEFAULTS.items() for word in pair))
    client.call("FLUSHALL", "SYNC")


@pytest.fixture
def client(server: Server) -> Iterator[Connection]:
    with server.connect() as connection:
        reset(connection)
        yield connection
        reset(connection)


def info(client: Connection, name: str) -> str:
    for line in client.call("INFO", "everything").decode().splitlines():
        if line.startswith(f"{name}:"):
            return str(line.partition(":")[2])
    raise AssertionError(f"INFO has no {name}")


def wait_until(condition: Callable[[], bool]) -> None:
    for _ in range(500):
        if condition():
            return
        time.sleep(0.01)
    raise AssertionError("it did not come to that in five seconds")


def used(client: Connection) -> int:
    return int(info(client, "used_memory"))


def leave_room(client: Connection, room: int, policy: str, **settings: object) -> int:
    """Sets a limit so far from what is used; returns it. All that must go goes at once."""
    limit = used(client) + room
    settings = {"maxmemory_samples": 10, "maxmemory_eviction_tenacity": 100} | settings
    configure(client, maxmemory_policy=policy, **settings)
    configure(client, maxmemory=limit)
    return limit


def dumped(client: Connection) -> bytes:
    client.call("SET", "model", "x" * 1000)
    payload = client.call("DUMP", "model")
    client.call("DEL", "model")
    assert isinstance(payload, bytes)
    return payload


def present(client: Connection, prefix: str, numbers: range) -> list[int]:
    """Which of these keys are left; asks with a command that leaves their clocks alone."""
    found = client.pipeline([("EXISTS", f"{prefix}:{number}") for number in numbers])
    return [number for number, there in zip(numbers, found, strict=True) if there]


@pytest.mark.parametrize("policy", ANY + VOLATILE)
def test_writes_go_on_under_a_limit(client: Connection, policy: str):
    client.pipeline([("SET", f"stays:{n}", "x" * 1000) for n in range(200)])
    limit = leave_room(client, 1 << 20, policy, maxmemory_eviction_tenacity=10)
    for start in range(0, 4000, 200):
        writes = [("SET", f"goes:{n}", "x" * 1000, "EX", "1000") for n in range(start, start + 200)]
        assert set(client.pipeline(writes)) == {"OK"}
        # On a busy machine what an eviction has time for is less, and the rest follows.
        wait_until(lambda: used(client) < limit * 1.1)
    assert int(info(client, "evicted_keys")) > 2000
    assert 200 < client.call("DBSIZE") < 2000
    if policy in VOLATILE:
        assert len(present(client, "stays", range(200))) == 200


def test_keys_of_all_databases_go(client: Connection):
    for database in ("1", "2"):
        client.call("SELECT", database)
        client.pipeline([("SET", f"key:{n}", "x" * 1000) for n in range(500)])
    leave_room(client, -500_000, "allkeys-random")
    sizes = []
    for database in ("1", "2"):
        client.call("SELECT", database)
        sizes.append(client.call("DBSIZE"))
    assert all(100 < size < 400 for size in sizes)


def test_lru_keeps_what_was_used_lately(client: Connection):
    payload = dumped(client)
    for prefix, idle in (("hot", "10"), ("cold", "100000")):
        client.pipeline(
            [("RESTORE", f"{prefix}:{n}", "0", payload, "IDLETIME", idle) for n in range(1000)]
        )
    leave_room(client, -500_000, "allkeys-lru")
    assert len(present(client, "hot", range(1000))) > 990
    assert 300 < len(present(client, "cold", range(1000))) < 600


def test_lru_spares_a_candidate_that_is_used_again(client: Connection):
    payload = dumped(client)
    numbers = range(1000)
    client.pipeline([("RESTORE", f"key:{n}", "0", payload, "IDLETIME", "1000") for n in numbers])
    leave_room(client, -200_000, "allkeys-lru", maxmemory_samples=64)
    # The next to go wait in the pool; now half of all keys are used, which needs room, too.
    configure(client, maxmemory=0)
    left = present(client, "key", numbers)
    assert 600 < len(left) < 900
    kept = left[::2]
    client.pipeline([("TOUCH", f"key:{n}") for n in kept])
    configure(client, maxmemory=used(client) - 200_000)
    still_left = present(client, "key", numbers)
    assert len(still_left) < len(left) - 100
    assert set(kept) <= set(still_left)


def test_lfu_keeps_what_is_used_often(client: Connection):
    payload = dumped(client)
    configure(client, maxmemory_policy="allkeys-lfu")
    for prefix, count in (("hot", "200"), ("cold", "1")):
        client.pipeline(
            [("RESTORE", f"{prefix}:{n}", "0", payload, "FREQ", count) for n in range(1000)]
        )
    leave_room(client, -500_000, "allkeys-lfu")
    assert len(present(client, "hot", range(1000))) > 990
    assert 300 < len(present(client, "cold", range(1000))) < 600


def test_the_nearest_deadline_goes_first(client: Connection):
    client.pipeline([("SET", f"key:{n}", "x" * 1000, "EX", str(10_000 + n)) for n in range(1000)])
    client.call("SET", "stays:0", "x")
    leave_room(client, -500_000, "volatile-ttl", maxmemory_samples=64)
    assert len(present(client, "key", range(200))) == 0
    assert len(present(client, "key", range(700, 1000))) == 300
    assert present(client, "stays", range(1)) == [0]


def refusals(client: Connection, other: Connection) -> list[object]:
    """What a full server answers to readers, writers and transactions."""
    client.call("SET", "string", "1")
    client.call("RPUSH", "list", "a", "b")
    configure(client, maxmemory=1000)
    commands = (
        ["GET", "string"],
        ["SET", "string", "2"],
        ["INCR", "string"],
        ["RPUSH", "list", "c"],
        ["SET", "string"],
        ["LPOP", "list"],
        ["EXPIRE", "string", "100"],
        ["RENAME", "string", "new"],
        ["PUBLISH", "channel", "x"],
        ["DEL", "nosuch"],
        ["PING"],
        ["MULTI"],
        ["GET", "new"],
        ["DEL", "nosuch"],
        ["EXEC"],
        ["MULTI"],
        ["SET", "new", "1"],
        ["GET", "new"],
        ["EXEC"],
        ["MULTI"],
        ["INCR", "new"],
        ["DISCARD"],
    )
    replies = [client.call(*command) for command in commands]
    # Room that is there while commands are queued and gone when they would run.
    for queued in (["SET", "new", "1"], ["GET", "new"]):
        configure(other, maxmemory=0)
        replies += [client.call("MULTI"), client.call(*queued)]
        configure(other, maxmemory=1000)
        replies += [client.call("EXEC"), client.call("EXEC")]
    configure(other, maxmemory=0)
    replies += [client.call("MULTI"), client.call("SET", "new", "1")]
    configure(other, maxmemory=1000)
    replies += [client.call("LPUSH", "new"), client.call("EXEC")]
    # A transaction that will not run anyway.
    configure(other, maxmemory=0)
    replies += [client.call("WATCH", "new"), client.call("MULTI"), client.call("INCR", "new")]
    other.call("SET", "new", "1")
    configure(other, maxmemory=1000)
    replies += [client.call("EXEC")]
    replies += [client.call("FLUSHALL"), client.call("SET", "string", "1")]
    # Without anything to evict, an evicting policy refuses, too.
    for policy in ("volatile-lru", "allkeys-lru"):
        configure(client, maxmemory_policy=policy)
        replies += [client.call("SET", "string", "1"), client.call("DBSIZE")]
    replies += [client.call("SUBSCRIBE", "channel"), client.call("SET", "string", "1")]
    replies += [client.call("GET", "string")]
    return replies


def test_a_full_server_refuses_what_a_real_one_refuses(
    server: Server, client: Connection, valkey91: Server
):
    with valkey91.connect() as real, valkey91.connect() as real_other:
        reset(real)
        expected = refusals(real, real_other)
        reset(real_other)
    with server.connect() as asker, server.connect() as other:
        assert refusals(asker, other) == expected
    assert "OOM command not allowed when used memory > 'maxmemory'." in expected


def test_growing_values_stay_within_the_limit(client: Connection):
    chance = random.Random(7)
    limit = leave_room(client, 10 << 20, "allkeys-lru", maxmemory_eviction_tenacity=10)
    for _ in range(60):
        batch: list[tuple[str, ...]] = []
        for _ in range(50):
            number = chance.randrange(300)
            batch.append(("APPEND", f"string:{number}", "x" * 10_000))
            batch.append(("RPUSH", f"list:{number}", *["y" * 100] * 20))
            batch.append(("HSET", f"hash:{number}", str(chance.random()), "z" * 500))
        replies = client.pipeline(batch)
        assert all(isinstance(reply, int) for reply in replies)
        assert used(client) < limit * 1.1
    assert int(info(client, "evicted_keys")) > 100


def test_a_lower_limit_acts_at_once_and_info_shows_it(client: Connection):
    client.pipeline([("SET", f"key:{n}", "x" * 1000) for n in range(1000)])
    limit = leave_room(client, -300_000, "allkeys-lru")
    assert 600 < client.call("DBSIZE") < 800
    assert int(info(client, "maxmemory")) == limit
    assert int(info(client, "current_eviction_exceeded_time")) == 0
    assert info(client, "maxmemory_policy") == "allkeys-lru"
    assert used(client) <= limit + 100_000


def test_watchers_and_subscribers_hear_of_an_eviction(server: Server, client: Connection):
    with server.connect() as watcher, server.connect() as listener:
        configure(client, notify_keyspace_events="Ee")
        assert listener.call("SUBSCRIBE", "__keyevent@0__:evicted")[0] == b"subscribe"
        client.call("SET", "key", "value")
        watcher.call("WATCH", "key")
        configure(client, maxmemory_policy="allkeys-random", maxmemory=1)
        assert client.call("GET", "key") is NULL
        configure(client, maxmemory=0)
        assert listener.receive() == [b"message", b"__keyevent@0__:evicted", b"key"]
        watcher.call("MULTI")
        watcher.call("PING")
        assert watcher.call("EXEC") is NULL_ARRAY


def test_who_caches_a_key_hears_of_its_eviction(server: Server, client: Connection):
    with server.connect(3) as cache:
        client.call("SET", "key", "value")
        cache.call("CLIENT", "TRACKING", "ON")
        cache.call("GET", "key")
        configure(client, maxmemory_policy="allkeys-lru", maxmemory=1)
        assert client.call("DBSIZE") == 0
        assert list(cache.receive()) == [b"invalidate", [b"key"]]


def test_nothing_goes_while_clients_are_paused(client: Connection):
    client.call("SET", "key", "value")
    client.call("CLIENT", "PAUSE", "100000", "WRITE")
    configure(client, maxmemory_policy="allkeys-lru", maxmemory=1)
    assert client.call("DBSIZE") == 1
    client.call("CLIENT", "UNPAUSE")
    assert client.call("DBSIZE") == 0


def test_the_journal_says_what_was_evicted():
    store = Store({"maxmemory-policy": "allkeys-random"})
    for number in range(3):
        store("SET", f"key:{number}", "x")
    store.engine.record_journal()
    store("CONFIG", "SET", "maxmemory", "1")
    # The limit is this process's: the next command may need several turns.
    while store("DBSIZE"):
        pass
    select, *deletions = decode_all(store.engine.take_journal())
    assert select == [b"SELECT", b"0"]
    assert sorted(deletions) == [[b"DEL", f"key:{number}".encode()] for number in range(3)]


def test_clients_that_take_most_are_closed_at_their_limit(server: Server):
    with server.connect() as control, server.connect() as spared:
        before = int(info(control, "evicted_clients"))
        # Both hold half a megabyte of queued commands; one must not be closed.
        spared.call("CLIENT", "NO-EVICT", "ON")
        with server.connect() as large:
            for client in (spared, large):
                client.call("MULTI")
                assert client.call("SET", "k", b"x" * 600_000) == "QUEUED"
            configure(control, maxmemory_clients="1mb")
            try:
                wait_until(lambda: int(info(control, "evicted_clients")) == before + 1)
                with pytest.raises((WireError, OSError)):
                    large.call("PING")
                assert spared.call("EXEC") == ["OK"]
                assert control.call("PING") == "PONG"
            finally:
                configure(control, maxmemory_clients="0")
                control.call("DEL", "k")


def test_the_limit_of_clients_may_be_a_part_of_maxmemory(server: Server):
    with server.connect() as control:
        before = int(info(control, "evicted_clients"))
        with server.connect() as large:
            large.call("MULTI")
            assert large.call("SET", "k", b"x" * 900_000) == "QUEUED"
            configure(control, maxmemory="1gb", maxmemory_clients="50%")
            try:
                assert large.call("PING") == "QUEUED"
                configure(control, maxmemory="1600kb", maxmemory_policy="allkeys-lru")
                wait_until(lambda: int(info(control, "evicted_clients")) == before + 1)
            finally:
                configure(control, maxmemory_clients="0")
                reset(control)


def fragment(client: Connection) -> None:
    """Leaves every tenth of many blocks of one size: slabs that are nearly empty."""
    count = 200_000
    for start in range(0, count, 10_000):
        client.pipeline(
            ("SET", f"key:{number:06}", b"v" * 100) for number in range(start, start + 10_000)
        )
    client.pipeline(
        ("DEL", *(f"key:{n:06}" for n in range(start, start + 1000) if n % 10))
        for start in range(0, count, 1000)
    )


def test_active_defragmentation_gives_back_sparse_memory(client: Connection):
    fragment(client)
    digest = client.call("DEBUG", "DIGEST")
    wasted = int(info(client, "allocator_frag_bytes"))
    assert wasted > 10_000_000
    settings = {"active_defrag_ignore_bytes": "1mb", "active_defrag_cycle_min": 50}
    configure(client, active_defrag_cycle_max=75, activedefrag="yes", **settings)
    configure(client, latency_monitor_threshold=10)
    try:
        wait_until(lambda: int(info(client, "allocator_frag_bytes")) < wasted // 4)
        assert int(info(client, "active_defrag_hits")) > 10_000
        assert int(info(client, "total_active_defrag_time")) > 0
        events = {latest[0] for latest in client.call("LATENCY", "LATEST")}
        assert b"active-defrag-cycle" in events
    finally:
        configure(client, latency_monitor_threshold=0)
        configure(client, activedefrag="no", active_defrag_ignore_bytes="100mb")
        configure(client, active_defrag_cycle_min=1, active_defrag_cycle_max=25)
    assert client.call("DEBUG", "DIGEST") == digest


def test_waste_counts_to_the_limit_until_it_is_won_back(client: Connection):
    fragment(client)
    limit = 8_000_000
    configure(client, maxmemory_policy="allkeys-random", maxmemory=limit)
    tolerated = 2_500_000
    wait_until(lambda: int(info(client, "allocator_active")) < limit + tolerated)
    # Most was won back by moving what is left, not by throwing it away.
    assert client.call("DBSIZE") > 10_000
