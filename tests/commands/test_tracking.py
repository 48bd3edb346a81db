"""Client-side caching over sockets: who is told of which change, when and how."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.oracles import Server
from tests.wire import NULL, NULL3, Connection, Error, Map, Members, Push, Status


@pytest.fixture
def writer(server: Server) -> Iterator[Connection]:
    with server.connect() as connection:
        connection.call("FLUSHALL")
        yield connection


@pytest.fixture
def reader(server: Server, writer: Connection) -> Iterator[Connection]:
    with server.connect(3) as connection:
        yield connection


def invalidated(*keys: bytes) -> Push:
    return Push([b"invalidate", list(keys)])


def pushes(connection: Connection) -> list[Push]:
    """What was pushed to a connection so far."""
    connection.call("PING")
    found, connection.pushes = connection.pushes, []
    return found


def statistics(connection: Connection) -> tuple[int, ...]:
    """Tracked clients, keys, pairs of a key and a client, prefixes."""
    text = connection.call("INFO", "clients").decode() + connection.call("INFO", "stats").decode()
    fields = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
    names = ("clients", "total_keys", "total_items", "total_prefixes")
    return tuple(int(fields[f"tracking_{name}"]) for name in names)


# The default mode


def test_a_reader_is_told_once_of_a_change(reader: Connection, writer: Connection):
    reader.call("CLIENT", "TRACKING", "ON")
    reader.call("MGET", "a", "b")
    writer.pipeline([["SET", "a", "1"], ["SET", "a", "2"], ["DEL", "b"], ["SET", "c", "1"]])
    assert pushes(reader) == [invalidated(b"a")]
    writer.call("SET", "b", "1")
    assert pushes(reader) == [invalidated(b"b")]


def test_its_own_change_follows_the_reply(reader: Connection):
    reader.call("CLIENT", "TRACKING", "ON")
    reader.call("GET", "a")
    reader.send("SET", "a", "1")
    assert [reader.receive(), reader.receive()] == [Status("OK"), invalidated(b"a")]
    reader.call("CLIENT", "TRACKING", "ON", "NOLOOP")
    reader.call("GET", "a")
    reader.call("SET", "a", "2")
    assert pushes(reader) == []


def test_reads_of_a_transaction_count_and_pushes_follow_it(reader: Connection):
    reader.call("CLIENT", "TRACKING", "ON")
    reader.pipeline([["MULTI"], ["GET", "a"], ["SET", "a", "1"], ["GET", "a"], ["DEL", "a"]])
    reader.send("EXEC")
    assert reader.receive() == [NULL3, Status("OK"), b"1", 1]
    assert [reader.receive(), reader.receive()] == [invalidated(b"a")] * 2


def test_writes_are_not_reads(reader: Connection, writer: Connection):
    reader.call("CLIENT", "TRACKING", "ON")
    reader.pipeline([["GETEX", "a"], ["SET", "a", "1", "GET"], ["INCR", "b"]])
    writer.pipeline([["SET", "a", "2"], ["SET", "b", "2"]])
    assert pushes(reader) == []


def test_keys_of_another_database_count_by_name(reader: Connection, writer: Connection):
    reader.call("CLIENT", "TRACKING", "ON")
    reader.call("GET", "a")
    writer.pipeline([["SELECT", "3"], ["SET", "a", "1"]])
    assert pushes(reader) == [invalidated(b"a")]


@pytest.mark.parametrize("command", ["FLUSHALL", "FLUSHDB"])
def test_a_flush_invalidates_everything(reader: Connection, writer: Connection, command: str):
    reader.call("CLIENT", "TRACKING", "ON")
    writer.call(command)
    assert pushes(reader) == [Push([b"invalidate", NULL3])]
    reader.send(command)
    assert [reader.receive(), reader.receive()] == [
        Status("OK"),
        Push([b"invalidate", NULL3]),
    ]


@pytest.mark.parametrize("is_active", [True, False])
def test_an_expired_key_is_a_change(reader: Connection, writer: Connection, is_active: bool):
    reader.call("CLIENT", "TRACKING", "ON", "NOLOOP")
    writer.call("DEBUG", "SET-ACTIVE-EXPIRE", str(int(is_active)))
    writer.call("SET", "a", "1", "PX", "30")
    reader.call("GET", "a")
    while not reader.pushes:
        # Who asks finds it expired, or hears that the server has.
        reader.call("PING" if is_active else "STRLEN", *([] if is_active else ["a"]))
    assert reader.pushes[0] == invalidated(b"a")
    writer.call("DEBUG", "SET-ACTIVE-EXPIRE", "1")


def test_the_table_is_bounded(reader: Connection, writer: Connection):
    writer.call("CONFIG", "SET", "tracking-table-max-keys", "3")
    reader.call("CLIENT", "TRACKING", "ON")
    reader.pipeline([["GET", f"k{number}"] for number in range(10)])
    told = pushes(reader)
    assert len(told) == 7
    assert statistics(writer) == (1, 3, 3, 0)
    writer.call("CONFIG", "SET", "tracking-table-max-keys", "1000000")
    reader.call("CLIENT", "TRACKING", "OFF")
    writer.pipeline([["SET", f"k{number}", "1"] for number in range(10)])
    assert statistics(writer) == (0, 0, 0, 0)
    assert pushes(reader) == []


# Opting in and out


def test_opting_in_tracks_the_next_command_alone(reader: Connection, writer: Connection):
    reader.call("CLIENT", "TRACKING", "ON", "OPTIN")
    reader.pipeline([["GET", "a"], ["CLIENT", "CACHING", "YES"], ["GET", "b"], ["GET", "c"]])
    writer.pipeline([["SET", key, "1"] for key in "abc"])
    assert pushes(reader) == [invalidated(b"b")]
    reader.pipeline([["CLIENT", "CACHING", "YES"], ["CLIENT", "ID"], ["GET", "a"]])
    writer.call("SET", "a", "2")
    assert pushes(reader) == [invalidated(b"a")]
    transaction = [["MULTI"], ["CLIENT", "CACHING", "YES"], ["GET", "a"], ["GET", "b"], ["EXEC"]]
    reader.pipeline([*transaction, ["GET", "c"]])
    writer.pipeline([["SET", key, "1"] for key in "abc"])
    assert pushes(reader) == [invalidated(b"a"), invalidated(b"b")]


def test_opting_out_spares_the_next_command_alone(reader: Connection, writer: Connection):
    reader.call("CLIENT", "TRACKING", "ON", "OPTOUT")
    reader.pipeline([["GET", "a"], ["CLIENT", "CACHING", "NO"], ["GET", "b"], ["GET", "c"]])
    writer.pipeline([["SET", key, "1"] for key in "abc"])
    assert pushes(reader) == [invalidated(b"a"), invalidated(b"c")]


# Broadcasting


def test_broadcasting_tells_of_prefixes_once_a_turn(reader: Connection, writer: Connection):
    reader.call("CLIENT", "TRACKING", "ON", "BCAST", "PREFIX", "u:", "PREFIX", "v:")
    writer.call("MSET", "u:2", "1", "u:1", "1", "v:1", "1", "w:1", "1", "u:2", "2")
    assert pushes(reader) == [invalidated(b"u:1", b"u:2"), invalidated(b"v:1")]
    assert statistics(writer) == (1, 0, 0, 2)
    reader.call("CLIENT", "TRACKING", "OFF")
    assert statistics(writer) == (0, 0, 0, 0)


def test_broadcasting_can_leave_out_ones_own(reader: Connection, writer: Connection):
    reader.call("CLIENT", "TRACKING", "ON", "BCAST", "NOLOOP")
    reader.call("SET", "a", "1")
    writer.call("SET", "b", "1")
    assert pushes(reader) == [invalidated(b"b")]


# Redirection


def test_a_resp2_client_is_told_through_another(server: Server, writer: Connection):
    with server.connect() as reader, server.connect() as listener:
        number = listener.call("CLIENT", "ID")
        reader.call("CLIENT", "TRACKING", "ON", "REDIRECT", number)
        assert reader.call("CLIENT", "GETREDIR") == number
        reader.call("GET", "a")
        # Nobody listens: nothing is said.
        writer.call("SET", "a", "1")
        listener.call("SUBSCRIBE", "__redis__:invalidate")
        reader.call("GET", "a")
        writer.call("SET", "a", "2")
        assert listener.receive() == [b"message", b"__redis__:invalidate", [b"a"]]
        writer.call("FLUSHALL")
        assert listener.receive() == [b"message", b"__redis__:invalidate", NULL]


def test_a_null_is_written_in_the_protocol_of_who_gets_it(server: Server, writer: Connection):
    # Real servers write RESP3's null into this RESP2 connection, which no client can read.
    with server.connect(3) as reader, server.connect() as listener:
        reader.call("CLIENT", "TRACKING", "ON", "REDIRECT", listener.call("CLIENT", "ID"))
        listener.call("SUBSCRIBE", "__redis__:invalidate")
        writer.call("FLUSHALL")
        assert listener.receive() == [b"message", b"__redis__:invalidate", NULL]


def test_a_broken_redirection_is_told(server: Server, reader: Connection, writer: Connection):
    with server.connect() as listener:
        number = listener.call("CLIENT", "ID")
        reader.call("CLIENT", "TRACKING", "ON", "REDIRECT", number)
        reader.call("GET", "a")
    while f"id={number} ".encode() in writer.call("CLIENT", "LIST"):
        pass
    writer.call("SET", "a", "1")
    assert pushes(reader) == [Push([b"tracking-redir-broken", number])]
    assert reader.call("CLIENT", "TRACKINGINFO") == Map(
        [
            (b"flags", Members([b"on", b"broken_redirect"])),
            (b"redirect", number),
            (b"prefixes", []),
        ]
    )
    line = writer.call("CLIENT", "LIST", "ID", reader.call("CLIENT", "ID")).decode()
    assert " flags=tR " in line
    assert f" redir={number} " in line


# Settings of a client


def test_tracking_info_tells_how(reader: Connection):
    def information() -> tuple[list[bytes], int, list[bytes]]:
        reply = dict(reader.call("CLIENT", "TRACKINGINFO"))
        return list(reply[b"flags"]), reply[b"redirect"], reply[b"prefixes"]

    assert information() == ([b"off"], -1, [])
    reader.call("CLIENT", "TRACKING", "ON", "OPTIN", "NOLOOP")
    reader.call("CLIENT", "CACHING", "YES")
    assert information() == ([b"on", b"optin", b"caching-yes", b"noloop"], 0, [])
    reader.call("CLIENT", "TRACKING", "OFF")
    reader.call("CLIENT", "TRACKING", "ON", "BCAST", "PREFIX", "b", "PREFIX", "a")
    assert information() == ([b"on", b"bcast"], 0, [b"a", b"b"])
    reader.call("RESET")
    assert reader.call("CLIENT", "GETREDIR") == -1


@pytest.mark.parametrize(
    ("first", "second", "error"),
    [
        ([], ["PREFIX", "a"], "ERR PREFIX option requires BCAST mode to be enabled"),
        ([], ["OPTIN", "OPTOUT"], "ERR You can't specify both OPTIN mode and OPTOUT mode"),
        ([], ["BCAST", "OPTIN"], "ERR OPTIN and OPTOUT are not compatible with BCAST"),
        ([], ["REDIRECT", "999999"], "ERR The client ID you want redirect to does not exist"),
        ([], ["REDIRECT", "x"], "ERR value is not an integer or out of range"),
        ([], ["NOSUCH"], "ERR syntax error"),
        ([], ["PREFIX"], "ERR syntax error"),
        (
            [],
            ["BCAST", "PREFIX", "a", "PREFIX", "ab"],
            "ERR Prefix 'a' overlaps with another provided prefix 'ab'. Prefixes for a single "
            "client must not overlap.",
        ),
        (
            ["BCAST", "PREFIX", "a"],
            ["BCAST", "PREFIX", "ab"],
            "ERR Prefix 'ab' overlaps with an existing prefix 'a'. Prefixes for a single client "
            "must not overlap.",
        ),
        (
            ["OPTIN"],
            ["OPTOUT"],
            "ERR You can't switch OPTIN/OPTOUT mode before disabling tracking for this client, "
            "and then re-enabling it with a different mode.",
        ),
        (
            ["OPTIN"],
            ["BCAST"],
            "ERR You can't switch BCAST mode on/off before disabling tracking for this client, "
            "and then re-enabling it with a different mode.",
        ),
    ],
)
def test_modes_that_do_not_go_together(
    reader: Connection, first: list[str], second: list[str], error: str
):
    if first:
        assert reader.call("CLIENT", "TRACKING", "ON", *first) == Status("OK")
    assert reader.call("CLIENT", "TRACKING", "ON", *second) == Error(error)
