"""Every command against every way of being called wrong, ours beside the real servers.

Random sequences find the odd combination; this finds the plain omission: each line of
each group with a missing key, a key of each other type, every number of arguments too
few, one too many, and each awkward value in each place.
"""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

import pytest

from tests.differential import report
from tests.differential.differ import Command, Differ, knows
from tests.differential.grammar import Call
from tests.differential.groups import GROUPS, SETUP, Group
from tests.differential.values import GARBAGE
from tests.oracles import Server

# One key of each type, and one that does not exist.
KEY_OF_EACH_TYPE = (b"s1", b"n1", b"h1", b"l1", b"t1", b"z1", b"x1", b"m1")
VALID_CALLS_PER_LINE = 3


def wrong_calls(call: Call, rng: Random) -> Iterator[Command]:
    for _ in range(VALID_CALLS_PER_LINE):
        valid = call.valid(rng)
        yield valid
        for count in range(1, len(valid)):
            yield valid[:count]
        yield [*valid, b"extra"]
        yield [*valid, b"extra", b"extra"]
        for at in range(1, len(valid)):
            for replacement in (*KEY_OF_EACH_TYPE, *GARBAGE):
                yield [*valid[:at], replacement, *valid[at + 1 :]]


@pytest.mark.parametrize("protocol", [2, 3])
@pytest.mark.parametrize("group", GROUPS.values(), ids=list(GROUPS))
def test_wrong_calls_get_the_same_errors(
    group: Group, protocol: int, ours: Server, valkey91: Server, redis82: Server
):
    # Not random from run to run: the matrix is meant to be the same each time.
    rng = Random(f"matrix {group.name}")
    campaign = report.Campaign(group, seed=0)
    calls = [Call(line, group.kinds) for line in group.lines]
    references = {"valkey91": valkey91, "redis82": redis82}
    for reference in group.deciding(references).values():
        differ = Differ(ours, reference, protocol, is_brief=True)
        try:
            both = [c for c in calls if all(knows(link, c.words) for link in differ.connections)]
            setup = [
                call.valid(rng)
                for call in map(Call, SETUP)
                if all(knows(link, call.words) for link in differ.connections)
            ]
            # A call stands alone: what an earlier one left behind must not hide its error.
            sequences = [[*setup, wrong] for call in both for wrong in wrong_calls(call, rng)]
            for start in range(0, len(sequences), 50):
                for finding in differ.run(sequences[start : start + 50]):
                    report.file(campaign, differ, finding)
        finally:
            differ.close()
        calls = [call for call in calls if call not in both]
    assert campaign.is_clean, "\n" + report.show(campaign, references, ours)
