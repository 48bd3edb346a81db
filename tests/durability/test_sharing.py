"""Several processes hammer one directory for a moment; the long run is a program."""

from __future__ import annotations

import random
from pathlib import Path

from tests.durability.sharing import hammer


def test_nothing_acknowledged_is_lost_and_nothing_done_twice(tmp_path: Path):
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    outcome = hammer(2.0, processes=3, threads=2, seed=seed, folder=tmp_path)
    assert outcome.acknowledged > 100
    assert outcome.killed + outcome.closed > 0
