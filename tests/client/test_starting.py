"""What a process takes to have a store: few modules, and only everyday commands at first."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

#: What takes long to import, and what no store in memory needs.
_SLOW = (
    "ast",
    "asyncio",
    "dataclasses",
    "inspect",
    "json",
    "logging",
    "redis",
    "shlex",
    "signal",
    "socket",
    "subprocess",
    "tempfile",
    "traceback",
)

_BEGIN = "import sys, rubellite\ndb = rubellite.open()\n"


def said(program: str, *words: str) -> str:
    """What a new interpreter prints, in which nothing of ours was imported yet."""
    done = subprocess.run(
        [sys.executable, "-c", program, *words], capture_output=True, text=True, check=False
    )
    assert not done.returncode, done.stderr
    return done.stdout.rstrip("\n")


def test_a_store_in_memory_imports_nothing_that_takes_long():
    imported = said(f"{_BEGIN}print(*sys.modules)").split()
    beforehand = said("import sys; print(*sys.modules)").split()
    assert [name for name in _SLOW if name in imported and name not in beforehand] == []


def test_everyday_calls_load_no_other_commands():
    program = f"""{_BEGIN}
db.set("s", "1", seconds=60)
db.increment("s"), db.expire("s", 60), db.delete("s"), db.exists("s"), db.keys(), len(db)
db.hash("h").update(a=1)
db.list("l").append("a")
db.set_of("t").add("a")
db.sorted_set("z")["a"] = 1
print(dict(db.hash("h")), list(db.list("l")), sorted(db.set_of("t")), dict(db.sorted_set("z")))
db.flush()
print("rubellite.commands.geo" in sys.modules)
"""
    assert said(program).splitlines() == [
        "{b'a': b'1'} [b'a'] [b'a'] {b'a': 1.0}",
        "False",
    ]


@pytest.mark.parametrize(
    ("call", "reply"),
    [
        ("db.call('GEOADD', 'g', 1, 2, 'a')", "1"),
        ('db.call(\'eval\', \'return redis.call("PFADD", "k", "a")\', 0)', "1"),
        ("db.call('OBJECT', 'HELP')[-1]", "b'    Print this help.'"),
        ("db.call('COMMAND', 'COUNT') == len([n for n in db.commands if '|' not in n])", "True"),
        ("[db.call('MULTI'), db.call('BITCOUNT', 'a'), db.call('EXEC')][-1]", "[0]"),
        ("db.redis().pfcount('a')", "0"),
        ("db.stream('s').append({'a': '1'}) > b'0'", "True"),
        ("db.command('OWN')(lambda call: 1)(None)", "1"),
    ],
)
def test_what_is_less_common_is_there_when_it_is_called(call: str, reply: str):
    found = said(f"{_BEGIN}print({call})")
    assert found == reply


def test_what_was_added_calls_what_was_left_out():
    program = f"""{_BEGIN}
import rubellite.extending
@db.command("OWN", rubellite.extending.WRITE)
def own(call):
    return call.execute("PFADD", "k", "a")
print(db.call("OWN"))
"""
    assert said(program) == "1"


def test_an_unknown_command_is_one_before_and_after():
    program = f"""{_BEGIN}
for _ in range(2):
    try:
        db.call("NOSUCH", "a")
    except Exception as problem:
        print(problem)
"""
    line = "ERR unknown command 'NOSUCH', with args beginning with: 'a' "
    assert said(program).splitlines() == [line, line]


def test_other_processes_find_all_commands(tmp_path: Path):
    program = f"""{_BEGIN}
import socket
with socket.socket(socket.AF_UNIX) as other:
    other.connect(db.socket_path())
    other.sendall(b"GEODIST g a b\\r\\n")
    print(other.recv(100))
"""
    assert said(program) == r"b'$-1\r\n'"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_child_after_a_fork_finds_all_commands():
    program = f"""{_BEGIN}
import os
child = os.fork()
if child == 0:
    print(db.call("GEOADD", "g", 1, 2, "a"), flush=True)
    os._exit(0)
os.waitpid(child, 0)
"""
    assert said(program) == "1"


def test_an_interrupted_import_of_the_rest_is_made_again():
    program = f"""{_BEGIN}
import builtins
class Interrupting:
    def find_spec(self, name, path=None, target=None):
        if name == "rubellite.commands.stream_info":
            sys.meta_path.remove(self)
            raise KeyboardInterrupt
sys.meta_path.insert(0, Interrupting())
try:
    db.call("XLEN", "s")
except KeyboardInterrupt:
    print("interrupted")
print(db.call("XLEN", "s"), db.call("GEOADD", "g", 1, 2, "a"), rubellite.open().call("XLEN", "s"))
"""
    assert said(program).splitlines() == ["interrupted", "0 1 0"]


def test_threads_may_need_the_rest_at_once():
    program = f"""{_BEGIN}
import threading
stores = [db, rubellite.open()]
found = []
def work(number):
    found.append(stores[number % 2].call(*(("PFADD", "p", "a"), ("GEOPOS", "g", "a"))[number % 2]))
team = [threading.Thread(target=work, args=(number,)) for number in range(16)]
for thread in team: thread.start()
for thread in team: thread.join()
print(len(found))
"""
    assert said(program) == "16"
