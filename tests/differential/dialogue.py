"""As `differ`, with several clients on each server that take turns.

A command begins with a tag that says who sends it:

    1> WATCH s1        2> SET s1 value        1> MULTI        1> EXEC

What one client sends in a row travels together; then its replies are awaited, so that
both servers see the same order.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from random import Random

from tests.differential.allowances import equivalent
from tests.differential.differ import Command, Differ, Failure, Finding
from tests.wire import Connection, WireError, encode, same

TAGS = (b"1>", b"2>")
# The same client goes on with this chance.
STAYS = 0.6


def tagged(rng: Random, commands: Sequence[Command]) -> list[Command]:
    """The commands, each given to one of the clients."""
    result = []
    tag = TAGS[0]
    for command in commands:
        if rng.random() > STAYS:
            tag = TAGS[int(rng.random() * len(TAGS))]
        result.append([tag, *command])
    return result


class Dialogue(Differ):
    """Two servers side by side, each with a client for every tag."""

    def _connect(self) -> None:
        self.clients: list[dict[bytes, Connection]] = [
            {tag: server.connect(self.protocol) for tag in TAGS}
            for server in (self.ours, self.theirs)
        ]
        self.connections = [clients[TAGS[0]] for clients in self.clients]

    def close(self) -> None:
        for clients in self.clients:
            for connection in clients.values():
                connection.close()
        self.connections = []

    def run(self, sequences: Sequence[list[Command]]) -> Iterator[Finding]:
        for commands in sequences:
            finding = self._converse(commands)
            if finding is not None:
                yield finding

    def _converse(self, commands: list[Command]) -> Finding | None:
        if any(len(command) == 1 for command in commands):
            # Shrinking left a tag alone; no server answers an empty command.
            return None
        fresh: list[Command] = [[b"DISCARD"], [b"HELLO", b"%d" % self.protocol]]
        fresh += [[b"UNWATCH"], [b"SELECT", b"0"]]
        start = [[tag, *command] for tag in TAGS for command in fresh]
        start.append([TAGS[0], b"FLUSHALL"])
        ending = [[TAGS[0], *command] for command in (*fresh, *self.state)]
        script = [*start, *commands, *ending]
        at = 0
        for tag, batch in groupby(script, key=lambda command: command[0]):
            bare = [command[1:] for command in batch]
            try:
                replies = self._ask(tag, bare)
            except (OSError, WireError) as problem:
                failed = self._failure(commands, at - len(start), bare[0], problem)
                self._reconnect()
                return failed
            for command, ours, theirs in zip(bare, *replies, strict=True):
                is_state = at >= len(start) + len(commands)
                is_compared = at >= len(start) and not (is_state and command in fresh)
                if is_compared and not same(ours, theirs) and not equivalent(command, ours, theirs):
                    shown = commands if is_state else commands[: at - len(start) + 1]
                    return Finding(
                        shown,
                        at - len(start),
                        command,
                        ours,
                        theirs,
                        is_state,
                        self.protocol,
                        self.theirs.name,
                    )
                at += 1
        return None

    def _ask(self, tag: bytes, commands: Sequence[Command]) -> list[list[object]]:
        payload = b"".join(map(encode, commands))
        connections = [clients[tag] for clients in self.clients]
        for connection in connections:
            connection.send_raw(payload)
        return [[connection.reply() for _ in commands] for connection in connections]

    def _failure(
        self, commands: list[Command], at: int, command: Command, problem: Exception
    ) -> Finding:
        is_ours_alive = self.ours.is_alive()
        return Finding(
            commands[: max(at, 0) + 1],
            at,
            command,
            "an answer" if is_ours_alive and not self.theirs.is_alive() else Failure(str(problem)),
            "an answer" if self.theirs.is_alive() else Failure(str(problem)),
            at >= len(commands),
            self.protocol,
            self.theirs.name,
        )

    def _reconnect(self) -> None:
        self.close()
        for server in (self.ours, self.theirs):
            if not server.is_alive():
                server.restart()
        self._connect()
