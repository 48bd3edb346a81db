"""The working directory belongs to one server that writes to it.

Two servers that saved into one directory would overwrite each other's data. So whoever
keeps data there holds a lock on the directory itself, which the system takes back when
the process ends, however that ends. A server that keeps nothing needs none: any number
of those may share a directory, as with Redis.
"""

from __future__ import annotations

import os

try:
    import fcntl
except ImportError:  # Windows; there the second server fails when it renames its file.
    fcntl = None  # type: ignore[assignment]


class InUseError(Exception):
    """Another server keeps its data in the directory."""


class DirectoryLock:
    """The lock, once it is taken."""

    def __init__(self) -> None:
        self._descriptor: int | None = None
        self._path = ""

    def take(self, path: str) -> None:
        """Takes the lock of a directory, in the place of the one it had."""
        path = os.path.realpath(path)
        if path == self._path or fcntl is None:
            return
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            # A directory that cannot be opened cannot be written to either: saving says so.
            return
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            raise InUseError(
                f"another server keeps its data in {path}; give each server a directory of "
                "its own with --dir, or keep nothing with --save '' --appendonly no"
            ) from None
        except OSError:
            # Some network file systems know no locks.
            os.close(descriptor)
            return
        self.release()
        self._descriptor, self._path = descriptor, path

    @property
    def is_taken(self) -> bool:
        """Whether there is a lock; some file systems know none."""
        return self._descriptor is not None

    def release(self) -> None:
        """Gives the lock back."""
        if self._descriptor is not None and fcntl is not None:
            # Closing alone would leave it to a child that has inherited the descriptor.
            fcntl.flock(self._descriptor, fcntl.LOCK_UN)
        self.abandon()

    def abandon(self) -> None:
        """In a child after a fork: the lock is the parent's, and goes when that ends."""
        if self._descriptor is not None:
            os.close(self._descriptor)
        self._descriptor, self._path = None, ""
