"""A treemap of prefixes: areas are bytes. An SVG image, or a page around it; no scripts.

Rectangles are laid out squarified (Bruls, Huizing, van Wijk, 2000): rows along the shorter
side of what is left, each with as many rectangles as make its worst one squarer.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

from rubellite.cli.memory.report import Told, head, kind_rows, sentences, server_name, shown
from rubellite.cli.memory.tally import Node, Tally
from rubellite.cli.progress import amount

WIDTH, HEIGHT = 1200.0, 700.0
#: Children of a prefix that get a rectangle each.
_CHILDREN_MAX = 60
_HEAD_HEIGHT = 18.0
_GAP = 2.0
#: A rectangle smaller than this holds no others, and one narrower no name.
_INSIDE_MIN, _NAME_MIN = 40.0, 28.0
_CHARACTER_WIDTH = 6.8
#: Hues that are told apart; black text is read on all of them.
_HUES = (205, 28, 130, 265, 55, 340, 180, 90, 300, 10)

_STYLE = (
    "text{font:12px ui-monospace,Menlo,Consolas,monospace;fill:#111;pointer-events:none}"
    "rect{stroke:#fff;stroke-width:1}rect:hover{stroke:#000;stroke-width:2}"
)


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle."""

    x: float
    y: float
    width: float
    height: float


def squarified(sizes: Sequence[float], box: Box) -> list[Box]:
    """Where to put rectangles of these sizes, biggest first; they fill the box. O(n)."""
    total = sum(sizes)
    if total <= 0 or box.width <= 0 or box.height <= 0:
        return [Box(box.x, box.y, 0.0, 0.0) for _ in sizes]
    areas = [size * box.width * box.height / total for size in sizes]
    placed: list[Box] = []
    x, y, width, height = box.x, box.y, box.width, box.height
    start = 0
    while start < len(areas):
        side = min(width, height)
        end, row = start + 1, areas[start]
        while end < len(areas) and _worst(areas[start], areas[end], row + areas[end], side) <= (
            _worst(areas[start], areas[end - 1], row, side)
        ):
            row += areas[end]
            end += 1
        # The last row takes what is left, whatever rounding says.
        thickness = row / side if side > 0 else 0.0
        along = 0.0
        for area in areas[start:end]:
            length = area / thickness if thickness > 0 else 0.0
            if width >= height:
                placed.append(Box(x, y + along, thickness, length))
            else:
                placed.append(Box(x + along, y, length, thickness))
            along += length
        if width >= height:
            x, width = x + thickness, max(width - thickness, 0.0)
        else:
            y, height = y + thickness, max(height - thickness, 0.0)
        start = end
    return placed


def _worst(biggest: float, smallest: float, row: float, side: float) -> float:
    """How far from a square the worst rectangle of a row is."""
    if smallest <= 0 or row <= 0 or side <= 0:
        return float("inf")
    square = side * side
    return max(square * biggest / (row * row), row * row / (square * smallest))


@dataclass(frozen=True, slots=True)
class _Cell:
    name: str
    tally: Tally
    node: Node | None = None


def _cells(node: Node) -> list[_Cell]:
    """What a rectangle holds, biggest first."""
    children = node.sorted()
    cells = [_Cell(shown(child.name), child.total, child) for child in children[:_CHILDREN_MAX]]
    rest = Tally()
    for tally in (*(child.total for child in children[_CHILDREN_MAX:]), node.merged):
        rest.add(tally.keys, tally.elements, tally.size)
    cells += [cell for cell in (_Cell("…", rest), _Cell("(keys)", node.own)) if cell.tally.size > 0]
    return sorted(cells, key=lambda cell: -cell.tally.size)


def svg_image(told: Told) -> str:
    """The treemap alone."""
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{_svg(told)}\n'


def _svg(told: Told) -> str:
    root = told.summary.tree.root
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH:.0f} {HEIGHT:.0f}" '
        f'width="100%" role="img"><style>{_STYLE}</style>'
        f'<rect x="0" y="0" width="{WIDTH:.0f}" height="{HEIGHT:.0f}" fill="#eee"/>'
    ]
    # Databases are grey, so that the prefixes in them are told apart.
    level = -1 if told.summary.is_by_database else 0
    parts += _drawn(root, Box(0.0, 0.0, WIDTH, HEIGHT), root.total.size, "", level, None)
    return "\n".join([*parts, "</svg>"])


def _drawn(
    node: Node, box: Box, whole: float, path: str, level: int, hue: int | None
) -> Iterator[str]:
    cells = _cells(node)
    boxes = squarified([cell.tally.size for cell in cells], box)
    for at, (cell, place) in enumerate(zip(cells, boxes, strict=True)):
        # Less than half a pixel is seen by nobody.
        if place.width < 0.5 or place.height < 0.5:
            continue
        own_hue = _HUES[at % len(_HUES)] if hue is None else hue
        lightness = min(66 + 7 * level, 90) if cell.node else 92
        name = f"{path}{cell.name}" if cell.node else f"{path} {cell.name}".strip()
        fill = "#ccc" if level < 0 else f"hsl({own_hue},60%,{lightness}%)"
        share = cell.tally.size / whole if whole else 0.0
        about = (
            f"{name}\n{amount(cell.tally.size, 'bytes')}, {share:.1%}\n"
            f"{round(cell.tally.keys):,} keys"
        )
        yield (
            f'<rect x="{place.x:.1f}" y="{place.y:.1f}" width="{place.width:.1f}" '
            f'height="{place.height:.1f}" fill="{fill}">'
            f"<title>{escape(about)}</title></rect>"
        )
        if place.width >= _NAME_MIN and place.height >= _HEAD_HEIGHT - 4:
            label = f"{cell.name} {amount(cell.tally.size, 'bytes')}"
            yield _label(label, place)
        inside = Box(
            place.x + _GAP,
            place.y + _HEAD_HEIGHT,
            place.width - 2 * _GAP,
            place.height - _HEAD_HEIGHT - _GAP,
        )
        child = cell.node
        if child is None or not (child.children or child.merged.size):
            continue
        if min(inside.width, inside.height) >= _INSIDE_MIN:
            below = f"{name} " if level < 0 else name
            hue_below = None if level < 0 else own_hue
            yield from _drawn(child, inside, whole, below, level + 1, hue_below)


def _label(text: str, box: Box) -> str:
    room = int((box.width - 6) / _CHARACTER_WIDTH)
    fitting = text if len(text) <= room else f"{text[: max(room - 1, 0)]}…"
    return f'<text x="{box.x + 4:.1f}" y="{box.y + 13:.1f}">{escape(fitting)}</text>'


_PAGE_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:1240px;margin:2em auto;padding:0 1em;"
    "color:#111;background:#fff}h1{font-size:1.3em}h2{font-size:1.1em;margin-top:2em}"
    "table{border-collapse:collapse}td,th{padding:.15em .8em;text-align:right;"
    "border-bottom:1px solid #ddd}td:last-child,th:last-child{text-align:left;"
    "font-family:ui-monospace,Menlo,Consolas,monospace;overflow-wrap:anywhere}"
)


def html_page(told: Told) -> str:
    """A page with the treemap and the tables."""
    summary, total = told.summary, told.summary.total
    server = server_name(told.info)
    title = f"Memory of {told.name}" + (f" ({server})" if server else "")
    about = "about " if summary.is_sample else ""
    parts = [
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f"<title>{escape(title)}</title><style>{_PAGE_STYLE}</style></head><body>",
        f"<h1>{escape(title)}</h1>",
        f"<p>{round(total.keys):,} keys, {about}{amount(total.size, 'bytes')}</p>",
        *(f"<p>{escape(text)}</p>" for text in sentences(told)),
        _svg(told),
    ]
    if facts := head(told.info):
        rows = [
            [name, str(value) if isinstance(value, float) else amount(value, "bytes"), remark]
            for name, value, remark in facts
        ]
        parts.append(_table("The server", ["", "", ""], rows))
    rows = []
    for kind, encoding, tally, elements in kind_rows(summary):
        per = f"{tally.size / elements:,.1f} B" if elements else "–"
        count = "–" if elements is None else f"{round(elements):,}"
        each = f"{tally.size / tally.keys:,.1f} B"
        size = amount(tally.size, "bytes")
        rows.append([size, f"{round(tally.keys):,}", each, count, per, f"{kind} {encoding}"])
    names = ["memory", "keys", "per key", "elements", "per element", "type"]
    parts.append(_table("By type and encoding", names, rows))
    rows = [
        [
            amount(big.size, "bytes"),
            f"{big.kind} {big.encoding}",
            f"db{big.database}",
            "–" if big.elements is None else f"{big.elements:,}",
            shown(big.key),
        ]
        for big in sorted(summary.biggest, reverse=True)
    ]
    parts.append(_table("Biggest keys", ["memory", "type", "", "elements", "key"], rows))
    return "\n".join([*parts, "</body></html>"]) + "\n"


def _table(title: str, names: list[str], rows: list[list[str]]) -> str:
    lines = [f"<h2>{escape(title)}</h2><table>"]
    if any(names):
        lines.append(f"<tr>{''.join(f'<th>{escape(name)}</th>' for name in names)}</tr>")
    lines += [f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows]
    return "\n".join([*lines, "</table>"])
