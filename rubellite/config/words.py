r"""A line as words, as redis.conf and redis-cli split it; and quoting back.

    set key "two words\n"      in double quotes: \n \r \t \b \a \xHH, and any other
                               character after a backslash as itself
    set key 'two "words"'      in single quotes: \' alone

Words stand between blanks. A closing quote ends its word: a blank or the end must follow.

Text is `str`; bytes that are no UTF-8 travel as surrogates (`os.fsdecode`), so that a
password of any bytes comes back unchanged.
"""

from __future__ import annotations

import re

from rubellite.record import Record

BLANKS = " \t\r\n\v\f\0"
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "a": "\a"}
_UNESCAPES = {
    ord("\\"): "\\\\",
    ord('"'): '\\"',
    **{ord(value): f"\\{letter}" for letter, value in _ESCAPES.items()},
}
_HEX = frozenset("0123456789abcdefABCDEF")
#: A word without quotes; `str.split` knows more blanks than the servers do.
_PLAIN = re.compile(f"[^{BLANKS}]+")


class QuoteError(Exception):
    """A quote is not closed, or something follows a closing quote."""


class Word(Record, frozen=True):
    """A word and where it stands."""

    value: bytes
    start: int
    end: int
    is_quoted: bool = False
    #: False: its quote is not closed, or something follows the closing one.
    is_whole: bool = True


def places(line: str) -> list[Word]:
    """The words of a line with their places; the last may not be whole. O(N)."""
    words: list[Word] = []
    at = 0
    while at < len(line):
        if line[at] in BLANKS:
            at += 1
            continue
        word = _word(line, at)
        words.append(word)
        at = word.end
        if not word.is_whole:
            break
    return words


def _word(line: str, start: int) -> Word:
    # Bytes, because \xHH is one byte of what may be a longer character.
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
                is_whole = at + 1 == len(line) or line[at + 1] in BLANKS
                return Word(b"".join(parts), start, at + 1, True, is_whole)
            else:
                parts.append(_encoded(char))
        elif char in BLANKS:
            break
        elif char in "\"'":
            quote, is_quoted = char, True
        else:
            parts.append(_encoded(char))
        at += 1
    return Word(b"".join(parts), start, at, is_quoted, not quote)


def _encoded(char: str) -> bytes:
    return char.encode("utf-8", "surrogateescape")


def values(line: str) -> list[bytes]:
    """The words of a line. O(N). Fails with `QuoteError`."""
    words = places(line)
    if words and not words[-1].is_whole:
        raise QuoteError
    return [word.value for word in words]


def split(line: str) -> list[str]:
    """The words of a line as text. O(N). Fails with `QuoteError`."""
    if '"' not in line and "'" not in line:
        # Nearly every line of a file; an escape means nothing outside quotes.
        return _PLAIN.findall(line)
    return [value.decode("utf-8", "surrogateescape") for value in values(line)]


def quote(text: str) -> str:
    """`text` in double quotes, printable ASCII only; `split` gives it back."""
    return '"' + "".join(map(_quoted, text.encode("utf-8", "surrogateescape"))) + '"'


def _quoted(byte: int) -> str:
    if byte in _UNESCAPES:
        return _UNESCAPES[byte]
    return chr(byte) if 32 <= byte < 127 else f"\\x{byte:02x}"
