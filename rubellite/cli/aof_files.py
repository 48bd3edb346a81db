"""`check-aof`: whether append-only files can be loaded, and how to mend those that cannot.

Reads as the server does at its start: a folder or manifest names a base and increments,
a single file may begin with a snapshot. Only the end of the last file may be cut off.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from typing import BinaryIO

from rubellite.cli import rdb_files
from rubellite.persistence import manifest as manifests

#: Longest argument, as on real servers.
_ARGUMENT_BYTES_MAX = 512 << 20
#: Most of an argument that is held at once.
_STEP_BYTES = 1 << 20
#: Longest line that can be right.
_LINE_BYTES_MAX = 128


class _StopError(Exception):
    """The file can be read no further."""


@dataclass(slots=True)
class _Scan:
    """One file being read; what is whole ends at `whole`."""

    file: BinaryIO
    name: str
    #: Lines so far, over all files: the number that real servers show.
    line: int
    whole: int = 0
    in_transaction: bool = False
    #: Where the last part began: the place of an error.
    part: int = 0
    error: str = ""

    def fail(self, text: str) -> _StopError:
        self.error = f"0x{self.part:>16x}: {text}"
        return _StopError()

    def number(self, prefix: bytes) -> int:
        """Reads `*3` or `$5` with its end."""
        self.part = self.file.tell()
        line = self.file.readline(_LINE_BYTES_MAX)
        if not line:
            raise _StopError
        if line[:1] != prefix:
            got = chr(line[0])
            raise self.fail(f"Expected prefix '{prefix.decode()}', got: '{got}'")
        return self._digits(line[1:])

    def _digits(self, rest: bytes) -> int:
        digits = rest[: len(rest) - len(rest.lstrip(b"-0123456789"))]
        end = rest[len(digits) : len(digits) + 2]
        try:
            number = int(digits)
        except ValueError:
            number, end = 0, end or b""
        if end != b"\r\n" or not digits:
            shown = end.ljust(2, b"\0")
            raise self.fail(f"Expected \\r\\n, got: {shown[0]:02x}{shown[1]:02x}")
        self.line += 1
        return number

    def argument(self) -> bytes:
        """Reads an argument; of a long one the beginning."""
        length = self.number(b"$")
        if not 0 <= length <= _ARGUMENT_BYTES_MAX:
            raise self.fail(
                f"Expected to read string of {length} bytes, which is not in the suitable range"
            )
        self.part = self.file.tell()
        start = self.file.read(min(length, _STEP_BYTES))
        got = len(start)
        while got < length:
            step = self.file.read(min(length - got, _STEP_BYTES))
            if not step:
                break
            got += len(step)
        end = self.file.read(2)
        if got + len(end) < length + 2:
            got += len(end)
            raise self.fail(f"Expected to read {length + 2} bytes, got {got} bytes")
        if end != b"\r\n":
            raise self.fail(f"Expected \\r\\n, got: {end[0]:02x}{end[1]:02x}")
        self.line += 1
        return start

    def command(self) -> None:
        """Reads the rest of a command whose first byte was `*`."""
        self.part = self.file.tell() - 1
        line = self.file.readline(_LINE_BYTES_MAX)
        count = self._digits(line)
        if count < 1:
            raise self.fail("A command without a name")
        name = self.argument().lower()
        for _ in range(count - 1):
            self.argument()
        if name == b"multi":
            if self.in_transaction:
                raise self.fail(f"Unexpected MULTI in AOF {self.name}")
            self.in_transaction = True
        elif name == b"exec":
            if not self.in_transaction:
                raise self.fail(f"Unexpected EXEC in AOF {self.name}")
            self.in_transaction = False

    def run(self, until_seconds: int) -> bool:
        """Reads to the end or to an error; True: stopped before what happened later."""
        try:
            while True:
                if not self.in_transaction:
                    self.whole = self.file.tell()
                first = self.file.read(1)
                if not first:
                    break
                if first == b"#":
                    line = self.file.readline()
                    if not line.endswith(b"\r\n"):
                        raise self.fail("A note that is cut off")
                    if until_seconds and line.startswith(b"TS:"):
                        stamp = line[3:].strip()
                        if stamp.isdigit() and int(stamp) > until_seconds:
                            return True
                elif first == b"*":
                    self.command()
                else:
                    self.error = f"AOF {self.name} format error"
                    raise _StopError
            if self.in_transaction:
                raise self.fail("Reached EOF before reading EXEC for MULTI")
        except _StopError:
            pass
        return False


@dataclass(slots=True)
class _Check:
    """How files are to be checked, and what stands after each."""

    fixes: bool
    until_seconds: int
    line: int = 1

    def file(self, path: str, title: str, *, is_last: bool) -> bool:
        """Checks one file; True: it is valid, or mended."""
        name = os.path.basename(path)
        try:
            size = os.path.getsize(path)
            with open(path, "rb") as file:
                return self._opened(file, path, name, size, title, is_last)
        except OSError as problem:
            print(f"Cannot open file {path}: {problem.strerror}")
            return False

    def _opened(
        self, file: BinaryIO, path: str, name: str, size: int, title: str, is_last: bool
    ) -> bool:
        if size == 0:
            print(f"{title}AOF {name} is empty")
            return True
        scan = _Scan(file, name, self.line)
        if file.read(9).startswith((b"REDIS", b"VALKEY")):
            end = rdb_files.check_part(path)
            if end is None:
                print("RDB preamble of AOF file is not sane, aborting.")
                return False
            print("RDB preamble is OK, proceeding with AOF tail...")
            file.seek(end)
        else:
            file.seek(0)
        is_later = scan.run(self.until_seconds)
        self.line = scan.line
        if self.until_seconds and not scan.error and scan.whole == (size if not is_later else -1):
            print(f"Truncate nothing in AOF {name} to timestamp {self.until_seconds}")
            print(f"{title}AOF {name} is valid")
            return True
        if is_later:
            return self._cut_to_time(path, name, scan.whole, is_last)
        if scan.error:
            print(scan.error)
        rest = size - scan.whole
        print(
            f"AOF analyzed: filename={name}, size={size}, ok_up_to={scan.whole}, "
            f"ok_up_to_line={scan.line}, diff={rest}"
        )
        if rest == 0:
            print(f"{title}AOF {name} is valid")
            return True
        if not self.fixes:
            print(f"AOF {name} is not valid. Use the --fix option to try fixing it.")
            return False
        return self._cut(path, name, size, scan.whole, is_last)

    def _cut(self, path: str, name: str, size: int, whole: int, is_last: bool) -> bool:
        if not is_last:
            print(f"Failed to truncate AOF {name} because it is not the last file")
            return False
        print(
            f"This will shrink the AOF {name} from {size} bytes, "
            f"with {size - whole} bytes, to {whole} bytes"
        )
        print("Continue? [y/N]: ", end="", flush=True)
        if not sys.stdin.readline().lower().startswith("y"):
            print("Aborting...")
            return False
        if not _truncate(path, name, whole):
            return False
        print(f"Successfully truncated AOF {name}")
        return True

    def _cut_to_time(self, path: str, name: str, whole: int, is_last: bool) -> bool:
        if not is_last:
            print(f"Failed to truncate AOF {name} because it is not the last file")
            return False
        if whole == 0:
            print(f"AOF {name} has nothing before timestamp {self.until_seconds}, aborting...")
            return False
        if not _truncate(path, name, whole):
            return False
        print(f"Successfully truncated AOF {name} to timestamp {self.until_seconds}")
        return True


def _truncate(path: str, name: str, length: int) -> bool:
    try:
        with open(path, "r+b") as file:
            file.truncate(length)
            os.fsync(file.fileno())
    except OSError as problem:
        print(f"Failed to truncate AOF {name}: {problem.strerror}")
        return False
    return True


def _manifest_of(path: str) -> str | None:
    """The manifest in a folder; `path` itself if it is one."""
    if os.path.isdir(path):
        names = [name for name in sorted(os.listdir(path)) if name.endswith(".manifest")]
        whole = [name for name in names if not name.startswith("temp-")]
        return os.path.join(path, whole[0]) if len(whole) == 1 else None
    with open(path, "rb") as file:
        return path if file.read(5) == b"file " else None


def check(path: str, *, fixes: bool = False, until_seconds: int = 0) -> int:
    """Says whether append-only files can be loaded, and mends them if asked to; 0 if so.

    `until_seconds`: cuts off what happened after that moment, if the files say when.
    """
    checking = _Check(fixes, until_seconds)
    try:
        manifest = _manifest_of(path)
    except OSError as problem:
        print(f"Cannot open file {path}: {problem.strerror}")
        return 1
    if manifest is None:
        if os.path.isdir(path):
            print(f"Cannot open file {path}: there must be one manifest in it")
            return 1
        print("Start checking Old-Style AOF")
        return 0 if checking.file(path, "", is_last=True) else 1
    print("Start checking Multi Part AOF")
    try:
        found = manifests.read(manifest)
    except manifests.ManifestError as problem:
        print(f"Invalid AOF manifest file format: {problem}")
        return 1
    if found is None or not (found.base or found.increments):
        print("AOF manifest names no files")
        return 1
    folder = os.path.dirname(manifest)
    files = [("BASE", found.base[0])] if found.base else []
    files += [("INCR", name) for name, _ in found.increments]
    for at, (kind, name) in enumerate(files):
        full = os.path.join(folder, name)
        if kind == "BASE":
            print(f"Start to check BASE AOF ({_format(full)} format).")
        elif at == 0 or files[at - 1][0] == "BASE":
            print("Start to check INCR files.")
        if not checking.file(full, f"{kind} ", is_last=at == len(files) - 1):
            return 1
    print("All AOF files and manifest are valid")
    return 0


def _format(path: str) -> str:
    try:
        with open(path, "rb") as file:
            return "RDB" if file.read(9).startswith((b"REDIS", b"VALKEY")) else "RESP"
    except OSError:
        return "RESP"
