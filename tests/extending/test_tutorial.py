"""docs/extending.md: its code runs, and what it says comes out does."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

PAGE = Path(__file__).resolve().parents[2] / "docs" / "extending.md"
_BLOCK = re.compile(r"^```python\n(.*?)^```", re.DOTALL | re.MULTILINE)
#: A line at the margin, and what it comes to.
_CHECKED = re.compile(r"^(\S.*?)\s+# → (.*)$", re.MULTILINE)


def test_the_tutorial_is_true():
    text = PAGE.read_text(encoding="utf-8")
    names: dict[str, Any] = {"__name__": "tutorial"}
    checked = 0
    try:
        for block in _BLOCK.finditer(text):
            code, count = _CHECKED.subn(r"assert (got := \1) == (\2), got", block[1])
            checked += count
            # So that an error names the page's own line.
            padding = "\n" * text.count("\n", 0, block.start(1))
            exec(compile(padding + code, str(PAGE), "exec"), names)
    finally:
        if "db" in names:
            names["db"].close()
    assert checked == 17
