"""A connection to a server that hides nothing: for the tools.

redis-py turns replies into what is handy; here they keep their types, for they are shown.

    simple string  Status      integer  int      array  list      null  None
    error          ErrorText   double   Double   set    Members   push  Push
    bulk string    bytes       boolean  bool     map    Map
    verbatim       Verbatim    big number  BigNumber
"""

from __future__ import annotations

import os
import socket
import ssl
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

Word = bytes | str | int | float

CONNECT_SECONDS_MAX = 10.0


class Status(str):
    """A simple string."""

    __slots__ = ()


class ErrorText(str):
    """An error reply."""

    __slots__ = ()


class Double(str):
    """A double as it was written."""

    __slots__ = ()


class BigNumber(str):
    """A number of any size."""

    __slots__ = ()


class Verbatim(bytes):
    """Text, without the format that stood before it."""

    __slots__ = ()


class Members(list[Any]):
    """A set, in the order in which it came."""


class Map(list[Any]):
    """A map as a flat list of keys and values."""


class Push(list[Any]):
    """What nobody asked for: a message, an invalidation."""


class ConnectError(Exception):
    """There is no connection; `str()` says to whom, and why, in one line."""


class LostError(ConnectError):
    """The connection ended."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server is, and who we are there."""

    host: str = "127.0.0.1"
    port: int = 6379
    #: A Unix socket's path; host and port mean nothing then.
    path: str = ""
    user: str = ""
    password: str | None = None
    database: int = 0
    is_tls: bool = False
    #: Files in PEM.
    ca_file: str = ""
    certificate_file: str = ""
    key_file: str = ""
    #: Whether the server must prove who it is.
    verifies: bool = True
    #: The name that it must prove, if that is not the host.
    server_name: str = ""

    def __str__(self) -> str:
        if self.path:
            return self.path
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


def parse_url(url: str, base: Address | None = None) -> Address:
    """The address in `redis://`, `rediss://`, `unix://`; fails with `ValueError`.

    What it does not say is as in `base`. Options after `?` are redis-py's: `db`,
    `ssl_ca_certs`, `ssl_certfile`, `ssl_keyfile`, `ssl_cert_reqs=none`.
    """
    address = base or Address()
    try:
        split = urlsplit(url)
        host, port = split.hostname, split.port
    except ValueError:
        raise ValueError(f'"{hidden(url)}" is no URL') from None
    scheme = split.scheme.lower()
    if scheme not in ("redis", "rediss", "unix"):
        raise ValueError(
            f'URL scheme "{scheme}" is unknown (use redis://, rediss://, unix:// or a path)'
        )
    if split.username:
        address = replace(address, user=unquote(split.username))
    if split.password is not None:
        address = replace(address, password=unquote(split.password))
    elif split.username and scheme != "unix" and ":" not in split.netloc.rpartition("@")[0]:
        # redis-cli's reading: a lone word is the password.
        address = replace(address, user="", password=unquote(split.username))
    if scheme == "unix":
        path = unquote(split.path)
        if not path:
            raise ValueError(f'"{hidden(url)}" names no socket')
        address = replace(address, path=path)
    else:
        address = replace(address, is_tls=address.is_tls or scheme == "rediss")
        address = replace(address, host=host or address.host, port=port or address.port)
        if split.path.strip("/"):
            address = replace(address, database=_database(split.path.strip("/")))
    for name, value in parse_qsl(split.query, keep_blank_values=True):
        if name == "db":
            address = replace(address, database=_database(value))
        elif name == "ssl_ca_certs":
            address = replace(address, ca_file=value)
        elif name == "ssl_certfile":
            address = replace(address, certificate_file=value)
        elif name == "ssl_keyfile":
            address = replace(address, key_file=value)
        elif name == "ssl_cert_reqs" and value in ("none", "required"):
            address = replace(address, verifies=value == "required")
        else:
            raise ValueError(f'the option "{name}={value}" of a URL is unknown')
    return address


def _database(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise ValueError(f'database "{text}" is not a number')
    return int(text)


def hidden(url: str) -> str:
    """A URL as it may be shown: without its password."""
    head, mark, rest = url.partition("://")
    credentials, at, place = rest.rpartition("@")
    if not at:
        return url
    user, colon, _ = credentials.partition(":")
    return f"{head}{mark}{user + colon if colon else ''}***@{place}"


def encode(words: Sequence[Word]) -> bytes:
    """A command as an array of bulk strings."""
    parts = [b"*%d\r\n" % len(words)]
    for word in words:
        data = word if isinstance(word, bytes) else str(word).encode("utf-8", "surrogateescape")
        parts += (b"$%d\r\n" % len(data), data, b"\r\n")
    return b"".join(parts)


class Connection:
    """One connection, for one thread.

    Fails with `ConnectError` where there is none, and with `LostError` once it has ended.
    """

    def __init__(self, address: Address, protocol: int = 2, client_name: str = "") -> None:
        self.address = address
        #: The protocol that is spoken.
        self.protocol = 2
        #: What the server said of itself to HELLO.
        self.greeting: Any = None
        self._socket = _open(address)
        self._file = self._socket.makefile("rb", 1 << 16)
        try:
            self._introduce(protocol, client_name)
        except BaseException:
            self.close()
            raise

    def _introduce(self, protocol: int, client_name: str) -> None:
        address = self.address
        if address.password is not None:
            names = (address.user,) if address.user else ()
            self._must(self.call("AUTH", *names, address.password))
        if protocol == 3:
            reply = self.call("HELLO", "3")
            if not isinstance(reply, ErrorText):
                self.protocol, self.greeting = 3, reply
            elif reply.startswith(("NOAUTH", "WRONGPASS")):
                self._must(reply)
        if address.database:
            self._must(self.call("SELECT", address.database))
        if client_name:
            # Old servers know no names.
            self.call("CLIENT", "SETNAME", client_name)

    def _must(self, reply: Any) -> None:
        if isinstance(reply, ErrorText):
            raise ConnectError(f"{self.address}: {reply}")

    def close(self) -> None:
        """Ends the connection."""
        self._file.close()
        self._socket.close()

    def fileno(self) -> int:
        """For `select`."""
        return self._socket.fileno()

    def is_gone(self) -> bool:
        """Whether the server has ended the connection while nobody read from it."""
        if self.address.is_tls:
            # Its records cannot be looked at without taking them.
            return False
        try:
            self._socket.setblocking(False)
            try:
                return not self._socket.recv(1, socket.MSG_PEEK)
            finally:
                self._socket.setblocking(True)
        except BlockingIOError:
            return False
        except OSError:
            return True

    def send(self, data: bytes) -> None:
        """Sends encoded commands."""
        try:
            self._socket.sendall(data)
        except OSError as problem:
            raise self._lost(problem) from None

    def call(self, *words: Word) -> Any:
        """The reply to a command, an error reply included. Pushes before it are dropped."""
        self.send(encode(words))
        return self.reply()

    def pipeline(self, commands: Iterable[Sequence[Word]]) -> list[Any]:
        """The replies to several commands."""
        encoded = [encode(words) for words in commands]
        self.send(b"".join(encoded))
        return [self.reply() for _ in encoded]

    def reply(self) -> Any:
        """The next reply that is no push."""
        while isinstance(reply := self.receive(), Push):
            pass
        return reply

    def receive(self) -> Any:
        """The next reply or push."""
        try:
            return self._read()
        except (OSError, ValueError) as problem:
            raise self._lost(problem) from None

    def _lost(self, problem: Exception) -> LostError:
        why = problem.strerror if isinstance(problem, OSError) else str(problem)
        return LostError(f"{self.address}: the connection was lost ({why})")

    def _read(self) -> Any:
        line = self._file.readline()
        if not line.endswith(b"\r\n"):
            raise ValueError("closed by the server")
        kind, rest = line[:1], line[1:-2]
        if kind == b"$":
            length = int(rest)
            return None if length < 0 else self._body(length)
        if kind == b":":
            return int(rest)
        if kind == b"+":
            return Status(rest.decode("utf-8", "backslashreplace"))
        if kind == b"-":
            return ErrorText(rest.decode("utf-8", "backslashreplace"))
        if kind == b"*":
            count = int(rest)
            return None if count < 0 else [self._read() for _ in range(count)]
        return self._read_third(kind, rest)

    def _read_third(self, kind: bytes, rest: bytes) -> Any:
        """What only RESP3 has."""
        if kind == b"_":
            return None
        if kind == b"#":
            return rest == b"t"
        if kind == b",":
            return Double(rest.decode("ascii"))
        if kind == b"(":
            return BigNumber(rest.decode("ascii"))
        if kind == b"=":
            return Verbatim(self._body(int(rest))[4:])
        if kind == b"!":
            return ErrorText(self._body(int(rest)).decode("utf-8", "backslashreplace"))
        if kind == b"%":
            return Map(self._read() for _ in range(2 * int(rest)))
        if kind == b"~":
            return Members(self._read() for _ in range(int(rest)))
        if kind == b">":
            return Push(self._read() for _ in range(int(rest)))
        if kind == b"|":
            # An attribute belongs to the reply behind it; nobody asked for it.
            for _ in range(2 * int(rest)):
                self._read()
            return self._read()
        raise ValueError("what it sends is not RESP")

    def _body(self, length: int) -> bytes:
        data: bytes = self._file.read(length + 2)
        if len(data) < length + 2:
            raise ValueError("closed by the server")
        return data[:-2]


def _open(address: Address) -> socket.socket:
    try:
        return _connected(address)
    except ssl.SSLCertVerificationError as problem:
        why = f"its certificate cannot be trusted ({problem.verify_message})"
        raise ConnectError(f"{address}: {why}") from None
    except ssl.SSLError as problem:
        raise ConnectError(f"{address}: no TLS ({problem.reason or problem})") from None
    except TimeoutError:
        raise ConnectError(f"{address}: no answer in {CONNECT_SECONDS_MAX:.0f} s") from None
    except OSError as problem:
        raise ConnectError(f"{address}: {problem.strerror or problem}") from None
    except UnicodeError:
        raise ConnectError(f"{address}: this is no name of a host") from None


def _connected(address: Address) -> socket.socket:
    if address.path:
        opened = socket.socket(socket.AF_UNIX)
    else:
        opened = socket.create_connection((address.host, address.port), CONNECT_SECONDS_MAX)
    try:
        opened.settimeout(CONNECT_SECONDS_MAX)
        if address.path:
            opened.connect(address.path)
        else:
            opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if address.is_tls:
            opened = _secure(opened, address)
        opened.settimeout(None)
    except BaseException:
        opened.close()
        raise
    return opened


def _secure(plain: socket.socket, address: Address) -> ssl.SSLSocket:
    names = [address.ca_file, address.certificate_file, address.key_file]
    for name in filter(None, names):
        if not os.access(name, os.R_OK):
            raise ConnectError(f"{name}: the file cannot be read")
    context = ssl.create_default_context(cafile=address.ca_file or None)
    if not address.verifies:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if address.certificate_file:
        context.load_cert_chain(address.certificate_file, address.key_file or None)
    return context.wrap_socket(plain, server_hostname=address.server_name or address.host)
