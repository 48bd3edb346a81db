"""Calls reach the system soon, even where Python lets no other thread run."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.client.shared import wait_until

#: A program that never lets go of the GIL after its call.
_BUSY = """
import sys
import rubellite
db = rubellite.open(sys.argv[1])
sys.setswitchinterval(3600)
for number in range(int(sys.argv[3])):
    {call}
while True:
    pass
"""


@pytest.mark.parametrize(
    "call",
    [
        "db.set(f'key{number}', 'value')",
        "db.call('SET', f'key{number}', 'value')",
        "db.list('list').append(f'key{number}')",
    ],
)
@pytest.mark.parametrize("calls", [1, 3000])
def test_what_a_busy_program_wrote_is_in_the_file_when_it_is_killed(
    tmp_path: Path, call: str, calls: int
):
    program = _BUSY.format(call=call)
    words = [sys.executable, "-c", program, str(tmp_path / "data"), call, str(calls)]
    files = tmp_path / "data" / "appendonlydir"
    last = b"key%d\r\n" % (calls - 1)

    def is_written() -> bool:
        assert process.poll() is None
        return any(last in file.read_bytes() for file in files.glob("*.incr.aof"))

    process = subprocess.Popen(words)
    try:
        wait_until(is_written)
    finally:
        process.kill()
        process.wait()
