"""`IsolatedStore`: a store in memory that tests share, each as if it had its own."""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
from typing import Any

from rubellite.client.native import Native
from rubellite.client.store import Store
from rubellite.config.table import SETTINGS
from rubellite.testing.clock import Clock
from rubellite.testing.faults import Faults
from rubellite.testing.profiles import commands_of

#: How often `wait_until_blocked` looks, and how long at the most.
_LOOK_SECONDS = 0.0005
_LOOKS_MAX = 10_000

#: After these nobody can say what the store is like.
_SPOILING = ("debug", "shutdown", "slaveof", "replicaof")


class IsolatedStore(Store):
    """A store in memory whose state, time and faults a test controls.

    Everything that `rubellite.open()` gives, and `clock`, `faults`, `snapshot`, `restore`
    and `url()`. Made by `rubellite.testing.open()` and the fixture `rubellite_store`.
    """

    def __init__(self, profile: str | None, settings: dict[str, str]) -> None:
        #: The server whose commands and options it has; None: all that there are.
        self.profile = profile
        # SAVE and its like must not write into the folder that the tests run in.
        self._files = tempfile.mkdtemp(prefix="rubellite-testing-")
        try:
            super().__init__(
                None,
                {"dir": self._files, "enable-debug-command": "yes", **settings},
                commands=None if profile is None else lambda: commands_of(profile),
            )
        except BaseException:
            shutil.rmtree(self._files, ignore_errors=True)
            raise
        self._control = self.session()
        self._control_id = int(self._control.call("CLIENT", "ID"))
        self._first_settings = self.config.values()
        self._own = self._additions()
        self._address: str | None = None
        #: The store's time.
        self.clock = Clock(self.engine, self._control)
        #: What goes wrong between the store and its clients.
        self.faults = Faults(self)
        self.faults.exempt.add(self._control_id)

    def _additions(self) -> tuple[int, int]:
        return len(self.commands), self._extensions.trigger_count

    # Where it is

    def url(self, scheme: str = "redis", db: int = 0) -> str:
        """A `redis://` URL with a real port, which is opened when it is first asked for.

        Other schemes are those of every store. Fails with `ValueError` where it is none.
        """
        if scheme != "redis":
            return super().url(scheme, db)
        if self._address is None:
            (self._address,) = self.serve(port=0)
        return f"redis://{self._address}/{db}"

    def route_by_connections(self, is_on: bool) -> None:
        """Whether redis-py's clients use connections even where they need none."""
        self.wants_connections = is_on

    # State

    def snapshot(self) -> bytes:
        """All data, of all databases, as an RDB file; a real server can load it. O(n)."""
        path = os.path.join(self._files, "snapshot.rdb")
        room = self._tenure.held("snapshot()")
        room.engine.save(path, room.snapshots.how())
        with open(path, "rb") as file:
            content = file.read()
        os.unlink(path)
        return content

    def restore(self, content: bytes | str | os.PathLike[str]) -> None:
        """Puts the data of an RDB file, or of its content, in the place of all data. O(n).

        Keys whose time is up stay out. Fails with `OSError` where the file cannot be read,
        `ValueError` where it is damaged.
        """
        if not isinstance(content, bytes):
            self.engine.load(os.fspath(content), True)
            return
        path = os.path.join(self._files, "restored.rdb")
        with open(path, "wb") as file:
            file.write(content)
        try:
            self.engine.load(path, True)
        finally:
            os.unlink(path)

    def wait_until_blocked(self, clients: int = 1) -> None:
        """Returns when so many clients wait in commands such as BLPOP.

        For tests that start a waiting client in a thread and then act. Fails with
        `TimeoutError` after some seconds.
        """
        pause = threading.Event()
        for _ in range(_LOOKS_MAX):
            if self.blocked_clients() >= clients:
                return
            pause.wait(_LOOK_SECONDS)
        raise TimeoutError(f"{self.blocked_clients()} clients wait, not {clients}")

    def blocked_clients(self) -> int:
        """How many clients wait in a command such as BLPOP."""
        text: Any = self._control.call("INFO", "clients")
        for line in bytes(text).splitlines():
            if line.startswith(b"blocked_clients:"):
                return int(line.partition(b":")[2])
        return 0

    def _is_at_work(self) -> bool:
        room = self._tenure.room
        return room is not None and room.is_at_work()

    def reset(self) -> bool:
        """Makes the store as it was at first; False: it cannot be, open another one.

        Its data, scripts, settings, statistics, logs, time and faults; all clients but the
        handle itself are closed. O(n).
        """
        if self.is_closed or not self._is_at_work():
            return False
        self.faults.clear()
        self.clock.reset()
        call = self._control.call
        statistics = bytes(call("INFO", "commandstats"))
        if self._additions() != self._own or self._has_run(statistics, *_SPOILING):
            return False
        if self.config.values() != self._first_settings:
            self._restore_settings()
        if self._has_run(statistics, "client|pause"):
            call("CLIENT", "UNPAUSE")
        # All but who asks.
        call("CLIENT", "KILL", "SKIPME", "yes")
        call("FLUSHALL", "SYNC")
        if self._has_run(statistics, "eval", "evalsha", "eval_ro", "evalsha_ro", "script|load"):
            call("SCRIPT", "FLUSH", "SYNC")
        call("SLOWLOG", "RESET")
        call("LATENCY", "RESET")
        call("CONFIG", "RESETSTAT")
        self._waiting.clear()
        Native.__init__(self, self.session())
        return True

    @staticmethod
    def _has_run(statistics: bytes, *names: str) -> bool:
        return any(f"cmdstat_{name}".encode() in statistics for name in names)

    def _restore_settings(self) -> None:
        words: list[str] = []
        for name, value in self.config.values().items():
            if value != self._first_settings[name]:
                words += (name, SETTINGS[name].kind.show(self._first_settings[name]))
        self._control.call("CONFIG", "SET", *words)

    def close(self) -> None:
        """Ends the store."""
        super().close()
        shutil.rmtree(self._files, ignore_errors=True)
