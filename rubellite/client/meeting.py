"""Where processes meet that share a store: a Unix socket, in the data directory if it has one.

The name of a Unix socket has at most 107 bytes. A directory with a longer name is reached
through a descriptor of it (`/proc/self/fd`) or, without that and for other programs,
through a link with a short name.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    # A store in memory meets nobody, and importing it takes long.
    import socket

SOCKET_NAME = "rubellite.sock"
_NAME_BYTES_MAX = 107
_BACKLOG = 511

#: What systems say of a file system that has no sockets.
_NO_SOCKETS = (errno.EPERM, errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS)


class NoSocketsError(Exception):
    """The directory's file system has no sockets."""


class WrongUserError(Exception):
    """The socket is another user's."""


class Place:
    """The socket of one store: in its directory, or anywhere else at `path`."""

    def __init__(self, directory: str | None = None, path: str | None = None) -> None:
        self.directory = directory
        self._path = path

    @property
    def name(self) -> str:
        """The directory or the socket, for messages."""
        return self.directory or self._path or ""

    def path(self) -> str:
        """A path of the socket for other programs and other libraries."""
        if self.directory is None:
            assert self._path is not None
            return self._path
        path = os.path.join(self.directory, SOCKET_NAME)
        return path if _is_short(path) else os.path.join(_short(self.directory), SOCKET_NAME)

    def connect(self) -> socket.socket:
        """A connection to who listens there.

        Fails with `OSError` if nobody does, `WrongUserError` if it is another user.
        """
        import socket

        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            with self._named() as path:
                connection.connect(path)
            _check_user(connection, self.name)
        except PermissionError:
            connection.close()
            raise WrongUserError(f"{self.name} is held by another user") from None
        except BaseException:
            connection.close()
            raise
        return connection

    def listen(self) -> socket.socket:
        """A socket that listens there, for this user only; what was left behind is replaced.

        Only for who holds the directory. Fails with `NoSocketsError`, `OSError`.
        """
        import socket

        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            with self._named() as path:
                remove_socket(path)
                listener.bind(path)
                # Nobody can connect before it listens.
                os.chmod(path, 0o600)
            listener.listen(_BACKLOG)
        except OSError as problem:
            listener.close()
            if problem.errno in _NO_SOCKETS:
                raise NoSocketsError(str(problem)) from None
            raise
        return listener

    def remove(self) -> None:
        """Removes the socket."""
        with self._named() as path:
            remove_socket(path)

    def is_there(self) -> bool:
        """Whether there is a socket, somebody at it or not."""
        with self._named() as path:
            return os.path.lexists(path)

    def has_sockets(self) -> bool:
        """Whether the directory's file system has sockets: one is made, and removed."""
        if self.directory is None:
            return True
        import socket

        probe = Place(self.directory)
        with probe._named(f".{SOCKET_NAME}.{os.getpid()}") as path:
            try:
                with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as trial:
                    trial.bind(path)
            except OSError as problem:
                return problem.errno not in _NO_SOCKETS
            remove_socket(path)
        return True

    @contextmanager
    def _named(self, name: str = SOCKET_NAME) -> Iterator[str]:
        """A name of the socket that is short enough, while this lasts."""
        if self.directory is None:
            assert self._path is not None
            yield self._path
            return
        path = os.path.join(self.directory, name)
        if _is_short(path):
            yield path
            return
        descriptor = os.open(self.directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            through = f"/proc/self/fd/{descriptor}"
            if not os.path.isdir(through):
                through = _short(self.directory)
            yield os.path.join(through, name)
        finally:
            os.close(descriptor)


def remove_socket(path: str) -> None:
    """Removes a socket; any other file in its place is an error."""
    try:
        if not stat.S_ISSOCK(os.lstat(path).st_mode):
            raise FileExistsError(errno.EEXIST, "is in the way of a socket", path)
        os.unlink(path)
    except FileNotFoundError:
        pass


def _is_short(path: str) -> bool:
    return len(os.fsencode(path)) <= _NAME_BYTES_MAX


def _short(directory: str) -> str:
    """A link to the directory with a short name, the same one every time."""
    # Few paths are so long, and importing these takes long, too.
    import hashlib
    import tempfile

    links = os.path.join(tempfile.gettempdir(), f"rubellite-{os.geteuid()}")
    os.makedirs(links, mode=0o700, exist_ok=True)
    facts = os.lstat(links)
    if not stat.S_ISDIR(facts.st_mode) or facts.st_uid != os.geteuid() or facts.st_mode & 0o022:
        raise PermissionError(errno.EPERM, "is not this user's alone", links)
    target = os.path.realpath(directory)
    link = os.path.join(links, hashlib.sha256(os.fsencode(target)).hexdigest()[:16])
    try:
        os.symlink(target, link)
    except FileExistsError:
        if os.readlink(link) != target:
            raise
    return link


def _check_user(connection: socket.socket, name: str) -> None:
    """Refuses a holder that is another user; where systems do not tell, permissions must do."""
    import socket
    import struct

    if not hasattr(socket, "SO_PEERCRED"):
        return
    size = struct.calcsize("3i")
    found = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size)
    _, user, _ = struct.unpack("3i", found)
    if user != os.geteuid():
        raise WrongUserError(f"{name} is held by user {user}, and this is user {os.geteuid()}")
