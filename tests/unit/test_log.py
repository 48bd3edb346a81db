"""The server's log: its format, its levels, where it goes."""

from __future__ import annotations

import json
import os
import re
import time

import pytest

from rubellite.clock import with_clock
from rubellite.config import Config
from rubellite.server.logging import NOTICE, VERBOSE, Log, timestamp


@pytest.fixture
def _utc(monkeypatch):
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("_utc")
@pytest.mark.parametrize(
    ("style", "expected"),
    [
        ("legacy", "22 Nov 2026 02:12:00.123"),
        ("iso8601", "2026-11-22T02:12:00.123+00:00"),
        ("milliseconds", "1795313520123"),
    ],
)
def test_a_moment_looks_as_in_redis(style, expected):
    assert timestamp(1795313520.1234, style) == expected


@pytest.mark.usefixtures("_utc")
def test_a_line_names_process_role_time_and_level(tmp_path):
    path = tmp_path / "log"
    log = Log(Config({"logfile": str(path), "loglevel": "debug"}))
    with with_clock(lambda: 1795313520.1234):
        for write in (log.debug, log.verbose, log.notice, log.warning):
            write("text")
    start = f"{os.getpid()}:M 22 Nov 2026 02:12:00.123"
    assert path.read_text() == "".join(f"{start} {mark} text\n" for mark in ".-*#")


def test_messages_below_the_level_are_dropped_and_the_level_is_live(tmp_path):
    path = tmp_path / "log"
    config = Config({"logfile": str(path)})
    log = Log(config)
    log.verbose("one")
    config.set("loglevel", "verbose")
    log.verbose("two")
    config.set("loglevel", "nothing")
    log.warning("three")
    assert re.findall(r"\w+$", path.read_text(), re.MULTILINE) == ["two"]
    assert not log.is_logged(VERBOSE)


def test_a_rotated_file_is_followed(tmp_path):
    path = tmp_path / "log"
    log = Log(Config({"logfile": str(path)}))
    log.notice("one")
    path.rename(tmp_path / "log.1")
    log.notice("two")
    assert path.read_text().endswith("two\n")


def test_a_relative_file_is_in_the_data_directory(tmp_path):
    log = Log(Config({"logfile": "log", "dir": str(tmp_path)}))
    log.notice("one")
    assert (tmp_path / "log").exists()


def test_structured_formats():
    config = Config({"log-format": "json", "log-timestamp-format": "milliseconds"})
    log = Log(config)
    assert json.loads(log.line(NOTICE, 'a "b"\n', 1.5)) == {
        "pid": os.getpid(),
        "role": "primary",
        "timestamp": "1500",
        "level": "notice",
        "message": 'a "b"\n',
    }
    config.set("log-format", "logfmt")
    assert log.line(NOTICE, 'a "b"\nc', 1.5) == (
        f'pid={os.getpid()} role=primary timestamp="1500" level=notice message="a \'b\' c"'
    )


def test_user_data_is_hidden_unless_asked_for():
    config = Config()
    log = Log(config)
    assert log.user_data("key") == "(redacted)"
    config.set("hide-user-data-from-log", "no")
    assert log.user_data("key") == "key"


def test_a_log_that_cannot_be_written_is_found_at_the_start(tmp_path):
    log = Log(Config({"logfile": str(tmp_path / "nosuch" / "log")}))
    with pytest.raises(FileNotFoundError):
        log.check()
    log.notice("and later it does not stop the server")
