"""Makes a sequence that shows a difference as short as it can be (delta debugging).

First whole commands go, in ever smaller portions, then single arguments, then long
arguments become short ones. A step is kept if the same kind of difference remains.
"""

from __future__ import annotations

from collections.abc import Iterator

from tests.differential.differ import Command, Differ, Finding

TRIALS_MAX = 400


def shrink(differ: Differ, finding: Finding) -> Finding | None:
    """The smallest sequence found; None if the difference does not show up alone."""
    wanted = finding.signature
    best = differ.run_one(finding.commands)
    if best is None or best.signature != wanted:
        return best
    trials = 0
    progress = True
    while progress and trials < TRIALS_MAX:
        progress = False
        for candidate in _smaller(best.commands):
            trials += 1
            found = differ.run_one(candidate)
            if found is not None and found.signature == wanted:
                best = found
                progress = True
                break
            if trials >= TRIALS_MAX:
                break
    return best


def _smaller(commands: list[Command]) -> Iterator[list[Command]]:
    size = len(commands) // 2
    while size >= 1:
        for start in range(len(commands) - size, -1, -size):
            yield commands[:start] + commands[start + size :]
        size //= 2
    for index, command in enumerate(commands):
        for at in range(len(command) - 1, 0, -1):
            yield _with(commands, index, command[:at] + command[at + 1 :])
        for at in range(1, len(command)):
            if len(command[at]) > 8:
                yield _with(commands, index, [*command[:at], b"a", *command[at + 1 :]])


def _with(commands: list[Command], index: int, command: Command) -> list[Command]:
    return [*commands[:index], command, *commands[index + 1 :]]
