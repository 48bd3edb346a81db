"""A damaged snapshot is loaded or refused; it ends nothing and takes no memory."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests import oracles
from tests.durability.corpus import later_commands, small_commands
from tests.oracles import ORACLES

ROOT = Path(__file__).resolve().parents[2]
CASES = int(os.environ.get("RUBELLITE_FUZZ_CASES", "1500"))


def small_files(folder: Path) -> list[Path]:
    """Small snapshots of every real server, packed and not."""
    found = []
    for name in ORACLES:
        for limit in (0, 128):
            try:
                server = oracles.start(name, "--rdbcompression", "yes" if limit else "no")
            except oracles.ServerUnavailableError:
                continue
            try:
                with server.connect() as connection:
                    for setting in ("hash", "zset"):
                        connection.call("CONFIG", "SET", f"{setting}-max-listpack-entries", limit)
                    for command in (*small_commands(), *later_commands()):
                        connection.call(*command)
                    assert connection.call("SAVE") == "OK"
                target = folder / f"{name}-{limit}.rdb"
                shutil.copy(server.directory / "dump.rdb", target)
                found.append(target)
            finally:
                server.stop()
    return found


def fuzzed(*arguments: str) -> tuple[int, int]:
    """How many damaged inputs were loaded and refused."""
    result = subprocess.run(
        [sys.executable, "-m", "tests.durability.fuzz", *arguments, "--cases", str(CASES)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr[-3000:]
    counts = re.search(r"(\d+) loaded, (\d+) refused", result.stdout)
    if counts is None:
        pytest.fail(result.stdout)
    return int(counts[1]), int(counts[2])


def test_damaged_files_are_met_calmly(tmp_path: Path):
    loaded, refused = fuzzed("rdb", *map(str, small_files(tmp_path)))
    # Some damage is only to a name or a number; most is worse.
    assert loaded > 0
    assert refused > CASES // 4


@pytest.mark.parametrize("what", ["dump", "aof"])
def test_damaged_payloads_and_append_only_files_are_met_calmly(what: str):
    loaded, refused = fuzzed(what)
    assert loaded > 0
    assert refused > CASES // 4
