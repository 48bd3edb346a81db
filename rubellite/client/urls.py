"""`rubellite.connect()`: a redis-py client of whatever a URL or a path names.

redis://[[user]:password@]host[:port][/db][?option=value]     a server; rediss:// with TLS
unix://[[user]:password@]/path/of/socket[?db=0]               a server's Unix socket
redis+sentinel://[[user]:password@]host[:port],…/service[/db] what the sentinels call the master
redis+cluster://[[user]:password@]host[:port],…               a cluster, by some of its nodes
data/                                                         a directory: the embedded store
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urlsplit

import redis
import redis.cluster
import redis.connection
import redis.sentinel

_SCHEMES = ("redis", "rediss", "unix", "redis+sentinel", "redis+cluster")
_SENTINEL_PORT = 26379
_SERVER_PORT = 6379


@dataclass(frozen=True, slots=True)
class Target:
    """What a URL or a path names, for clients of both kinds.

    kind: `directory` or `server`, by `text`; the service `text` of a `sentinel` or the
    `cluster`, by `hosts`. `settings` are all options for the clients of these two.
    """

    kind: str
    text: str
    hosts: list[tuple[str, int]] = field(default_factory=list)
    settings: dict[str, Any] = field(default_factory=dict)


def target_of(where: str | os.PathLike[str], options: dict[str, Any]) -> Target:
    """What `where` names. Fails with `ValueError` for a URL that cannot be."""
    text = os.fspath(where)
    scheme, mark, _ = text.partition("://")
    if not mark:
        if not text:
            raise ValueError("an empty path names no data directory")
        return Target("directory", text)
    scheme = scheme.lower()
    if scheme not in _SCHEMES:
        raise ValueError(
            f'URL scheme "{scheme}" is unknown (use {", ".join(_SCHEMES)}, or a path without "://")'
        )
    if scheme == "redis+sentinel":
        return _behind_sentinels(text, options)
    if scheme == "redis+cluster":
        return _cluster(text, options)
    return Target("server", text)


def connect_to(
    where: str | os.PathLike[str], options: dict[str, Any]
) -> redis.Redis | redis.cluster.RedisCluster:
    """A client of what `where` names; see `rubellite.connect`."""
    target = target_of(where, options)
    if target.kind == "directory":
        from rubellite.client.redis_api import Redis

        return Redis(target.text, **options)
    if target.kind == "sentinel":
        # The URL's user and password are the servers'; the sentinels may have their own.
        own = target.settings.pop("sentinel_kwargs", None)
        sentinel = redis.sentinel.Sentinel(target.hosts, sentinel_kwargs=own, **target.settings)
        client: redis.Redis = sentinel.master_for(target.text)
        return client
    if target.kind == "cluster":
        nodes = [redis.cluster.ClusterNode(host, port) for host, port in target.hosts]
        return redis.cluster.RedisCluster(startup_nodes=nodes, **target.settings)
    return redis.Redis.from_url(target.text, **options)


def _behind_sentinels(url: str, options: dict[str, Any]) -> Target:
    hosts, path, found = _parts(url, _SENTINEL_PORT)
    service, _, database = path.partition("/")
    if not service:
        raise ValueError("a redis+sentinel URL ends in the name of a service: …/mymaster")
    if database and not (database.isascii() and database.isdigit()):
        raise ValueError(f'database "{database}" is not a number')
    settings = {**found, "db": int(database or 0), **options}
    return Target("sentinel", unquote(service), hosts, settings)


def _cluster(url: str, options: dict[str, Any]) -> Target:
    hosts, path, found = _parts(url, _SERVER_PORT)
    if path not in ("", "0"):
        raise ValueError("a cluster has no databases but 0")
    return Target("cluster", "", hosts, {**found, **options})


def _parts(url: str, port: int) -> tuple[list[tuple[str, int]], str, dict[str, Any]]:
    """The hosts of a URL with several of them, its path, and what it says to redis-py."""
    split = urlsplit(url)
    user, at, names = split.netloc.rpartition("@")
    hosts = [_host(name, port) for name in names.split(",")]
    # User, password and the options after `?` mean what they mean to redis-py.
    plain = f"redis://{user}{at}localhost" + (f"?{split.query}" if split.query else "")
    found: dict[str, Any] = dict(redis.connection.parse_url(plain))
    del found["host"]
    return hosts, split.path.strip("/"), found


def _host(text: str, port: int) -> tuple[str, int]:
    try:
        split = urlsplit(f"//{text}")
        name, own = split.hostname, split.port
    except ValueError:
        name, own = None, None
    if not name:
        raise ValueError(f'"{text}" is not a host or host:port')
    return name, port if own is None else own
