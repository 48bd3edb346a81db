"""What the table of settings claims: `works` is read by somebody, the rest by nobody.

Who makes a setting act changes its row to WORKS; this test reminds them.
"""

from __future__ import annotations

from pathlib import Path

from rubellite.config import SETTINGS, WORKS

PACKAGE = Path(__file__).resolve().parents[2] / "rubellite"

#: Read by way of a method of `Config` or a name that is put together.
READ_OTHERWISE = {
    "client-output-buffer-limit": "output_limits()",
    "enable-protected-configs": "by Config itself",
    "latency-tracking-info-percentiles": "percentiles()",
    "shutdown-on-sigint": 'f"shutdown-on-{name.lower()}"',
    "shutdown-on-sigterm": 'f"shutdown-on-{name.lower()}"',
}

#: Read, but nothing comes of it yet except that it is shown.
READ_WITHOUT_EFFECT = {
    "hz": "shown by INFO; the engine works as often as it has to",
    "import-mode": "CLIENT IMPORT-SOURCE asks for it; expired keys are not kept for it",
    "repl-backlog-size": "shown by INFO",
}


def sources() -> str:
    """All code that could read a setting."""
    return "\n".join(
        path.read_text()
        for path in sorted(PACKAGE.rglob("*.py"))
        if "config" not in path.relative_to(PACKAGE).parts[:-1]
    )


def test_what_works_is_read():
    text = sources()
    idle = {
        name
        for name, setting in SETTINGS.items()
        if setting.effect == WORKS and name not in READ_OTHERWISE and f'"{name}"' not in text
    }
    assert not idle, "claim to work, but nobody reads them"


def test_what_is_read_works():
    text = sources()
    read = {
        name
        for name, setting in SETTINGS.items()
        if setting.effect != WORKS and f'"{name}"' in text and "-" in name
    }
    assert read - set(READ_WITHOUT_EFFECT) == set(), "are read, but their rows do not say so"


def test_exceptions_are_needed():
    for name in READ_WITHOUT_EFFECT:
        assert SETTINGS[name].effect != WORKS, f"{name} works: drop the exception"
    for name in READ_OTHERWISE:
        assert SETTINGS[name].effect == WORKS, f"{name} does not work: drop the exception"
