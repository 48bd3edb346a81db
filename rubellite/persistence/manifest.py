"""The manifest of the append-only files: which there are, and in which order.

    file appendonly.aof.2.base.rdb seq 2 type b     the snapshot to begin with
    file appendonly.aof.2.incr.aof seq 2 type i     what came after it, one or more
    file appendonly.aof.1.base.rdb seq 1 type h     no longer needed, to be removed

It is replaced as a whole (temporary name, fsync, rename, fsync of the directory), so
that it always names files that together are the data.
"""

from __future__ import annotations

import contextlib
import os
import re

from rubellite.record import Record, made


class ManifestError(Exception):
    """The manifest cannot be read; `str()` says where and why."""


class Manifest(Record):
    """Files by name with their sequence numbers."""

    base: tuple[str, int] | None = None
    increments: list[tuple[str, int]] = made(factory=list)
    history: list[tuple[str, int]] = made(factory=list)

    @property
    def last_number(self) -> int:
        """The highest number of any file so far."""
        files = [*self.increments, *self.history, *([self.base] if self.base else [])]
        return max((number for _, number in files), default=0)

    @property
    def last_increment(self) -> int:
        """The highest number of an increment so far."""
        return max((number for _, number in self.increments), default=0)

    def text(self) -> str:
        """The manifest's file."""
        lines = []
        if self.base:
            lines.append(_line(*self.base, "b"))
        lines += [_line(name, number, "h") for name, number in self.history]
        lines += [_line(name, number, "i") for name, number in self.increments]
        return "".join(lines)


def _line(name: str, number: int, kind: str) -> str:
    shown = name if re.fullmatch(r"[\w.+-]+", name) else '"{}"'.format(name.replace('"', '\\"'))
    return f"file {shown} seq {number} type {kind}\n"


def parse(text: str) -> Manifest:
    """Reads a manifest; fails with `ManifestError`."""
    # Only who has files reads any.
    import shlex

    manifest = Manifest()
    for at, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        try:
            words = shlex.split(line)
            facts = dict(zip(words[::2], words[1::2], strict=True))
            name, number, kind = facts["file"], int(facts["seq"]), facts["type"]
        except (ValueError, KeyError):
            raise ManifestError(f"line {at}: {line!r} is not `file NAME seq N type T`") from None
        if "/" in name or name in ("", ".", ".."):
            raise ManifestError(f"line {at}: {name!r} is not the name of a file")
        if kind == "b" and manifest.base is None:
            manifest.base = (name, number)
        elif kind == "i" and number > manifest.last_increment:
            manifest.increments.append((name, number))
        elif kind == "h":
            manifest.history.append((name, number))
        else:
            raise ManifestError(f"line {at}: a second base, or an increment out of order")
    return manifest


def read(path: str) -> Manifest | None:
    """The manifest at `path`; None if there is none. Fails with `ManifestError`."""
    try:
        with open(path, encoding="utf-8") as file:
            return parse(file.read())
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as problem:
        raise ManifestError(str(problem)) from None


def write(path: str, manifest: Manifest) -> None:
    """Replaces the manifest at `path`; fails with `OSError`.

    Then the old one stands, or, if the directory could not be forced to disk, either.
    """
    temporary = f"{os.path.dirname(path)}/temp-{os.path.basename(path)}"
    try:
        with open(temporary, "w", encoding="utf-8") as file:
            file.write(manifest.text())
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
    sync_directory(os.path.dirname(path))


def make_directory(path: str) -> None:
    """Makes a directory, whose name is then on disk; fails with `OSError`."""
    if not os.path.isdir(path):
        os.makedirs(path)
        sync_directory(os.path.dirname(path))


def sync_directory(path: str) -> None:
    """Forces the names in a directory to disk; fails with `OSError`."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
