"""`memory`: which keys, prefixes and types take how much of it, on any server and in files."""

from __future__ import annotations

import io
import json
import re
import sys
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import rubellite
from rubellite._core import memory_used
from rubellite.cli.main import main
from rubellite.cli.memory.tally import Big, Summary, Tree
from rubellite.cli.memory.treemap import Box, squarified
from tests import oracles
from tests.oracles import Server

KEYS = 40


@pytest.fixture(autouse=True)
def empty(request: pytest.FixtureRequest) -> Iterator[None]:
    """No server keeps anything for the next test."""
    yield
    for name in ("ours", *oracles.ORACLES):
        if name in request.fixturenames:
            with request.getfixturevalue(name).connect() as connection:
                connection.call("FLUSHALL")


def fill(call: Any) -> None:
    for at in range(KEYS):
        call("SET", f"user:{at}:photo", "x" * 1000)
        call("HSET", f"cart:{at}", "a", "1", "b", "2")
        call("SET", f"plain{at}", at)
    call("RPUSH", "list", *range(10))
    call("SADD", "set", "a", "b", "c")
    call("ZADD", "zset", 1, "a", 2, "b")
    call("XADD", "stream", "1-1", "f", "v")


def url(server: Server, database: int | None = None) -> str:
    return f"redis://{server.host}:{server.port}" + ("" if database is None else f"/{database}")


def document(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    assert main(["memory", *arguments, "--json"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


@pytest.mark.parametrize("name", ["ours", *oracles.ORACLES])
def test_a_servers_sums_are_those_of_its_keys(request, capsys, name):
    server = request.getfixturevalue(name)
    with server.connect() as connection:
        fill(connection.call)
        sizes = {
            key: connection.call("MEMORY", "USAGE", key, "SAMPLES", 0)
            for key in connection.call("KEYS", "*")
        }
    found = document(capsys, url(server), "--elements", "0", "--top", "3")
    assert found["keys"] == len(sizes)
    assert found["bytes"] == sum(sizes.values())
    prefixes = {node["prefix"]: node for node in found["prefixes"]}
    assert list(prefixes) == ["user:", "cart:"]
    users = [size for key, size in sizes.items() if key.startswith(b"user:")]
    assert (prefixes["user:"]["keys"], prefixes["user:"]["bytes"]) == (KEYS, sum(users))
    assert len(prefixes["user:"]["prefixes"]) == KEYS
    assert [big["bytes"] for big in found["biggest"]] == sorted(sizes.values(), reverse=True)[:3]
    kinds = {(row["type"], row["encoding"]): row for row in found["types"]}
    assert kinds["string", "int"]["keys"] == KEYS
    assert kinds["string", "int"]["elements"] is None
    assert sum(row["elements"] for (kind, _), row in kinds.items() if kind == "hash") == 2 * KEYS
    assert sum(row["elements"] for (kind, _), row in kinds.items() if kind == "list") == 10
    assert found["server"].lower().startswith({"ours": "rub", "valkey91": "val"}.get(name, "redis"))
    assert found["memory"]["used"] > found["bytes"]
    assert ("interpreter" in found["memory"]) == (name == "ours")


def test_files_weigh_what_they_do_when_they_are_open(tmp_path, capsys):
    with rubellite.open(tmp_path / "data") as store:
        fill(store.call)
        total = sum(store.call("MEMORY", "USAGE", key) for key in store.call("KEYS", "*"))
        store.call("SAVE")
    found = document(capsys, str(tmp_path / "data"))
    assert (found["keys"], found["bytes"]) == (3 * KEYS + 4, total)
    assert found["memory"] is None
    assert document(capsys, str(tmp_path / "data" / "dump.rdb"))["bytes"] == total
    assert document(capsys, str(tmp_path / "data" / "appendonlydir"))["bytes"] == total


def test_the_tables_are_for_people(tmp_path, capsys):
    with rubellite.open(tmp_path / "data") as store:
        fill(store.call)
        session = store.session(protocol=2)
        session.call("SELECT", 3)
        session.call("SET", b"\x1b[31m:\xff", "v" * 5000)
    assert main(["memory", str(tmp_path / "data"), "--depth", "1"]) == 0
    out = capsys.readouterr().out
    assert re.search(r"^ +4\d\.\d KB +\d\d\.\d% +40  █+░*    user:$", out, re.MULTILINE)
    assert re.search(r"^ +\d\.\d KB +1\d\.\d% +1  █░+  db3$", out, re.MULTILINE)
    assert re.search(r" 80 +\d+\.\d B  hash listpack$", out, re.MULTILINE)
    # Nothing that a name holds reaches the terminal as it is, and there are no colours.
    assert "\x1b" not in out
    assert "db3 \\x1b[31m:\\xff" in out
    assert main(["memory", str(tmp_path / "data"), "--separator", "t", "--db", "0"]) == 0
    out = capsys.readouterr().out
    assert re.search(r"  cart$", out, re.MULTILINE)
    assert "db3" not in out


class Screen(io.StringIO):
    """A terminal."""

    def isatty(self) -> bool:
        return True


def test_a_terminal_shows_colours_unless_they_are_not_wanted(tmp_path, monkeypatch):
    with rubellite.open(tmp_path) as store:
        fill(store.call)
    shown = []
    for wish in ("", "1"):
        screen = Screen()
        monkeypatch.setattr(sys, "stdout", screen)
        monkeypatch.setenv("NO_COLOR", wish)
        assert main(["memory", str(tmp_path)]) == 0
        shown.append(screen.getvalue())
    assert "\x1b[36m█" in shown[0]
    assert re.sub(r"\x1b\[\d+m", "", shown[0]) == shown[1]


def test_a_sample_says_that_it_is_one(ours, capsys):
    with ours.connect() as connection:
        connection.call("DEBUG", "POPULATE", 4000, "filler", 20)
        connection.call("SELECT", 5)
        connection.call("DEBUG", "POPULATE", 1000, "other", 200)
    whole = document(capsys, url(ours))
    part = document(capsys, url(ours), "--sample", "500")
    assert whole["sample"] is None
    assert (part["sample"]["keys"], part["sample"]["of"]) == (500, 5000)
    assert part["keys"] == whole["keys"] == 5000
    # Keys of a database are of about one size, so that its share of the sample is telling.
    assert abs(part["bytes"] / whole["bytes"] - 1) < 0.02
    assert {node["prefix"]: node["keys"] for node in part["prefixes"]} == {"db0": 4000, "db5": 1000}
    assert main(["memory", url(ours), "--sample", "500"]) == 0
    assert "Extrapolated from 500 of 5,000 keys" in capsys.readouterr().out
    assert document(capsys, url(ours), "--sample", "5000") == {**whole, "memory": ANY}
    assert document(capsys, url(ours, 5))["keys"] == 1000


class _Any:
    """Equal to everything: memory of a server in use is never the same."""

    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = None  # type: ignore[assignment]


ANY = _Any()


def test_many_prefixes_are_merged_and_sums_stay_right():
    tree = Tree(b":", 3, prefixes_max=100)
    for at in range(1000):
        tree.add(b"a:%d:x" % at, 1.0, 0.0, 10.0, b"")
        tree.add(b"big:x", 1.0, 0.0, 100.0, b"")
    names = [name for node in tree.root.children.values() for name in node.children]
    assert len(names) <= 100
    assert tree.merged_prefixes > 800
    assert tree.root.total.size == 110_000
    a, big = tree.root.children[b"a:"], tree.root.children[b"big:"]
    assert (a.total.keys, big.total.size) == (1000, 100_000)
    below = sum(child.total.keys for child in a.children.values())
    assert below + a.merged.keys == 1000


def test_a_sample_of_unlike_keys_has_a_margin():
    summary = Summary(b":", 1, 3)
    for at, size in enumerate((10, 20, 30, 40)):
        summary.add(Big(size, 0, b"%d" % at, "string", "raw", None), 10.0, b"")
    # 40 keys of 25 bytes, whose deviation is 12.9, of which a tenth were looked at.
    assert summary.total.size == 1000
    assert summary.margin_bytes == pytest.approx(1.96 * 12.91 * 40 / 2 * 0.9**0.5, rel=1e-3)


sizes = st.lists(st.floats(1, 1e6), min_size=1, max_size=20).map(lambda s: sorted(s, reverse=True))


@given(sizes, st.floats(1, 1000), st.floats(1, 1000))
def test_rectangles_fill_their_box_by_size(sizes, width, height):
    boxes = squarified(sizes, Box(5.0, 7.0, width, height))
    assert len(boxes) == len(sizes)
    whole = width * height
    for size, box in zip(sizes, boxes, strict=True):
        assert box.width * box.height == pytest.approx(whole * size / sum(sizes), rel=1e-6)
        assert box.x >= 5 - 1e-6
        assert box.y >= 7 - 1e-6
        assert box.x + box.width <= 5 + width * (1 + 1e-6)
        assert box.y + box.height <= 7 + height * (1 + 1e-6)
    for at, one in enumerate(boxes):
        for other in boxes[:at]:
            across = min(one.x + one.width, other.x + other.width) - max(one.x, other.x)
            down = min(one.y + one.height, other.y + other.height) - max(one.y, other.y)
            assert min(across, down) <= 1e-6 * max(width, height)


def test_rectangles_are_near_squares():
    boxes = squarified([6, 6, 4, 3, 2, 2, 1], Box(0, 0, 6, 4))
    ratios = [max(b.width / b.height, b.height / b.width) for b in boxes]
    # The paper's own example.
    assert [round(b.width, 2) for b in boxes[:2]] == [3, 3]
    assert max(ratios) < 3.1


class Page(HTMLParser):
    """What a page refers to, and its titles."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.links += [value or "" for name, value in attrs if name in ("src", "href")]


def test_pictures_stand_alone(tmp_path, capsys):
    with rubellite.open(tmp_path / "data") as store:
        fill(store.call)
        store.call("SET", b"<script>&\x00\xff:k", "v" * 50_000)
    page, image = tmp_path / "m.html", tmp_path / "m.svg"
    given = ["memory", str(tmp_path / "data"), "--html", str(page), "--svg", str(image)]
    assert main(given) == 0
    root = ET.parse(image).getroot()
    titles = [element.text or "" for element in root.iter("{http://www.w3.org/2000/svg}title")]
    assert any(re.fullmatch(r"user:\n4\d\.\d KB, \d\d\.\d%\n40 keys", title) for title in titles)
    assert any(title.startswith("<script>&\\x00\\xff:\n") for title in titles)
    assert any(title.startswith("user:7:\n") for title in titles)
    parser = Page()
    parser.feed(page.read_text())
    assert {"svg", "table"} <= parser.tags
    assert "script" not in parser.tags
    assert parser.links == []
    capsys.readouterr()
    # What is there already stays, unless it is said that it need not.
    assert main(given) == 1
    assert capsys.readouterr().err == f"rubellite memory: {page}: exists; --force replaces it\n"
    assert main([*given, "--force"]) == 0


def test_nothing_is_fine(tmp_path, capsys):
    with rubellite.open(tmp_path / "data") as store:
        store.call("SAVE")
    given = ["memory", str(tmp_path / "data")]
    assert main([*given, "--html", str(tmp_path / "h"), "--svg", str(tmp_path / "s")]) == 0
    assert "0 keys, 0 B\n" in capsys.readouterr().out
    ET.parse(tmp_path / "s")


def test_what_is_wrong_is_told_in_one_line(ours, redis70, tmp_path, capsys):
    (tmp_path / "file").write_text("x")
    (tmp_path / "lines").write_text("{}")
    (tmp_path / "broken.rdb").write_bytes(b"REDIS0010\xff")
    (tmp_path / "empty").mkdir()
    with rubellite.open(tmp_path / "data") as store:
        store.call("SET", "k", "v")
    with redis70.connect() as connection:
        connection.call("ACL", "SETUSER", "few", "on", ">pw", "~*", "+scan", "+info", "+select")
        connection.call("ACL", "SETUSER", "few", "+dbsize", "+type", "+object")
        connection.call("SET", "k", "v")
        wrong = {
            (f"redis://few:bad@127.0.0.1:{redis70.port}",): "WRONGPASS",
            (f"redis://few:pw@127.0.0.1:{redis70.port}",): "NOPERM",
            ("redis://127.0.0.1:1",): "Connection refused",
            ("http://127.0.0.1",): 'URL scheme "http" is unknown',
            (str(tmp_path / "missing"),): "No such file or directory",
            (str(tmp_path / "file"),): "neither a snapshot",
            (str(tmp_path / "lines"),): "JSON lines",
            (str(tmp_path / "broken.rdb"),): "broken.rdb",
            (str(tmp_path / "empty"),): "neither append-only files nor dump.rdb",
            ("",): "an empty path",
            (url(ours, 99),): "out of range",
            (url(ours), "--db", "99"): "out of range",
            (str(tmp_path / "data"), "--db", "-1"): "out of range",
            (str(tmp_path / "data"), "--db", "16384"): "out of range",
            (url(ours), "--depth", "0"): "--depth 0: must be 1 or more",
            (url(ours), "--sample", "0"): "--sample 0: must be 1 or more",
            (url(ours), "--separator", ""): "--separator: ",
            (url(ours), "--svg", str(tmp_path / "no" / "m.svg")): "there is no folder",
            (url(ours), "--html", str(tmp_path)): "a folder stands there",
        }
        for arguments, text in wrong.items():
            assert main(["memory", *arguments]) == 1, arguments
            told = capsys.readouterr()
            assert told.err.startswith("rubellite memory: "), told
            assert text in told.err
            assert told.err.count("\n") == 1
            assert "bad@" not in told.err
        connection.call("ACL", "DELUSER", "few")


def _words(count: int) -> list[Any]:
    return [f"element {at}" for at in range(count)]


def _pairs(count: int) -> list[Any]:
    return [part for at in range(count) for part in (at, f"element {at}")]


GROUP = (
    ("XGROUP", "CREATE", "K", "g", "0"),
    ("XREADGROUP", "GROUP", "g", "ann", "STREAMS", "K", ">"),
)
#: A key of each form, and how many of it are made; K stands for its name.
MIXED: dict[str, tuple[int, tuple[tuple[Any, ...], ...]]] = {
    "number": (1500, (("SET", "K", 12345),)),
    "string": (1500, (("SET", "K", "x" * 40),)),
    "deadline": (1500, (("SET", "K", "x" * 40, "EX", 1000),)),
    "long string": (100, (("SET", "K", "x" * 5000),)),
    "hash": (1000, (("HSET", "K", *_pairs(5)),)),
    "large hash": (20, (("HSET", "K", *_pairs(2000)),)),
    "hash with deadlines": (300, (("HSET", "K", *_pairs(9)), ("HEXPIRE", "K", 99, "FIELDS", 1, 3))),
    "integers": (1000, (("SADD", "K", *range(20)),)),
    "set": (1000, (("SADD", "K", *_words(9)),)),
    "large set": (20, (("SADD", "K", *_words(2000)),)),
    "sorted set": (1000, (("ZADD", "K", *_pairs(9)),)),
    "large sorted set": (20, (("ZADD", "K", *_pairs(2000)),)),
    "list": (1000, (("RPUSH", "K", *_words(9)),)),
    "large list": (20, (("RPUSH", "K", *_words(3000)),)),
    "stream": (1000, (("XADD", "K", "1-1", "f", "v"),)),
    "long stream": (10, tuple(("XADD", "K", f"{at}-1", "f", "v") for at in range(1, 700))),
    "group": (
        100,
        (*(("XADD", "K", f"{at}-1", "f", "v") for at in range(1, 30)), *GROUP),
    ),
}


@pytest.mark.parametrize("form", [*MIXED, "all"])
def test_memory_usage_of_all_keys_is_what_memory_grew_by(form):
    with rubellite.open() as store:
        session = store.session(protocol=2)

        def make(name: str, key: str) -> None:
            for words in MIXED[name][1]:
                session.call(*(key if word == "K" else word for word in words))

        # What is made once, such as tables of the first keys, is no key's.
        names = list(MIXED) if form == "all" else [form]
        for name in names:
            make(name, f"warm:{name}")
        before, weighed = memory_used(), 0
        for name in names:
            for at in range(MIXED[name][0]):
                make(name, f"{name}:{at}")
        grown = memory_used() - before
        for key in session.call("KEYS", "*"):
            if not key.startswith(b"warm:"):
                weighed += session.call("MEMORY", "USAGE", key)
    assert weighed == pytest.approx(grown, rel=0.1)
