"""Records: classes of named values, much as `dataclasses` makes them.

    class Word(Record, frozen=True):
        value: bytes
        start: int = 0
        notes: list[str] = made(factory=list)

Importing `dataclasses` brings `inspect`, `ast` and `dis` along, and every class that it
makes is source text to compile: together a third of the time in which a store opened. So
what every process imports is made of these. Type checkers take them for dataclasses
(PEP 681), and see to what is `frozen`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Self, TypeVar, cast, dataclass_transform

T = TypeVar("T")


class _Made:
    """A default that every record gets one of its own of."""

    __slots__ = ("make",)

    def __init__(self, make: Callable[[], Any]) -> None:
        self.make = make


def made(*, factory: Callable[[], T]) -> T:
    """A default that is made anew for every record."""
    return cast("T", _Made(factory))


@dataclass_transform(field_specifiers=(made,))
class _RecordType(type):
    """Turns annotations into slots, and values behind them into defaults."""

    def __new__(
        cls, name: str, bases: tuple[type, ...], namespace: dict[str, Any], frozen: bool = False
    ) -> _RecordType:
        names = tuple(namespace.get("__annotations__", ()))
        if bases:
            defaults = {name: namespace.pop(name) for name in names if name in namespace}
            namespace |= {"__slots__": names, "_names": names, "_defaults": defaults}
        return super().__new__(cls, name, bases, namespace)


class Record(metaclass=_RecordType):
    """What all records can do: be made of values, by place or by name; compare; show."""

    __slots__ = ()
    _names: ClassVar[tuple[str, ...]] = ()
    _defaults: ClassVar[dict[str, Any]] = {}

    def __init__(self, *values: Any, **named: Any) -> None:
        names, defaults = self._names, self._defaults
        if len(values) > len(names):
            raise TypeError(f"{type(self).__name__}: more values than it has names")
        for name, value in zip(names, values, strict=False):
            setattr(self, name, value)
        for name in names[len(values) :]:
            if name in named:
                value = named.pop(name)
            elif name in defaults:
                value = defaults[name]
                value = value.make() if type(value) is _Made else value
            else:
                raise TypeError(f"{type(self).__name__}: {name} is missing")
            setattr(self, name, value)
        if named:
            raise TypeError(f"{type(self).__name__}: what is {', '.join(named)}?")

    def replaced(self, **named: Any) -> Self:
        """The same record with other values under these names."""
        values = {name: getattr(self, name) for name in self._names}
        return type(self)(**values | named)

    def _values(self) -> tuple[Any, ...]:
        return tuple(getattr(self, name) for name in self._names)

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return self._values() == other._values()

    def __hash__(self) -> int:
        return hash(self._values())

    def __repr__(self) -> str:
        shown = (f"{name}={getattr(self, name)!r}" for name in self._names)
        return f"{type(self).__name__}({', '.join(shown)})"
