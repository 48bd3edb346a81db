"""The README's first program prints what it says."""

from __future__ import annotations

import re
import socket
from pathlib import Path

import pytest

README = Path(__file__).resolve().parents[2] / "README.md"


def test_the_first_program_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    found = re.search(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    assert found is not None
    program = found.group(1)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    monkeypatch.chdir(tmp_path)
    exec(compile(program.replace("7000", str(port)), "README.md", "exec"), {})
    assert capsys.readouterr().out.splitlines() == ["b'hello' 2 b'first'", "[('ann', 10.0)]"]
    for line in ("# b'hello' 2 b'first'", "# [('ann', 10.0)]"):
        assert line in program
