r"""A line as words, split as redis-cli splits it.

    set key "two words\n"      in double quotes: \n \r \t \b \a \xHH, \" and \\
    set key 'two "words"'      in single quotes: \' alone

A closing quote ends its word: a space or the end must follow.
"""

from __future__ import annotations

from dataclasses import dataclass

_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "a": "\a"}
_SPACES = " \n\r\t\v\f\0"
_HEX = frozenset("0123456789abcdefABCDEF")


@dataclass(frozen=True, slots=True)
class Word:
    """A word and where it stands."""

    value: bytes
    start: int
    end: int
    is_quoted: bool = False
    #: False: its quote is not closed, or something follows the closing one.
    is_whole: bool = True


def split(line: str) -> list[Word]:
    """The words of a line; the last may not be whole. O(N)."""
    words: list[Word] = []
    at = 0
    while at < len(line):
        if line[at] in _SPACES:
            at += 1
            continue
        word = _word(line, at)
        words.append(word)
        at = word.end
        if not word.is_whole:
            break
    return words


def _word(line: str, start: int) -> Word:
    parts: list[bytes] = []
    at, quote, is_quoted = start, "", False
    while at < len(line):
        char = line[at]
        if quote:
            if char == "\\" and quote == '"' and at + 1 < len(line):
                pair = line[at + 2 : at + 4]
                if line[at + 1] == "x" and len(pair) == 2 and _HEX.issuperset(pair):
                    parts.append(bytes([int(pair, 16)]))
                    at += 4
                    continue
                at += 1
                parts.append(_encoded(_ESCAPES.get(line[at], line[at])))
            elif char == "\\" and quote == "'" and line[at + 1 : at + 2] == "'":
                at += 1
                parts.append(b"'")
            elif char == quote:
                is_whole = at + 1 == len(line) or line[at + 1] in _SPACES
                return Word(b"".join(parts), start, at + 1, True, is_whole)
            else:
                parts.append(_encoded(char))
        elif char in _SPACES:
            break
        elif char in "\"'":
            quote, is_quoted = char, True
        else:
            parts.append(_encoded(char))
        at += 1
    return Word(b"".join(parts), start, at, is_quoted, not quote)


def _encoded(char: str) -> bytes:
    return char.encode("utf-8", "surrogateescape")


def is_open(text: str) -> bool:
    """Whether the text ends inside quotes."""
    words = split(text)
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
    words = split(line)
    if words and not words[-1].is_whole:
        return None
    return [word.value for word in words]
