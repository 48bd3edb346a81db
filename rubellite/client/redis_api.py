"""`rubellite.Redis`: a genuine redis-py client whose plain calls run in this process.

A call of a command goes straight into the engine (the public `execute_command` is
overridden), or to the process that has it; pipelines, transactions, pub/sub and commands
that wait go through redis-py's own connection to the store's Unix socket. Replies and
exceptions are the same both ways.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any

import redis
from redis.backoff import NoBackoff
from redis.exceptions import (
    AuthenticationError,
    BusyLoadingError,
    ConnectionError,
    ExecAbortError,
    NoPermissionError,
    NoScriptError,
    OutOfMemoryError,
    ReadOnlyError,
    ResponseError,
)
from redis.retry import Retry
from redis.utils import get_lib_version

from rubellite.client import redis_connections
from rubellite.client.redis_connections import CallLostError
from rubellite.client.routes import Routes
from rubellite.errors import OutcomeUnknown, ReplyError

try:
    from redis import driver_info
except ImportError:
    # An older redis-py.
    driver_info = None  # type: ignore[assignment]

if TYPE_CHECKING:
    from rubellite.client.store import Store

#: redis-py's exception for an error's first word; the word is left out of the text.
_BY_WORD: dict[str, type[ResponseError] | type[ConnectionError]] = {
    "ERR": ResponseError,
    "OOM": OutOfMemoryError,
    "WRONGPASS": AuthenticationError,
    "EXECABORT": ExecAbortError,
    "LOADING": BusyLoadingError,
    "NOSCRIPT": NoScriptError,
    "READONLY": ReadOnlyError,
    "NOAUTH": AuthenticationError,
    "NOPERM": NoPermissionError,
}


def as_redis_error(problem: ReplyError) -> Exception:
    """The exception that redis-py would have made of the error's line."""
    line = str(problem)
    word, _, text = line.partition(" ")
    kind = _BY_WORD.get(word)
    return ResponseError(line) if kind is None else kind(text)


def store_of(
    where: Store | str | os.PathLike[str] | None, options: dict[str, Any]
) -> tuple[Store, bool]:
    """The store meant, and whether it was opened just now.

    redis-py, and who builds on it, makes clients of a client's class and connection pool.
    """
    from rubellite.client.store import Store, open_store

    pool = options.get("connection_pool")
    if pool is not None:
        found = pool.connection_kwargs.get("store")
        if not isinstance(found, Store):
            raise ValueError("the connection pool is not that of a rubellite.Redis")
        return found, False
    if isinstance(where, Store):
        return where, False
    return open_store(where), True


def speaks_strict_utf8(encoder: Any) -> bool:
    """Whether the core makes text as `encoder` does; others take the long way."""
    is_utf8 = encoder.encoding.lower().replace("-", "") == "utf8"
    return bool(is_utf8 and encoder.encoding_errors == "strict")


def parses_as_core(client: Any) -> bool:
    """Whether redis-py makes the same of replies as the core does before its callbacks.

    The parser of 5.0 makes sets of RESP3's sets; later ones make lists, and a callback sets.
    """
    return _protocol_of(client) != 3 or "SMEMBERS" in client.response_callbacks


def _protocol_of(client: Any) -> int:
    protocol = client.connection_pool.connection_kwargs.get("protocol")
    return _default_protocol() if protocol is None else int(protocol)


def with_driver(options: dict[str, Any]) -> dict[str, Any]:
    """The options of a client, with what redis-py would say of itself.

    It would read its package's metadata for every client, which is most of the work.
    """
    if driver_info is None or options.keys() & {"driver_info", "lib_name", "lib_version"}:
        return options
    return {**options, "driver_info": driver_info.DriverInfo(lib_version=_library_version())}


@cache
def _library_version() -> str:
    return str(get_lib_version())


def direct_call(store: Store, client: Any, database: int) -> Callable[..., Any]:
    """Executes commands as `client`, sync or asyncio, would through a connection."""
    encoder = client.get_encoder()
    embedded = store.embed(
        _protocol_of(client),
        database,
        encoder.decode_responses,
        encoder.encode,
    )
    return embedded.call


def parsed_reply(
    call: Callable[..., Any],
    callback: Callable[..., Any] | None,
    args: tuple[Any, ...],
    options: dict[str, Any],
) -> Any:
    """The reply to a command after redis-py's `callback` for it."""
    try:
        reply = call(*args)
    except ReplyError as problem:
        if "EMPTY_RESPONSE" in options:
            return options["EMPTY_RESPONSE"]
        raise as_redis_error(problem) from None
    except OutcomeUnknown as problem:
        raise CallLostError(problem.command) from None
    if callback is None:
        return reply
    options.pop("EMPTY_RESPONSE", None)
    # For redis-py's cache only.
    options.pop("keys", None)
    return callback(reply, **options)


class Redis(redis.Redis):
    """A redis-py client of an embedded store.

    `Redis(store)`, `Redis("data/")` or, with a memory-only store of its own, `Redis()`.
    The other options are those of `redis.Redis`, but for what is about hosts and sockets.
    """

    def __init__(
        self, store: Store | str | os.PathLike[str] | None = None, *, db: int = 0, **options: Any
    ) -> None:
        self.store, self._owns_store = store_of(store, options)
        self._arguments = (db, options)
        is_single = bool(options.get("single_connection_client"))
        # A call whose outcome is unknown is not made again, unless that was asked for.
        chosen = {
            "retry": Retry(NoBackoff(), 0),
            "password": self.store.config.text("requirepass") or None,
            **options,
            "single_connection_client": False,
        }
        path = self.store.socket_path()
        super().__init__(unix_socket_path=path, db=db, **with_driver(chosen))
        pool: Any = self.connection_pool
        if "connection_pool" in options:
            db = pool.connection_kwargs.get("db", 0)
        else:
            redis_connections.use(pool, self.store, redis_connections.Connection)
        if is_single:
            self.connection = _connection_from(pool)
        self._is_direct = (
            speaks_strict_utf8(self.get_encoder())
            and parses_as_core(self)
            and not is_single
            and getattr(self.connection_pool, "cache", None) is None
        )
        self._call = direct_call(self.store, self, db)
        self._routes = Routes(self.store.commands)

    def execute_command(self, *args: Any, **options: Any) -> Any:
        """Executes a command and returns its parsed reply."""
        name = args[0]
        if not (self._is_direct and self._routes[name]) or self.store.wants_connections:
            return super().execute_command(*args, **options)
        if options and "NEVER_DECODE" in options:
            return super().execute_command(*args, **options)
        return parsed_reply(self._call, self.response_callbacks.get(name), args, options)

    def set(self, name: Any, value: Any, *args: Any, **options: Any) -> Any:
        """Sets the string at `name`; with the options of `redis.Redis.set`."""
        # redis-py looks through all its options, which takes longer than the rest.
        if args or options:
            return super().set(name, value, *args, **options)
        return self.execute_command("SET", name, value)

    def close(self) -> None:
        """Closes the client's connections, and its store if that was made for it."""
        super().close()
        if self._owns_store:
            self.store.close()

    def __reduce__(self) -> tuple[Any, ...]:
        db, options = self._arguments
        return again, (type(self), self.store, db, options)


def _connection_from(pool: Any) -> Any:
    try:
        return pool.get_connection()
    except TypeError:
        # redis-py 5.0 to 5.2 asks what for, and pays no heed.
        return pool.get_connection("_")


def again(kind: Any, store: Store, db: int, options: dict[str, Any]) -> Any:
    """The client that was pickled, of a store that was opened again."""
    return kind(store, db=db, **options)


@cache
def _default_protocol() -> int:
    """The protocol that this release of redis-py speaks unless it is told."""
    connection: Any = redis.UnixDomainSocketConnection()  # type: ignore[abstract]
    return int(getattr(connection, "protocol", 2))
