"""CLIENT TRACKING and its kin: which clients are told when keys change that they hold copies of."""

from __future__ import annotations

from typing import Any

from rubellite._core import Arguments, Call, Members
from rubellite.engine.replies import OK, Reply
from rubellite.errors import (
    CACHING_NOT_OPTIN,
    CACHING_NOT_OPTOUT,
    CACHING_WITHOUT_TRACKING,
    NOT_INTEGER,
    PREFIX_OVERLAPS_EXISTING,
    PREFIX_OVERLAPS_PROVIDED,
    PREFIX_WITHOUT_BROADCAST,
    REDIRECT_TO_NOBODY,
    REDIRECT_TWICE,
    SYNTAX,
    TRACKING_BOTH_OPTS,
    TRACKING_BROADCAST_OPTS,
    TRACKING_SWITCH_BROADCAST,
    TRACKING_SWITCH_OPTS,
    text_of,
)
from rubellite.server.words import integer
from rubellite.spec.command import command
from rubellite.spec.flags import ALLOW_BUSY, LOADING, NOSCRIPT, STALE

_ANY_TIME = NOSCRIPT | LOADING | STALE
_EVEN_BUSY = _ANY_TIME | ALLOW_BUSY
_MODES = {b"BCAST": "bcast", b"OPTIN": "optin", b"OPTOUT": "optout"}


class _Options:
    """The options of CLIENT TRACKING as they were given."""

    def __init__(self, call: Call, words: Arguments) -> None:
        self.modes: set[str] = set()
        self.skips_own = False
        self.redirect: int | None = None
        self.prefixes: list[bytes] = []
        at = 1
        while at < len(words):
            word = words[at].upper()
            has_value = at + 1 < len(words)
            if word in _MODES:
                self.modes.add(_MODES[word])
            elif word == b"NOLOOP":
                self.skips_own = True
            elif word == b"REDIRECT" and has_value:
                at += 1
                self._redirect(call, words[at])
            elif word == b"PREFIX" and has_value:
                at += 1
                self.prefixes.append(words[at])
            else:
                raise SYNTAX
            at += 1

    def _redirect(self, call: Call, value: bytes) -> None:
        if self.redirect is not None:
            raise REDIRECT_TWICE
        number = integer(value)
        if number is None:
            raise NOT_INTEGER
        if number < 1 or call.session(number) is None:
            raise REDIRECT_TO_NOBODY
        self.redirect = number

    def check(self, now: dict[str, Any]) -> None:
        """Whether a client that is tracked as `now` says can be tracked so.

        Errors: PREFIX_WITHOUT_BROADCAST, TRACKING_SWITCH_BROADCAST, TRACKING_BROADCAST_OPTS,
        TRACKING_BOTH_OPTS, TRACKING_SWITCH_OPTS, PREFIX_OVERLAPS_EXISTING,
        PREFIX_OVERLAPS_PROVIDED.
        """
        is_broadcast, mode = "bcast" in self.modes, now["tracking_mode"]
        if self.prefixes and not is_broadcast:
            raise PREFIX_WITHOUT_BROADCAST
        if mode is not None and is_broadcast != (mode == "bcast"):
            raise TRACKING_SWITCH_BROADCAST
        if is_broadcast and len(self.modes) > 1:
            raise TRACKING_BROADCAST_OPTS
        if len(self.modes) > 1:
            raise TRACKING_BOTH_OPTS
        if {mode, *self.modes} >= {"optin", "optout"}:
            raise TRACKING_SWITCH_OPTS
        self._check_prefixes(now["tracking_prefixes"])

    def _check_prefixes(self, existing: list[bytes]) -> None:
        for at, prefix in enumerate(self.prefixes):
            for other in existing:
                if _overlap(prefix, other):
                    raise PREFIX_OVERLAPS_EXISTING(text_of(prefix), text_of(other))
            for other in self.prefixes[at + 1 :]:
                if _overlap(prefix, other):
                    raise PREFIX_OVERLAPS_PROVIDED(text_of(prefix), text_of(other))


def _overlap(one: bytes, other: bytes) -> bool:
    return one.startswith(other) or other.startswith(one)


@command(
    "CLIENT TRACKING <ON|OFF> [REDIRECT client-id] [PREFIX prefix [PREFIX prefix ...]] [BCAST] "
    "[OPTIN] [OPTOUT] [NOLOOP]",
    _ANY_TIME,
    since="6.0.0",
    cost="O(1). Some options may introduce additional complexity.",
    takes_rest=True,
    arity=-3,
)
def client_tracking(call: Call, words: Arguments) -> Reply:
    """Tell the client of changes to keys that it has read, or to all with its prefixes.

    Errors: SYNTAX, NOT_INTEGER, REDIRECT_TWICE, REDIRECT_TO_NOBODY, PREFIX_WITHOUT_BROADCAST,
    TRACKING_SWITCH_BROADCAST, TRACKING_BROADCAST_OPTS, TRACKING_BOTH_OPTS,
    TRACKING_SWITCH_OPTS, PREFIX_OVERLAPS_EXISTING, PREFIX_OVERLAPS_PROVIDED.
    """
    options = _Options(call, words)
    switch = words[0].upper()
    if switch == b"OFF":
        call.stop_tracking()
    elif switch == b"ON":
        now = call.session()
        options.check(now)
        mode = options.modes.pop() if options.modes else "all"
        prefixes = options.prefixes
        if mode == "bcast":
            # Without a prefix all keys begin with it; what was listened to stays.
            prefixes = sorted({*now["tracking_prefixes"], *(prefixes or [b""])})
        call.track(mode, options.skips_own, options.redirect, prefixes)
    else:
        raise SYNTAX
    return OK


@command("CLIENT CACHING <YES|NO>", _EVEN_BUSY, since="6.0.0", takes_rest=True, arity=3)
def client_caching(call: Call, words: Arguments) -> Reply:
    """Choose whether the next command's keys are tracked.

    Errors: CACHING_WITHOUT_TRACKING, CACHING_NOT_OPTIN, CACHING_NOT_OPTOUT, SYNTAX.
    """
    mode = call.session()["tracking_mode"]
    if mode is None:
        raise CACHING_WITHOUT_TRACKING
    word = words[0].upper()
    if word == b"YES":
        if mode != "optin":
            raise CACHING_NOT_OPTIN
    elif word == b"NO":
        if mode != "optout":
            raise CACHING_NOT_OPTOUT
    else:
        raise SYNTAX
    call.set_session("is_tracking_exception", True)
    return OK


@command("CLIENT GETREDIR", _EVEN_BUSY, since="6.0.0")
def client_getredir(call: Call) -> Reply:
    """Return who gets this connection's tracking messages; -1 without tracking, 0: itself."""
    redirect: int = call.session()["tracking_redirect"]
    return redirect


@command("CLIENT TRACKINGINFO", _ANY_TIME, since="6.2.0")
def client_trackinginfo(call: Call) -> Reply:
    """Describe how this connection's keys are tracked."""
    now = call.session()
    mode = now["tracking_mode"]
    flags = ["off" if mode is None else "on"]
    if mode in _MODES.values():
        flags.append(mode)
    if now["is_tracking_exception"] and mode in ("optin", "optout"):
        flags.append("caching-yes" if mode == "optin" else "caching-no")
    if now["tracking_skips_own"]:
        flags.append("noloop")
    if now["is_redirect_broken"]:
        flags.append("broken_redirect")
    return {
        "flags": Members(flags),
        "redirect": now["tracking_redirect"],
        "prefixes": now["tracking_prefixes"],
    }
