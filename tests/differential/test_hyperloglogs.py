"""HyperLogLogs grow through the same bytes as in Valkey, however they are stored."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.oracles import Server
from tests.wire import Connection

Pair = tuple[Connection, Connection]
SPARSE_BYTES_MAX = (0, 60, 3000, 15_000)


@pytest.fixture
def pair(ours: Server, valkey91: Server) -> Iterator[Pair]:
    with ours.connect() as mine, valkey91.connect() as theirs:
        yield mine, theirs
        for connection in (mine, theirs):
            connection.call("FLUSHALL")
            connection.call("CONFIG", "SET", "hll-sparse-max-bytes", 3000)


def same(pair: Pair, *command: object) -> object:
    mine, theirs = (connection.call(*map(str, command)) for connection in pair)
    assert mine == theirs, command
    return mine


@pytest.mark.parametrize("limit", SPARSE_BYTES_MAX)
def test_every_addition_leaves_the_same_bytes(limit: int, pair: Pair):
    same(pair, "CONFIG", "SET", "hll-sparse-max-bytes", limit)
    number = 0
    for batch in [1] * 30 + [7] * 20 + [97] * 10 + [1500] * 3:
        same(pair, "PFADD", "key", *range(number, number + batch))
        same(pair, "GET", "key")
        same(pair, "PFCOUNT", "key")
        same(pair, "GET", "key")
        number += batch
    is_sparse = same(pair, "PFDEBUG", "ENCODING", "key") == "sparse"
    assert is_sparse is (limit == max(SPARSE_BYTES_MAX))


@pytest.mark.parametrize("limit", SPARSE_BYTES_MAX)
def test_unions_have_the_same_bytes(limit: int, pair: Pair):
    same(pair, "CONFIG", "SET", "hll-sparse-max-bytes", limit)
    for size in (1, 10, 100, 2000):
        same(pair, "PFADD", f"few{size}", *range(size))
        same(pair, "PFADD", f"other{size}", *range(size // 2, size * 2))
        same(pair, "PFCOUNT", f"few{size}", f"other{size}", "missing")
        for keys in (["to", f"few{size}"], [f"both{size}", f"few{size}", f"other{size}"]):
            same(pair, "PFMERGE", *keys)
            same(pair, "GET", keys[0])
            same(pair, "PFCOUNT", keys[0])


def test_registers_are_the_same(pair: Pair):
    same(pair, "PFADD", "key", *range(500))
    same(pair, "PFDEBUG", "DECODE", "key")
    registers = same(pair, "PFDEBUG", "GETREG", "key")
    assert isinstance(registers, list)
    assert len(registers) == 16_384
    same(pair, "PFDEBUG", "ENCODING", "key")
    same(pair, "GET", "key")


def test_elements_of_every_length_have_the_same_hash(pair: Pair):
    for length in range(40):
        same(pair, "PFADD", "key", "x" * length)
        same(pair, "GET", "key")


def test_the_self_test_passes(pair: Pair):
    assert same(pair, "PFSELFTEST") == "OK"
