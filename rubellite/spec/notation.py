"""Reads the notation of Redis's manual: `SET key value [NX|XX] [GET] [EX seconds|…]`.

    lower case      a value; `key:RW,update` adds its access, `value:integer` its type
    UPPER CASE      a word
    [ … ]           may be left out
    A|B             either; `<A|B>` where one of them must be given
    <A b c>         one group, for COMMAND DOCS
    [x ...]         again and again

Read once, at import. The tree that comes out is the one source of arity, key
positions, COMMAND DOCS and the table that the core parses arguments with.
"""

from __future__ import annotations

import re
from typing import Final

from rubellite.record import Record

_TOKEN: Final = re.compile(r"\.\.\.|…|[\[\]<>|]|[^\s\[\]<>|…]+")
#: Access or type after a value's name.
_DETAIL: Final = re.compile(r"(?<=[a-z0-9]):[A-Za-z_,]+")
#: What belongs together without being a choice.
_GROUPED: Final = re.compile(r"<([^<>|]*)>")

#: What a value can be.
TYPES: Final = frozenset("key string integer double pattern unix-time".split())
#: Values whose name says that they are whole numbers.
INTEGERS: Final = frozenset(
    "seconds milliseconds unix-time-seconds unix-time-milliseconds count numkeys increment "
    "decrement offset start stop end index timeout-milliseconds destination-db rank len "
    "min-match-len num-matches maxlen client-id bit cursor db index1 index2 protover version "
    "numfields min-idle-time slot numreplicas numlocal".split()
)
DOUBLES: Final = frozenset("score min-score max-score radius longitude latitude weight".split())


class NotationError(ValueError):
    """The notation does not hold together; a mistake in our own source."""


class Node(Record):
    """A part of a syntax.

    kind: `value`, `word`, `sequence` (children in order) or `choice` (one child).
    """

    kind: str
    name: str
    access: str
    type: str
    optional: bool
    repeated: bool
    children: list[Node]

    # Two thousand of them are made when a store opens, so by hand.
    def __init__(
        self,
        kind: str,
        name: str = "",
        access: str = "",
        type: str = "",
        optional: bool = False,
        repeated: bool = False,
        children: list[Node] | None = None,
    ) -> None:
        self.kind = kind
        self.name = name
        self.access = access
        self.type = type
        self.optional = optional
        self.repeated = repeated
        self.children = [] if children is None else children

    @property
    def is_key(self) -> bool:
        return self.kind == "value" and self.type == "key"

    def least(self) -> int:
        """How many arguments it takes at the least."""
        if self.optional:
            return 0
        if self.kind == "sequence":
            return sum(child.least() for child in self.children)
        if self.kind == "choice":
            return min(child.least() for child in self.children)
        return 1

    def is_exact(self) -> bool:
        """True when it always takes the same number of arguments."""
        if self.optional or self.repeated:
            return False
        if self.kind == "choice" and len({child.least() for child in self.children}) > 1:
            return False
        return all(child.is_exact() for child in self.children)


class Syntax(Record):
    """A whole syntax line: the words that name the command and its arguments."""

    text: str
    words: list[str]
    nodes: list[Node]

    @property
    def name(self) -> str:
        """`get`, `config|get`."""
        return "|".join(self.words).lower()

    def for_people(self) -> str:
        """The line without what only the machine needs: `key:RW` is `key`, `<A b>` is `A b`."""
        return _GROUPED.sub(r"\1", _DETAIL.sub("", self.text))

    @property
    def arity(self) -> int:
        least = len(self.words) + sum(node.least() for node in self.nodes)
        return least if all(node.is_exact() for node in self.nodes) else -least


def _value(text: str) -> Node:
    name, _, detail = text.partition(":")
    if detail and not detail[0].isupper():
        # A type, or part of the name: `offset:string`, `ip:port`.
        return (
            Node("value", name, type=detail)
            if detail in TYPES
            else Node("value", text, type="string")
        )
    node = Node("value", name)
    node.access = detail
    if detail or name in ("key", "destination", "source", "newkey", "key1", "key2"):
        node.type = "key"
    elif name in INTEGERS:
        node.type = "integer"
    elif name in DOUBLES:
        node.type = "double"
    elif name == "pattern":
        node.type = "pattern"
    else:
        node.type = "string"
    if node.type == "integer" and name.startswith("unix-time"):
        node.type = "unix-time"
    return node


class _Reader:
    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens: list[str] = _TOKEN.findall(text)
        self.at = 0

    def peek(self) -> str:
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def take(self) -> str:
        token = self.peek()
        self.at += 1
        return token

    def expect(self, token: str) -> None:
        if self.take() != token:
            raise NotationError(f"{self.text!r}: expected {token!r}")

    def sequence(self, closing: str) -> list[Node]:
        nodes: list[Node] = []
        while self.peek() not in (closing, "|", ""):
            nodes.append(self.item())
        return nodes

    def choice(self, closing: str) -> Node:
        branches = [self.sequence(closing)]
        while self.peek() == "|":
            self.take()
            branches.append(self.sequence(closing))
        if not all(branches):
            raise NotationError(f"{self.text!r}: nothing inside of a pair of brackets")
        nodes = [
            branch[0] if len(branch) == 1 else Node("sequence", children=branch)
            for branch in branches
        ]
        return nodes[0] if len(nodes) == 1 else Node("choice", children=nodes)

    def item(self) -> Node:
        token = self.take()
        if token == "<":
            node = self.choice(">")
            self.expect(">")
            return node
        if token == "[":
            node = self.choice("]")
            last = node.children[-1] if node.kind == "choice" else node
            if last is not node and last.kind == "sequence" and last.children[-1].kind == "more":
                # `[GET offset|SET offset value ...]`: any of them, again and again.
                last.children.pop()
                node.repeated = True
                if len(last.children) == 1:
                    node.children[-1] = last.children[0]
            elif node.kind == "sequence" and node.children[-1].kind == "more":
                node.children.pop()
                node.repeated = True
                if len(node.children) == 1:
                    node = node.children[0]
                    node.repeated = True
            self.expect("]")
            node.optional = True
            return node
        if token in ("...", "…"):
            return Node("more")
        if token in "]>":
            raise NotationError(f"{self.text!r}: {token!r} out of place")
        if token[0].isupper() or not token[0].isalpha():
            return Node("word", token)
        return _value(token)


def _same(one: Node, other: Node) -> bool:
    return (one.kind, one.name) == (other.kind, other.name) and len(one.children) == len(
        other.children
    )


def fold_repetition(nodes: list[Node]) -> list[Node]:
    """`key value [key value ...]` is one repeated node that is not optional."""
    folded: list[Node] = []
    for node in nodes:
        parts = node.children if node.kind == "sequence" else [node]
        before = folded[-len(parts) :] if node.repeated and node.optional else []
        if len(before) == len(parts) and all(map(_same, before, parts)):
            del folded[-len(parts) :]
            if len(parts) == 1:
                before[0].repeated = True
                folded.append(before[0])
            else:
                folded.append(Node("sequence", "data", children=before, repeated=True))
        else:
            folded.append(node)
    return folded


#: Its second word is an option that must be there, and no subcommand.
_ONE_WORD = ["XREADGROUP"]


def read(text: str) -> Syntax:
    """Reads a syntax line.

    >>> read("CONFIG GET parameter [parameter ...]").arity
    -3
    """
    reader = _Reader(text)
    nodes = reader.sequence("")
    if reader.peek():
        raise NotationError(f"{text!r}: {reader.peek()!r} out of place")
    words: list[str] = []
    while nodes and nodes[0].kind == "word" and len(words) < 2 and words != _ONE_WORD:
        words.append(nodes.pop(0).name)
    return Syntax(text, words, fold_repetition(nodes))
