"""Commands in what is typed or read: where one ends, and its words as `config.words` has them."""

from __future__ import annotations

from rubellite.config.words import QuoteError, places, values


def is_open(text: str) -> bool:
    """Whether the text ends inside quotes."""
    words = places(text)
    return bool(words) and not words[-1].is_whole and words[-1].end == len(text)


def commands(text: str) -> list[str]:
    """The commands of a text of several lines: line ends inside quotes belong to a word."""
    found: list[str] = []
    gathered = ""
    for line in text.split("\n"):
        gathered = f"{gathered}\n{line}" if gathered else line
        if is_open(gathered):
            continue
        if gathered.strip():
            found.append(gathered)
        gathered = ""
    if gathered.strip():
        found.append(gathered)
    return found


def arguments(line: str) -> list[bytes] | None:
    """The words of a command; None: a quote is not closed, or closed too early."""
    try:
        return values(line)
    except QuoteError:
        return None
