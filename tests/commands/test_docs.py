"""The manual tells the truth: its transcripts, on our server and on the real ones."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests import redis_cli
from tests.oracles import Server
from tests.transcripts import (
    LIMITS_AT_ZERO,
    Played,
    difference,
    is_exact,
    leaves,
    play,
    steps_of,
)

PAGES = sorted((Path(__file__).resolve().parents[2] / "docs" / "commands").glob("*.md"))
each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)


def check(played: list[Played], skipped: set[str]) -> None:
    """Nothing differs from the page, in steps without the tags in `skipped`."""
    found = [difference(one) for one in played if not skipped & one.step.tags]
    assert not any(found), "\n".join(filter(None, found))


def check_in_resp3(page: Path, server: Server, limits: dict[str, str], skipped: set[str]) -> None:
    """RESP3 says what RESP2 says, in its own types."""
    by_place = {one.step.place: one for one in play(page, server, 2, limits)}
    for one in play(page, server, 3, limits):
        step = one.step
        if skipped & step.tags:
            continue
        if "resp3" in step.tags:
            assert difference(one) is None, difference(one)
        elif is_exact(step):
            got, wanted = leaves(one.reply), leaves(by_place[step.place].reply)
            if "unordered" in step.tags:
                got, wanted = sorted(got, key=repr), sorted(wanted, key=repr)
            assert got == wanted, step.place


@pytest.mark.parametrize("limits", [{}, LIMITS_AT_ZERO], ids=["usual_limits", "limits_at_zero"])
@each_page
def test_our_server_answers_as_the_manual_says(page: Path, server: Server, limits: dict[str, str]):
    check(play(page, server, 2, limits), skipped=set())
    check_in_resp3(page, server, limits, skipped=set())


@each_page
def test_valkey_answers_as_the_manual_says(page: Path, valkey91: Server):
    check(play(page, valkey91, 2, {}), skipped={"redis82", "rubellite"})
    check_in_resp3(page, valkey91, {}, skipped={"redis82", "rubellite"})


@pytest.mark.parametrize(
    "page",
    [page for page in PAGES if any("redis82" in step.tags for step in steps_of(page))],
    ids=lambda page: page.stem,
)
def test_redis_answers_as_the_manual_says(page: Path, redis82: Server):
    # The other steps are played all the same: they make the data.
    def only_theirs(played: list[Played]) -> list[Played]:
        return [one for one in played if "redis82" in one.step.tags]

    check(only_theirs(play(page, redis82, 2, {})), skipped=set())


def test_what_the_manual_gets_wrong_is_found(tmp_path: Path, server: Server):
    page = tmp_path / "wrong.md"
    page.write_text("```resp\n> SET a 1\nOK\n> GET a\n1\n> GET b\n(n...\n```\n")
    found = [difference(one) for one in play(page, server, 2, {})]
    assert found[0] is None
    assert found[1] is not None
    assert found[1].startswith("wrong.md:4: GET a")
    assert found[2] is None


def test_redis_cli_shows_replies_as_our_renderer_does(valkey91: Server):
    program = shutil.which("redis-cli")
    if program is None:
        pytest.skip("redis-cli is not on PATH: apt-get install redis-tools")
    nested = (
        "return {1, 'a\\n\\255\"', {'x', {'deep', {}}, false}, {ok='fine'}, {err='ERR bad'}, "
        "7, 8, 9, 10, {11, 12}}"
    )
    in_resp3 = (
        "redis.setresp(3); return {{map={a={1, {double=1.5}}}}, {map={b={}}}, {set={c=true}}, "
        "{double=0.25}, true, false, {}}"
    )
    commands = [
        (2, ["SET", "a", "1"]),
        (2, ["GET", "missing"]),
        (2, ["NO", "such"]),
        (2, ["EVAL", nested, "0"]),
        (3, ["EVAL", in_resp3, "0"]),
        (3, ["EVAL", "redis.setresp(3); return {set={}}", "0"]),
        (3, ["EVAL", "redis.setresp(3); return {map={}}", "0"]),
    ]
    for protocol, words in commands:
        with valkey91.connect(protocol) as connection:
            reply = connection.call(*words)
        shown = subprocess.run(
            [program, "--no-raw", f"-{protocol}", "-p", str(valkey91.port), *words],
            capture_output=True,
            text=True,
            check=False,
        ).stdout
        ours = redis_cli.show(reply, [word.encode() for word in words])
        assert _lines(ours) == _lines(shown)


def _lines(text: str) -> list[str]:
    return [line.rstrip() for line in text.rstrip("\n").splitlines()]
