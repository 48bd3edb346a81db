"""Whether words can be read as a syntax says.

Options that follow each other may come in any order, as the servers take them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from rubellite.spec.notation import Node

_INTEGER = re.compile(rb"[+-]?\d+")


def matches(nodes: Sequence[Node], words: Sequence[bytes]) -> bool:
    """Whether all words, and nothing less, are what the nodes describe."""
    return len(words) in _ends(nodes, words, {0})


def _ends(nodes: Sequence[Node], words: Sequence[bytes], starts: set[int]) -> set[int]:
    """Where reading the nodes one after the other can end."""
    position = 0
    while position < len(nodes) and starts:
        run = position
        while run < len(nodes) and nodes[run].optional:
            run += 1
        if run > position:
            starts = _any_order(nodes[position:run], words, starts)
            position = run
        else:
            starts = _node(nodes[position], words, starts)
            position += 1
    return starts


def _any_order(options: Sequence[Node], words: Sequence[bytes], starts: set[int]) -> set[int]:
    """Where reading some of the options, each once, can end."""
    found = set(starts)
    for index, option in enumerate(options):
        after = _node(option, words, starts) - starts
        if after:
            others = [*options[:index], *options[index + 1 :]]
            found |= _any_order(others, words, after)
    return found


def _node(node: Node, words: Sequence[bytes], starts: set[int]) -> set[int]:
    ends = _once(node, words, starts)
    if node.repeated:
        new = ends
        while new := _once(node, words, new) - ends:
            ends |= new
    return ends


def _once(node: Node, words: Sequence[bytes], starts: set[int]) -> set[int]:
    if node.kind == "sequence":
        return _ends(node.children, words, starts)
    if node.kind == "choice":
        return {end for child in node.children for end in _node(child, words, starts)}
    return {start + 1 for start in starts if start < len(words) and _is(node, words[start])}


def _is(node: Node, word: bytes) -> bool:
    if node.kind == "word":
        return word.upper() == node.name.strip('"').encode()
    if node.type in ("integer", "unix-time"):
        return _INTEGER.fullmatch(word) is not None
    if node.type == "double":
        try:
            float(word)
        except ValueError:
            return False
    return True
