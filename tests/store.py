"""The engine in this process, for tests that need its clock or its journal.

    store = Store()
    store("SET", "key", "value", "PX", 10)
    store.engine.advance_clock(11)
    assert store("GET", "key") is None

Replies are Python objects, error replies the exceptions themselves, not raised.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rubellite.config import Config
from rubellite.errors import ReplyError
from rubellite.extending import Source
from rubellite.server.app import assemble
from rubellite.server.logging import Log

Word = bytes | str | int

#: Where a test's clock stands still: 2026-01-01.
START_MS = 1_767_225_600_000


class Store:
    """One engine with its own clock, and a client of it."""

    def __init__(
        self,
        settings: dict[str, str] | None = None,
        now_ms: int = START_MS,
        load: Iterable[Source] = (),
    ) -> None:
        # Nothing of what a test does is to be written to disk.
        config = Config({"enable-debug-command": "yes", "save": "", **(settings or {})})
        log = Log(config)
        self.engine = assemble(config, log, load=load).engine
        self.engine.freeze_clock(now_ms)
        self.session = self.engine.open_session()

    def __call__(self, *words: Word) -> Any:
        return self.call_as(self.session, *words)

    def call_as(self, session: int, *words: Word) -> Any:
        """As another client, from `engine.open_session()`."""
        arguments = [word if isinstance(word, bytes) else str(word).encode() for word in words]
        try:
            return self.engine.execute(session, arguments)
        except ReplyError as reply:
            return reply
