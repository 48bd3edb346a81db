"""docs/testing.md: its examples are tests, and they pass."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

import pytest

from rubellite.testing.plugin import BACKENDS
from rubellite.testing.since import KNOWN
from tests.kit.conftest import Run

PAGE = Path(__file__).resolve().parents[2] / "docs" / "testing.md"
TEXT = PAGE.read_text(encoding="utf-8")
_BLOCK = re.compile(r"^```python\n# (\w+)\.py\n(.*?)^```", re.DOTALL | re.MULTILINE)
BLOCKS = [(block[1], block[2]) for block in _BLOCK.finditer(TEXT)]


def test_every_example_is_run():
    assert len(BLOCKS) == TEXT.count("```python") == 10
    # A conftest.py belongs to the file that follows it.
    assert [name for name, _ in BLOCKS if not name.startswith("test_")] == ["conftest"]


@pytest.mark.parametrize("place", [n for n, (name, _) in enumerate(BLOCKS) if name != "conftest"])
def test_the_examples_pass(run: Run, pytester: pytest.Pytester, place):
    if place and BLOCKS[place - 1][0] == "conftest":
        pytester.makeconftest(BLOCKS[place - 1][1])
    text = BLOCKS[place][1]
    result = run(textwrap.dedent(text))
    expected = len(re.findall(r"^ *def test_", text, re.MULTILINE))
    expected += (len(BACKENDS) - 1) * text.count("everywhere")
    result.assert_outcomes(passed=expected)


def test_the_readmes_example_passes(run: Run):
    text = (PAGE.parents[1] / "README.md").read_text(encoding="utf-8")
    found = re.search(r"```python\n(def test_.*?)```", text, re.DOTALL)
    assert found is not None
    run(found[1]).assert_outcomes(passed=1)


def test_the_page_names_every_fixture_and_every_profile():
    plugin = (PAGE.parents[1] / "rubellite" / "testing" / "plugin.py").read_text(encoding="utf-8")
    for fixture in re.findall(r"^def (rubellite_\w+)", plugin, re.MULTILINE):
        assert fixture == "rubellite_backend" or f"`{fixture}`" in TEXT, fixture
    for versions in KNOWN.values():
        assert f"({', '.join(versions)})" in TEXT
