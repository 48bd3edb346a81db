"""INFO: which sections are wanted, and how they are written.

What a section says stands in `info_sections` and `info_statistics`. Parts of the
server that know better add to it:

    provide("persistence", lambda call: {"rdb_saves": saves})
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from rubellite._core import Call
from rubellite.record import Record
from rubellite.server.state import ServerState, of

#: Field and value in the order in which they are shown.
Fields = dict[str, Any]
Source = Callable[[Call], Mapping[str, Any]]

_SOURCES: dict[str, list[Source]] = {}


class Facts(Record):
    """What all sections draw from, gathered once."""

    call: Call
    statistics: dict[str, Any]
    state: ServerState


def provide(section: str, source: Source) -> None:
    """Lets `source` replace fields of a section, or add some at its end."""
    _SOURCES.setdefault(section, []).append(source)


def render(call: Call, wanted: Iterable[str]) -> bytes:
    """The text of the wanted sections, in the order in which they always come."""
    from rubellite.server import info_sections, info_statistics

    sections: dict[str, Callable[[Facts], Fields]] = {
        "Server": info_sections.server,
        "Clients": info_sections.clients,
        "Memory": info_sections.memory,
        "Persistence": info_sections.persistence,
        "Stats": info_statistics.stats,
        "Replication": info_sections.replication,
        "CPU": info_statistics.cpu,
        "Modules": info_sections.modules,
        "Commandstats": info_statistics.command_stats,
        "Errorstats": info_statistics.error_stats,
        "Latencystats": info_statistics.latency_stats,
        "Cluster": info_sections.cluster,
        "Keyspace": info_statistics.keyspace,
    }
    chosen = _chosen(wanted, [title.lower() for title in sections])
    facts = Facts(call, call.statistics(), of(call))
    parts = []
    for title, section in sections.items():
        name = title.lower()
        if name in chosen:
            fields = section(facts)
            for source in _SOURCES.get(name, ()):
                fields.update(source(call))
            lines = [f"# {title}", *(f"{field}:{value}" for field, value in fields.items())]
            parts.append("".join(line + "\r\n" for line in lines))
    return "\r\n".join(parts).encode("utf-8", "surrogateescape")


#: Sections that have to be asked for.
_UNASKED = ("commandstats", "latencystats")


def _chosen(wanted: Iterable[str], names: list[str]) -> set[str]:
    chosen: set[str] = set()
    words = [word.lower() for word in wanted] or ["default"]
    for word in words:
        if word in ("all", "everything"):
            chosen.update(names)
        elif word == "default":
            chosen.update(name for name in names if name not in _UNASKED)
        else:
            chosen.add(word)
    return chosen


def human(count: int) -> str:
    """A number of bytes for people: 991.14K."""
    if count < 1024:
        return f"{count}B"
    power = min((count.bit_length() - 1) // 10, 5)
    return f"{count / 1024**power:.2f}{'BKMGTP'[power]}"


def ratio(part: float, whole: float) -> str:
    """`part` in units of `whole`; 0.00 where there is no whole."""
    return f"{part / whole if whole else 0:.2f}"
