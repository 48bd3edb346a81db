"""Parameters of running the process: logs, statistics, signals, the system."""

from __future__ import annotations

from rubellite.config.kinds import INT32_MAX, INT64_MAX, Choice, Choices, Clamped, Integer
from rubellite.config.setting import ACCEPTED, COUNT, COUNT32, SWITCH, TEXT, WORKS, Setting
from rubellite.config.special import Modules, Percentiles, ScoreValues, TitleTemplate

_FROM_MINUS_ONE = Integer(-1, INT64_MAX)
_ON_SIGNAL = Choices(
    "default",
    "save",
    "nosave",
    "now",
    "force",
    "safe",
    "failover",
    excluding=(
        "save",
        "nosave",
        "shutdown options SAVE and NOSAVE can't be used simultaneously",
    ),
)
_FACILITIES = Choice("user", *(f"local{number}" for number in range(8)))

# fmt: off
PROCESS = (
    Setting("daemonize", SWITCH, "no", WORKS, "Leave the terminal and run in the background.",
            live=False),
    Setting("supervised", Choice("upstart", "systemd", "auto", "no"), "no", WORKS,
            "Tell systemd or upstart when the server is ready.", live=False),
    Setting("pidfile", TEXT, "", WORKS, "File that holds the process id while running.",
            live=False),
    Setting("load", Modules(), "", WORKS,
            "Files or modules in Python that declare commands (one or more to a line).",
            live=False),
    Setting("shutdown-timeout", COUNT32, "10", ACCEPTED, "Seconds a shutdown waits for replicas."),
    Setting("shutdown-on-sigint", _ON_SIGNAL, "default", WORKS, "What SIGINT does."),
    Setting("shutdown-on-sigterm", _ON_SIGNAL, "default", WORKS, "What SIGTERM does."),
    Setting("hz", Clamped(0, INT32_MAX, 1, 500), "10", ACCEPTED,
            "Rounds of housekeeping a second."),
    Setting("dynamic-hz", SWITCH, "yes", ACCEPTED, "More rounds with more clients."),
    Setting("watchdog-period", COUNT32, "0", ACCEPTED,
            "Milliseconds after which a slow command is logged with its stack.", hidden=True),
    Setting("set-proc-title", SWITCH, "yes", ACCEPTED, "Show address and mode in `ps`.",
            live=False),
    Setting("proc-title-template", TitleTemplate(), "{title} {listen-addr} {server-mode}",
            ACCEPTED, "What is shown there."),
    Setting("oom-score-adj", Choice("no", "yes", "relative", "absolute", same={"relative": "yes"}),
            "no", ACCEPTED, "Tell Linux which process to end first when memory runs out."),
    Setting("oom-score-adj-values", ScoreValues(), "0 200 800", ACCEPTED,
            "Its scores for a primary, a replica and a child."),
    Setting("disable-thp", SWITCH, "yes", ACCEPTED, "Switch transparent huge pages off.",
            live=False),
    Setting("server-cpulist", TEXT, "", ACCEPTED, "CPUs for the main thread.", "server_cpulist",
            live=False),
    Setting("bio-cpulist", TEXT, "", ACCEPTED, "CPUs for background threads.", "bio_cpulist",
            live=False),
    Setting("aof-rewrite-cpulist", TEXT, "", ACCEPTED, "CPUs for rewriting the append-only file.",
            "aof_rewrite_cpulist", live=False),
    Setting("bgsave-cpulist", TEXT, "", ACCEPTED, "CPUs for saving snapshots.", "bgsave_cpulist",
            live=False),
)

LOGS = (
    Setting("loglevel", Choice("debug", "verbose", "notice", "warning", "nothing"), "notice",
            WORKS, "The least important messages that are logged."),
    Setting("logfile", TEXT, "", WORKS, "File to log to; empty for standard output.", live=False),
    Setting("log-format", Choice("legacy", "logfmt", "json"), "legacy", WORKS,
            "How a line of the log looks."),
    Setting("log-timestamp-format", Choice("legacy", "iso8601", "milliseconds"), "legacy", WORKS,
            "How the time looks in it."),
    Setting("syslog-enabled", SWITCH, "no", WORKS, "Log to syslog as well.", live=False),
    Setting("syslog-ident", TEXT, "rubellite", WORKS, "Name of the server in syslog.", live=False),
    Setting("syslog-facility", _FACILITIES, "local0", WORKS, "Facility in syslog.", live=False),
    Setting("hide-user-data-from-log", SWITCH, "yes", WORKS,
            "Keep keys, values and arguments out of the log."),
    Setting("always-show-logo", SWITCH, "no", ACCEPTED, "Print a logo into logs too.", live=False),
    Setting("crash-log-enabled", SWITCH, "yes", ACCEPTED, "Log the stack after a crash."),
    Setting("crash-memcheck-enabled", SWITCH, "yes", ACCEPTED, "Check memory after a crash."),
    Setting("use-exit-on-panic", SWITCH, "no", ACCEPTED, "Exit instead of aborting.", hidden=True),
    Setting("enable-debug-assert", SWITCH, "no", ACCEPTED, "Check more while running.", live=False,
            hidden=True),
    Setting("debug-context", TEXT, "", ACCEPTED, "Text that is logged after a crash.",
            hidden=True),
    Setting("ignore-warnings", TEXT, "", ACCEPTED, "Warnings about the system to suppress."),
)

STATISTICS = (
    Setting("slowlog-log-slower-than", _FROM_MINUS_ONE, "10000", WORKS,
            "Microseconds from which a command is kept by SLOWLOG; -1 for none.",
            "commandlog-execution-slower-than"),
    Setting("slowlog-max-len", COUNT, "128", WORKS, "Commands SLOWLOG keeps.",
            "commandlog-slow-execution-max-len"),
    Setting("commandlog-request-larger-than", _FROM_MINUS_ONE, "1048576", WORKS,
            "Bytes from which a request is kept by COMMANDLOG; -1 for none."),
    Setting("commandlog-large-request-max-len", COUNT, "128", WORKS,
            "Large requests COMMANDLOG keeps."),
    Setting("commandlog-reply-larger-than", _FROM_MINUS_ONE, "1048576", WORKS,
            "Bytes from which a reply is kept by COMMANDLOG; -1 for none."),
    Setting("commandlog-large-reply-max-len", COUNT, "128", WORKS,
            "Large replies COMMANDLOG keeps."),
    Setting("latency-monitor-threshold", COUNT, "0", WORKS,
            "Milliseconds from which LATENCY keeps an event; 0 for none."),
    Setting("latency-tracking", SWITCH, "yes", WORKS, "Keep percentiles of each command's time."),
    Setting("latency-tracking-info-percentiles", Percentiles(), "50 99 99.9", WORKS,
            "The percentiles that INFO shows."),
)

SETTINGS = (*PROCESS, *LOGS, *STATISTICS)
