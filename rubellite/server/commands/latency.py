"""LATENCY: when the server was slow, at what, and how long commands take."""

from __future__ import annotations

from rubellite._core import Arguments, Call, Verbatim
from rubellite.engine.replies import Reply
from rubellite.errors import NO_LATENCY_SAMPLES, text_of
from rubellite.server import state
from rubellite.server.latency_report import Event, doctor, graph
from rubellite.spec.command import command, container
from rubellite.spec.flags import ADMIN, LOADING, NOSCRIPT, STALE

_FLAGS = ADMIN | NOSCRIPT | LOADING | STALE
_TIPS = ("nondeterministic_output", "request_policy:all_nodes", "response_policy:special")

container("LATENCY", "A container for latency diagnostics commands", since="2.8.13")


def _events(call: Call) -> list[Event]:
    return [Event(*facts) for facts in call.latency_events()]


@command("LATENCY LATEST", _FLAGS, since="2.8.13", tips=_TIPS)
def latency_latest(call: Call) -> Reply:
    """Return each event's name, latest time and milliseconds, longest, sum and count."""
    return [
        [event.name, *event.latest, event.longest_ms, event.sum_ms, event.count]
        for event in _events(call)
    ]


@command("LATENCY HISTORY event", _FLAGS, since="2.8.13", tips=_TIPS)
def latency_history(call: Call, event: bytes) -> Reply:
    """Return an event's samples: time and milliseconds."""
    name = text_of(event)
    found = next((one for one in _events(call) if one.name == name), None)
    return [list(sample) for sample in found.samples] if found else []


@command("LATENCY GRAPH event", _FLAGS, since="2.8.13", tips=_TIPS)
def latency_graph(call: Call, event: bytes) -> Reply:
    """Draw an event's samples.

    Errors: NO_LATENCY_SAMPLES.
    """
    name = text_of(event)
    for found in _events(call):
        if found.name == name:
            text = graph(found, call.now_ms // 1000)
            return Verbatim(text.encode("utf-8", "surrogateescape"))
    raise NO_LATENCY_SAMPLES(name)


@command(
    "LATENCY RESET [event ...]",
    _FLAGS,
    since="2.8.13",
    tips=("request_policy:all_nodes", "response_policy:agg_sum"),
)
def latency_reset(call: Call, events: Arguments) -> Reply:
    """Forget the samples of these events, or of all; return of how many."""
    return call.reset_latency_events([text_of(event) for event in events])


@command("LATENCY DOCTOR", _FLAGS, since="2.8.13", tips=_TIPS)
def latency_doctor(call: Call) -> Reply:
    """Say in words what was slow, and what to do."""
    threshold_ms = state.of(call).config.integer("latency-monitor-threshold")
    return Verbatim(doctor(_events(call), threshold_ms, call.now_ms // 1000).encode())


@command(
    "LATENCY HISTOGRAM [command ...]",
    _FLAGS,
    since="7.0.0",
    cost="O(N) where N is the number of commands with latency information being retrieved.",
    tips=_TIPS,
)
def latency_histogram(call: Call, commands: Arguments) -> Reply:
    """Return how many calls took at most how many microseconds, for all or these commands."""
    found = {
        name: {"calls": calls, "histogram_usec": dict(counts)}
        for name, calls, counts in call.command_histograms()
    }
    if not len(commands):
        return found
    chosen: dict[str, Reply] = {}
    for wanted in commands:
        name = text_of(wanted).lower()
        # A container stands for all its subcommands.
        matching = [one for one in found if one == name or one.startswith(f"{name}|")]
        chosen.update((one, found[one]) for one in matching)
    return chosen
