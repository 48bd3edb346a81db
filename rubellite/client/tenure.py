"""Who holds a shared directory: this process, with an engine, or another one.

    unsettled → held elsewhere: a connection to the holder
        ↑    ↘      ↓ the holder ends
        fork   held here: the lock, the files loaded, an engine that serves

A lock (flock) on the directory decides; the system takes it back when its process ends,
however that ends. The holder listens before it loads, so who connects waits for it.
A thread of each other process watches its holder, and takes over when that ends.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from rubellite.about import __version__
from rubellite.client.meeting import NoSocketsError, Place, WrongUserError
from rubellite.client.room import EngineRoom
from rubellite.client.wire import LostError, Wire
from rubellite.errors import HeldElsewhereError, ReplyError
from rubellite.persistence.directory import DirectoryLock, InUseError
from rubellite.persistence.snapshots import LoadError

if TYPE_CHECKING:
    import logging

#: Who holds the lock and does not listen within this time shares with nobody.
_LISTEN_SECONDS_MAX = 5.0
#: Where there is a socket, and nobody at it, a holder may be saving its data before it ends.
_END_SECONDS_MAX = 60.0
_RETRY_SECONDS = 0.005
_CLOSE_SECONDS_MAX = 1.0


def _log() -> logging.Logger:
    # Importing it takes as long as much of the rest, and few stores ever say anything.
    import logging

    return logging.getLogger("rubellite")


class Tenure:
    """How one store reaches its engine."""

    def __init__(
        self,
        make_room: Callable[[DirectoryLock], EngineRoom],
        place: Place | None,
        *,
        password: str = "",
        on_attached: Callable[[Wire], None] = lambda _wire: None,
        on_held: Callable[[], None] = lambda: None,
    ) -> None:
        self._make_room = make_room
        #: Where others are met; None: nowhere, the store is this process's alone.
        self.place = place
        self._password = password
        self._on_attached = on_attached
        self._on_held = on_held
        #: The engine, if it is in this process.
        self.room: EngineRoom | None = None
        #: The engines of processes that this one was forked from; nothing may touch them.
        self._left_behind: list[EngineRoom] = []
        self.is_closed = False
        #: The holder's process, as far as is known.
        self.holder = 0
        self._changing = threading.RLock()
        self._watched: Wire | None = None
        self._watcher: threading.Thread | None = None

    def settle(self) -> None:
        """Holds the directory or attaches to who does. Fails with `LoadError`."""
        if self.place is None:
            self.room = self._make_room(DirectoryLock())
            return
        wire = self.reach()
        if wire is not None:
            wire.close()

    def reach(self) -> Wire | None:
        """A new connection to the holder; None: the engine is in this process.

        Takes over if nobody holds the store any more. Fails with `LoadError`.
        """
        began = time.monotonic()
        while self.room is None:
            if self.is_closed:
                raise RuntimeError("the store is closed")
            if self._try_to_hold():
                return None
            wire = self._try_to_attach()
            if wire is not None:
                self._watch()
                return wire
            patience = _END_SECONDS_MAX if self._has_socket() else _LISTEN_SECONDS_MAX
            if time.monotonic() - began > patience:
                raise LoadError(self._refusal())
            time.sleep(_RETRY_SECONDS)
        return None

    def _has_socket(self) -> bool:
        place = self.place
        return place is not None and place.directory is not None and place.is_there()

    def _refusal(self) -> str:
        assert self.place is not None
        if self.place.directory is None:
            return (
                "the process that opened the store has ended, and the store with it "
                f"({self.place.name})"
            )
        if not self.place.has_sockets():
            return (
                f"another process keeps its data in {self.place.name}, whose file system has no "
                "sockets through which it could be shared"
            )
        return f"another server keeps its data in {self.place.name}, and does not share them"

    def _try_to_hold(self) -> bool:
        place = self.place
        if place is None or place.directory is None:
            return False
        with self._changing:
            if self.room is not None:
                return True
            if self.is_closed:
                return False
            lock = DirectoryLock()
            try:
                lock.take(place.directory)
            except InUseError:
                return False
            try:
                self._hold(place, lock)
            except BaseException:
                # Whoever mends what was wrong may try again.
                lock.release()
                raise
            return True

    def _hold(self, place: Place, lock: DirectoryLock) -> None:
        listener = None
        if lock.is_taken:
            try:
                listener = place.listen()
            except NoSocketsError as problem:
                _log().info("%s cannot be shared with other processes: %s", place.name, problem)
            except OSError as problem:
                raise LoadError(f"{place.name}: {problem}") from None
        try:
            room = self._make_room(lock)
            if listener is not None:
                room.welcome(place, listener)
        except BaseException:
            if listener is not None:
                place.remove()
                listener.close()
            raise
        self.room = room
        self._on_held()

    def _try_to_attach(self) -> Wire | None:
        assert self.place is not None
        try:
            wire = Wire(self.place.connect())
        except WrongUserError as problem:
            raise LoadError(str(problem)) from None
        except OSError:
            return None
        try:
            self._greet(wire)
            self._on_attached(wire)
        except LostError:
            wire.close()
            return None
        except BaseException:
            wire.close()
            raise
        return wire

    def _greet(self, wire: Wire) -> None:
        """Learns who holds the store; refuses another version."""
        assert self.place is not None
        words = ["AUTH", "default", self._password] if self._password else []
        try:
            hello = wire.ask("HELLO", 3, *words)
            text = bytes(wire.ask("INFO", "server")).decode()
        except ReplyError as problem:
            raise LoadError(
                f"{self.place.name}: its holder refuses this process: {problem}"
            ) from None
        wire.client = hello[b"id"]
        facts = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
        version = facts.get("rubellite_version", "unknown")
        self.holder = int(facts.get("process_id", 0))
        if version != __version__:
            raise LoadError(
                f"{self.place.name} is held by process {self.holder} with version {version} of "
                f"Rubellite; this is version {__version__}, and only equal ones share"
            )

    # The watch over a holder

    def _watch(self) -> None:
        with self._changing:
            if self._watcher is not None or self.is_closed or self.room is not None:
                return
            self._watcher = threading.Thread(
                target=self._keep_watch, name="rubellite-watch", daemon=True
            )
            self._watcher.start()

    def _keep_watch(self) -> None:
        while True:
            try:
                wire = self.reach()
            except RuntimeError:
                return
            except Exception as problem:
                # The next call hears of it as well.
                _log().warning("%s", problem)
                break
            if wire is None:
                break
            self._watched = wire
            try:
                if self.is_closed:
                    return
                while True:
                    wire.receive()
            except LostError:
                pass
            finally:
                self._watched = None
                wire.close()
        with self._changing:
            self._watcher = None

    # Ends

    def held(self, what: str) -> EngineRoom:
        """The engine, for what needs it here. Fails with `HeldElsewhereError`."""
        room = self.room
        if self.is_closed:
            raise RuntimeError("the store is closed")
        if room is None:
            raise HeldElsewhereError(
                f"{what} needs the engine, which process {self.holder} has: it holds the store"
            )
        return room

    def own_place(self) -> Place:
        """Where this store's socket is, in the directory or privately."""
        room = self.room
        if self.place is None or (room is not None and not room.is_shared):
            return self.held("a socket of its own").private_place()
        return self.place

    def before_fork(self) -> None:
        """The child can only reach the engine through a socket that is there already."""
        if self.room is not None:
            self.own_place()

    def after_fork(self) -> None:
        """In a child: engine, lock and threads are the parent's."""
        self._changing = threading.RLock()
        if self._watched is not None:
            self._watched.close()
        self._watched = self._watcher = None
        room, self.room = self.room, None
        if room is not None:
            if self.place is None or not room.is_shared:
                self.place = room.private_place()
            room.lock.abandon()
            self._left_behind.append(room)

    def close(self) -> None:
        """Lets go of the engine: ends it, or the connection to its holder.

        Fails as `EngineRoom.close`.
        """
        with self._changing:
            was_closed, self.is_closed = self.is_closed, True
            room, watcher, watched = self.room, self._watcher, self._watched
        if room is not None:
            try:
                room.close()
            except RuntimeError:
                self.is_closed = was_closed
                raise
        if watcher is None or watcher is threading.current_thread():
            return
        # One that waits for a holder to answer ends when it does.
        give_up_at = time.monotonic() + _CLOSE_SECONDS_MAX
        while watcher.is_alive() and time.monotonic() < give_up_at:
            if watched is not None:
                watched.hang_up()
            watcher.join(_RETRY_SECONDS)
            watched = self._watched

    def __reduce__(self) -> Any:
        raise TypeError("a Tenure belongs to its process")
