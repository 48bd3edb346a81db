"""Random sequences of every command group, ours beside the real servers.

RUBELLITE_DIFF_COMMANDS sets how many commands are compared for each group. A failure
prints its seed; `python -m tests.differential --group G --seed N` runs it again.
"""

from __future__ import annotations

import os
import secrets

import pytest

from tests.differential import report
from tests.differential.grammar import Call
from tests.differential.groups import GROUPS, Group
from tests.oracles import Server


@pytest.mark.parametrize("group", GROUPS.values(), ids=list(GROUPS))
def test_replies_and_state_equal_the_real_servers(
    group: Group, ours: Server, valkey91: Server, redis82: Server
):
    seed = int(os.environ.get("RUBELLITE_DIFF_SEED", secrets.randbelow(1_000_000)))
    references = {"valkey91": valkey91, "redis82": redis82}
    campaign = report.run(group, ours, references, report.commands_wanted(), seed)
    every = {b" ".join(Call(line, group.kinds).words).decode() for line in group.lines}
    if set(campaign.missing) == every:
        pytest.skip(f"{group.name}: {ours.name} has none of these commands yet")
    unexpected = set(campaign.missing) ^ group.planned
    assert not unexpected, (
        f"{group.name}: `planned` in groups.py and what {ours.name} lacks differ by "
        f"{sorted(unexpected)}"
    )
    assert campaign.is_clean, "\n" + report.show(campaign, references, ours)


@pytest.mark.parametrize("group", GROUPS.values(), ids=list(GROUPS))
def test_every_command_of_the_group_is_compared(group: Group, valkey91: Server, redis82: Server):
    documented = set()
    for server in (valkey91, redis82):
        with server.connect() as connection:
            docs = connection.call("COMMAND", "DOCS")
        for name, attributes in zip(docs[::2], docs[1::2], strict=True):
            facts = dict(zip(attributes[::2], attributes[1::2], strict=True))
            if facts[b"group"].decode() == group.documented_as:
                documented.add(name.decode().upper())
    compared = {line.split()[0] for line in group.lines}
    assert compared | set(group.excluded) == documented


def test_the_harness_notices_servers_that_differ(valkey91: Server, redis82: Server):
    """The canary: Redis 8.2 is known to lack SET's IFEQ, and must not pass for Valkey."""
    campaign = report.run(GROUPS["strings"], redis82, {"valkey91": valkey91}, 20_000, seed=1)
    assert ("SET", "-ERR syntax error", "null") in campaign.seen
    shortest = min(len(finding.commands) for finding in campaign.minimal.values())
    assert shortest == 1
