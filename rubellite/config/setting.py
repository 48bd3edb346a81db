"""One parameter: its name, kind and default, and what setting it does here."""

from __future__ import annotations

from rubellite.config.kinds import INT32_MAX, INT64_MAX, Integer, Kind, Memory, Switch, Text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal

    Effect = Literal["works", "accepted", "refused"]

#: Does what Redis's manual says.
WORKS: Effect = "works"
#: Taken, reported and rewritten, but changes nothing here; `--check-config` lists it.
ACCEPTED: Effect = "accepted"
#: Unsafe to ignore: any value but the default stops the start, or fails CONFIG SET.
REFUSED: Effect = "refused"

SWITCH = Switch()
COUNT = Integer(0, INT64_MAX)
COUNT32 = Integer(0, INT32_MAX)
POSITIVE32 = Integer(1, INT32_MAX)
PORT = Integer(0, 65535)
BYTES = Memory()
TEXT = Text()


class Setting:
    """A row of the table.

    `aliases` are older (or other) names: CONFIG GET shows them too, and CONFIG REWRITE
    replaces them by `name`. `is_live` parameters can be changed by CONFIG SET;
    `is_protected` ones only where enable-protected-configs allows it. `is_hidden` ones
    answer to their exact name alone. The value of a `is_sensitive` one never gets
    into logs.
    """

    __slots__ = (
        "aliases",
        "default",
        "effect",
        "help",
        "is_hidden",
        "is_live",
        "is_protected",
        "is_sensitive",
        "kind",
        "name",
    )

    def __init__(
        self,
        name: str,
        kind: Kind,
        default: str,
        effect: Effect,
        help: str,
        *aliases: str,
        live: bool = True,
        hidden: bool = False,
        sensitive: bool = False,
        protected: bool = False,
    ) -> None:
        self.name = name
        self.kind = kind
        self.default = default
        self.effect = effect
        self.help = help
        self.aliases = aliases
        self.is_live = live
        self.is_hidden = hidden
        self.is_sensitive = sensitive
        self.is_protected = protected

    def default_value(self) -> object:
        """The default as a value; the table states it as CONFIG GET shows it."""
        if not self.kind.is_many:
            return self.kind.read(self.default)
        return self.kind.read_words(self.default.split(), None)

    def __repr__(self) -> str:
        return f"<Setting {self.name}>"
