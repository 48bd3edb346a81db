"""`connect()`, sync and asyncio: the same on a directory, a server, sentinels and a cluster."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import redis

import rubellite
import rubellite.asyncio
from tests import oracles
from tests.oracles import Server

_WAIT_SECONDS_MAX = 20.0


def scenario(client: Any) -> None:
    client.delete("{c}s", "{c}l")
    client.set("{c}s", "value", ex=100)
    assert client.rpush("{c}l", "a", "b") == 2
    assert client.get("{c}s") == "value"
    assert client.ttl("{c}s") == 100
    with client.pipeline() as pipeline:
        assert pipeline.lpop("{c}l").llen("{c}l").execute() == ["a", 1]


def async_scenario(where: Any) -> Any:
    """The same calls through `rubellite.asyncio.connect`; its client, closed."""

    async def main() -> Any:
        client: Any = rubellite.asyncio.connect(where, decode_responses=True)
        await client.delete("{c}s", "{c}l")
        await client.set("{c}s", "value", ex=100)
        assert await client.rpush("{c}l", "a", "b") == 2
        assert await client.get("{c}s") == "value"
        async with client.pipeline() as pipeline:
            assert await pipeline.lpop("{c}l").llen("{c}l").execute() == ["a", 1]
        await client.aclose()
        return client

    return asyncio.run(main())


@contextmanager
def started(name: str, *arguments: str) -> Iterator[Server]:
    server = oracles.start(name, *arguments)
    try:
        yield server
    finally:
        server.stop()


def test_a_path_is_an_embedded_store(tmp_path: Path):
    for where in (tmp_path / "data", str(tmp_path / "data")):
        client: Any = rubellite.connect(where, decode_responses=True)
        scenario(client)
        client.close()
        assert client.store.is_closed
        assert async_scenario(where).store.is_closed


def test_a_server_by_port_and_database(ours: Server):
    url = f"redis://127.0.0.1:{ours.port}/3"
    client: Any = rubellite.connect(url, decode_responses=True)
    scenario(client)
    async_scenario(url)
    other: Any = rubellite.connect(url.removesuffix("3") + "0")
    assert client.exists("{c}s") == 1
    assert other.exists("{c}s") == 0
    client.flushdb()
    client.close()
    other.close()


def test_a_server_by_its_unix_socket(tmp_path: Path):
    path = tmp_path / "socket"
    with started(oracles.OURS, "--unixsocket", str(path)):
        client: Any = rubellite.connect(f"unix://{path}?db=1", decode_responses=True)
        scenario(client)
        client.close()
        async_scenario(f"unix://{path}?db=1")


def test_a_cluster_by_a_node():
    with started("valkey91", "--cluster-enabled", "yes") as server:
        with server.connect() as connection:
            connection.call("CLUSTER", "ADDSLOTSRANGE", "0", "16383")
            deadline = time.monotonic() + _WAIT_SECONDS_MAX
            while b"cluster_state:ok" not in connection.call("CLUSTER", "INFO"):
                assert time.monotonic() < deadline
        url = f"redis+cluster://127.0.0.1:{server.port}"
        client: Any = rubellite.connect(url, decode_responses=True)
        scenario(client)
        client.close()
        async_scenario(url)


def test_what_the_sentinels_call_the_master(tmp_path: Path):
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("no redis-server, which is the sentinel")
    with started("redis70", "--requirepass", "") as master:
        port = oracles._free_port()
        config = tmp_path / "sentinel.conf"
        config.write_text(
            f"port {port}\nbind 127.0.0.1\ndir {tmp_path}\n"
            f"sentinel monitor mymaster 127.0.0.1 {master.port} 1\n"
        )
        sentinel = subprocess.Popen([program, str(config), "--sentinel"], stdout=subprocess.DEVNULL)
        try:
            # The second one listed is not there: the first that answers counts.
            url = f"redis+sentinel://127.0.0.1:{port},127.0.0.1:1/mymaster/2"
            client: Any = rubellite.connect(url, decode_responses=True)
            deadline = time.monotonic() + _WAIT_SECONDS_MAX
            while True:
                try:
                    client.ping()
                    break
                except redis.ConnectionError:
                    assert time.monotonic() < deadline
            scenario(client)
            client.close()
            async_scenario(url)
        finally:
            sentinel.kill()
            sentinel.wait()


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://example.org", 'scheme "http" is unknown'),
        ("", "empty path"),
        ("redis+sentinel://host:1", "name of a service"),
        ("redis+sentinel://host:1/mymaster/x", 'database "x" is not a number'),
        ("redis+sentinel://host:x/mymaster", '"host:x" is not a host'),
        ("redis+cluster://:secret@a:1,/", '"" is not a host'),
        ("redis+cluster://host:1/4", "no databases but 0"),
    ],
)
def test_urls_that_cannot_be_are_refused_without_their_password(url: str, words: str):
    for connect in (rubellite.connect, rubellite.asyncio.connect):
        with pytest.raises(ValueError, match=words) as caught:
            connect(url)
        assert "secret" not in str(caught.value)


def test_importing_the_package_does_not_import_redis():
    program = "import sys, rubellite; sys.exit('redis' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
