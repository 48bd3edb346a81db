"""The values of all parameters: reading, changing and watching them.

    config = load(["redis.conf", "--port", "7000"])     # rubellite.config.loading
    config.integer("maxmemory")                         # typed, for the server itself
    config.get("max*")                                  # text, as CONFIG GET replies
    config.set_many([("maxmemory", "1gb"), ("hz", "20")])   # all of them, or none

Who must act on a change observes it, and may refuse:

    config.observe(["port", "bind"], listen_anew)

A value is replaced, never modified, so reading needs no lock; changes are serialised
by whoever runs commands.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from rubellite.config.kinds import RefusedError
from rubellite.config.patterns import is_pattern, matches
from rubellite.config.setting import REFUSED, Setting
from rubellite.config.special import CLIENT_CLASSES
from rubellite.config.table import BY_ANY_NAME, SETTINGS
from rubellite.errors import RawError

Observer = Callable[["Config"], None]

#: What CONFIG SET says about a parameter that would be unsafe to pretend to have.
UNSUPPORTED = "not supported by Rubellite yet"


class ConfigError(RawError):
    """CONFIG SET or REWRITE fails; `str()` is the reply."""


class Config:
    """All parameters, at their defaults but for `values` (name to text)."""

    def __init__(self, values: Mapping[str, str] | None = None) -> None:
        self._values: dict[str, object] = {}
        self._defaults: dict[str, object] = {}
        self._observers: dict[str, list[Observer]] = {}
        #: The file this came from, which CONFIG REWRITE writes; None without one.
        self.path: str | None = None
        #: Whether neither a file nor a command line said anything.
        self.is_untouched = True
        for name, setting in SETTINGS.items():
            self._defaults[name] = self._values[name] = setting.default_value()
        for name, text in (values or {}).items():
            self._start_with(name, text)

    def _start_with(self, name: str, text: str) -> None:
        """Sets a parameter before anything runs, immutable or not."""
        setting = BY_ANY_NAME.get(name.lower())
        if setting is None:
            raise ValueError(f'unknown parameter "{name}"')
        try:
            self.assign(setting.name, self._read(setting, text))
        except RefusedError as refusal:
            raise ValueError(f'{name} "{text}": {refusal.advice}') from None

    # Values for the server itself

    def integer(self, name: str) -> int:
        """A number, size, permission or port."""
        value = self._values[name]
        assert isinstance(value, int)
        return value

    def boolean(self, name: str) -> bool:
        """Yes or no."""
        value = self._values[name]
        assert isinstance(value, bool)
        return value

    def text(self, name: str) -> str:
        """A string, or the one word chosen of a list."""
        value = self._values[name]
        assert isinstance(value, str)
        return value

    def words(self, name: str) -> tuple[str, ...]:
        """Several words: `bind`, `shutdown-on-sigterm`, …"""
        value = self._values[name]
        assert isinstance(value, tuple)
        return value

    def save_points(self) -> tuple[tuple[int, int], ...]:
        """Pairs of seconds and changes after which a snapshot is due."""
        value = self._values["save"]
        assert isinstance(value, tuple)
        return value

    def percentiles(self) -> tuple[float, ...]:
        """What INFO shows of the commands' times."""
        value = self._values["latency-tracking-info-percentiles"]
        assert isinstance(value, tuple)
        return value

    def output_limits(self) -> dict[str, tuple[int, int, int]]:
        """Hard limit, soft limit (bytes) and soft seconds for normal, slave and pubsub."""
        value = self._values["client-output-buffer-limit"]
        assert isinstance(value, tuple)
        return dict(zip(CLIENT_CLASSES, value, strict=True))

    def value(self, name: str) -> object:
        """Whatever the parameter holds."""
        return self._values[name]

    def values(self) -> dict[str, object]:
        """All values, by the parameters' names."""
        return dict(self._values)

    def is_default(self, name: str) -> bool:
        """Whether the parameter holds its default."""
        return self._values[name] == self._defaults[name]

    def default(self, name: str) -> object:
        """The value the parameter starts with."""
        return self._defaults[name]

    def shown(self, name: str) -> str:
        """The text CONFIG GET shows for a parameter, by any of its names."""
        setting = BY_ANY_NAME[name]
        return setting.kind.show(self._values[setting.name])

    # CONFIG GET and SET

    def get(self, *patterns: str) -> dict[str, str]:
        """Names and texts that match any of the patterns, in order of names."""
        found: dict[str, str] = {}
        for pattern in patterns:
            if not is_pattern(pattern):
                # An exact name is replied as it was asked for, in its letter case.
                if pattern.lower() in BY_ANY_NAME and pattern not in found:
                    found[pattern] = self.shown(pattern.lower())
                continue
            for name, setting in BY_ANY_NAME.items():
                if not setting.is_hidden and name not in found and matches(pattern, name):
                    found[name] = self.shown(name)
        return dict(sorted(found.items()))

    def set(self, name: str, text: str) -> None:
        """CONFIG SET of one parameter."""
        self.set_many([(name, text)])

    def set_many(self, pairs: Iterable[tuple[str, str]], *, is_local: bool = True) -> None:
        """Changes all of the parameters or, raising `ConfigError`, none.

        `is_local` says whether the client is on this machine, which decides about
        protected parameters where enable-protected-configs is `local`.
        """
        pairs = [(name.lower(), text) for name, text in pairs]
        self._check_names(pairs, is_local)
        before = dict(self._values)
        name = ""
        try:
            for name, text in pairs:
                setting = BY_ANY_NAME[name]
                self.assign(setting.name, self._read(setting, text))
                if setting.effect == REFUSED and not self.is_default(setting.name):
                    raise RefusedError(UNSUPPORTED)
        except RefusedError as refusal:
            self._values = before
            raise _failed(name, refusal.reply) from None
        self._notify(pairs, before)

    def _check_names(self, pairs: list[tuple[str, str]], is_local: bool) -> None:
        allowed = self.text("enable-protected-configs")
        may_touch_protected = allowed == "yes" or (allowed == "local" and is_local)
        seen = set()
        for name, _ in pairs:
            setting = BY_ANY_NAME.get(name)
            if setting is None:
                raise ConfigError(
                    f"ERR Unknown option or number of arguments for CONFIG SET - '{name}'"
                )
            if not setting.is_live:
                raise _failed(name, "can't set immutable config")
            if setting.is_protected and not may_touch_protected:
                raise _failed(name, "can't set protected config")
            if name in seen:
                raise _failed(name, "duplicate parameter")
            seen.add(name)

    def _read(self, setting: Setting, text: str) -> object:
        kind = setting.kind
        try:
            if not kind.is_many:
                return kind.read(text)
            before = None if kind.accumulates else self._values[setting.name]
            return kind.read_words(text.split(" ") if text else [], before)
        except RefusedError as refusal:
            raise named(refusal, setting) from None

    def assign(self, name: str, value: object) -> None:
        """Stores a value of the parameter's kind, without asking or telling anybody."""
        self._values[name] = value

    # Watching

    def observe(self, names: Iterable[str], observer: Observer) -> None:
        """Calls `observer(config)` when CONFIG SET changed any of `names`, once a call.

        It finds the new values in `config`, and raises `RefusedError("reason")` to undo the
        whole CONFIG SET; who had been told of it already is told again.
        """
        for name in names:
            self._observers.setdefault(BY_ANY_NAME[name].name, []).append(observer)

    def _notify(self, pairs: list[tuple[str, str]], before: dict[str, object]) -> None:
        told: list[Observer] = []
        for name, _ in pairs:
            canonical = BY_ANY_NAME[name].name
            if self._values[canonical] == before[canonical]:
                continue
            for observer in self._observers.get(canonical, ()):
                if observer in told:
                    continue
                told.append(observer)
                try:
                    observer(self)
                except Exception as problem:
                    self._values = before
                    self._tell_again(told)
                    if not isinstance(problem, RefusedError):
                        raise
                    raise _failed(name, problem.reply) from None

    def _tell_again(self, observers: list[Observer]) -> None:
        for observer in reversed(observers):
            try:
                observer(self)
            except RefusedError:
                # It accepted these values before; there is nobody left to refuse to.
                continue


def named(refusal: RefusedError, setting: Setting) -> RefusedError:
    """The same refusal with the parameter's name in its text, where it asks for it."""
    return RefusedError(
        refusal.reply.replace("{name}", setting.name),
        refusal.advice.replace("{name}", setting.name),
    )


def _failed(name: str, reason: str) -> ConfigError:
    return ConfigError(f"ERR CONFIG SET failed (possibly related to argument '{name}') - {reason}")
