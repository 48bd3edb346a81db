"""The stub of the compiled core says what the binary has: no name more, no name less."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from rubellite import _core

ROOT = Path(__file__).resolve().parents[2]
STUB = ROOT / "rubellite" / "_core.pyi"
# PyO3 writes an `__all__` of its own; nobody imports `*`.
ALLOWED = "rubellite._core.__all__\n"


def test_signatures_equal_those_of_the_binary(tmp_path: Path):
    allowed = tmp_path / "allowed"
    allowed.write_text(ALLOWED)
    result = subprocess.run(
        [sys.executable, "-m", "mypy.stubtest", "rubellite._core", "--allowlist", allowed],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr


def stub_names() -> Iterator[str]:
    """Public names of the stub: `Call`, `Call.get` …"""
    for node in ast.parse(STUB.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ClassDef):
            yield node.name
            for member in node.body:
                if isinstance(member, ast.FunctionDef):
                    yield f"{node.name}.{member.name}"
        elif isinstance(node, ast.FunctionDef):
            yield node.name
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            yield node.target.id


def binary_names() -> Iterator[str]:
    for name, value in vars(_core).items():
        yield name
        if isinstance(value, type):
            yield from (f"{name}.{member}" for member in vars(value))


def is_public(name: str) -> bool:
    return not name.rpartition(".")[2].startswith("_")


def test_names_equal_those_of_the_binary():
    # stubtest passes over what it cannot introspect; this does not.
    assert set(filter(is_public, stub_names())) == set(filter(is_public, binary_names()))


def test_every_method_of_the_stub_is_documented_or_special():
    undocumented = [
        f"{node.name}.{member.name}"
        for node in ast.parse(STUB.read_text(encoding="utf-8")).body
        if isinstance(node, ast.ClassDef)
        for member in node.body
        if isinstance(member, ast.FunctionDef)
        and not member.name.startswith("__")
        and ast.get_docstring(member) is None
    ]
    assert undocumented == ["Status.text"]


def test_the_package_says_that_it_is_typed():
    assert (ROOT / "rubellite" / "py.typed").is_file()
