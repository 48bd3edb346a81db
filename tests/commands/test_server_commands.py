"""CONFIG, INFO, COMMAND, TIME, ROLE, LOLWUT and SHUTDOWN over a socket."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator

import pytest

from tests import oracles
from tests.oracles import Server
from tests.wire import Connection, Error, Map, Status, Verbatim, WireError


@pytest.fixture
def connection(server: Server) -> Iterator[Connection]:
    with server.connect() as connection:
        yield connection


@pytest.fixture
def own_server() -> Iterator[Server]:
    """One that may be reconfigured and ended."""
    server = oracles.start("ours")
    yield server
    server.stop()


def pairs(reply: list[bytes]) -> dict[str, str]:
    texts = [item.decode() for item in reply]
    return dict(zip(texts[::2], texts[1::2], strict=True))


def fields(connection: Connection, *sections: str) -> dict[str, str]:
    text = connection.call("INFO", *sections).decode()
    lines = [line for line in text.split("\r\n") if line and not line.startswith("#")]
    return dict(line.split(":", 1) for line in lines)


def titles(connection: Connection, *sections: str) -> list[str]:
    text = connection.call("INFO", *sections).decode()
    return [line[2:] for line in text.split("\r\n") if line.startswith("#")]


# CONFIG


def test_config_get_takes_several_patterns(connection):
    found = pairs(connection.call("CONFIG", "GET", "maxmemory", "hz", "lazyfree-*-del", "nosuch"))
    assert list(found) == [
        "hz",
        "lazyfree-lazy-server-del",
        "lazyfree-lazy-user-del",
        "maxmemory",
    ]


def test_config_get_answers_a_map_in_resp3(server):
    with server.connect(protocol=3) as connection:
        assert connection.call("CONFIG", "GET", "port") == Map(
            [(b"port", str(server.port).encode())]
        )


def test_config_set_is_all_or_nothing(connection):
    before = pairs(connection.call("CONFIG", "GET", "slowlog-max-len", "hz"))
    reply = connection.call("CONFIG", "SET", "slowlog-max-len", "7", "hz", "nonsense")
    assert isinstance(reply, Error)
    assert pairs(connection.call("CONFIG", "GET", "slowlog-max-len", "hz")) == before
    assert connection.call("CONFIG", "SET", "slowlog-max-len", "7") == "OK"
    assert pairs(connection.call("CONFIG", "GET", "slowlog-max-len"))["slowlog-max-len"] == "7"


def test_config_set_wants_pairs(connection):
    assert connection.call("CONFIG", "SET", "hz", "10", "port") == "ERR syntax error"


def test_a_setting_of_the_engine_acts_at_once(own_server):
    with own_server.connect() as connection:
        assert connection.call("CONFIG", "SET", "proto-max-bulk-len", "1mb") == "OK"
        reply = connection.call("SETRANGE", "key", str(1 << 20), "x")
        assert "proto-max-bulk-len" in reply


def test_a_password_is_asked_of_new_clients(own_server):
    with own_server.connect() as connection:
        assert connection.call("CONFIG", "SET", "requirepass", "secret") == "OK"
        assert connection.call("PING") == "PONG"
        with own_server.connect() as other:
            assert str(other.call("PING")).startswith("NOAUTH")
            assert other.call("AUTH", "secret") == "OK"


def test_the_port_can_be_moved(own_server):
    old, new = own_server.port, oracles._free_port()
    with own_server.connect() as connection:
        assert connection.call("CONFIG", "SET", "port", str(new)) == "OK"
        own_server.port = new
        with own_server.connect() as other:
            assert other.call("PING") == "PONG"
        assert connection.call("PING") == "PONG"
        own_server.port = old
        # The old listener is closed at the next turn of the loop.
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            try:
                own_server.connect(timeout_seconds=1).close()
            except OSError:
                break
        else:
            pytest.fail("the old port still listens")


def test_a_port_in_use_is_refused_and_nothing_changes(own_server, server):
    with own_server.connect() as connection:
        reply = connection.call("CONFIG", "SET", "port", str(server.port), "hz", "20")
        assert reply == (
            "ERR CONFIG SET failed (possibly related to argument 'port') - "
            "Unable to listen on this port. Check server logs."
        )
        assert pairs(connection.call("CONFIG", "GET", "port", "hz")) == {
            "hz": "10",
            "port": str(own_server.port),
        }
        with own_server.connect() as other:
            assert other.call("PING") == "PONG"


def test_config_rewrite_needs_a_file(connection):
    reply = connection.call("CONFIG", "REWRITE")
    assert reply == "ERR The server is running without a config file"


def test_resetstat_sets_counters_back_but_not_the_peak(own_server):
    with own_server.connect() as connection:
        connection.call("SET", "key", "x" * 1_000_000)
        fields(connection, "memory")
        connection.call("NOSUCH")
        connection.call("DEL", "key")
        before = fields(connection, "all")
        assert connection.call("CONFIG", "RESETSTAT") == "OK"
        after = fields(connection, "all")
        assert int(before["total_error_replies"]) == 1
        assert after["total_error_replies"] == "0"
        assert "cmdstat_set" in before
        assert "cmdstat_set" not in after
        assert int(after["used_memory_peak"]) >= 1_000_000


@pytest.mark.parametrize("container", ["CONFIG", "COMMAND"])
def test_help_names_every_subcommand(connection, container):
    lines = connection.call(container, "HELP")
    assert all(isinstance(line, Status) for line in lines)
    assert lines[0].startswith(f"{container} <subcommand>")
    names = [name.decode() for name in connection.call("COMMAND", "LIST")]
    for name in names:
        if name.startswith(container.lower() + "|"):
            word = name.split("|")[1].upper()
            assert any(line.split(" ")[0] == word for line in lines), word


# INFO


def test_sections_come_in_one_order_whatever_was_asked(connection):
    assert titles(connection, "stats", "SERVER", "nosuch", "server") == ["Server", "Stats"]
    assert titles(connection, "nosuch") == []
    default = titles(connection)
    assert default == titles(connection, "default")
    assert "Commandstats" not in default
    everything = titles(connection, "everything")
    assert everything == titles(connection, "all")
    assert [title for title in everything if title in default] == default


def test_info_is_verbatim_in_resp3(server):
    with server.connect(protocol=3) as connection:
        reply = connection.call("INFO", "server")
        assert isinstance(reply, Verbatim)
        assert reply.startswith(b"txt:# Server\r\nredis_version:7.2.4\r\nserver_name:rubellite\r\n")


def test_info_tells_what_happened(own_server):
    with own_server.connect() as connection:
        connection.call("SET", "a", "1")
        connection.call("SET", "b", "1", "EX", "100")
        connection.call("GET", "a")
        connection.call("GET", "missing")
        connection.call("INCRBY", "a", "x")
        found = fields(connection, "all")
    assert found["db0"].startswith("keys=2,expires=1,avg_ttl=")
    assert found["keyspace_hits"] == "1"
    assert found["keyspace_misses"] == "1"
    assert found["errorstat_ERR"] == "count=1"
    assert found["cmdstat_set"].startswith("calls=2,usec=")
    assert found["cmdstat_set"].endswith(",rejected_calls=0,failed_calls=0")
    assert found["cmdstat_incrby"].endswith(",rejected_calls=0,failed_calls=1")
    assert found["latency_percentiles_usec_set"].startswith("p50=")
    assert found["tcp_port"] == str(own_server.port)
    assert own_server.process is not None
    assert int(found["connected_clients"]) == 1
    assert int(found["used_memory_rss"]) > int(found["used_memory"]) > 0
    assert len(found["run_id"]) == len(found["master_replid"]) == 40


def test_the_rate_of_commands_is_measured(own_server):
    with own_server.connect() as connection:
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            connection.pipeline([("PING",)] * 100)
            if int(fields(connection, "stats")["instantaneous_ops_per_sec"]) > 100:
                return
    pytest.fail("the rate stays near 0")


# TIME, ROLE, LOLWUT


def test_time_is_now(connection):
    seconds, microseconds = connection.call("TIME")
    assert abs(int(seconds) - time.time()) < 60
    assert 0 <= int(microseconds) < 1_000_000


def test_role_is_a_primary_without_replicas(connection):
    assert connection.call("ROLE") == [b"master", 0, []]


@pytest.mark.parametrize("words", [(), ("VERSION", "5"), ("VERSION", "6", "8", "4")])
def test_lolwut_ends_with_the_version(connection, words):
    assert connection.call("LOLWUT", *words).endswith(b"Redis ver. 7.2.4\n")


# SHUTDOWN


@pytest.mark.parametrize(
    "words",
    [
        ("NONSENSE",),
        ("SAVE", "NOSAVE"),
        ("ABORT", "NOSAVE"),
        ("SAVE", "ABORT"),
    ],
)
def test_shutdown_refuses_what_makes_no_sense(connection, words):
    assert connection.call("SHUTDOWN", *words) == "ERR syntax error"


def test_there_is_no_shutdown_to_abort(connection):
    assert connection.call("SHUTDOWN", "ABORT") == "ERR No shutdown in progress."


def test_shutdown_ends_the_server_without_a_reply(own_server):
    with own_server.connect() as connection, pytest.raises((WireError, ConnectionError)):
        connection.call("SHUTDOWN", "NOSAVE")
    assert own_server.process is not None
    assert own_server.process.wait(10) == 0
    assert "User requested shutdown..." in own_server.log()
    assert "bye bye..." in own_server.log()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_end_the_server_at_once(own_server, number):
    assert own_server.process is not None
    with own_server.connect():
        own_server.process.send_signal(number)
        assert own_server.process.wait(10) == 0
    log = own_server.log()
    assert f"Received {signal.Signals(number).name} scheduling shutdown..." in log
    assert "bye bye..." in log
    assert "Traceback" not in log


def test_a_port_in_use_ends_the_start(server, tmp_path):
    import subprocess

    done = subprocess.run(
        [*oracles.command_line("ours"), "--port", str(server.port), "--bind", "127.0.0.1"],
        cwd=tmp_path,
        env=oracles._environment(),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 1
    assert f"Failed listening on port {server.port}, aborting." in done.stdout
    assert "Address already in use" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
