"""`--pipe`, `--scan`, `--bigkeys`, `--stat`, `--eval`: what redis-cli does beside commands."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from rubellite.cli.progress import amount
from rubellite.cli.shell import formats
from rubellite.cli.shell.session import Session
from rubellite.client.resp import ConnectError, ErrorText, encode

_PIPE_BYTES = 1 << 16
#: Lines of `--stat` between two headings.
_STAT_LINES = 20


def pipe(session: Session) -> int:
    """Sends standard input as it is; counts replies and errors."""
    if not session.connect():
        return 1
    connection = session.connection
    assert connection is not None
    mark = os.urandom(20)
    problems: list[Exception] = []

    def feed() -> None:
        try:
            while chunk := os.read(sys.stdin.fileno(), _PIPE_BYTES):
                connection.send(chunk)
            print("All data transferred. Waiting for the last reply...", flush=True)
            # An empty line ends a command that was left open, if it was an inline one.
            connection.send(b"\r\n" + encode(("ECHO", mark)))
        except (ConnectError, OSError) as problem:
            problems.append(problem)
            connection.close()

    feeder = threading.Thread(target=feed, daemon=True)
    feeder.start()
    errors = replies = 0
    while True:
        try:
            reply = connection.receive()
        except ConnectError as problem:
            sys.stderr.write(f"Error: {problems[0] if problems else problem}\n")
            return 1
        if reply == mark:
            break
        replies += 1
        if isinstance(reply, ErrorText):
            errors += 1
            sys.stderr.write(f"{reply}\n")
    feeder.join()
    print("Last reply received from server.")
    print(f"errors: {errors}, replies: {replies}")
    return 1 if errors else 0


def _ask(session: Session, *words: Any) -> Any:
    reply = session.call(*words)
    if isinstance(reply, ErrorText):
        raise ConnectError(str(reply))
    return reply


def _keys(session: Session) -> Iterator[list[bytes]]:
    """All keys that match, in batches."""
    options = session.options
    pattern = ("MATCH", options.pattern) if options.pattern else ()
    cursor: Any = b"0"
    while True:
        cursor, keys = _ask(session, "SCAN", cursor, *pattern, "COUNT", options.count)
        yield keys
        if cursor == b"0":
            return


def scan(session: Session) -> int:
    """Prints the names of keys."""
    for keys in _keys(session):
        for key in keys:
            shown = key if session.output == "raw" else formats.quoted(key)
            session.out.write(shown + b"\n")
        if session.options.interval_seconds:
            time.sleep(session.options.interval_seconds)
    session.out.flush()
    return 0


@dataclass(slots=True)
class _Kind:
    """The keys of one type."""

    name: str
    command: str
    unit: str
    keys: int = 0
    total: int = 0
    biggest: int = 0
    key: bytes | None = None


def bigkeys(session: Session) -> int:
    """The biggest key of each type, and how big they are on average."""
    kinds = {
        kind.name: kind
        for kind in (
            _Kind("string", "STRLEN", "bytes"),
            _Kind("list", "LLEN", "items"),
            _Kind("set", "SCARD", "members"),
            _Kind("hash", "HLEN", "fields"),
            _Kind("zset", "ZCARD", "members"),
            _Kind("stream", "XLEN", "entries"),
        )
    }
    total = int(_ask(session, "DBSIZE"))
    print(
        "\n# Scanning the entire keyspace to find biggest keys as well as\n"
        "# average sizes per key type.  You can use -i 0.1 to sleep 0.1 sec\n"
        "# per 100 SCAN commands (not usually needed).\n"
    )
    sampled = name_bytes = 0
    for number, keys in enumerate(_keys(session), 1):
        assert session.connection is not None
        types = session.connection.pipeline([("TYPE", key) for key in keys])
        known = [
            (key, kinds[str(t)]) for key, t in zip(keys, types, strict=True) if str(t) in kinds
        ]
        sizes = session.connection.pipeline([(kind.command, key) for key, kind in known])
        share = 100 * min(sampled / total, 1.0) if total else 100.0
        sampled += sum(str(t) != "none" for t in types)
        name_bytes += sum(map(len, keys))
        for (key, kind), size in zip(known, sizes, strict=True):
            if isinstance(size, ErrorText):
                continue
            kind.keys += 1
            kind.total += size
            if size > kind.biggest or kind.key is None:
                kind.biggest, kind.key = size, key
                shown = formats.quoted(key).decode()
                found = f"Biggest {kind.name:<6} found so far '{shown}' with {size} {kind.unit}"
                print(f"[{share:05.2f}%] {found}")
        if session.options.interval_seconds and number % 100 == 0:
            time.sleep(session.options.interval_seconds)
    average = name_bytes / sampled if sampled else 0
    print(
        f"\n-------- summary -------\n\nSampled {sampled} keys in the keyspace!\n"
        f"Total key length in bytes is {name_bytes} (avg len {average:.2f})\n"
    )
    for kind in kinds.values():
        if kind.key is not None:
            shown = formats.quoted(kind.key).decode()
            print(f"Biggest {kind.name:>6} found '{shown}' has {kind.biggest} {kind.unit}")
    print()
    for kind in kinds.values():
        share = 100 * kind.keys / sampled if sampled else 0
        size = kind.total / kind.keys if kind.keys else 0
        print(
            f"{kind.keys} {kind.name}s with {kind.total} {kind.unit} "
            f"({share:05.2f}% of keys, avg size {size:.2f})"
        )
    return 0


def stat(session: Session) -> int:
    """A line about the server each second, or as often as `-i` says; until Ctrl-C."""
    requests, line = 0, 0
    while True:
        reply = _ask(session, "INFO")
        info = dict(
            text.split(":", 1) for text in bytes(reply).decode().splitlines() if ":" in text
        )
        keys = sum(
            int(dict(part.split("=") for part in value.split(","))["keys"])
            for name, value in info.items()
            if name.startswith("db") and name[2:].isdigit()
        )
        if line % _STAT_LINES == 0:
            print(
                "------- data ------ --------------------- load -------------------- - child -\n"
                "keys       mem      clients blocked requests            connections          "
            )
        line += 1
        before, requests = requests, int(info.get("total_commands_processed", 0))
        grown = f"{requests} (+{requests - before if line > 1 else 0})"
        memory = amount(int(info.get("used_memory", 0)), "bytes").replace(" ", "").removesuffix("B")
        child = "SAVE" if info.get("rdb_bgsave_in_progress") == "1" else ""
        child = "AOF" if info.get("aof_rewrite_in_progress") == "1" else child
        print(
            f"{keys:<11}{memory:<9}{info.get('connected_clients', ''):<8}"
            f"{info.get('blocked_clients', ''):<8}{grown:<20}"
            f"{info.get('total_connections_received', ''):<12}{child}".rstrip(),
            flush=True,
        )
        time.sleep(session.options.interval_seconds or 1.0)


def eval_file(session: Session) -> int:
    """Runs a script's file with keys and, behind a comma, arguments."""
    try:
        with open(session.options.script, "rb") as file:
            script = file.read()
    except OSError as problem:
        sys.stderr.write(f"rubellite cli: {session.options.script}: {problem.strerror}\n")
        return 1
    given = [os.fsencode(word) for word in session.options.command]
    comma = given.index(b",") if b"," in given else len(given)
    keys, rest = given[:comma], given[comma + 1 :]
    done = session.run([b"EVAL", script, b"%d" % len(keys), *keys, *rest])
    return 0 if done and not (session.has_failed and session.options.shows_failure) else 1


MODES: dict[str, Callable[[Session], int]] = {
    "pipe": pipe,
    "scan": scan,
    "bigkeys": bigkeys,
    "stat": stat,
    "eval": eval_file,
}
