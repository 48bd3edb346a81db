"""What one group of commands is, to those who compare: `groups` has the tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tests.differential.values import Draw
from tests.oracles import Server


@dataclass(frozen=True)
class Group:
    """One command group, named as `COMMAND DOCS` names it."""

    name: str
    documented_as: str
    lines: tuple[str, ...]
    kinds: Mapping[str, Draw] = field(default_factory=dict)
    excluded: Mapping[str, str] = field(default_factory=dict)
    planned: frozenset[str] = frozenset()
    # What else stands between the group's commands, so that they have something to do.
    helpers: tuple[str, ...] = ()
    # With more than one client, commands are dealt out to them (dialogue.py).
    clients: int = 1
    # Only that the data are equal matters, not their encodings.
    is_brief: bool = False
    # What a sequence may leave behind beside keys goes away with these.
    clearing: tuple[list[bytes], ...] = ()
    # Values of the commands that make the keys, where not all servers take the usual ones.
    setup_kinds: Mapping[str, Draw] = field(default_factory=dict)
    # The only server that has these; else the first that has a command decides on it.
    decided_by: str = ""

    def deciding(self, servers: Mapping[str, Server]) -> dict[str, Server]:
        """Those of the real servers that this group is compared with."""
        return {name: server for name, server in servers.items() if self.decided_by in ("", name)}


def lines(text: str) -> tuple[str, ...]:
    return tuple(line.strip() for line in text.strip().splitlines())
