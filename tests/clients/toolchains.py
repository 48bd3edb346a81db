"""What the clients of each language need, and how it gets into target/clients.

`python -m tests.clients` prepares all and, as root on Debian, first installs the system
packages that are missing.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from tests.toolchains import ROOT, Shelf, Step, Toolchain, npm, venv

SOURCES = Path(__file__).parent
CACHE = ROOT / "target" / "clients"

JAVA_CLASSES = ("Scenario", "Report", "JedisScenario", "LettuceScenario")

TOOLCHAINS: dict[str, Toolchain] = {
    # In an environment of their own, for another redis-py would be there already.
    "python": replace(venv("python"), command=("{target}/bin/python", "{source}/scenario.py")),
    # Not another language, but another redis-py.
    "oldest": venv("oldest"),
    "node": npm("node", "scenario.js"),
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

CLIENTS = Shelf(SOURCES, CACHE, TOOLCHAINS)
