"""The report: tables for people, JSON for programs."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TextIO

from rubellite.cli.memory.tally import Node, Summary, Tally
from rubellite.cli.progress import amount

#: Prefixes with a smaller share of everything are not shown one by one.
SHARE_MIN = 0.001
_BAR_COLUMNS = 12
_BARS = re.compile(f"(█*)(░*)(?<=[█░]{{{_BAR_COLUMNS}}})")
_BOLD, _DIM, _BAR, _PLAIN = "\x1b[1m", "\x1b[2m", "\x1b[36m", "\x1b[0m"


@dataclass(frozen=True, slots=True)
class Told:
    """What a report is made of."""

    name: str
    #: INFO's fields; empty of files.
    info: dict[str, str]
    summary: Summary
    separator: str
    depth: int


def shown(raw: bytes) -> str:
    """A name for people, in which nothing moves the cursor or breaks a document."""
    text = raw.decode("utf-8", "backslashreplace")
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text
    )


def server_name(info: dict[str, str]) -> str:
    """Which server this is, by what it says."""
    for product in ("rubellite", "valkey", "redis"):
        if version := info.get(f"{product}_version"):
            return f"{product.capitalize()} {version}"
    return ""


def head(info: dict[str, str]) -> list[tuple[str, int | float, str]]:
    """What INFO says of memory: name, value, remark. Nothing that the server does not say."""

    def number(field: str) -> int | None:
        text = info.get(field, "")
        return int(text) if text.lstrip("-").isdigit() else None

    used, rss = number("used_memory"), number("used_memory_rss")
    inside = number("allocator_resident")
    rows: list[tuple[str, int | float | None, str]] = [
        ("used", used, "what the server's allocator has given out"),
        ("peak", number("used_memory_peak"), "the most that was"),
        ("dataset", number("used_memory_dataset"), "used without overhead"),
        ("overhead", number("used_memory_overhead"), "start-up, tables, clients"),
        ("rss", rss, "what the system counts"),
    ]
    if "rubellite_version" in info and rss is not None and inside is not None:
        remark = "rss without the allocator's pages: Python and the program"
        rows.append(("interpreter", max(rss - inside, 0), remark))
    if used and rss is not None:
        rows.append(("fragmentation", round(rss / used, 2), "rss / used"))
    return [(name, value, remark) for name, value, remark in rows if value is not None]


def sentences(told: Told) -> Iterator[str]:
    """What must be known to read the numbers."""
    summary = told.summary
    if summary.is_sample:
        margin = summary.margin_bytes
        size = summary.total.size
        spread = "by how much nobody can tell"
        if margin is not None and size:
            spread = f"by up to {margin / size:.1%} of the sum in 95 of 100 samples"
        yield (
            f"Extrapolated from {summary.weighed:,} of {summary.there:,} keys; off {spread}, and "
            "more if a few keys that were not met are very large. "
            "The biggest keys are those of the sample."
        )
    if summary.tree.merged_prefixes:
        yield (
            f"There were too many prefixes: {summary.tree.merged_prefixes:,} small ones were "
            "merged; small ones that are shown may take more than is said."
        )


def _columns(rows: list[list[str]], right: str) -> Iterator[str]:
    """Aligned lines; `right` has `>` or `<` for every column."""
    widths = [max(len(row[at]) for row in rows) for at in range(len(right))]
    for row in rows:
        cells = [
            f"{cell:{way}{width}}" for cell, way, width in zip(row, right, widths, strict=True)
        ]
        yield "  " + "  ".join(cells).rstrip()


def _count(value: float) -> str:
    return f"{round(value):,}"


def _per(size: float, count: float) -> str:
    return f"{size / count:,.1f}" if count else "–"


def _share(part: float, whole: float) -> str:
    return f"{part / whole:.1%}" if whole else "0.0%"


def kind_rows(summary: Summary) -> list[tuple[str, str, Tally, float | None]]:
    """Types and encodings by bytes; elements are None where that means nothing."""
    rows = sorted(summary.kinds.items(), key=lambda item: (-item[1].size, item[0]))
    return [
        (kind, encoding, tally, None if (kind, encoding) in summary.uncounted else tally.elements)
        for (kind, encoding), tally in rows
    ]


def write_text(told: Told, file: TextIO, top: int) -> None:
    """The tables; in colours on a terminal, unless NO_COLOR is set."""
    colours = file.isatty() and not os.environ.get("NO_COLOR")
    bold, plain = (_BOLD, _PLAIN) if colours else ("", "")
    summary, total = told.summary, told.summary.total
    server = server_name(told.info)
    file.write(f"{bold}{told.name}{plain}{': ' + server if server else ''}\n")
    rows = [
        [name, str(value) if isinstance(value, float) else amount(value, "bytes"), remark]
        for name, value, remark in head(told.info)
    ]
    for line in _columns(rows, "<><") if rows else ():
        file.write(f"{line}\n")
    about = "about " if summary.is_sample else ""
    file.write(f"{_count(total.keys)} keys, {about}{amount(total.size, 'bytes')}\n")
    for text in sentences(told):
        file.write(f"{text}\n")
    if not total.keys:
        return

    file.write(f"\n{bold}By prefix{plain}\n")
    table = [["memory", "share", "keys", "", "prefix"]]
    table += _tree_rows(summary.tree.root, total.size, top, told.separator)
    for line in _columns(table, ">>><<"):
        if colours:
            line = _BARS.sub(rf"{_BAR}\1{_DIM}\2{_PLAIN}", line, count=1)
        file.write(f"{line}\n")

    file.write(f"\n{bold}By type and encoding{plain}\n")
    table = [["memory", "share", "keys", "per key", "elements", "per element", "type"]]
    for kind, encoding, tally, elements in kind_rows(summary):
        table.append(
            [
                *(amount(tally.size, "bytes"), _share(tally.size, total.size)),
                *(_count(tally.keys), f"{_per(tally.size, tally.keys)} B"),
                "–" if elements is None else _count(elements),
                "–" if elements is None else f"{_per(tally.size, elements)} B",
                f"{kind} {encoding}",
            ]
        )
    for line in _columns(table, ">>>>>><"):
        file.write(f"{line}\n")

    file.write(f"\n{bold}Biggest keys{plain}\n")
    table = [["memory", "elements", "type", "key"]]
    databases = {big.database for big in summary.biggest} != {0}
    for big in sorted(summary.biggest, reverse=True):
        number = f"db{big.database} " if databases else ""
        count = "–" if big.elements is None else f"{big.elements:,}"
        what = f"{big.kind} {big.encoding}"
        table.append([amount(big.size, "bytes"), count, what, number + shown(big.key)])
    for line in _columns(table, ">><<"):
        file.write(f"{line}\n")


def _tree_rows(
    node: Node, whole: float, top: int, separator: str, level: int = 0
) -> Iterator[list[str]]:
    """Rows of the tree."""

    def row(tally: Tally, name: str) -> list[str]:
        share = tally.size / whole if whole else 0.0
        filled = round(share * _BAR_COLUMNS)
        columns = "█" * filled + "░" * (_BAR_COLUMNS - filled)
        size = amount(tally.size, "bytes")
        cells = [size, _share(tally.size, whole), _count(tally.keys), columns]
        return [*cells, "  " * level + name]

    children = node.sorted()
    kept = [child for child in children[:top] if child.total.size >= whole * SHARE_MIN]
    if level and not kept:
        # Nothing below it is worth a line.
        return
    for child in kept:
        yield row(child.total, shown(child.name))
        if child.children or child.merged.keys:
            yield from _tree_rows(child, whole, top, separator, level + 1)
    rest, left_out = Tally(), children[len(kept) :]
    for tally in (*(child.total for child in left_out), node.merged):
        rest.add(tally.keys, tally.elements, tally.size)
    if rest.keys:
        yield row(rest, f"… {len(left_out):,} more" if not node.merged.keys else "… more")
    if node.own.keys:
        is_prefix = node.name.endswith(separator.encode("utf-8", "surrogateescape"))
        yield row(node.own, f"(no {'further ' if is_prefix else ''}{separator})")


def write_json(told: Told, file: TextIO) -> None:
    """One document; names are text, in which bytes that are none are escaped."""
    summary = told.summary
    margin = summary.margin_bytes
    document: dict[str, Any] = {
        "target": told.name,
        "server": server_name(told.info) or None,
        "memory": {name: value for name, value, _ in head(told.info)} or None,
        "keys": round(summary.total.keys),
        "bytes": round(summary.total.size),
        "sample": {
            "keys": summary.weighed,
            "of": summary.there,
            "margin_bytes": None if margin is None else round(margin),
        }
        if summary.is_sample
        else None,
        "merged_prefixes": summary.tree.merged_prefixes,
        "types": [
            {
                "type": kind,
                "encoding": encoding,
                "keys": round(tally.keys),
                "bytes": round(tally.size),
                "elements": None if elements is None else round(elements),
            }
            for kind, encoding, tally, elements in kind_rows(summary)
        ],
        "biggest": [
            {
                "key": shown(big.key),
                "db": big.database,
                "bytes": big.size,
                "type": big.kind,
                "encoding": big.encoding,
                "elements": big.elements,
            }
            for big in sorted(summary.biggest, reverse=True)
        ],
        "prefixes": _json_nodes(summary.tree.root),
    }
    json.dump(document, file, ensure_ascii=False, indent=2)
    file.write("\n")


def _json_nodes(node: Node) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for child in node.sorted():
        own: dict[str, Any] = {
            "prefix": shown(child.name),
            "keys": round(child.total.keys),
            "bytes": round(child.total.size),
        }
        if child.children:
            own["prefixes"] = _json_nodes(child)
        found.append(own)
    return found
