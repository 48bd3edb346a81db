"""The composition root: configuration, engine and commands become a running server."""

from __future__ import annotations

import gc
import os
import threading
from collections.abc import Callable, Iterable
from typing import Any

from rubellite import errors
from rubellite._core import Call, Engine, memory_used, set_errors
from rubellite.clock import monotonic_seconds, wall_seconds
from rubellite.config import Config
from rubellite.extending import ExtensionError, Extensions, Source
from rubellite.persistence import append_only, snapshots
from rubellite.persistence.append_only import AppendOnly
from rubellite.persistence.snapshots import Snapshots
from rubellite.record import Record
from rubellite.server import ending, info, listening, state
from rubellite.server.lifecycle import Lifecycle
from rubellite.server.logging import Log
from rubellite.server.memory_account import resident_bytes
from rubellite.server.rates import Rates
from rubellite.server.settings import apply_settings
from rubellite.server.state import ServerState
from rubellite.spec.command import Registry
from rubellite.spec.table import for_core

info.provide("persistence", lambda call: snapshots.of(call).info(call))
info.provide("persistence", lambda call: append_only.of(call).info(call))
ending.before_end(lambda call, *how: snapshots.of(call).before_end(call, *how))
ending.before_end(lambda call, *how: append_only.of(call).before_end(call, *how))

#: Seconds in which only the first web browser is worth a line in the log.
_ATTACK_SECONDS = 60.0

#: Seconds between collections of reference cycles, which happen between commands.
_COLLECT_SECONDS = 60.0


#: One thread at a time loads commands.
_loading = threading.Lock()


def load_commands() -> None:
    """Puts every command into the table."""
    from rubellite import commands
    from rubellite.persistence import commands as persistence_commands
    from rubellite.persistence import waiting
    from rubellite.scripting import commands as scripting_commands
    from rubellite.scripting import functions as function_commands
    from rubellite.server import commands as server_commands

    with _loading:
        commands.load()
        persistence_commands.load()
        waiting.load()
        scripting_commands.load()
        function_commands.load()
        server_commands.load()


def load_everyday_commands() -> None:
    """Puts those commands into the table that nearly every program uses.

    All of them take three times as long.
    """
    from rubellite import commands
    from rubellite.server import commands as server_commands

    with _loading:
        commands.load(commands.EVERYDAY)
        server_commands.load(server_commands.EVERYDAY)


class Assembly(Record, frozen=True):
    """An engine and what its commands know of the server around it."""

    engine: Engine
    state: ServerState
    snapshots: Snapshots
    append_only: AppendOnly
    extensions: Extensions

    def load(self) -> None:
        """Loads what is on disk, as configured; fails with `LoadError`."""
        now_ms = int(wall_seconds() * 1000)
        if not self.append_only.load_at_start(self.engine, now_ms):
            self.snapshots.load_at_start(self.engine, now_ms)


def assemble(
    config: Config,
    log: Log,
    *,
    home: str | None = None,
    supervisor: str = "",
    load: Iterable[Source] = (),
    commands: Callable[[], Registry] | None = None,
    begins_small: bool = False,
) -> Assembly:
    """An engine with every command and the configuration applied.

    With `begins_small` the less common commands follow when the first of them is called, or
    with `Extensions.complete()`: to be called before anybody else can send commands.

    `home` is the folder of its data files; without it, the one that the process works in.
    What `load` and the configuration name is added to the commands, all that are built in or
    those that `commands` gives; where it cannot be, this fails with `ExtensionError`.
    """
    begins_small = begins_small and commands is None
    if begins_small:
        load_everyday_commands()
        extensions = Extensions(rest=load_commands)
    else:
        load_commands()
        extensions = Extensions() if commands is None else Extensions(commands())
    for source in (*config.words("load"), *load):
        extensions.load(source)
    started = state.new(config, log, supervisor)
    saving = Snapshots(config, log, int(wall_seconds() * 1000), home)
    appending = AppendOnly(config, log, saving)
    set_errors(errors.TABLE, errors.ReplyError, errors.RawError)

    def on_bug(problem: BaseException, command: str) -> None:
        import traceback

        text = "".join(traceback.format_exception(problem)).rstrip()
        own = extensions.commands.get(command)
        if extensions.has_trigger(command):
            log.warning(f"The trigger {command} failed:\n{text}")
        elif own is not None and own.module:
            log.warning(f"The command '{command}' of {own.module} failed:\n{text}")
        else:
            log.warning(f"The command '{command}' failed through a bug of ours:\n{text}")

    engine = Engine(
        config.integer("databases"),
        for_core(extensions.commands.values()),
        on_bug=on_bug,
        on_cron=_Cron(started.rates, saving, appending),
        parts={
            "state": started,
            "snapshots": saving,
            "append_only": appending,
            "commands": extensions.commands,
        },
        on_warning=_Warnings(log),
    )
    extensions.attach(engine)
    apply_settings(engine, config)
    started.memory_at_start, started.resident_at_start = memory_used(), resident_bytes()
    return Assembly(engine, started, saving, appending, extensions)


class _Warnings:
    """What the core has to say, in the words that Redis uses for it."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._browser_seen: float | None = None

    def __call__(self, about: str, detail: str, number: int = 0) -> None:
        if about == "script":
            log = self._log
            (log.debug, log.verbose, log.notice, log.warning)[number](detail)
            return
        if about == "slow script":
            self._log.warning(
                f"Slow script detected: still in execution after {number} milliseconds. "
                "You can try killing the script using the SCRIPT KILL command. "
                f"Script name is: {detail}."
            )
            return
        if about == "slow command":
            self._log.warning(
                f"Slow command in Python: still in execution after {number} milliseconds. "
                "You can end it using the SCRIPT KILL command. "
                f"Its name is: {detail}."
            )
            return
        if about == "damaged":
            self._log.warning(f"A bug of ours damaged a key; writes are refused now. {detail}")
            return
        if about == "unloaded":
            self._log.warning(
                "After a bug of ours a library of functions could not be loaded again. Its code "
                f"is kept; its functions are missing until it is. {detail}"
            )
            return
        if about == "left-out":
            self._log.warning(
                f"Triggers were not told of {detail} events: they caused one another without "
                "end, or there were too many at once."
            )
            return
        now = monotonic_seconds()
        if self._browser_seen is not None and now - self._browser_seen < _ATTACK_SECONDS:
            return
        self._browser_seen = now
        self._log.warning(
            "Possible SECURITY ATTACK detected. It looks like somebody is sending POST or Host: "
            "commands to Rubellite. This is likely due to an attacker attempting to use Cross "
            "Protocol Scripting to compromise your Rubellite instance. "
            f"Connection from {detail} aborted."
        )


class _Cron:
    """Work that is done ten times a second, between commands."""

    def __init__(self, rates: Rates, saving: Snapshots, appending: AppendOnly) -> None:
        self.rates = rates
        self.saving = saving
        self.appending = appending
        self._collected = monotonic_seconds()

    def __call__(
        self, call: Call, now_ms: int, commands: int, bytes_read: int, bytes_written: int
    ) -> None:
        self.saving.cron(call)
        self.appending.cron(call)
        self.rates.sample(now_ms, commands, bytes_read, bytes_written)
        now = monotonic_seconds()
        if now - self._collected >= _COLLECT_SECONDS:
            self._collected = now
            gc.collect()


def run(config: Config, log: Log, lifecycle: Lifecycle) -> int:
    """Serves until told to stop; returns the exit status."""
    try:
        assembly = assemble(config, log, supervisor=lifecycle.supervisor)
    except ExtensionError as problem:
        log.warning(f"Fatal error loading an extension, exiting: {problem}{_cause(problem)}")
        return 1
    engine = assembly.engine
    listening.follow(config, engine, log)
    log.notice("Server initialized")
    try:
        assembly.load()
    except snapshots.LoadError as problem:
        log.warning(f"Fatal error loading the DB, exiting: {problem}")
        return 1

    def on_ready(addresses: list[str]) -> None:
        if config.integer("port"):
            log.notice("Ready to accept connections tcp")
        if config.text("unixsocket"):
            log.notice("Ready to accept connections unix")
        lifecycle.ready()
        # What is there now stays; cycles are collected between commands only.
        gc.collect()
        gc.freeze()
        gc.disable()

    def on_signal(call: Call, number: int) -> bool:
        name = "SIGINT" if number == 2 else "SIGTERM"
        log.warning(f"Received {name} scheduling shutdown...")
        words = config.words(f"shutdown-on-{name.lower()}")
        save = True if "save" in words else False if "nosave" in words else None
        return ending.prepare(call, save, force="force" in words)

    options: dict[str, Any] = {}
    if config.text("unixsocket"):
        options["unix_socket"] = config.text("unixsocket")
        options["unix_permissions"] = config.integer("unixsocketperm")
    import signal

    # Signals are the engine's from here on; Python would raise KeyboardInterrupt as well.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        status = engine.serve(
            list(config.words("bind")),
            config.integer("port") or None,
            backlog=config.integer("tcp-backlog"),
            on_ready=on_ready,
            on_signal=on_signal,
            **options,
        )
    except OSError as problem:
        log.warning(f"Warning: {problem}")
        log.warning("Failed listening on port {}, aborting.".format(config.integer("port")))
        return 1
    lifecycle.stopping()
    if config.text("unixsocket"):
        _remove_socket(config.text("unixsocket"))
    log.warning("Rubellite is now ready to exit, bye bye...")
    return status


def _cause(problem: ExtensionError) -> str:
    """The traceback of what an extension's import raised, if that was it."""
    if problem.__cause__ is None:
        return ""
    import traceback

    return "\n" + "".join(traceback.format_exception(problem.__cause__)).rstrip()


def _remove_socket(path: str) -> None:
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass
