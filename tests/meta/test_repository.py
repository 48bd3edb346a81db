"""House rules that a program can check: what files may mention, how long they may be."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LINES_MAX = 500
# Longer for a reason; the reason stands beside the name. An entry goes when the file shrinks.
LONGER_FOR_A_REASON = {
    "rubellite/_core.pyi": "a compiled module has one stub",
    "rubellite/errors.py": "every text that a client can see stands in one table",
}

# Somebody's home or a scratch directory: a path that exists on one machine only.
MACHINE_PATH = re.compile(r"(?<![\w.<>{}$*-])/(?:root/|home/\w|tmp/\w|work/)")
# Tests and manuals may say "/tmp/..." when that is the subject.
MACHINE_PATHS_ALLOWED = ("tests/", "docs/")


def tracked_files() -> list[str]:
    listing = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, text=True
    )
    return [name for name in listing.stdout.split("\0") if name and (ROOT / name).is_file()]


def text_of(name: str) -> str:
    try:
        return (ROOT / name).read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return ""


def test_no_file_mentions_a_path_of_one_machine():
    found = [
        f"{name}:{number}: {line.strip()}"
        for name in tracked_files()
        if not name.startswith(MACHINE_PATHS_ALLOWED)
        for number, line in enumerate(text_of(name).splitlines(), 1)
        if MACHINE_PATH.search(line)
    ]
    assert not found, "\n".join(found)


def test_files_are_short():
    long = {
        name
        for name in tracked_files()
        if name.endswith((".py", ".pyi", ".rs")) and len(text_of(name).splitlines()) > LINES_MAX
    }
    assert long == set(LONGER_FOR_A_REASON)


def test_every_source_file_says_what_it_is_for():
    silent = []
    for name in tracked_files():
        text = text_of(name).lstrip()
        if name.endswith(".py") and text and not text.startswith(('"""', 'r"""', "#!")):
            silent.append(name)
        if name.endswith(".rs") and not text.startswith("//!"):
            silent.append(name)
    assert not silent, silent


UNFINISHED = re.compile(r"\btodo!\(|\bunimplemented!\(|\braise\s+NotImplementedError")


def test_nothing_is_left_undone():
    found = [
        f"{name}:{number}: {line.strip()}"
        for name in tracked_files()
        if name.endswith((".py", ".rs"))
        for number, line in enumerate(text_of(name).splitlines(), 1)
        if UNFINISHED.search(line)
    ]
    assert not found, "\n".join(found)


def test_every_module_of_the_package_is_documented():
    silent = [
        name
        for name in tracked_files()
        if name.startswith("rubellite/")
        and name.endswith(".py")
        and text_of(name).strip()
        and ast.get_docstring(ast.parse(text_of(name))) is None
    ]
    assert not silent


# Not `unsafe fn`: what it does inside needs blocks of its own (unsafe_op_in_unsafe_fn).
UNSAFE = re.compile(r"\bunsafe\b\s*(?:\{|impl\b)")


def unexplained_unsafe(name: str) -> list[str]:
    """Uses of `unsafe` without a SAFETY comment on the line or right above it."""
    lines = text_of(name).splitlines()
    found = []
    for number, line in enumerate(lines):
        code = line.split("//")[0]
        if not UNSAFE.search(code):
            continue
        if "SAFETY:" in line:
            continue
        above = number - 1
        # The comment stands above the statement; a statement may have begun lines before.
        while above >= 0 and number - above <= 12:
            text = lines[above].strip()
            if "SAFETY:" in text or "# Safety" in text:
                break
            ends_a_statement = text.endswith((";", "}")) and not text.startswith("//")
            if ends_a_statement and not UNSAFE.search(text):
                above = -1
                break
            above -= 1
        if above < 0 or number - above > 12:
            found.append(f"{name}:{number + 1}: {line.strip()}")
    return found


def test_every_unsafe_says_why_it_is_sound():
    found = [
        place
        for name in tracked_files()
        if name.endswith(".rs")
        for place in unexplained_unsafe(name)
    ]
    assert not found, "\n".join(found)


def test_versions_agree():
    project = tomllib.loads(text_of("pyproject.toml"))["project"]
    version = project["version"]
    cargo = tomllib.loads(text_of("Cargo.toml"))["workspace"]["package"]["version"]
    assert cargo == version
    # What PyPI shows is the README, as soon as there is one.
    assert ("readme" in project) is (ROOT / "README.md").exists()
    if "readme" in project:
        readme = text_of("README.md")
        assert set(re.findall(r"rubellite[ =v]+=*(\d+\.\d+\.\d+)", readme)) <= {version}


def test_imports_point_down():
    program = Path(sys.executable).with_name("lint-imports")
    result = subprocess.run(
        [program, "--no-logo"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize(
    ("text", "is_found"),
    [
        ("cd " + "/root/" + "x", True),
        ("see " + "/tmp/" + "oracle", True),
        ("https://example.org/work/", False),
        ("<directory>/tmp/x", False),
    ],
)
def test_the_search_for_machine_paths_finds_them(text: str, is_found: bool):
    assert bool(MACHINE_PATH.search(text)) is is_found
