"""Glob patterns over parameter names, as CONFIG GET takes them."""

from __future__ import annotations


def is_pattern(text: str) -> bool:
    """Whether `text` is more than a name."""
    return any(character in text for character in "*?[")


def matches(pattern: str, name: str) -> bool:
    r"""Redis's glob, ignoring case: * ? [abc] [^a-c] and \ before a character."""
    return _compiled(pattern.lower()).fullmatch(name) is not None


def _compiled(pattern: str) -> re.Pattern[str]:
    import re

    parts = []
    at = 0
    while at < len(pattern):
        character = pattern[at]
        at += 1
        if character == "*":
            parts.append(".*")
        elif character == "?":
            parts.append(".")
        elif character == "[":
            part, at = _group(pattern, at)
            parts.append(part)
        else:
            if character == "\\" and at < len(pattern):
                character = pattern[at]
                at += 1
            parts.append(re.escape(character))
    return re.compile("".join(parts), re.DOTALL)


def _group(pattern: str, at: int) -> tuple[str, int]:
    import re

    is_negated = pattern.startswith("^", at)
    at += is_negated
    parts = []
    while at < len(pattern) and pattern[at] != "]":
        if pattern[at] == "\\" and at + 1 < len(pattern):
            at += 1
            parts.append(re.escape(pattern[at]))
        elif pattern[at + 1 : at + 2] == "-" and at + 2 < len(pattern):
            low, high = sorted((pattern[at], pattern[at + 2]))
            parts.append(f"{re.escape(low)}-{re.escape(high)}")
            at += 2
        else:
            parts.append(re.escape(pattern[at]))
        at += 1
    if not parts:
        # An empty group matches no character, and its negation any.
        return ("." if is_negated else "(?!)"), at + 1
    return f"[{'^' if is_negated else ''}{''.join(parts)}]", at + 1


TYPE_CHECKING = False
if TYPE_CHECKING:
    import re
