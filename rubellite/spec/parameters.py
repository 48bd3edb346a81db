"""Compiles a syntax and its handler's parameters into the core's parsing table.

The core is handed plain tuples:

    ("value", kind)                       one argument
    ("optional", kind)                    one argument or None
    ("choice", [word, …])                 one of several words
    ("rest", stride, least)               all that is left
    ("counted", stride, error)            numkeys, then that many groups
    ("options", [(shape, [(word, [kind, …]), …]), …])

where kind is ("bytes",), ("integer", least, most, error), ("float", error) or
("cursor",).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, NewType, get_args, get_origin, get_type_hints

from rubellite.record import Record
from rubellite.spec.notation import Node, NotationError, Syntax

Kind = tuple[Any, ...]
Element = tuple[Any, ...]

I64_MIN, I64_MAX = -(2**63), 2**63 - 1

#: A SCAN cursor: an unsigned 64-bit number.
Cursor = NewType("Cursor", int)
#: Bytes that may be big: the handler gets `bytes`, or a `Blob` that is passed on uncopied.
Payload = NewType("Payload", bytes)
#: The word chosen of an option, with its values if it has any.
Option = str | tuple[Any, ...] | None


class Range(Record, frozen=True):
    """Bounds of an integer parameter and the error for what is outside."""

    least: int = I64_MIN
    most: int = I64_MAX
    error: str = "NOT_INTEGER"


class Numkeys(Record, frozen=True):
    """On an `Arguments` parameter: the error for a count that is not positive."""

    error: str = "NUMKEYS_NOT_POSITIVE"


def _kind_of_annotation(annotation: Any) -> Kind | None:
    """How an argument is converted for a parameter annotated so; None: by the notation."""
    for_range = Range()
    if get_origin(annotation) is Annotated:
        annotation, *metadata = get_args(annotation)
        for_range = next((item for item in metadata if isinstance(item, Range)), for_range)
    members = [member for member in get_args(annotation) if member is not type(None)]
    if len(members) == 1:
        return _kind_of_annotation(members[0])
    if annotation is Cursor:
        return ("cursor",)
    if annotation is str:
        raise NotationError("a parameter is str, but clients send bytes: annotate and decode bytes")
    if annotation is Payload:
        return ("payload",)
    if annotation is bytes:
        return ("bytes",)
    if annotation is int:
        return ("integer", for_range.least, for_range.most, for_range.error)
    if annotation is float:
        return ("float", "NOT_FLOAT")
    return None


def _kind_of_node(node: Node) -> Kind:
    if node.type in ("integer", "unix-time"):
        return ("integer", I64_MIN, I64_MAX, "NOT_INTEGER")
    if node.type == "double":
        return ("float", "NOT_FLOAT")
    return ("bytes",)


def _alternative(node: Node, kind: Kind | None) -> tuple[str, list[Kind]]:
    parts = node.children if node.kind == "sequence" else [node]
    if parts[0].kind != "word":
        raise NotationError(f"an option must begin with a word, not {parts[0].name!r}")
    kinds = [_kind_of_node(part) for part in parts[1:]]
    if kind is not None and len(kinds) == 1:
        kinds = [kind]
    return parts[0].name, kinds


def _group(node: Node, annotation: Any) -> tuple[str, list[tuple[str, list[Kind]]]]:
    nodes = node.children if node.kind == "choice" else [node]
    if annotation is bool:
        shape = "flag"
    elif len(nodes) == 1 and len(nodes[0].children) == 2:
        shape = "value"
    else:
        shape = "tagged"
    kind = _kind_of_annotation(annotation) if shape == "value" else None
    return shape, [_alternative(alternative, kind) for alternative in nodes]


def _flattened(nodes: list[Node]) -> list[Node]:
    """`[protover [AUTH …] [SETNAME …]]` parses like `[protover] [AUTH …] [SETNAME …]`."""
    flat: list[Node] = []
    for node in nodes:
        is_nested = (
            node.optional
            and not node.repeated
            and node.kind == "sequence"
            and node.children[0].kind == "value"
        )
        if is_nested:
            first, *others = node.children
            flat.append(Node(first.kind, first.name, first.access, first.type, optional=True))
            flat.extend(_flattened(others))
        else:
            flat.append(node)
    return flat


#: What the annotations of our own handlers mean, by module and text.
_MEANINGS: dict[tuple[str, str], Any] = {}


def _hints(handler: Callable[..., Any]) -> dict[str, Any]:
    """The parameters behind the first one, with their annotations.

    Our own handlers are plain functions whose annotations are texts, a few of them again
    and again: what works for every callable takes most of the time to open a store.
    """
    if handler.__module__.partition(".")[0] != "rubellite":
        import inspect

        known = get_type_hints(handler, include_extras=True)
        return {name: known.get(name) for name in [*inspect.signature(handler).parameters][1:]}
    code = handler.__code__
    annotations = handler.__annotations__
    hints = {}
    for name in code.co_varnames[1 : code.co_argcount]:
        where = handler.__module__, annotations[name]
        if where not in _MEANINGS:
            _MEANINGS[where] = eval(where[1], handler.__globals__)
        hints[name] = _MEANINGS[where]
    return hints


def compile_parameters(
    syntax: Syntax, handler: Callable[..., Any], *, takes_rest: bool = False
) -> list[Element]:
    """The parsing table of `handler`, whose parameters must match the syntax.

    With `takes_rest` the last parameter gets all arguments that the earlier ones
    left, unparsed.
    """
    where = f"{handler.__module__}.{handler.__qualname__}: {syntax.text!r}"
    try:
        hints = _hints(handler)
    except NameError as problem:
        raise NotationError(f"{where}: an annotation that is not known: {problem}") from None
    names = [*hints]
    elements: list[Element] = []
    options: list[Any] = []
    remaining = list(names)

    def parameter(node: Node) -> Any:
        if not remaining:
            raise NotationError(f"{where}: no parameter for {node.name or node.kind!r}")
        name = remaining.pop(0)
        expected = node.name.replace("-", "_").lower()
        if node.kind == "value" and not node.repeated and name.rstrip("_") != expected:
            raise NotationError(f"{where}: parameter {name!r} where the syntax says {node.name!r}")
        return hints.get(name)

    nodes = _flattened(syntax.nodes)
    position = 0
    while position < len(nodes):
        node = nodes[position]
        position += 1
        if takes_rest and len(remaining) == 1:
            break
        if node.name == "numkeys":
            group = nodes[position]
            position += 1
            stride = len(group.children) or 1
            annotation = parameter(group)
            metadata = get_args(annotation)[1:]
            counted = next((item for item in metadata if isinstance(item, Numkeys)), Numkeys())
            elements.append(("counted", stride, counted.error))
        elif node.repeated and not _begins_with_word(node):
            parameter(node)
            elements.append(("rest", len(node.children) or 1, 0 if node.optional else 1))
        elif node.kind == "value":
            annotation = parameter(node)
            kind = _kind_of_annotation(annotation) or _kind_of_node(node)
            elements.append(("optional" if node.optional else "value", kind))
        elif node.optional:
            options.append(_group(node, parameter(node)))
        else:
            parameter(node)
            choices = node.children if node.kind == "choice" else [node]
            elements.append(("choice", [choice.name for choice in choices]))
    if options:
        elements.append(("options", options))
    if takes_rest:
        if len(remaining) != 1:
            raise NotationError(f"{where}: takes_rest needs one last parameter")
        elements.append(("rest", 1, 0))
    elif remaining:
        raise NotationError(f"{where}: parameters {remaining} are not in the syntax")
    return elements


def _begins_with_word(node: Node) -> bool:
    first = node.children[0] if node.kind == "sequence" else node
    return first.kind == "word"
