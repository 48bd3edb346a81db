"""`rubellite cli`: which way of working was asked for, and commands without a prompt."""

from __future__ import annotations

import os
import sys
import time
from dataclasses import replace

from rubellite.cli.shell import words as splitting
from rubellite.cli.shell.options import USAGE, Options, UsageError, parse
from rubellite.cli.shell.session import Session
from rubellite.client.resp import Address, ConnectError, parse_url

#: What a command takes longer than is said on a terminal.
_SLOW_SECONDS = 0.5


class LeaveError(Exception):
    """The user has had enough."""


def run(arguments: list[str]) -> int:
    """Entry point; returns the exit status."""
    try:
        options = parse(arguments)
    except UsageError as problem:
        sys.stderr.write(f"rubellite cli: {problem}\n")
        return 1
    if options.mode == "help":
        print(USAGE, end="")
        return 0
    if options.mode == "version":
        from rubellite.about import __version__

        print(f"rubellite {__version__}")
        return 0
    if options.asks_password:
        import getpass

        given = getpass.getpass("Please input password: ")
        options.address = replace(options.address, password=given)
    if options.has_unsafe_password and options.warns:
        sys.stderr.write(
            "Warning: Using a password with '-a' or '-u' option on the command line interface "
            "may not be safe.\n"
        )
    session = Session(options)
    try:
        return _work(session, options)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # Whoever read our output has enough of it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (ConnectError, OSError) as problem:
        sys.stderr.write(f"rubellite cli: {problem}\n")
        return 1
    finally:
        session.close()


def _work(session: Session, options: Options) -> int:
    if options.mode:
        from rubellite.cli.shell import modes

        return modes.MODES[options.mode](session)
    if options.command:
        return _one(session, _words(options))
    if not sys.stdin.isatty():
        return _lines(session)
    try:
        from rubellite.cli.shell.prompt import interact
    except ModuleNotFoundError as problem:
        if problem.name is None or not problem.name.startswith("prompt_toolkit"):
            raise
        sys.stderr.write(
            "rubellite cli: the prompt needs prompt_toolkit (pip install 'rubellite[cli]'); "
            "commands as arguments or on standard input work without\n"
        )
        return 1
    return interact(session)


def _words(options: Options) -> list[bytes]:
    """The command of the command line."""
    if options.quoted_input:
        found: list[bytes] = []
        for text in options.command:
            words = splitting.arguments(text)
            if words is None or len(words) != 1:
                found.append(os.fsencode(text))
            else:
                found += words
    else:
        found = [os.fsencode(text) for text in options.command]
    if options.last_from_input:
        found.append(sys.stdin.buffer.read())
    elif options.tag_from_input:
        tag = os.fsencode(options.tag_from_input)
        content = sys.stdin.buffer.read()
        found = [content if word == tag else word for word in found]
    return found


def _one(session: Session, words: list[bytes]) -> int:
    left = session.options.repeat
    while left:
        if not session.run(words):
            return 1
        if session.has_failed and session.options.shows_failure:
            return 1
        left -= 1
        if left:
            time.sleep(session.options.interval_seconds)
    return 0


def _lines(session: Session) -> int:
    """Commands on standard input, one a line; 0 unless there is no server."""
    for raw in sys.stdin.buffer:
        line = raw.decode("utf-8", "surrogateescape").rstrip("\r\n")
        try:
            execute(session, line)
        except LeaveError:
            break
        if session.connection is None and session.has_failed:
            return 1
    return 0


def execute(session: Session, line: str) -> None:
    """Does what a line asks for; fails with `LeaveError` if that is to leave."""
    words = splitting.arguments(line)
    if words is None:
        session.out.write(b"Invalid argument(s)\n")
        session.out.flush()
        return
    if not words:
        return
    name = words[0].lower()
    if name in (b"quit", b"exit"):
        raise LeaveError
    if name == b"clear" and len(words) == 1:
        if session.is_terminal:
            session.out.write(b"\x1b[H\x1b[2J")
            session.out.flush()
        return
    if name == b"connect" and len(words) in (2, 3):
        _connect(session, [os.fsdecode(word) for word in words[1:]])
        return
    repeat = 1
    if words[0].isdigit() and len(words) > 1:
        repeat, words = int(words[0]), words[1:]
    for number in range(repeat):
        began = time.monotonic()
        if not session.run(words):
            return
        seconds = time.monotonic() - began
        if seconds >= _SLOW_SECONDS and session.output == "standard":
            session.out.write(f"({seconds:.2f}s)\n".encode())
            session.out.flush()
        if number + 1 < repeat and session.options.interval_seconds:
            time.sleep(session.options.interval_seconds)


def _connect(session: Session, names: list[str]) -> None:
    """`connect HOST PORT`, as redis-cli has it, or `connect URL`."""
    try:
        if "://" in names[0]:
            address = parse_url(names[0])
        elif len(names) == 2 and names[1].isdigit():
            address = replace(Address(), host=names[0], port=int(names[1]))
        else:
            raise ValueError("connect takes a host and a port, or a URL")
    except ValueError as problem:
        session.out.write(f"{problem}\n".encode())
        session.out.flush()
        return
    session.move(address)
    session.connect()
