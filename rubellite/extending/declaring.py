"""What a function declares itself to be; nothing is in a store yet.

A declaration is an attribute of its function, so a module can be loaded into several
stores, and one store knows nothing of another's commands.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from rubellite._core import Call
from rubellite.errors import ReplyError
from rubellite.record import Record
from rubellite.spec import flags as flag
from rubellite.spec.command import Command, make_command
from rubellite.spec.describe import CATEGORIES
from rubellite.spec.keys import KeySpec
from rubellite.spec.notation import NotationError

Handler = TypeVar("Handler", bound=Callable[..., Any])

#: What a trigger is called with: a call, the event's name and the key.
Reaction = TypeVar("Reaction", bound=Callable[[Call, str, bytes], object])

#: Where a function keeps its declarations.
_ATTRIBUTE = "__rubellite__"


class Trigger(Record, frozen=True):
    """A function that hears of events; `event` "*" is every one but `new` and `keymiss`."""

    handler: Callable[[Call, str, bytes], object]
    event: str
    pattern: bytes

    @property
    def name(self) -> str:
        """How the log names it."""
        module = getattr(self.handler, "__module__", "?")
        return f"{module}.{getattr(self.handler, '__qualname__', repr(self.handler))}"


#: What a function can be declared to be.
Declared = Command | Trigger


class Error(ReplyError):
    """An error reply of a command's own: `Error("no such job")` is `-ERR no such job`.

    `code` is the word in front, by which clients tell errors apart.
    """

    def __init__(self, text: str, code: str = "ERR") -> None:
        Exception.__init__(self, f"{code} {text}")


def command(
    text: str,
    flags: int = 0,
    *,
    since: str = "1.0.0",
    cost: str = "O(1)",
    group: str = "module",
    categories: Sequence[str] = (),
    keys: list[KeySpec] | None = None,
    takes_rest: bool = False,
) -> Callable[[Handler], Handler]:
    """Declares the decorated function to be the command that `text` describes.

    `text` is written as in Redis's manual, such as `JOBS.PUSH queue:RW job [DELAY seconds]`;
    `flags` say what it does (`WRITE`, `READ`, `BLOCKING` …). `keys` replaces what the text
    says of key positions; with `takes_rest` the last parameter gets all arguments that are
    left, unparsed. Fails with `NotationError` where text and function do not match.
    """

    def register(handler: Handler) -> Handler:
        entry = declare(
            handler,
            text,
            flags,
            since=since,
            cost=cost,
            group=group,
            categories=categories,
            keys=keys,
            takes_rest=takes_rest,
        )
        remember(handler, entry)
        return handler

    return register


def declare(
    handler: Callable[..., Any],
    text: str,
    flags: int = 0,
    *,
    since: str = "1.0.0",
    cost: str = "O(1)",
    group: str = "module",
    categories: Sequence[str] = (),
    keys: list[KeySpec] | None = None,
    takes_rest: bool = False,
) -> Command:
    """The command that a function declares itself to be; see `command`."""
    # Nobody else needs it, and it takes long to import.
    import inspect

    where = f"{getattr(handler, '__qualname__', handler)}: {text!r}"
    if inspect.iscoroutinefunction(handler) or inspect.isgeneratorfunction(handler):
        raise NotationError(f"{where}: a command is a plain function, which runs to its end")
    if flags & flag.WRITE and flags & flag.READ:
        raise NotationError(f"{where}: READ is for commands that do not write")
    if unknown := {name.removeprefix("@") for name in categories} - {*CATEGORIES}:
        raise NotationError(f"{where}: no such category: {', '.join(sorted(unknown))}")
    try:
        entry = make_command(
            handler,
            text,
            flags | flag.EXTENSION,
            since=since,
            cost=cost,
            group=group,
            categories=["@" + name.removeprefix("@") for name in categories],
            keyspace=False,
            keys=keys,
            takes_rest=takes_rest,
        )
    except NotationError as problem:
        raise NotationError(
            str(problem) if text in str(problem) else f"{where}: {problem}"
        ) from None
    if not entry.syntax.words:
        raise NotationError(f"{where}: it begins with the command's name, in upper case")
    entry.module = getattr(handler, "__module__", None) or "?"
    return entry


def on(event: str, pattern: bytes | str = "*") -> Callable[[Reaction], Reaction]:
    """Declares the decorated function to hear of an event of keys that match the pattern.

    Events are those of keyspace notifications (`set`, `expired`, `lpush` …, "*": any but
    `new` and `keymiss`), whatever `notify-keyspace-events` says. The function runs in the
    thread of what caused the event, once that is done and answered.
    """

    def register(handler: Reaction) -> Reaction:
        remember(handler, declare_trigger(handler, event, pattern))
        return handler

    return register


def declare_trigger(
    handler: Callable[[Call, str, bytes], object], event: str, pattern: bytes | str = "*"
) -> Trigger:
    """The trigger that a function declares itself to be; see `on`."""
    import inspect

    trigger = Trigger(handler, event, pattern.encode() if isinstance(pattern, str) else pattern)
    if inspect.iscoroutinefunction(handler) or inspect.isgeneratorfunction(handler):
        raise NotationError(f"{trigger.name}: a trigger is a plain function")
    try:
        inspect.signature(handler).bind(None, event, b"")
    except TypeError:
        raise NotationError(f"{trigger.name}: a trigger takes (call, event, key)") from None
    if not event or event != event.lower():
        raise NotationError(f"{trigger.name}: events have names in lower case, such as expired")
    return trigger


def remember(handler: Callable[..., Any], entry: Declared) -> None:
    """Leaves a declaration with its function."""
    declarations_of(handler, create=True).append(entry)


def declarations_of(handler: Any, *, create: bool = False) -> list[Declared]:
    """What a function was declared to be; nothing for all else."""
    found: list[Declared] | None = getattr(handler, "__dict__", {}).get(_ATTRIBUTE)
    if found is None:
        found = []
        if create:
            setattr(handler, _ATTRIBUTE, found)
    return found
