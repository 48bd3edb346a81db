"""Several clients on each of two servers: what each hears, replies and pushes, in order.

A step's commands go to one client of both servers. Another connection then asks twice for
PONG: the first time the server has read the step, the second time it has written all that
came of it. What every client has heard by then is compared.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from tests.differential.script import (
    CLIENT_NUMBER_MIN,
    Step,
    normalised,
    script,
    weighted_lines,
)
from tests.oracles import Server
from tests.wire import Connection, decode_all, encode, same

VOICES_MIN, VOICES_MAX = 2, 5
STEPS = 40
# A difference counts when it is still there after this time.
GRACE_SECONDS = 0.5
SHRINK_TRIALS_MAX = 300
FINDINGS_MAX = 8
CLOSED = "(closed)"

# Of INFO: what is counted of clients that hear of each other.
COUNTED = (
    *("pubsub_channels", "pubsub_patterns", "pubsubshard_channels", "pubsub_clients"),
    *("tracking_clients", "tracking_total_prefixes", "watching_clients", "total_watched_keys"),
    *("blocked_clients", "total_blocking_keys", "total_blocking_keys_on_nokey"),
)
# Of CLIENT LIST.
LISTED = ("name", "flags", "db", "sub", "psub", "ssub", "watch", "redir", "resp", "cmd")


class Voice:
    """One client: sends, and hears without waiting."""

    def __init__(self, server: Server, protocol: int) -> None:
        with_hello = server.connect(protocol)
        number = with_hello.call("CLIENT", "ID")
        assert isinstance(number, int)
        self.number = number
        self.socket = with_hello.socket
        self.socket.setblocking(False)
        host, port = self.socket.getsockname()[:2]
        self.address = f"{host}:{port}"
        self.data = b""
        self.is_closed = False

    def send(self, payload: bytes) -> None:
        try:
            self.socket.sendall(payload)
        except OSError:
            self.is_closed = True

    def listen(self) -> None:
        while not self.is_closed:
            try:
                more = self.socket.recv(1 << 18)
            except BlockingIOError:
                return
            except OSError:
                more = b""
            if not more:
                self.is_closed = True
            self.data += more

    def close(self) -> None:
        self.socket.close()


class Side:
    """One server with its clients."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.control = server.connect()
        # Other tests on the same server may have left clients in some pool.
        for kind in ("normal", "pubsub"):
            self.control.call("CLIENT", "KILL", "TYPE", kind)
        self.voices: list[Voice] = []
        self.protocols: Sequence[int] = ()
        # Those of clients that are gone, too.
        self.numbers: dict[int, str] = {}
        number = 0
        while number < CLIENT_NUMBER_MIN:
            with server.connect() as connection:
                number = int(connection.call("CLIENT", "ID"))

    def begin(self, protocols: Sequence[int]) -> None:
        """Everything as new, with a client for each protocol."""
        for voice in self.voices:
            voice.close()
        while self.control.call("CLIENT", "LIST").count(b"\n") > 1:
            pass
        self.control.pipeline([["FLUSHALL"], ["CONFIG", "SET", "notify-keyspace-events", ""]])
        self.protocols = protocols
        self.voices = [Voice(self.server, protocol) for protocol in protocols]
        self.numbers = {voice.number: f"@{at}" for at, voice in enumerate(self.voices)}

    def say(self, step: Step) -> None:
        voice = self.voices[step.voice]
        if voice.is_closed:
            voice.close()
            voice = Voice(self.server, self.protocols[step.voice])
            self.voices[step.voice] = voice
            self.numbers[voice.number] = f"@{step.voice}"
        numbers = {b"@%d" % at: b"%d" % it.number for at, it in enumerate(self.voices)}
        voice.send(
            b"".join(
                encode([numbers.get(word, word) for word in command]) for command in step.commands
            )
        )

    def settle(self) -> None:
        for _ in range(2):
            self.control.call("PING")

    def heard(self) -> list[list[Any]]:
        """What each client has heard since it was forgotten last."""
        addresses = {voice.address: f"@{at}" for at, voice in enumerate(self.voices)}
        result = []
        for voice in self.voices:
            voice.listen()
            messages = normalised(decode_all(voice.data), self.numbers, addresses)
            result.append([*messages, *([CLOSED] if voice.is_closed else [])])
        return result

    def forget(self) -> None:
        for voice in self.voices:
            voice.data = b""

    def state(self) -> dict[str, Any]:
        """What the server says of its clients."""
        text = b"".join(self.control.call("INFO", section) for section in ("clients", "stats"))
        fields = dict(line.split(":", 1) for line in text.decode().splitlines() if ":" in line)
        state: dict[str, Any] = {name: fields[name] for name in COUNTED}
        numbers = {str(number): who for number, who in self.numbers.items()}
        for line in self.control.call("CLIENT", "LIST").decode().splitlines():
            facts = dict(word.split("=", 1) for word in line.split())
            who = numbers.get(facts["id"])
            if who is not None:
                listed = {name: facts[name] for name in LISTED}
                state[who] = {**listed, "redir": numbers.get(listed["redir"], "none")}
        return state

    def close(self) -> None:
        for voice in self.voices:
            voice.close()
        self.control.close()


@dataclass
class Finding:
    """A difference, and the script that shows it."""

    protocols: Sequence[int]
    steps: list[Step]
    ours: Any
    theirs: Any

    def __str__(self) -> str:
        lines = [f"clients speak RESP{list(self.protocols)}", *map(str, self.steps)]
        return "\n    ".join([*lines, f"ours:   {self.ours}", f"theirs: {self.theirs}"])


@dataclass
class Concert:
    """A run of many scripts."""

    ours: Server
    theirs: Server
    seed: int
    steps: int = 0
    findings: list[Finding] = field(default_factory=list)

    def run(self, steps: int) -> None:
        """Compares about so many steps."""
        rng = Random(f"chorus {self.seed}")
        sides = Side(self.ours), Side(self.theirs)
        repertoires = [
            [
                (weight, words)
                for weight, words in weighted_lines(of_streams=of_streams)
                if all(_knows(side.control, words) for side in sides)
            ]
            for of_streams in (False, True)
        ]
        try:
            while self.steps < steps and len(self.findings) < FINDINGS_MAX:
                voices = rng.randint(VOICES_MIN, VOICES_MAX)
                protocols = [rng.choice((2, 3)) for _ in range(voices)]
                written = script(rng, rng.choice(repertoires), voices, STEPS)
                self.steps += len(written)
                finding = perform(sides, protocols, written)
                if finding is not None:
                    self.findings.append(_shrunk(sides, finding))
        finally:
            for side in sides:
                side.close()

    def show(self) -> str:
        """What was compared and found."""
        lines = [f"chorus: {self.steps} steps, seed {self.seed}"]
        return "\n\n".join([*lines, *map(str, self.findings)])


def _knows(connection: Connection, words: Sequence[str]) -> bool:
    """Whether a server has the command; the one that none has is meant to be unknown."""
    return words[0] == "NOSUCHCOMMAND" or isinstance(
        connection.call("COMMAND", "INFO", words[0])[0], list
    )


def perform(
    sides: Sequence[Side], protocols: Sequence[int], steps: Sequence[Step]
) -> Finding | None:
    """Plays a script on both servers; the first difference."""
    for side in sides:
        side.begin(protocols)
    for at, step in enumerate(steps):
        for side in sides:
            side.say(step)
        ours, theirs = _together(sides)
        if not same(ours, theirs):
            shown = [
                (f"client {who}", mine, its)
                for who, (mine, its) in enumerate(zip(ours, theirs, strict=True))
                if not same(mine, its)
            ]
            return Finding(
                protocols,
                list(steps[: at + 1]),
                [(who, mine) for who, mine, _ in shown],
                [(who, its) for who, _, its in shown],
            )
        for side in sides:
            side.forget()
    mine, its = (side.state() for side in sides)
    if mine != its:
        names = [name for name in {**mine, **its} if mine.get(name) != its.get(name)]
        return Finding(
            protocols,
            list(steps),
            {name: mine.get(name) for name in names},
            {name: its.get(name) for name in names},
        )
    return None


def _together(sides: Sequence[Side]) -> list[list[list[Any]]]:
    """What was heard on each side; waits a little for what may be under way."""
    for side in sides:
        side.settle()
    deadline = time.monotonic() + GRACE_SECONDS
    while True:
        heard = [side.heard() for side in sides]
        if same(*heard) or time.monotonic() > deadline:
            return heard
        time.sleep(0.005)


def _shrunk(sides: Sequence[Side], finding: Finding) -> Finding:
    """The same with as few steps as still differ."""
    best, trials = finding, 0
    size = max(1, len(best.steps) // 2)
    while size and trials < SHRINK_TRIALS_MAX:
        for start in range(len(best.steps) - size, -1, -size):
            trials += 1
            shorter = best.steps[:start] + best.steps[start + size :]
            found = perform(sides, best.protocols, shorter)
            if found is not None:
                best = found
                break
        else:
            size //= 2
    return best
