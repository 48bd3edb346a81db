"""The benchmarks run: every section, at a size that says nothing about speed."""

import json
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from benchmarks import embedded
from benchmarks.chart import draw
from benchmarks.report import Goal, Results, Row
from benchmarks.scenarios import SCENARIOS
from benchmarks.speed import read_percentiles
from benchmarks.tail import percentile

ROOT = Path(__file__).resolve().parents[2]


def quick_run(directory: Path, *options: str) -> tuple[dict[str, Any], str]:
    """What a smoke run leaves in the directory, and what it said."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--quick", "--results", directory, *options],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return json.loads((directory / "latest.json").read_text()), done.stdout


@pytest.mark.skipif(shutil.which("redis-benchmark") is None, reason="needs redis-tools")
def test_a_quick_run_measures_every_section_and_says_what_it_skipped(tmp_path: Path) -> None:
    run, said = quick_run(tmp_path)
    assert {row["section"] for row in run["rows"]} == {
        *("speed", "memory", "tail", "stall", "connections", "pubsub", "persistence"),
        *("growth", "big", "eviction", "watched"),
    }
    # What is judged of ours alone is there, too.
    metrics = {(row["section"], row["metric"]) for row in run["rows"]}
    assert ("memory", "RSS/MEMORY USAGE") in metrics
    assert {("eviction", "RSS/limit"), ("eviction", "refused")} <= metrics
    measured = {row["name"].rpartition(" ")[0] for row in run["rows"] if row["section"] == "speed"}
    skipped = {skip["what"] for skip in run["skipped"]}
    assert {scenario.name for scenario in SCENARIOS} <= measured | skipped
    for skip in run["skipped"]:
        assert f"skipped: {skip['what']} on {skip['server']}: {skip['why']}" in said


def test_embedded_stores_are_measured_in_processes_of_their_own() -> None:
    said: list[str] = []
    results = Results()
    peers = ("memory", "ours", "dict", "sqlite", "floor")
    versions = embedded.measure(results, said.append, peers, quick=True)
    assert [words.removeprefix("embedded: ") for words in said] == [
        *peers,
        "dict and memory in one process",
    ]
    assert list(versions) == ["Rubellite", "dict", "SQLite", "an append alone"]
    assert results.skips == []
    rows = {f"{row.metric}: {row.name}": set(row.values) for row in results.rows}
    assert rows["call, not forced to disk: get"] == {"ours", "sqlite"}
    assert rows["set, forced to disk: each"] == {"ours", "sqlite", "floor"}
    assert rows["call beside a dict: set of 1,000 keys, hashes known"] == {"ours", "dict"}
    assert rows["start-up: import and first open"] == {"ours", "dict", "sqlite"}
    assert all(
        value > 0 for row in results.rows if row.unit == "µs" for value in row.values.values()
    )


def test_the_embedded_section_leaves_a_file_and_a_chart(tmp_path: Path) -> None:
    run, _ = quick_run(tmp_path, "--only", "embedded", "--charts", str(tmp_path))
    assert {row["section"] for row in run["rows"]} == {"embedded"}
    assert "Rubellite" in run["versions"]
    assert (tmp_path / "embedded.svg").read_text().startswith("<?xml")


def test_a_refusal_names_what_is_wrong() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--servers", "ours,redis99"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert '--servers "redis99": not one of ours, redis70, redis82, valkey91' in done.stderr


@pytest.mark.parametrize(
    ("goal", "higher_is_better", "ours", "verdict"),
    [
        (Goal(at_most=60), False, 60, "PASS"),
        (Goal(at_most=60), False, 61, "FAIL"),
        (Goal(at_least=0.9, at_most=1.1), False, 0.9, "PASS"),
        (Goal(at_least=0.9, at_most=1.1), False, 0.89, "FAIL"),
        (Goal(at_least=0.9, at_most=1.1), False, 1.11, "FAIL"),
        (Goal(below_best=True), False, 99, "PASS"),
        (Goal(below_best=True), False, 100, "FAIL"),
        (Goal(times_best=0.8), False, 80, "PASS"),
        (Goal(times_best=0.8), False, 81, "FAIL"),
        (Goal(share_of_best=0.95), True, 190, "PASS"),
        (Goal(share_of_best=0.95), True, 189, "FAIL"),
        (Goal(times_of={"redis70": 0.1, "valkey91": 0.5, "absent": 0}), False, 20, "PASS"),
        (Goal(times_of={"redis70": 0.1, "valkey91": 0.5}), False, 21, "FAIL"),
        (Goal(times_of={"absent": 1}), False, 1, ""),
    ],
)
def test_a_goal_is_held_against_the_best_peer(
    goal: Goal, higher_is_better: bool, ours: float, verdict: str
) -> None:
    values = {"ours": ours, "redis70": 200.0, "valkey91": 100.0}
    assert Row("s", "n", "m", "u", values, higher_is_better, goal).verdict() == verdict


def test_nothing_is_judged_that_was_not_measured() -> None:
    alone = Row("s", "n", "m", "u", {"ours": 1.0}, goal=Goal(below_best=True))
    absent = Row("s", "n", "m", "u", {"redis70": 1.0}, goal=Goal(at_most=5))
    assert (alone.verdict(), absent.verdict()) == ("", "")


def test_every_chart_is_drawn_of_the_rows_that_it_is_about(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    titles = {"ours": "Rubellite", "valkey91": "Valkey 9.1"}
    results = Results()
    for section, name, metric, unit in (
        ("speed", "GET P16", "user CPU", "µs/command"),
        ("speed", "GET P1", "requests", "1/s"),
        ("memory", "one big set", "RSS", "bytes/item"),
        ("memory", "empty server", "RSS", "MB"),
        ("eviction", "Zipf, allkeys-lru", "hits", "%"),
        ("growth", "SADD at 1,000", "user CPU", "µs/command"),
    ):
        results.add(Row(section, name, metric, unit, {"ours": 61.5, "valkey91": 60.25}))
    drawn = draw(results, titles, tmp_path)
    names = [path.name for path in drawn]
    assert names == ["cpu.svg", "requests.svg", "memory.svg", "hits.svg", "growth.svg"]
    # Text is drawn as outlines; its source stands in comments.
    hits = (tmp_path / "hits.svg").read_text()
    assert all(f"<!-- {text} -->" in hits for text in ("Zipf, allkeys-lru", "61.5", "Valkey 9.1"))
    assert "empty server" not in (tmp_path / "memory.svg").read_text()
    assert draw(Results(), titles, tmp_path) == []


def test_percentiles_are_read_from_the_distribution_and_never_rounded_down() -> None:
    output = """Latency by percentile distribution:
0.000% <= 0.111 milliseconds (cumulative count 1)
50.000% <= 0.207 milliseconds (cumulative count 501)
96.875% <= 0.300 milliseconds (cumulative count 969)
99.219% <= 0.400 milliseconds (cumulative count 993)
99.902% <= 0.500 milliseconds (cumulative count 1000)
100.000% <= 0.600 milliseconds (cumulative count 1000)

Cumulative distribution of latencies:
99.900% <= 7.000 milliseconds (cumulative count 1000)
"""
    assert read_percentiles(output) == {
        "p50": 0.207,
        "p95": 0.3,
        "p99": 0.4,
        "p99.9": 0.5,
        "max": 0.6,
    }


def test_a_percentile_is_the_smallest_wait_that_enough_requests_stayed_within() -> None:
    waits = Counter({10: 998, 500: 1, 9000: 1})
    assert percentile(waits, 0.5) == 10
    assert percentile(waits, 0.999) == 500
    assert percentile(waits, 1.0) == 9000
