"""What the clients of each language need, and how it gets into target/clients.

A language is prepared in steps (fetch the packages that its lock file names; build the
program). A step runs when its inputs changed since it last succeeded, so a second run
costs a few hashes. `python -m tests.clients` prepares all and, as root on Debian, first
installs the system packages that are missing; a test prepares its own language, and is
skipped with the reason when a toolchain is not there.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

SOURCES = Path(__file__).parent
ROOT = SOURCES.parents[1]
CACHE = ROOT / "target" / "clients"
STEP_SECONDS_MAX = 900


class ToolchainMissingError(Exception):
    """The language is not installed here; the message says how to install it."""


@dataclass(frozen=True)
class Step:
    """One command, which runs in `target/clients/LANGUAGE`, and the files it depends on."""

    inputs: tuple[str, ...]
    command: tuple[str, ...]
    environment: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Toolchain:
    """How to get from a bare machine to `command`, which plays the scenario.

    `wants` says it to people. `needs` are programs on PATH or, with a slash, files; `packages`
    is what brings them on Debian; `check` is a command that fails where what is there is too
    old. In commands {source} is the folder of the language in the repository and
    {target} the one in the cache.
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


def _venv(folder: str) -> Step:
    """A virtual environment of this interpreter with what the folder's requirements name."""
    return Step(
        inputs=(f"{folder}/requirements.txt",),
        command=(
            *("sh", "-c"),
            f"'{sys.executable}' -m venv --clear '{{target}}' && '{{target}}/bin/pip' "
            "install --quiet --disable-pip-version-check --no-deps "
            "--requirement '{source}/requirements.txt'",
        ),
    )


JAVA_CLASSES = ("Scenario", "Report", "JedisScenario", "LettuceScenario")

TOOLCHAINS: dict[str, Toolchain] = {
    "python": Toolchain(
        wants="CPython's venv module",
        needs=(),
        packages=(),
        steps=(_venv("python"),),
        command=("{target}/bin/python", "{source}/scenario.py"),
    ),
    # Not another language, but another redis-py.
    "oldest": Toolchain(
        wants="CPython's venv module",
        needs=(),
        packages=(),
        steps=(_venv("oldest"),),
        command=("{target}/bin/python",),
    ),
    "node": Toolchain(
        wants="Node.js 20 or newer with npm",
        needs=("node", "npm"),
        packages=("nodejs", "npm"),
        check=("node", "-e", "process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)"),
        steps=(
            Step(
                inputs=("node/package.json", "node/package-lock.json"),
                command=(
                    *("sh", "-c"),
                    "cp '{source}/package.json' '{source}/package-lock.json' . && "
                    "npm ci --no-audit --no-fund --ignore-scripts --loglevel=error",
                ),
            ),
        ),
        # The programs stay where they are, so node has to be told where packages are.
        command=("env", "NODE_PATH={target}/node_modules", "node", "{source}/scenario.js"),
    ),
    "go": Toolchain(
        wants="Go 1.26 or newer",
        needs=("go",),
        packages=("golang-go",),
        check=("go", "list", "-C", str(SOURCES / "go"), "-m"),
        steps=(
            Step(
                inputs=("go/go.mod", "go/go.sum", "go/main.go", "go/report.go"),
                command=(
                    *("go", "build", "-C", "{source}", "-mod=readonly"),
                    *("-o", "{target}/scenario", "."),
                ),
            ),
        ),
        command=("{target}/scenario",),
    ),
    "java": Toolchain(
        wants="a JDK of version 17 or newer with Maven",
        needs=("java", "javac", "mvn"),
        packages=("default-jdk-headless", "maven"),
        steps=(
            Step(
                inputs=("java/pom.xml",),
                command=(
                    *("mvn", "--batch-mode", "--quiet", "--file", "{source}/pom.xml"),
                    "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies",
                    "-DoutputDirectory={target}/lib",
                ),
            ),
            Step(
                inputs=tuple(f"java/{name}.java" for name in JAVA_CLASSES),
                command=(
                    *("javac", "-nowarn", "-Xlint:none", "-cp", "{target}/lib/*"),
                    *("-d", "{target}/classes"),
                    *(f"{{source}}/{name}.java" for name in JAVA_CLASSES),
                ),
            ),
        ),
        command=(
            # A short program: quick compilation is worth more than fast code.
            *("java", "-XX:TieredStopAtLevel=1", "-cp", "{target}/lib/*:{target}/classes"),
            "Scenario",
        ),
        check=("sh", "-c", "javac --release 17 -version"),
    ),
    "c": Toolchain(
        wants="a C compiler and hiredis",
        needs=("cc", "/usr/include/hiredis/hiredis.h"),
        packages=("gcc", "libc6-dev", "libhiredis-dev"),
        steps=(
            Step(
                inputs=("c/scenario.c",),
                command=(
                    *("cc", "-std=c11", "-D_GNU_SOURCE", "-O1", "-Wall", "-Wextra", "-Werror"),
                    *("-o", "{target}/scenario", "{source}/scenario.c", "-lhiredis", "-lpthread"),
                ),
            ),
        ),
        command=("{target}/scenario",),
    ),
    "ruby": Toolchain(
        wants="Ruby with the redis gem",
        needs=("ruby",),
        packages=("ruby", "ruby-redis"),
        steps=(),
        command=("ruby", "{source}/scenario.rb"),
        check=("ruby", "-e", "gem 'redis', '~> 4.8'"),
    ),
}


def prepare(language: str) -> list[str]:
    """Makes sure that the language's program can run; returns the command that runs it.

    Errors: ToolchainMissingError; RuntimeError with its output when a step fails.
    """
    toolchain = TOOLCHAINS[language]
    if not toolchain.is_there():
        how = f" (Debian: apt-get install {' '.join(toolchain.packages)})"
        raise ToolchainMissingError(f"needs {toolchain.wants}{how if toolchain.packages else ''}")
    target = CACHE / language
    target.mkdir(parents=True, exist_ok=True)
    places = {"source": str(SOURCES / language), "target": str(target)}
    with _locked(CACHE / f"{language}.lock"):
        for number, step in enumerate(toolchain.steps):
            _run_if_changed(step, CACHE / f"{language}.{number}.stamp", target, places)
    return [part.format_map(places) for part in toolchain.command]


def install_missing(languages: list[str]) -> None:
    """Installs Debian packages for what is missing, if we may; else says so and goes on."""
    packages = sorted(
        {
            package
            for language in languages
            if not TOOLCHAINS[language].is_there()
            for package in TOOLCHAINS[language].packages
        }
    )
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


def _run_if_changed(step: Step, stamp: Path, target: Path, places: dict[str, str]) -> None:
    command = [part.format_map(places) for part in step.command]
    digest = hashlib.sha256(repr((command, step.environment)).encode())
    for name in step.inputs:
        digest.update((SOURCES / name).read_bytes())
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


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Two test processes must not build the same thing at once."""
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
