"""The manual's pages as tests: finds their transcripts and plays them on a server.

    ```resp
    > SET greeting hello
    OK
    alice> GET greeting
    "hello"
    ```

`>` is a prompt, `alice>` that of another client; what follows is what redis-cli shows.
A client that waits shows `(waits)`; a prompt without a command shows what its client
receives next. `...` stands for any text within a line, alone for any lines.

A page is played from its top on an empty database. Words after `resp` say more:

    unordered         the elements may come in any order
    default-limits    only with the usual encoding limits (OBJECT ENCODING shows them)
    redis82           Valkey 9.1 has no such command: Redis 8.2 is asked
    rubellite         no other server has it
    resp2, resp3      only in this protocol (a page is played in both)
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rubellite.config.words import split
from tests import redis_cli
from tests.oracles import Server
from tests.wire import NULL, NULL3, NULL_ARRAY, Connection, Double, Error, Map, Verbatim

TAGS = {"unordered", "default-limits", "redis82", "rubellite", "resp2", "resp3"}
WAITS = "(waits)"
WAIT_SECONDS_MAX = 5.0

#: No collection is small with these.
LIMITS_AT_ZERO = {
    "hash-max-listpack-entries": "0",
    "hash-max-listpack-value": "0",
    "list-max-listpack-size": "1",
    "list-compress-depth": "1",
    "set-max-intset-entries": "0",
    "set-max-listpack-entries": "0",
    "set-max-listpack-value": "0",
    "zset-max-listpack-entries": "0",
    "zset-max-listpack-value": "0",
    "stream-node-max-entries": "1",
    "hll-sparse-max-bytes": "0",
}

_FENCE = re.compile(r"^```resp *(.*)$")
_PROMPT = re.compile(r"^([a-z0-9]*)>(?: (.*))?$")


@dataclass
class Step:
    """One command of a transcript, or (without words) one more thing received."""

    place: str
    tags: frozenset[str]
    client: str
    words: list[bytes]
    expected: list[str]


@dataclass
class Played:
    """What became of a step; no reply when it waits."""

    step: Step
    reply: Any


def steps_of(page: Path, may_lack_replies: bool = False) -> list[Step]:
    """The transcripts of a page, one after the other."""
    steps: list[Step] = []
    tags: frozenset[str] | None = None
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1):
        place = f"{page.name}:{number}"
        fence = _FENCE.match(line)
        if tags is None:
            if fence:
                tags = frozenset(fence[1].split())
                assert tags <= TAGS, f"{place}: {sorted(tags - TAGS)} means nothing"
        elif line == "```":
            tags = None
        elif prompt := _PROMPT.match(line):
            words = [os.fsencode(word) for word in split(prompt[2] or "")]
            steps.append(Step(place, tags, prompt[1], words, []))
        elif line.strip():
            assert steps, f"{place}: a reply without a command"
            steps[-1].expected.append(line.rstrip())
    assert tags is None, f"{page.name}: a transcript without end"
    for step in steps:
        assert step.expected or may_lack_replies, f"{step.place}: shows no reply"
    return steps


def play(page: Path, server: Server, protocol: int, limits: dict[str, str]) -> list[Played]:
    """Plays a page on an empty database; afterwards the settings are as before."""
    with server.connect() as control:
        assert not isinstance(control.call("FLUSHALL"), Error)
        before = _settings(control)
        for setting, wanted in limits.items():
            assert control.call("CONFIG", "SET", setting, wanted) == "OK", setting
        clients: dict[str, Connection] = {}
        try:
            return list(_play(page, server, protocol, clients, control, bool(limits)))
        finally:
            for client in clients.values():
                client.close()
            after = _settings(control)
            changed = {name: value for name, value in before.items() if after[name] != value}
            for name, value in changed.items():
                assert control.call("CONFIG", "SET", name, value) == "OK", name


def _settings(control: Connection) -> dict[bytes, bytes]:
    words = control.call("CONFIG", "GET", "*")
    return dict(zip(words[::2], words[1::2], strict=True))


def _play(
    page: Path,
    server: Server,
    protocol: int,
    clients: dict[str, Connection],
    control: Connection,
    has_odd_limits: bool,
) -> Iterator[Played]:
    # A page that still lacks replies is being written: see fill_transcripts.
    for step in steps_of(page, may_lack_replies=True):
        if {"resp2", "resp3"} & step.tags and f"resp{protocol}" not in step.tags:
            continue
        if has_odd_limits and "default-limits" in step.tags:
            continue
        if step.client not in clients:
            clients[step.client] = server.connect(protocol)
        client = clients[step.client]
        if step.expected == [WAITS]:
            number = client.call("CLIENT", "ID")
            client.send(*step.words)
            _wait_until_it_waits(control, number, step)
            yield Played(step, None)
            continue
        if step.words:
            client.send(*step.words)
        yield Played(step, client.receive())


def _wait_until_it_waits(control: Connection, number: int, step: Step) -> None:
    deadline = time.monotonic() + WAIT_SECONDS_MAX
    while time.monotonic() < deadline:
        fields = control.call("CLIENT", "LIST", "ID", number).split()
        flags = next(field for field in fields if field.startswith(b"flags="))
        if b"b" in flags:
            return
    raise AssertionError(f"{step.place}: the client does not wait")


def difference(played: Played) -> str | None:
    """What the page says and what came, when they differ."""
    step = played.step
    if step.expected == [WAITS]:
        return None
    shown = redis_cli.show(played.reply, step.words).splitlines()
    expected = [line for line in step.expected if line]
    got = [line.rstrip() for line in shown if line.strip()]
    if "unordered" in step.tags:
        expected, got = _unnumbered(expected), _unnumbered(got)
    if re.fullmatch(_pattern(expected), "\n".join(got)):
        return None
    command = b" ".join(step.words).decode("utf-8", "backslashreplace")
    return "\n".join(
        [f"{step.place}: {command}", "the page says", *expected, "the reply is", *got, ""]
    )


def _unnumbered(lines: list[str]) -> list[str]:
    return sorted(re.sub(r"^( *\d+[)~#] )+", "", line) for line in lines)


def _pattern(lines: list[str]) -> str:
    patterns = [
        r"[\s\S]*" if line == "..." else re.escape(line).replace(r"\.\.\.", ".*") for line in lines
    ]
    return "\n".join(patterns)


def is_exact(step: Step) -> bool:
    """Whether the page says the whole reply."""
    return not any("..." in line for line in step.expected)


def leaves(reply: Any) -> list[Any]:
    """A reply without what RESP3 adds: no nesting, no maps, sets and doubles."""
    match reply:
        case Map():
            return [leaf for pair in reply for item in pair for leaf in leaves(item)]
        case list():
            return [leaf for item in reply for leaf in leaves(item)]
        case Verbatim():
            return [bytes(reply[4:])]
        case Double():
            return [str(reply).encode()]
        case bool():
            return [int(reply)]
        case _ if reply in (NULL, NULL3, NULL_ARRAY):
            return [None]
    return [reply]
