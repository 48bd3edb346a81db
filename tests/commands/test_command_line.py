"""The programs' arguments, texts and exit statuses, as a shell sees them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = str(Path(__file__).resolve().parents[2])


def run(module: str, *arguments: str, cwd: Path, stdin: str = "") -> tuple[int, str, str]:
    """Exit status, standard output and standard error of a program of ours."""
    done = subprocess.run(
        [sys.executable, "-m", f"rubellite.cli.{module}", *arguments],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": ROOT},
        input=stdin,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("flag", ["-v", "--version"])
def test_the_version_is_the_one_tools_look_for(flag, tmp_path):
    status, out, _ = run("server", flag, cwd=tmp_path)
    assert status == 0
    assert out.startswith("Redis server v=7.2.4 sha=")
    assert "rubellite=" in out


def test_help_shows_how_to_start(tmp_path):
    status, out, _ = run("server", "--help", cwd=tmp_path)
    assert status == 0
    assert out.startswith("Usage: rubellite-server [/path/to/redis.conf] [options] [-]\n")


def test_a_refused_file_is_said_in_redis_words_and_ours(tmp_path):
    (tmp_path / "a.conf").write_text('# first\nmaxmemory "10gg"\n')
    status, out, err = run("server", "a.conf", cwd=tmp_path)
    assert (status, out) == (1, "")
    assert err == (
        "\n*** FATAL CONFIG FILE ERROR (Redis 7.2.4) ***\n"
        "Reading the configuration file, at line 2\n"
        ">>> 'maxmemory \"10gg\"'\n"
        "argument must be a memory value\n"
        'rubellite-server: a.conf:2: maxmemory "10gg": unknown unit "gg" (use kb, mb or gb)\n'
    )


def test_serve_says_it_in_one_line(tmp_path):
    status, _, err = run("main", "serve", "--maxmemory", "10gg", cwd=tmp_path)
    assert status == 1
    assert err == (
        'rubellite serve: command line: maxmemory "10gg": unknown unit "gg" (use kb, mb or gb)\n'
    )


@pytest.mark.parametrize(
    ("arguments", "stdin", "last_line"),
    [
        (["--nosuch", "1"], "", 'command line: unknown parameter "nosuch"'),
        (["-"], "hz abc\n", 'standard input:1: hz "abc": not an integer'),
        (["nosuch.conf"], "", "nosuch.conf: No such file or directory"),
        (
            ["--tls-port", "6380"],
            "",
            'command line: tls-port "6380": not supported yet, and ignoring it would be unsafe '
            "(remove it to start)",
        ),
        (["--port", "0", "-x"], "", 'command line: port "0" "-x": takes one value, not 2'),
        (["--test-memory", "64"], "", "--test-memory: there is no memory test"),
        (["a.conf", "--sentinel"], "", "--sentinel: there is no Sentinel mode"),
        (["--logfile", "/nosuch/log"], "", "can't open the log file: No such file or directory"),
    ],
)
def test_a_start_that_is_refused_says_why(arguments, stdin, last_line, tmp_path):
    status, _, err = run("server", *arguments, cwd=tmp_path, stdin=stdin)
    assert status == 1
    assert err.splitlines()[-1].startswith(f"rubellite-server: {last_line}")


def test_check_config_lists_what_has_no_effect(tmp_path):
    (tmp_path / "a.conf").write_text("port 7000\njemalloc-bg-thread no\nio-threads 4\n")
    status, out, _ = run("server", "--check-config", "a.conf", cwd=tmp_path)
    assert status == 0
    assert [line.split(": ")[:2] for line in out.splitlines()[:-1]] == [
        ["a.conf:2", "jemalloc-bg-thread"],
        ["a.conf:3", "io-threads"],
    ]
    assert out.endswith("a.conf: fine; 2 parameters without effect\n")


def test_check_config_fails_where_a_start_would(tmp_path):
    (tmp_path / "a.conf").write_text("aclfile users.acl\n")
    status, out, err = run("server", "--check-config", "a.conf", cwd=tmp_path)
    assert (status, out) == (1, "")
    assert err.startswith('a.conf:1: aclfile "users.acl": not supported yet')


def test_the_front_door_lists_its_commands(tmp_path):
    status, out, _ = run("main", cwd=tmp_path)
    assert status == 0
    assert "serve" in out
    status, out, _ = run("main", "--version", cwd=tmp_path)
    assert status == 0
    assert out.startswith("rubellite ")
    assert run("main", "nosuch", cwd=tmp_path)[0] == 2
