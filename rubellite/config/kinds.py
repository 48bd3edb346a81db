"""The kinds of values a parameter can have: reading, showing and writing them back.

A kind knows three texts of a value: what people write (`read`), what CONFIG GET shows
(`show`) and what CONFIG REWRITE puts into the file (`lines`). It raises `RefusedError` for
text it cannot take, worded exactly as Redis words it, because clients see that part.

This module holds the plain kinds; those with a grammar of their own are in `special`.
"""

from __future__ import annotations

from rubellite.config.words import quote

INT64_MAX = 2**63 - 1
UINT64_MAX = 2**64 - 1
INT32_MAX = 2**31 - 1
UINT32_MAX = 2**32 - 1

# One thousand or 1024: `k` and `kb` differ in Redis, so they must here.
UNITS = {
    "": 1,
    "b": 1,
    "k": 1000,
    "kb": 1024,
    "m": 1000**2,
    "mb": 1024**2,
    "g": 1000**3,
    "gb": 1024**3,
}


class RefusedError(Exception):
    """A value cannot be taken. `reply` is Redis's wording, `advice` ours for people."""

    def __init__(self, reply: str, advice: str | None = None) -> None:
        super().__init__(reply)
        self.reply = reply
        self.advice = advice or reply


class Kind:
    """What all kinds share; a subclass gives `read`, or `read_words` if it takes many."""

    __slots__ = ()

    #: Takes any number of words; CONFIG SET's single text is then split at blanks.
    is_many = False
    #: CONFIG SET replaces the whole value, and lines of a file add to each other.
    accumulates = False

    def read(self, text: str) -> object:
        """The value that `text` stands for, or `RefusedError`."""
        return text

    def read_words(self, words: list[str], before: object) -> object:
        """The value of a line's words; `before` is what the parameter held."""
        if len(words) != 1:
            raise RefusedError("wrong number of arguments", f"takes one value, not {len(words)}")
        return self.read(words[0])

    def show(self, value: object) -> str:
        """The text CONFIG GET replies with."""
        return str(value)

    def written(self, value: object) -> str:
        """The text after the name in a rewritten file."""
        return self.show(value)

    def lines(self, value: object, default: object) -> list[tuple[str, bool]]:
        """Lines of a rewritten file, without the name, each with "write it even if the
        file has no such line yet"; none at all means that old lines go away.
        """
        return [(self.written(value), value != default)]


class Switch(Kind):
    """yes or no."""

    __slots__ = ()

    def read(self, text: str) -> bool:
        lowered = text.lower()
        if lowered not in ("yes", "no"):
            raise RefusedError("argument must be 'yes' or 'no'")
        return lowered == "yes"

    def show(self, value: object) -> str:
        return "yes" if value else "no"


class Integer(Kind):
    """A decimal integer within bounds; no sign but "-", no leading zeros."""

    __slots__ = ("maximum", "minimum")

    def __init__(self, minimum: int, maximum: int) -> None:
        self.minimum = minimum
        self.maximum = maximum

    def read(self, text: str) -> int:
        number = strict_integer(text)
        if number is None:
            raise RefusedError("argument couldn't be parsed into an integer", "not an integer")
        return self.within(number)

    def within(self, number: int) -> int:
        if not self.minimum <= number <= self.maximum:
            raise RefusedError(
                f"argument must be between {self.minimum} and {self.maximum} inclusive",
                f"must be between {self.minimum} and {self.maximum}",
            )
        return number


class Clamped(Integer):
    """An integer that is pulled into a narrower range instead of being refused."""

    __slots__ = ("highest", "lowest")

    def __init__(self, minimum: int, maximum: int, lowest: int, highest: int) -> None:
        super().__init__(minimum, maximum)
        self.lowest = lowest
        self.highest = highest

    def read(self, text: str) -> int:
        return max(self.lowest, min(self.highest, super().read(text)))


class Octal(Integer):
    """File permissions, such as 700."""

    __slots__ = ()

    def read(self, text: str) -> int:
        digits = text.removeprefix("-")
        is_octal = digits.strip("01234567") == "" and len(digits) <= 20
        number = int(digits or "0", 8) if is_octal else INT64_MAX
        if text.startswith("-") and number:
            number = -number if is_octal else INT64_MAX
        if number > 0o777:
            raise RefusedError(
                "argument couldn't be parsed as an octal number", "not like 700 or 0770"
            )
        if number < 0:
            raise RefusedError("argument must be between 0 and 777 inclusive")
        return number

    def show(self, value: object) -> str:
        return f"{value:o}" if isinstance(value, int) else ""


class Memory(Integer):
    """Bytes, with or without a unit. `may_be_percent` stores 5% as -5."""

    __slots__ = ("floor", "may_be_percent")

    def __init__(
        self,
        minimum: int = 0,
        maximum: int = INT64_MAX,
        *,
        may_be_percent: bool = False,
        floor: int = 0,
    ) -> None:
        super().__init__(minimum, maximum)
        self.may_be_percent = may_be_percent
        self.floor = floor

    def read(self, text: str) -> int:
        if self.may_be_percent and text.endswith("%"):
            return self._read_percent(text)
        reply = "argument must be a memory value"
        if self.may_be_percent:
            reply = "argument must be a memory or percent value"
        if self.minimum < 0 and text.startswith("-"):
            number = strict_integer(text)
            if number is None:
                raise RefusedError(reply)
            return self.within(number)
        return max(self.floor, self.within(read_bytes(text, reply)))

    def _read_percent(self, text: str) -> int:
        number = strict_integer(text[:-1])
        if number is None or number < 0 or text.startswith("-"):
            raise RefusedError("argument must be a memory or percent value")
        if number > 100:
            raise RefusedError("percentage argument must be less or equal to 100")
        return -number

    def show(self, value: object) -> str:
        if self.may_be_percent and isinstance(value, int) and value < 0:
            return f"{-value}%"
        return str(value)

    def written(self, value: object) -> str:
        if isinstance(value, int) and value > 0:
            for unit in ("gb", "mb", "kb"):
                if value % UNITS[unit] == 0:
                    return f"{value // UNITS[unit]}{unit}"
        return self.show(value)


class Text(Kind):
    """Any string. With `filename`, one without a slash and not empty."""

    __slots__ = ("filename", "is_required")

    def __init__(self, *, filename: str = "", is_required: bool = False) -> None:
        self.filename = filename  # "filename" or "dirname": Redis's error says which
        self.is_required = is_required or bool(filename)

    def read(self, text: str) -> str:
        if not text and self.is_required:
            raise RefusedError("{name} can't be empty", "can't be empty")
        if self.filename and "/" in text:
            raise RefusedError(
                f"{{name}} can't be a path, just a {self.filename}",
                f"must be a plain {self.filename}; the directory is given by `dir`",
            )
        return text

    def written(self, value: object) -> str:
        return quote(str(value))

    def lines(self, value: object, default: object) -> list[tuple[str, bool]]:
        if value == "" == default:
            return []
        return super().lines(value, default)


class Choice(Kind):
    """One word of a list. `same` maps a word to the one it is stored and shown as."""

    __slots__ = ("same", "words")

    def __init__(self, *words: str, same: dict[str, str] | None = None) -> None:
        self.words = words
        self.same = same or {}

    def read(self, text: str) -> str:
        lowered = text.lower()
        for word in self.words:
            if word.lower() == lowered:
                return self.same.get(word, word)
        listed = ", ".join(self.words)
        raise RefusedError(
            f"argument(s) must be one of the following: {listed}", f"must be one of: {listed}"
        )


class Choices(Choice):
    """Any of a list of words at once; the first means none of them."""

    __slots__ = ("excluding",)
    is_many = True

    def __init__(self, *words: str, excluding: tuple[str, str, str]) -> None:
        super().__init__(*words)
        self.excluding = excluding  # two words and the error when both are given

    def read_words(self, words: list[str], before: object) -> tuple[str, ...]:
        chosen = {self.read(word) for word in words or [""]}
        first, second, reply = self.excluding
        if first in chosen and second in chosen:
            raise RefusedError(reply)
        return tuple(word for word in self.words[1:] if word in chosen)

    def show(self, value: object) -> str:
        assert isinstance(value, tuple)
        return " ".join(value) or self.words[0]


def strict_integer(text: str) -> int | None:
    """A 64-bit integer written the one way Redis takes: no "+", blanks or leading zeros."""
    digits = text[1:] if text.startswith("-") else text
    if not (digits.isascii() and digits.isdigit()) or len(digits) > 19:
        return None
    if digits[0] == "0" and text != "0":
        return None
    number = int(text)
    return number if -INT64_MAX - 1 <= number <= INT64_MAX else None


def read_bytes(text: str, reply: str) -> int:
    """Bytes of a text such as "10mb".

    No digits at all count as 0, as in Redis. A product beyond 64 bits is refused: there
    it wraps around, and `maxmemory 17179869184gb` would quietly mean "no limit".
    """
    digits = text.rstrip("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
    unit = text[len(digits) :]
    if digits and not (digits.isascii() and digits.isdigit()):
        raise RefusedError(reply, "not a number of bytes, such as 100mb")
    factor = UNITS.get(unit.lower())
    if factor is None:
        raise RefusedError(reply, f'unknown unit "{unit}" (use kb, mb or gb)')
    if len(digits) > 20 or int(digits or "0") * factor > UINT64_MAX:
        raise RefusedError(reply, "more than 64 bits can hold")
    return int(digits or "0") * factor
