"""A syntax line becomes a generator of calls, right ones and wrong ones.

    SET key value [NX|XX] [GET] [EX seconds|KEEPTTL]
    MSETEX numkeys (key value)... [NX|XX]

lower case is a kind of argument (values.py), [x] may be left out, x|y is a choice,
x... repeats, (x y) groups; `numkeys` and `numfields` count the repetition that
follows. Everything else stands for itself, 'x' in quotes too. Neighbouring options
come in any order and may come twice. `mutate` then breaks some calls on purpose.

This reader is independent of rubellite.spec on purpose: a test that took its idea
of the syntax from the code under test would agree with its mistakes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from random import Random

from tests.differential.values import GARBAGE, KINDS, Draw

# Appends arguments; returns how many times a repetition repeated, else 1.
Writer = Callable[[Random, list[bytes]], int]

COUNTING_KINDS = ("numkeys", "numfields")
_TOKEN = re.compile(r"\.\.\.|[\[\]()|]|[^\s\[\]()|.]+(?:\.[^\s\[\]()|.]+)*")
# Swapping such a call's arguments could make 12 a deadline, or 2147483647 an offset.
_UNSWAPPABLE = frozenset(
    ("seconds", "milliseconds", "unixseconds", "unixms", "offset", "bitoffset", "hashoffset")
)


class Call:
    """The generator for one syntax line."""

    def __init__(self, syntax: str, kinds: Mapping[str, Draw] | None = None) -> None:
        self.syntax = syntax
        self.tokens = _TOKEN.findall(syntax)
        self.kinds = {**KINDS, **(kinds or {})}
        self.position = 0
        self._may_swap = _UNSWAPPABLE.isdisjoint(self.tokens)
        # The name (two words for a container such as OBJECT ENCODING).
        self.words = self._leading_words()
        self._write = self._sequence(closing="")
        if self.position != len(self.tokens):
            raise ValueError(f"{syntax!r}: {self.tokens[self.position]!r} closes nothing")

    def _leading_words(self) -> tuple[bytes, ...]:
        name = self.tokens[0]
        containers = ("OBJECT", "XGROUP", "XINFO", "DEBUG", "MEMORY")
        return tuple(word.encode() for word in self.tokens[: 2 if name in containers else 1])

    def valid(self, rng: Random) -> list[bytes]:
        """A call as the manual has it (though its values may be refused)."""
        arguments: list[bytes] = []
        self._write(rng, arguments)
        return arguments

    def any(self, rng: Random) -> list[bytes]:
        """Mostly a valid call; one in five is broken in one place."""
        arguments = self.valid(rng)
        chance = rng.random()
        if chance < 0.2:
            mutate(rng, arguments, self._may_swap)
        elif chance < 0.3:
            return [word.lower() if word.isupper() else word for word in arguments]
        elif chance < 0.32:
            arguments[0] = arguments[0].title()
        return arguments

    # Reading the line.

    def _sequence(self, closing: str) -> Writer:
        choices: list[Writer] = [self._run(closing)]
        while self.position < len(self.tokens) and self.tokens[self.position] == "|":
            self.position += 1
            choices.append(self._run(closing))
        return choices[0] if len(choices) == 1 else _choice(choices)

    def _run(self, closing: str) -> Writer:
        parts: list[tuple[str, Writer]] = []
        while self.position < len(self.tokens) and self.tokens[self.position] not in ("|", closing):
            token = self.tokens[self.position]
            self.position += 1
            role = "plain"
            writer: Writer
            if token == "[":
                role, writer = "option", self._sequence("]")
                self.position += 1
            elif token == "(":
                writer = self._sequence(")")
                self.position += 1
            elif token in COUNTING_KINDS:
                role, writer = "counter", _literal(b"0")
            elif token in self.kinds:
                writer = _drawn(self.kinds[token])
            elif token.islower() and token.isalpha():
                raise ValueError(f"{self.syntax!r}: {token!r} is not a kind of argument")
            else:
                writer = _literal(token.strip("'").encode())
            if self.position < len(self.tokens) and self.tokens[self.position] == "...":
                self.position += 1
                writer = _repeated(writer)
            parts.append((role, writer))
        return _in_order(parts)


def _literal(word: bytes) -> Writer:
    def write(rng: Random, out: list[bytes]) -> int:
        out.append(word)
        return 1

    return write


def _drawn(draw: Draw) -> Writer:
    def write(rng: Random, out: list[bytes]) -> int:
        out.append(draw(rng))
        return 1

    return write


def _choice(choices: list[Writer]) -> Writer:
    def write(rng: Random, out: list[bytes]) -> int:
        return choices[int(rng.random() * len(choices))](rng, out)

    return write


def _repeated(writer: Writer) -> Writer:
    def write(rng: Random, out: list[bytes]) -> int:
        times = 1
        while times < 6 and rng.random() < 0.4:
            times += 1
        for _ in range(times):
            writer(rng, out)
        return times

    return write


def _in_order(parts: list[tuple[str, Writer]]) -> Writer:
    """Writes the parts; runs of options are shuffled, a counter learns its count."""
    plan: list[tuple[str, list[Writer]]] = []
    for role, writer in parts:
        if role == "option" and plan and plan[-1][0] == "option":
            plan[-1][1].append(writer)
        else:
            plan.append((role, [writer]))

    def write(rng: Random, out: list[bytes]) -> int:
        counter_at = -1
        for role, writers in plan:
            if role == "option":
                chosen = [writer for writer in writers if rng.random() < 0.35]
                if chosen:
                    if len(chosen) > 1 and rng.random() < 0.5:
                        rng.shuffle(chosen)
                    if rng.random() < 0.05:
                        chosen.append(writers[int(rng.random() * len(writers))])
                    for writer in chosen:
                        writer(rng, out)
                continue
            if role == "counter":
                counter_at = len(out)
            times = writers[0](rng, out)
            if role == "plain" and counter_at >= 0:
                out[counter_at] = b"%d" % times
                if rng.random() < 0.06:
                    wrong = (b"0", b"-1", b"abc", b"%d" % (times + 1), b"9223372036854775807")
                    out[counter_at] = wrong[int(rng.random() * len(wrong))]
                counter_at = -1
        return 1

    return write


def mutate(rng: Random, arguments: list[bytes], may_swap: bool) -> None:
    """Breaks a call in one place: one too few, one too many, garbage, the wrong order."""
    count = len(arguments)
    at = 1 + int(rng.random() * (count - 1)) if count > 1 else 1
    chance = rng.random()
    if chance < 0.25 and count > 1:
        del arguments[at]
    elif chance < 0.35 and count > 1:
        arguments.insert(at, arguments[at])
    elif chance < 0.45:
        arguments.append(GARBAGE[int(rng.random() * len(GARBAGE))])
    elif chance < 0.85 and count > 1:
        arguments[at] = GARBAGE[int(rng.random() * len(GARBAGE))]
    elif may_swap and count > 2:
        other = 1 + int(rng.random() * (count - 1))
        arguments[at], arguments[other] = arguments[other], arguments[at]
    elif count > 1:
        arguments[at] = arguments[at].swapcase()
