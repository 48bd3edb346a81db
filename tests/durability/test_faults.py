"""Disks that fail and power that is cut, for a few seconds; the long runs are programs."""

from __future__ import annotations

import errno
import os
import re
import secrets
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests import oracles
from tests.durability import disk
from tests.durability.disk import Disk, Layer
from tests.wire import Connection

SECONDS = float(os.environ.get("RUBELLITE_FAULT_SECONDS", "3"))


def test_after_any_failure_of_the_disk_nothing_acknowledged_is_lost():
    seed = secrets.randbelow(1 << 32)
    arguments = ["--within", "--seconds", str(SECONDS), "--seed", str(seed)]
    printed = disk.run_within("tests.durability.faults", arguments, SECONDS + 60)
    met = re.search(r"(\d+) failures met", printed)
    assert met is not None, printed
    assert int(met[1]) > 0, printed


def test_after_a_loss_of_power_nothing_acknowledged_is_lost():
    seed = secrets.randbelow(1 << 32)
    arguments = ["--within", "--rounds", "1", "--steps", "25", "--cuts", "40"]
    printed = disk.run_within("tests.durability.power", [*arguments, "--seed", str(seed)], 60)
    moments = [int(number) for number in re.findall(r": (\d+) moments", printed)]
    assert len(moments) == 4, printed
    assert min(moments) > 0, printed


def left_of(tmp_path: Path, *lines: str) -> dict[str, bytes]:
    """What a process that does so leaves behind when the power fails."""
    folder = tmp_path / "data"
    folder.mkdir()
    layer = Layer(folder, keeps_log=True)
    code = "\n".join(("import os, sys", "os.chdir(sys.argv[1])", *lines))
    try:
        subprocess.run(
            [sys.executable, "-c", code, str(folder)],
            env={**os.environ, **layer.environment},
            check=True,
            timeout=20,
        )
        after = Disk(folder)
        after.replay(layer.new_records())
    finally:
        layer.close()
    after.lose_power(tmp_path / "after")
    return {path.name: path.read_bytes() for path in (tmp_path / "after").iterdir()}


def test_what_nobody_forced_to_disk_is_gone(tmp_path: Path):
    """Or the tests above would prove nothing."""
    left = left_of(
        tmp_path,
        "a, b, c = (os.open(name, os.O_CREAT | os.O_RDWR) for name in 'abc')",
        "[os.write(file, b'kept') for file in (a, b)]",
        "[os.fsync(file) for file in (a, b, c)]",
        "folder = os.open('.', os.O_RDONLY); os.fsync(folder)",
        "os.write(a, b' lost'); os.truncate('b', 2)",
        "os.rename('c', 'd'); os.open('e', os.O_CREAT | os.O_RDWR)",
    )
    assert left == {"a": b"kept", "b": b"kept", "c": b""}


def test_what_was_forced_to_disk_is_there(tmp_path: Path):
    left = left_of(
        tmp_path,
        "a, b = (os.open(name, os.O_CREAT | os.O_RDWR) for name in 'ab')",
        "os.write(a, b'0123456789'); os.ftruncate(a, 4); os.fsync(a)",
        "os.pwrite(a, b'xy', 1); os.fdatasync(a)",
        "os.rename('a', 'c'); os.unlink('b')",
        "os.fsync(os.open('.', os.O_RDONLY))",
    )
    assert left == {"c": b"0xy3"}


@pytest.mark.parametrize("kind", ["write", "sync"])
def test_writers_hear_what_redis_would_say(kind: str):
    """The real server stands on the same disk."""
    replies = [refused(name, kind) for name in ("ours", "redis70")]
    assert replies[0] == replies[1]


@contextmanager
def on_faulty_disk(name: str, policy: str) -> Iterator[tuple[Layer, Connection]]:
    """A server with an append-only file on a disk that fails when its layer is told to."""
    try:
        server = oracles.start(name)
    except oracles.ServerUnavailableError as problem:
        pytest.skip(str(problem))
    layer = Layer(server.directory)
    try:
        server.extra_arguments = ("--appendonly", "yes", "--appendfsync", policy)
        server.environment = layer.environment
        server.restart()
        with server.connect() as connection:
            yield layer, connection
    finally:
        server.stop()
        layer.close()


def refused(name: str, kind: str) -> tuple[str, str]:
    """What a writer and who asks for a sign of life hear while the disk is full."""
    with on_faulty_disk(name, "everysec") as (layer, connection):
        layer.arm(kind, error=errno.ENOSPC)
        reply = until(connection, lambda reply: reply.startswith("MISCONF"))
        found = reply, str(connection.call("PING"))
        layer.disarm()
        if name == "ours":
            # Redis 7.0 does not always come back.
            until(connection, lambda reply: reply.isdigit())
        return found


def until(connection: Connection, holds: Callable[[str], bool]) -> str:
    """Writes until the reply is as wanted."""
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline:
        reply = str(connection.call("INCR", "count"))
        if holds(reply):
            return reply
    raise AssertionError(reply)


def test_what_was_lost_is_said_until_all_is_written_anew():
    """With `appendfsync no` there is no copy of what a failed fsync lost."""
    with on_faulty_disk("ours", "no") as (layer, connection):
        connection.call("SET", "key", "value")
        layer.arm("sync", error=errno.EIO)
        assert connection.call("WAITAOF", 1, 0, 0) == [0, 0]
        assert status(connection) == "err"
        layer.disarm()
        deadline = time.monotonic() + 30
        while status(connection) != "ok":
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert connection.call("WAITAOF", 1, 0, 0) == [1, 0]


def status(connection: Connection) -> str:
    text = connection.call("INFO", "persistence").decode()
    return str(re.findall(r"aof_last_write_status:(\w+)", text)[0])
