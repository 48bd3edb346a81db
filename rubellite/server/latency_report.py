"""What LATENCY GRAPH and LATENCY DOCTOR make of the samples of latency events."""

from __future__ import annotations

from collections.abc import Sequence

from rubellite.record import Record

#: (seconds since 1970, milliseconds), the oldest first.
Samples = Sequence[tuple[int, int]]

_ROWS = 4
#: The top of a column, by how far it reaches into its row; below it stands the last.
_TOPS, _SHAFT = "_o#", "|"
_COLUMNS_MAX = 80


class Event(Record, frozen=True):
    """One kind of event, such as `command`, with its newest samples."""

    name: str
    longest_ms: int
    sum_ms: int
    count: int
    samples: Samples

    @property
    def latest(self) -> tuple[int, int]:
        return self.samples[-1]


# The graph


def graph(event: Event, now_seconds: int) -> str:
    """Columns of milliseconds over time, with each one's age below."""
    values = [ms for _, ms in event.samples]
    title = (
        f"{event.name} - high {max(values)} ms, low {min(values)} ms "
        f"(all time high {event.longest_ms} ms)\n"
    )
    labels = [_age(max(0, now_seconds - seconds)) for seconds, _ in event.samples]
    parts = [
        _columns(values[at : at + _COLUMNS_MAX], labels[at : at + _COLUMNS_MAX], values)
        for at in range(0, len(values), _COLUMNS_MAX)
    ]
    return title + "-" * _COLUMNS_MAX + "\n" + "\n".join(parts)


def _age(seconds: int) -> str:
    for unit, length in (("d", 86_400), ("h", 3600), ("m", 60)):
        if seconds >= length:
            return f"{seconds // length}{unit}"
    return f"{seconds}s"


def _columns(values: Sequence[int], labels: Sequence[str], scale: Sequence[int]) -> str:
    low, span = min(scale), max(scale) - min(scale)
    steps = _ROWS * len(_TOPS)
    heights = [min((value - low) * steps // span, steps - 1) if span else 0 for value in values]
    lines = ["".join(_piece(height, row) for height in heights) for row in reversed(range(_ROWS))]
    lines.append(" " * len(values))
    # Ages are read downwards.
    depth = max(map(len, labels))
    lines += ["".join(label.ljust(depth)[at] for label in labels) for at in range(depth)]
    return "".join(line + "\n" for line in lines)


def _piece(height: int, row: int) -> str:
    own, rest = divmod(height, len(_TOPS))
    if row == own:
        return _TOPS[rest]
    return _SHAFT if row < own else " "


# The doctor

_DISABLED = (
    "Latency monitoring is off, so there is nothing to judge by. Switch it on with "
    '"CONFIG SET latency-monitor-threshold <milliseconds>".\n'
)
_NOTHING = "No event took longer than {threshold} ms since monitoring began.\n"

_SLOW_DISK = (
    "The disk of the append-only file is slow. Keep other load off it, or use a faster one."
)
_LARGE_VALUES = (
    "Removing one key took long: it is very large, and many such were waiting to be freed. Split "
    "very large values."
)

#: What helps, by the kind of event.
_ADVICE = {
    "command": (
        "Look at the slow log (SLOWLOG GET) for the commands that take so long.",
        "Deleting, expiring or evicting is done in the background; reading or changing a whole "
        "large value is not. Split very large values, and use SCAN instead of KEYS.",
    ),
    "fast-command": (
        "Commands that should be fast were slow: the process did not get the processor. Look "
        "for other busy programs, swapping, and a virtual machine that lacks processor time.",
    ),
    "expire-cycle": ("Many keys expire at the same moment. Spread their times to live.",),
    "expire-del": (_LARGE_VALUES,),
    "eviction-cycle": (
        "Memory is at maxmemory and keys are evicted in large numbers. Raise maxmemory, or "
        "write less at once.",
    ),
    "eviction-del": (_LARGE_VALUES,),
    "active-defrag-cycle": (
        "Defragmentation takes too long at a time. Lower active-defrag-cycle-max.",
    ),
    "aof-fsync-always": (
        "The disk is slow, and every write waits for it (appendfsync always). Use "
        "appendfsync everysec, or a faster disk.",
    ),
    "aof-write": (_SLOW_DISK,),
    "aof-write-alone": (_SLOW_DISK,),
    "aof-write-pending-fsync": (
        "The append-only file was written while an fsync of it went on, and had to wait. The "
        "disk cannot keep up with what is written: use a faster one, or write less.",
    ),
    "aof-write-active-child": (
        "The append-only file was written while a snapshot or rewrite was, and had to wait. Keep "
        "other load off that disk, or let auto-aof-rewrite-percentage begin rewrites less often.",
    ),
    "aof-rename": (_SLOW_DISK,),
    "rdb-unlink-temp-file": (
        "Giving up a snapshot took long: its unfinished file had to go first. Large files are "
        "slow to remove on some file systems; use another, such as XFS.",
    ),
}
_OTHERWISE = ("Look at what the server did then: LATENCY HISTORY {name} has the times.",)


def doctor(events: Sequence[Event], threshold_ms: int, now_seconds: int) -> str:
    """What was slow, and what to do."""
    if threshold_ms == 0:
        return _DISABLED
    if not events:
        return _NOTHING.format(threshold=threshold_ms)
    lines = ["Latency spikes are observed in this Rubellite instance.", ""]
    advice: dict[str, None] = {}
    for number, event in enumerate(events, 1):
        lines.append(f"{number}. {_findings(event, now_seconds)}")
        for text in _ADVICE.get(event.name, _OTHERWISE):
            advice[text.format(name=event.name)] = None
    lines += ["", "Here is some advice for you:", ""]
    lines += [f"- {text}" for text in advice]
    return "".join(line + "\n" for line in lines)


def _findings(event: Event, now_seconds: int) -> str:
    values = [ms for _, ms in event.samples]
    average = sum(values) // len(values)
    deviation = sum(abs(average - value) for value in values) // len(values)
    period = (now_seconds - event.samples[0][0]) / len(values)
    return (
        f"{event.name}: {len(values)} latency spikes (average {average}ms, mean deviation "
        f"{deviation}ms, period {period:.2f} sec). Worst all time event {event.longest_ms}ms."
    )
