"""Draws a run as SVG, from its rows: bars for each server, grouped by what was measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.report import Results, Row, number

COLOURS = {"ours": "#b3123d", "redis70": "#9a9a9a", "redis82": "#6f6f6f", "valkey91": "#4a6fa5"}


@dataclass(frozen=True)
class Picture:
    """Bars of the rows of one metric: the file's name, its title, and which rows."""

    name: str
    title: str
    section: str
    metric: str
    ending: str = ""
    # Of the best peer, instead of the row's unit.
    is_relative: bool = False

    def rows(self, results: Results) -> list[Row]:
        return [
            row
            for row in results.rows
            if (row.section, row.metric) == (self.section, self.metric)
            and row.name.endswith(self.ending)
            # The size of an empty server is no size of an item.
            and row.unit != "MB"
        ]


PICTURES = (
    Picture(
        *("cpu", "Server user CPU per command at pipeline 16, best peer = 1"),
        *("speed", "user CPU", " P16"),
        is_relative=True,
    ),
    Picture(
        *("requests", "Requests per second at pipeline 1, best peer = 1"),
        *("speed", "requests", " P1"),
        is_relative=True,
    ),
    Picture("memory", "Memory per item, bytes of RSS", "memory", "RSS"),
    Picture("hits", "Hits of a cache aside below maxmemory, percent", "eviction", "hits"),
)


def draw(results: Results, titles: dict[str, str], directory: Path) -> list[Path]:
    """Writes the charts that this run has rows for; without matplotlib raises ImportError."""
    written = []
    for picture in PICTURES:
        rows = picture.rows(results)
        if rows:
            path = directory / f"{picture.name}.svg"
            _bars(rows, picture.title, titles, path, picture.is_relative)
            written.append(path)
    calls = [row for row in results.rows if row.section == "embedded" and "µs" in row.unit]
    if calls:
        written.append(_embedded(calls, titles, directory / "embedded.svg"))
    grown = [row for row in results.rows if row.section == "growth"]
    if grown:
        written.append(_growth(grown, directory / "growth.svg"))
    return written


def _bars(
    rows: Sequence[Row], title: str, titles: dict[str, str], path: Path, relative: bool
) -> None:
    plt = _pyplot()
    height = 0.8 / len(titles)
    figure, axes = plt.subplots(figsize=(8, 1 + 0.22 * len(rows) * len(titles)))
    for index, (server, label) in enumerate(titles.items()):
        lengths = [
            row.values.get(server, 0.0) / ((row.best_peer() if relative else None) or 1.0)
            for row in rows
        ]
        places = [place + index * height for place in range(len(rows))]
        bars = axes.barh(places, lengths, height, label=label, color=COLOURS[server])
        if not relative:
            # What differs by a hundredth cannot be seen.
            labels = [number(row.values.get(server)) for row in rows]
            axes.bar_label(bars, labels, padding=2, fontsize="xx-small")
    axes.set_yticks(
        [place + 0.4 - height / 2 for place in range(len(rows))], [row.name for row in rows]
    )
    axes.invert_yaxis()
    axes.set_title(title, loc="left")
    axes.spines[["top", "right"]].set_visible(False)
    # Beside the bars: inside, it would hide one.
    axes.legend(frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
    _save(figure, path)


def _embedded(rows: Sequence[Row], titles: dict[str, str], path: Path) -> Path:
    """A bar for each store that a call was measured on; their costs are of many magnitudes."""
    plt = _pyplot()
    bars = [(row, store) for row in rows for store in titles if store in row.values]
    figure, axes = plt.subplots(figsize=(8, 1 + 0.2 * (len(bars) + len(rows))))
    place, places, names, headings = 0.0, [], [], {}
    for row, store in bars:
        heading = f"{row.name} ({row.metric})"
        if heading not in headings:
            place += 1.2
            headings[heading] = place - 0.9
        colour = COLOURS["ours"] if store == "ours" else COLOURS["redis70"]
        axes.barh(place, row.values[store], 0.8, color=colour)
        axes.text(row.values[store] * 1.05, place, number(row.values[store]), va="center", size=7)
        places.append(place)
        names.append(titles[store])
        place += 1
    for heading, at in headings.items():
        axes.text(0, at, heading, transform=axes.get_yaxis_transform(), weight="bold", size=8)
    axes.set_yticks(places, names, size=8)
    axes.set_xscale("log")
    axes.invert_yaxis()
    axes.set_xlabel("µs, logarithmic")
    axes.set_title("A call in the process that makes it", loc="left")
    axes.spines[["top", "right"]].set_visible(False)
    _save(figure, path)
    return path


def _growth(rows: Sequence[Row], path: Path) -> Path:
    """A line for each command: its cost over the number of members."""
    curves: dict[str, list[tuple[int, float]]] = {}
    for row in rows:
        command, _, size = row.name.partition(" at ")
        point = (int(size.replace(",", "")), row.values["ours"])
        curves.setdefault(command, []).append(point)
    figure, axes = _pyplot().subplots(figsize=(8, 5))
    for command, points in curves.items():
        axes.plot(*zip(*points, strict=True), marker="o", label=command)
    axes.set_xscale("log")
    axes.set_ylim(bottom=0)
    axes.set_xlabel("members")
    axes.set_ylabel("user CPU, µs per command")
    axes.set_title("Cost of a command by the size of its collection", loc="left")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
    _save(figure, path)
    return path


def _pyplot() -> Any:
    # Imported here, so that measuring works where drawing does not.
    import matplotlib as mpl

    mpl.use("svg")
    # Without a salt and with a date, every run would change the file's every id.
    mpl.rcParams["svg.hashsalt"] = "rubellite"
    from matplotlib import pyplot as plt

    return plt


def _save(figure: Any, path: Path) -> None:
    figure.tight_layout()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Date": None})
    _pyplot().close(figure)
