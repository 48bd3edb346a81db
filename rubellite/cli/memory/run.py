"""Weighs the keys of a server, or of files loaded into this process, and reports.

Names come from SCAN, in batches; TYPE, MEMORY USAGE and OBJECT ENCODING of a batch are one
round trip, how many elements each has another. A server does nothing that blocks it longer
than one key takes. Files are loaded into an engine that nobody else sees.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from rubellite.cli import sources
from rubellite.cli.endpoints import Server
from rubellite.cli.memory import report, treemap
from rubellite.cli.memory.tally import Big, Summary
from rubellite.cli.new_files import RefusedError, check_target, new_file
from rubellite.cli.progress import Progress
from rubellite.cli.scratch import Scratch
from rubellite.client.resp import ConnectError, ErrorText
from rubellite.errors import ReplyError

#: Keys of a batch: enough to hide the way there and back.
BATCH_KEYS = 500
#: What tells how many elements there are.
_LENGTHS = {
    "list": "LLEN",
    "set": "SCARD",
    "hash": "HLEN",
    "zset": "ZCARD",
    "stream": "XLEN",
}


class FailedError(Exception):
    """The run cannot go on; `str()` says why, in one line."""


@dataclass(frozen=True, slots=True)
class Options:
    """What was asked for."""

    separator: str = ":"
    depth: int = 3
    top: int = 10
    #: Keys to weigh at most; None: all.
    sample: int | None = None
    #: Elements of each value that the server looks at; 0: all; None: as it likes.
    elements: int | None = None
    databases: Sequence[int] = ()
    as_json: bool = False
    html: str | None = None
    svg: str | None = None
    force: bool = False
    load: Sequence[str] = ()


class _Loaded:
    """An engine with what is in files, as `Server` is used."""

    def __init__(self, path: str, load: Iterable[str]) -> None:
        found = sources.find(path)
        if found.kind == "json":
            raise RefusedError(f"{path}: JSON lines, not a snapshot or append-only files")
        self.name, self.database = path, 0
        scratch = Scratch(load=load)
        with Progress("loading", found.size) as progress:
            done = 0
            for at, file in enumerate(found.files):
                progress.update(done)
                scratch.load(file, is_last=at == len(found.files) - 1)
                done += os.path.getsize(file)
        self.left_out = scratch.left_out
        self._session = scratch.session(0)
        # It lives as long as its session is used.
        self._scratch = scratch

    def pipeline(self, commands: Sequence[Sequence[Any]]) -> list[Any]:
        return [self.call(*words) for words in commands]

    def call(self, *words: Any) -> Any:
        try:
            return self._session.call(*words)
        except ReplyError as problem:
            return ErrorText(problem)

    def close(self) -> None:
        """Nothing is open."""


class _Alive(Server):
    """A server."""

    left_out: Sequence[str] = ()

    def pipeline(self, commands: Sequence[Sequence[Any]]) -> list[Any]:
        self.send(commands)
        return [self.receive() for _ in commands]


_Target = _Loaded | _Alive


def memory(target: str, options: Options) -> int:
    """Reports on the memory of `target`; returns the exit status."""
    try:
        _check(options)
        with _opened(target, options) as where:
            facts = _facts(where)
            summary = _weigh(where, options)
        told = report.Told(where.name, facts, summary, options.separator, options.depth)
        _write(told, options)
        if options.as_json:
            report.write_json(told, sys.stdout)
        else:
            report.write_text(told, sys.stdout, options.top)
        sys.stdout.flush()
        for what in where.left_out:
            sys.stderr.write(f"left out: {what}\n")
    except BrokenPipeError:
        # Whoever read our output has enough of it. Python must not try to write the rest.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (FailedError, RefusedError, ConnectError, OSError, ValueError) as problem:
        text = str(problem)
        if isinstance(problem, OSError) and problem.strerror:
            text = f"{problem.filename or target}: {problem.strerror}"
        sys.stderr.write(f"rubellite memory: {text}\n")
        return 1
    return 0


def _check(options: Options) -> None:
    """Refuses before the work what cannot end well."""
    if not options.separator:
        raise RefusedError("--separator: nothing separates no prefixes")
    for name, value, least in (
        ("--depth", options.depth, 1),
        ("--top", options.top, 1),
        ("--sample", options.sample, 1),
        ("--elements", options.elements, 0),
    ):
        if value is not None and value < least:
            raise RefusedError(f"{name} {value}: must be {least} or more")
    for path in (options.html, options.svg):
        if path is not None:
            check_target(path, is_folder=False, force=options.force)


@contextmanager
def _opened(target: str, options: Options) -> Iterator[_Target]:
    if not target:
        raise RefusedError("an empty path names no data")
    where: _Target
    if "://" in target:
        where = _Alive(target, program="rubellite-memory")
    else:
        where = _Loaded(target, options.load)
    try:
        yield where
    finally:
        where.close()


def _checked(where: _Target, reply: Any) -> Any:
    if isinstance(reply, ErrorText):
        raise FailedError(f"{where.name}: {reply}")
    return reply


def _fields(reply: Any) -> dict[str, str]:
    """INFO's lines; none if it may not be asked."""
    if not isinstance(reply, bytes):
        return {}
    lines = (line.partition(":") for line in reply.decode("utf-8", "replace").splitlines())
    return {name: value for name, colon, value in lines if colon}


def _facts(where: _Target) -> dict[str, str]:
    """What an alive server says of itself and its memory; of files nothing."""
    if isinstance(where, _Loaded):
        return {}
    return {**_fields(where.call("INFO", "server")), **_fields(where.call("INFO", "memory"))}


def _databases(where: _Target, options: Options) -> dict[int, int]:
    """The databases to look at, with the number of their keys."""
    numbers: Iterable[int] = options.databases or ((where.database,) if where.database else ())
    if not numbers:
        fields = _fields(_checked(where, where.call("INFO", "keyspace")))
        numbers = [int(name[2:]) for name in fields if name[:2] == "db" and name[2:].isdigit()]
    found = {}
    for number in sorted(set(numbers)):
        _checked(where, where.call("SELECT", number))
        found[number] = int(_checked(where, where.call("DBSIZE")))
    return {number: keys for number, keys in found.items() if keys}


def _weigh(where: _Target, options: Options) -> Summary:
    summary = Summary(
        options.separator.encode("utf-8", "surrogateescape"), options.depth, options.top
    )
    databases = _databases(where, options)
    summary.is_by_database = len(databases) > 1
    summary.there = sum(databases.values())
    wanted = options.sample
    summary.is_sample = wanted is not None and wanted < summary.there
    goal = wanted if summary.is_sample and wanted is not None else summary.there
    with Progress("weighing", goal, "keys") as progress:
        for number, keys in databases.items():
            quota = None
            if summary.is_sample:
                quota = max(1, round(goal * keys / summary.there))
            _checked(where, where.call("SELECT", number))
            above = b"db%d" % number if summary.is_by_database else b""
            _Database(where, options, summary, number, above, progress).weigh(keys, quota)
    return summary


class _Database:
    """One database on the scales."""

    def __init__(
        self,
        where: _Target,
        options: Options,
        summary: Summary,
        number: int,
        above: bytes,
        progress: Progress,
    ) -> None:
        self._where, self._summary, self._progress = where, summary, progress
        self._number, self._above = number, above
        self._samples = () if options.elements is None else ("SAMPLES", options.elements)

    def weigh(self, keys: int, quota: int | None) -> None:
        """Weighs all keys, or `quota` of `keys`, each of which then stands for several."""
        weight = 1.0 if quota is None else keys / quota
        seen, cursor = 0, b"0"
        while True:
            words = ("SCAN", cursor, "COUNT", BATCH_KEYS)
            cursor, names = _checked(self._where, self._where.call(*words))
            if quota is not None:
                names = names[: quota - seen]
            seen += len(names)
            for big in self._batch(names):
                self._summary.add(big, weight, self._above)
            self._progress.update(self._summary.weighed)
            if cursor == b"0" or seen == quota:
                return

    def _batch(self, names: list[bytes]) -> Iterator[Big]:
        commands: list[tuple[Any, ...]] = []
        for name in names:
            commands += (
                ("TYPE", name),
                ("MEMORY", "USAGE", name, *self._samples),
                ("OBJECT", "ENCODING", name),
            )
        replies = self._where.pipeline(commands)
        found = []
        for at, name in enumerate(names):
            kind, size, encoding = replies[3 * at : 3 * at + 3]
            size = _checked(self._where, size)
            kind = _text(_checked(self._where, kind))
            # It may have gone between two commands.
            if size is not None and kind != "none":
                found.append((name, kind, int(size), _text(encoding)))
        asked = [(_LENGTHS[kind], name) for name, kind, _, _ in found if kind in _LENGTHS]
        lengths = iter(self._where.pipeline(asked))
        for name, kind, size, encoding in found:
            length = next(lengths) if kind in _LENGTHS else None
            elements = length if isinstance(length, int) else None
            yield Big(size, self._number, name, kind, encoding, elements)


def _text(reply: Any) -> str:
    if isinstance(reply, ErrorText) or reply is None:
        return "?"
    return reply.decode("utf-8", "backslashreplace") if isinstance(reply, bytes) else str(reply)


def _write(told: report.Told, options: Options) -> None:
    for path, write in ((options.html, treemap.html_page), (options.svg, treemap.svg_image)):
        if path is not None:
            with new_file(path, force=options.force) as name:
                with open(name, "w", encoding="utf-8") as file:
                    file.write(write(told))
