"""Clients that wait for keys: who is served, when, and what it counts as.

Each test states a fact about Valkey and about ours, and is run on both.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

from rubellite._core import EmbeddedSession
from tests.differential.waiting import Stage
from tests.oracles import Server
from tests.store import Store
from tests.wire import NULL_ARRAY, Error, decode_all

UNBLOCKED = Error("UNBLOCKED client unblocked via CLIENT UNBLOCK")
WRONG_TYPE = "WRONGTYPE Operation against a key holding the wrong kind of value"


@pytest.fixture(params=("ours", "valkey91"))
def stage(request: pytest.FixtureRequest) -> Iterator[Stage]:
    server: Server = request.getfixturevalue(request.param)
    with Stage(server, ("ann", "bob", "cid")) as stage:
        stage.watcher.call("FLUSHALL")
        yield stage
        stage.watcher.call("CLIENT", "UNPAUSE")
        stage.watcher.call("FLUSHALL")


def info(stage: Stage, section: str) -> dict[str, str]:
    lines = stage.watcher.call("INFO", section).decode().splitlines()
    return dict(line.split(":", 1) for line in lines if ":" in line)


def until_gone(stage: Stage, name: str) -> None:
    number = f"id={stage.ids[name]} ".encode()
    while number in stage.watcher.call("CLIENT", "LIST"):
        pass


def test_who_waits_longest_is_served_first(stage: Stage):
    assert stage.act("bob", "BLPOP", "k", "0") == {}
    assert stage.act("ann", "BRPOP", "k", "0") == {}
    replies = stage.act("cid", "RPUSH", "k", "a", "b", "c")
    assert replies == {"cid": [3], "bob": [[b"k", b"a"]], "ann": [[b"k", b"c"]]}
    assert stage.act("cid", "LRANGE", "k", "0", "-1") == {"cid": [[b"b"]]}


def test_what_one_client_gets_may_serve_the_next(stage: Stage):
    stage.act("ann", "BLMOVE", "a", "b", "LEFT", "LEFT", "0")
    stage.act("bob", "BLMPOP", "0", "2", "x", "b", "RIGHT")
    replies = stage.act("cid", "LPUSH", "a", "1")
    assert replies == {"cid": [1], "ann": [b"1"], "bob": [[b"b", [b"1"]]]}


def test_a_wait_for_the_wrong_destination_fails_and_leaves_the_element(stage: Stage):
    stage.act("ann", "BLMOVE", "k", "text", "LEFT", "LEFT", "0")
    stage.act("bob", "BLPOP", "k", "0")
    stage.act("cid", "SET", "text", "hello")
    replies = stage.act("cid", "RPUSH", "k", "1")
    assert replies == {"cid": [1], "ann": [Error(WRONG_TYPE)], "bob": [[b"k", b"1"]]}


@pytest.mark.parametrize(
    "command",
    ["RENAME other k", "RENAMENX other k", "COPY other k", "LMOVE other k LEFT LEFT", "SWAPDB 0 1"],
)
def test_whatever_makes_the_key_wakes(stage: Stage, command: str):
    stage.act("cid", "RPUSH", "other", "a")
    stage.act("cid", "SELECT", "1")
    stage.act("cid", "RPUSH", "k", "a")
    stage.act("cid", "SELECT", "0")
    stage.act("ann", "BLPOP", "k", "0")
    assert stage.act("cid", *command.split())["ann"] == [[b"k", b"a"]]


def test_move_wakes_in_the_other_database(stage: Stage):
    stage.act("ann", "SELECT", "1")
    stage.act("ann", "BLPOP", "k", "0")
    stage.act("cid", "RPUSH", "k", "a")
    assert stage.act("cid", "MOVE", "k", "1") == {"cid": [1], "ann": [[b"k", b"a"]]}


def test_another_kind_of_value_wakes_nobody(stage: Stage):
    stage.act("ann", "BLPOP", "k", "0")
    assert stage.act("cid", "SET", "k", "text") == {"cid": ["OK"]}
    assert stage.act("cid", "DEL", "k") == {"cid": [1]}
    assert stage.act("cid", "RPUSH", "k", "a")["ann"] == [[b"k", b"a"]]


def test_a_transaction_is_over_before_anybody_sees_what_it_pushed(stage: Stage):
    stage.act("ann", "BLPOP", "k", "0")
    for command in ("MULTI", "RPUSH k a", "LPUSH k b", "LPOP k"):
        stage.act("cid", *command.split())
    assert stage.act("cid", "EXEC") == {"cid": [[1, 2, b"b"]], "ann": [[b"k", b"a"]]}


def test_nobody_waits_inside_a_transaction(stage: Stage):
    for command in ("MULTI", "BLPOP k 0", "BLMOVE k x LEFT LEFT 0", "BLMPOP 0 1 k LEFT"):
        stage.act("ann", *command.split())
    reply = stage.act("ann", "EXEC")["ann"][0]
    assert reply[0] is NULL_ARRAY
    assert reply[1] is not NULL_ARRAY
    assert reply[2] is NULL_ARRAY


def test_a_wait_ends_after_a_fraction_of_a_second(stage: Stage):
    for command in ("BLPOP k 0.01", "BLMOVE k x LEFT LEFT 0.01", "BLMPOP 0.01 1 k LEFT"):
        stage.act("ann", *command.split())
        assert stage.wait_for("ann") == {"ann": [NULL_ARRAY]}
    assert stage.act("cid", "RPUSH", "k", "a") == {"cid": [1]}


def test_client_unblock_ends_a_wait(stage: Stage):
    stage.act("ann", "BLPOP", "k", "0")
    assert stage.act("cid", "CLIENT", "UNBLOCK", "@ann") == {"cid": [1], "ann": [NULL_ARRAY]}
    assert stage.act("cid", "CLIENT", "UNBLOCK", "@ann") == {"cid": [0]}
    stage.act("ann", "BLPOP", "k", "100")
    replies = stage.act("cid", "CLIENT", "UNBLOCK", "@ann", "ERROR")
    assert replies == {"cid": [1], "ann": [UNBLOCKED]}


def test_who_hung_up_takes_nothing(stage: Stage):
    stage.act("ann", "BLPOP", "k", "0")
    stage.act("bob", "BLPOP", "k", "0")
    stage.clients["ann"].close()
    stage.owed["ann"] = 0
    until_gone(stage, "ann")
    assert stage.act("cid", "RPUSH", "k", "a") == {"cid": [1], "bob": [[b"k", b"a"]]}


def test_who_is_killed_takes_nothing(stage: Stage):
    stage.act("ann", "BLPOP", "k", "0")
    stage.owed["ann"] = 0
    number = str(stage.ids["ann"])
    killed = ("CLIENT", "KILL", "ID", number)
    assert stage.watcher.pipeline([killed, ("RPUSH", "k", "a"), ("LLEN", "k")]) == [1, 1, 1]


def test_what_follows_a_wait_is_done_after_it(stage: Stage):
    stage.act("ann", "BLPOP", "k", "0")
    stage.act("ann", "SET", "after", "1")
    stage.act("ann", "BLPOP", "k", "0")
    assert stage.act("cid", "EXISTS", "after") == {"cid": [0]}
    replies = stage.act("cid", "RPUSH", "k", "a", "b")
    # The second wait begins when the first is over.
    assert replies["ann"][:2] == [[b"k", b"a"], "OK"]
    while stage.owed["ann"]:
        stage.served(replies)
    assert replies["ann"][2:] == [[b"k", b"b"]]


def test_a_pause_puts_off_serving(stage: Stage):
    stage.act("ann", "BLPOP", "k", "0")
    for command in ("MULTI", "CLIENT PAUSE 100000 WRITE", "RPUSH k a"):
        stage.act("cid", *command.split())
    assert stage.act("cid", "EXEC") == {"cid": [["OK", 1]]}
    assert stage.act("cid", "LLEN", "k") == {"cid": [1]}
    stage.act("cid", "CLIENT", "UNPAUSE")
    while stage.owed["ann"]:
        stage.served({})
    assert stage.act("cid", "LLEN", "k") == {"cid": [0]}


def test_client_reply_skip_skips_the_reply_of_a_wait(stage: Stage):
    ann = stage.clients["ann"]
    ann.send("CLIENT", "REPLY", "SKIP")
    ann.send("BLPOP", "k", "0")
    ann.send("ECHO", "after")
    while "ann" not in stage.waiting():
        pass
    stage.watcher.call("RPUSH", "k", "a")
    assert ann.receive() == b"after"


def test_a_wait_counts_once_when_it_is_done(stage: Stage):
    stage.watcher.call("CONFIG", "SET", "slowlog-log-slower-than", "0")
    stage.act("ann", "BLPOP", "k", "0")
    stage.watcher.call("CONFIG", "RESETSTAT")
    stage.watcher.call("SLOWLOG", "RESET")
    assert "cmdstat_blpop" not in info(stage, "commandstats")
    stage.act("cid", "RPUSH", "k", "a")
    assert info(stage, "commandstats")["cmdstat_blpop"].startswith("calls=1,")
    logged = [entry[3][0] for entry in stage.watcher.call("SLOWLOG", "GET", "10")]
    stage.watcher.call("CONFIG", "SET", "slowlog-log-slower-than", "10000")
    assert [name for name in logged if name in (b"BLPOP", b"RPUSH")] == [b"BLPOP", b"RPUSH"]
    stage.act("ann", "BLPOP", "k", "0")
    stage.act("cid", "CLIENT", "UNBLOCK", "@ann", "ERROR")
    found = info(stage, "commandstats")["cmdstat_blpop"]
    assert found.startswith("calls=2,")
    assert found.endswith("rejected_calls=1,failed_calls=0")


def test_monitors_see_a_wait_when_it_begins(stage: Stage):
    with stage.watcher.__class__(*stage.watcher.socket.getpeername()) as monitor:
        monitor.call("MONITOR")
        stage.act("ann", "BLPOP", "k", "0")
        stage.act("cid", "RPUSH", "k", "a")
        stage.act("cid", "ECHO", "end")
        seen = []
        while '"end"' not in (line := str(monitor.receive())):
            seen.append(line.partition("] ")[2])
    assert [line for line in seen if '"k"' in line] == ['"BLPOP" "k" "0"', '"RPUSH" "k" "a"']


def test_info_counts_who_waits(stage: Stage):
    stage.act("ann", "BLPOP", "k", "j", "100")
    stage.act("bob", "BLPOP", "k", "0")
    found = info(stage, "clients")
    assert (found["blocked_clients"], found["clients_in_timeout_table"]) == ("2", "1")
    assert (found["total_blocking_keys"], found["total_blocking_keys_on_nokey"]) == ("2", "0")
    lines = stage.watcher.call("CLIENT", "LIST", "ID", str(stage.ids["ann"])).decode()
    fields = dict(field.split("=", 1) for field in lines.split())
    assert (fields["flags"], fields["cmd"], fields["tot-cmds"]) == ("b", "blpop", "1")
    assert fields["argv-mem"] == str(len("BLPOPkj100"))


# Ours alone: inside a process


def test_a_caller_that_cannot_wait_gets_an_answer_at_once():
    store = Store()
    assert store("BLPOP", "k", 0) is None
    assert store("BLMOVE", "k", "other", "LEFT", "RIGHT", 100) is None


def test_the_journal_gets_the_push_and_then_what_each_wait_took():
    store = Store()
    store.engine.freeze_clock(None)
    store.engine.record_journal()
    taken: list[Any] = []

    def collect(session: EmbeddedSession, words: tuple[Any, ...]) -> None:
        taken.append(session.call(*words))

    waits = [
        ("BLPOP", "k", 0),
        ("BLMOVE", "k", "other", "RIGHT", "LEFT", 0),
        ("BRPOPLPUSH", "k", "other", 0),
        ("BLMPOP", 0, 1, "k", "RIGHT", "COUNT", 9),
    ]
    threads = []
    watcher = store.engine.embed()
    for number, words in enumerate(waits, 1):
        session = store.engine.embed()
        work = partial(collect, session, words)
        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        threads.append(thread)
        while f"blocked_clients:{number}".encode() not in watcher.call("INFO", "clients"):
            pass
    assert store("RPUSH", "k", "a", "b", "c", "d", "e") == 5
    for thread in threads:
        thread.join()
    assert sorted(map(str, taken)) == sorted(
        map(str, [[b"k", b"a"], b"e", b"d", [b"k", [b"c", b"b"]]])
    )
    assert decode_all(store.engine.take_journal())[1:] == [
        [b"RPUSH", b"k", b"a", b"b", b"c", b"d", b"e"],
        [b"LPOP", b"k"],
        [b"LMOVE", b"k", b"other", b"RIGHT", b"LEFT"],
        [b"RPOPLPUSH", b"k", b"other"],
        [b"RPOP", b"k", b"2"],
    ]
