"""What is added up: a tree of prefixes of bounded size, types with encodings, the biggest keys."""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterator
from dataclasses import dataclass, field

#: Prefixes that are kept at once; of more, the smallest are merged into their parents' rest.
PREFIXES_MAX = 20_000


@dataclass(slots=True)
class Tally:
    """Keys, elements and bytes of a group; fractions where a sample stands for more."""

    keys: float = 0.0
    elements: float = 0.0
    size: float = 0.0

    def add(self, keys: float, elements: float, size: float) -> None:
        self.keys += keys
        self.elements += elements
        self.size += size


@dataclass(slots=True)
class Node:
    """A prefix: all keys below it, and of them those that are in no child."""

    name: bytes
    total: Tally = field(default_factory=Tally)
    #: Keys that end here.
    own: Tally = field(default_factory=Tally)
    #: What was merged, because there were too many prefixes.
    merged: Tally = field(default_factory=Tally)
    children: dict[bytes, Node] = field(default_factory=dict)

    def sorted(self) -> list[Node]:
        """The children, biggest first."""
        return sorted(self.children.values(), key=lambda node: (-node.total.size, node.name))


class Tree:
    """Prefixes by bytes, split at `separator`, down to `depth`.

    Memory is bounded: with more than `prefixes_max` the smaller half of the lowest ones is
    merged, so what a small prefix is said to take may be too little; sums stay right.
    Cost of `add`: O(depth), amortised.
    """

    def __init__(self, separator: bytes, depth: int, prefixes_max: int = PREFIXES_MAX) -> None:
        self.root = Node(b"")
        self.merged_prefixes = 0
        self._separator, self._depth = separator, depth
        self._prefixes_max = prefixes_max
        self._count = 0

    def add(self, key: bytes, weight: float, elements: float, size: float, above: bytes) -> None:
        """Counts a key; `above` is what the whole database is put under, if anything."""
        parts = key.split(self._separator, self._depth)[:-1]
        names = [part + self._separator for part in parts]
        if above:
            names.insert(0, above)
        node = self.root
        node.total.add(weight, elements, size)
        for name in names:
            child = node.children.get(name)
            if child is None:
                child = node.children[name] = Node(name)
                self._count += 1
            node = child
            node.total.add(weight, elements, size)
        node.own.add(weight, elements, size)
        if self._count > self._prefixes_max:
            self._merge()

    def _merge(self) -> None:
        """Merges the lowest prefixes, smallest first, until half as many are left."""
        while self._count > self._prefixes_max // 2:
            lowest = [
                (child.total.size, parent, child)
                for parent, child in self._pairs(self.root)
                if not child.children
            ]
            lowest.sort(key=lambda item: item[0])
            for _, parent, child in lowest[: max(1, self._count - self._prefixes_max // 2)]:
                total = child.total
                parent.merged.add(total.keys, total.elements, total.size)
                del parent.children[child.name]
                self._count -= 1
                self.merged_prefixes += 1

    def _pairs(self, node: Node) -> Iterator[tuple[Node, Node]]:
        for child in node.children.values():
            yield node, child
            yield from self._pairs(child)


@dataclass(frozen=True, slots=True, order=True)
class Big:
    """One of the biggest keys."""

    size: int
    database: int
    key: bytes
    kind: str
    encoding: str
    #: None: nobody can tell.
    elements: int | None = field(compare=False)


class Summary:
    """All that is told of a target's keys."""

    def __init__(self, separator: bytes, depth: int, top: int) -> None:
        self.tree = Tree(separator, depth)
        self.kinds: dict[tuple[str, str], Tally] = {}
        #: Groups of which nobody can tell how many elements they have.
        self.uncounted: set[tuple[str, str]] = set()
        self.biggest: list[Big] = []
        #: Keys that were weighed, and those that the servers have.
        self.weighed = self.there = 0
        self.is_sample = False
        #: The highest level of the tree are databases.
        self.is_by_database = False
        self._top = top
        #: Of each database: keys that were weighed, weight, sum and sum of squares.
        self._spread: dict[int, list[float]] = {}

    @property
    def total(self) -> Tally:
        """All keys."""
        return self.tree.root.total

    def add(self, big: Big, weight: float, above: bytes) -> None:
        """Counts a key that stands for `weight` keys."""
        self.weighed += 1
        elements = (big.elements or 0) * weight
        size = big.size * weight
        self.tree.add(big.key, weight, elements, size, above)
        kind = (big.kind, big.encoding)
        self.kinds.setdefault(kind, Tally()).add(weight, elements, size)
        if big.elements is None:
            self.uncounted.add(kind)
        spread = self._spread.setdefault(big.database, [0.0, weight, 0.0, 0.0])
        spread[0] += 1
        spread[2] += big.size
        spread[3] += big.size * big.size
        if len(self.biggest) < self._top:
            heapq.heappush(self.biggest, big)
        elif self._top:
            heapq.heappushpop(self.biggest, big)

    @property
    def margin_bytes(self) -> float | None:
        """How far the sum may be off, in 95 of 100 samples; None of a single key."""
        variance = 0.0
        for count, weight, total, squares in self._spread.values():
            if weight <= 1:
                continue
            if count < 2:
                return None
            of_one = max(squares - total * total / count, 0.0) / (count - 1)
            # Of a sum over all keys, when a share of them was looked at.
            variance += of_one * count * weight * weight * (1 - 1 / weight)
        return 1.96 * math.sqrt(variance)
