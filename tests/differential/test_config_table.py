"""Every parameter, given every kind of value, against Valkey 9.1.

The real server and our table, without a server around it, get the same CONFIG SETs;
replies must be equal, and so must what CONFIG GET shows afterwards.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from rubellite.config import BY_ANY_NAME, REFUSED, Config, ConfigError
from tests import oracles
from tests.oracles import Server
from tests.wire import Connection


def each(text: str) -> tuple[str, ...]:
    """The words of a text."""
    return tuple(text.split())


NUMBERS = each(
    "-2 -1 0 1 2 3 10 64 65 99 100 101 128 129 256 257 777 888 1000 1001 65535 65536 1048575 "
    "1048576 2147483647 2147483648 4294967295 4294967296 9223372036854775807 "
    "9223372036854775808 18446744073709551615 18446744073709551616 00 010 +5 -0 0x10 1.5 "
    "1_000 "
)
SIZES = each("1b 1k 1kb 1KB 1m 1mb 1g 1Gb 1tb 10gg kb -1kb 50% 101% -5% % 5.5% ")
WORDS = each(
    "yes no YES maybe default save nosave now force notice NOTHING warning NoEviction "
    "allkeys-lru everysec always local local0 relative absolute enabled disabled swapdb ip "
    "hostname json iso8601 strict panic allchannels sync CN URI off KEA Kg$ KQ AKn /tmp a/b "
    "{title} {bogus} 127.0.0.1 ::1 1.2.3.256 C POSIX xx_XX "
)
PHRASES = (
    "",
    " 5",
    "5 ",
    "a b",
    "a\nb",
    "60 1",
    "60 1 300",
    "60 1 300 10",
    "-60 1",
    "0 1",
    "60 0",
    "60  1",
    "50 99 99.9",
    "50 101",
    "99.99999999",
    "1e1 12.3456789",
    "nan",
    "0 200 800",
    "0 -2000 2001",
    "0 a 1",
    "save now",
    "now save",
    "save nosave",
    "normal 0 0 0",
    "NORMAL 1kb 2mb 5",
    "normal 0 0",
    "bogus 0 0 0",
    "normal -1 0 0",
    "replica 0 0 0 pubsub 1 1 1",
)
VALUES = (*NUMBERS, *SIZES, *WORDS, *PHRASES)

#: Parameters whose effect on the real server would end the test, or depends on its build
#: or its machine: what CONFIG SET does there is not the table's business.
LEFT_OUT = {
    "port": "moves the server away from the test",
    "bind": "moves the server away from the test",
    "maxclients": "allocates for that many clients",
    "maxmemory-clients": "disconnects the test",
    "requirepass": "locks the test out",
    "timeout": "disconnects the test",
    "client-output-buffer-limit": "checked below, with its default restored each time",
    "activedefrag": "depends on the allocator it was built with",
    "proc-title-template": "refuses a template that is empty once filled in",
    "locale-collate": "depends on the locales installed",
    "watchdog-period": "is rounded up to its timer, and there is no watchdog here",
}

#: Values where we differ on purpose.
DIFFERENT = {
    # A negative number by way of overflow.
    ("slot-migration-max-failover-repl-bytes", "18446744073709551615"),
}


@pytest.fixture(scope="module")
def real() -> Iterator[Connection]:
    try:
        server: Server = oracles.start("valkey91")
    except oracles.ServerUnavailableError as problem:
        pytest.fail(str(problem), pytrace=False)
    try:
        with server.connect() as connection:
            yield connection
    finally:
        server.stop()


def ours_set(config: Config, *words: str) -> str:
    """CONFIG SET by our table, as the reply a client would see."""
    try:
        config.set_many(zip(words[::2], words[1::2], strict=True))
    except ConfigError as problem:
        return str(problem)
    return "OK"


def real_set(connection: Connection, *words: str) -> str:
    return text(connection.call("CONFIG", "SET", *words))


def text(reply: object) -> str:
    """A status, error or bulk reply as a string."""
    if isinstance(reply, bytes):
        return reply.decode("utf-8", "surrogateescape")
    return str(reply)


def shown(connection: Connection, name: str) -> str:
    reply = connection.call("CONFIG", "GET", name)
    assert isinstance(reply, list), reply
    return text(reply[1])


COMPARED = [
    name
    for name, setting in BY_ANY_NAME.items()
    if setting.effect != REFUSED and name not in LEFT_OUT and not setting.is_protected
]


@pytest.mark.parametrize("name", COMPARED)
def test_values_are_taken_and_refused_alike(name, real):
    reply = real.call("CONFIG", "GET", name)
    if not reply:
        pytest.skip("Valkey 9.1 has no such parameter")
    config = Config()
    config.assign(
        BY_ANY_NAME[name].name, Config({name: shown(real, name)}).value(BY_ANY_NAME[name].name)
    )
    before = shown(real, name)
    differences = []
    for value in VALUES:
        if (name, value) in DIFFERENT:
            continue
        expected = real_set(real, name, value), shown(real, name)
        actual = ours_set(config, name, value), config.shown(name)
        if actual != expected:
            differences.append((value, actual, expected))
    if BY_ANY_NAME[name].is_live:
        real_set(real, name, before)
    assert not differences


@pytest.mark.parametrize("value", PHRASES)
def test_output_limits(value, real):
    name = "client-output-buffer-limit"
    config = Config()
    default = config.shown(name)
    real_set(real, name, default)
    expected = real_set(real, name, value), shown(real, name)
    real_set(real, name, default)
    assert (ours_set(config, name, value), config.shown(name)) == expected


@pytest.mark.parametrize(
    "words",
    [
        ["nosuch", "1"],
        ["maxmemory", "1", "nosuch", "2"],
        ["maxmemory", "xx", "nosuch", "2"],
        ["maxmemory", "1", "maxmemory", "2"],
        ["MAXMEMORY", "1", "maxmemory", "2"],
        ["MaxMemory", "xx"],
        ["hash-max-ziplist-entries", "1", "hash-max-listpack-entries", "2"],
        ["maxmemory", "77", "hz", "yy"],
        ["daemonize", "yes", "nosuch", "1"],
        ["daemonize", "yes", "hz", "1", "hz", "2"],
        ["maxmemory", "0", "hz", "10", "dir", "/"],
        ["replica-priority", "x", "slave-priority", "5"],
    ],
)
def test_several_at_once_fail_alike(words, real):
    config = Config()
    assert ours_set(config, *words) == real_set(real, *words)
    assert config.shown("maxmemory") == shown(real, "maxmemory")


#: Where ours starts with another value, and why.
OTHER_DEFAULTS = {
    "bind": "given by the fixture",
    "port": "given by the fixture",
    "dir": "given by the fixture",
    "save": "given by the fixture",
    "enable-debug-command": "given by the fixture",
    "syslog-ident": "says who logs",
}


def test_every_parameter_is_shown_with_the_same_default_in_the_same_order():
    server = oracles.start("valkey91")
    try:
        with server.connect() as connection:
            reply = connection.call("CONFIG", "GET", "*")
    finally:
        server.stop()
    assert isinstance(reply, list)
    pairs = [text(item) for item in reply]
    expected = dict(zip(pairs[::2], pairs[1::2], strict=True))
    ours = Config().get("*")
    assert [name for name in ours if name in expected] == list(expected)
    differences = {
        name: (ours[name], value)
        for name, value in expected.items()
        if ours[name] != value and name not in OTHER_DEFAULTS
    }
    assert not differences
