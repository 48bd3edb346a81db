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

#: Messages that a publisher sends before it waits. With one, every delivery is a packet of
#: its own and the kernel's work is nearly all; with more, the server's own work shows.
PORTIONS = (1, 16)
PORTION = PORTIONS[-1]
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
    delivered: dict[int, dict[str, float]] = {portion: {} for portion in PORTIONS}
    channels: dict[str, float] = {}
    patterns: dict[str, float] = {}
    for program in programs:
        try:
            for portion, rates in delivered.items():
                rates[program.name] = _fan_out(program, plan, portion)
            channels[program.name] = _among(
                program, "SUBSCRIBE", plan.channels, plan.messages_among_channels
            )
            patterns[program.name] = _among(
                program, "PSUBSCRIBE", plan.patterns, plan.messages_among_patterns
            )
        except (OSError, ReplyError) as why:
            results.skip("publish/subscribe", program.name, why)
            continue
        rate = delivered[PORTION][program.name]
        say(f"pubsub: {program.name}, {rate:,.0f} deliveries a CPU second")
    for portion, rates in delivered.items():
        name = f"PUBLISH to {plan.subscribers:,}, {portion} at once"
        goal = Goal(share_of_best=GOAL_SHARE) if portion == PORTION else None
        results.add(Row(SECTION, name, "deliveries", "1/CPU s", rates, True, goal))
    for what, values in (
        (f"{plan.channels:,} channels", channels),
        (f"{plan.patterns:,} patterns", patterns),
    ):
        name = f"PUBLISH among {what}"
        results.add(Row(SECTION, name, "CPU", "µs/message", values, goal=Goal(below_best=True)))


def _fan_out(program: Program, plan: PubsubPlan, portion: int) -> float:
    """Deliveries for each second of the server's processor time."""
    readers: list[Connection] = []
    # A message of its own costs the kernel ten times as much: fewer of them do.
    messages = plan.messages if portion > 1 else plan.messages // 4
    with Server(program) as server, selectors.DefaultSelector() as selector:
        try:
            for _ in range(plan.subscribers):
                readers.append(server.connect())
                readers[-1].call("SUBSCRIBE", "news")
                readers[-1].socket.setblocking(False)
                selector.register(readers[-1].socket, selectors.EVENT_READ)
            with server.connect() as publisher:
                message = encode("PUBLISH", "news", MESSAGE)
                heard = len(encode("message", "news", MESSAGE)) * portion
                before = server.cpu()
                for _ in range(0, messages, portion):
                    publisher.load([message] * portion)
                    _read_all(selector, plan.subscribers * heard)
                spent = server.cpu() - before
        finally:
            for reader in readers:
                reader.close()
    # The clock of processor time ticks a hundred times a second.
    return messages * plan.subscribers / max(spent.user_s + spent.system_s, TICK_S)


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
