"""`open()` and the store that it gives: an engine in this process, with nothing to start.

The engine's own thread does what happens because time passes and serves sockets; the
calls of this process run in the threads that make them. Every store has a private Unix
socket, made when it is first needed: for redis-py's connections (pipelines, pub/sub,
commands that wait) and for children after a fork, who have no engine of their own.
"""

from __future__ import annotations

import atexit
import os
import threading
import weakref
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Self, TypeVar

from rubellite._core import EmbeddedSession, Engine, note_fork
from rubellite.client.containers import HashMap, ScoreMap, Sequence, StringSet
from rubellite.client.native import Native
from rubellite.client.streams import Stream
from rubellite.config import Config
from rubellite.extending import Source
from rubellite.extending.declaring import Reaction, declare, declare_trigger
from rubellite.server.app import assemble
from rubellite.server.logging import Log
from rubellite.spec.command import Command, Registry

if TYPE_CHECKING:
    from rubellite.client.redis_api import Redis

_START_SECONDS_MAX = 10.0

Handler = TypeVar("Handler", bound=Callable[..., Any])


class ProcessLog(Log):
    """The server's log as records of Python's `logging`, under the name `rubellite`."""

    def _write(self, level: int, text: str) -> None:
        import logging

        levels = (logging.DEBUG, logging.DEBUG, logging.INFO, logging.WARNING)
        logging.getLogger("rubellite").log(levels[level], text)


class Store(Native):
    """A Redis-compatible store in this process. Made by `rubellite.open()`.

    Safe to use from several threads. A context manager; `close()` is also called when
    the process ends.
    """

    def __init__(
        self,
        path: str | None,
        settings: dict[str, str],
        load: Iterable[Source] = (),
        commands: Callable[[], Registry] | None = None,
    ) -> None:
        defaults = {"port": "0", "loglevel": "notice"}
        if path is None:
            defaults["save"] = ""
        else:
            os.makedirs(path, exist_ok=True)
            defaults["dir"] = path
        #: The data directory; None: the data live in memory only.
        self.path = path
        self.config = Config({**defaults, **settings})
        log = ProcessLog(self.config)
        # Without a path nothing is loaded, but SAVE may be called.
        home = path or settings.get("dir")
        assembly = assemble(self.config, log, home=home, load=load, commands=commands)
        self.engine: Engine = assembly.engine
        if path is not None:
            try:
                assembly.load()
            except BaseException:
                # Whoever mends what was wrong may try again.
                assembly.snapshots.lock.release()
                raise
        self._saving = assembly.snapshots
        self._extensions = assembly.extensions
        self._directory: str | None = None
        self._closing = threading.Lock()
        self._is_closed = False
        self._is_elsewhere = False
        #: Whether redis-py's clients are to go through their connections, always.
        self._wants_connections = False
        #: Clients for commands that wait; none is used by two threads at once.
        self._waiting: deque[EmbeddedSession] = deque()
        #: The process that the engine lives in.
        self.process_id = os.getpid()
        self._thread = self._start_thread()
        super().__init__(self.session())
        _OPEN.add(self)

    def _start_thread(self) -> threading.Thread:
        is_ready = threading.Event()

        def run() -> None:
            self.engine.serve(
                [], None, handle_signals=False, on_ready=lambda _addresses: is_ready.set()
            )

        thread = threading.Thread(target=run, name="rubellite", daemon=True)
        thread.start()
        is_ready.wait(_START_SECONDS_MAX)
        return thread

    def _wait(self, *words: Any) -> Any:
        """Executes a command that may wait, without holding up the handle's other calls."""
        try:
            session = self._waiting.pop()
        except IndexError:
            session = self.session()
        try:
            return session.call(*words)
        finally:
            self._waiting.append(session)

    def session(self, database: int = 0, *, protocol: int = 3) -> EmbeddedSession:
        """A client of this store that is called directly; for what stands on top of it."""
        return self.engine.embed(protocol, database)

    def redis(self, db: int = 0, **options: Any) -> Redis:
        """A redis-py client of this store. `options` are those of `redis.Redis`."""
        from rubellite.client.redis_api import Redis

        return Redis(self, db=db, **options)

    def asyncio_redis(self, db: int = 0, **options: Any) -> Any:
        """A `redis.asyncio` client of this store."""
        from rubellite.client.asyncio_api import Redis

        return Redis(self, db=db, **options)

    def hash(self, key: bytes | str) -> HashMap:
        """The hash at `key` as a mutable mapping from bytes to bytes."""
        return HashMap(self.call, key)

    def list(self, key: bytes | str) -> Sequence:
        """The list at `key` as a sequence with cheap ends."""
        return Sequence(self.call, key, self._wait)

    def set_of(self, key: bytes | str) -> StringSet:
        """The set at `key` as a mutable set of bytes."""
        return StringSet(self.call, key)

    def sorted_set(self, key: bytes | str) -> ScoreMap:
        """The sorted set at `key` as a mapping from members to scores, in their order."""
        return ScoreMap(self.call, key)

    def stream(self, key: bytes | str) -> Stream:
        """The stream at `key` as a log of entries, with groups of consumers."""
        return Stream(self.call, key, self._wait)

    def load(self, source: Source) -> None:
        """Adds the commands and triggers that a file, a module or a function declares.

        Those whose calls enter the append-only file are better given to `open(load=…)`,
        which loads them before the data. Fails with `ExtensionError`.
        """
        self._extensions.load(source)

    def command(self, text: str, flags: int = 0, **properties: Any) -> Callable[[Handler], Handler]:
        """Adds the decorated function to the store's commands, for all its clients.

        As `rubellite.extending.command`, but at once. Fails with `ExtensionError`.
        """

        def register(handler: Handler) -> Handler:
            self._extensions.add([declare(handler, text, flags, **properties)])
            return handler

        return register

    def on(self, event: str, pattern: bytes | str = "*") -> Callable[[Reaction], Reaction]:
        """Lets the decorated function hear of an event of keys that match the pattern.

        As `rubellite.extending.on`, but at once.
        """

        def register(handler: Reaction) -> Reaction:
            self._extensions.add([declare_trigger(handler, event, pattern)])
            return handler

        return register

    @property
    def commands(self) -> Mapping[str, Command]:
        """All commands by name (`config|get`), built in and added."""
        return self._extensions.commands

    def socket_path(self) -> str:
        """The path of this store's own Unix socket; only its user can connect."""
        if self._directory is None:
            import tempfile

            # mkdtemp makes it for us alone (0700).
            directory = tempfile.mkdtemp(prefix="rubellite-")
            self.engine.listen_unix(os.path.join(directory, "socket"), 0o700)
            self._directory = directory
        return os.path.join(self._directory, "socket")

    def serve(
        self,
        port: int | None = None,
        bind: Iterable[str] = ("127.0.0.1",),
        *,
        unixsocket: str | None = None,
    ) -> tuple[str, ...]:
        """Opens the store to other processes and languages while this one runs.

        Returns the new addresses as `host:port`; port 0 is any that is free. Fails with
        `OSError` if the port or the path cannot be had.
        """
        opened: tuple[str, ...] = ()
        if port is not None:
            opened = (*self.engine.listen([*bind], port, self.config.integer("tcp-backlog")),)
        if unixsocket is not None:
            self.engine.listen_unix(unixsocket, 0o700)
        return opened

    def is_here(self) -> bool:
        """Whether redis-py's clients may call the engine directly.

        It is in this process, not that of a parent that forked, and no test is about
        what happens to connections.
        """
        return not (self._is_elsewhere or self._wants_connections)

    @property
    def is_closed(self) -> bool:
        """Whether `close()` was called."""
        return self._is_closed

    def close(self) -> None:
        """Ends the engine: what durability promised is on disk afterwards."""
        with self._closing:
            if self._is_closed or os.getpid() != self.process_id:
                return
            self._is_closed = True
        if self.path is not None and self.config.save_points():
            self.call("SAVE")
        self.engine.stop()
        self._thread.join()
        self.engine.stop_appending()
        self._session.close()
        self._saving.lock.release()
        _OPEN.discard(self)
        if self._directory is not None:
            _remove(os.path.join(self._directory, "socket"))
            os.rmdir(self._directory)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_problem: object) -> None:
        self.close()

    def __repr__(self) -> str:
        place = self.path or "in memory"
        return f"<rubellite.Store {place}, {'closed' if self._is_closed else 'open'}>"


#: Stores that are to be closed when the process ends.
_OPEN: weakref.WeakSet[Store] = weakref.WeakSet()


@atexit.register
def _close_all() -> None:
    for store in list(_OPEN):
        store.close()


def _before_fork() -> None:
    # The child can only reach the engine through a socket that is there already.
    for store in list(_OPEN):
        if os.getpid() == store.process_id:
            store.socket_path()


def _after_fork() -> None:
    note_fork()
    for store in list(_OPEN):
        store._is_elsewhere = True


os.register_at_fork(before=_before_fork, after_in_child=_after_fork)


def _remove(path: str) -> None:
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass


def open_store(
    path: str | os.PathLike[str] | None = None,
    settings: dict[str, str] | None = None,
    load: Iterable[Source] = (),
) -> Store:
    """Opens a store in this process; see `rubellite.open`."""
    return Store(None if path is None else os.path.abspath(path), dict(settings or {}), load)
