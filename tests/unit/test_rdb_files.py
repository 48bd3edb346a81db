"""check-rdb, inspect and convert, on files of our own engine."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rubellite.cli.main import main
from tests.store import Store

#: What Valkey 9.1 answered to DUMP, in hexadecimal.
DUMPS = {
    "hash": ("16020166017600d8c32cbb0300000167c00cffffffffffffffff50001c9c7bd825fee16c"),
    "numbers": ("0b0c0200000002000000010002005000a053f120aab947da"),
    "set": ("140d0d0000000200816102816202ff5000ac197e562a6e5829"),
    "zset": ("1114140000000400816102010181620283322e3504ff50001b66a7356816be23"),
    "list": ("1201020d0d0000000200816102816202ff5000a7c1c3188d13dc45"),
}


@pytest.fixture
def snapshot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file with a few keys, in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    store = Store({"dbfilename": "data.rdb"})
    store("SET", "user:1", "ann")
    store("SET", "user:2", "bob" * 100, "PXAT", 4_102_444_800_000)
    store("SET", b"\xff\xfe", b"\x00\xff")
    store("SELECT", 3)
    store("SET", "count", 12)
    assert store("SAVE").text == "OK"
    return tmp_path / "data.rdb"


def test_a_whole_file_looks_ok(snapshot, capsys):
    assert main(["check-rdb", str(snapshot)]) == 0
    out = capsys.readouterr().out
    assert "AUX FIELD redis-bits = '64'" in out
    assert "Selecting DB ID 3" in out
    assert "RDB looks OK!" in out
    assert "[info] 4 keys read\n[info] 1 expires\n[info] 0 already expired" in out


@pytest.mark.parametrize("how", ["cut", "longer", "other", "missing"])
def test_a_damaged_file_is_told_with_its_place(snapshot, capsys, how):
    whole = snapshot.read_bytes()
    if how == "cut":
        snapshot.write_bytes(whole[:100])
    elif how == "longer":
        snapshot.write_bytes(whole + b"more")
    elif how == "other":
        snapshot.write_bytes(b"something else altogether")
    else:
        snapshot.unlink()
    assert main(["check-rdb", str(snapshot)]) == 1
    out = capsys.readouterr().out
    assert "--- RDB ERROR DETECTED ---" in out
    if how == "cut":
        assert "[offset 100] at offset 100: the file ends here" in out
    assert main(["inspect", str(snapshot)]) == (0 if how == "longer" else 1)


def test_a_file_is_told_by_type_and_prefix(snapshot, capsys):
    assert main(["inspect", str(snapshot)]) == 0
    out = capsys.readouterr().out
    assert "redis RDB version 10" in out
    assert "4 keys (db0 3, db3 1), 1 with a deadline" in out
    lines = out.splitlines()
    assert next(line for line in lines if line.endswith("user:")).split()[2] == "2"
    biggest = lines[lines.index("Biggest keys") + 1]
    assert biggest.endswith("string  300 bytes  user:2")
    assert main(["inspect", str(snapshot), "--top", "1"]) == 0
    assert "more" in capsys.readouterr().out


def test_keys_become_json_lines(snapshot, capsys, tmp_path):
    assert main(["convert", str(snapshot)]) == 0
    text = capsys.readouterr().out
    keys = {json.dumps(line["key"]): line for line in map(json.loads, text.splitlines())}
    assert keys['"user:1"'] == {"db": 0, "key": "user:1", "type": "string", "value": "ann"}
    assert keys['"user:2"']["expires_at"] == 4_102_444_800_000
    assert keys['"count"']["db"] == 3
    assert keys['{"base64": "//4="}']["value"] == {"base64": "AP8="}
    target = tmp_path / "data.json"
    assert main(["convert", str(snapshot), str(target)]) == 0
    assert sorted(target.read_text().splitlines()) == sorted(text.splitlines())


def test_collections_become_lists(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    store = Store()
    for key, dump in DUMPS.items():
        assert store("RESTORE", key, 0, bytes.fromhex(dump)).text == "OK"
    store("SAVE")
    assert main(["convert", "dump.rdb"]) == 0
    lines = map(json.loads, capsys.readouterr().out.splitlines())
    values = {line["key"]: (line["type"], line["value"]) for line in lines}
    assert values == {
        "hash": ("hash", [["f", "v", 4_102_444_800_000], ["g", "12"]]),
        "numbers": ("set", ["1", "2"]),
        "set": ("set", ["a", "b"]),
        "zset": ("zset", [["a", 1], ["b", 2.5]]),
        "list": ("list", ["a", "b"]),
    }
    assert main(["inspect", "dump.rdb"]) == 0
    assert "hash    2 elements  hash" in capsys.readouterr().out
