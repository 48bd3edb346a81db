"""Publish/subscribe: what a message costs that many hear, or that nobody hears among many.

The server's processor time is what is measured: a thousand readers on the same machine
would otherwise measure themselves. They are read by one thread, between portions of
messages that fit into the sockets' buffers.
"""

from __future__ import annotations

import selectors
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from benchmarks.connections import FILES_SPARE, raise_file_limit
from benchmarks.report import Goal, Results, Row
from benchmarks.servers import Program, Server
from benchmarks.wire import Connection, ReplyError, encode

PORTION = 16
MESSAGE = b"x" * 64
#: A message is delivered at 1.2 times the best rate, or for the best's processor time / 1.2.
GOAL_SHARE = 1.2
SECTION = "pubsub"
TICK_S = 0.01


@dataclass(frozen=True)
class PubsubPlan:
    """Sizes; a smoke run shrinks them."""

    subscribers: int = 1_000
    messages: int = 2_000
    messages_among_channels: int = 50_000
    channels: int = 100_000
    patterns: int = 10_000
    messages_among_patterns: int = 2_000


def measure(
    programs: Sequence[Program],
    results: Results,
    say: Callable[[str], None],
    plan: PubsubPlan | None = None,
) -> None:
    """A fresh server for each row."""
    plan = plan or PubsubPlan()
    raise_file_limit(plan.subscribers + FILES_SPARE)
    delivered: dict[str, float] = {}
    channels: dict[str, float] = {}
    patterns: dict[str, float] = {}
    for program in programs:
        try:
            delivered[program.name] = _fan_out(program, plan)
            channels[program.name] = _among(
                program, "SUBSCRIBE", plan.channels, plan.messages_among_channels
            )
            patterns[program.name] = _among(
                program, "PSUBSCRIBE", plan.patterns, plan.messages_among_patterns
            )
        except (OSError, ReplyError) as why:
            results.skip("publish/subscribe", program.name, why)
            continue
        say(f"pubsub: {program.name}, {delivered[program.name]:,.0f} deliveries a CPU second")
    name = f"PUBLISH to {plan.subscribers:,}, {PORTION} at once"
    goal = Goal(share_of_best=GOAL_SHARE)
    results.add(Row(SECTION, name, "deliveries", "1/CPU s", delivered, True, goal))
    for what, values in (
        (f"{plan.channels:,} channels", channels),
        (f"{plan.patterns:,} patterns", patterns),
    ):
        name = f"PUBLISH among {what}"
        results.add(Row(SECTION, name, "CPU", "µs/message", values, goal=Goal(below_best=True)))


def _fan_out(program: Program, plan: PubsubPlan) -> float:
    """Deliveries for each second of the server's processor time."""
    readers: list[Connection] = []
    with Server(program) as server, selectors.DefaultSelector() as selector:
        try:
            for _ in range(plan.subscribers):
                readers.append(server.connect())
                readers[-1].call("SUBSCRIBE", "news")
                readers[-1].socket.setblocking(False)
                selector.register(readers[-1].socket, selectors.EVENT_READ)
            with server.connect() as publisher:
                message = encode("PUBLISH", "news", MESSAGE)
                heard = len(encode("message", "news", MESSAGE)) * PORTION
                before = server.cpu()
                for _ in range(0, plan.messages, PORTION):
                    publisher.load([message] * PORTION)
                    _read_all(selector, plan.subscribers * heard)
                spent = server.cpu() - before
        finally:
            for reader in readers:
                reader.close()
    # The clock of processor time ticks a hundred times a second.
    return plan.messages * plan.subscribers / max(spent.user_s + spent.system_s, TICK_S)


def _read_all(selector: selectors.BaseSelector, wanted: int) -> None:
    while wanted > 0:
        for key, _ in selector.select(timeout=10.0):
            # The reader's own socket, not a descriptor.
            wanted -= len(key.fileobj.recv(1 << 16))  # type: ignore[union-attr]


def _among(program: Program, subscribe: str, topics: int, messages: int) -> float:
    """Microseconds of the server's processor time for a message that one client hears."""

    def names() -> Iterator[bytes]:
        for start in range(0, topics, 500):
            yield encode(subscribe, *(f"topic:{n}" for n in range(start, min(start + 500, topics))))

    with Server(program) as server, server.connect() as listener, server.connect() as publisher:
        for command in names():
            listener.send(command)
            for _ in range(min(500, topics)):
                listener.read_reply()
        before = server.cpu()
        for start in range(0, messages, PORTION):
            publisher.load(
                encode("PUBLISH", f"topic:{(start + n) % topics}", MESSAGE) for n in range(PORTION)
            )
            for _ in range(PORTION):
                listener.read_reply()
        spent = server.cpu() - before
    return (spent.user_s + spent.system_s) * 1e6 / messages
