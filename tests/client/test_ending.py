"""The interpreter ends: nobody aborts, and what was promised is on disk."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import rubellite

_BEGIN = """
import rubellite, sys, threading
db = rubellite.open(sys.argv[1])
"""


def ended(program: str, path: Path) -> str:
    """What a process says that ends by itself, as it should."""
    done = subprocess.run(
        [sys.executable, "-c", _BEGIN + program, str(path)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert not done.returncode, done.stderr
    return done.stdout


@pytest.mark.parametrize(
    "call", ["db.set('late', 1)", "db.get('late')", "db.call('PING')", "db.list('l').append(1)"]
)
def test_a_finalizer_that_comes_late_is_refused(tmp_path: Path, call: str):
    # Modules are cleared after all stores were closed.
    program = f"""
class Late:
    def __del__(self, db=db):
        try:
            {call}
        except RuntimeError as problem:
            sys.__stdout__.write(str(problem))
            sys.__stdout__.flush()
late = Late()
"""
    assert ended(program, tmp_path / "data") in ("the client is closed", "")


def test_a_thread_that_writes_to_the_end_loses_nothing_that_it_was_told(tmp_path: Path):
    program = """
def work():
    while True:
        db.increment("n")
threading.Thread(target=work, daemon=True).start()
while int(db.get("n") or 0) < 1000:
    pass
"""
    ended(program, tmp_path / "data")
    with rubellite.open(tmp_path / "data") as db:
        assert int(db["n"]) >= 1000


@pytest.mark.parametrize("name", ["", " ", "   "])
def test_a_command_without_a_name_is_refused(name: str):
    with rubellite.open() as db:
        with pytest.raises(rubellite.errors.ReplyError, match="unknown command"):
            db.call(name)
        with pytest.raises(TypeError, match="which command"):
            db.call()
