"""The command table in the form in which the core takes it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rubellite.spec.command import Command
from rubellite.spec.keys import KeySpec


def _key_rule(spec: KeySpec) -> tuple[Any, ...] | None:
    if spec.search == "keyword":
        return ("keyword", spec.keyword, spec.index)
    if spec.search != "index":
        return None
    if spec.find == "keynum":
        return ("counted", spec.index + spec.keynum, spec.index + spec.first, spec.step)
    last = spec.last if spec.last < 0 else spec.index + spec.last
    return ("range", spec.index, last, spec.step)


def for_core(commands: Iterable[Command]) -> list[dict[str, Any]]:
    """What `_core.Engine` is made with; containers come before their subcommands."""
    return [
        {
            "name": command.name,
            "flags": command.flags,
            "arity": command.arity,
            "words": command.words,
            "elements": command.elements,
            "keys": [rule for key in command.keys if (rule := _key_rule(key))],
            "handler": command.handler,
        }
        for command in sorted(commands, key=lambda command: "|" in command.name)
    ]
