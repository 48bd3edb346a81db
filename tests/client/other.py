"""Another process with a store, which does what a test tells it.

    with Other(path) as other:
        assert other("db.increment('visits')") == 1
        other.kill()

Its side (`python -m tests.client.other PATH SETTINGS`) evaluates each line that it reads
with `db`, the store, and `r`, a redis-py client of it, and writes what came of it.
"""

from __future__ import annotations

import ast
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Self


class RemoteError(Exception):
    """What was raised over there: its class and text."""


class Other:
    """A process that opens a store; the first call waits until it has."""

    def __init__(self, path: str | Path, *, through: Iterable[str] = (), **settings: Any) -> None:
        """`through`: the command that starts it."""
        self._process = subprocess.Popen(
            [*through, sys.executable, "-m", "tests.client.other", str(path), json.dumps(settings)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.pid = self._process.pid

    def __call__(self, expression: str) -> Any:
        self.send(expression)
        return self.result()

    def send(self, expression: str) -> None:
        """Lets it begin; `result` waits."""
        assert self._process.stdin is not None
        self._process.stdin.write(expression + "\n")
        self._process.stdin.flush()

    def result(self) -> Any:
        """What came of what was sent first."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise EOFError(f"process {self.pid} has ended")
        kind, text = ast.literal_eval(line)
        if kind == "raised":
            raise RemoteError(text)
        return ast.literal_eval(text)

    def kill(self) -> None:
        """Ends it without a word; waits until it is gone."""
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        """Lets it do nothing more, while it goes on living."""
        os.kill(self.pid, signal.SIGSTOP)
        os.waitpid(self.pid, os.WUNTRACED)

    def close(self) -> None:
        """Lets it close its store and end."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.close()
        except BrokenPipeError:
            pass
        self._process.wait(30)
        self._process.stdout.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_problem: object) -> None:
        if self._process.poll() is None:
            os.kill(self.pid, signal.SIGCONT)
        self.close()


def main() -> None:
    """The other side."""
    import rubellite

    path, settings = sys.argv[1], json.loads(sys.argv[2])
    db = rubellite.open(path, **settings)
    names: dict[str, Any] = {"db": db, "os": os, "r": None}
    for line in sys.stdin:
        if names["r"] is None and "r." in line:
            names["r"] = db.redis()
        try:
            answer = ("returned", repr(eval(line, names)))
        except Exception as problem:
            answer = ("raised", f"{type(problem).__name__}: {problem}")
        print(repr(answer), flush=True)
    db.close()


if __name__ == "__main__":
    main()
