"""Every command is in the manual: docs/commands holds a page for each group.

A page has a heading for each command, its syntax line below, and transcripts in which
it is called. A group whose page is not there yet is not asked for; the pages that are
there must be whole.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from rubellite.server.app import load_commands
from rubellite.spec.command import TABLE, Command
from tests.transcripts import steps_of

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "commands"

load_commands()

#: The page of each group of COMMAND DOCS.
PAGES = {
    "string": "strings",
    "generic": "keys",
    "transactions": "transactions",
    "hash": "hashes",
    "list": "lists",
    "set": "sets",
    "sorted-set": "sorted_sets",
    "stream": "streams",
    "bitmap": "bitmaps",
    "hyperloglog": "hyperloglog",
    "geo": "geo",
    "pubsub": "pubsub",
    "scripting": "scripting",
    "connection": "connection",
    "server": "server",
    "cluster": "cluster",
}
#: Groups that have a second page, for commands that begin with these words.
SECOND_PAGES = {("scripting", ("fcall", "function")): "functions"}
_HEADING = re.compile(r"^## ([A-Z0-9][A-Z0-9 _-]*)\n\n(`[^\n]+`)?", re.MULTILINE)


def page_of(entry: Command) -> str:
    """The page that must explain a command."""
    for (group, beginnings), page in SECOND_PAGES.items():
        if entry.group == group and entry.name.startswith(beginnings):
            return page
    return PAGES[entry.group]


def commands_of(page: str) -> dict[str, str]:
    """Syntax lines by name of what a page must explain; HELP explains itself."""
    return {
        entry.name.replace("|", " ").upper(): entry.syntax.for_people()
        for entry in TABLE.values()
        if page_of(entry) == page
        and not entry.name.endswith("|help")
        and (not entry.subcommands or entry.arity == -1)
    }


def test_every_page_belongs_to_a_group():
    pages = {path.stem for path in FOLDER.glob("*.md")}
    assert pages <= {*PAGES.values(), *SECOND_PAGES.values()}
    assert {"strings", "keys", "transactions"} <= pages


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.md")), ids=lambda path: path.stem)
def test_every_command_of_a_group_is_on_its_page(path: Path):
    headings = {name: (line or "").strip("`") for name, line in _HEADING.findall(path.read_text())}
    expected = commands_of(path.stem)
    assert headings == expected
    called = [b" ".join(step.words).decode("utf-8", "replace").upper() for step in steps_of(path)]
    for name in expected:
        assert any(call == name or call.startswith(f"{name} ") for call in called), name
