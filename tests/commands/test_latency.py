"""LATENCY over sockets, and what its reports make of samples."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator

import pytest

import rubellite
from rubellite.persistence import append_only
from rubellite.server.latency_report import Event, doctor, graph
from tests.oracles import Server
from tests.wire import Connection, Error

NOW = 1_000_000


def event(*samples: tuple[int, int]) -> Event:
    """Samples are (seconds ago, milliseconds)."""
    values = [ms for _, ms in samples]
    placed = [(NOW - ago, ms) for ago, ms in samples]
    return Event("command", max(values), sum(values), len(values), placed)


@pytest.fixture
def client(ours: Server) -> Iterator[Connection]:
    with ours.connect() as connection:
        connection.call("CONFIG", "SET", "latency-monitor-threshold", "10")
        connection.call("LATENCY", "RESET")
        yield connection
        connection.call("CONFIG", "SET", "latency-monitor-threshold", "0")


def test_slow_commands_become_samples(client: Connection):
    for seconds in ("0.02", "0.05", "0.03"):
        client.call("DEBUG", "SLEEP", seconds)
    client.call("PING")
    [latest] = client.call("LATENCY", "LATEST")
    name, when, last, longest, total, count = latest
    assert (name, count) == (b"command", 3)
    assert longest >= last >= 20
    assert total >= 100
    history = client.call("LATENCY", "HISTORY", "command")
    assert history[-1] == [when, last]
    # Of one second only the slowest is kept.
    assert len({seconds for seconds, _ in history}) == len(history)
    assert client.call("LATENCY", "RESET", "nosuch") == 0
    assert client.call("LATENCY", "RESET", "command", "nosuch") == 1
    assert client.call("LATENCY", "LATEST") == []


def test_a_graph_is_drawn_of_samples(client: Connection):
    client.call("DEBUG", "SLEEP", "0.02")
    lines = client.call("LATENCY", "GRAPH", "command").decode().splitlines()
    assert lines[0].startswith("command - high ")
    assert lines[1] == "-" * 80
    assert client.call("LATENCY", "GRAPH", "nosuch") == Error(
        "ERR No samples available for event 'nosuch'"
    )


def test_the_doctor_gives_advice(client: Connection):
    assert b"No event took longer than 10 ms" in client.call("LATENCY", "DOCTOR")
    client.call("DEBUG", "SLEEP", "0.02")
    text = client.call("LATENCY", "DOCTOR").decode()
    assert "1. command: 1 latency spikes" in text
    assert "SLOWLOG GET" in text
    client.call("CONFIG", "SET", "latency-monitor-threshold", "0")
    assert b"CONFIG SET latency-monitor-threshold" in client.call("LATENCY", "DOCTOR")


def test_histograms_count_calls_by_duration(client: Connection):
    client.call("CONFIG", "RESETSTAT")
    for _ in range(20):
        client.call("STRLEN", "a")
    client.call("DEBUG", "SLEEP", "0.02")
    found = client.call("LATENCY", "HISTOGRAM", "strlen", "DEBUG", "nosuch")
    by_name = dict(zip(found[::2], found[1::2], strict=True))
    assert set(by_name) == {b"strlen", b"debug"}
    assert by_name[b"strlen"][1] == 20
    assert by_name[b"strlen"][3][-1] == 20
    # 2^24 and 2^25 nanoseconds, each with 1/128 on top.
    assert by_name[b"debug"][3] in ([16908, 1], [33816, 1])
    subcommands = client.call("LATENCY", "HISTOGRAM", "config")
    assert subcommands[0].startswith(b"config|")


def events(client: Connection) -> set[str]:
    return {latest[0].decode() for latest in client.call("LATENCY", "LATEST")}


def wait_for_event(client: Connection, name: str) -> None:
    for _ in range(2000):
        if name in events(client):
            return
        time.sleep(0.005)
    raise AssertionError(f"no {name} among {sorted(events(client))}")


@pytest.fixture(params=["ours", "valkey91"])
def watched(request: pytest.FixtureRequest) -> Iterator[Connection]:
    """Ours and a real server by turns, which tell of what takes a millisecond."""
    server: Server = request.getfixturevalue(request.param)
    with server.connect() as connection:
        connection.call("FLUSHALL", "SYNC")
        connection.call("CONFIG", "SET", "latency-monitor-threshold", "1")
        connection.call("LATENCY", "RESET")
        yield connection
        connection.call("CONFIG", "SET", "latency-monitor-threshold", "0")
        connection.call("CONFIG", "SET", "maxmemory", "0", "maxmemory-policy", "noeviction")
        connection.call("FLUSHALL", "SYNC")


def test_a_long_eviction_is_an_event(watched: Connection):
    watched.call("DEBUG", "POPULATE", "100000", "key", "100")
    watched.call("CONFIG", "SET", "maxmemory-policy", "allkeys-random")
    watched.call("CONFIG", "SET", "maxmemory-eviction-tenacity", "100")
    watched.call("CONFIG", "SET", "maxmemory", "1")
    assert watched.call("DBSIZE") == 0
    watched.call("CONFIG", "SET", "maxmemory-eviction-tenacity", "10")
    assert "eviction-cycle" in events(watched)


def test_many_keys_that_expire_at_once_are_an_event(watched: Connection):
    watched.call("DEBUG", "SET-ACTIVE-EXPIRE", "0")
    for start in range(0, 100_000, 10_000):
        numbers = range(start, start + 10_000)
        watched.pipeline([("SET", f"key:{number}", "x", "PX", "1") for number in numbers])
    watched.call("LATENCY", "RESET")
    watched.call("DEBUG", "SET-ACTIVE-EXPIRE", "1")
    wait_for_event(watched, "expire-cycle")


def test_a_new_manifest_that_the_disk_is_slow_to_take_is_an_event(tmp_path, monkeypatch):
    seconds = itertools.count()
    monkeypatch.setattr(append_only, "monotonic_seconds", lambda: float(next(seconds)))
    with rubellite.open(tmp_path) as store:
        client = store.redis()
        client.config_set("latency-monitor-threshold", 1000)
        client.set("key", "value")
        client.bgrewriteaof()
        [latest] = client.execute_command("LATENCY", "LATEST")
        assert (latest[0], latest[2]) == (b"aof-rename", 1000)


def test_columns_have_the_height_of_their_samples():
    # What Valkey 9.1 drew of these samples.
    samples = [(8, 30), (7, 100), (6, 23), (5, 50), (4, 60), (3, 91), (1, 300)]
    assert graph(event(*samples), NOW).split("-" * 80 + "\n")[1] == (
        "      #\n      |\n _    |\n_|_oo#|\n       \n8765431\nsssssss\n"
    )


def test_ages_are_written_downwards():
    text = graph(event((200_000, 1), (7200, 2), (150, 3), (12, 4)), NOW)
    assert text.splitlines()[-3:] == ["2221", "dhm2", "   s"]


def test_long_series_are_drawn_in_pieces():
    text = graph(event(*((100 - ago, 10 + ago) for ago in range(100))), NOW)
    assert max(map(len, text.splitlines()[1:])) == 80


def test_the_doctor_names_each_problem_once():
    text = doctor([event((5, 20)), event((3, 30), (1, 50))], 10, NOW)
    assert "2. command: 2 latency spikes (average 40ms, mean deviation 10ms" in text
    assert text.count("slow log") == 1
