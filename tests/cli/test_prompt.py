"""The prompt of `rubellite cli`, on a pseudo-terminal and in tmux."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import select
import shutil
import signal
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path

import pytest

import rubellite
from tests.cli.test_shell import ENVIRONMENT, OURS
from tests.oracles import Server


class Terminal:
    """The shell on a pseudo-terminal."""

    def __init__(self, *arguments: str, history: Path) -> None:
        environment = {
            **ENVIRONMENT,
            "TERM": "xterm",
            "PROMPT_TOOLKIT_NO_CPR": "1",
            "RUBELLITE_HISTFILE": str(history),
        }
        self.process_id, self.descriptor = pty.fork()
        if self.process_id == 0:
            # As what a shell starts in the background inherits it.
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            os.execve(sys.executable, [*OURS, *arguments], environment)
        fcntl.ioctl(self.descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
        self.seen = ""

    def type(self, text: str) -> None:
        os.write(self.descriptor, text.encode())

    def wait_for(self, text: str) -> str:
        """What was printed since the last call, up to and with `text`."""
        deadline = time.monotonic() + 20
        while True:
            plain = re.sub(r"\x1b(\[[0-9;?]*[ -/]*[@-~]|[()].|[=>78])", "", self.seen)
            at = plain.find(text)
            if at >= 0:
                self.seen = plain[at + len(text) :]
                return plain[: at + len(text)]
            assert time.monotonic() < deadline, f"no {text!r} in {plain!r}"
            if select.select([self.descriptor], [], [], 0.5)[0]:
                try:
                    self.seen += os.read(self.descriptor, 65536).decode("utf-8", "replace")
                except OSError:
                    raise AssertionError(f"it ended; no {text!r} in {plain!r}") from None

    def end(self) -> int:
        """The exit status; one that does not end by itself is killed."""
        deadline = time.monotonic() + 20
        while (found := os.waitpid(self.process_id, os.WNOHANG))[0] == 0:
            if time.monotonic() > deadline:
                os.kill(self.process_id, signal.SIGKILL)
                found = os.waitpid(self.process_id, 0)
                break
            # It may wait for its output to be taken.
            if select.select([self.descriptor], [], [], 0.05)[0]:
                with contextlib.suppress(OSError):
                    os.read(self.descriptor, 65536)
        os.close(self.descriptor)
        return os.waitstatus_to_exitcode(found[1])


def test_the_prompt_completes_hints_and_remembers(ours, tmp_path):
    pytest.importorskip("prompt_toolkit")
    history = tmp_path / "history"
    with ours.connect() as connection:
        connection.call("FLUSHALL")
    terminal = Terminal("-p", str(ours.port), history=history)
    try:
        converse(terminal, ours)
    except BaseException:
        os.kill(terminal.process_id, signal.SIGKILL)
        terminal.end()
        raise
    assert terminal.end() == 0
    kept = history.read_text()
    assert "+object encoding k\n" in kept
    assert "secret" not in kept
    assert history.stat().st_mode & 0o777 == 0o600


def converse(terminal: Terminal, ours: Server) -> None:
    """What is typed, each once the prompt is there: before, the terminal is not the shell's."""
    prompt = f"127.0.0.1:{ours.port}"
    terminal.wait_for(f"{prompt}>")
    terminal.type("set k ")
    terminal.wait_for("value [NX|XX")
    terminal.type('"two words"\r')
    terminal.wait_for("OK")
    terminal.wait_for(f"{prompt}>")
    # Completion of a command, of a subcommand, of an option.
    terminal.type("obj\t")
    terminal.wait_for("object")
    terminal.type(" enc\t")
    terminal.wait_for("encoding")
    terminal.type(" k\r")
    terminal.wait_for('"embstr"')
    terminal.wait_for(f"{prompt}>")
    terminal.type("multi\r")
    terminal.wait_for(f"{prompt}(TX)>")
    terminal.type("get k\r")
    terminal.wait_for("QUEUED")
    terminal.wait_for(f"{prompt}(TX)>")
    terminal.type("exec\r")
    terminal.wait_for('1) "two words"')
    terminal.wait_for(f"{prompt}>")
    terminal.type("select 3\r")
    terminal.wait_for(f"{prompt}[3]>")
    # Ctrl-C gives up a line, and a command that waits.
    terminal.type("get k")
    terminal.type("\x03")
    terminal.type("blpop nothing 0\r")
    with ours.connect() as connection:
        deadline = time.monotonic() + 20
        while b"blocked_clients:1" not in connection.call("INFO", "clients"):
            assert time.monotonic() < deadline
    terminal.type("\x03")
    terminal.wait_for("^C")
    terminal.wait_for(f"{prompt}[3]>")
    # A value of several lines, pasted, and what follows it.
    terminal.type('\x1b[200~set poem "one\ntwo"\nget poem\x1b[201~')
    terminal.type("\r")
    terminal.wait_for('"one\\ntwo"')
    terminal.wait_for(f"{prompt}[3]>")
    # Secrets are not kept.
    terminal.type("auth secret\r")
    terminal.wait_for("(error)")
    terminal.wait_for(f"{prompt}[3]>")
    terminal.type("help get\r")
    terminal.wait_for("summary:")
    terminal.wait_for(f"{prompt}[3]>")
    terminal.type("\x04")


@pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not on PATH")
def test_the_screen_is_clean_in_a_real_terminal(tmp_path):
    pytest.importorskip("prompt_toolkit")
    with rubellite.open(tmp_path / "data"):
        pass
    # A socket of its own: nobody's other sessions are touched.
    tmux = ["tmux", "-S", str(tmp_path / "tmux"), "-f", "/dev/null"]
    command = " ".join([*OURS, "./data"])
    environment = {**ENVIRONMENT, "RUBELLITE_HISTFILE": str(tmp_path / "history")}
    new = [*tmux, "new-session", "-d", "-x", "80", "-y", "20", "-c", str(tmp_path), command]
    subprocess.run(new, check=True, env=environment)

    def wait_for(text: str) -> list[str]:
        deadline = time.monotonic() + 20
        while True:
            shown = subprocess.run(
                [*tmux, "capture-pane", "-p", "-J"], capture_output=True, text=True, check=False
            ).stdout
            if text in shown:
                return [line.rstrip() for line in shown.splitlines() if line.strip()]
            assert time.monotonic() < deadline, shown

    def type(*keys: str) -> None:
        subprocess.run([*tmux, "send-keys", *keys], check=True)

    try:
        wait_for("./data>")
        type("-l", "set greeting hello")
        # The hint is cut off where the line ends.
        assert wait_for("…")[-1].endswith("…")
        type("Enter")
        lines = wait_for("OK")
        assert lines[0].endswith("> set greeting hello")
        assert lines[1] == "OK"
        type("-l", "get greeting")
        type("Enter")
        assert wait_for('"hello"')[3] == '"hello"'
        type("C-c")
        type("C-d")
    finally:
        subprocess.run([*tmux, "kill-server"], check=False, capture_output=True)
