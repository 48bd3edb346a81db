"""Clients that wait for streams, alone and in groups: everybody gets what Valkey gives."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from random import Random
from typing import Any

import pytest

from tests.differential.allowances import equivalent
from tests.differential.waiting import Stage
from tests.oracles import Server
from tests.wire import same

NAMES = ("ann", "bob", "cid", "dan", "eve")
# Somebody must be left to add.
WAITING_MAX = 3
SEQUENCES = 15
SEQUENCE_COMMANDS = 40

WAITS = [
    "XREAD BLOCK 0 STREAMS k1 $",
    "XREAD BLOCK 0 COUNT 1 STREAMS k1 k2 $ $",
    "XREAD BLOCK 0 STREAMS k2 9-9",
    "XREAD BLOCK 0 STREAMS k1 +",
    "XREADGROUP GROUP g ann BLOCK 0 STREAMS k1 >",
    "XREADGROUP GROUP g bob COUNT 1 BLOCK 0 STREAMS k1 >",
    "XREADGROUP GROUP g cid BLOCK 0 NOACK STREAMS k1 k2 > >",
    "XREADGROUP GROUP h dan BLOCK 0 STREAMS k2 >",
    "BLPOP k2 0",
]
OTHERS = [
    "XADD k1 {next} f v",
    "XADD k1 {next} f v",
    "XADD k2 {next} f v g w",
    "XADD k2 {next} MAXLEN 1 f v g",
    "XADD other {next} f v",
    "XGROUP CREATE k1 g $ MKSTREAM",
    "XGROUP CREATE k2 g $ MKSTREAM",
    "XGROUP CREATE k2 h 0 MKSTREAM",
    "XGROUP DESTROY k1 g",
    "XGROUP DESTROY k2 h",
    "XGROUP SETID k1 g 0",
    "XGROUP DELCONSUMER k1 g ann",
    "XACK k1 g 1-1 2-1 3-1 4-1 5-1",
    "XDEL k1 1-1 2-1 3-1",
    "XTRIM k1 MAXLEN 0",
    "XINFO GROUPS k1",
    "XPENDING k1 g - + 10",
    "DEL k1",
    "DEL k2",
    "SET k1 text",
    "LPUSH k2 a",
    "RENAME other k1",
    "COPY other k2 REPLACE",
    "MOVE k1 1",
    "SWAPDB 0 1",
    "FLUSHDB",
    "MULTI|XADD k1 {next} f v|XTRIM k1 MAXLEN 0|EXEC",
    "MULTI|XADD k1 {next} f v|XREADGROUP GROUP g eve STREAMS k1 >|EXEC",
    "MULTI|DEL k1|XGROUP CREATE k1 g $ MKSTREAM|EXEC",
    "MULTI|XREAD BLOCK 0 STREAMS k1 $|EXEC",
    "CLIENT UNBLOCK @ann",
    "CLIENT UNBLOCK @bob TIMEOUT",
    "CLIENT UNBLOCK @cid ERROR",
]


@pytest.fixture(params=(2, 3), ids=("resp2", "resp3"))
def stages(
    request: pytest.FixtureRequest, ours: Server, valkey91: Server
) -> Iterator[tuple[Stage, Stage]]:
    with Stage(ours, NAMES, request.param) as mine, Stage(valkey91, NAMES, request.param) as theirs:
        yield mine, theirs


def _alike(line: str, mine: dict[str, Any], theirs: dict[str, Any]) -> bool:
    words = [word.encode() for word in line.split()]
    return mine.keys() == theirs.keys() and all(
        same(mine[name], theirs[name]) or equivalent(words, mine[name], theirs[name])
        for name in mine
    )


def test_everybody_reads_the_same_in_the_same_order(stages: tuple[Stage, Stage]):
    seed = int(os.environ.get("RUBELLITE_DIFF_SEED", secrets.randbelow(1_000_000)))
    rng = Random(f"streams waiting {seed}")
    for _ in range(SEQUENCES):
        played: list[tuple[str, str]] = []
        for stage in stages:
            stage.watcher.call("FLUSHALL")
        waiting: set[str] = set()
        for number in range(1, SEQUENCE_COMMANDS + 1):
            free = [name for name in NAMES if name not in waiting]
            may_wait = len(waiting) < WAITING_MAX and rng.random() < 0.5
            name, line = rng.choice(free), rng.choice(WAITS if may_wait else OTHERS)
            line = line.replace("{next} MAXLEN 1", f"MAXLEN 1 {number}-1")
            line = line.replace("{next}", f"{number}-1")
            played.append((name, line))
            for command in line.split("|"):
                mine, theirs = (stage.act(name, *command.split()) for stage in stages)
                assert _alike(command, mine, theirs), f"seed {seed}: {played}\n{mine}\n{theirs}"
            waiting = stages[0].waiting()
            assert waiting == stages[1].waiting(), f"seed {seed}: {played}"
        digests = [stage.watcher.call("DEBUG", "DIGEST") for stage in stages]
        assert digests[0] == digests[1], f"seed {seed}: {played}"
        for stage in stages:
            for name in NAMES:
                stage.watcher.call("CLIENT", "UNBLOCK", str(stage.ids[name]))
            stage.served({})


CHANGES = [
    "XGROUP SETID k1 g 0",
    "XGROUP CREATE k1 h 0",
    "XGROUP CREATECONSUMER k1 g ann",
    "XGROUP DELCONSUMER k1 g ann",
    "XGROUP DESTROY k1 h",
    "XREADGROUP GROUP g bob STREAMS k1 >",
    "XREADGROUP GROUP g cid STREAMS k1 0",
    "XACK k1 g 1-1",
    "XCLAIM k1 g dan 0 2-1",
    "XAUTOCLAIM k1 g eve 0 0",
    "XSETID k1 9-9",
    "XDEL k1 1-1",
    "XTRIM k1 MAXLEN 1",
    "XADD k1 99-1 f v",
]


@pytest.mark.parametrize("line", CHANGES)
def test_only_entries_concern_those_who_watch(line: str, ours: Server, valkey91: Server):
    replies = []
    for server in (ours, valkey91):
        with server.connect() as client, server.connect() as other:
            other.call("FLUSHALL")
            for number in (1, 2, 3):
                other.call("XADD", "k1", f"{number}-1", "f", "v")
            other.call("XGROUP", "CREATE", "k1", "g", "0")
            client.call("WATCH", "k1")
            other.call(*line.split())
            client.call("MULTI")
            client.call("PING")
            replies.append(client.call("EXEC"))
    assert same(*replies)


#: What is done to a stream without adding to it.
NO_NEWS = [
    "XTRIM k1 MAXLEN 0",
    "XDEL k1 1-1",
    "XSETID k1 9-9",
    "XGROUP CREATE k1 g 0",
    "EXPIRE k1 100",
    "PERSIST k1",
]


@pytest.mark.parametrize("line", NO_NEWS)
def test_only_entries_wake_a_reader(line: str, ours: Server, valkey91: Server):
    """Run again, the command would fail: one of its keys holds something else by then."""
    for server in (ours, valkey91):
        with Stage(server, ("ann", "bob")) as stage:
            stage.watcher.call("FLUSHALL")
            stage.act("bob", "XADD", "k1", "1-1", "f", "v")
            stage.act("bob", "PEXPIRE", "k1", 100_000)
            stage.act("ann", "XREAD", "BLOCK", 0, "STREAMS", "k1", "k2", "$", "$")
            stage.act("bob", "SET", "k2", "text")
            heard = stage.act("bob", *line.split())
            assert heard.keys() == {"bob"}, server.name
            heard = stage.act("bob", "XADD", "k1", "10-1", "f", "v")
            assert str(heard["ann"][0]).startswith("WRONGTYPE"), server.name


@pytest.mark.parametrize("count", [(), ("COUNT", 2)], ids=["all", "two"])
@pytest.mark.parametrize("ids", [">>", ">>>", "0>0>", ">0>"])
def test_a_stream_that_is_named_twice_gives_its_news_once(
    count: tuple[str | int, ...], ids: str, ours: Server, valkey91: Server
):
    replies = []
    for server in (ours, valkey91):
        with server.connect(3) as client:
            client.call("FLUSHALL")
            client.call("XGROUP", "CREATE", "k1", "g", "$", "MKSTREAM")
            for number in (1, 2, 3):
                client.call("XADD", "k1", f"{number}-1", "f", "v")
            words = ("XREADGROUP", "GROUP", "g", "ann", *count)
            replies.append(client.call(*words, "STREAMS", *["k1"] * len(ids), *ids))
    assert same(*replies)


def test_who_was_woken_for_nothing_waits_behind_the_others(ours: Server, valkey91: Server):
    heard = []
    for server in (ours, valkey91):
        with Stage(server, ("ann", "bob", "cid")) as stage:
            stage.watcher.call("FLUSHALL")
            for key in ("k1", "k2"):
                stage.act("cid", "XGROUP", "CREATE", key, "g", "$", "MKSTREAM")
            words = ("XREADGROUP", "GROUP", "g")
            stage.act("ann", *words, "ann", "BLOCK", 0, "STREAMS", "k1", "k2", ">", ">")
            stage.act("bob", *words, "bob", "BLOCK", 0, "STREAMS", "k2", ">")
            for line in ("MULTI", "XADD k1 1-1 f v", "XDEL k1 1-1", "EXEC"):
                stage.act("cid", *line.split())
            heard.append([stage.act("cid", "XADD", "k2", f"{id}-1", "f", "v") for id in (2, 3)])
    assert heard[0] == heard[1]
    assert [list(step) for step in heard[0]] == [["cid", "bob"], ["cid", "ann"]]


def test_keys_of_groups_that_are_waited_for_are_counted(ours: Server, valkey91: Server):
    counts = []
    for server in (ours, valkey91):
        with Stage(server, ("ann", "bob", "cid")) as stage:
            stage.watcher.call("FLUSHALL")
            for key in ("k1", "k2"):
                stage.act("cid", "XGROUP", "CREATE", key, "g", "$", "MKSTREAM")
            keys = ("STREAMS", "k1", "k1", "k2", ">", ">", ">")
            stage.act("ann", "XREADGROUP", "GROUP", "g", "ann", "BLOCK", 0, *keys)
            stage.act("bob", "XREAD", "BLOCK", 0, "STREAMS", "k1", "k3", "$", "$")
            seen = [blocking_keys(stage)]
            for line in ("XADD k2 1-1 f v", "XADD k3 1-1 f v"):
                stage.act("cid", *line.split())
                seen.append(blocking_keys(stage))
        counts.append(seen)
    assert counts[0] == counts[1] == [["3", "2"], ["2", "0"], ["0", "0"]]


def blocking_keys(stage: Stage) -> list[str]:
    """How many keys somebody waits for, and how many of them with a group."""
    text = stage.watcher.call("INFO", "clients").decode()
    facts = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
    return [facts["total_blocking_keys"], facts["total_blocking_keys_on_nokey"]]
