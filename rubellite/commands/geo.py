"""Geo: sorted sets whose scores are geohashes of 52 bits, so that near members are neighbours."""

from __future__ import annotations

from typing import Final

from rubellite._core import NULL_ARRAY, Arguments, Call, SortedSet
from rubellite.engine.events import SORTED_SET
from rubellite.engine.lengths import unit_m
from rubellite.engine.replies import Reply
from rubellite.errors import SYNTAX
from rubellite.spec.command import command
from rubellite.spec.flags import DENYOOM, READ, WRITE

# Conditions of the core's `add_scored`.
NX: Final = 1
XX: Final = 2


@command(
    "GEOADD key:RW,update [NX|XX] [CH] longitude latitude member [longitude latitude member ...]",
    WRITE | DENYOOM,
    since="3.2.0",
    cost="O(log(N)) for each item added, where N is the number of elements in the sorted set.",
    history=(("6.2.0", "Added the `CH`, `NX` and `XX` options."),),
    takes_rest=True,
)
def geoadd(call: Call, key: bytes, words: Arguments) -> Reply:
    """Give members places; count those that are new, with CH also those that moved.

    Errors: SYNTAX, NOT_FLOAT, INVALID_PLACE, WRONG_TYPE.
    """
    conditions = first = 0
    counts_changes = False
    options: list[bytes] = []
    while first < len(words) and (word := words[first].upper()) in (b"NX", b"XX", b"CH"):
        conditions |= NX if word == b"NX" else XX if word == b"XX" else 0
        counts_changes |= word == b"CH"
        options.append(word)
        first += 1
    if (len(words) - first) % 3 or first == len(words) or conditions == NX | XX:
        raise SYNTAX
    pairs = call.geohashed(words, first)
    added, changed = call.add_scored(key, pairs, 0, conditions)
    if added or changed:
        call.propagate((b"ZADD", key, *options, *pairs))
        call.notify(SORTED_SET, "zadd", key)
    return added + changed if counts_changes else added


@command(
    "GEODIST key:RO,access member1 member2 [M|KM|FT|MI]",
    READ,
    since="3.2.0",
    takes_rest=True,
)
def geodist(call: Call, key: bytes, member1: bytes, member2: bytes, words: Arguments) -> Reply:
    """Return the distance between two members; null if one is missing.

    Errors: UNIT, SYNTAX, WRONG_TYPE.
    """
    if len(words) > 1:
        raise SYNTAX
    meters = unit_m(words[0]) if words else 1.0
    found = call.read(key, SortedSet)
    distance_m = None if found is None else found.distance_m(member1, member2)
    return None if distance_m is None else b"%.4f" % (distance_m / meters)


@command(
    "GEOHASH key:RO,access [member ...]",
    READ,
    since="3.2.0",
    cost="O(1) for each member requested.",
)
def geohash(call: Call, key: bytes, members: Arguments) -> Reply:
    """Return the places of members as geohash texts; null for each that is missing.

    Errors: WRONG_TYPE.
    """
    found = call.read(key, SortedSet)
    return [None] * len(members) if found is None else found.geohashes(members)


@command(
    "GEOPOS key:RO,access [member ...]",
    READ,
    since="3.2.0",
    cost="O(1) for each member requested.",
)
def geopos(call: Call, key: bytes, members: Arguments) -> Reply:
    """Return the longitudes and latitudes of members; null for each that is missing.

    Errors: WRONG_TYPE.
    """
    found = call.read(key, SortedSet)
    return [NULL_ARRAY] * len(members) if found is None else found.reply_positions(members)
