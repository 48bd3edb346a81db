"""Campaigns: many random sequences of one command group, and what they found, in print."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any

from tests import oracles
from tests.differential.dialogue import TAGS, Dialogue, tagged
from tests.differential.differ import Command, Differ, Failure, Finding, knows
from tests.differential.grammar import Call
from tests.differential.groups import SETUP, Group
from tests.differential.shrink import shrink
from tests.oracles import Server
from tests.wire import Error, WireError

SEQUENCE_COMMANDS = 60
SEQUENCES_PER_PAYLOAD = 40
# A finding's look-alikes are counted, but only the first few made small.
SHRUNK_PER_SIGNATURE = 3
# A command that differs this often would hide what else its sequences hold.
FINDINGS_PER_COMMAND_MAX = 40
# Each costs a restart or a time limit, also while it is made small.
FAILURES_MAX = 3

DEFAULT_COMMANDS = 30_000

# Stands in groups to see what an unknown command does to a transaction.
_MEANT_UNKNOWN = frozenset((b"NOSUCHCOMMAND",))


def commands_wanted() -> int:
    return int(os.environ.get("RUBELLITE_DIFF_COMMANDS", DEFAULT_COMMANDS))


@dataclass
class Campaign:
    """What a run did and found."""

    group: Group
    seed: int
    commands: int = 0
    seconds: float = 0.0
    missing: list[str] = field(default_factory=list)
    muted: list[str] = field(default_factory=list)
    seen: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    minimal: dict[tuple[str, ...], Finding] = field(default_factory=dict)
    fleeting: list[Finding] = field(default_factory=list)
    failures: int = 0

    @property
    def is_clean(self) -> bool:
        return not self.minimal and not self.fleeting


def run(
    group: Group,
    ours: Server,
    references: Mapping[str, Server],
    commands: int,
    seed: int,
) -> Campaign:
    """Compares about `commands` commands of `group`, half in RESP2 and half in RESP3.

    Each command is held against the first reference that has it; sequences therefore
    stay with one reference each, in proportion to what is decided by it.
    """
    campaign = Campaign(group, seed)
    started = time.monotonic()
    references = group.deciding(references)
    plan = _plan(group, ours, references, campaign)
    total = sum(len(decided) for _, decided, _ in plan)
    for name, decided, callable_there in plan:
        share = commands * len(decided) // total
        for protocol in (2, 3):
            kind = Dialogue if group.clients > 1 else Differ
            differ = kind(ours, references[name], protocol, group.is_brief, group.clearing)
            rng = Random(f"{group.name} {name} {protocol} {seed}")
            try:
                _compare(campaign, differ, rng, share // 2, decided, callable_there)
            finally:
                differ.close()
    campaign.seconds = time.monotonic() - started
    return campaign


def _plan(
    group: Group, ours: Server, references: Mapping[str, Server], campaign: Campaign
) -> list[tuple[str, list[Call], list[Call]]]:
    """For each reference: the calls that it decides, and all that both servers know."""
    calls = [Call(line, group.kinds) for line in group.lines]
    with ours.connect() as connection:
        present = [call for call in calls if knows(connection, call.words)]
    campaign.missing = sorted(
        {b" ".join(call.words).decode() for call in calls if call not in present}
    )
    plan = []
    undecided = present
    for name, server in references.items():
        with server.connect() as connection:
            known = [call for call in present if knows(connection, call.words)]
        decided = [call for call in undecided if call in known]
        undecided = [call for call in undecided if call not in decided]
        if decided:
            plan.append((name, decided, known))
    return plan


def _compare(
    campaign: Campaign,
    differ: Differ,
    rng: Random,
    commands: int,
    decided: list[Call],
    callable_there: list[Call],
) -> None:
    setup = [Call(line, campaign.group.setup_kinds) for line in SETUP]
    helpers = [Call(line, campaign.group.kinds) for line in campaign.group.helpers]
    for connection in differ.connections:
        setup = [call for call in setup if knows(connection, call.words)]
        helpers = [
            call
            for call in helpers
            if call.words[0] in _MEANT_UNKNOWN or knows(connection, call.words)
        ]
    findings_per_command: Counter[str] = Counter()
    # A reference that decides little is surrounded by calls that it does not decide.
    is_primary = len(decided) * 2 > len(callable_there)
    names_decided = {call.words[0] for call in decided}
    calls = decided if is_primary else decided * 3 + callable_there
    calls = calls + helpers
    done = 0
    while done < commands and calls and campaign.failures < FAILURES_MAX:
        sequences = []
        for _ in range(SEQUENCES_PER_PAYLOAD):
            sequence = [call.valid(rng) for call in setup if rng.random() < 0.5]
            sequence += [
                calls[int(rng.random() * len(calls))].any(rng) for _ in range(SEQUENCE_COMMANDS)
            ]
            if campaign.group.clients > 1:
                sequence = tagged(rng, sequence)
            sequences.append(sequence)
            done += len(sequence) + len(differ.state)
        for finding in differ.run(sequences):
            if not is_primary and finding.command[0].upper() not in names_decided:
                continue
            file(campaign, differ, finding)
            word = finding.command[0].upper()
            findings_per_command[word.decode("latin-1")] += 1
            if findings_per_command[word.decode("latin-1")] == FINDINGS_PER_COMMAND_MAX:
                campaign.muted.append(word.decode("latin-1"))
                if not finding.is_state:
                    calls = [call for call in calls if call.words[0] != word]
    campaign.commands += done


def file(campaign: Campaign, differ: Differ, finding: Finding) -> None:
    """Counts a finding; makes it small unless enough of its kind are."""
    campaign.seen[finding.signature] += 1
    campaign.failures += isinstance(finding.ours, Failure)
    if campaign.seen[finding.signature] > SHRUNK_PER_SIGNATURE:
        return
    small = shrink(differ, finding)
    if small is None:
        if not _is_between_two_ticks(finding.command):
            campaign.fleeting.append(finding)
        return
    last = small.commands[-1] if small.commands else small.command
    # Two minimal sequences are one finding if they end alike: same command and options.
    words = tuple(word.decode("latin-1") for word in last if word.isupper() and word.isalpha())
    key = (*small.signature, last[0].upper().decode("latin-1"), *words)
    campaign.minimal.setdefault(key, small)


def _is_between_two_ticks(command: Command) -> bool:
    """Whether a millisecond more or less on one side may change what a command answers.

    A deadline counted from now, later than one counted from a moment before only if the clock
    moved in between: `PEXPIRE k 5 GT` after `PEXPIRE k 5`.
    """
    words = [word.upper() for word in command]
    return words[0].endswith(b"EXPIRE") and (b"GT" in words or b"LT" in words)


def show(campaign: Campaign, references: Mapping[str, Server], ours: Server) -> str:
    """The report: a head line, then every difference as a transcript."""
    speed = campaign.commands / max(campaign.seconds, 1e-9)
    kinds = len(campaign.minimal) + len(campaign.fleeting)
    lines = [
        f"{campaign.group.name}: {campaign.commands} commands compared, {kinds} kinds of "
        f"difference (seed {campaign.seed}, {speed:,.0f} commands/s)"
    ]
    if campaign.missing:
        lines.append(f"  missing in {ours.name}: {' '.join(campaign.missing)}")
    if campaign.muted:
        lines.append(f"  left out after many findings: {' '.join(campaign.muted)}")
    by_frequency = sorted(
        campaign.minimal.items(), key=lambda item: -campaign.seen[item[1].signature]
    )
    for number, (_, finding) in enumerate(by_frequency, 1):
        lines += _transcript(number, finding, campaign, references, ours)
    for finding in campaign.fleeting:
        lines.append(f"  seen once, not reproduced alone: {_command_text(finding.command)}")
        lines.append(f"      ours {finding.ours!r}, {finding.against} {finding.theirs!r}")
    return "\n".join(lines)


def _transcript(
    number: int,
    finding: Finding,
    campaign: Campaign,
    references: Mapping[str, Server],
    ours: Server,
) -> list[str]:
    seen = campaign.seen[finding.signature]
    lines = [f"\n  {number}. {finding.signature[0]} (RESP{finding.protocol}, seen {seen} times)"]
    script = list(finding.commands)
    if finding.is_state:
        is_tagged = bool(script) and script[0][0] in TAGS
        script.append([TAGS[0], *finding.command] if is_tagged else finding.command)
    lines += [f"     > {_command_text(command)}" for command in script]
    lines.append(f"       {ours.name:<9} {_reply_text(finding.ours)}")
    lines.append(f"       {finding.against:<9} {_reply_text(finding.theirs)}")
    for name, server in references.items():
        if name != finding.against and not isinstance(finding.theirs, Failure):
            reply = _last_reply(server, script, finding.protocol)
            lines.append(f"       {name:<9} {_reply_text(reply)}")
    return lines


def _last_reply(server: Server, script: list[Command], protocol: int) -> Any:
    try:
        with server.connect(protocol) as connection, server.connect(protocol) as other:
            connection.call("FLUSHALL")
            if not script or script[0][0] not in TAGS:
                return connection.pipeline(script)[-1]
            clients = dict(zip(TAGS, (connection, other), strict=True))
            return [clients[command[0]].call(*command[1:]) for command in script][-1]
    except (WireError, OSError) as error:
        return Failure(str(error))


def _command_text(command: Command) -> str:
    return " ".join(_word(word) for word in command)


def _word(word: bytes) -> str:
    if word and all(33 <= byte <= 126 and byte not in b"\"'\\" for byte in word):
        return word.decode() if len(word) <= 60 else f"{word[:20].decode()}…({len(word)} bytes)"
    return '"' + repr(word)[2:-1].replace('"', '\\"') + '"'


def _reply_text(reply: Any) -> str:
    text = f"-{reply}" if isinstance(reply, Error) else repr(reply)
    return text if len(text) <= 300 else f"{text[:300]}… ({len(text)} characters)"


def start_references(names: tuple[str, ...] = oracles.ORACLES) -> dict[str, Server]:
    return {name: oracles.start(name) for name in names}
