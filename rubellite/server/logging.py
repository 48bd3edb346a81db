"""The server's log, in Redis's own format.

    4242:M 22 Nov 2026 02:12:00.123 * Ready to accept connections tcp
    pid  role  local time            level: . debug  - verbose  * notice  # warning

A message below the level costs one comparison. A log file is opened anew for each
line, so rotating it needs no signal; lines are rare enough for that.
"""

from __future__ import annotations

import os
import sys
import time

from rubellite.clock import wall_seconds
from rubellite.config import Config

DEBUG, VERBOSE, NOTICE, WARNING, NOTHING = range(5)
LEVELS = {
    "debug": DEBUG,
    "verbose": VERBOSE,
    "notice": NOTICE,
    "warning": WARNING,
    "nothing": NOTHING,
}
_NAMES = ("debug", "verbose", "notice", "warning")
_MARKS = ".-*#"
_ROLES = {"M": "primary", "S": "replica", "C": "child", "X": "sentinel"}
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
REDACTED = "(redacted)"


class Log:
    """Where messages go, and which of them."""

    def __init__(self, config: Config, role: str = "M") -> None:
        #: M for a primary, S for a replica, C while starting.
        self.role = role
        self._config = config
        self._path = config.text("logfile")
        if self._path:
            # The server works in `dir`, but may not have got there yet.
            self._path = os.path.join(config.text("dir"), self._path)
        self.adopt(config)
        config.observe(
            ["loglevel", "log-format", "log-timestamp-format", "hide-user-data-from-log"],
            self.adopt,
        )
        self._syslog = config.boolean("syslog-enabled") and self._open_syslog()

    def adopt(self, config: Config) -> None:
        """Takes what CONFIG SET may have changed."""
        self._lowest = LEVELS[config.text("loglevel")]
        self._format = config.text("log-format")
        self._timestamps = config.text("log-timestamp-format")
        self._hides_user_data = config.boolean("hide-user-data-from-log")

    def debug(self, text: str) -> None:
        """For who looks for a bug."""
        if self._lowest <= DEBUG:
            self._write(DEBUG, text)

    def verbose(self, text: str) -> None:
        """Rarely useful, but not a flood."""
        if self._lowest <= VERBOSE:
            self._write(VERBOSE, text)

    def notice(self, text: str) -> None:
        """What an operator wants to know."""
        if self._lowest <= NOTICE:
            self._write(NOTICE, text)

    def warning(self, text: str) -> None:
        """What an operator must know."""
        if self._lowest <= WARNING:
            self._write(WARNING, text)

    def is_logged(self, level: int) -> bool:
        """Whether a message is worth composing."""
        return self._lowest <= level

    def user_data(self, text: str) -> str:
        """A key, value or argument as the log may show it."""
        return REDACTED if self._hides_user_data else text

    def check(self) -> None:
        """Fails with `OSError` if the log file cannot be written."""
        if self._path:
            os.close(self._open_file())

    def _write(self, level: int, text: str) -> None:
        line = self.line(level, text, wall_seconds())
        data = (line + "\n").encode("utf-8", "surrogateescape")
        try:
            if self._path:
                descriptor = self._open_file()
                try:
                    os.write(descriptor, data)
                finally:
                    os.close(descriptor)
            else:
                os.write(1, data)
        except OSError:
            # A full disk or a closed terminal must not stop the server.
            pass
        if self._syslog:
            self._to_syslog(level, text)

    def _open_file(self) -> int:
        return os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)

    def line(self, level: int, text: str, seconds: float) -> str:
        """The message as it stands in the log."""
        when = timestamp(seconds, self._timestamps)
        if self._format == "legacy":
            return f"{os.getpid()}:{self.role} {when} {_MARKS[level]} {text}"
        role = _ROLES.get(self.role, "primary")
        if self._format == "json":
            import json

            fields = {
                "pid": os.getpid(),
                "role": role,
                "timestamp": when,
                "level": _NAMES[level],
                "message": text,
            }
            return json.dumps(fields, separators=(",", ":"), ensure_ascii=False)
        # One line a message, whatever is in it.
        quoted = text.replace('"', "'").replace("\n", " ").replace("\r", " ")
        return (
            f'pid={os.getpid()} role={role} timestamp="{when}" '
            f'level={_NAMES[level]} message="{quoted}"'
        )

    def _open_syslog(self) -> bool:
        try:
            import syslog
        except ImportError:
            sys.stderr.write("syslog-enabled: there is no syslog on this system\n")
            return False
        facility = getattr(syslog, "LOG_" + self._config.text("syslog-facility").upper())
        options = syslog.LOG_PID | syslog.LOG_NDELAY | syslog.LOG_NOWAIT
        syslog.openlog(self._config.text("syslog-ident"), options, facility)
        return True

    @staticmethod
    def _to_syslog(level: int, text: str) -> None:
        import syslog

        priorities = (syslog.LOG_DEBUG, syslog.LOG_INFO, syslog.LOG_NOTICE, syslog.LOG_WARNING)
        syslog.syslog(priorities[level], text.replace("\0", " "))


def timestamp(seconds: float, style: str = "legacy") -> str:
    """A moment in local time, to the millisecond."""
    milliseconds = int(seconds * 1000)
    if style == "milliseconds":
        return str(milliseconds)
    local = time.localtime(milliseconds // 1000)
    clock = f"{local.tm_hour:02}:{local.tm_min:02}:{local.tm_sec:02}.{milliseconds % 1000:03}"
    if style == "iso8601":
        offset = local.tm_gmtoff // 60
        sign = "-" if offset < 0 else "+"
        zone = f"{sign}{abs(offset) // 60:02}:{abs(offset) % 60:02}"
        return f"{local.tm_year}-{local.tm_mon:02}-{local.tm_mday:02}T{clock}{zone}"
    return f"{local.tm_mday:02} {_MONTHS[local.tm_mon - 1]} {local.tm_year} {clock}"
