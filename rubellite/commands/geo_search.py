"""Geo: who is in a circle, a box or a polygon."""

from __future__ import annotations

from typing import Final, Literal

from rubellite._core import Area, Arguments, Call, SortedSet, parse_double
from rubellite.engine.events import SORTED_SET
from rubellite.engine.lengths import unit_m
from rubellite.engine.replies import Reply
from rubellite.errors import (
    ANY_NEEDS_COUNT,
    BOX_HEIGHT,
    BOX_NEGATIVE,
    BOX_WIDTH,
    CENTER_NEEDED,
    GEO_COUNT,
    INVALID_PLACE,
    MEMBER_MISSING,
    NOT_FLOAT,
    POLYGON_CORNERS,
    POLYGON_NUMBER,
    RADIUS_NEGATIVE,
    RADIUS_NOT_NUMBER,
    SHAPE_NEEDED,
    STORE_WITHOUT_DETAILS,
    SYNTAX,
    ReplyError,
    text_of,
)
from rubellite.record import Record
from rubellite.spec.command import command
from rubellite.spec.flags import DENYOOM, READ, WRITE
from rubellite.spec.keys import KeySpec
from rubellite.spec.parameters import I64_MAX

_LONGITUDE_MAX: Final = 180.0
_LATITUDE_MAX: Final = 85.05112878
_INT32_MAX: Final = 2**31 - 1

_RADIUS_COST: Final = (
    "O(N+log(M)) where N is the number of elements inside the bounding box of the circular area "
    "delimited by center and radius and M is the number of items inside the index."
)
_SEARCH_COST: Final = (
    "O(N+log(M)) where N is the number of elements in the grid-aligned bounding box area around "
    "the shape provided as the filter and M is the number of items inside the shape"
)
_RADIUS_HISTORY: Final = (
    ("6.2.0", "Added the `ANY` option for `COUNT`."),
    ("7.0.0", "Added support for uppercase unit names."),
)
_SEARCH_HISTORY: Final = (
    ("7.0.0", "Added support for uppercase unit names."),
    ("9.0.0", "Added support for the BYPOLYGON option."),
)

_Place = tuple[float, float]


class _Search(Record):
    """What a search is told."""

    center: _Place | None = None
    shape: Literal["", "circle", "box", "polygon"] = ""
    radius_m: float = 0.0
    width_m: float = 0.0
    height_m: float = 0.0
    corners: list[_Place] | None = None
    unit_m: float = 1.0
    order: Literal["", "ASC", "DESC"] = ""
    count: int = 0
    any: bool = False
    with_distance: bool = False
    with_hash: bool = False
    with_place: bool = False
    destination: bytes | None = None
    stores_distance: bool = False

    def area(self) -> Area:
        if self.corners is not None:
            return Area.polygon(self.corners)
        longitude, latitude = self.center or (0.0, 0.0)
        if self.shape == "box":
            return Area.rectangle(longitude, latitude, self.width_m, self.height_m)
        return Area.circle(longitude, latitude, self.radius_m)


def _double(text: bytes, error: type[ReplyError]) -> float:
    """`error` for what is no number."""
    number = parse_double(text)
    if number is None:
        raise error
    return number


def _place(longitude: bytes, latitude: bytes) -> _Place:
    """Errors: NOT_FLOAT, INVALID_PLACE."""
    place = _double(longitude, NOT_FLOAT), _double(latitude, NOT_FLOAT)
    if abs(place[0]) > _LONGITUDE_MAX or abs(place[1]) > _LATITUDE_MAX:
        raise INVALID_PLACE(f"{place[0]:.6f},{place[1]:.6f}")
    return place


def _radius(search: _Search, radius: bytes, unit: bytes) -> None:
    """Errors: RADIUS_NOT_NUMBER, RADIUS_NEGATIVE, UNIT."""
    number = _double(radius, RADIUS_NOT_NUMBER)
    if number < 0:
        raise RADIUS_NEGATIVE
    search.unit_m = unit_m(unit)
    search.radius_m = number * search.unit_m
    search.shape = "circle"


def _box(search: _Search, width: bytes, height: bytes, unit: bytes) -> None:
    """Errors: BOX_WIDTH, BOX_HEIGHT, BOX_NEGATIVE, UNIT."""
    numbers = _double(width, BOX_WIDTH), _double(height, BOX_HEIGHT)
    if min(numbers) < 0:
        raise BOX_NEGATIVE
    search.unit_m = unit_m(unit)
    search.width_m, search.height_m = (number * search.unit_m for number in numbers)
    search.shape = "box"


def _polygon(search: _Search, words: Arguments, at: int) -> int:
    """Reads `num-vertices longitude latitude ...`; returns where it ends.

    Errors: POLYGON_NUMBER, POLYGON_CORNERS, NOT_FLOAT, INVALID_PLACE.
    """
    try:
        count = words.integer(at)
    except ReplyError:
        raise POLYGON_NUMBER from None
    if abs(count) > _INT32_MAX:
        raise POLYGON_NUMBER
    if count < 3 or len(words) - at - 1 < 2 * count:
        raise POLYGON_CORNERS
    places = range(at + 1, at + 1 + 2 * count, 2)
    search.corners = [_place(words[place], words[place + 1]) for place in places]
    search.shape = "polygon"
    return at + 1 + 2 * count


def _center_on(search: _Search, found: SortedSet | None, member: bytes) -> None:
    """Errors: MEMBER_MISSING."""
    search.center = (0.0, 0.0)
    if found is not None:
        place = found.position(member)
        if place is None:
            raise MEMBER_MISSING(text_of(member))
        search.center = place


def _options(search: _Search, words: Arguments, found: SortedSet | None, kind: str) -> None:
    """Reads options. `kind`: "radius" (with STORE), "radius_ro", "search" or "store".

    Errors: SYNTAX, NOT_INTEGER, GEO_COUNT and those of shapes and places.
    """
    at, given = 0, len(words)
    from_member = from_place = False
    is_search = kind in ("search", "store")
    while at < given:
        word = words[at].upper()
        left = given - at - 1
        at += 1
        if word == b"WITHDIST":
            search.with_distance = True
        elif word == b"WITHHASH":
            search.with_hash = True
        elif word == b"WITHCOORD":
            search.with_place = True
        elif word == b"ANY":
            search.any = True
        elif word == b"ASC":
            search.order = "ASC"
        elif word == b"DESC":
            search.order = "DESC"
        elif word == b"COUNT" and left >= 1:
            search.count = words.integer(at)
            if search.count <= 0:
                raise GEO_COUNT
            at += 1
        elif kind == "radius" and word in (b"STORE", b"STOREDIST") and left >= 1:
            search.destination = words[at]
            search.stores_distance = word == b"STOREDIST"
            at += 1
        elif kind == "store" and word == b"STOREDIST":
            search.stores_distance = True
        elif not is_search:
            raise SYNTAX
        elif word == b"FROMMEMBER" and left >= 1 and not from_place and search.corners is None:
            _center_on(search, found, words[at])
            from_member = True
            at += 1
        elif word == b"FROMLONLAT" and left >= 2 and not from_member and search.corners is None:
            search.center = _place(words[at], words[at + 1])
            from_place = True
            at += 2
        elif word == b"BYRADIUS" and left >= 2 and search.shape in ("", "circle"):
            _radius(search, words[at], words[at + 1])
            at += 2
        elif word == b"BYBOX" and left >= 3 and search.shape in ("", "box"):
            _box(search, words[at], words[at + 1], words[at + 2])
            at += 3
        elif (
            word == b"BYPOLYGON"
            and left >= 1
            and search.shape in ("", "polygon")
            and search.center is None
        ):
            at = _polygon(search, words, at)
        else:
            raise SYNTAX


def _run(call: Call, found: SortedSet | None, search: _Search, kind: str) -> Reply:
    """Errors: STORE_WITHOUT_DETAILS, CENTER_NEEDED, SHAPE_NEEDED, ANY_NEEDS_COUNT."""
    has_details = search.with_distance or search.with_hash or search.with_place
    if (search.destination is not None or kind == "store") and has_details:
        what = "GEOSEARCHSTORE" if kind == "store" else "STORE option in GEORADIUS"
        raise STORE_WITHOUT_DETAILS(what)
    if kind in ("search", "store"):
        name = call.command_name.upper()
        if search.center is None and search.corners is None:
            raise CENTER_NEEDED(name)
        if not search.shape:
            raise SHAPE_NEEDED(name)
    if search.any and not search.count:
        raise ANY_NEEDS_COUNT
    order = search.order
    if search.count and not order and not search.any:
        order = "ASC"
    most = search.count or I64_MAX
    if search.destination is None:
        if found is None:
            return []
        return found.reply_area(
            search.area(),
            order,
            most,
            search.any,
            search.unit_m,
            search.with_distance,
            search.with_hash,
            search.with_place,
        )
    if found is None:
        call.delete(search.destination)
        return 0
    unit = search.unit_m if search.stores_distance else None
    made = found.part_in_area(search.area(), order, most, search.any, unit)
    event = "geosearchstore" if kind == "store" else "georadiusstore"
    return call.store(search.destination, made, SORTED_SET, event)


_FROM_BY: Final = (
    "[FROMMEMBER member|FROMLONLAT longitude latitude] "
    "<BYRADIUS radius <M|KM|FT|MI>|BYBOX width:double height:double <M|KM|FT|MI>|"
    "BYPOLYGON num-vertices:integer longitude latitude [longitude latitude ...]> "
    "[ASC|DESC] [COUNT count [ANY]]"
)


def _search(call: Call, key: bytes, words: Arguments, destination: bytes | None) -> Reply:
    """GEOSEARCH and GEOSEARCHSTORE.

    Errors: WRONG_TYPE, SYNTAX, NOT_INTEGER, NOT_FLOAT, GEO_COUNT, INVALID_PLACE, MEMBER_MISSING,
    RADIUS_NOT_NUMBER, RADIUS_NEGATIVE, UNIT, BOX_WIDTH, BOX_HEIGHT, BOX_NEGATIVE, POLYGON_NUMBER,
    POLYGON_CORNERS, STORE_WITHOUT_DETAILS, CENTER_NEEDED, SHAPE_NEEDED, ANY_NEEDS_COUNT.
    """
    kind = "search" if destination is None else "store"
    found = call.read(key, SortedSet)
    search = _Search(destination=destination)
    _options(search, words, found, kind)
    return _run(call, found, search, kind)


@command(
    "GEOSEARCH key:RO,access " + _FROM_BY + " [WITHCOORD] [WITHDIST] [WITHHASH]",
    READ,
    since="6.2.0",
    arity=-7,
    cost=_SEARCH_COST,
    history=_SEARCH_HISTORY,
    takes_rest=True,
)
def geosearch(call: Call, key: bytes, words: Arguments) -> Reply:
    """Return the members in a circle, a box or a polygon.

    Errors: WRONG_TYPE, SYNTAX, NOT_INTEGER, NOT_FLOAT, GEO_COUNT, INVALID_PLACE, MEMBER_MISSING,
    RADIUS_NOT_NUMBER, RADIUS_NEGATIVE, UNIT, BOX_WIDTH, BOX_HEIGHT, BOX_NEGATIVE, POLYGON_NUMBER,
    POLYGON_CORNERS, CENTER_NEEDED, SHAPE_NEEDED, ANY_NEEDS_COUNT.
    """
    return _search(call, key, words, None)


@command(
    "GEOSEARCHSTORE destination:OW,update source:RO,access " + _FROM_BY + " [STOREDIST]",
    WRITE | DENYOOM,
    since="6.2.0",
    arity=-8,
    cost=_SEARCH_COST,
    history=_SEARCH_HISTORY,
    takes_rest=True,
)
def geosearchstore(call: Call, destination: bytes, source: bytes, words: Arguments) -> Reply:
    """Store what GEOSEARCH would return, with STOREDIST by distance; count it.

    Errors: WRONG_TYPE, SYNTAX, NOT_INTEGER, NOT_FLOAT, GEO_COUNT, INVALID_PLACE, MEMBER_MISSING,
    RADIUS_NOT_NUMBER, RADIUS_NEGATIVE, UNIT, BOX_WIDTH, BOX_HEIGHT, BOX_NEGATIVE, POLYGON_NUMBER,
    POLYGON_CORNERS, STORE_WITHOUT_DETAILS, CENTER_NEEDED, SHAPE_NEEDED, ANY_NEEDS_COUNT.
    """
    return _search(call, source, words, destination)


def _around_place(
    call: Call,
    key: bytes,
    longitude: bytes,
    latitude: bytes,
    radius: bytes,
    words: Arguments,
    kind: str,
) -> Reply:
    """GEORADIUS and its like; `words` begin with the unit.

    Errors: WRONG_TYPE, NOT_FLOAT, INVALID_PLACE, RADIUS_NOT_NUMBER, RADIUS_NEGATIVE, UNIT, SYNTAX,
    NOT_INTEGER, GEO_COUNT, STORE_WITHOUT_DETAILS, ANY_NEEDS_COUNT.
    """
    found = call.read(key, SortedSet)
    search = _Search(center=_place(longitude, latitude))
    _radius(search, radius, words[0])
    _options(search, words.after(1), found, kind)
    return _run(call, found, search, kind)


def _around_member(
    call: Call, key: bytes, member: bytes, radius: bytes, words: Arguments, kind: str
) -> Reply:
    """GEORADIUSBYMEMBER and its like; `words` begin with the unit.

    Errors: WRONG_TYPE, MEMBER_MISSING, RADIUS_NOT_NUMBER, RADIUS_NEGATIVE, UNIT, SYNTAX,
    NOT_INTEGER, GEO_COUNT, STORE_WITHOUT_DETAILS, ANY_NEEDS_COUNT.
    """
    found = call.read(key, SortedSet)
    search = _Search()
    _center_on(search, found, member)
    if found is not None:
        _radius(search, radius, words[0])
    _options(search, words.after(1), found, kind)
    return _run(call, found, search, kind)


def _keys_with_store(index: int) -> list[KeySpec]:
    """The key, and those behind STORE and STOREDIST from argument `index` on."""
    stored = ("OW", "update", "variable_flags")
    return [
        KeySpec(("RO", "access"), index=1),
        KeySpec(stored, search="keyword", index=index, keyword="STORE"),
        KeySpec(stored, search="keyword", index=index, keyword="STOREDIST"),
    ]


_DETAILS: Final = "[WITHCOORD] [WITHDIST] [WITHHASH] [COUNT count [ANY]] [ASC|DESC]"


@command(
    f"GEORADIUS key:RO,access longitude latitude radius <M|KM|FT|MI> {_DETAILS} "
    "[STORE key|STOREDIST key]",
    WRITE | DENYOOM,
    since="3.2.0",
    cost=_RADIUS_COST,
    history=_RADIUS_HISTORY,
    keys=_keys_with_store(6),
    takes_rest=True,
)
def georadius(
    call: Call, key: bytes, longitude: bytes, latitude: bytes, radius: bytes, words: Arguments
) -> Reply:
    """Return the members around a place, or store them.

    Errors: WRONG_TYPE, NOT_FLOAT, INVALID_PLACE, RADIUS_NOT_NUMBER, RADIUS_NEGATIVE, UNIT, SYNTAX,
    NOT_INTEGER, GEO_COUNT, STORE_WITHOUT_DETAILS, ANY_NEEDS_COUNT.
    """
    return _around_place(call, key, longitude, latitude, radius, words, "radius")


@command(
    f"GEORADIUS_RO key:RO,access longitude latitude radius <M|KM|FT|MI> {_DETAILS}",
    READ,
    since="3.2.10",
    cost=_RADIUS_COST,
    history=_RADIUS_HISTORY,
    takes_rest=True,
)
def georadius_ro(
    call: Call, key: bytes, longitude: bytes, latitude: bytes, radius: bytes, words: Arguments
) -> Reply:
    """Return the members around a place.

    Errors: WRONG_TYPE, NOT_FLOAT, INVALID_PLACE, RADIUS_NOT_NUMBER, RADIUS_NEGATIVE, UNIT, SYNTAX,
    NOT_INTEGER, GEO_COUNT, ANY_NEEDS_COUNT.
    """
    return _around_place(call, key, longitude, latitude, radius, words, "radius_ro")


@command(
    f"GEORADIUSBYMEMBER key:RO,access member radius <M|KM|FT|MI> {_DETAILS} "
    "[STORE key|STOREDIST key]",
    WRITE | DENYOOM,
    since="3.2.0",
    cost=_RADIUS_COST,
    history=_RADIUS_HISTORY,
    keys=_keys_with_store(5),
    takes_rest=True,
)
def georadiusbymember(
    call: Call, key: bytes, member: bytes, radius: bytes, words: Arguments
) -> Reply:
    """Return the members around a member, or store them.

    Errors: WRONG_TYPE, MEMBER_MISSING, RADIUS_NOT_NUMBER, RADIUS_NEGATIVE, UNIT, SYNTAX,
    NOT_INTEGER, GEO_COUNT, STORE_WITHOUT_DETAILS, ANY_NEEDS_COUNT.
    """
    return _around_member(call, key, member, radius, words, "radius")


@command(
    f"GEORADIUSBYMEMBER_RO key:RO,access member radius <M|KM|FT|MI> {_DETAILS}",
    READ,
    since="3.2.10",
    cost=_RADIUS_COST,
    history=_RADIUS_HISTORY,
    takes_rest=True,
)
def georadiusbymember_ro(
    call: Call, key: bytes, member: bytes, radius: bytes, words: Arguments
) -> Reply:
    """Return the members around a member.

    Errors: WRONG_TYPE, MEMBER_MISSING, RADIUS_NOT_NUMBER, RADIUS_NEGATIVE, UNIT, SYNTAX,
    NOT_INTEGER, GEO_COUNT, ANY_NEEDS_COUNT.
    """
    return _around_member(call, key, member, radius, words, "radius_ro")
