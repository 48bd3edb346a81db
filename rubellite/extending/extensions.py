"""The commands of one store, those that are built in and those that were added; triggers."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable

from rubellite._core import Engine
from rubellite.extending.declaring import Declared, Trigger
from rubellite.extending.loading import ExtensionError, Source, declared_by
from rubellite.spec.command import TABLE, Command, Registry, make_container, make_help
from rubellite.spec.flags import CONTAINER
from rubellite.spec.table import for_core


class Extensions:
    """What users added to one store, which has `built_in` to begin with.

    `rest` loads the commands that are built in and not in the table yet.
    """

    def __init__(
        self, built_in: Registry = TABLE, *, rest: Callable[[], None] | None = None
    ) -> None:
        #: All commands of the store, or those that it began with.
        self.commands = Registry(built_in)
        self._rest = rest
        self._triggers: list[Trigger] = []
        self._engine: Engine | None = None
        self._adding = threading.Lock()

    def attach(self, engine: Engine) -> None:
        """The engine was made with `commands`; what is added from now on, it is told."""
        self._engine = engine
        if self._rest is not None:
            engine.when_missing(self.complete)
        for trigger in self._triggers:
            self._arm(engine, trigger)

    def complete(self) -> None:
        """Adds the commands that are built in and were left out at first. Not in a command."""
        with self._adding:
            rest = self._rest
            if rest is None:
                return
            rest()
            new = [entry for name, entry in TABLE.items() if name not in self.commands]
            if self._engine is not None:
                self._engine.add_commands(for_core(new))
                self._engine.when_missing(None)
            self.commands.update((entry.name, entry) for entry in new)
            self._rest = None

    def _arm(self, engine: Engine, trigger: Trigger) -> None:
        event = None if trigger.event == "*" else trigger.event
        engine.add_trigger(trigger.handler, trigger.name, event, trigger.pattern)

    def load(self, source: Source) -> None:
        """Adds what a file, module or function declares. Fails with `ExtensionError`."""
        self.add(declared_by(source))

    def add(self, declared: Iterable[Declared]) -> None:
        """Adds commands and triggers, all or none. Fails with `ExtensionError`."""
        # Names that are built in cannot be had, and what is added may execute any command.
        self.complete()
        with self._adding:
            commands, triggers = [], []
            # A module may have imported what another one declares.
            for entry in declared:
                if isinstance(entry, Trigger):
                    if entry not in self._triggers:
                        triggers.append(entry)
                elif self.commands.get(entry.name) is not entry:
                    commands.append(entry)
            new = self._checked(commands)
            if self._engine is not None and new:
                self._engine.add_commands(for_core(new))
            for entry in new:
                self.commands.add(entry)
            for trigger in triggers:
                if self._engine is not None:
                    self._arm(self._engine, trigger)
                self._triggers.append(trigger)

    @property
    def trigger_count(self) -> int:
        """How many triggers there are."""
        return len(self._triggers)

    def has_trigger(self, name: str) -> bool:
        """Whether one of the triggers is named so in the log."""
        return any(trigger.name == name for trigger in self._triggers)

    def _checked(self, wanted: list[Command]) -> list[Command]:
        """The commands to add, with the containers that they need."""
        new: dict[str, Command] = {}
        for entry in wanted:
            container, bar, _ = entry.name.partition("|")
            if bar and container not in self.commands and container not in new:
                word = entry.syntax.words[0]
                made = make_container(
                    word,
                    f"A container for {word} commands",
                    since=entry.since,
                    group=entry.group,
                    cost="Depends on subcommand.",
                )
                made.module = entry.module
                for own in (made, make_help(made)):
                    own.module = entry.module
                    new[own.name] = own
            for name in (container, entry.name):
                self._check_name(name, entry, new)
            new[entry.name] = entry
        return list(new.values())

    def _check_name(self, name: str, entry: Command, new: dict[str, Command]) -> None:
        words = name.replace("|", " ").upper()
        where = f"{entry.module}: {entry.syntax.text!r}"
        if name in TABLE:
            raise ExtensionError(f"{where}: {words} is built in; choose another name")
        known = new.get(name) or self.commands.get(name)
        if known is None:
            return
        if name == entry.name:
            raise ExtensionError(f"{where}: {words} is there already, from {known.module}")
        if not known.flags & CONTAINER:
            raise ExtensionError(f"{where}: {words} is a command, and can have no subcommands")
