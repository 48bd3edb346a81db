"""Where a command's keys stand, and what it does to them (COMMAND INFO's key specs)."""

from __future__ import annotations

from rubellite.record import Record
from rubellite.spec import flags as flag
from rubellite.spec.notation import Node, NotationError, Syntax

#: What a command does to a key, in the order in which Redis says it.
ACCESS_FLAGS = ("RO RW OW RM access update insert delete not_key incomplete variable_flags").split()


class KeySpec(Record, frozen=True):
    """One rule for finding keys.

    search: `index` (at `index`), `keyword` (after the word `keyword`, from argument
    `index` on) or `unknown` (with a `keyword`: after it, where it is an option and no
    value of another: SORT's STORE). find: `range` (`last`, `step`, `limit`, relative to what
    was found) or `keynum` (count at `keynum`, first key at `first`, `step`).
    """

    flags: tuple[str, ...]
    search: str = "index"
    index: int = 0
    keyword: str = ""
    find: str = "range"
    last: int = 0
    step: int = 1
    limit: int = 0
    keynum: int = 0
    first: int = 0
    notes: str = ""


def _access(node: Node, flags: int) -> tuple[str, ...]:
    if node.access:
        return tuple(node.access.split(","))
    return ("RW", "update") if flags & flag.WRITE else ("RO", "access")


def derive_keys(syntax: Syntax, flags: int) -> list[KeySpec]:
    """Key specs from the notation; positions are counted from the command's first word."""
    specs: list[KeySpec] = []
    at = len(syntax.words)
    nodes = syntax.nodes
    for position, node in enumerate(nodes):
        if node.is_key and not node.repeated:
            specs.append(KeySpec(_access(node, flags), index=at))
        elif node.repeated and not node.optional:
            parts = node.children or [node]
            key = next((offset for offset, part in enumerate(parts) if part.is_key), None)
            if key is not None:
                access = _access(parts[key], flags)
                if position and nodes[position - 1].name == "numkeys":
                    specs.append(
                        KeySpec(access, index=at - 1, find="keynum", first=1 + key, step=len(parts))
                    )
                elif all(behind.kind == "value" for behind in nodes[position + 1 :]):
                    # BLPOP has its timeout behind its keys.
                    last = position - len(nodes)
                    specs.append(KeySpec(access, index=at + key, last=last, step=len(parts)))
                else:
                    raise NotationError(f"{syntax.text!r}: keys must be last, or counted")
            return _merged(specs)
        if node.optional:
            specs.extend(_in_option(node, flags, at))
            continue
        at += node.least()
    return _merged(specs)


def _in_option(node: Node, flags: int, at: int) -> list[KeySpec]:
    """`[STORE destination]`: the key after a word."""
    found = []
    for choice in node.children if node.kind == "choice" else [node]:
        parts = choice.children
        if len(parts) == 2 and parts[0].kind == "word" and parts[1].is_key:
            access = _access(parts[1], flags)
            found.append(KeySpec(access, search="keyword", keyword=parts[0].name, index=at))
    return found


def _merged(specs: list[KeySpec]) -> list[KeySpec]:
    """Neighbouring keys with the same access are one range, as Redis lists them."""
    merged: list[KeySpec] = []
    for spec in specs:
        last = merged[-1] if merged else None
        if (
            last is not None
            and last.flags == spec.flags
            and last.search == spec.search == "index"
            and last.find == spec.find == "range"
            and last.step == spec.step == 1
            and spec.last == 0
            and last.index + last.last + 1 == spec.index
        ):
            merged[-1] = KeySpec(last.flags, index=last.index, last=last.last + 1)
        else:
            merged.append(spec)
    return merged
