"""The table of parameters, their values, and the files they come from."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rubellite.config import (
    BY_ANY_NAME,
    REFUSED,
    SETTINGS,
    Config,
    ConfigError,
    ConfigFileError,
    RefusedError,
    load,
    rewrite,
)
from rubellite.config.loading import lines_of_arguments
from rubellite.config.patterns import matches
from rubellite.config.rewrite import rewritten
from rubellite.config.words import QuoteError, quote, split


def failure(config: Config, *pairs: str) -> str:
    """The reply to a CONFIG SET that must fail."""
    with pytest.raises(ConfigError) as caught:
        config.set_many(zip(pairs[::2], pairs[1::2], strict=True))
    return str(caught.value)


# The table


@pytest.mark.parametrize("name", SETTINGS)
def test_a_default_is_stated_as_config_get_shows_it(name):
    setting = SETTINGS[name]
    if name != "dir":
        assert setting.kind.show(setting.default_value()) == setting.default


@pytest.mark.parametrize("name", SETTINGS)
def test_every_parameter_takes_what_it_shows(name):
    config = Config()
    setting = SETTINGS[name]
    if setting.is_live and not setting.is_protected:
        config.set(name, config.shown(name))
    assert Config({name: config.shown(name)}).value(name) == config.value(name)


def test_every_parameter_is_explained_in_one_sentence():
    for setting in SETTINGS.values():
        assert setting.help.endswith("."), setting
        assert "\n" not in setting.help, setting


def test_no_two_parameters_share_a_name():
    names = [name for s in SETTINGS.values() for name in (s.name, *s.aliases)]
    assert len(names) == len(set(names)) == len(BY_ANY_NAME)


def test_importing_the_table_is_quick():
    # A budget of several times what it takes: this finds an accident, not a regression.
    code = (
        "import time; start = time.process_time(); import rubellite.config; "
        "print(time.process_time() - start)"
    )
    runs = [
        float(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout)
        for _ in range(3)
    ]
    assert min(runs) < 0.15


# CONFIG GET


def test_get_sorts_by_name_and_hides_what_tests_use():
    shown = Config().get("*")
    assert list(shown) == sorted(shown)
    assert "key-load-delay" not in shown
    assert Config().get("key-load-delay") == {"key-load-delay": "0"}


def test_get_replies_with_the_name_it_was_asked_for():
    assert Config().get("HZ", "nosuch", "lua-time-limit") == {"HZ": "10", "lua-time-limit": "5000"}


def test_get_takes_several_patterns_and_lists_each_parameter_once():
    assert list(Config().get("h?", "hz", "port*")) == ["hz", "port"]


@pytest.mark.parametrize(
    ("pattern", "name", "expected"),
    [
        ("*", "", True),
        ("h?z", "haz", True),
        ("h?", "h", False),
        ("HZ*", "hz", True),
        ("[a-c]x", "bx", True),
        ("[c-a]x", "bx", True),
        ("[^a-c]x", "bx", False),
        ("[^a-c]x", "dx", True),
        (r"a\*", "a*", True),
        (r"a\*", "ab", False),
        (r"[\]]", "]", True),
        ("[]x", "ax", False),
        ("a.c", "abc", False),
    ],
)
def test_patterns_are_redis_globs(pattern, name, expected):
    assert matches(pattern, name) is expected


# CONFIG SET


def test_set_stores_one_value_under_all_names():
    config = Config()
    config.set("hash-max-ziplist-entries", "7")
    assert config.get("hash-max-*-entries") == {
        "hash-max-listpack-entries": "7",
        "hash-max-ziplist-entries": "7",
    }


@pytest.mark.parametrize(
    ("pairs", "reply"),
    [
        (("nosuch", "1"), "ERR Unknown option or number of arguments for CONFIG SET - 'nosuch'"),
        (
            ("MaxMemory", "xx"),
            "ERR CONFIG SET failed (possibly related to argument 'maxmemory') - "
            "argument must be a memory value",
        ),
        (
            ("daemonize", "yes", "nosuch", "1"),
            "ERR CONFIG SET failed (possibly related to argument 'daemonize') - "
            "can't set immutable config",
        ),
        (
            ("hz", "1", "hz", "2"),
            "ERR CONFIG SET failed (possibly related to argument 'hz') - duplicate parameter",
        ),
        (
            ("dir", "/"),
            "ERR CONFIG SET failed (possibly related to argument 'dir') - "
            "can't set protected config",
        ),
        (
            ("masterauth", "x"),
            "ERR CONFIG SET failed (possibly related to argument 'masterauth') - "
            "not supported by Rubellite yet",
        ),
    ],
)
def test_set_fails_in_redis_words(pairs, reply):
    assert failure(Config(), *pairs) == reply


def test_a_failed_set_changes_nothing():
    config = Config()
    before = config.get("*")
    failure(config, "maxmemory", "1gb", "save", "1 1", "hz", "yy")
    assert config.get("*") == before


def test_protected_parameters_follow_enable_protected_configs(tmp_path):
    path = str(tmp_path.resolve())
    Config({"enable-protected-configs": "yes"}).set_many([("dir", path)], is_local=False)
    local = Config({"enable-protected-configs": "local"})
    local.set_many([("dir", path)], is_local=True)
    assert local.text("dir") == path
    with pytest.raises(ConfigError, match="protected"):
        local.set_many([("dir", path)], is_local=False)


def test_a_size_beyond_64_bits_does_not_wrap_around_to_no_limit():
    assert "memory value" in failure(Config(), "maxmemory", "17179869184gb")


def test_typed_access():
    config = Config({"maxmemory": "1gb", "bind": "127.0.0.1 ::1", "save": "60 1 5 2"})
    assert config.integer("maxmemory") == 1 << 30
    assert config.boolean("appendonly") is False
    assert config.words("bind") == ("127.0.0.1", "::1")
    assert config.save_points() == ((60, 1), (5, 2))
    assert config.percentiles() == (50.0, 99.0, 99.9)
    assert config.output_limits()["pubsub"] == (33554432, 8388608, 60)
    assert config.text("notify-keyspace-events") == ""


def test_notification_classes_are_spelled_out_for_the_server():
    config = Config({"notify-keyspace-events": "AnK"})
    assert config.text("notify-keyspace-events") == "g$lshzxetdnK"
    assert config.shown("notify-keyspace-events") == "AK"


# Observers


def test_an_observer_is_called_once_for_a_set_that_changes_something():
    config = Config()
    calls: list[tuple[int, int]] = []
    config.observe(
        ["hz", "timeout"], lambda c: calls.append((c.integer("hz"), c.integer("timeout")))
    )
    config.set_many([("hz", "20"), ("timeout", "5")])
    config.set("timeout", "5")
    config.set("maxmemory", "1")
    assert calls == [(20, 5)]


def test_a_refusing_observer_undoes_everything_and_the_others_hear_of_it():
    config = Config()
    heard: list[int] = []
    config.observe(["hz"], lambda c: heard.append(c.integer("hz")))

    def refuse(config: Config) -> None:
        if config.integer("port") == 1:
            raise RefusedError("Unable to listen on this port. Check server logs.")

    config.observe(["port"], refuse)
    assert failure(config, "hz", "20", "port", "1") == (
        "ERR CONFIG SET failed (possibly related to argument 'port') - "
        "Unable to listen on this port. Check server logs."
    )
    assert heard == [20, 10]
    assert config.integer("hz") == 10
    assert config.integer("port") == 6379


# Words and lines


@given(st.text())
def test_a_quoted_text_comes_back(text):
    text = text.encode("utf-8", "replace").decode()
    assert split(f"name {quote(text)}") == ["name", text]


@given(st.binary())
def test_bytes_that_are_no_utf8_come_back(data):
    text = data.decode("utf-8", "surrogateescape")
    assert split(quote(text)) == [text]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("a b\tc", ["a", "b", "c"]),
        (r'a "b c" "\x41\n\"\q"', ["a", "b c", 'A\n"q']),
        (r"a 'b \' \n'", ["a", r"b ' \n"]),
        (r"a \n", ["a", r"\n"]),
        ("a\u00a0b\x1cc d", ["a\u00a0b\x1cc", "d"]),
        ('"a\u00a0b" c\u2003d', ["a\u00a0b", "c\u2003d"]),
        ('a ""', ["a", ""]),
        (r'"\xzz"', ["xzz"]),
    ],
)
def test_lines_are_split_like_redis_conf(line, words):
    assert split(line) == words


@pytest.mark.parametrize("line", ['a "b', "a 'b", 'a "b"c', "a 'b'c", 'a "b\\"'])
def test_unbalanced_quotes_are_an_error(line):
    with pytest.raises(QuoteError):
        split(line)


@pytest.mark.parametrize(
    ("arguments", "lines"),
    [
        (["--port", "7000", "--save", ""], ['port "7000"', 'save ""']),
        (["--bind", "a", "b"], ['bind "a" "b"']),
        (["--save", "60", "1", "--save", "5", "2"], ['save "60" "1"', 'save "5" "2"']),
        (["--save", "--hz", "20"], ["save", 'hz "20"']),
        (["--hz", "--timeout", "5"], ['hz "--timeout" "5"']),
        (["--proc-title-template", "--x"], ['proc-title-template "--x"']),
        (["--"], []),
    ],
)
def test_arguments_become_lines_as_in_redis_server(arguments, lines):
    assert [line.text for line in lines_of_arguments(arguments)] == lines


# Loading


def write(path: Path, text: str) -> str:
    path.write_text(text)
    return str(path)


def test_save_lines_add_up_and_the_first_replaces_the_default(tmp_path):
    path = write(tmp_path / "a.conf", "save 60 1\n")
    assert load([path, "--save", "300", "10"]).shown("save") == "60 1 300 10"
    assert load([path, "--save", ""]).shown("save") == ""


def test_standard_input_stands_between_file_and_command_line(tmp_path):
    path = write(tmp_path / "a.conf", "hz 20\ntimeout 20\nmaxclients 20\n")
    config = load([path, "--hz", "40", "-"], "hz 30\ntimeout 30\n")
    assert [config.integer(n) for n in ("hz", "timeout", "maxclients")] == [40, 30, 20]


def test_includes_with_and_without_a_pattern(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "a1.inc", "hz 20\n")
    write(tmp_path / "a2.inc", "hz 30\n")
    path = write(tmp_path / "a.conf", "include a*.inc\ninclude none*.inc\ninclude 'a1.inc'\n")
    assert load([path]).integer("hz") == 20


def test_the_path_of_the_file_is_remembered(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "a.conf", "")
    assert load(["a.conf"]).path == str(tmp_path / "a.conf")
    assert load([]).path is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('\nmaxmemory "10gg"', ':2: maxmemory "10gg": unknown unit "gg" (use kb, mb or gb)'),
        ("maxmemroy 1", ':1: unknown parameter "maxmemroy" (did you mean "maxmemory"?)'),
        ("hz 1 2", ':1: hz "1" "2": takes one value, not 2'),
        ("hz 0x10", ':1: hz "0x10": not an integer'),
        ("requirepass a b", ":1: requirepass: takes one value, not 2"),
        ('requirepass "a', ":1: a quote is not closed, or something follows a closing quote"),
        ("dbfilename a/b", "must be a plain filename; the directory is given by `dir`"),
        ("dir /nosuch", "no such file or directory"),
        ("include a.conf", "files include each other"),
        ("include nosuch.conf", "can't open nosuch.conf: No such file or directory"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(tmp_path, monkeypatch, text, message):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "a.conf", text)
    with pytest.raises(ConfigFileError) as caught:
        load(["a.conf"])
    assert str(caught.value).startswith("a.conf:")
    assert str(caught.value).endswith(message)


@pytest.mark.parametrize(
    "line",
    [
        "tls-port 6380",
        "aclfile users.acl",
        "replicaof 127.0.0.1 6379",
        "slaveof 127.0.0.1 6379",
        "masterauth secret",
        "cluster-enabled yes",
        "user alice on nopass ~* +@all",
        "user default off",
        "user default on #2bb80d ~* &* +@all",
        'rename-command CONFIG ""',
        "loadmodule x.so",
    ],
)
def test_what_is_unsafe_to_ignore_stops_the_start_naming_it(tmp_path, line):
    path = write(tmp_path / "a.conf", f"# first\n{line}\n")
    with pytest.raises(ConfigFileError) as caught:
        load([path])
    name = "replicaof" if line.startswith("slaveof") else line.split()[0]
    assert str(caught.value).startswith(f"{path}:2: {name}")
    assert "\n" not in str(caught.value)
    assert "secret" not in str(caught.value) + caught.value.in_redis_words("7.2.4")


def test_unsafe_parameters_may_be_stated_at_their_defaults():
    arguments = []
    for setting in SETTINGS.values():
        if setting.effect == REFUSED:
            arguments += [f"--{setting.name}", setting.default]
    load(arguments)


def test_the_default_user_that_redis_writes_is_understood(tmp_path):
    path = write(tmp_path / "a.conf", "user default on nopass sanitize-payload ~* &* +@all\n")
    assert load([path]).text("requirepass") == ""
    digest = "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b"
    text = f"requirepass secret\nuser default on #{digest} ~* &* +@all\n"
    assert load([write(tmp_path / "b.conf", text)]).text("requirepass") == "secret"


def test_retired_parameters_are_read_past():
    load(["--lua-replicate-commands", "yes", "--list-max-ziplist-entries", "512"])


# CONFIG REWRITE


def test_rewriting_keeps_comments_order_and_what_it_does_not_know(tmp_path):
    old = (
        "port 7000\n# a comment\n\nmaxmemory 100mb\nsave 60 1\nsave 300 10\n# more\n"
        "   HZ   20\ntimeout 0\nhash-max-ziplist-entries 100\nslave-priority 100\n"
        "bind 127.0.0.1\nclient-output-buffer-limit normal 1 2 3\ninclude x*.conf\n"
    )
    config = load([write(tmp_path / "a.conf", old)])
    changes = {
        "maxmemory": "1gb",
        "hz": "10",
        "timeout": "5",
        "save": "10 1 20 2",
        "requirepass": 'a b"c\n\x01é',
        "proto-max-bulk-len": "3000000",
        "maxmemory-clients": "5%",
        "shutdown-on-sigint": "now save",
    }
    config.set_many(changes.items())
    directory = quote(config.text("dir"))
    assert rewritten(config, old) == (
        "port 7000\n# a comment\n\nmaxmemory 1gb\nsave 10 1 20 2\n\n# more\n"
        "hz 10\ntimeout 5\nhash-max-listpack-entries 100\nreplica-priority 100\n"
        "bind 127.0.0.1\nclient-output-buffer-limit normal 1 2 3\ninclude x*.conf\n"
        "\n# Generated by CONFIG REWRITE\n"
        f"dir {directory}\nmaxmemory-clients 5%\nproto-max-bulk-len 3000000\n"
        'requirepass "a b\\"c\\n\\x01\\xc3\\xa9"\nshutdown-on-sigint save now\n'
    )


def test_rewriting_twice_changes_nothing_more(tmp_path):
    path = write(tmp_path / "a.conf", "hz 20\n\n\n\ntimeout 1\ntimeout 2\n")
    config = load([path, "--maxmemory", "3kb", "--save", ""])
    rewrite(config)
    first = Path(path).read_text()
    assert first.startswith("hz 20\n\ntimeout 2\n\n# Generated by CONFIG REWRITE\ndir ")
    assert 'maxmemory 3kb\nsave ""\n' in first
    rewrite(load([path]))
    assert Path(path).read_text() == first


def test_a_rewritten_file_holds_every_value(tmp_path):
    config = load([write(tmp_path / "a.conf", "")])
    changes = {
        "notify-keyspace-events": "AnKm",
        "client-output-buffer-limit": "slave 1kb 2mb 3 pubsub 0 0 0",
        "latency-tracking-info-percentiles": "",
        "oom-score-adj-values": "-1 0 1",
        "bind": "",
        "requirepass": "\udcff",
        "set-max-intset-entries": "0",
    }
    config.set_many(changes.items())
    rewrite(config)
    again = load([str(tmp_path / "a.conf")])
    assert {n: again.value(n) for n in SETTINGS} == {n: config.value(n) for n in SETTINGS}


def test_rewriting_keeps_permissions_and_leaves_nothing_behind(tmp_path):
    path = tmp_path / "a.conf"
    write(path, "hz 20\n")
    path.chmod(0o640)
    rewrite(load([str(path)]))
    assert path.stat().st_mode & 0o777 == 0o640
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.conf"]


def test_rewriting_without_a_file_fails():
    with pytest.raises(ConfigError, match="ERR The server is running without a config file"):
        rewrite(Config())


def test_a_directory_that_cannot_be_written_is_an_error_reply(tmp_path):
    with pytest.raises(ConfigError, match="ERR Rewriting config file: "):
        rewrite(Config(), str(tmp_path / "nosuch" / "a.conf"))
