"""What a tool writes is there whole or not at all.

A file or folder is written under a temporary name beside its own, forced to disk and
renamed. What stood there before is replaced only if that was asked for, and a folder
only if there is nothing in it but append-only files.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from rubellite.persistence import manifest as manifests

#: What an append-only folder of ours or of real servers holds.
_OF_APPEND_ONLY = re.compile(r".+\.manifest|.+\.\d+\.(base\.rdb|base\.aof|incr\.aof)")


class RefusedError(Exception):
    """What was asked for is not done; `str()` says why, in one line."""


def _place(path: str) -> tuple[str, str]:
    """The folder that `path` is in, and a temporary name there."""
    folder, name = os.path.split(os.path.abspath(path))
    if not os.path.isdir(folder):
        raise RefusedError(f"{path}: there is no folder {folder}")
    return folder, os.path.join(folder, f"temp-{os.getpid()}-{name}")


def check_target(path: str, *, is_folder: bool, force: bool) -> None:
    """Fails with `RefusedError` unless `path` may be written."""
    if os.path.isdir(path):
        if not is_folder:
            raise RefusedError(f"{path}: a folder stands there")
        strange = [name for name in os.listdir(path) if not _OF_APPEND_ONLY.fullmatch(name)]
        if strange:
            raise RefusedError(f"{path}: holds more than append-only files ({strange[0]})")
        if os.listdir(path) and not force:
            raise RefusedError(f"{path}: exists; --force replaces it")
    elif os.path.lexists(path):
        if is_folder:
            raise RefusedError(f"{path}: a file stands there")
        if not force:
            raise RefusedError(f"{path}: exists; --force replaces it")


@contextmanager
def new_file(path: str, *, force: bool = False) -> Iterator[str]:
    """The name to write a file under; it becomes `path` if the block ends well.

    Fails with `RefusedError` where it may not be written, `OSError` where it cannot be.
    """
    check_target(path, is_folder=False, force=force)
    folder, temporary = _place(path)
    try:
        yield temporary
        _sync(temporary)
        # Somebody may have come first, in the meantime.
        check_target(path, is_folder=False, force=force)
        os.replace(temporary, path)
        manifests.sync_directory(folder)
    finally:
        if os.path.exists(temporary):
            os.unlink(temporary)


@contextmanager
def new_folder(path: str, *, force: bool = False) -> Iterator[str]:
    """As `new_file`, for a folder of append-only files.

    The old folder is renamed out of the way before the new one takes its name; both
    renames are two steps, so a power cut between them leaves the old one as `temp-…-old`.
    """
    path = path.rstrip(os.sep) or os.sep
    check_target(path, is_folder=True, force=force)
    folder, temporary = _place(path)
    old = f"{temporary}-old"
    os.mkdir(temporary)
    try:
        yield temporary
        for name in os.listdir(temporary):
            _sync(os.path.join(temporary, name))
        manifests.sync_directory(temporary)
        check_target(path, is_folder=True, force=force)
        if os.path.isdir(path):
            os.rename(path, old)
        os.rename(temporary, path)
        manifests.sync_directory(folder)
        shutil.rmtree(old, ignore_errors=True)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _sync(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
