"""`rubellite cli`: what it prints is what redis-cli prints, on any server and on a path."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import rubellite
from rubellite.cli.shell import hints, words
from rubellite.cli.shell.options import UsageError, parse
from tests.oracles import Server

OURS = [sys.executable, "-m", "rubellite.cli.main", "cli"]
ROOT = str(Path(__file__).resolve().parents[2])
ENVIRONMENT = {
    **{name: value for name, value in os.environ.items() if name != "REDISCLI_AUTH"},
    "PYTHONPATH": ROOT,
    "PYTHONUTF8": "1",
}

needs_redis_cli = pytest.mark.skipif(
    shutil.which("redis-cli") is None,
    reason="redis-cli is not on PATH: apt-get install redis-tools",
)


def run(
    program: list[str],
    *arguments: str,
    given: bytes = b"",
    environment: dict[str, str] | None = None,
) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [*program, *arguments],
        input=given,
        capture_output=True,
        check=False,
        timeout=60,
        env={**ENVIRONMENT, **(environment or {})},
    )


@pytest.fixture
def server(redis70: Server) -> Iterator[Server]:
    """A real server with a few keys."""
    with redis70.connect() as connection:
        connection.call("FLUSHALL")
        connection.call("RPUSH", "list", *"abcdefghijk")
        connection.call("HSET", "hash", "f", "v", "g", "")
        connection.call("SADD", "set", "1")
        connection.call("ZADD", "zset", "1.5", "a", "2", "b")
        connection.call("SET", "bytes", b"a\x01\\\xc3\xa9\n")
        connection.call("XADD", "stream", "1-1", "a", "b")
        yield redis70
        connection.call("FLUSHALL")


LINES = rb"""get bytes
get nope
lrange list 0 -1
lrange none 0 -1
hgetall hash
hgetall none
smembers set
zrange zset 0 -1 withscores
zscore zset a
foo
ping
eval return{1,{2,{}},false,{3,'a'}} 0
eval "redis.setresp(3) return {map={k={'x','y'}}}" 0
eval "redis.setresp(3) return {map={k={{'x'}}}}" 0
command docs get
debug protocol verbatim
debug protocol true
debug protocol set
debug protocol map
debug protocol double
debug protocol null
client getname
cluster info
memory doctor
config get max*
command info get set
xrange stream - +
get "not closed
get "q\x41 \"x\"" more

3 incr n
multi
set a 1
get a
exec
select 3
select 99
get a
quit
get a
"""

FORMS = [
    *("", "--no-raw", "--json", "--csv", "--quoted-json", "-3", "--no-raw -3"),
    *("--csv -3", "--json -2", "-d ,", "-D |", "-e"),
]


@needs_redis_cli
@pytest.mark.parametrize("form", FORMS)
def test_replies_look_as_in_redis_cli(server, form):
    shown = []
    for program in (["redis-cli"], OURS):
        with server.connect() as connection:
            connection.call("DEL", "n", "a")
        done = run(program, "-p", str(server.port), *form.split(), given=LINES)
        shown.append((done.returncode, done.stdout, done.stderr))
    assert shown[1] == shown[0]


@needs_redis_cli
def test_options_do_what_those_of_redis_cli_do(server, tmp_path):
    (tmp_path / "script.lua").write_text("return {KEYS[1], ARGV[1]}")
    calls: list[tuple[list[str], bytes]] = [
        (["-x", "set", "k"], b"hello\n"),
        (["-X", "T", "set", "T", "T"], b"tag"),
        (["get", "k"], b""),
        (["-e", "foo"], b""),
        (["foo"], b""),
        (["-a", "bad", "get", "k"], b""),
        (["--no-auth-warning", "-a", "bad", "get", "k"], b""),
        (["-r", "3", "-i", "0.01", "incr", "n"], b""),
        (["-n", "99", "get", "k"], b""),
        (["-n", "3", "--no-raw", "get", "k"], b""),
        (["--scan", "--pattern", "l*"], b""),
        (["--pipe"], b"*1\r\n$4\r\nPING\r\nSET k v\r\nFOO\r\n"),
        (["--eval", str(tmp_path / "script.lua"), "a", ",", "b"], b""),
        (["--quoted-input", "get", '"\\x6b"'], b""),
        (["-u", f"redis://127.0.0.1:{server.port}/2", "dbsize"], b""),
        (["-h", "localhost", "dbsize"], b""),
        (["--bigkeys"], b""),
    ]
    for arguments, given in calls:
        shown = []
        for program in (["redis-cli"], OURS):
            with server.connect() as connection:
                connection.call("SET", "k", "before")
                connection.call("DEL", "n", "tag")
            done = run(program, "-p", str(server.port), *arguments, given=given)
            out = done.stdout
            if arguments == ["--bigkeys"]:
                # Types come in the order of a hash table.
                out = b"\n".join(sorted(out.replace(b"[00.00%]", b"").splitlines()))
            shown.append((done.returncode, out, done.stderr))
        assert shown[1] == shown[0], arguments
    nobody = [run(program, "-p", "1", "get", "k") for program in (["redis-cli"], OURS)]
    assert (nobody[1].returncode, nobody[1].stderr) == (nobody[0].returncode, nobody[0].stderr)


def test_json_is_json_whatever_the_value(ours):
    with ours.connect() as connection:
        connection.call("ZADD", "inf", "inf", "a")
        connection.call("SET", "quotes", b'say "\\x"\n\x00')
        done = run(OURS, "-p", str(ours.port), "--json", given=b"zscore inf a\nget quotes\n")
        connection.call("FLUSHALL")
    assert [json.loads(line) for line in done.stdout.splitlines()] == ["inf", 'say "\\x"\n\x00']


def test_a_path_is_opened_in_the_process(tmp_path):
    with rubellite.open(tmp_path / "data") as store:
        store.set("k", "v")
    path = f"{tmp_path}/data/"
    assert run(OURS, path, "get", "k").stdout == b"v\n"
    assert run(OURS, "-u", path, given=b"incr n\nmulti\nincr n\nexec\n").stdout == (
        b"1\nOK\nQUEUED\n2\n"
    )
    with rubellite.open(tmp_path / "data") as store:
        assert store["n"] == b"2"
        # Who holds it shares it.
        assert run(OURS, path, "incr", "n").stdout == b"3\n"
        assert store["n"] == b"3"
    with rubellite.open(tmp_path / "data", durability="always"):
        done = run(OURS, path, "get", "k")
        assert (done.returncode, done.stdout) == (1, b"")
        assert b"is held by process" in done.stderr
    done = run(OURS, f"{tmp_path}/none", "ping")
    assert (done.returncode, done.stdout) == (1, b"")
    assert b"there is no such data directory" in done.stderr


def test_a_directory_with_a_snapshot_stays_one(tmp_path):
    with rubellite.open(tmp_path / "data", durability="snapshot") as store:
        store.set("k", "1")
    assert run(OURS, f"{tmp_path}/data", "incr", "k").stdout == b"2\n"
    assert os.listdir(tmp_path / "data") == ["dump.rdb"]
    with rubellite.open(tmp_path / "data", durability="snapshot") as store:
        assert store["k"] == b"2"


def test_a_password_comes_from_the_environment(ours):
    with ours.connect() as connection:
        connection.call("CONFIG", "SET", "requirepass", "secret")
        try:
            done = run(OURS, "-p", str(ours.port), "ping", environment={"REDISCLI_AUTH": "secret"})
            assert (done.stdout, done.stderr) == (b"PONG\n", b"")
            done = run(OURS, "-p", str(ours.port), "--user", "default", "--pass", "secret", "ping")
            assert done.stdout == b"PONG\n"
            assert run(OURS, "-p", str(ours.port), "ping").stdout.startswith(b"NOAUTH")
        finally:
            connection.call("CONFIG", "SET", "requirepass", "")


def test_a_server_that_came_back_is_connected_to_anew(tmp_path):
    # In a store of our own, a socket can go and come back on the same path.
    first = rubellite.open()
    first.serve(unixsocket=str(tmp_path / "socket"))
    shell = subprocess.Popen(
        [*OURS, "-s", str(tmp_path / "socket"), "-n", "2"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=ENVIRONMENT,
    )
    assert shell.stdin is not None
    assert shell.stdout is not None
    with shell:
        shell.stdin.write(b"set k 1\n")
        shell.stdin.flush()
        assert shell.stdout.readline() == b"OK\n"
        first.close()
        (tmp_path / "socket").unlink(missing_ok=True)
        with rubellite.open() as second:
            second.serve(unixsocket=str(tmp_path / "socket"))
            shell.stdin.write(b"incr k\nclient info\n")
            shell.stdin.flush()
            assert shell.stdout.readline() == b"1\n"
            assert b" db=2 " in shell.stdout.readline()
            shell.stdin.close()
            shell.wait()


def test_messages_are_shown_as_they_come(ours):
    shell = subprocess.Popen(
        [*OURS, "-p", str(ours.port), "--no-raw", "subscribe", "news"],
        stdout=subprocess.PIPE,
        env=ENVIRONMENT,
    )
    assert shell.stdout is not None
    lines = [shell.stdout.readline() for _ in range(4)]
    with ours.connect() as connection:
        assert connection.call("PUBLISH", "news", "hi") == 1
        lines += [shell.stdout.readline() for _ in range(3)]
    shell.terminate()
    shell.communicate()
    assert b"".join(lines).decode().splitlines() == [
        "Reading messages... (press Ctrl-C to quit)",
        *('1) "subscribe"', '2) "news"', "3) (integer) 1"),
        *('1) "message"', '2) "news"', '3) "hi"'),
    ]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("set k v", [b"set", b"k", b"v"]),
        ('set k "a b\\x41\\n\\q"', [b"set", b"k", b"a bA\nq"]),
        ("set k 'it\\'s \"x\\n\"'", [b"set", b"k", b'it\'s "x\\n"']),
        ('set k "two\nlines"', [b"set", b"k", b"two\nlines"]),
        ('a"b c"', [b"ab c"]),
        ("ä \t b", ["ä".encode(), b"b"]),
        ('""', [b""]),
        ('"open', None),
        ('"a"b', None),
        ("", []),
    ],
)
def test_lines_are_split_into_words(line, expected):
    assert words.arguments(line) == expected


def test_a_pasted_text_is_several_commands():
    assert words.commands('set k "a\nb"\n\nget k\n') == ['set k "a\nb"', "get k"]
    assert words.is_open('set k "a')
    assert not words.is_open('set k "a"b')


@pytest.mark.parametrize("name", ["ours", "redis70", "valkey91"])
def test_hints_name_what_is_missing(request, name):
    server = request.getfixturevalue(name)
    from rubellite.client.resp import Address, Connection

    for protocol in (2, 3):
        connection = Connection(Address(server.host, server.port), protocol)
        usages = hints.of_docs(connection.call("COMMAND", "DOCS"))
        connection.close()
        assert usages.hint(["get"]) == "key"
        assert usages.hint(["GET", "k"]) == ""
        assert usages.hint(["hscan", "k"]) in (
            "cursor [MATCH pattern] [COUNT count]",
            "cursor [MATCH pattern] [COUNT count] [NOVALUES]",
        )
        assert usages.hint(["hscan", "k", "0", "count"]).startswith("count [MATCH pattern]")
        assert "COUNT" not in usages.hint(["hscan", "k", "0", "COUNT", "5"])
        assert usages.hint(["mset", "a", "1"]) == "[key value ...]"
        assert usages.hint(["mset", "a"]).startswith("value")
        assert usages.hint(["config"]) == "subcommand"
        assert usages.hint(["config", "get"]) == "parameter [parameter ...]"
        assert usages.hint(["nonsense"]) == ""
        names = [text for text, _ in usages.completions([], "hge")]
        assert names[:2] == ["HGET", "HGETALL"]
        assert "GET" in [text for text, _ in usages.completions(["config"], "")]
        assert "MATCH" in [text for text, _ in usages.completions(["scan", "0"], "m")]


def test_wrong_options_are_told_in_one_line(capsys):
    for arguments, text in (
        (["--nope"], "--nope is unknown"),
        (["-p"], "-p needs a value"),
        (["-p", "x"], "-p: 'x' cannot be"),
        (["-p", "70000"], "-p: '70000' cannot be"),
        (["-i", "nan"], "-i: 'nan' cannot be"),
        (["-u", "http://x"], 'URL scheme "http" is unknown'),
        (["-x", "-X", "t"], "exclude each other"),
    ):
        with pytest.raises(UsageError, match=re.escape(text)):
            parse(arguments)
