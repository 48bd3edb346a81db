"""`migrate`: copies the keys of one server or data directory into another.

Keys come from SCAN, in batches; DUMP reads them and RESTORE writes them, with deadlines as
moments, never as what is left. While the target works on one batch, the source already
dumps the next. Where the target does not know a dump, the key is read and written by the
commands of its type, in one transaction.

So a key is there as a whole or not at all, whatever ends the run, and running the same
again goes on: keys that are equal already are told by comparing them and left alone.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

from rubellite.cli import values
from rubellite.cli.endpoints import Endpoint, open_endpoint
from rubellite.cli.new_files import RefusedError
from rubellite.cli.progress import Progress
from rubellite.cli.reading import Caller, ReadError, comparable, read
from rubellite.cli.scratch import Scratch
from rubellite.client.resp import ConnectError, ErrorText
from rubellite.errors import ReplyError

#: Keys of a batch: enough to hide the way there and back, few enough to be held at once.
BATCH_KEYS = 256
#: Keys that were not copied and are named one by one.
_NAMED_MAX = 10
#: Error replies that are not about one key: nothing will work after them.
_FATAL = (
    "NOAUTH WRONGPASS NOPERM OOM READONLY MISCONF LOADING BUSY MASTERDOWN CLUSTERDOWN MOVED "
    "NOREPLICAS"
).split()
#: What a dump ends with: version and checksum.
_FOOTER_BYTES = 10
#: From this number on, types mean different things to Redis and to Valkey.
_FAMILY_TYPES = 22


class FailedError(Exception):
    """The run cannot go on; `str()` says why, in one line."""


@dataclass(slots=True)
class Outcome:
    """What became of the keys."""

    copied: int = 0
    equal: int = 0
    kept: int = 0
    #: They exist in the target with other content.
    conflicts: int = 0
    failed: int = 0
    named: list[str] = field(default_factory=list)

    @property
    def total(self) -> int:
        """All keys that were looked at."""
        return self.copied + self.equal + self.kept + self.conflicts + self.failed

    def name(self, key: bytes, why: str) -> None:
        if len(self.named) < _NAMED_MAX:
            self.named.append(f"{key.decode('utf-8', 'backslashreplace')}: {why}")

    def text(self) -> str:
        parts = [f"{self.copied:,} copied"]
        for count, what in (
            (self.equal, "equal already"),
            (self.kept, "kept as they were"),
            (self.conflicts, "with other content in the target (--replace or --skip)"),
            (self.failed, "failed"),
        ):
            if count:
                parts.append(f"{count:,} {what}")
        return f"{self.total:,} keys: {', '.join(parts)}"


def migrate(
    source: str,
    target: str,
    *,
    databases: Iterable[int] = (),
    is_all: bool = False,
    match: str | None = None,
    existing: str = "compare",
    batch_keys: int = BATCH_KEYS,
) -> int:
    """Copies keys; returns the exit status.

    `existing` tells what becomes of keys that the target has: "compare", "replace", "skip".
    """
    outcome = Outcome()
    try:
        with ExitStack() as stack:
            interrupt = stack.enter_context(_interrupts())
            one = open_endpoint(source, is_source=True)
            stack.callback(one.close)
            other = open_endpoint(target, is_source=False)
            stack.callback(other.close)
            pairs = _databases(one, other, list(databases), is_all)
            total = sum(_size(one, number) for number, _ in pairs) if match is None else 0
            with Progress("copying", total, "keys") as progress:
                for number, into in pairs:
                    _select(one, number)
                    _select(other, into)
                    copy = _Copy(one, other, number, match, existing, batch_keys, outcome)
                    stack.callback(copy.close)
                    copy.run(progress, interrupt)
    except KeyboardInterrupt:
        sys.stderr.write(
            f"rubellite migrate: interrupted after {outcome.text()}; the same command goes on\n"
        )
        return 130
    except (FailedError, RefusedError, ConnectError, ValueError) as problem:
        after = f" (after {outcome.text()}; the same command goes on)" if outcome.total else ""
        sys.stderr.write(f"rubellite migrate: {problem}{after}\n")
        return 1
    print(outcome.text())
    for line in outcome.named:
        sys.stderr.write(f"{line}\n")
    if outcome.failed + outcome.conflicts > len(outcome.named):
        sys.stderr.write(f"… and {outcome.failed + outcome.conflicts - len(outcome.named)} more\n")
    return 1 if outcome.failed or outcome.conflicts else 0


class _Interrupt:
    """Ctrl-C: between two batches; the second one at once.

    In the middle of a command it would break into a handler of the embedded engine.
    """

    def __init__(self) -> None:
        self._is_asked_for = False

    def note(self, _number: int, _frame: object) -> None:
        """For `signal`."""
        if self._is_asked_for:
            raise KeyboardInterrupt
        self._is_asked_for = True

    def check(self) -> None:
        """Fails with `KeyboardInterrupt` if that was asked for."""
        if self._is_asked_for:
            raise KeyboardInterrupt


@contextmanager
def _interrupts() -> Iterator[_Interrupt]:
    interrupt = _Interrupt()
    try:
        before = signal.signal(signal.SIGINT, interrupt.note)
    except ValueError:
        # Not the main thread: Ctrl-C does not come here.
        yield interrupt
        return
    try:
        yield interrupt
    finally:
        signal.signal(signal.SIGINT, before)


def _checked(where: Endpoint, reply: Any) -> Any:
    if isinstance(reply, ErrorText):
        raise FailedError(f"{where.name}: {reply}")
    return reply


def _select(where: Endpoint, database: int) -> None:
    _checked(where, where.call("SELECT", database))


def _size(where: Endpoint, database: int) -> int:
    _select(where, database)
    return int(_checked(where, where.call("DBSIZE")))


def _databases(
    source: Endpoint, target: Endpoint, chosen: list[int], is_all: bool
) -> list[tuple[int, int]]:
    """Which databases go into which."""
    if chosen:
        return [(number, number) for number in chosen]
    if not is_all:
        return [(source.database, target.database)]
    found = []
    for line in bytes(_checked(source, source.call("INFO", "keyspace"))).decode().splitlines():
        name, colon, _ = line.partition(":")
        if colon and name.startswith("db") and name[2:].isdigit():
            found.append((int(name[2:]), int(name[2:])))
    return found


def _of(reply: Any) -> str:
    """An error reply's first word."""
    return str(reply).partition(" ")[0]


class _Copy:
    """One database on its way into another."""

    def __init__(
        self,
        source: Endpoint,
        target: Endpoint,
        number: int,
        match: str | None,
        existing: str,
        batch_keys: int,
        outcome: Outcome,
    ) -> None:
        self._source, self._target = source, target
        self._number = number
        self._pattern = () if match is None else ("MATCH", match)
        self._existing = existing
        self._batch_keys = batch_keys
        self._outcome = outcome
        #: A second client of the source, for keys that are read by commands.
        self._reader: Endpoint | None = None
        #: An engine that understands everybody's dumps.
        self._scratch: Scratch | None = None
        self._knows_deadlines = True
        #: How many dumps the target understood, and how many not.
        self._understood = self._refused = 0

    def close(self) -> None:
        if self._reader is not None:
            self._reader.close()

    # The batches

    def run(self, progress: Progress, interrupt: _Interrupt) -> None:
        """Copies all keys."""
        cursor, keys = self._scanned(self._source.call(*self._scan(b"0")))
        self._ask(keys, cursor)
        while True:
            dumps = self._dumps(keys)
            is_last = cursor == b"0"
            following: list[bytes] = []
            if not is_last:
                cursor, following = self._scanned(self._source.receive())
            sent = self._write(dumps)
            if not is_last:
                self._ask(following, cursor)
            self._settle(sent)
            progress.update(self._outcome.total)
            interrupt.check()
            if is_last:
                return
            keys = following

    def _scan(self, cursor: bytes) -> tuple[Any, ...]:
        return ("SCAN", cursor, *self._pattern, "COUNT", self._batch_keys)

    def _scanned(self, reply: Any) -> tuple[bytes, list[bytes]]:
        cursor, keys = _checked(self._source, reply)
        return cursor, keys

    def _ask(self, keys: list[bytes], cursor: bytes) -> None:
        """Asks the source for these keys, and for the names of the next ones."""
        name = "PEXPIRETIME" if self._knows_deadlines else "PTTL"
        commands: list[tuple[Any, ...]] = []
        for key in keys:
            commands += (("DUMP", key), (name, key))
        if not self._knows_deadlines:
            commands.append(("TIME",))
        if cursor != b"0":
            commands.append(self._scan(cursor))
        self._source.send(commands)

    def _dumps(self, keys: list[bytes]) -> list[tuple[bytes, bytes, int]]:
        """Names, dumps and deadlines (0: none) of the keys that are still there."""
        found: list[tuple[bytes, Any, Any]] = []
        knew = self._knows_deadlines
        for key in keys:
            payload, deadline = self._source.receive(), self._source.receive()
            found.append((key, _checked(self._source, payload), deadline))
        if not knew:
            seconds, micros = _checked(self._source, self._source.receive())
            now_ms = int(seconds) * 1000 + int(micros) // 1000
            found = [(key, p, at + now_ms if at >= 0 else at) for key, p, at in found]
        elif found and isinstance(found[0][2], ErrorText):
            # Redis before 7.0: from now on by what is left.
            self._knows_deadlines = False
            found = [(key, payload, self._deadline_left(key)) for key, payload, _ in found]
        return [(key, p, max(at, 0)) for key, p, at in found if p is not None and at != -2]

    def _deadline_left(self, key: bytes) -> int:
        reader = self._other_source()
        seconds, micros = _checked(reader, reader.call("TIME"))
        left = int(_checked(reader, reader.call("PTTL", key)))
        return left if left < 0 else int(seconds) * 1000 + int(micros) // 1000 + left

    def _write(self, dumps: list[tuple[bytes, bytes, int]]) -> list[tuple[bytes, bytes, int, bool]]:
        """Sends dumps to the target; True with those that were sent."""
        replace = ("REPLACE",) if self._existing == "replace" else ()
        commands, sent = [], []
        # A target that understood none of many will not begin to.
        gives_up = self._refused >= BATCH_KEYS and not self._understood
        for key, payload, deadline in dumps:
            if not gives_up:
                commands.append(("RESTORE", key, deadline, payload, "ABSTTL", *replace))
            sent.append((key, payload, deadline, not gives_up))
        self._target.send(commands)
        return sent

    def _settle(self, sent: list[tuple[bytes, bytes, int, bool]]) -> None:
        """Takes the target's replies, and does what each asks for."""
        open_: list[tuple[bytes, bytes, int, Any]] = []
        for key, payload, deadline, is_sent in sent:
            reply = self._target.receive() if is_sent else None
            if is_sent and not isinstance(reply, ErrorText):
                self._understood += 1
                self._outcome.copied += 1
            else:
                open_.append((key, payload, deadline, reply))
        # All replies are here now, so that others may be asked for.
        self._there_already(
            [item[:3] for item in open_ if item[3] is not None and _of(item[3]) == "BUSYKEY"]
        )
        for key, payload, deadline, reply in open_:
            if reply is not None and _of(reply) == "BUSYKEY":
                continue
            if reply is None or "payload" in reply or "Bad data format" in reply:
                self._refused += reply is not None
                self._by_commands(key, payload, deadline)
            else:
                self._failed(key, reply)

    def _failed(self, key: bytes, reply: Any) -> None:
        if _of(reply) in _FATAL:
            raise FailedError(f"{self._target.name}: {reply}")
        self._outcome.failed += 1
        self._outcome.name(key, str(reply))

    # Keys that the target has

    def _there_already(self, found: list[tuple[bytes, bytes, int]]) -> None:
        if self._existing == "skip":
            self._outcome.kept += len(found)
            return
        commands: list[tuple[Any, ...]] = []
        for key, _, _ in found:
            commands += (("DUMP", key), ("PEXPIRETIME", key))
        self._target.send(commands)
        # First all replies: another thing may have to be asked for.
        replies = [(self._target.receive(), self._target.receive()) for _ in found]
        for (key, payload, deadline), (theirs, at) in zip(found, replies, strict=True):
            is_timely = isinstance(at, ErrorText) or max(at, 0) == deadline
            if is_timely and isinstance(theirs, bytes) and self._is_equal(payload, theirs):
                self._outcome.equal += 1
            else:
                self._outcome.conflicts += 1
                self._outcome.name(key, "the target has it with other content")

    def _is_equal(self, payload: bytes, theirs: bytes) -> bool:
        is_common = payload[0] < _FAMILY_TYPES
        if is_common and theirs[:-_FOOTER_BYTES] == payload[:-_FOOTER_BYTES]:
            return True
        ours = self._content(payload)
        return ours is not None and ours == self._content(theirs)

    def _content(self, payload: bytes) -> Any:
        """What a dump holds, in a form that compares; None if nobody knows."""
        if self._scratch is None:
            self._scratch = Scratch()
        scratch = self._scratch
        try:
            scratch.call("RESTORE", "it", 0, payload, "REPLACE")
            found = read(scratch.call, b"it")
        except (ReplyError, ReadError):
            return None
        return None if found is None else (found[0], comparable(*found))

    # By the commands of its type

    def _other_source(self) -> Endpoint:
        if self._reader is None:
            self._reader = self._source.other()
            _select(self._reader, self._number)
        return self._reader

    def _by_commands(self, key: bytes, payload: bytes, deadline: int) -> None:
        if self._existing != "replace" and self._target.call("EXISTS", key):
            self._there_by_commands(key, deadline)
            return
        try:
            found = read(self._other_source().call, key)
        except ReadError as problem:
            self._failed(key, str(problem))
            return
        if found is None:
            return
        commands: list[tuple[Any, ...]] = [("MULTI",), ("DEL", key)]
        commands += values.commands(key, *found)
        if deadline:
            commands.append(("PEXPIREAT", key, deadline))
        commands.append(("EXEC",))
        self._target.send(commands)
        replies = [self._target.receive() for _ in commands]
        problems = [reply for reply in replies[:-1] if isinstance(reply, ErrorText)]
        if not problems and isinstance(replies[-1], list):
            problems = [reply for reply in replies[-1] if isinstance(reply, ErrorText)]
            if problems:
                # Half a key is worse than none.
                self._target.call("DEL", key)
        if problems or isinstance(replies[-1], ErrorText):
            self._failed(key, problems[0] if problems else replies[-1])
        else:
            self._outcome.copied += 1

    def _there_by_commands(self, key: bytes, deadline: int) -> None:
        if self._existing == "skip":
            self._outcome.kept += 1
            return
        their_deadline = self._target.call("PEXPIRETIME", key)
        ours, theirs = (
            self._read(self._other_source().call, key),
            self._read(self._target.call, key),
        )
        is_timely = isinstance(their_deadline, ErrorText) or max(their_deadline, 0) == deadline
        if is_timely and ours is not None and ours == theirs:
            self._outcome.equal += 1
        else:
            self._outcome.conflicts += 1
            self._outcome.name(key, "the target has it with other content")

    @staticmethod
    def _read(call: Caller, key: bytes) -> Any:
        try:
            found = read(call, key)
        except ReadError:
            return None
        return None if found is None else (found[0], comparable(*found))
