"""The least RESP2 that a load generator needs: encode commands, send many, read replies.

Own code instead of redis-py, because loading half a million keys must not take
longer than measuring them, and because a benchmark may not measure a client library.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable
from itertools import islice
from typing import TypeAlias

# Replies to one batch must fit the socket buffers: we send it whole before reading.
BATCH_COMMANDS = 500


class ReplyError(Exception):
    """An error reply: this server refuses, or does not know, the command."""


Reply: TypeAlias = "bytes | int | ReplyError | list[Reply] | None"


def encode(*arguments: bytes | str | int) -> bytes:
    """One command as a RESP array of bulk strings."""
    parts = [b"*%d\r\n" % len(arguments)]
    for argument in arguments:
        data = argument if isinstance(argument, bytes) else str(argument).encode()
        parts.append(b"$%d\r\n%s\r\n" % (len(data), data))
    return b"".join(parts)


class Connection:
    """A blocking connection to a server on the loopback interface."""

    def __init__(self, port: int, timeout_s: float = 120.0) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=timeout_s)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._reader = self.socket.makefile("rb", buffering=1 << 16)

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._reader.close()
        self.socket.close()

    def send(self, payload: bytes) -> None:
        self.socket.sendall(payload)

    def call(self, *arguments: bytes | str | int) -> Reply:
        """Sends one command and returns its reply; an error reply is raised."""
        return self.call_encoded(encode(*arguments))

    def call_encoded(self, payload: bytes) -> Reply:
        self.send(payload)
        reply = self.read_reply()
        if isinstance(reply, ReplyError):
            raise reply
        return reply

    def load(self, commands: Iterable[bytes], batch_commands: int = BATCH_COMMANDS) -> int:
        """Pipelines encoded commands in batches and returns how many; the first error is raised."""
        iterator = iter(commands)
        count = 0
        while batch := list(islice(iterator, batch_commands)):
            self.send(b"".join(batch))
            # Every reply is read before an error is raised, so the connection stays usable.
            replies = [self.read_reply() for _ in batch]
            for reply in replies:
                if isinstance(reply, ReplyError):
                    raise reply
            count += len(batch)
        return count

    def read_reply(self) -> Reply:
        line = self._reader.readline()
        if not line.endswith(b"\r\n"):
            raise ConnectionError("the server closed the connection")
        kind, rest = line[:1], line[1:-2]
        if kind == b"+":
            return rest
        if kind == b"-":
            return ReplyError(rest.decode(errors="replace"))
        if kind == b":":
            return int(rest)
        length = int(rest)
        if length < 0:
            return None
        if kind == b"$":
            data: bytes = self._reader.read(length + 2)
            if len(data) != length + 2:
                raise ConnectionError("the server closed the connection")
            return data[:-2]
        if kind == b"*":
            return [self.read_reply() for _ in range(length)]
        raise ConnectionError(f"not a RESP2 reply: {line!r}")
