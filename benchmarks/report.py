"""What was measured, held against the goals: rows, verdicts, the table, the JSON.

Every section (speed, memory, tail, …) yields the same kind of row, so one table,
one file format and one way to judge serve all of them.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Goal:
    """What ours must reach: bounds in the row's unit, or a multiple of the best peer.

    `at_most` (with or without `at_least`), `below_best` and `times_best` are for rows where lower
    is better, `share_of_best` for those where higher is: 0.95 means at least 95 % of the best peer.
    `times_of` names a multiple for each of some peers, where lower is better; those that were not
    measured do not count.
    """

    at_most: float | None = None
    at_least: float | None = None
    below_best: bool = False
    share_of_best: float | None = None
    times_best: float | None = None
    times_of: dict[str, float] | None = None

    def text(self) -> str:
        if self.at_most is not None:
            if self.at_least is not None:
                return f"{self.at_least:g} … {self.at_most:g}"
            return f"≤ {self.at_most:g}"
        if self.times_of is not None:
            return "≤ " + ", ".join(f"{times:.2g} {peer}" for peer, times in self.times_of.items())
        if self.times_best is not None:
            return f"≤ {self.times_best:g} best"
        return "< best" if self.below_best else f"≥ {self.share_of_best:g} best"

    def verdict(self, values: dict[str, float], best: float | None) -> str:
        ours = values.get("ours")
        if ours is None:
            return ""
        if self.at_most is not None:
            is_enough = self.at_least is None or ours >= self.at_least
            return "PASS" if is_enough and ours <= self.at_most else "FAIL"
        if self.times_of is not None:
            bounds = [
                values[peer] * times for peer, times in self.times_of.items() if peer in values
            ]
            return "" if not bounds else "PASS" if ours <= min(bounds) else "FAIL"
        if best is None:
            return ""
        if self.below_best:
            return "PASS" if ours < best else "FAIL"
        if self.times_best is not None:
            return "PASS" if ours <= self.times_best * best else "FAIL"
        assert self.share_of_best is not None
        return "PASS" if ours >= self.share_of_best * best else "FAIL"


@dataclass
class Row:
    """One measured quantity, a value for each server; `samples` are the rounds behind it."""

    section: str
    name: str
    metric: str
    unit: str
    values: dict[str, float]
    higher_is_better: bool = False
    goal: Goal | None = None
    samples: dict[str, list[float]] = field(default_factory=dict)

    def best_peer(self) -> float | None:
        peers = [value for server, value in self.values.items() if server != "ours"]
        if not peers:
            return None
        return max(peers) if self.higher_is_better else min(peers)

    def ratio(self) -> float | None:
        ours, best = self.values.get("ours"), self.best_peer()
        return ours / best if ours is not None and best else None

    def verdict(self) -> str:
        return self.goal.verdict(self.values, self.best_peer()) if self.goal else ""


@dataclass
class Skip:
    """What was not measured, and why: silence would look like success."""

    what: str
    server: str
    why: str

    def text(self) -> str:
        return f"skipped: {self.what} on {self.server}: {self.why}"


class Results:
    """Rows and skips of one run, in the order in which they were measured."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.skips: list[Skip] = []
        self.coarse: list[str] = []

    def add(self, row: Row) -> None:
        if row.values:
            self.rows.append(row)

    def skip(self, what: str, server: str, why: object) -> None:
        self.skips.append(Skip(what, server, str(why)))

    def doubt(self, what: str) -> None:
        """Marks a CPU time as too short for the clock that measured it."""
        self.coarse.append(what)

    def failed(self) -> list[Row]:
        return [row for row in self.rows if row.verdict() == "FAIL"]


# In the JSON, but a table of every percentile at every pipeline depth is not read.
UNPRINTED_METRICS = {"p95"}


def table(results: Results, titles: dict[str, str]) -> str:
    """All rows for the terminal, one block for each section and metric."""
    lines: list[str] = []
    blocks: dict[tuple[str, str, str], list[Row]] = {}
    for row in results.rows:
        if row.metric not in UNPRINTED_METRICS:
            blocks.setdefault((row.section, row.metric, row.unit), []).append(row)
    for (section, metric, unit), rows in blocks.items():
        header = [f"{section}: {metric}, {unit}", *titles.values(), "ours/best", "goal", ""]
        body = [
            [
                row.name,
                *(number(row.values.get(server)) for server in titles),
                number(row.ratio()),
                row.goal.text() if row.goal else "",
                row.verdict(),
            ]
            for row in rows
        ]
        grid = [header, *body]
        widths = [max(map(len, column)) for column in zip(*grid, strict=True)]
        for index, cells in enumerate(grid):
            first, *rest = (
                cell.rjust(width) if column else cell.ljust(width)
                for column, (cell, width) in enumerate(zip(cells, widths, strict=True))
            )
            lines.append("  ".join([first, *rest]).rstrip())
            if index == 0:
                lines.append("-" * len(lines[-1]))
        lines.append("")
    lines += [skip.text() for skip in results.skips]
    if results.coarse:
        lines.append(f"too short for 3 %: user CPU of {', '.join(results.coarse)}")
    judged = [row for row in results.rows if row.verdict()]
    if judged:
        lines.append(f"goals: {len(judged) - len(results.failed())} of {len(judged)} reached")
    return "\n".join(lines)


def number(value: float | None) -> str:
    """Three significant digits; a dash where nothing was measured."""
    if value is None:
        return "–"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    if abs(value) >= 10:
        return f"{value:.1f}"
    return f"{value:.2f}" if abs(value) >= 1 else f"{value:.3f}"


def document(
    results: Results, versions: dict[str, str], settings: dict[str, Any]
) -> dict[str, Any]:
    """The run as one JSON object that stands on its own years later."""
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": commit(),
        "machine": machine(),
        "versions": versions,
        "settings": settings,
        "rows": [
            {
                **asdict(row),
                "goal": row.goal.text() if row.goal else None,
                "ratio": row.ratio(),
                "verdict": row.verdict() or None,
            }
            for row in results.rows
        ],
        "skipped": [asdict(skip) for skip in results.skips],
        "too_short": results.coarse,
    }


def write(run: dict[str, Any], directory: Path, part: str) -> Path:
    """Writes `<date>-<commit><part>.json`, and `latest.json` beside it for scripts."""
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / f"{run['date'][:10]}-{run['commit']}{part}.json"
    text = json.dumps(run, indent=1, ensure_ascii=False) + "\n"
    path.write_text(text)
    (directory / "latest.json").write_text(text)
    return path


def commit() -> str:
    """The commit that was measured; `-dirty` when the tree held something else."""
    revision = _git("rev-parse", "--short", "HEAD")
    if not revision:
        return "unknown"
    return revision + ("-dirty" if _git("status", "--porcelain", "--untracked-files=no") else "")


def _git(*arguments: str) -> str:
    try:
        done = subprocess.run(
            ["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return ""
    return done.stdout.strip()


def machine() -> dict[str, Any]:
    """The processor, its cores and the memory: no names, no paths."""
    facts = Path("/proc/cpuinfo").read_text().splitlines()
    models = [line.partition(":")[2].strip() for line in facts if line.startswith("model name")]
    return {
        "cpu": models[0] if models else platform.machine(),
        "cores": os.cpu_count(),
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "kernel": platform.release(),
        "python": platform.python_version(),
    }
