"""Real servers, for tests that are to see what they will meet in production."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import threading
from typing import Any

_PROGRAMS = ("valkey-server", "redis-server")
#: How often it is asked whether it answers, and how many times.
_ASK_SECONDS = 0.005
_ASKS_MAX = 4_000


def find_real_server(program: str = "") -> str | None:
    """The path of a real server's program: `program` or, by default, what is on PATH."""
    for name in (program,) if program else _PROGRAMS:
        found = shutil.which(name)
        if found is not None:
            return found
    return None


class RealServer:
    """A server of somebody else, in a folder of its own, which answers when this returns.

    Needs redis-py. Fails with `RuntimeError` where the program does not start.
    """

    def __init__(self, program: str) -> None:
        import redis

        self._directory = tempfile.mkdtemp(prefix="rubellite-real-")
        path = os.path.join(self._directory, "socket")
        # No port, for a free one may be taken before it is bound.
        self._url = f"unix://{path}"
        words = ("--port", "0", "--unixsocket", path, "--dir", self._directory, "--save", "")
        self._process = subprocess.Popen(
            (program, *words),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        self._control = redis.Redis.from_url(self._url, retry=None)
        pause = threading.Event()
        for _ in range(_ASKS_MAX):
            try:
                self._control.ping()
                break
            except redis.ConnectionError:
                if self._process.poll() is not None:
                    break
                pause.wait(_ASK_SECONDS)
        else:
            self.stop()
        if self._process.poll() is not None:
            self.stop()
            raise RuntimeError(f"{program} does not start")
        self._settings: dict[str, Any] = self._control.config_get("*")  # type: ignore[assignment]

    def url(self) -> str:
        """Where it is reached."""
        return self._url

    def reset(self) -> None:
        """Makes it as it was at first, for the next test. O(n)."""
        client = self._control
        client.client_unpause()
        client.execute_command("CLIENT", "KILL", "TYPE", "normal")
        client.execute_command("CLIENT", "KILL", "TYPE", "pubsub")
        client.flushall()
        client.execute_command("SCRIPT", "FLUSH")
        client.slowlog_reset()
        if "cmdstat_config|set" in client.info("commandstats"):
            now: dict[str, Any] = client.config_get("*")  # type: ignore[assignment]
            changed = {name: value for name, value in self._settings.items() if now[name] != value}
            for name, value in changed.items():
                client.config_set(name, value)
        client.config_resetstat()

    def stop(self) -> None:
        """Ends it."""
        self._control.close()
        self._process.kill()
        self._process.wait()
        shutil.rmtree(self._directory, ignore_errors=True)
