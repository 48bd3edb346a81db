"""The server's process: background, pid file, limits, systemd."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from rubellite.config import Config
from rubellite.server.lifecycle import Lifecycle
from rubellite.server.logging import Log


def lifecycle(values: dict[str, str], tmp_path: Path) -> Lifecycle:
    config = Config({"logfile": str(tmp_path / "log"), **values})
    return Lifecycle(config, Log(config))


def test_the_pid_file_comes_and_goes(tmp_path):
    path = tmp_path / "server.pid"
    life = lifecycle({"pidfile": str(path)}, tmp_path)
    life.write_pidfile()
    assert path.read_text() == f"{os.getpid()}\n"
    life.leave()
    assert not path.exists()
    assert (tmp_path / "log").read_text().endswith("* Removing the pid file.\n")


def test_the_pid_file_of_a_successor_is_left_alone(tmp_path):
    path = tmp_path / "server.pid"
    life = lifecycle({"pidfile": str(path)}, tmp_path)
    life.write_pidfile()
    path.write_text("1\n")
    life.leave()
    assert path.exists()


def test_a_pid_file_that_cannot_be_written_does_not_stop_the_start(tmp_path):
    life = lifecycle({"pidfile": str(tmp_path / "nosuch" / "pid")}, tmp_path)
    life.write_pidfile()
    assert "# Failed to write PID file: No such file" in (tmp_path / "log").read_text()


@pytest.mark.parametrize("is_abstract", [False, True])
def test_systemd_is_told(tmp_path, monkeypatch, is_abstract):
    address = f"rubellite-{os.getpid()}" if is_abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind("\0" + address if is_abstract else address)
        systemd.settimeout(5.0)
        monkeypatch.setenv("NOTIFY_SOCKET", ("@" if is_abstract else "") + address)
        life = lifecycle({"supervised": "auto"}, tmp_path)
        life.supervise()
        life.status("Loading 10%")
        life.ready()
        life.stopping()
        assert [systemd.recv(100) for _ in range(3)] == [
            b"STATUS=Loading 10%\n",
            b"STATUS=Ready to accept connections\nREADY=1\n",
            b"STOPPING=1\n",
        ]


def test_missing_systemd_is_a_warning(tmp_path, monkeypatch):
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    life = lifecycle({"supervised": "systemd"}, tmp_path)
    life.supervise()
    life.ready()
    assert "NOTIFY_SOCKET not found" in (tmp_path / "log").read_text()


def run_python(code: str, **options: object) -> subprocess.CompletedProcess[str]:
    root = str(Path(__file__).resolve().parents[2])
    return subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": root},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


ENTER = """
import os
import resource
from rubellite.config import Config
from rubellite.server.lifecycle import Lifecycle, StartError
from rubellite.server.logging import Log
resource.setrlimit(resource.RLIMIT_NOFILE, ({soft}, {hard}))
if os.geteuid() == 0:
    os.setuid(65534)  # root may raise the hard limit
config = Config({{"maxclients": "{clients}"}})
try:
    Lifecycle(config, Log(config)).enter()
except StartError as problem:
    print("StartError", problem)
print(resource.getrlimit(resource.RLIMIT_NOFILE)[0], config.integer("maxclients"))
"""


def test_the_file_limit_is_raised_for_all_clients():
    out = run_python(ENTER.format(soft=64, hard=128, clients=90)).stdout
    assert "Increased maximum number of open files to 122 (it was originally set to 64)." in out
    assert out.endswith("\n122 90\n")


def test_maxclients_is_lowered_to_what_the_limit_allows():
    out = run_python(ENTER.format(soft=64, hard=100, clients=10000)).stdout
    assert "You requested maxclients of 10000 requiring at least 10032 max file desc" in out
    assert "Server can't set maximum open files to 10032 because of OS error: " in out
    assert "Current maximum open files is 100. maxclients has been reduced to 68" in out
    assert out.endswith("\n100 68\n")


def test_a_limit_too_low_for_any_client_stops_the_start():
    out = run_python(ENTER.format(soft=20, hard=20, clients=10000)).stdout
    assert "StartError Your current 'ulimit -n' of 20 is not enough" in out


DAEMON = """
import os, time
from rubellite.config import Config
from rubellite.server.lifecycle import Lifecycle
from rubellite.server.logging import Log
config = Config({{"daemonize": "yes", "pidfile": "pid", "dir": {dir!r}, "logfile": "log"}})
life = Lifecycle(config, Log(config))
life.supervise()
life.daemonize()
life.enter()
life.write_pidfile()
with open("state.tmp", "w") as file:
    output = os.readlink("/proc/self/fd/1")
    file.write(f"{{os.getsid(0) != os.getpid()}} {{os.getppid() != {parent}}} {{output}}")
os.rename("state.tmp", "state")
while not os.path.exists("stop"):
    time.sleep(0.01)
life.leave()
"""


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_daemon_leaves_its_parent_and_terminal(tmp_path):
    # capture_output waits for the pipes to close: a daemon that kept them would hang here.
    result = run_python(DAEMON.format(dir=str(tmp_path), parent=os.getpid()))
    try:
        assert result.returncode == 0, result.stderr
        wait_for((tmp_path / "state").exists)
        assert (tmp_path / "state").read_text() == "True True /dev/null"
        assert int((tmp_path / "pid").read_text()) > 1
    finally:
        (tmp_path / "stop").touch()
    wait_for(lambda: not (tmp_path / "pid").exists())
