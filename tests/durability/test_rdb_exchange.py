"""Files go from server to server, ours and the real ones, and the data stay the same."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest

from tests import oracles
from tests.durability.data import FAR_MS, LIMITS, digest, fill
from tests.oracles import ORACLES, Server
from tests.wire import Connection


@pytest.fixture(scope="module")
def servers() -> Iterator[dict[str, Server]]:
    """Ours and all real servers that there are."""
    found: dict[str, Server] = {}
    for name in ("ours", *ORACLES):
        try:
            found[name] = oracles.start(name)
        except oracles.ServerUnavailableError as problem:
            if name != "redis70":
                pytest.fail(str(problem), pytrace=False)
    yield found
    for server in found.values():
        server.stop()


def hand_over(giver: Server, taker: Server) -> Connection:
    """Lets `giver` save its data, and `taker` load them in the place of its own."""
    with giver.connect() as connection:
        assert connection.call("SAVE") == "OK"
    shutil.copy(giver.directory / "dump.rdb", taker.directory / "dump.rdb")
    connection = taker.connect()
    assert connection.call("DEBUG", "RELOAD", "NOSAVE") == "OK", taker.log()[-2000:]
    return connection


@pytest.mark.parametrize("limits", LIMITS)
@pytest.mark.parametrize("compression", ["yes", "no"])
@pytest.mark.parametrize("name", ORACLES)
def test_the_real_servers_and_we_load_each_others_files(servers, name, compression, limits):
    if name not in servers:
        pytest.skip(f"{name} is not installed")
    real, ours = servers[name], servers["ours"]
    with real.connect() as connection:
        before = [
            str(part, "utf-8") if isinstance(part, bytes) else str(part)
            for setting in LIMITS[limits][::2]
            for part in connection.call("CONFIG", "GET", setting)
        ]
        connection.call("CONFIG", "SET", "rdbcompression", compression, *LIMITS[limits])
        fill(connection)
        if before:
            connection.call("CONFIG", "SET", *before)
        expected = digest(connection)
        size = connection.call("DBSIZE")
    with ours.connect() as connection:
        connection.call("CONFIG", "SET", "rdbcompression", compression)
    with hand_over(real, ours) as connection:
        assert connection.call("DBSIZE") == size
        assert digest(connection) == expected
    for taker in [server for other, server in servers.items() if other != "ours"]:
        with hand_over(ours, taker) as connection:
            assert connection.call("DBSIZE") == size
            assert digest(connection) == expected, taker.name


@pytest.mark.parametrize("count", [3, 1000])
@pytest.mark.parametrize(("name", "format"), [("redis82", "redis12"), ("valkey91", "valkey80")])
def test_deadlines_of_fields_survive(servers, name, format, count):
    real, ours = servers[name], servers["ours"]
    fields = [f"field:{index}" for index in range(count)]
    with real.connect() as connection:
        connection.call("FLUSHALL")
        connection.call("HSET", "hash", *[part for field in fields for part in (field, "value")])
        for index in range(0, count, 2):
            connection.call("HPEXPIREAT", "hash", FAR_MS + index, "FIELDS", 1, fields[index])
        asked = ("HPEXPIRETIME", "hash", "FIELDS", count, *fields)
        expected = connection.call(*asked)
        assert expected[:2] == [FAR_MS, -1]
        expected_digest = digest(connection)
    for ours_format in ("redis10", format):
        hand_over(real, ours).close()
        with ours.connect() as connection:
            connection.call("CONFIG", "SET", "rdb-format", ours_format)
            # Through our own file, too.
            assert connection.call("DEBUG", "RELOAD") == "OK"
        with hand_over(ours, real) as connection:
            # Redis's own format of old has no room for them.
            if ours_format == format:
                assert digest(connection) == expected_digest
                assert connection.call(*asked) == expected
            else:
                assert set(connection.call(*asked)) == {-1}
        with ours.connect() as connection:
            connection.call("CONFIG", "SET", "rdb-format", format)
        # The deadlines were with us all the time.
        with hand_over(ours, real) as connection:
            assert connection.call(*asked) == expected
    with ours.connect() as connection:
        connection.call("CONFIG", "SET", "rdb-format", "redis10")


@pytest.mark.parametrize("name", ORACLES)
def test_dumps_go_both_ways(servers, name):
    if name not in servers:
        pytest.skip(f"{name} is not installed")
    with servers[name].connect() as real, servers["ours"].connect() as ours:
        fill(real)
        ours.call("FLUSHALL")
        for key in real.call("KEYS", "*"):
            dumped = real.call("DUMP", key)
            assert ours.call("RESTORE", key, 0, dumped) == "OK", key
            assert ours.call("RESTORE", key, 0, dumped) == (
                "BUSYKEY Target key name already exists."
            )
            expected = real.call("DEBUG", "DIGEST-VALUE", key)
            again = ours.call("DUMP", key)
            ttl = max(real.call("PTTL", key), 0)
            assert real.call("RESTORE", key, ttl, again, "REPLACE") == "OK"
            assert real.call("DEBUG", "DIGEST-VALUE", key) == expected, key


def test_the_oldest_encodings_are_read(servers):
    """Nobody writes these any more; Redis 7.0 still reads them and tells what they hold."""
    if "redis70" not in servers:
        pytest.skip("redis70 is not installed")
    zipmap = b"\x02\x03foo\x03\x00bar\x01a\x02\x01xy\x00\xff"
    ziplist = _ziplist(
        [b"\x01a", b"\x02bc", b"\xfe\x07", b"\xf5", b"\xc0\x10\x27", b"\x40\x45" + b"k" * 69]
    )
    values = {
        "hash:zipmap": b"\x09" + _string(zipmap),
        "list:ziplist": b"\x0a" + _string(ziplist),
        "hash:ziplist": b"\x0d" + _string(ziplist),
        "zset:ziplist": b"\x0c" + _string(_ziplist([b"\x01a", b"\xf2", b"\x01b", b"\x033.5"])),
        "list:quicklist": b"\x0e\x02" + _string(ziplist) + _string(ziplist),
        "list:plain": b"\x01\x03\x01a\xc0\x05\xc3\x09\x28\x01aa\xe0\x1b\x00\x01aa",
        "zset:text": b"\x03\x03\x01a\x043.25\x01b\xff\x01c\xfe",
        "set:intset32": b"\x0b" + _string(b"\x04\0\0\0\x02\0\0\0\xff\xff\xff\xff\x70\x11\x01\x00"),
    }
    with servers["redis70"].connect() as real, servers["ours"].connect() as ours:
        for key, value in values.items():
            payload = _sealed(value)
            for connection in (real, ours):
                reply = connection.call("RESTORE", key, 0, payload, "REPLACE")
                assert reply == "OK", (key, reply)
            asked = ("DEBUG", "DIGEST-VALUE", key)
            assert ours.call(*asked) == real.call(*asked), key


def _string(bytes_: bytes) -> bytes:
    assert len(bytes_) < 16384
    return bytes([0x40 | len(bytes_) >> 8, len(bytes_) & 255]) + bytes_


def _ziplist(entries: list[bytes]) -> bytes:
    body, previous, tail = b"", 0, 10
    for entry in entries:
        tail = 10 + len(body)
        whole = bytes([previous]) + entry
        body += whole
        previous = len(whole)
    total = 10 + len(body) + 1
    head = total.to_bytes(4, "little") + tail.to_bytes(4, "little")
    return head + len(entries).to_bytes(2, "little") + body + b"\xff"


def _sealed(value: bytes) -> bytes:
    body = value + (6).to_bytes(2, "little")
    return body + _crc64(body).to_bytes(8, "little")


def _crc64(bytes_: bytes) -> int:
    """Jones's CRC-64, bit by bit."""
    checksum = 0
    for byte in bytes_:
        checksum ^= byte
        for _ in range(8):
            checksum = checksum >> 1 ^ (0x95AC9329AC4BC9B5 if checksum & 1 else 0)
    return checksum


def test_a_damaged_file_is_refused_with_the_place(servers):
    ours = servers["ours"]
    with servers["valkey91"].connect() as connection:
        fill(connection)
    with hand_over(servers["valkey91"], ours) as connection:
        connection.call("SAVE")
        path = ours.directory / "dump.rdb"
        whole = path.read_bytes()
        expected = digest(connection)
        path.write_bytes(whole[: len(whole) // 2])
        reply = connection.call("DEBUG", "RELOAD", "NOSAVE")
        assert reply == "ERR Error trying to load the RDB dump, check server logs."
        # Nothing of the damaged file is there, and nothing of the data is gone.
        assert digest(connection) == expected
        assert f"dump.rdb: at offset {len(whole) // 2}: the file ends here" in ours.log()
        path.write_bytes(whole)
        assert connection.call("DEBUG", "RELOAD", "NOSAVE") == "OK"
        assert digest(connection) == expected
