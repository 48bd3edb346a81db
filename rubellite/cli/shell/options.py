"""The command line of `rubellite cli`: redis-cli's, and a path in the place of a server."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from rubellite.client.resp import Address, parse_url

USAGE = """\
Usage: rubellite cli [OPTIONS] [PATH] [COMMAND [ARGUMENT …]]

PATH is a data directory, which is opened in this process; it must hold a slash. Without
a command, commands are read from standard input, on a terminal with completion and hints.

  -h HOST, -p PORT      the server (127.0.0.1, 6379)
  -s SOCKET             its Unix socket
  -u URL                redis://, rediss:// or unix:// URL, or a path
  -a PASSWORD           the password; REDISCLI_AUTH in the environment is safer
  --user NAME           the user, together with a password
  --askpass             ask for the password
  -n NUMBER             the database
  -2, -3                the protocol
  -r COUNT, -i SECONDS  repeat the command (-1: for ever), with pauses
  -x, -X TAG            the last argument, or that named TAG, comes from standard input
  -e                    exit with status 1 if the command fails
  --quoted-input        arguments of the command line are quoted as on the prompt
  --tls, --cacert FILE, --cert FILE, --key FILE, --sni NAME, --insecure
  --no-auth-warning     say nothing of -a

  --raw, --no-raw       as for programs, or as for a terminal
  --json, --quoted-json, --csv
  -d TEXT, -D TEXT      what stands between elements, and behind replies, with --raw

  --pipe                send commands in RESP from standard input as fast as possible
  --scan                print all keys; --pattern GLOB, --count N
  --bigkeys             the biggest key of each type
  --stat                a line about the server every second (-i)
  --eval FILE KEY … , ARGUMENT …
"""


class UsageError(Exception):
    """The command line makes no sense; `str()` says why."""


@dataclass(slots=True)
class Options:
    """What was asked for."""

    address: Address = field(default_factory=Address)
    #: A data directory, in the place of a server.
    path: str | None = None
    command: list[str] = field(default_factory=list)
    #: 0: whatever suits the output.
    protocol: int = 0
    #: "raw", "standard", "csv", "json", "quoted-json", or "" for what suits the output.
    output: str = ""
    between: str = "\n"
    after: str = "\n"
    repeat: int = 1
    interval_seconds: float = 0.0
    last_from_input: bool = False
    tag_from_input: str = ""
    shows_failure: bool = False
    quoted_input: bool = False
    warns: bool = True
    asks_password: bool = False
    has_unsafe_password: bool = False
    #: "pipe", "scan", "bigkeys", "stat", "eval", "help", "version" or "" for commands.
    mode: str = ""
    pattern: str = ""
    count: int = 10
    script: str = ""


_Setter = Callable[[Options, str], None]


def _at(**changes: Callable[[str], object]) -> _Setter:
    """Changes the address."""

    def set(options: Options, value: str) -> None:
        made = {name: make(value) for name, make in changes.items()}
        options.address = replace(options.address, **made)  # type: ignore[arg-type]

    return set


def _to(name: str, make: Callable[[str], object] = str) -> _Setter:
    def set(options: Options, value: str) -> None:
        setattr(options, name, make(value))

    return set


def _is(name: str, value: object) -> _Setter:
    return lambda options, _: setattr(options, name, value)


def _password(options: Options, value: str) -> None:
    options.address = replace(options.address, password=value)
    options.has_unsafe_password = True


def _url(options: Options, value: str) -> None:
    if "://" not in value:
        options.path = value
        return
    options.address = parse_url(value, options.address)
    options.has_unsafe_password |= options.address.password is not None


def _interval(text: str) -> float:
    seconds = float(text)
    if not 0 <= seconds < 1e9:
        raise ValueError
    return seconds


def _port(text: str) -> int:
    if not 0 < int(text) < 65536:
        raise ValueError
    return int(text)


_WITH_VALUE: dict[str, _Setter] = {
    "-h": _at(host=str),
    "-p": _at(port=_port),
    "-s": _at(path=str),
    "-u": _url,
    "-a": _password,
    "--pass": _password,
    "--user": _at(user=str),
    "-n": _at(database=int),
    "-r": _to("repeat", int),
    "-i": _to("interval_seconds", _interval),
    "-d": _to("between"),
    "-D": _to("after"),
    "-X": _to("tag_from_input"),
    "--cacert": _at(ca_file=str),
    "--cert": _at(certificate_file=str),
    "--key": _at(key_file=str),
    "--sni": _at(server_name=str),
    "--pattern": _to("pattern"),
    "--count": _to("count", int),
    "--eval": _to("script"),
}
_FLAGS: dict[str, _Setter] = {
    "-2": _is("protocol", 2),
    "-3": _is("protocol", 3),
    "-x": _is("last_from_input", True),
    "-e": _is("shows_failure", True),
    "--askpass": _is("asks_password", True),
    "--quoted-input": _is("quoted_input", True),
    "--no-auth-warning": _is("warns", False),
    "--tls": _at(is_tls=lambda _: True),
    "--insecure": _at(verifies=lambda _: False),
    "--raw": _is("output", "raw"),
    "--no-raw": _is("output", "standard"),
    "--csv": _is("output", "csv"),
    "--json": _is("output", "json"),
    "--quoted-json": _is("output", "quoted-json"),
    "--pipe": _is("mode", "pipe"),
    "--scan": _is("mode", "scan"),
    "--bigkeys": _is("mode", "bigkeys"),
    "--stat": _is("mode", "stat"),
    "--help": _is("mode", "help"),
    "-v": _is("mode", "version"),
    "--version": _is("mode", "version"),
}


def parse(arguments: list[str]) -> Options:
    """Reads a command line; fails with `UsageError`."""
    options = Options()
    environment = os.environ.get("REDISCLI_AUTH")
    if environment:
        options.address = replace(options.address, password=environment)
    at = 0
    while at < len(arguments):
        name = arguments[at]
        at += 1
        if name in _FLAGS:
            _FLAGS[name](options, "")
        elif name in _WITH_VALUE:
            if at == len(arguments):
                raise UsageError(f"{name} needs a value")
            value = arguments[at]
            at += 1
            try:
                _WITH_VALUE[name](options, value)
            except ValueError as problem:
                text = str(problem)
                # What int() and float() say is of no use to anybody.
                is_own = text and "literal" not in text and "convert" not in text
                raise UsageError(text if is_own else f"{name}: {value!r} cannot be") from None
            if name == "--eval":
                options.mode = "eval"
                break
        elif name.startswith("-") and name != "-":
            raise UsageError(f"{name} is unknown; --help lists what there is")
        else:
            at -= 1
            break
    rest = arguments[at:]
    if rest and options.path is None and options.mode != "eval" and _is_path(rest[0]):
        options.path = rest.pop(0)
    options.command = rest
    if options.last_from_input and options.tag_from_input:
        raise UsageError("-x and -X exclude each other")
    return options


def _is_path(word: str) -> bool:
    return os.sep in word or word in (".", "..")
