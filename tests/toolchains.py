"""How what others wrote, which a test needs, gets into target/: fetched, and built.

A thing (the clients of a language, a library with all that it needs) is prepared in steps:
fetch the packages that its lock file names; build the program. A step runs when its inputs
changed since it last succeeded, so a second run costs a few hashes. A test prepares what it
needs, and is skipped with the reason where a toolchain is not there.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
STEP_SECONDS_MAX = 900


class ToolchainMissingError(Exception):
    """The toolchain is not installed here; the message says how to install it."""


@dataclass(frozen=True)
class Step:
    """One command, which runs in the cache's folder, and the files it depends on."""

    inputs: tuple[str, ...]
    command: tuple[str, ...]
    environment: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Toolchain:
    """How to get from a bare machine to `command`.

    `wants` says it to people. `needs` are programs on PATH or, with a slash, files; `packages`
    is what brings them on Debian; `check` is a command that fails where what is there is too
    old. In commands {source} is the thing's folder in the repository and {target} the one in
    the cache.
    """

    wants: str
    needs: tuple[str, ...]
    packages: tuple[str, ...]
    steps: tuple[Step, ...]
    command: tuple[str, ...]
    check: tuple[str, ...] = ()

    def is_there(self) -> bool:
        if any(not Path(n).exists() if "/" in n else shutil.which(n) is None for n in self.needs):
            return False
        return not self.check or subprocess.run(self.check, capture_output=True).returncode == 0


def venv(folder: str) -> Toolchain:
    """A virtual environment of this interpreter with what the folder's requirements name."""
    step = Step(
        inputs=(f"{folder}/requirements.txt",),
        command=(
            *("sh", "-c"),
            f"'{sys.executable}' -m venv --clear '{{target}}' && '{{target}}/bin/pip' "
            "install --quiet --disable-pip-version-check --no-deps "
            "--requirement '{source}/requirements.txt'",
        ),
    )
    return Toolchain(
        wants="CPython's venv module",
        needs=(),
        packages=(),
        steps=(step,),
        command=("{target}/bin/python",),
    )


def npm(folder: str, program: str) -> Toolchain:
    """Packages from npm, and a program in the repository that uses them."""
    return Toolchain(
        wants="Node.js 20 or newer with npm",
        needs=("node", "npm"),
        packages=("nodejs", "npm"),
        check=("node", "-e", "process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)"),
        steps=(
            Step(
                inputs=(f"{folder}/package.json", f"{folder}/package-lock.json"),
                command=(
                    *("sh", "-c"),
                    "cp '{source}/package.json' '{source}/package-lock.json' . && "
                    "npm ci --no-audit --no-fund --ignore-scripts --loglevel=error",
                ),
            ),
        ),
        # The programs stay where they are, so node has to be told where packages are.
        command=("env", "NODE_PATH={target}/node_modules", "node", f"{{source}}/{program}"),
    )


@dataclass(frozen=True)
class Shelf:
    """Things of one kind: how each gets from its folder in the repository to the one in target/."""

    sources: Path
    cache: Path
    toolchains: dict[str, Toolchain]

    def prepare(self, name: str) -> list[str]:
        """Makes sure that the thing's command can run; returns it.

        Errors: ToolchainMissingError; RuntimeError with its output when a step fails.
        """
        toolchain = self.toolchains[name]
        if not toolchain.is_there():
            how = f" (Debian: apt-get install {' '.join(toolchain.packages)})"
            raise ToolchainMissingError(
                f"needs {toolchain.wants}{how if toolchain.packages else ''}"
            )
        target = self.cache / name
        target.mkdir(parents=True, exist_ok=True)
        places = {"source": str(self.sources / name), "target": str(target)}
        with _locked(self.cache / f"{name}.lock"):
            for number, step in enumerate(toolchain.steps):
                self._run_if_changed(step, self.cache / f"{name}.{number}.stamp", target, places)
        return [part.format_map(places) for part in toolchain.command]

    def ready(self, name: str) -> list[str]:
        """`prepare` in a test, which is skipped where the thing cannot run."""
        try:
            return self.prepare(name)
        except ToolchainMissingError as missing:
            pytest.skip(str(missing))

    def _run_if_changed(
        self, step: Step, stamp: Path, target: Path, places: dict[str, str]
    ) -> None:
        command = [part.format_map(places) for part in step.command]
        digest = hashlib.sha256(repr((command, step.environment)).encode())
        for name in step.inputs:
            digest.update((self.sources / name).read_bytes())
        if stamp.exists() and stamp.read_text() == digest.hexdigest():
            return
        stamp.unlink(missing_ok=True)
        environment = {key: value.format_map(places) for key, value in step.environment}
        try:
            subprocess.run(
                command,
                cwd=target,
                env={**os.environ, **environment},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                check=True,
                timeout=STEP_SECONDS_MAX,
            )
        except subprocess.CalledProcessError as error:
            raise RuntimeError(f"{' '.join(command)}\n{error.stdout[-4000:]}") from error
        stamp.write_text(digest.hexdigest())


def install_missing(toolchains: Iterable[Toolchain]) -> None:
    """Installs Debian packages for what is missing, if we may; else says so and goes on."""
    missing = [toolchain for toolchain in toolchains if not toolchain.is_there()]
    packages = sorted({package for toolchain in missing for package in toolchain.packages})
    if not packages:
        return
    if shutil.which("apt-get") is None or os.geteuid() != 0:
        print(f"clients: to test them all: sudo apt-get install {' '.join(packages)}")
        return
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run(["apt-get", "update", "-qq"], env=environment, check=False)
    subprocess.run(
        ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages],
        env=environment,
        stdout=subprocess.DEVNULL,
        check=False,
    )


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Two test processes must not build the same thing at once."""
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
