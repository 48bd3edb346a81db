"""Records: classes of named values."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

from rubellite.record import Record, made


class Point(Record, frozen=True):
    """A place."""

    x: int
    y: int = 0
    notes: list[str] = made(factory=list)


def test_values_are_given_by_place_by_name_or_by_default():
    assert Point(1) == Point(1, 0) == Point(x=1, y=0, notes=[])
    assert Point(1, notes=["a"]).notes == ["a"]
    assert Point(1) != Point(2)
    assert Point(1) != (1, 0, [])


def test_a_default_that_is_made_is_each_records_own():
    one, other = Point(1), Point(1)
    one.notes.append("a")
    assert other.notes == []


@pytest.mark.parametrize(
    ("values", "named"), [((), {}), ((1, 2, [], 4), {}), ((1,), {"x": 2}), ((1,), {"z": 2})]
)
def test_missing_and_unknown_values_are_refused(values: tuple[Any, ...], named: dict[str, Any]):
    with pytest.raises(TypeError, match="Point: "):
        Point(*values, **named)


def test_a_record_can_be_shown_hashed_copied_and_pickled():
    point = Point(1, 2, ("a",))  # type: ignore[arg-type]
    assert repr(point) == "Point(x=1, y=2, notes=('a',))"
    assert hash(point) == hash(Point(1, 2, ("a",)))  # type: ignore[arg-type]
    assert point.replaced(y=3) == Point(1, 3, ("a",))  # type: ignore[arg-type]
    assert pickle.loads(pickle.dumps(point)) == point
    assert not hasattr(point, "__dict__")
