"""The command table in the form in which the core takes it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rubellite.spec.command import Command
from rubellite.spec.keys import KeySpec


def key_rule(spec: KeySpec) -> tuple[Any, ...] | None:
    """How the core finds the keys of `spec`; None: it cannot."""
    if spec.keyword and spec.search == "unknown":
        return ("option", spec.keyword, spec.index)
    if spec.keyword:
        # One key, or a share of all that is left: see `KeyPositions` in the core.
        share = max(spec.limit, 1) if spec.last < 0 else 0
        return ("keyword", spec.keyword, spec.index, share)
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
            "keys": [rule for key in command.keys if (rule := key_rule(key))],
            "handler": command.handler,
            "native": command.native,
        }
        for command in sorted(commands, key=lambda command: "|" in command.name)
    ]
