"""INFO, TIME, ROLE and LOLWUT: what the server says of itself."""

from __future__ import annotations

from rubellite._core import Arguments, Call, Verbatim
from rubellite.about import REDIS_VERSION
from rubellite.engine.replies import Reply
from rubellite.errors import NOT_INTEGER, text_of
from rubellite.server import info
from rubellite.server.gemstone import draw
from rubellite.spec.command import command
from rubellite.spec.flags import FAST, LOADING, NOSCRIPT, READ, STALE


@command(
    "INFO [section ...]",
    LOADING | STALE,
    since="1.0.0",
    categories=("@dangerous",),
    tips=(
        "nondeterministic_output",
        "request_policy:all_shards",
        "response_policy:special",
    ),
    history=(("7.0.0", "Added support for taking multiple section arguments."),),
)
def info_(call: Call, sections: Arguments) -> Reply:
    """Return what is known of the server, section by section."""
    return Verbatim(info.render(call, [text_of(section) for section in sections]))


@command("TIME", LOADING | STALE | FAST, since="2.6.0", tips=("nondeterministic_output",))
def time(call: Call) -> Reply:
    """Return the time: seconds since 1970, and microseconds of this second."""
    seconds, microseconds = divmod(call.now_us, 1_000_000)
    return [b"%d" % seconds, b"%d" % microseconds]


@command(
    "ROLE",
    NOSCRIPT | LOADING | STALE | FAST,
    since="2.8.12",
    categories=("@admin", "@dangerous"),
)
def role(call: Call) -> Reply:
    """Return the role in replication: primary, its offset and its replicas."""
    return [b"master", 0, []]


@command("LOLWUT [VERSION version]", READ | FAST, since="5.0.0", takes_rest=True)
def lolwut(call: Call, words: Arguments) -> Reply:
    """Draw a gem, and tell the version.

    Errors: NOT_INTEGER.
    """
    if len(words) > 1 and words[0].upper() == b"VERSION":
        # Other servers draw something else for each version; here a gem is a gem.
        try:
            int(words[1])
        except ValueError:
            raise NOT_INTEGER from None
    picture = draw(call.random_below)
    text = f"{picture}\nRubellite, a red tourmaline. Redis ver. {REDIS_VERSION}\n"
    return Verbatim(text.encode())
