"""`convert`: snapshots, append-only files and JSON lines become one another and back."""

from __future__ import annotations

import io
import json
import os
import shutil
import sys
from pathlib import Path

import pytest

from rubellite._core import RdbReader
from rubellite.cli import convert as converting
from rubellite.cli.main import main
from tests.cli.samples import FAR_MS, PAST_MS, facts, fill
from tests.durability import data
from tests.store import Store


def saved(folder: Path, monkeypatch: pytest.MonkeyPatch, rdb_format: str = "redis12") -> Store:
    monkeypatch.chdir(folder)
    store = Store({"rdb-format": rdb_format})
    fill(store)
    assert store("SAVE").text == "OK"
    return store


def loaded(path: Path | str) -> Store:
    """A store with what a snapshot or an append-only folder holds."""
    store = Store()
    path = Path(path)
    if path.is_dir():
        store.engine.load(str(path / "appendonly.aof.1.base.rdb"), True, keeps_expired=True)
        assert (path / "appendonly.aof.1.incr.aof").read_bytes() == b""
    else:
        store.engine.load(str(path), True)
    return store


def at_the_same_time(one: Store, other: Store) -> None:
    now = int(one("TIME")[0]) * 1000
    one.engine.freeze_clock(now)
    other.engine.freeze_clock(now)


@pytest.mark.parametrize("rdb_format", ["redis10", "redis12", "valkey80"])
@pytest.mark.parametrize(
    "way",
    [
        ("b.rdb",),
        ("aof/", "b.rdb"),
        ("keys.jsonl", "b.rdb"),
        ("keys.jsonl", "aof/"),
        ("aof/", "keys.jsonl", "aof2", "more.json", "b.rdb"),
    ],
    ids=" ".join,
)
def test_content_is_the_same_after_a_round_trip(tmp_path, monkeypatch, way, rdb_format):
    original = saved(tmp_path, monkeypatch, rdb_format)
    if rdb_format == "redis10":
        # It does not say when a consumer was active: that is told apart first.
        original = loaded("dump.rdb")
    path = "dump.rdb"
    for target in way:
        assert main(["convert", path, target, "--rdb-format", rdb_format]) == 0
        path = target
    after = loaded(path)
    at_the_same_time(original, after)
    assert facts(after) == facts(original)
    after.engine.check()
    assert not [name for name in os.listdir() if name.startswith("temp-")]


def test_json_lines_are_joined_from_parts_of_bounded_size(tmp_path, monkeypatch):
    original = saved(tmp_path, monkeypatch)
    assert main(["convert", "dump.rdb", "keys.jsonl"]) == 0
    monkeypatch.setattr(converting, "_PART_BYTES", 500)
    assert main(["convert", "keys.jsonl", "b.rdb", "--rdb-format", "redis12"]) == 0
    assert main(["check-rdb", "b.rdb"]) == 0
    after = loaded("b.rdb")
    at_the_same_time(original, after)
    assert facts(after) == facts(original)


def test_commands_behind_the_base_are_executed(tmp_path, monkeypatch):
    original = saved(tmp_path, monkeypatch)
    assert main(["convert", "dump.rdb", "aof/"]) == 0
    original("SELECT", 9)
    original.engine.record_journal()
    original("SET", "late", "1", "PXAT", FAR_MS)
    original("HSET", "h", "f", "v")
    original("HPEXPIREAT", "h", FAR_MS, "FIELDS", 1, "f")
    original("ZADD", "late:z", 1, "m", 2, "n")
    original("ZPEXPIREAT", "late:z", FAR_MS, "MEMBERS", 1, "n")
    original("SELECT", 0)
    increment = tmp_path / "aof" / "appendonly.aof.1.incr.aof"
    increment.write_bytes(original.engine.take_journal())
    for target in ("b.rdb", "c.rdb"):
        # The folder itself, and the data directory around it.
        source = "aof" if target == "b.rdb" else "."
        if source == ".":
            (tmp_path / "dump.rdb").unlink()
        assert main(["convert", source, target, "--rdb-format", "redis12"]) == 0
        after = loaded(target)
        at_the_same_time(original, after)
        assert facts(after) == facts(original)
        after("SELECT", 9)
        assert after("ZPEXPIRETIME", "late:z", "MEMBERS", 2, "m", "n") == [-1, FAR_MS]
    # A single file of old: the commands stand behind the snapshot.
    base = (tmp_path / "aof" / "appendonly.aof.1.base.rdb").read_bytes()
    (tmp_path / "appendonly.aof").write_bytes(base + increment.read_bytes())
    assert main(["convert", "appendonly.aof", "d.rdb"]) == 0
    assert loaded("d.rdb")("DEBUG", "DIGEST") == original("DEBUG", "DIGEST")


def test_what_has_expired_is_carried_over(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    lines = [
        {"key": "gone", "type": "string", "expires_at": PAST_MS, "value": "x"},
        {"key": "h", "type": "hash", "value": [["f", "v", PAST_MS], ["g", "w"]]},
        {"key": "s", "type": "set", "value": [["m", PAST_MS], "n"]},
        {"key": "z", "type": "zset", "value": [["m", 1, PAST_MS], ["n", 2.5]]},
    ]
    Path("keys.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert main(["convert", "keys.jsonl", "a.rdb"]) == 0
    assert main(["convert", "a.rdb", "again.jsonl"]) == 0
    again = [json.loads(line) for line in Path("again.jsonl").read_text().splitlines()]
    by_key = {line["key"]: line for line in again}
    assert by_key["gone"]["expires_at"] == PAST_MS
    assert sorted(by_key["h"]["value"]) == [["f", "v", PAST_MS], ["g", "w"]]
    assert ["m", PAST_MS] in by_key["s"]["value"]
    assert by_key["z"]["value"] == [["m", 1, PAST_MS], ["n", 2.5]]
    after = loaded("a.rdb")
    assert after("HMGET", "h", "f", "g") == [None, b"w"]
    assert after("ZRANGE", "z", 0, -1) == [b"n"]
    assert after("EXISTS", "gone") == 0


def test_a_real_server_loads_what_was_joined_from_json_lines(
    tmp_path, monkeypatch, valkey91, redis82
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(converting, "_PART_BYTES", 20_000)
    for server, rdb_format in ((valkey91, "valkey80"), (redis82, "redis12")):
        with server.connect() as connection:
            data.fill(connection)
            connection.call("HSET", "timed", "f", "v", "g", "w")
            connection.call("HPEXPIREAT", "timed", FAR_MS, "FIELDS", 1, "f")
            connection.call("XADD", "stream", "1-1", "a", "b")
            connection.call("XGROUP", "CREATE", "stream", "g", "0")
            connection.call("XREADGROUP", "GROUP", "g", "c", "STREAMS", "stream", ">")
            pending = connection.call("XINFO", "STREAM", "stream", "FULL")
            before = data.digest(connection)
            assert connection.call("SAVE") == "OK"
            file = server.directory / "dump.rdb"
            assert main(["convert", str(file), f"{rdb_format}.jsonl"]) == 0
            given = ["--rdb-format", rdb_format, "--force"]
            assert main(["convert", f"{rdb_format}.jsonl", str(file), *given]) == 0
            assert connection.call("DEBUG", "RELOAD", "NOSAVE") == "OK", server.log()[-2000:]
            assert data.digest(connection) == before
            assert connection.call("HPEXPIRETIME", "timed", "FIELDS", 2, "f", "g") == [FAR_MS, -1]
            assert connection.call("XINFO", "STREAM", "stream", "FULL") == pending
            connection.call("FLUSHALL")
            file.unlink()


def test_a_files_records_are_copied_and_none_is_lost(tmp_path, monkeypatch):
    saved(tmp_path, monkeypatch)
    assert main(["convert", "dump.rdb", "b.rdb"]) == 0
    assert Path("b.rdb").read_bytes() == Path("dump.rdb").read_bytes()
    assert main(["convert", "dump.rdb", "c.rdb", "--rdb-format", "valkey80"]) == 0
    assert RdbReader("c.rdb", 0).signature == ("valkey", 80)


def test_lines_come_from_standard_input_and_go_to_standard_output(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    text = b'{"db":3,"key":"k","type":"string","value":{"base64":"AP8="}}\n\n'
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text)))
    assert main(["convert", "-", "a.rdb"]) == 0
    assert main(["convert", "a.rdb"]) == 0
    assert capsys.readouterr().out.encode() == text.strip() + b"\n"
    assert main(["convert", "a.rdb", "-", "--to", "rdb"]) == 1
    assert "name a target" in capsys.readouterr().err


BAD_LINES = {
    "{": "no JSON",
    "[1]": "not an object",
    '{"key":"a","type":"string"}': '"value" is missing',
    '{"key":"a","type":"string","value":"x","ttl":5}': '"ttl" is unknown',
    '{"key":"a","type":"blob","value":"x"}': '"type" is none of',
    '{"key":"a","type":"string","value":{"base64":"?"}}': "no base64",
    '{"key":"a","type":"list","value":[]}': "a list without elements",
    '{"key":"a","type":"list","value":"x"}': "a list was expected",
    '{"key":"a","type":"set","value":["x","x"]}': "stands twice",
    '{"key":"a","type":"zset","value":[["x","y"]]}': "a score is no number",
    '{"key":"a","type":"zset","value":[["x",1,0]]}': "after 1970",
    '{"key":"a","type":"zset","value":[["x",1,2,3]]}': "an element of a sorted set is",
    '{"key":"a","type":"hash","value":[["x"]]}': "a field is",
    '{"key":"a","type":"string","value":"x","expires_at":0}': "after 1970",
    '{"key":"a","type":"string","value":"x","db":16384}': '"db" is not from 0',
    '{"key":"first","type":"string","value":"x"}': "this key was there already",
    '{"key":"a","type":"stream","value":{"entries":[["1","a","b"]]}}': "an ID is not",
    '{"key":"a","type":"stream","value":{"entries":[["2-0","a","b"],["1-0","a","b"]],"last_id":'
    '"2-0","max_deleted_id":"0-0","entries_added":2,"groups":[]}}': "equal or smaller",
}


@pytest.mark.parametrize("line", BAD_LINES)
def test_a_wrong_line_is_told_with_its_number_and_nothing_is_written(
    tmp_path, monkeypatch, capsys, line
):
    monkeypatch.chdir(tmp_path)
    Path("in.jsonl").write_text('{"key":"first","type":"string","value":"x"}\n' + line + "\n")
    assert main(["convert", "in.jsonl", "out.rdb"]) == 1
    told = capsys.readouterr().err
    assert told.startswith("rubellite convert: in.jsonl: line 2: ")
    assert BAD_LINES[line] in told
    assert told.count("\n") == 1
    assert os.listdir() == ["in.jsonl"]


@pytest.mark.parametrize("target", ["out.jsonl", "out.rdb", "out/"])
def test_damaged_files_are_refused_in_one_line(tmp_path, monkeypatch, capsys, target):
    saved(tmp_path, monkeypatch)
    whole = Path("dump.rdb").read_bytes()
    damages = {
        "cut": whole[:-200],
        "changed": whole[:150] + bytes([whole[150] ^ 1]) + whole[151:],
        "longer": whole + b"\n",
        "other": b"something else",
    }
    capsys.readouterr()
    for damaged in damages.values():
        Path("bad.rdb").write_bytes(damaged)
        assert main(["convert", "bad.rdb", target]) == 1
        told = capsys.readouterr().err
        assert told.startswith("rubellite convert: bad.rdb: ")
        assert told.count("\n") == 1
        assert sorted(os.listdir()) == ["bad.rdb", "dump.rdb"]
    assert main(["convert", "missing.rdb", target]) == 1
    assert capsys.readouterr().err == "rubellite convert: missing.rdb: No such file or directory\n"


def test_append_only_files_that_are_cut_off_are_refused(tmp_path, monkeypatch, capsys):
    saved(tmp_path, monkeypatch)
    assert main(["convert", "dump.rdb", "aof/"]) == 0
    increment = Path("aof/appendonly.aof.1.incr.aof")
    increment.write_bytes(b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1")
    capsys.readouterr()
    assert main(["convert", "aof", "out.rdb"]) == 1
    assert "check-aof --fix" in capsys.readouterr().err
    increment.write_bytes(b"*1\r\n$3\r\nFOO\r\n")
    assert main(["convert", "aof", "out.rdb"]) == 1
    assert "unknown command" in capsys.readouterr().err
    increment.unlink()
    assert main(["convert", "aof", "out.rdb"]) == 1
    assert "No such file" in capsys.readouterr().err
    Path("aof/appendonly.aof.manifest").write_text("nonsense\n")
    assert main(["convert", "aof", "out.rdb"]) == 1
    assert capsys.readouterr().err.count("\n") == 1
    assert not Path("out.rdb").exists()


def test_nothing_is_replaced_unless_that_is_asked_for(tmp_path, monkeypatch, capsys):
    saved(tmp_path, monkeypatch)
    Path("b.rdb").write_bytes(b"precious")
    assert main(["convert", "dump.rdb", "b.rdb"]) == 1
    assert "--force" in capsys.readouterr().err
    assert Path("b.rdb").read_bytes() == b"precious"
    assert main(["convert", "dump.rdb", "b.rdb", "--force"]) == 0
    assert main(["convert", "dump.rdb", "dump.rdb", "--force"]) == 1
    assert "is what is read" in capsys.readouterr().err
    assert main(["convert", "dump.rdb", "aof/"]) == 0
    assert main(["convert", "dump.rdb", "aof/"]) == 1
    assert main(["convert", "dump.rdb", "aof/", "--force"]) == 0
    assert main(["convert", "aof", "aof/", "--force"]) == 1
    # A folder with anything else in it is not ours to replace.
    shutil.copy("dump.rdb", "aof/notes.txt")
    assert main(["convert", "dump.rdb", "aof/", "--force"]) == 1
    assert Path("aof/notes.txt").exists()
    # Neither is a data directory with a snapshot.
    Path("data").mkdir()
    shutil.copy("dump.rdb", "data/dump.rdb")
    assert main(["convert", "b.rdb", "data/", "--force"]) == 1
    assert "holds more than append-only files" in capsys.readouterr().err
    assert Path("data/dump.rdb").exists()
    capsys.readouterr()
    assert main(["convert", "dump.rdb", "some.thing"]) == 1
    assert "--to" in capsys.readouterr().err
    assert main(["convert", "dump.rdb", "nowhere/b.rdb"]) == 1
    assert "there is no folder" in capsys.readouterr().err


def test_ctrl_c_leaves_nothing_half_done(tmp_path, monkeypatch, capsys):
    saved(tmp_path, monkeypatch)

    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(converting, "_write_lines", interrupt)
    monkeypatch.setattr(converting, "_write_snapshot", interrupt)
    for target in ("out.jsonl", "out.rdb", "out/"):
        assert main(["convert", "dump.rdb", target]) == 130
        assert os.listdir() == ["dump.rdb"]
    assert "interrupted" in capsys.readouterr().err


def test_append_only_files_and_data_directories_are_inspected(tmp_path, monkeypatch, capsys):
    original = saved(tmp_path, monkeypatch)
    assert main(["convert", "dump.rdb", "data/", "--to", "aof"]) == 0
    Path("home").mkdir()
    Path("data").rename("home/appendonlydir")
    capsys.readouterr()
    original.engine.record_journal()
    original("SET", "late:1", "x")
    Path("home/appendonlydir/appendonly.aof.1.incr.aof").write_bytes(original.engine.take_journal())
    for path in ("home", "home/appendonlydir", "home/appendonlydir/appendonly.aof.manifest"):
        assert main(["inspect", path]) == 0
        out = capsys.readouterr().out
        assert out.startswith(f"{path}: 2 append-only files, ")
        assert f"{original('DBSIZE') + 1} keys (db0 {original('DBSIZE')}, db9 1)" in out
        assert "late:" in out
        assert "stream" in out
    assert main(["inspect", "."]) == 0
    assert "./dump.rdb" in capsys.readouterr().out
    Path("nothing").mkdir()
    assert main(["inspect", "nothing"]) == 1
    assert "neither append-only files nor dump.rdb" in capsys.readouterr().err
