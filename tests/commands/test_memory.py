"""MEMORY over sockets."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.oracles import Server
from tests.wire import NULL, Connection, Map, Status, Verbatim


@pytest.fixture
def client(server: Server) -> Iterator[Connection]:
    with server.connect(3) as connection:
        connection.call("FLUSHALL")
        yield connection


def stats(client: Connection) -> dict[bytes, Any]:
    found = client.call("MEMORY", "STATS")
    assert isinstance(found, Map)
    return dict(found)


def test_usage_grows_with_the_value(client: Connection):
    client.call("SET", "a", "1")
    small = client.call("MEMORY", "USAGE", "a")
    client.call("SET", "a", "x" * 1000)
    assert 1000 < client.call("MEMORY", "USAGE", "a") < 1400
    assert 10 < small < 60
    assert client.call("MEMORY", "USAGE", "a", "SAMPLES", "0") > 1000
    assert client.call("MEMORY", "USAGE", "nosuch") is not NULL


def test_stats_tell_data_from_overhead(client: Connection):
    client.call("DEBUG", "POPULATE", "100000", "key", "100")
    found = stats(client)
    assert found[b"keys.count"] == 100_000
    assert 100 < found[b"keys.bytes-per-key"] < 250
    assert found[b"total.allocated"] == found[b"dataset.bytes"] + found[b"overhead.total"]
    assert found[b"peak.allocated"] >= found[b"total.allocated"] > found[b"startup.allocated"] > 0
    assert dict(found[b"db.0"])[b"overhead.hashtable.main"] > 100_000


def test_the_doctor_waits_for_data(client: Connection):
    text = client.call("MEMORY", "DOCTOR")
    assert isinstance(text, Verbatim)


def test_the_doctor_names_a_full_memory(client: Connection):
    client.call("DEBUG", "POPULATE", "100000", "key", "200")
    used = stats(client)[b"total.allocated"]
    client.call("CONFIG", "SET", "maxmemory", str(int(used * 1.01)))
    try:
        assert b"maxmemory" in client.call("MEMORY", "DOCTOR")
    finally:
        client.call("CONFIG", "SET", "maxmemory", "0")


def test_the_doctor_names_clients_that_do_not_read(server: Server, client: Connection):
    client.call("DEBUG", "POPULATE", "100000", "key", "100")
    with server.connect() as lazy:
        client.call("SET", "big", "x" * 15_000)
        for _ in range(2000):
            lazy.send("GET", "big")
        while stats(client)[b"clients.normal"] < 5_000_000:
            pass
        assert b"Clients: " in client.call("MEMORY", "DOCTOR")


def test_the_allocator_reports_and_gives_back(client: Connection):
    report = client.call("MEMORY", "MALLOC-STATS")
    assert b"allocated" in report.lower() or b"not supported" in report
    assert client.call("MEMORY", "PURGE") == Status("OK")


def test_resetting_statistics_keeps_the_peak_of_memory(client: Connection) -> None:
    client.call("SET", "big", "x" * 8_000_000)
    before = stats(client)[b"peak.allocated"]
    client.call("DEL", "big")
    client.call("CONFIG", "RESETSTAT")
    assert stats(client)[b"peak.allocated"] >= before
