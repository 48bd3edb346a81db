"""The life of the server's process: background, working directory, limits, pid file, systemd.

The order matters, and `cli.server` keeps it: `daemonize` forks, so it comes before any
thread or engine exists; then `enter` (directory, limits); `write_pidfile` once
the process has its last id; `ready` when clients can connect; `leave` at the end.
The umask stays as it was given to us: it decides who may read the data files.
"""

from __future__ import annotations

import os
import sys

from rubellite.config import Config, RefusedError
from rubellite.server.logging import Log

#: Descriptors kept for files, listeners and the engine besides the clients'.
RESERVED_DESCRIPTORS = 32
DEFAULT_PIDFILE = "/var/run/rubellite.pid"


class StartError(Exception):
    """The process cannot be set up; `str()` says what and why."""


class Lifecycle:
    """What surrounds a running server."""

    def __init__(self, config: Config, log: Log) -> None:
        self._config = config
        self._log = log
        self._pidfile: str | None = None
        self._supervisor = ""

    def supervise(self) -> None:
        """Finds out who supervises us; before `daemonize`, which this overrules."""
        wanted = self._config.text("supervised")
        if wanted in ("auto", "systemd"):
            if os.environ.get("NOTIFY_SOCKET"):
                self._supervisor = "systemd"
            elif wanted == "systemd":
                self._log.warning("systemd supervision error: NOTIFY_SOCKET not found!")
        if wanted in ("auto", "upstart") and not self._supervisor:
            if os.environ.get("UPSTART_JOB"):
                self._supervisor = "upstart"
            elif wanted == "upstart":
                self._log.warning("upstart supervision requested, but UPSTART_JOB not found!")

    @property
    def supervisor(self) -> str:
        """Who looks after us: systemd, upstart or, empty, nobody."""
        return self._supervisor

    def daemonize(self) -> None:
        """Goes into the background, unless somebody supervises us. Only the child returns."""
        if not self._config.boolean("daemonize") or self._supervisor:
            return
        sys.stdout.flush()
        sys.stderr.flush()
        if os.fork():
            os._exit(0)
        os.setsid()
        # No longer the leader of the session, it can never get a terminal again.
        if os.fork():
            os._exit(0)
        null = os.open(os.devnull, os.O_RDWR)
        for descriptor in (0, 1, 2):
            os.dup2(null, descriptor)
        if null > 2:
            os.close(null)

    def enter(self) -> None:
        """Working directory and file limit."""
        directory = self._config.text("dir")
        try:
            os.chdir(directory)
        except OSError as problem:
            raise StartError(f"can't chdir to {directory}: {problem.strerror}") from None
        self._config.observe(["dir"], _change_directory)
        self._raise_file_limit()

    def _raise_file_limit(self) -> None:
        """Makes room for all clients, or lowers maxclients to what there is room for."""
        import resource

        clients = self._config.integer("maxclients")
        wanted = clients + RESERVED_DESCRIPTORS
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if soft == resource.RLIM_INFINITY or soft >= wanted:
            return
        problem = _set_file_limit(wanted, hard)
        got, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        if got >= wanted:
            self._log.notice(
                f"Increased maximum number of open files to {wanted} "
                f"(it was originally set to {soft})."
            )
            return
        if got <= RESERVED_DESCRIPTORS:
            text = (
                f"Your current 'ulimit -n' of {got} is not enough for the server to start. "
                f"Please increase your open file limit to at least {wanted}."
            )
            self._log.warning(f"{text} Exiting.")
            raise StartError(text)
        self._config.assign("maxclients", got - RESERVED_DESCRIPTORS)
        for text in (
            f"You requested maxclients of {clients} requiring at least {wanted} max file "
            "descriptors.",
            f"Server can't set maximum open files to {wanted} because of OS error: {problem}.",
            f"Current maximum open files is {got}. maxclients has been reduced to "
            f"{got - RESERVED_DESCRIPTORS} to compensate for low ulimit. If you need higher "
            "maxclients increase 'ulimit -n'.",
        ):
            self._log.warning(text)

    def write_pidfile(self) -> None:
        """Writes the process id, if `pidfile` is set or we are in the background."""
        path = self._config.text("pidfile")
        if not path and self._config.boolean("daemonize") and not self._supervisor:
            path = DEFAULT_PIDFILE
        if not path:
            return
        path = os.path.abspath(path)
        try:
            # 0644 and not our umask: whoever signals the server must be able to read it.
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
            with open(descriptor, "w", encoding="ascii") as file:
                os.fchmod(file.fileno(), 0o644)
                file.write(f"{os.getpid()}\n")
        except OSError as problem:
            # Redis runs on without its pid file, and scripts rely on that.
            self._log.warning(f"Failed to write PID file: {problem.strerror} ({path})")
        else:
            self._pidfile = path

    def ready(self) -> None:
        """Clients can connect."""
        if self._supervisor == "systemd":
            self.notify("STATUS=Ready to accept connections\nREADY=1\n")
        elif self._supervisor == "upstart":
            # upstart waits for the job to stop itself.
            import signal

            os.kill(os.getpid(), signal.SIGSTOP)

    def status(self, text: str) -> None:
        """One line for `systemctl status`, such as how far loading is."""
        self.notify(f"STATUS={text}\n")

    def stopping(self) -> None:
        """The server begins to shut down."""
        self.notify("STOPPING=1\n")

    def leave(self) -> None:
        """Removes the pid file, if it is still ours."""
        if self._pidfile is None:
            return
        try:
            with open(self._pidfile, encoding="ascii") as file:
                if file.read().strip() == str(os.getpid()):
                    self._log.notice("Removing the pid file.")
                    os.unlink(self._pidfile)
        except (OSError, ValueError):
            # It is gone, or somebody else's: either way not ours to remove.
            pass
        self._pidfile = None

    def notify(self, state: str) -> None:
        """Tells systemd a state; does nothing where nobody listens."""
        if self._supervisor != "systemd":
            return
        address = os.environ.get("NOTIFY_SOCKET", "")
        if address[:1] not in ("/", "@"):
            return
        # Imported here: few are supervised, and it costs a tenth of the start.
        import socket

        if address.startswith("@"):
            # An abstract socket: no file, and a zero byte for the @.
            address = "\0" + address[1:]
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
                channel.connect(address)
                channel.send(state.encode())
        except OSError as problem:
            self._log.warning(f"systemd supervision error: {problem.strerror}")


def _change_directory(config: Config) -> None:
    try:
        os.chdir(config.text("dir"))
    except OSError as problem:
        raise RefusedError(str(problem.strerror)) from None


def _set_file_limit(wanted: int, hard: int) -> str:
    """Raises the limit as far as it goes; returns the reason if that is not all the way."""
    import resource

    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, max(wanted, hard)))
        return ""
    except (OSError, ValueError) as problem:
        reason = getattr(problem, "strerror", None) or "Operation not permitted"
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(wanted, hard), hard))
    except (OSError, ValueError):
        pass
    return str(reason)
