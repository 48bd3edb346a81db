"""MEMORY over sockets."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from tests import oracles
from tests.oracles import Server
from tests.wire import NULL, Connection, Map, Status, Verbatim, encode


@pytest.fixture
def client(server: Server) -> Iterator[Connection]:
    with server.connect(3) as connection:
        connection.call("FLUSHALL")
        connection.call("SCRIPT", "FLUSH")
        wait_until_freed(connection)
        yield connection


def wait_until_freed(client: Connection) -> None:
    """Until values and clients of the test before are gone; a busy machine is late with both."""
    for _ in range(100_000):
        is_freed = info(client)["lazyfree_pending_objects"] == "0"
        if is_freed and len(client.call("CLIENT", "LIST").decode().splitlines()) == 1:
            return
    raise AssertionError("values that were flushed, or clients that left, are still there")


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


def settled(ask: Callable[[], str]) -> str:
    """The answer once it has stayed the same for a while."""
    last, same = "", 0
    for _ in range(10_000):
        answer = ask()
        same = same + 1 if answer == last else 0
        last = answer
        if same == 20:
            return answer
    raise AssertionError(f"it does not settle: {last}")


def info(client: Connection) -> dict[str, str]:
    text = client.call("INFO", "memory").decode()
    pairs = (line.partition(":") for line in text.splitlines())
    return {name: value for name, _, value in pairs if value}


def grown(client: Connection, before: dict[str, str], field: str) -> int:
    return int(info(client)[field]) - int(before[field])


def test_info_and_stats_agree(client: Connection):
    client.call("DEBUG", "POPULATE", "100000", "key", "100")
    fields, found = info(client), stats(client)
    assert int(fields["used_memory"]) == pytest.approx(found[b"total.allocated"], rel=0.01)
    assert int(fields["used_memory_overhead"]) == pytest.approx(found[b"overhead.total"], rel=0.01)
    assert int(fields["used_memory_dataset"]) == pytest.approx(found[b"dataset.bytes"], rel=0.01)
    used, overhead = int(fields["used_memory"]), int(fields["used_memory_overhead"])
    assert int(fields["used_memory_dataset"]) == used - overhead
    assert 80 < float(fields["used_memory_dataset_perc"].rstrip("%")) < 100


def test_loaded_data_are_data_and_not_what_was_there_at_the_start(server: Server):
    with server.connect() as client:
        client.call("DEBUG", "POPULATE", "100000", "key", "100")
        assert client.call("SAVE") == "OK"
        before = info(client)
    server.restart()
    with server.connect() as client:
        after = info(client)
        client.call("FLUSHALL")
        client.call("SAVE")
    assert int(after["used_memory_startup"]) < 3_000_000
    data = int(before["used_memory_dataset"])
    assert int(after["used_memory_dataset"]) == pytest.approx(data, rel=0.1)


def test_scripts_and_their_interpreter_are_no_data(client: Connection):
    before = info(client)
    client.call("EVAL", "kept = nil; local t = {} for i = 1, 3e5 do t[i] = {i} end return #t", "0")
    for number in range(200):
        client.call("EVAL", f"return {number} -- {'x' * 5000}", "0")
    assert grown(client, before, "used_memory_vm_eval") > 20_000
    assert grown(client, before, "used_memory_scripts_eval") > 1_000_000
    assert grown(client, before, "used_memory_overhead") > 1_000_000
    assert abs(grown(client, before, "used_memory_dataset")) < 500_000
    client.call("SCRIPT", "FLUSH", "SYNC")
    assert grown(client, before, "used_memory_scripts_eval") <= 0


def test_what_clients_hold_is_no_data(server: Server, client: Connection):
    before = info(client)
    with server.connect() as writer:
        # A command of which half has come.
        writer.send_raw(b"*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$9000000\r\n" + b"x" * 8_000_000)
        for _ in range(500):
            if grown(client, before, "mem_clients_normal") > 7_000_000:
                break
        assert grown(client, before, "mem_clients_normal") > 7_000_000
        assert grown(client, before, "used_memory_overhead") > 7_000_000
        assert abs(grown(client, before, "used_memory_dataset")) < 500_000


@pytest.mark.parametrize("size", [15_000, 150_000])
def test_replies_that_nobody_reads_are_no_data(server: Server, client: Connection, size: int):
    client.call("SET", "big", "x" * size)
    before = info(client)
    with server.connect() as lazy:
        lazy.send_raw(encode(["GET", "big"]) * (30_000_000 // size))
        assert int(settled(lambda: lazy_facts(client)["omem"])) > 20_000_000
        # Large values are shared with the keyspace, small ones copied, without much air.
        held = grown(client, before, "mem_clients_normal")
        assert grown(client, before, "used_memory") == pytest.approx(held, rel=0.1, abs=200_000)
        assert held < 1_000_000 if size > 16_384 else held > 20_000_000
        client.call("DEL", "big")
        assert abs(grown(client, before, "used_memory_dataset")) < 300_000


def lazy_facts(client: Connection) -> dict[str, str]:
    """CLIENT LIST's line of the client with the largest output."""
    lines = client.call("CLIENT", "LIST").decode().splitlines()
    clients = [dict(word.split("=", 1) for word in line.split(" ")) for line in lines]
    return max(clients, key=lambda facts: int(facts["omem"]))


def test_an_idle_client_is_counted_with_all_that_is_kept_for_it(server: Server, client: Connection):
    with ExitStack() as stack:
        before = info(client)
        for _ in range(500):
            stack.enter_context(server.connect()).call("PING")
        counted = grown(client, before, "mem_clients_normal") / 500
        taken = grown(client, before, "used_memory") / 500
    assert counted < taken < 1000
    assert counted > taken * 0.75


def test_what_waits_for_the_append_only_file_is_no_data():
    server = oracles.start("ours", "--appendonly", "yes", "--appendfsync", "everysec")
    try:
        with server.connect() as client:
            before = info(client)
            client.pipeline([("SET", f"key:{n}", "x" * 10_000) for n in range(1000)])
            fields = info(client)
            buffered = int(fields["mem_aof_buffer"])
            assert buffered > 0
            assert fields["mem_not_counted_for_evict"] == fields["mem_aof_buffer"]
            assert grown(client, before, "used_memory_dataset") == pytest.approx(1e7, rel=0.15)
    finally:
        server.stop()


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


def test_the_doctor_names_a_peak(client: Connection):
    client.call("DEBUG", "POPULATE", "100000", "key", "600")
    client.pipeline([("DEL", f"key:{number}") for number in range(80_000)])
    assert b"Peak: " in client.call("MEMORY", "DOCTOR")


def test_the_doctor_names_fragmentation(client: Connection):
    client.call("DEBUG", "POPULATE", "200000", "key", "110")
    client.pipeline([("DEL", f"key:{number}") for number in range(200_000) if number % 5])
    text = client.call("MEMORY", "DOCTOR").decode()
    assert "Fragmentation: " in text
    assert "activedefrag" in text


def test_the_doctor_names_memory_that_is_held_back(client: Connection):
    client.call("DEBUG", "POPULATE", "100000", "key", "1000")
    client.call("FLUSHALL", "SYNC")
    client.call("DEBUG", "POPULATE", "50000", "key", "100")
    wait_until_freed(client)
    assert b"Held back: " in client.call("MEMORY", "DOCTOR")


def test_the_doctor_names_scripts_without_end(client: Connection):
    client.pipeline([("SCRIPT", "LOAD", f"return {number}") for number in range(1100)])
    text = client.call("MEMORY", "DOCTOR").decode()
    client.call("SCRIPT", "FLUSH")
    assert "Scripts: 1100 are kept" in text


#: In a process of its own: other tests leave memory that the system takes back meanwhile.
APPLICATION = """
import rubellite

with rubellite.open() as store:
    for number in range(100_000):
        store.set(f"key:{number}", b"x" * 100)
    print(store.call("MEMORY", "DOCTOR").decode().replace("\\n", " "))
    own = bytearray(b"x") * (220 << 20)
    print(store.call("MEMORY", "DOCTOR").decode().replace("\\n", " "))
"""


def test_the_doctor_tells_the_applications_memory_from_the_stores():
    command = [sys.executable, "-c", APPLICATION]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    before, after = done.stdout.splitlines()
    assert "Outside: " not in before
    assert "Outside: the process has grown by 2" in after


def test_a_reset_forgets_what_was_freed_and_moved(client: Connection):
    client.pipeline([("SADD", "set", *map(str, range(n, n + 100))) for n in range(0, 50_000, 100)])
    client.call("UNLINK", "set")
    for _ in range(500):
        if int(info(client)["lazyfreed_objects"]):
            break
    assert int(info(client)["lazyfreed_objects"]) > 0
    client.call("CONFIG", "RESETSTAT")
    assert info(client)["lazyfreed_objects"] == "0"


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
