"""`open()` and the store that it gives: an engine in this process, with nothing to start.

The engine's own thread does what happens because time passes and serves sockets; the
calls of this process run in the threads that make them. A directory that another process
holds already is shared: the same calls go to its engine, over a Unix socket, and when it
ends one of the others takes over (`tenure`). A child after a fork is such another process.
"""

from __future__ import annotations

import atexit
import os
import weakref
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Self, TypeVar

from rubellite import errors
from rubellite._core import (
    EmbeddedSession,
    Engine,
    note_fork,
    set_errors,
    take_inherited_sockets,
)
from rubellite.client.containers import HashMap, ScoreMap, Sequence, StringSet
from rubellite.client.meeting import Place
from rubellite.client.native import Native
from rubellite.client.requirements import needs_redis_py
from rubellite.client.room import EngineRoom
from rubellite.client.streams import Stream
from rubellite.client.tenure import Tenure
from rubellite.client.wire import Wire, WireSession
from rubellite.config import Config
from rubellite.extending import ExtensionError, Extensions, Source
from rubellite.extending.declaring import Reaction, declare, declare_trigger
from rubellite.persistence.directory import DirectoryLock
from rubellite.server.app import load_commands
from rubellite.spec.command import Command, Registry

if TYPE_CHECKING:
    from rubellite.client.redis_api import Redis

Handler = TypeVar("Handler", bound=Callable[..., Any])

#: What all who share a directory must agree on, whether they said it or not.
_AGREED = ("appendonly", "appendfsync", "save")


class Store(Native):
    """A Redis-compatible store. Made by `rubellite.open()`.

    Safe to use from several threads. A context manager; `close()` is also called when
    the process ends. Pickled, it is opened again where it arrives.
    """

    def __init__(
        self,
        path: str | None,
        settings: dict[str, str],
        load: Iterable[Source] = (),
        commands: Callable[[], Registry] | None = None,
        socket: str | None = None,
    ) -> None:
        defaults = {"port": "0", "loglevel": "notice"}
        if path is None:
            defaults["save"] = ""
        else:
            os.makedirs(path, mode=0o700, exist_ok=True)
            defaults["dir"] = path
        #: The data directory; None: the data live in memory only.
        self.path = path
        self._settings = settings
        self._sources = tuple(load)
        self._commands = commands
        self.config = Config({**defaults, **settings})
        #: Whether redis-py's clients are to go through their connections, always.
        self.wants_connections = False
        self._is_in_agreement = False
        #: `close()` has come to its end.
        self._has_ended = False
        self._added: Extensions | None = None
        self._wires: weakref.WeakSet[WireSession] = weakref.WeakSet()
        #: Those of redis-py's clients, in use or not.
        self.connections: weakref.WeakSet[Any] = weakref.WeakSet()
        #: Clients for commands that wait; none is used by two threads at once.
        self._waiting: deque[EmbeddedSession | WireSession] = deque()
        # A child after a fork or a process that attaches has assembled nothing.
        set_errors(errors.TABLE, errors.ReplyError, errors.RawError)
        self._tenure = Tenure(
            self._make_room,
            self._meeting_place(socket),
            password=self.config.text("requirepass"),
            on_attached=self._agree,
            on_held=self._use_engine,
        )
        self._session: EmbeddedSession | WireSession
        self._tenure.settle()
        session = self.session()
        super().__init__(session)
        if isinstance(session, WireSession):
            session.on_embedded = super().__init__
            if self.has_engine():
                session.hurry()
        _OPEN.add(self)

    def _meeting_place(self, socket: str | None) -> Place | None:
        if socket is not None:
            return Place(path=socket)
        keeps = self.config.boolean("appendonly") or bool(self.config.save_points())
        # Who keeps nothing in a directory shares nothing there.
        return Place(self.path) if self.path is not None and keeps and _CAN_SHARE else None

    def _make_room(self, lock: DirectoryLock) -> EngineRoom:
        return EngineRoom(
            self.config,
            self.path,
            self._sources,
            lock,
            self.close,
            # Without a path nothing is loaded, but SAVE may be called.
            home=self.path or self._settings.get("dir"),
            commands=self._commands,
        )

    def _use_engine(self) -> None:
        """The engine came into this process: the handle's calls go in directly."""
        session = getattr(self, "_session", None)
        if isinstance(session, WireSession):
            session.hurry()

    def _agree(self, wire: Wire) -> None:
        """Compares what this store was opened with to what its holder has."""
        if self._is_in_agreement or self.path is None:
            return
        names = sorted({*_AGREED, *self._settings} - {"requirepass"})
        found = wire.ask("CONFIG", "GET", *names)
        for name in names:
            theirs = found.get(name.encode(), b"").decode()
            ours = self.config.shown(name)
            if theirs != ours:
                raise ValueError(
                    f'{self.path} is held by process {self._tenure.holder} with {name} "{theirs}"; '
                    f'here it would be "{ours}"; all who share a store open it alike'
                )
        # Without any, all commands would be loaded here for nothing.
        commands = self._extensions.commands.values() if self._sources else ()
        own = [entry for entry in commands if entry.module]
        known = wire.ask("COMMAND", "INFO", *(entry.name for entry in own)) if own else []
        for entry, facts in zip(own, known, strict=True):
            if facts is None:
                raise ExtensionError(
                    f"{self.path} is held by process {self._tenure.holder}, which has not loaded "
                    f"{entry.name} of {entry.module}"
                )
        self._is_in_agreement = True

    @property
    def _extensions(self) -> Extensions:
        """The commands of the engine or, if that is elsewhere, of `load=`."""
        room = self._tenure.room
        if room is not None:
            room.extensions.complete()
            return room.extensions
        if self._added is None:
            load_commands()
            self._added = Extensions() if self._commands is None else Extensions(self._commands())
            for source in self._sources:
                self._added.load(source)
        return self._added

    @property
    def engine(self) -> Engine:
        """The engine, if it is in this process. Fails with `HeldElsewhereError`."""
        return self._whole_engine("this")

    def _whole_engine(self, what: str) -> Engine:
        """The engine with all commands, for `what`. Fails with `HeldElsewhereError`."""
        room = self._tenure.held(what)
        room.extensions.complete()
        return room.engine

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

    def session(self, database: int = 0, *, protocol: int = 3) -> EmbeddedSession | WireSession:
        """A client of this store that is called directly; for what stands on top of it."""
        return self.embed(protocol, database)

    def embed(
        self,
        protocol: int = 3,
        database: int = 0,
        decodes: bool = False,
        encode: Callable[[Any], bytes] | None = None,
    ) -> EmbeddedSession | WireSession:
        """A client of this store that speaks as redis-py does, wherever the engine is."""
        wire = WireSession(
            self._tenure.reach,
            lambda selected: self._embed_here(protocol, selected, decodes, encode),
            protocol=protocol,
            database=database,
            decodes=decodes,
            encode=encode,
        )
        self._wires.add(wire)
        room = self._tenure.room
        if room is None:
            return wire
        return room.engine.embed(protocol, database, decodes, encode, elsewhere=wire.call)

    def _embed_here(self, *options: Any) -> EmbeddedSession:
        session = self.embed(*options)
        assert isinstance(session, EmbeddedSession)
        return session

    def attend(self) -> None:
        """Sees to it that somebody serves the store's socket: takes over if nobody does.

        Fails with `LoadError`.
        """
        wire = self._tenure.reach()
        if wire is not None:
            wire.close()

    def redis(self, db: int = 0, **options: Any) -> Redis:
        """A redis-py client of this store. `options` are those of `redis.Redis`.

        Fails with `ImportError` where redis-py is not installed.
        """
        with needs_redis_py():
            from rubellite.client.redis_api import Redis

        return Redis(self, db=db, **options)

    def asyncio_redis(self, db: int = 0, **options: Any) -> Any:
        """A `redis.asyncio` client of this store. Fails as `redis` does."""
        with needs_redis_py():
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
        which loads them before the data. Fails with `ExtensionError`, and with
        `HeldElsewhereError` where another process holds the store.
        """
        self._tenure.held("load()").extensions.load(source)

    def command(self, text: str, flags: int = 0, **properties: Any) -> Callable[[Handler], Handler]:
        """Adds the decorated function to the store's commands, for all its clients.

        As `rubellite.extending.command`, but at once. Fails with `ExtensionError`, and with
        `HeldElsewhereError` where another process holds the store.
        """
        extensions = self._tenure.held("command()").extensions

        def register(handler: Handler) -> Handler:
            extensions.add([declare(handler, text, flags, **properties)])
            return handler

        return register

    def on(self, event: str, pattern: bytes | str = "*") -> Callable[[Reaction], Reaction]:
        """Lets the decorated function hear of an event of keys that match the pattern.

        As `rubellite.extending.on`, but at once. Fails with `HeldElsewhereError` where
        another process holds the store.
        """
        extensions = self._tenure.held("on()").extensions

        def register(handler: Reaction) -> Reaction:
            extensions.add([declare_trigger(handler, event, pattern)])
            return handler

        return register

    @property
    def commands(self) -> Mapping[str, Command]:
        """All commands by name (`config|get`), built in and added."""
        return self._extensions.commands

    def socket_path(self) -> str:
        """The path of the store's Unix socket; only its user can connect."""
        return self._tenure.own_place().path()

    def url(self, scheme: str = "unix", db: int = 0) -> str:
        """The URL of the store's Unix socket, for other libraries and other processes.

            "unix"           unix:///data/rubellite.sock?db=0, as redis-py and RQ read it
            "redis+socket"   redis+socket:///data/rubellite.sock?virtual_host=0, as Celery does

        It is served while this store is open, in any of the processes that share it.
        Fails with `ValueError` for another scheme.
        """
        from urllib.parse import quote

        options = {"unix": "db", "redis+socket": "virtual_host"}
        if scheme not in options:
            raise ValueError(f'URL scheme "{scheme}": expected "unix" or "redis+socket"')
        password = self.config.text("requirepass")
        who = f":{quote(password, safe='')}@" if password else ""
        return f"{scheme}://{who}{quote(self.socket_path())}?{options[scheme]}={db}"

    def serve(
        self,
        port: int | None = None,
        bind: Iterable[str] = ("127.0.0.1",),
        *,
        unixsocket: str | None = None,
    ) -> tuple[str, ...]:
        """Opens the store to other processes and languages while this one runs.

        Returns the new addresses as `host:port`; port 0 is any that is free. Fails with
        `OSError` if the port or the path cannot be had, `HeldElsewhereError` where another
        process holds the store.
        """
        engine = self._whole_engine("serve()")
        opened: tuple[str, ...] = ()
        if port is not None:
            opened = (*engine.listen([*bind], port, self.config.integer("tcp-backlog")),)
        if unixsocket is not None:
            engine.listen_unix(unixsocket, 0o700)
        return opened

    def has_engine(self) -> bool:
        """Whether the engine is in this process, and not in another one."""
        return self._tenure.room is not None

    @property
    def room(self) -> EngineRoom | None:
        """The engine at work, if it is in this process."""
        return self._tenure.room

    def hang_up(self, room: EngineRoom | None, client: int) -> None:
        """Forgets a client whose connection to that engine is about to be closed.

        The engine would notice that later, and what waits would take what is pushed until
        then.
        """
        if room is None or room is not self.room:
            return
        try:
            self._wait("CLIENT", "KILL", "ID", client)
        except (errors.ReplyError, RuntimeError):
            # It is gone already, or all are.
            pass

    def is_here(self) -> bool:
        """Whether clients may call the engine directly.

        It is in this process, and no test is about what happens to connections.
        """
        return self.has_engine() and not self.wants_connections

    @property
    def is_closed(self) -> bool:
        """Whether `close()` was called."""
        return self._tenure.is_closed

    def close(self) -> None:
        """Ends the engine: what durability promised is on disk afterwards.

        Where another process holds the store, only the connections to it end. What Ctrl-C
        interrupts goes on when it is called again, or when the process ends. Fails with
        `RuntimeError` inside a command.
        """
        if self._has_ended:
            return
        self._tenure.close()
        for wire in list(self._wires):
            wire.close()
        for connection in list(self.connections):
            connection.end()
        if isinstance(self._session, EmbeddedSession):
            self._session.close()
        self._has_ended = True
        _OPEN.discard(self)

    def _after_fork(self) -> None:
        self._tenure.after_fork()
        for wire in list(self._wires):
            wire.after_fork()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_problem: object) -> None:
        self.close()

    def __reduce__(self) -> tuple[Any, ...]:
        if self.path is None:
            return _attach, (self.socket_path(), self._settings)
        return Store, (self.path, self._settings, self._sources, self._commands)

    def __repr__(self) -> str:
        place = self.path or "in memory"
        return f"<rubellite.Store {place}, {'closed' if self.is_closed else 'open'}>"


def _attach(socket: str, settings: dict[str, str]) -> Store:
    """A store in the memory of another process."""
    return Store(None, settings, socket=socket)


#: Stores that are to be closed when the process ends.
_OPEN: weakref.WeakSet[Store] = weakref.WeakSet()

#: Whether processes can find and exclude each other here.
_CAN_SHARE = os.name == "posix"


@atexit.register
def _close_all() -> None:
    for store in list(_OPEN):
        store.close()


def _before_fork() -> None:
    for store in list(_OPEN):
        store._tenure.before_fork()


def _after_fork() -> None:
    note_fork()
    # While they are open here, nobody hears that the parent has ended.
    for descriptor in take_inherited_sockets():
        os.close(descriptor)
    for store in list(_OPEN):
        store._after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_child=_after_fork)


def open_store(
    path: str | os.PathLike[str] | None = None,
    settings: dict[str, str] | None = None,
    load: Iterable[Source] = (),
) -> Store:
    """Opens a store in this process; see `rubellite.open`."""
    return Store(None if path is None else os.path.abspath(path), dict(settings or {}), load)
