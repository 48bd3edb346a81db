"""check-aof: the sentences of redis-check-aof, and the same judgement."""

from __future__ import annotations

import io
import shutil
import subprocess
from pathlib import Path

import pytest

from rubellite.cli.main import main
from tests.store import Store
from tests.wire import encode

SET = encode(("SELECT", 0)) + encode(("SET", "a", "1"))
MULTI, EXEC = encode(("MULTI",)), encode(("EXEC",))

FILES = {
    "whole": SET,
    "empty": b"",
    "transaction": SET + MULTI + SET + EXEC + SET,
    "cut in an argument": SET + b"*3\r\n$3\r\nSET\r\n$1\r\na",
    "cut after a count": SET + b"*3\r\n",
    "cut in a length": SET + b"*3\r\n$",
    "cut in a long argument": SET + b"*3\r\n$99\r\na",
    "other bytes": SET + b"hello\r\n" + SET,
    "no length": SET + b"*3\r\nSET\r\n",
    "negative length": SET + b"*3\r\n$-4\r\nSET\r\n",
    "wrong length": SET + b"*3\r\n$4\r\nSET\r\n$1\r\na\r\n$1\r\n1\r\n",
    "no count": SET + b"*x\r\n",
    "open transaction": SET + MULTI + SET,
    "transaction in a transaction": SET + MULTI + MULTI,
    "end of no transaction": SET + EXEC,
    "notes": b"#TS:100\r\n" + SET + b"#TS:200\r\n" + SET + b"#hello\r\n",
}


def theirs(*arguments: str, folder: Path, answer: str = "") -> tuple[int, str]:
    program = shutil.which("redis-check-aof")
    if program is None:
        pytest.skip("redis-check-aof is not installed")
    done = subprocess.run(
        [program, *arguments], cwd=folder, capture_output=True, text=True, input=answer
    )
    return done.returncode, done.stdout


@pytest.mark.parametrize("how", FILES)
def test_a_file_is_judged_in_the_words_of_redis_check_aof(how, tmp_path, monkeypatch, capsys):
    (tmp_path / "a.aof").write_bytes(FILES[how])
    monkeypatch.chdir(tmp_path)
    expected = theirs("a.aof", folder=tmp_path)
    assert (main(["check-aof", "a.aof"]), capsys.readouterr().out) == expected


@pytest.mark.parametrize("answer", ["y\n", "n\n", ""])
def test_what_is_cut_off_is_asked_before(answer, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for name in ("ours", "theirs"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.aof").write_bytes(FILES["cut in an argument"])
    expected = theirs("--fix", "a.aof", folder=tmp_path / "theirs", answer=answer)
    monkeypatch.chdir(tmp_path / "ours")
    monkeypatch.setattr("sys.stdin", io.StringIO(answer))
    assert (main(["check-aof", "--fix", "a.aof"]), capsys.readouterr().out) == expected
    one, other = ((tmp_path / name / "a.aof").read_bytes() for name in ("ours", "theirs"))
    assert one == other


@pytest.mark.parametrize("seconds", [50, 100, 150, 300])
def test_a_file_is_cut_to_a_moment(seconds, tmp_path, monkeypatch, capsys):
    for name in ("ours", "theirs"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.aof").write_bytes(FILES["notes"])
    flags = ["--truncate-to-timestamp", str(seconds), "a.aof"]
    expected = theirs(*flags, folder=tmp_path / "theirs")
    monkeypatch.chdir(tmp_path / "ours")
    assert (main(["check-aof", *flags]), capsys.readouterr().out) == expected
    one, other = ((tmp_path / name / "a.aof").read_bytes() for name in ("ours", "theirs"))
    assert one == other


def folder_of(path: Path, last: bytes) -> Path:
    path.mkdir()
    (path / "a.1.base.aof").write_bytes(SET)
    (path / "a.1.incr.aof").write_bytes(SET)
    (path / "a.2.incr.aof").write_bytes(last)
    (path / "a.manifest").write_text(
        "file a.1.base.aof seq 1 type b\n"
        "file a.1.incr.aof seq 1 type i\nfile a.2.incr.aof seq 2 type i\n"
    )
    return path


@pytest.mark.parametrize("how", ["whole", "empty", "cut in a length", "other bytes"])
def test_all_files_of_a_manifest_are_judged(how, tmp_path, monkeypatch, capsys):
    folder = folder_of(tmp_path / "aof", FILES[how])
    expected = theirs("aof/a.manifest", folder=tmp_path)
    monkeypatch.chdir(tmp_path)
    for name in ("aof/a.manifest", str(folder)):
        assert (main(["check-aof", name]), capsys.readouterr().out) == expected


def test_only_the_last_file_is_mended(tmp_path, monkeypatch, capsys):
    folder = folder_of(tmp_path / "aof", SET)
    (folder / "a.1.incr.aof").write_bytes(FILES["cut in a length"])
    assert main(["check-aof", "--fix", str(folder)]) == 1
    out = capsys.readouterr().out
    assert "Failed to truncate AOF a.1.incr.aof because it is not the last file" in out


def test_a_snapshot_before_the_commands_is_judged_too(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    store = Store({"dbfilename": "data.rdb"})
    store("SET", "a", "1")
    assert store("SAVE").text == "OK"
    whole = Path("data.rdb").read_bytes()
    Path("data.rdb").write_bytes(whole + SET)
    assert main(["check-aof", "data.rdb"]) == 0
    assert "proceeding with AOF tail...\nAOF analyzed" in capsys.readouterr().out
    Path("data.rdb").write_bytes(whole[:-12] + SET)
    assert main(["check-aof", "data.rdb"]) == 1
    assert "not sane" in capsys.readouterr().out


def test_what_is_not_there_is_told(tmp_path, capsys):
    assert main(["check-aof", str(tmp_path / "none")]) == 1
    assert main(["check-aof", str(tmp_path)]) == 1
    assert "No such file" in capsys.readouterr().out
