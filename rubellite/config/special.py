"""Kinds of values with a grammar of their own: save, bind, notify-keyspace-events …"""

from __future__ import annotations

import os

from rubellite.config.kinds import (
    INT64_MAX,
    Kind,
    RefusedError,
    Text,
    read_bytes,
    strict_integer,
)
from rubellite.config.words import quote

# The classes of clients with output limits. "replica" is read, "slave" is shown: clients
# parse the latter.
CLIENT_CLASSES = ("normal", "slave", "pubsub")
BIND_ADDRESSES_MAX = 16

#: What `A` stands for, in the order CONFIG GET shows the letters.
EVENT_CLASSES = "g$lshzxetd"
_EVENT_ORDER = EVENT_CLASSES + "nKEm"

_TITLE_VARIABLES = (
    "title",
    "listen-addr",
    "server-mode",
    "port",
    "tls-port",
    "unixsocket",
    "config-file",
)


class SavePoints(Kind):
    """Pairs of seconds and changes: ((3600, 1), …). Lines of a file add up."""

    __slots__ = ()
    is_many = True
    accumulates = True

    def read_words(self, words: list[str], before: object) -> tuple[tuple[int, int], ...]:
        if not words:
            return ()
        if len(words) % 2:
            raise RefusedError("Invalid save parameters", "takes pairs: seconds changes …")
        points = before if isinstance(before, tuple) else ()
        for seconds_text, changes_text in zip(words[::2], words[1::2], strict=True):
            # A missing number counts as 0: CONFIG SET save "5 " is accepted by Redis.
            seconds = strict_integer(seconds_text or "0")
            changes = strict_integer(changes_text or "0")
            if seconds is None or changes is None or seconds < 1 or changes < 0:
                raise RefusedError(
                    "Invalid save parameters",
                    "takes pairs of whole numbers: seconds (1 or more) changes …",
                )
            points = (*points, (seconds, changes))
        return points

    def show(self, value: object) -> str:
        assert isinstance(value, tuple)
        return " ".join(f"{seconds} {changes}" for seconds, changes in value)

    def written(self, value: object) -> str:
        return self.show(value) or '""'


class Modules(Kind):
    """Files and names of modules; lines add up. Paths are made whole at once, for the
    server may work in another folder later.
    """

    __slots__ = ()
    accumulates = True

    def read(self, text: str) -> tuple[str, ...]:
        return self.read_words([text], ()) if text else ()

    def read_words(self, words: list[str], before: object) -> tuple[str, ...]:
        if not words:
            raise RefusedError("wrong number of arguments", "takes a file or a module's name")
        modules = before if isinstance(before, tuple) else ()
        for word in words:
            is_path = word.endswith(".py") or os.sep in word
            modules = (*modules, os.path.abspath(word) if is_path else word)
        return modules

    def show(self, value: object) -> str:
        assert isinstance(value, tuple)
        return " ".join(map(quote, value))

    def lines(self, value: object, default: object) -> list[tuple[str, bool]]:
        assert isinstance(value, tuple)
        return [(quote(module), True) for module in value]


class OutputLimits(Kind):
    """Hard limit, soft limit and soft seconds of each class of clients."""

    __slots__ = ()
    is_many = True

    def read_words(self, words: list[str], before: object) -> tuple[tuple[int, int, int], ...]:
        if len(words) % 4:
            raise RefusedError(
                "Wrong number of arguments in buffer limit configuration.",
                "takes groups of four: class hard soft seconds …",
            )
        limits = list(before) if isinstance(before, tuple) else [(0, 0, 0)] * 3
        groups = [words[at : at + 4] for at in range(0, len(words), 4)]
        classes = [self._class(group[0]) for group in groups]
        for index, (_, hard, soft, seconds) in zip(classes, groups, strict=True):
            reply = "Error in hard, soft or soft_seconds setting in buffer limit configuration."
            duration = strict_integer(seconds)
            if duration is None or duration < 0:
                raise RefusedError(reply, f'"{seconds}" is not a number of seconds')
            limits[index] = (read_bytes(hard, reply), read_bytes(soft, reply), duration)
        return tuple(limits)

    @staticmethod
    def _class(name: str) -> int:
        lowered = name.lower()
        if lowered == "replica":
            lowered = "slave"
        if lowered not in CLIENT_CLASSES:
            raise RefusedError(
                "Invalid client class specified in buffer limit configuration.",
                f'unknown class "{name}" (normal, replica or pubsub)',
            )
        return CLIENT_CLASSES.index(lowered)

    def show(self, value: object) -> str:
        assert isinstance(value, tuple)
        limits = zip(CLIENT_CLASSES, value, strict=True)
        return " ".join(f"{name} {hard} {soft} {secs}" for name, (hard, soft, secs) in limits)

    def lines(self, value: object, default: object) -> list[tuple[str, bool]]:
        from rubellite.config.kinds import Memory

        assert isinstance(value, tuple)
        assert isinstance(default, tuple)
        memory = Memory()
        lines = []
        for name, limit, usual in zip(CLIENT_CLASSES, value, default, strict=True):
            hard, soft, seconds = limit
            shown = "replica" if name == "slave" else name
            text = f"{shown} {memory.written(hard)} {memory.written(soft)} {seconds}"
            lines.append((text, limit != usual))
        return lines


class Words(Kind):
    """Words as they are, at most so many of them."""

    __slots__ = ("maximum", "too_many")
    is_many = True

    def __init__(self, maximum: int, too_many: str) -> None:
        self.maximum = maximum
        self.too_many = too_many

    def read_words(self, words: list[str], before: object) -> tuple[str, ...]:
        if len(words) > self.maximum:
            raise RefusedError(self.too_many)
        return tuple(words)

    def show(self, value: object) -> str:
        assert isinstance(value, tuple)
        return " ".join(value)

    def written(self, value: object) -> str:
        return self.show(value) or '""'


class EventClasses(Kind):
    """Letters of notify-keyspace-events; stored with `A` spelled out, in one order."""

    __slots__ = ()

    def read(self, text: str) -> str:
        letters = set(text)
        if not letters <= set(_EVENT_ORDER) | {"A"}:
            raise RefusedError(
                "Invalid event class character. Use 'Ag$lshzxeKEtmdn'.",
                "takes letters of Ag$lshzxeKEtmdn only",
            )
        if "A" in letters:
            letters |= set(EVENT_CLASSES)
        return "".join(letter for letter in _EVENT_ORDER if letter in letters)

    def show(self, value: object) -> str:
        text = str(value)
        if text.startswith(EVENT_CLASSES):
            # `n` is not part of A, and yet Redis does not show it beside A.
            return "A" + text[len(EVENT_CLASSES) :].replace("n", "")
        return text

    def written(self, value: object) -> str:
        text = str(value)
        shown = self.show(value)
        # What is not shown must not be lost in the file.
        return quote(shown + "n" if "n" in text and "n" not in shown else shown)


class ScoreValues(Kind):
    """Three integers from -2000 to 2000."""

    __slots__ = ()
    is_many = True

    def read_words(self, words: list[str], before: object) -> tuple[int, ...]:
        if len(words) != 3:
            raise RefusedError("wrong number of arguments", f"takes three values, not {len(words)}")
        values = []
        for word in words:
            number = strict_integer(word or "0")
            if number is None or not -2000 <= number <= 2000:
                raise RefusedError(
                    "Invalid oom-score-adj-values, elements must be between -2000 and 2000."
                )
            values.append(number)
        return tuple(values)

    def show(self, value: object) -> str:
        assert isinstance(value, tuple)
        return " ".join(map(str, value))


class Percentiles(Kind):
    """Numbers from 0 to 100."""

    __slots__ = ()
    is_many = True

    def read_words(self, words: list[str], before: object) -> tuple[float, ...]:
        return tuple(map(self._one, words))

    @staticmethod
    def _one(word: str) -> float:
        try:
            # float() takes blanks, "_" and "nan" as well.
            number = float("x" if word.strip("_ \t\r\n") != word or "_" in word else word)
        except ValueError:
            number = float("nan")
        if number != number:
            raise RefusedError(
                "Invalid latency-tracking-info-percentiles parameters", f'"{word}" is not a number'
            )
        if not 0.0 <= number <= 100.0:
            raise RefusedError(
                "latency-tracking-info-percentiles parameters should sit between [0.0,100.0]"
            )
        return number

    def show(self, value: object) -> str:
        assert isinstance(value, tuple)
        return " ".join(f"{number:.6f}".rstrip("0").rstrip(".") for number in value)

    def written(self, value: object) -> str:
        return self.show(value) or '""'


class Directory(Text):
    """An existing directory, stored as its real path."""

    __slots__ = ()

    def read(self, text: str) -> str:
        if not os.path.isdir(text):
            reply = "Not a directory" if os.path.exists(text) else "No such file or directory"
            raise RefusedError(reply, reply[0].lower() + reply[1:])
        return os.path.realpath(text)

    def lines(self, value: object, default: object) -> list[tuple[str, bool]]:
        # Always: a server started elsewhere must find the same files.
        return [(self.written(value), True)]


class ReplicaOf(Kind):
    """Host and port, or empty for a server of its own."""

    __slots__ = ()
    is_many = True

    def read_words(self, words: list[str], before: object) -> str:
        if not words or words == ["no", "one"]:
            return ""
        if len(words) != 2:
            raise RefusedError("wrong number of arguments", "takes a host and a port")
        port = strict_integer(words[1])
        if port is None or not 0 <= port <= 65535:
            raise RefusedError("Invalid primary port", f'"{words[1]}" is not a port')
        return " ".join(words)

    def lines(self, value: object, default: object) -> list[tuple[str, bool]]:
        return [(str(value), True)] if value else []


class HostText(Text):
    """A name made of a few kinds of characters."""

    __slots__ = ("others", "reply", "size_max", "too_long")

    def __init__(self, others: str, reply: str, size_max: int = 0, too_long: str = "") -> None:
        super().__init__()
        self.others = others
        self.reply = reply
        self.size_max = size_max
        self.too_long = too_long

    def read(self, text: str) -> str:
        if self.size_max and len(text) > self.size_max:
            raise RefusedError(self.too_long)
        if not all((c.isascii() and c.isalnum()) or c in self.others for c in text):
            raise RefusedError(self.reply)
        return text


class Address(Text):
    """An address of one family, or empty."""

    __slots__ = ("version",)

    def __init__(self, version: int) -> None:
        super().__init__()
        self.version = version

    def read(self, text: str) -> str:
        if not text:
            return text
        import socket

        family = socket.AF_INET if self.version == 4 else socket.AF_INET6
        try:
            socket.inet_pton(family, text)
        except (OSError, ValueError):
            raise RefusedError(f"Invalid IPv{self.version} address") from None
        return text


class Locale(Text):
    """A locale this machine has; setting it back is part of looking."""

    __slots__ = ()

    def read(self, text: str) -> str:
        if not text:
            return text
        import locale

        before = locale.setlocale(locale.LC_COLLATE)
        try:
            locale.setlocale(locale.LC_COLLATE, text)
        except (locale.Error, ValueError):
            raise RefusedError("Invalid locale name") from None
        finally:
            locale.setlocale(locale.LC_COLLATE, before)
        return text


class TitleTemplate(Text):
    """A template for the process title."""

    __slots__ = ()

    def read(self, text: str) -> str:
        rest = text
        for variable in _TITLE_VARIABLES:
            rest = rest.replace("{" + variable + "}", "")
        if not text or "{" in rest:
            raise RefusedError("template format is invalid or contains unknown variables")
        return text


class Unbuilt(Kind):
    """A parameter of a part that this build does not have: only its default is taken."""

    __slots__ = ("default", "reply")

    def __init__(self, default: str, reply: str) -> None:
        self.default = default
        self.reply = reply

    def read(self, text: str) -> str:
        if text != self.default:
            raise RefusedError(self.reply)
        return text


ANY_INTEGER = (-INT64_MAX - 1, INT64_MAX)
