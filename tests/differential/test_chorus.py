"""A short run of the chorus: several clients at once, replies and pushes in order.

.venv/bin/python -m tests.differential --group chorus --commands 50000
"""

from __future__ import annotations

import os
import secrets

from tests.differential.chorus import Concert
from tests.oracles import Server

STEPS = 1000


def test_clients_hear_the_same_in_the_same_order(ours: Server, valkey91: Server):
    seed = int(os.environ.get("RUBELLITE_DIFF_SEED", secrets.randbelow(1_000_000)))
    concert = Concert(ours, valkey91, seed)
    concert.run(STEPS)
    assert not concert.findings, concert.show()
