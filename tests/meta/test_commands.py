"""Every command says what it does and how it fails; every error has one text."""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from pathlib import Path

import pytest

from rubellite import errors
from rubellite._core import Engine, set_errors
from rubellite.server.app import load_commands
from rubellite.spec import flags as flag
from rubellite.spec.command import TABLE, Command

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "rubellite"

load_commands()

#: Commands whose functions we wrote; containers and their HELP come from the table.
WRITTEN = {
    name: command
    for name, command in TABLE.items()
    if not command.flags & flag.CONTAINER and not name.endswith("|help")
}
_ERRORS_LINE = re.compile(r"^Errors: ([^.]*)\.", re.MULTILINE)


def promised(command: Command) -> set[str]:
    """The names in a docstring's `Errors:` line; in parentheses stands when."""
    line = _ERRORS_LINE.search(inspect.getdoc(command.handler) or "")
    names = re.sub(r"\([^)]*\)", "", line[1]) if line else ""
    return set(re.split(r"[,\s]+", names)) - {""}


@pytest.mark.parametrize("name", sorted(TABLE))
def test_every_command_is_documented(name: str):
    summary = TABLE[name].summary
    assert summary
    assert not summary.endswith(".")
    if name in WRITTEN:
        text = inspect.getdoc(WRITTEN[name].handler) or ""
        # A summary, an empty line, the rest.
        assert text.count("\n") == 0 or text.splitlines()[1] == "", text
        assert TABLE[name].since.count(".") == 2


@pytest.mark.parametrize("name", sorted(WRITTEN))
def test_promised_errors_exist(name: str):
    assert promised(WRITTEN[name]) <= set(errors.TABLE)
    text = inspect.getdoc(WRITTEN[name].handler) or ""
    assert ("Errors:" in text) is bool(_ERRORS_LINE.search(text)), "a line that is not read"


def raised(command: Command) -> set[str]:
    """Errors that the handler's own lines raise."""
    source = textwrap.dedent(inspect.getsource(inspect.unwrap(command.handler)))
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Raise) and node.exc is not None:
            target = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
            if isinstance(target, ast.Name) and target.id in errors.TABLE:
                names.add(target.id)
    return names


@pytest.mark.parametrize("name", sorted(WRITTEN))
def test_raised_errors_are_promised(name: str):
    assert raised(WRITTEN[name]) <= promised(WRITTEN[name])


def test_every_error_has_a_text_that_can_be_sent():
    for name, error in errors.TABLE.items():
        assert getattr(errors, name) is error, name
        assert re.match(r"[A-Z]+ \S", error.text), error.text
        assert "\n" not in error.text
        assert "\r" not in error.text


def test_every_error_is_used():
    sources = [
        path.read_text(encoding="utf-8")
        for folder, suffix in ((PACKAGE, "*.py"), (ROOT / "rust", "*.rs"))
        for path in folder.rglob(suffix)
        if path != PACKAGE / "errors.py"
    ]
    text = "\n".join(sources)
    unused = [name for name in errors.TABLE if not re.search(rf"\b{name}\b", text)]
    assert not unused


def test_the_core_refuses_a_table_that_lacks_one_of_its_errors():
    texts = dict(errors.TABLE)
    del texts["WRONG_TYPE"]
    with pytest.raises(ValueError, match="WRONG_TYPE"):
        set_errors(texts, errors.ReplyError, errors.RawError)
    # With all of them it works, and so does an engine.
    set_errors(errors.TABLE, errors.ReplyError, errors.RawError)
    Engine(1, []).check()


def test_the_core_refuses_a_native_handler_that_is_not_there():
    entry = {"name": "nosuch", "native": True, "elements": [], "keys": [], "handler": len}
    with pytest.raises(ValueError, match="native"):
        Engine(1, [entry])
