"""Sends sequences of commands to two servers and finds the first difference in each.

A sequence starts from an empty server and ends with a look at the state of every
key. Many sequences travel in one pipelined payload; each ends with a mark, and only
those whose raw bytes differ are decoded, which is what makes 20,000 commands a
second possible in Python.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from tests import wire
from tests.differential.allowances import describe, equivalent
from tests.differential.values import KEYS
from tests.oracles import Server
from tests.wire import Connection, WireError, encode, same

Command = list[bytes]

MARK = b"$12\r\n~end-of-seq~\r\n"
_MARK_COMMAND = encode([b"ECHO", b"~end-of-seq~"])
# A sequence may leave a transaction or another database behind.
_CLEARING: tuple[Command, ...] = ([b"DISCARD"], [b"UNWATCH"], [b"SELECT", b"0"], [b"FLUSHALL"])
# No answer for this long counts as a hang.
HANG_SECONDS = 10.0

CONTAINERS = frozenset(b"OBJECT XGROUP XINFO DEBUG MEMORY CLIENT CONFIG".split())


def state_commands(has_digest: bool, is_brief: bool) -> list[Command]:
    """What describes the data that a sequence left behind.

    Brief: that it is the same data, but not its encodings and remaining times.
    """
    commands: list[Command] = [[b"DISCARD"], [b"SELECT", b"0"]]
    # A key that is due counts until somebody looks: SCAN does.
    commands += [[b"SCAN", b"0", b"COUNT", b"10000"], [b"DBSIZE"]]
    if has_digest:
        commands.append([b"DEBUG", b"DIGEST-VALUE", *KEYS])
    if has_digest and is_brief:
        return commands
    for database in (b"1", b"2"):
        commands += [[b"SELECT", database], [b"SCAN", b"0", b"COUNT", b"10000"]]
        if has_digest:
            commands.append([b"DEBUG", b"DIGEST-VALUE", *KEYS])
    commands.append([b"SELECT", b"0"])
    for key in KEYS:
        commands += [[b"OBJECT", b"ENCODING", key], [b"PTTL", key]]
        if not has_digest:
            commands += [
                [b"GET", key],
                [b"LRANGE", key, b"0", b"-1"],
                [b"SMEMBERS", key],
                [b"HGETALL", key],
                [b"ZRANGE", key, b"0", b"-1", b"WITHSCORES"],
                [b"XRANGE", key, b"-", b"+"],
            ]
    return commands


@dataclass
class Finding:
    """One difference: where in which sequence, and both replies."""

    commands: list[Command]
    at: int
    command: Command
    ours: Any
    theirs: Any
    is_state: bool
    protocol: int
    against: str

    @property
    def signature(self) -> tuple[str, str, str]:
        """What makes two findings look like one cause."""
        name = self.command[0].upper().decode("latin-1")
        if self.command[0].upper() in CONTAINERS and len(self.command) > 1:
            name += " " + self.command[1].upper().decode("latin-1")
        if self.is_state:
            name = f"state after: {name}"
        return name, _plain(self.ours), _plain(self.theirs)


class Failure(str):
    """Stands in for a reply that never came: the server died, hung or closed."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"!! {self!s}"


def _plain(reply: Any) -> str:
    if isinstance(reply, Failure):
        return str(reply)
    # Quoted names and numbers vary; the sentence around them is what differs.
    return re.sub(r"'[^']*'|\d+", "…", describe(reply))


class Differ:
    """Two servers side by side."""

    def __init__(
        self,
        ours: Server,
        theirs: Server,
        protocol: int,
        is_brief: bool = False,
        clearing: Sequence[Command] = (),
    ) -> None:
        self.ours = ours
        self.theirs = theirs
        self.protocol = protocol
        self.connections: list[Connection] = []
        self._clearing = (*_CLEARING, *clearing)
        self._clear = b"".join(map(encode, self._clearing))
        self._connect()
        for connection in self.connections:
            for needed in (["ECHO", "mark"], ["FLUSHALL"], ["DBSIZE"]):
                if isinstance(reply := connection.call(*needed), wire.Error):
                    raise WireError(f"comparing needs {needed[0]}: {reply}")
        self.state = [
            command
            for command in state_commands(self._both_digest(), is_brief)
            if all(knows(connection, command) for connection in self.connections)
        ]
        self._state_payload = b"".join(map(encode, self.state))

    def close(self) -> None:
        for connection in self.connections:
            connection.close()
        self.connections = []

    def run(self, sequences: Sequence[list[Command]]) -> Iterator[Finding]:
        """The first difference of each sequence that has one."""
        remaining = list(sequences)
        while remaining:
            payload = b"".join(self._payload(commands) for commands in remaining)
            ours, theirs = self._exchange(payload)
            blobs = [bytes(ours.data).split(MARK), bytes(theirs.data).split(MARK)]
            whole = min(len(blobs[0]), len(blobs[1])) - 1
            for index in range(whole):
                if blobs[0][index] != blobs[1][index]:
                    finding = self._first_difference(
                        remaining[index], blobs[0][index], blobs[1][index]
                    )
                    if finding is not None:
                        yield finding
            if whole == len(remaining):
                return
            yield self._failed(remaining[whole], ours, theirs, blobs, whole)
            # The rest runs on fresh connections, after the sequence that broke them.
            remaining = remaining[whole + 1 :]

    def run_one(self, commands: list[Command]) -> Finding | None:
        return next(self.run([commands]), None)

    def _payload(self, commands: list[Command]) -> bytes:
        body = b"".join(map(encode, commands))
        return b"".join((self._clear, body, self._state_payload, _MARK_COMMAND))

    def _exchange(self, payload: bytes) -> tuple[wire.Outcome, wire.Outcome]:
        # `exchange` stops at these bytes, so they must not be any sequence's end.
        last = encode([b"ECHO", b"~end-of-run~"])
        reply = b"$12\r\n~end-of-run~\r\n"
        ours, theirs = wire.exchange(self.connections, payload + last, reply, HANG_SECONDS)
        for outcome in (ours, theirs):
            if outcome.data.endswith(reply):
                del outcome.data[-len(reply) :]
        if ours.failure or theirs.failure:
            self.close()
            for server, outcome in ((self.ours, ours), (self.theirs, theirs)):
                if not server.is_alive() or outcome.failure == "no answer":
                    server.restart()
            try:
                self._connect()
            except (OSError, WireError):
                # It was still writing its report of the crash.
                for server in (self.ours, self.theirs):
                    server.restart()
                self._connect()
        return ours, theirs

    def _first_difference(
        self, commands: list[Command], ours_raw: bytes, theirs_raw: bytes
    ) -> Finding | None:
        ours = wire.decode_all(ours_raw)[len(self._clearing) :]
        try:
            theirs = wire.decode_all(theirs_raw)[len(self._clearing) :]
        except WireError:
            # An error that quotes a line break is broken by it there, as in FUNCTION LIST.
            return None
        sent = commands + self.state
        for at, command in enumerate(sent):
            left = ours[at] if at < len(ours) else Failure("no reply")
            right = theirs[at] if at < len(theirs) else Failure("no reply")
            if not same(left, right) and not equivalent(command, left, right):
                is_state = at >= len(commands)
                return Finding(
                    commands if is_state else commands[: at + 1],
                    at,
                    command,
                    left,
                    right,
                    is_state,
                    self.protocol,
                    self.theirs.name,
                )
        if len(ours) != len(theirs):
            return Finding(
                commands,
                len(sent),
                [b"(replies)"],
                Failure(f"{len(ours)} replies"),
                Failure(f"{len(theirs)} replies"),
                True,
                self.protocol,
                self.theirs.name,
            )
        return None

    def _failed(
        self,
        commands: list[Command],
        ours: wire.Outcome,
        theirs: wire.Outcome,
        blobs: list[list[bytes]],
        whole: int,
    ) -> Finding:
        """The finding for a sequence in which a server stopped answering."""
        replies = [
            wire.decode_all(blob[whole])[len(self._clearing) :] if whole < len(blob) else []
            for blob in blobs
        ]
        short = 0 if ours.failure else 1
        at = len(replies[short])
        sent = commands + self.state
        command = sent[at] if at < len(sent) else [b"(after the last reply)"]
        return Finding(
            commands[: at + 1],
            at,
            command,
            Failure(ours.failure) if ours.failure else "an answer",
            Failure(theirs.failure) if theirs.failure else "an answer",
            at >= len(commands),
            self.protocol,
            self.theirs.name,
        )

    def _connect(self) -> None:
        self.connections = [
            self.ours.connect(self.protocol),
            self.theirs.connect(self.protocol),
        ]

    def _both_digest(self) -> bool:
        return all(
            isinstance(connection.call("DEBUG", "DIGEST-VALUE", "nothing"), list)
            for connection in self.connections
        )


def knows(connection: Connection, words: Sequence[bytes]) -> bool:
    """Whether a server has a command; asked by calling it with no arguments."""
    reply = connection.call(*words)
    return not (
        isinstance(reply, wire.Error)
        and reply.lower().startswith(("err unknown command", "err unknown subcommand"))
    )
