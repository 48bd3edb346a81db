"""MEMORY DOCTOR: each piece of advice names its problem, and none comes without one."""

from __future__ import annotations

import pytest

from rubellite.server.memory_account import Account
from rubellite.server.memory_doctor import diagnose

MB = 1 << 20
#: A server of 100 MB that has nothing to complain of.
HEALTHY = Account(
    used=100 * MB,
    peak=105 * MB,
    startup=MB // 2,
    tables={0: 5 * MB},
    keys=1_000_000,
    clients=MB,
    client_max=MB // 2,
    client_count=50,
    aof_buffer=MB,
    scripts=0,
    functions=0,
    eval_interpreter=0,
    function_interpreter=0,
    script_count=0,
    allocated=100 * MB,
    active=103 * MB,
    pages=106 * MB,
    resident=126 * MB,
    resident_at_start=21 * MB,
)
SMALL = HEALTHY.replaced(used=2 * MB, peak=2 * MB)


def findings(account: Account, limit: int = 0, policy: str = "noeviction", volatile: int = 0):
    """The first word of each problem."""
    lines = diagnose(account, limit, policy, volatile).splitlines()
    return [line.partition(":")[0].removeprefix("* ") for line in lines if line.startswith("* ")]


def test_a_healthy_server_has_no_problem() -> None:
    assert (
        diagnose(HEALTHY, 0, "noeviction", 0) == "No memory problem was found (100.0 MB in use).\n"
    )


def test_little_data_say_nothing() -> None:
    assert diagnose(SMALL, 0, "noeviction", 0).startswith("There is too little data to judge by")
    # Python takes many times what such data do, and that is nobody's fault.
    assert findings(SMALL.replaced(active=20 * MB, pages=40 * MB, resident=90 * MB)) == []


@pytest.mark.parametrize(
    ("problem", "changes", "words"),
    [
        ("Peak", {"peak": 300 * MB}, ("300.0 MB", "MEMORY PURGE")),
        ("Fragmentation", {"active": 130 * MB}, ("1.30", "30.0 MB", "activedefrag")),
        ("Held back", {"pages": 150 * MB}, ("47.0 MB", "MEMORY PURGE")),
        ("Outside", {"resident": 200 * MB}, ("73.5 MB", "Python")),
        ("Clients", {"clients": 50 * MB}, ("50 connections", "50.0 MB", "tot-mem")),
        ("Client", {"clients": 9 * MB, "client_max": 11 * MB}, ("one of 50", "11.0 MB", "omem")),
        ("Scripts", {"script_count": 5000, "scripts": 3 * MB}, ("5000", "3.0 MB", "SCRIPT FLUSH")),
        ("Append-only file", {"aof_buffer": 40 * MB}, ("40.0 MB", "disk")),
    ],
)
def test_each_problem_is_named_alone(
    problem: str, changes: dict[str, int], words: tuple[str, ...]
) -> None:
    account = HEALTHY.replaced(**changes)
    if problem in ("Fragmentation", "Held back"):
        # The system counts those pages, too.
        grown = changes.get("active", HEALTHY.active) - HEALTHY.active
        account = account.replaced(pages=changes.get("pages", HEALTHY.pages + grown))
        account = account.replaced(resident=account.pages + 20 * MB)
    assert findings(account) == [problem]
    text = diagnose(account, 0, "noeviction", 0)
    assert all(word in text for word in words), text


@pytest.mark.parametrize(
    ("policy", "volatile", "is_problem"),
    [
        ("noeviction", 10, True),
        ("volatile-lru", 0, True),
        ("volatile-lru", 10, False),
        # That a cache is full is what it is for.
        ("allkeys-lru", 0, False),
    ],
)
def test_a_full_memory_is_a_problem_where_nothing_can_go(
    policy: str, volatile: int, is_problem: bool
) -> None:
    found = findings(HEALTHY, 101 * MB, policy, volatile)
    assert found == (["Limit"] if is_problem else [])
    assert findings(HEALTHY, 200 * MB, policy, volatile) == []


def test_the_parts_of_what_is_used_add_up() -> None:
    parts = (HEALTHY.startup, 5 * MB, HEALTHY.clients, HEALTHY.aof_buffer)
    assert HEALTHY.overhead == sum(parts)
    assert HEALTHY.dataset == HEALTHY.used - sum(parts)
    # Two readings of a busy server may contradict each other.
    assert HEALTHY.replaced(clients=500 * MB).dataset == 0
