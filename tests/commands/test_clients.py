"""CLIENT over sockets: who is listed, closed, paused and answered."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest

from tests.oracles import Server
from tests.wire import NULL, Connection, Error, Status, WireError

WAIT_SECONDS = 0.15


@pytest.fixture
def client(server: Server) -> Iterator[Connection]:
    with server.connect() as connection:
        yield connection
        connection.call("CLIENT", "UNPAUSE")
        connection.call("FLUSHALL")


@pytest.fixture
def other(server: Server) -> Iterator[Connection]:
    with server.connect() as connection:
        yield connection


def identifier(connection: Connection) -> int:
    number = connection.call("CLIENT", "ID")
    assert isinstance(number, int)
    return number


def facts(asker: Connection, client: int) -> dict[str, str]:
    """A client's fields as somebody else sees them."""
    line = asker.call("CLIENT", "LIST", "ID", str(client)).decode()
    return dict(field.split("=", 1) for field in line.split())


def waits(connection: Connection) -> bool:
    """Whether no reply comes for a while."""
    data, is_closed = connection.receive_raw(WAIT_SECONDS)
    connection.socket.settimeout(20)
    return not data and not is_closed


def is_closed(connection: Connection) -> bool:
    try:
        connection.call("PING")
    except (OSError, WireError):
        return True
    return False


# Listing


def test_numbers_are_never_used_twice(server: Server):
    with server.connect() as first:
        number = identifier(first)
    with server.connect() as second:
        assert identifier(second) > number


def test_a_line_tells_what_a_client_does(client: Connection, other: Connection):
    number = identifier(other)
    assert facts(client, number)["cmd"] == "client|id"
    other.pipeline([["CLIENT", "SETNAME", "somebody"], ["SELECT", "4"], ["WATCH", "a", "b"]])
    found = facts(client, number)
    assert (found["name"], found["db"], found["watch"], found["multi"]) == (
        "somebody",
        "4",
        "2",
        "-1",
    )
    assert found["flags"] == "N"
    assert found["tot-cmds"] == "4"
    other.pipeline([["MULTI"], ["SET", "a", "1"], ["GET", "a"]])
    found = facts(client, number)
    assert (found["flags"], found["multi"]) == ("x", "2")
    assert int(found["multi-mem"]) > 0
    client.call("SELECT", "4")
    client.call("SET", "a", "2")
    client.call("SELECT", "0")
    assert facts(client, number)["flags"] == "xd"


def test_a_clients_traffic_is_counted(client: Connection, other: Connection):
    number = identifier(other)
    before = facts(client, number)
    other.call("ECHO", "x" * 1000)
    after = facts(client, number)
    assert int(after["tot-net-in"]) - int(before["tot-net-in"]) > 1000
    assert int(after["tot-net-out"]) - int(before["tot-net-out"]) > 1000


def test_half_a_request_shows_in_the_query_buffer(client: Connection, other: Connection):
    number = identifier(other)
    other.send_raw(b"*2\r\n$4\r\nECHO\r\n$5000\r\nbeginning")
    while (found := facts(client, number))["qbuf"] == "0":
        pass
    assert int(found["tot-mem"]) >= int(found["qbuf"]) > 0


@pytest.mark.parametrize(
    ("filters", "matches"),
    [
        (["NAME", "somebody"], True),
        (["NAME", "somebod"], False),
        (["NOT-NAME", "somebody"], False),
        (["LIB-NAME", "library", "LIB-VER", "1.0"], True),
        (["LIB-NAME", "library", "LIB-VER", "2.0"], False),
        (["DB", "5"], True),
        (["NOT-DB", "5"], False),
        (["FLAGS", "eT"], True),
        (["FLAGS", "ex"], False),
        (["NOT-FLAGS", "ex"], True),
        (["NOT-FLAGS", "e"], False),
        (["CAPA", "r"], True),
        (["NOT-CAPA", "r"], False),
        (["IP", "127.0.0.1"], True),
        (["IP", "127.0.0.2"], False),
        (["TYPE", "normal"], True),
        (["TYPE", "replica"], False),
        (["NOT-TYPE", "pubsub"], True),
        (["USER", "default"], True),
        (["MAXAGE", "1000"], False),
        (["NAME", "nobody", "NAME", "somebody"], True),
        (["SKIPME", "yes"], True),
    ],
)
def test_filters_choose(client: Connection, other: Connection, filters: list[str], matches: bool):
    other.pipeline(
        [
            ["CLIENT", "SETNAME", "somebody"],
            ["CLIENT", "SETINFO", "LIB-NAME", "library"],
            ["CLIENT", "SETINFO", "LIB-VER", "1.0"],
            ["CLIENT", "NO-EVICT", "ON"],
            ["CLIENT", "NO-TOUCH", "ON"],
            ["CLIENT", "CAPA", "redirect"],
            ["SELECT", "5"],
        ]
    )
    found = client.call("CLIENT", "LIST", *filters).decode()
    assert (f"id={identifier(other)} " in found) is matches


def test_addresses_filter_too(client: Connection, other: Connection):
    number = identifier(other)
    address, own = facts(client, number)["addr"], facts(client, number)["laddr"]
    for filters, count in (
        (["ADDR", address], 1),
        (["ADDR", address, "LADDR", own], 1),
        (["ADDR", address, "NOT-LADDR", own], 0),
    ):
        assert client.call("CLIENT", "LIST", *filters).count(b"\n") == count


def test_a_name_can_be_taken_away(client: Connection):
    assert client.call("CLIENT", "GETNAME") is NULL
    client.call("CLIENT", "SETNAME", "me")
    assert client.call("CLIENT", "GETNAME") == b"me"
    client.call("CLIENT", "SETNAME", "")
    assert client.call("CLIENT", "GETNAME") is NULL


# Closing


def test_kill_by_address(client: Connection, other: Connection):
    address = facts(client, identifier(other))["addr"]
    assert client.call("CLIENT", "KILL", address) == Status("OK")
    assert is_closed(other)
    assert client.call("CLIENT", "KILL", address) == Error("ERR No such client")


def test_kill_by_filters_counts_and_spares_who_asks(server: Server, client: Connection):
    with server.connect() as one, server.connect() as two:
        for connection in (one, two, client):
            connection.call("CLIENT", "SETNAME", "victim")
        assert client.call("CLIENT", "KILL", "NAME", "victim") == 2
        assert is_closed(one)
        assert is_closed(two)
        assert client.call("PING") == Status("PONG")


def test_who_kills_itself_gets_its_reply(server: Server):
    with server.connect() as connection:
        number = str(identifier(connection))
        assert connection.call("CLIENT", "KILL", "ID", number, "SKIPME", "no") == 1
        assert is_closed(connection)


def test_a_paused_client_can_be_killed(client: Connection, other: Connection):
    number = str(identifier(other))
    client.call("CLIENT", "PAUSE", "10000", "WRITE")
    other.send("SET", "a", "1")
    assert waits(other)
    assert client.call("CLIENT", "KILL", "ID", number) == 1
    assert other.receive_raw(5)[1]
    client.call("CLIENT", "UNPAUSE")
    assert client.call("EXISTS", "a") == 0


# Pausing


def test_a_pause_of_writes_holds_up_writes_alone(client: Connection, other: Connection):
    client.call("SET", "a", "1")
    number = identifier(other)
    client.call("CLIENT", "PAUSE", "10000", "WRITE")
    assert other.call("GET", "a") == b"1"
    other.send("SET", "a", "2")
    assert waits(other)
    found = facts(client, number)
    assert (found["flags"], found["cmd"], found["argv-mem"]) == ("b", "set", "5")
    assert client.call("GET", "a") == b"1"
    client.call("CLIENT", "UNPAUSE")
    assert other.reply() == Status("OK")
    assert client.call("GET", "a") == b"2"
    # PING is not counted, CLIENT ID, GET and SET once each are.
    assert facts(client, number)["tot-cmds"] == "3"


def test_pipelined_requests_behind_a_paused_one_keep_their_order(
    client: Connection, other: Connection
):
    client.call("CLIENT", "PAUSE", "10000", "WRITE")
    for command in (["GET", "a"], ["SET", "a", "1"], ["GET", "a"], ["INCR", "a"], ["GET", "a"]):
        other.send(*command)
    assert other.reply() is NULL
    assert waits(other)
    client.call("CLIENT", "UNPAUSE")
    assert [other.reply() for _ in range(4)] == [Status("OK"), b"1", 2, b"2"]


def test_a_pause_of_writes_holds_up_transactions_that_write(
    server: Server, client: Connection, other: Connection
):
    other.pipeline([["MULTI"], ["SET", "a", "1"]])
    with server.connect() as reader:
        client.call("CLIENT", "PAUSE", "10000", "WRITE")
        assert reader.pipeline([["MULTI"], ["GET", "a"], ["EXEC"]])[2] == [NULL]
        other.send("EXEC")
        assert waits(other)
        reader.call("MULTI")
        reader.send("SET", "b", "1")
        assert waits(reader)
        client.call("CLIENT", "UNPAUSE")
        assert other.reply() == [Status("OK")]
        assert reader.reply() == Status("QUEUED")


def test_wrong_calls_are_answered_in_a_pause(client: Connection, other: Connection):
    client.call("CLIENT", "PAUSE", "10000", "WRITE")
    assert isinstance(other.call("SET", "a"), Error)
    assert isinstance(other.call("NOSUCH"), Error)


def test_nothing_expires_in_a_pause_but_is_not_seen_either(client: Connection, other: Connection):
    client.pipeline([["SET", "kept", "1"], ["SET", "short", "1", "PX", "30"]])
    client.call("CLIENT", "PAUSE", "10000", "WRITE")
    while other.call("EXISTS", "short"):
        pass
    assert other.call("DBSIZE") == 2
    assert other.call("GET", "short") is NULL
    assert other.call("TTL", "short") == -2
    assert other.call("KEYS", "*") == [b"kept"]
    assert other.call("RANDOMKEY") == b"kept"
    client.call("CLIENT", "UNPAUSE")
    assert other.call("EXISTS", "short") == 0
    assert other.call("DBSIZE") == 1


def test_a_pause_of_all_ends_by_itself(client: Connection, other: Connection):
    client.call("CLIENT", "PAUSE", "250", "ALL")
    other.send("PING")
    client.send("CLIENT", "UNPAUSE")
    assert waits(other)
    assert other.reply() == Status("PONG")
    assert client.reply() == Status("OK")


def test_a_pause_is_never_shortened_by_another(client: Connection, other: Connection):
    client.call("CLIENT", "PAUSE", "10000", "WRITE")
    client.call("CLIENT", "PAUSE", "1", "WRITE")
    other.send("SET", "a", "1")
    assert waits(other)
    client.call("CLIENT", "UNPAUSE")
    assert other.reply() == Status("OK")


# Replies


def test_reply_off_is_silent_until_on(client: Connection):
    for command in (["REPLY", "OFF"], ["ID"], ["REPLY", "SKIP"], ["ID"], ["ID"], ["REPLY", "ON"]):
        client.send("CLIENT", *command)
    client.send("ECHO", "heard")
    assert client.reply() == Status("OK")
    assert client.reply() == b"heard"


def test_reply_skip_leaves_one_reply_out(client: Connection):
    client.send("ECHO", "first")
    client.send("CLIENT", "REPLY", "SKIP")
    client.send("ECHO", "skipped")
    client.send("ECHO", "heard")
    assert client.reply() == b"first"
    assert client.reply() == b"heard"


@pytest.mark.parametrize("mode", ["SKIP", "OFF"])
def test_a_reply_that_waits_for_the_end_of_a_pause_is_silenced_then(
    client: Connection, other: Connection, mode: str
):
    client.call("CLIENT", "PAUSE", "10000", "WRITE")
    other.send("CLIENT", "REPLY", mode)
    other.send("SET", "a", "1")
    other.send("PING" if mode == "SKIP" else "CLIENT", *(["REPLY", "ON"] if mode == "OFF" else []))
    assert waits(other)
    client.call("CLIENT", "UNPAUSE")
    assert other.reply() == Status("PONG" if mode == "SKIP" else "OK")
    assert client.call("GET", "a") == b"1"


def test_errors_are_silenced_too(client: Connection):
    client.send("CLIENT", "REPLY", "SKIP")
    client.send("NOSUCH")
    client.send("PING")
    assert client.reply() == Status("PONG")


# Traces


def test_no_touch_leaves_ages_alone(client: Connection):
    client.call("CONFIG", "SET", "maxmemory-policy", "allkeys-lfu")
    try:
        client.pipeline([["SET", "a", "1"], ["SET", "b", "1"], ["CLIENT", "NO-TOUCH", "ON"]])
        for _ in range(50):
            client.call("GET", "a")
        assert client.call("OBJECT", "FREQ", "a") == 5
        client.call("TOUCH", "a")
        client.call("CLIENT", "NO-TOUCH", "OFF")
        for _ in range(50):
            client.call("GET", "b")
        assert client.call("OBJECT", "FREQ", "b") > 5
    finally:
        client.call("CONFIG", "SET", "maxmemory-policy", "noeviction")


# Waking


def test_unblock_wakes_nobody_who_is_not_blocked(client: Connection, other: Connection):
    assert client.call("CLIENT", "UNBLOCK", str(identifier(other))) == 0


def test_a_client_that_outgrows_its_query_buffer_is_counted(server: Server) -> None:
    def disconnections(connection: Connection) -> int:
        text = connection.call("INFO", "stats").decode()
        field = "client_query_buffer_limit_disconnections:"
        return int(next(line for line in text.splitlines() if line.startswith(field))[len(field) :])

    with server.connect() as watcher, server.connect() as greedy:
        assert watcher.call("CONFIG", "SET", "client-query-buffer-limit", "1mb") == Status("OK")
        before = disconnections(watcher)
        # The server may hang up before it was sent everything.
        with contextlib.suppress(OSError):
            greedy.send_raw(b"*2\r\n$4\r\nECHO\r\n$4000000\r\n" + b"x" * 3_000_000)
        with pytest.raises((WireError, OSError)):
            greedy.receive()
        assert disconnections(watcher) == before + 1
        watcher.call("CONFIG", "SET", "client-query-buffer-limit", "1gb")


def test_queued_commands_count_to_the_query_buffer(server: Server) -> None:
    with server.connect() as watcher, server.connect() as greedy:
        assert watcher.call("CONFIG", "SET", "client-query-buffer-limit", "1mb") == Status("OK")
        greedy.call("MULTI")
        for _ in range(3):
            assert greedy.call("SET", "k", "x" * 300_000) == Status("QUEUED")
        with pytest.raises((WireError, OSError)):
            greedy.call("SET", "k", "x" * 300_000)
        assert watcher.call("EXISTS", "k") == 0
        watcher.call("CONFIG", "SET", "client-query-buffer-limit", "1gb")
