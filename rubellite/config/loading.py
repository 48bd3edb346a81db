"""Reading a configuration: files, what they include, standard input, the command line.

redis-server's conventions: `[FILE] [--name value …] [-]`. Everything is applied in the
order file, standard input, command line; later lines win, except that `save` lines add
up. What is wrong raises `ConfigFileError`, which knows the place, says in `str()` what
to do, and has Redis's own words for tools that wait for those.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

from rubellite.config.config import Config, named
from rubellite.config.kinds import RefusedError
from rubellite.config.setting import ACCEPTED, REFUSED, Setting
from rubellite.config.table import BY_ANY_NAME, RETIRED, SETTINGS, UNSAFE_DIRECTIVES
from rubellite.config.words import QuoteError, quote, split

COMMAND_LINE = "command line"
STANDARD_INPUT = "standard input"
#: Files including each other must end somewhere.
INCLUDE_DEPTH_MAX = 16


class Line:
    """A line of a configuration and where it stands."""

    __slots__ = ("number", "source", "text")

    def __init__(self, source: str, number: int, text: str) -> None:
        self.source = source
        self.number = number
        self.text = text

    def __str__(self) -> str:
        has_number = self.number and self.source != COMMAND_LINE
        return f"{self.source}:{self.number}" if has_number else self.source

    def without_secrets(self) -> str:
        """The text, unless it may hold a password."""
        name = self.text.split(None, 1)[0].lower() if self.text else ""
        setting = BY_ANY_NAME.get(name)
        is_secret = name == "user" or (setting is not None and setting.is_sensitive)
        return f"{name} (redacted)" if is_secret else self.text


class ConfigFileError(Exception):
    """The configuration cannot be used; `str()` says what, where and what to do."""

    def __init__(self, line: Line, advice: str, reply: str, *, subject: str = "") -> None:
        super().__init__(f"{line}: {subject}{': ' if subject else ''}{advice}")
        self.line = line
        self.reply = reply

    def in_redis_words(self, version: str) -> str:
        """The lines redis-server prints."""
        if self.line.number == 0:
            # Not a line of a file, but the file itself.
            return f"{self.reply}\n"
        return (
            f"\n*** FATAL CONFIG FILE ERROR (Redis {version}) ***\n"
            f"Reading the configuration file, at line {self.line.number}\n"
            f">>> '{self.line.without_secrets()}'\n{self.reply}\n"
        )


class Loader:
    """Applies lines to a `Config`, remembering which line set what."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self._line_of: dict[str, Line] = {}
        self._default_user: tuple[Line, set[str]] | None = None

    def apply(self, lines: Iterator[Line], depth: int = 0) -> None:
        """Applies lines in their order, following `include`."""
        for line in lines:
            if not line.text or line.text.startswith("#"):
                continue
            try:
                words = split(line.text)
            except QuoteError:
                raise ConfigFileError(
                    line,
                    "a quote is not closed, or something follows a closing quote",
                    "Unbalanced quotes in configuration line",
                ) from None
            if words:
                self._apply_words(line, words[0].lower(), words[1:], depth)

    def _apply_words(self, line: Line, name: str, words: list[str], depth: int) -> None:
        setting = BY_ANY_NAME.get(name)
        if setting is not None:
            self._set(line, setting, name, words)
        elif name == "include" and len(words) == 1:
            self._include(line, words[0], depth)
        elif name in UNSAFE_DIRECTIVES:
            if name == "user" and is_plain_default_user(words):
                self._default_user = (line, {word[1:] for word in words if word[0] == "#"})
                return
            raise ConfigFileError(
                line,
                f"{UNSAFE_DIRECTIVES[name]} (remove it to start)",
                "not supported",
                subject=name,
            )
        elif name not in RETIRED:
            raise ConfigFileError(
                line, _unknown(name), "Bad directive or wrong number of arguments"
            )

    def _set(self, line: Line, setting: Setting, name: str, words: list[str]) -> None:
        kind = setting.kind
        texts = words
        if kind.is_many and len(words) == 1:
            texts = words[0].split()
        before = self.config.value(setting.name)
        if kind.accumulates and setting.name not in self._line_of:
            # The first line replaces the default; the ones after it add to it.
            before = None
        self._line_of[setting.name] = line
        try:
            self.config.assign(setting.name, kind.read_words(texts, before))
        except RefusedError as refusal:
            refusal = named(refusal, setting)
            shown = name if setting.is_sensitive else " ".join([name, *map(quote, words)])
            raise ConfigFileError(line, refusal.advice, refusal.reply, subject=shown) from None

    def _include(self, line: Line, pattern: str, depth: int) -> None:
        if depth == INCLUDE_DEPTH_MAX:
            raise ConfigFileError(line, "files include each other", "Too many nested includes")
        paths = [pattern]
        if any(character in pattern for character in "*?["):
            import glob

            # No match is fine: that is how a directory of optional files is included.
            paths = sorted(glob.glob(pattern))
        for path in paths:
            self.apply(read_file(path, line), depth + 1)

    def refuse_the_unsafe(self) -> None:
        """Fails if a parameter that must not be ignored has another value than its default."""
        self._check_default_user()
        for name, line in self._line_of.items():
            if SETTINGS[name].effect == REFUSED and not self.config.is_default(name):
                secret = SETTINGS[name].is_sensitive
                raise ConfigFileError(
                    line,
                    "not supported yet, and ignoring it would be unsafe (remove it to start)",
                    f"{name} is not supported",
                    subject=name if secret else f"{name} {quote(self.config.shown(name))}",
                )

    def _check_default_user(self) -> None:
        """Fails if the default user has a password that `requirepass` does not state."""
        if self._default_user is None:
            return
        import hashlib

        line, hashes = self._default_user
        password = self.config.text("requirepass").encode("utf-8", "surrogateescape")
        if hashes - {hashlib.sha256(password).hexdigest()}:
            raise ConfigFileError(
                line,
                "the password is not that of `requirepass` (set that and remove this line)",
                "not supported",
                subject="user default",
            )

    def without_effect(self) -> list[tuple[Line, Setting]]:
        """The lines that change nothing here, in their order."""
        return [
            (line, SETTINGS[name])
            for name, line in self._line_of.items()
            if SETTINGS[name].effect == ACCEPTED
        ]


def load(arguments: Sequence[str], standard_input: str | None = None) -> Config:
    """The configuration of redis-server's arguments.

    `standard_input` is the text to use where they contain "-".
    """
    config = Config()
    config.is_untouched = not arguments
    loader = Loader(config)
    rest = list(arguments)
    if rest and not rest[0].startswith("-"):
        config.path = os.path.abspath(rest[0])
        loader.apply(read_file(rest.pop(0)))
    if reads_standard_input(rest):
        rest.pop(0 if rest[0] == "-" else -1)
        loader.apply(_lines(STANDARD_INPUT, standard_input or ""))
    loader.apply(lines_of_arguments(rest))
    loader.refuse_the_unsafe()
    return config


def reads_standard_input(arguments: Sequence[str]) -> bool:
    """Whether a "-" stands first or last; anywhere else it is a value."""
    return "-" in (*arguments[:1], *arguments[-1:])


def read_file(path: str, included_by: Line | None = None) -> Iterator[Line]:
    """The lines of a file."""
    try:
        with open(path, encoding="utf-8", errors="surrogateescape", newline="\n") as file:
            text = file.read()
    except OSError as problem:
        raise ConfigFileError(
            included_by or Line(path, 0, ""),
            f"can't open {path}: {problem.strerror}" if included_by else f"{problem.strerror}",
            f"Fatal error, can't open config file '{path}': {problem.strerror}",
        ) from None
    return _lines(path, text)


def _lines(source: str, text: str) -> Iterator[Line]:
    for number, line in enumerate(text.split("\n"), 1):
        yield Line(source, number, line.strip(" \t\r\n"))


def lines_of_arguments(arguments: Sequence[str]) -> Iterator[Line]:
    """Lines of the kind `name "value" …` from `--name value …`.

    The word after a name is its value even if it begins with `--`; only `--save`
    directly before another option means `save ""`, for scripts of Redis 6.
    """
    options: list[list[str]] = []
    for argument in arguments:
        current = options[-1] if options else None
        takes_any = current is not None and len(current) == 1 and current[0].lower() != "save"
        if argument.startswith("--") and not takes_any:
            options.append([argument[2:]])
        elif current is None:
            options.append([argument])
        else:
            current.append(argument)
    for number, (name, *values) in enumerate(options, 2):
        if name:
            yield Line(COMMAND_LINE, number, " ".join([name, *map(quote, values)]))


def _unknown(name: str) -> str:
    import difflib

    near = difflib.get_close_matches(name, BY_ANY_NAME, 1)
    hint = f' (did you mean "{near[0]}"?)' if near else ""
    return f'unknown parameter "{name}"{hint}'


def is_plain_default_user(words: list[str]) -> bool:
    """Whether this is the line Redis's CONFIG REWRITE leaves when nobody touched the ACL.

    With a password it holds the hash of `requirepass`, which stands in the file as well.
    """
    rights = {word.lower() for word in words[2:] if not word.startswith("#")}
    rights -= {"nopass", "sanitize-payload"}
    return words[:2] == ["default", "on"] and rights == {"~*", "&*", "+@all"}
