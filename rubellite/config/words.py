r"""Words of a configuration line: splitting with quotes and escapes, and quoting back.

The grammar is that of redis.conf. Words stand between blanks; "…" knows \n \r \t \b
\a \xHH and takes any other character after a backslash as itself; '…' knows only \'.
A closing quote must end its word.

Text is `str`; bytes that are no UTF-8 travel as surrogates (`os.fsdecode`), so that a
password of any bytes comes back unchanged.
"""

from __future__ import annotations

BLANKS = " \t\r\n\v\f\0"
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "a": "\a"}
_UNESCAPES = {
    ord("\\"): "\\\\",
    ord('"'): '\\"',
    **{ord(value): f"\\{letter}" for letter, value in _ESCAPES.items()},
}
_HEX = "0123456789abcdefABCDEF"


class QuoteError(Exception):
    """A quote is not closed, or something follows a closing quote."""


def split(line: str) -> list[str]:
    """The words of a line."""
    if '"' not in line and "'" not in line:
        # Nearly every line; an escape means nothing outside quotes.
        return line.replace("\0", " ").split()
    words: list[str] = []
    at = 0
    while True:
        while at < len(line) and line[at] in BLANKS:
            at += 1
        if at == len(line):
            return words
        word, at = _word(line, at)
        words.append(word)


def _word(line: str, at: int) -> tuple[str, int]:
    parts: list[str] = []
    while at < len(line) and line[at] not in BLANKS:
        if line[at] in "\"'":
            part, at = _double(line, at + 1) if line[at] == '"' else _single(line, at + 1)
            parts.append(part)
            if at < len(line) and line[at] not in BLANKS:
                raise QuoteError
            break
        parts.append(line[at])
        at += 1
    return "".join(parts), at


def _double(line: str, at: int) -> tuple[str, int]:
    # Bytes, because \xHH is one byte of what may be a longer character.
    text = bytearray()
    while at < len(line):
        character = line[at]
        if character == '"':
            return text.decode("utf-8", "surrogateescape"), at + 1
        if character == "\\" and at + 1 < len(line):
            pair = line[at + 2 : at + 4]
            if line[at + 1] == "x" and len(pair) == 2 and pair[0] in _HEX and pair[1] in _HEX:
                text.append(int(pair, 16))
                at += 4
                continue
            character = _ESCAPES.get(line[at + 1], line[at + 1])
            at += 1
        text += character.encode("utf-8", "surrogateescape")
        at += 1
    raise QuoteError


def _single(line: str, at: int) -> tuple[str, int]:
    parts: list[str] = []
    while at < len(line):
        if line.startswith("\\'", at):
            at += 1
        elif line[at] == "'":
            return "".join(parts), at + 1
        parts.append(line[at])
        at += 1
    raise QuoteError


def quote(text: str) -> str:
    """`text` in double quotes, printable ASCII only; `split` gives it back."""
    return '"' + "".join(map(_quoted, text.encode("utf-8", "surrogateescape"))) + '"'


def _quoted(byte: int) -> str:
    if byte in _UNESCAPES:
        return _UNESCAPES[byte]
    return chr(byte) if 32 <= byte < 127 else f"\\x{byte:02x}"
