"""The engine of a store in this process: its thread, its sockets, its end."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from rubellite.client.meeting import Place, remove_socket
from rubellite.config import Config
from rubellite.extending import Source
from rubellite.persistence.directory import DirectoryLock
from rubellite.server.app import assemble
from rubellite.server.logging import Log
from rubellite.spec.command import Registry

if TYPE_CHECKING:
    import socket

_START_SECONDS_MAX = 10.0


class ProcessLog(Log):
    """The server's log as records of Python's `logging`, under the name `rubellite`."""

    def _write(self, level: int, text: str) -> None:
        import logging

        levels = (logging.DEBUG, logging.DEBUG, logging.INFO, logging.WARNING)
        logging.getLogger("rubellite").log(levels[level], text)


class EngineRoom:
    """An engine at work. The lock of its directory, if it has one, is given to it."""

    def __init__(
        self,
        config: Config,
        path: str | None,
        load: Iterable[Source],
        lock: DirectoryLock,
        on_end: Callable[[], None],
        *,
        home: str | None,
        commands: Callable[[], Registry] | None = None,
    ) -> None:
        self._config = config
        self._path = path
        self._on_end = on_end
        self.lock = lock
        log = ProcessLog(config)
        assembly = assemble(
            config,
            log,
            home=home,
            load=load,
            commands=commands,
            # Files may hold any command.
            begins_small=path is None,
        )
        assembly.snapshots.lock = lock
        self.engine = assembly.engine
        self.extensions = assembly.extensions
        self.snapshots = assembly.snapshots
        self._append_only = assembly.append_only
        if path is not None:
            assembly.load()
        self._place: Place | None = None
        self._private: str | None = None
        self._is_ending = False
        self._is_settled = False
        self._closing = threading.RLock()
        self._thread = self._start_thread()

    def _start_thread(self) -> threading.Thread:
        is_ready = threading.Event()

        def run() -> None:
            self.engine.serve(
                [], None, handle_signals=False, on_ready=lambda _addresses: is_ready.set()
            )
            if not self._is_ending:
                # SHUTDOWN: what waits for the directory need not wait for this process.
                self._on_end()

        thread = threading.Thread(target=run, name="rubellite", daemon=True)
        thread.start()
        is_ready.wait(_START_SECONDS_MAX)
        return thread

    def welcome(self, place: Place, listener: socket.socket) -> None:
        """Serves those who connect to a socket that listens already."""
        self.extensions.complete()
        self._place = place
        self.engine.adopt_unix(listener.detach(), place.path())

    @property
    def is_shared(self) -> bool:
        """Whether other processes can find it in its directory."""
        return self._place is not None

    def is_at_work(self) -> bool:
        """Whether the engine's thread runs; SHUTDOWN ends it."""
        return self._thread.is_alive()

    def private_place(self) -> Place:
        """The socket of an engine that shares no directory."""
        if self._private is None:
            import tempfile

            self.extensions.complete()
            # mkdtemp makes it for us alone (0700).
            directory = tempfile.mkdtemp(prefix="rubellite-")
            self.engine.listen_unix(os.path.join(directory, "socket"), 0o600)
            self._private = directory
        return Place(path=os.path.join(self._private, "socket"))

    def close(self) -> None:
        """Ends the engine: what durability promised is on disk afterwards.

        Where it was interrupted (Ctrl-C), it goes on when it is called again. Fails with
        `RuntimeError` inside a command, and then nothing has ended.
        """
        is_own = self._thread is threading.current_thread()
        # Another thread that closes it waits for the engine's own to end.
        if not self._closing.acquire(blocking=not is_own):
            return
        try:
            if not self._is_settled:
                self._settle(is_own)
                self._is_settled = True
            # From here on the directory may be another's.
            self.lock.release()
            if self._private is not None:
                remove_socket(os.path.join(self._private, "socket"))
                os.rmdir(self._private)
                self._private = None
        finally:
            self._closing.release()

    def _settle(self, is_own: bool) -> None:
        saves = self._path is not None and bool(self._config.save_points())
        self._is_ending = True
        try:
            self.engine.stop()
        except RuntimeError:
            self._is_ending = False
            raise
        if not is_own:
            self._thread.join()
        # Nobody writes any more, and who waits need not.
        self.engine.end_embedded()
        # Finished later, it would take the place of the newer one.
        self.engine.abort_snapshot()
        if saves and not is_own:
            self.engine.save(self.snapshots.path, self.snapshots.how())
        self._append_only.end(self.engine)
        if self._place is not None:
            # Until then it tells those who come that there is something to wait for.
            self._place.remove()
