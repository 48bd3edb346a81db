"""The programs in examples/: short, and they do what they say."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.oracles import Server

EXAMPLES = Path(__file__).parents[2] / "examples"
LINES_MAX = 40

#: What each prints on an empty server.
PRINTED = {
    "job_queue": "['convert', 'left behind', 'mail', 'resize']\n",
}


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.stem)
def test_an_example_is_short_and_prints_what_it_should(path: Path, server: Server):
    assert len(path.read_text(encoding="utf-8").splitlines()) < LINES_MAX
    with server.connect() as client:
        client.call("FLUSHALL")
    result = subprocess.run(
        [sys.executable, str(path), str(server.port)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (result.stdout, result.stderr) == (PRINTED[path.stem], "")
