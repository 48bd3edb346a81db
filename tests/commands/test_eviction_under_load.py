"""`maxmemory` under a load that means harm: no write is refused while something may go."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests import oracles
from tests.commands.test_eviction import (
    ANY,
    VOLATILE,
    configure,
    info,
    leave_room,
    reset,
    used,
    wait_until,
)
from tests.oracles import Server
from tests.wire import Connection, Error, encode

LIMIT = 8 << 20
CLIENTS = 8
WAVES = 5
#: The favourite size moves on: blocks of the last one are left half empty.
SIZES = (60, 700, 12_000, 90_000, 200, 3_000, 50_000, 30)
PIPELINE_BYTES = 100_000
PIPELINE_COMMANDS_MAX = 200
PERSISTENT = 200

Words = tuple[str | bytes, ...]


@pytest.fixture
def client(server: Server) -> Iterator[Connection]:
    with server.connect() as connection:
        reset(connection)
        # What the clients and keys of the last test had is on its way to be freed.
        wait_until(lambda: info(connection, "connected_clients") == "1")
        wait_until(lambda: info(connection, "lazyfree_pending_objects") == "0")
        yield connection
        reset(connection)


def hostile(chance: random.Random, size: int, is_volatile: bool) -> list[Words]:
    """One pipeline: values that grow, of several types, all of which may be evicted."""
    commands: list[Words] = []
    data = b"x" * size
    for _ in range(min(PIPELINE_COMMANDS_MAX, max(2, PIPELINE_BYTES // size))):
        key = f"key:{chance.randrange(20_000)}"
        match chance.randrange(6):
            case 0:
                commands.append(("GET", key))
            case 1 if not is_volatile:
                commands.append(("APPEND", key, data[size // 2 :]))
            case 2 if not is_volatile:
                commands.append(("HSET", f"hash:{key}", str(chance.random()), data))
            case 3 if not is_volatile:
                commands.append(("RPUSH", f"list:{key}", data[: size // 4], data[: size // 4]))
            case _:
                words = ("SET", key, data[: chance.randint(size // 2, size)])
                commands.append((*words, "EX", "1000") if is_volatile else words)
    return commands


def replies_under_load(server: Server, is_volatile: bool) -> Iterator[object]:
    """What many clients hear whose large pipelines are all on their way at once."""
    chance = random.Random(11)
    with ExitStack() as stack:
        clients = [stack.enter_context(server.connect()) for _ in range(CLIENTS)]
        for size in SIZES:
            for _ in range(WAVES):
                pipelines = [hostile(chance, size, is_volatile) for _ in clients]
                for client, commands in zip(clients, pipelines, strict=True):
                    client.send_raw(b"".join(map(encode, commands)))
                for client, commands in zip(clients, pipelines, strict=True):
                    yield from (client.receive() for _ in commands)


@pytest.mark.parametrize("policy", ANY + VOLATILE)
def test_no_write_is_refused_while_something_may_go(
    server: Server, client: Connection, policy: str
) -> None:
    names = [f"stays:{number}" for number in range(PERSISTENT)]
    client.pipeline([("SET", name, "x" * 1000) for name in names])
    leave_room(client, LIMIT, policy, maxmemory_eviction_tenacity=10)
    before = int(info(client, "evicted_keys"))
    errors = [
        reply
        for reply in replies_under_load(server, policy in VOLATILE)
        if isinstance(reply, Error)
    ]
    assert errors == []
    # There was something to do.
    assert int(info(client, "evicted_keys")) - before > 1000
    if policy in VOLATILE:
        assert client.call("EXISTS", *names) == PERSISTENT


@pytest.mark.parametrize("policy", VOLATILE)
def test_a_volatile_policy_refuses_only_when_nothing_volatile_is_left(
    client: Connection, policy: str
) -> None:
    client.pipeline([("SET", f"goes:{n}", "x" * 1000, "EX", "1000") for n in range(2000)])
    leave_room(client, 1 << 20, policy, maxmemory_eviction_tenacity=10)
    kept = 0
    while kept < 20_000:
        start = kept
        replies = client.pipeline([("SET", f"stays:{start + n}", "x" * 1000) for n in range(50)])
        kept += replies.count("OK")
        if replies.count("OK") < len(replies):
            break
    # All that could go had gone by then, and nothing else.
    assert f"keys={kept},expires=0," in info(client, "db0")
    assert kept > 2000
    assert set(replies) <= {"OK", Error("OOM command not allowed when used memory > 'maxmemory'.")}
    # Once there is something volatile, which takes writing it, there is room again.
    configure(client, maxmemory=0)
    client.pipeline([("SET", f"goes:{n}", "x" * 1000, "EX", "1000") for n in range(1000)])
    leave_room(client, -500_000, policy)
    assert client.call("SET", "new", "x") == "OK"


def test_large_values_do_not_outrun_the_eviction_of_small_ones(client: Connection) -> None:
    client.call("DEBUG", "POPULATE", "250000", "key", "30")
    limit = leave_room(client, 0, "allkeys-lru", maxmemory_eviction_tenacity=10)
    client.call("PING")
    highest = 0
    for start in range(0, 60, 2):
        names = (f"large:{number}" for number in (start, start + 1))
        replies = client.pipeline([("SET", name, "x" * 200_000) for name in names])
        assert replies == ["OK", "OK"]
        highest = max(highest, used(client))
    assert highest < limit * 1.06


@pytest.mark.parametrize("policy", ["noeviction", "allkeys-lru", "volatile-ttl"])
@pytest.mark.parametrize("flush", ["FLUSHALL", "FLUSHDB"])
def test_what_comes_after_a_flush_need_not_go_for_what_was_before(
    client: Connection, policy: str, flush: str
) -> None:
    client.call("DEBUG", "POPULATE", "300000", "key", "100")
    configure(client, maxmemory_policy=policy, maxmemory=used(client) + 10_000)
    client.pipeline([("SET", f"full:{number}", "x" * 1000) for number in range(50)])
    names = [f"new:{number}" for number in range(500)]
    replies = client.pipeline([(flush, "ASYNC"), *(("SET", name, "x" * 100) for name in names)])
    assert set(replies) == {"OK"}
    assert client.call("EXISTS", *names) == len(names)


def test_what_the_append_only_file_may_need_again_evicts_nothing() -> None:
    server = oracles.start("ours", "--appendonly", "yes", "--appendfsync", "everysec")
    try:
        with server.connect() as client:
            limit = leave_room(client, LIMIT, "allkeys-lru", maxmemory_eviction_tenacity=10)
            writes = 0
            for start in range(0, 40_000, 500):
                names = [f"key:{number}" for number in range(start, start + 500)]
                replies = client.pipeline([("SET", name, "x" * 2000) for name in names])
                writes += replies.count("OK")
                if start > 10_000:
                    # Nearly all that is stored is data; the file's share is on top, and bounded.
                    assert client.call("DBSIZE") > LIMIT // 2000 * 0.8
                    assert int(info(client, "used_memory")) < limit + (4 << 20)
            assert writes == 40_000
            assert 0 < int(info(client, "mem_not_counted_for_evict")) <= 4 << 20
    finally:
        server.stop()
