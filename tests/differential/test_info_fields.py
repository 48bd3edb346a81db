"""INFO's fields: names and order, against Redis 7.0 and Valkey 9.1."""

from __future__ import annotations

import pytest

from tests import oracles

#: Fields that we do not have, and why.
ABSENT = {
    "gcc_version": "there is no C compiler in it",
    "valkey_version": "says rubellite_version",
    "valkey_release_stage": "says rubellite_version",
    "server_mode": "Valkey's name for redis_mode, which clients read",
    "clients_hz": "clients are looked after whenever there is something to do",
    "slot_migration_fork_in_progress": "there is no cluster",
    "total_net_cluster_slot_import_bytes": "there is no cluster",
    "total_net_cluster_slot_export_bytes": "there is no cluster",
    "mem_cluster_slot_import": "there is no cluster",
    "mem_cluster_slot_export": "there is no cluster",
    "io_threaded_freed_objects": "there are no I/O threads",
    "io_threaded_accept_processed": "there are no I/O threads",
    "io_threaded_poll_processed": "there are no I/O threads",
    "io_threaded_total_prefetch_batches": "there are no I/O threads",
    "io_threaded_total_prefetch_entries": "there are no I/O threads",
    "eventloop_cycles": "not measured",
    "eventloop_duration_sum": "not measured",
    "eventloop_duration_cmd_sum": "not measured",
    "instantaneous_eventloop_cycles_per_sec": "not measured",
    "instantaneous_eventloop_duration_usec": "not measured",
    "acl_access_denied_tls_cert": "there is no TLS",
    "acl_access_denied_db": "users are not kept from databases",
    "used_active_time_main_thread": "not measured",
    "engines_count": "there are no engines to choose from",
    "engines_total_used_memory": "there are no engines to choose from",
    "engines_total_memory_overhead": "there are no engines to choose from",
    "engine_0": "there are no engines to choose from",
    "module": "there are no modules",
}
#: Sections that we do not have.
ABSENT_SECTIONS = frozenset(("TLS", "Cluster Info", "Scripting Engines"))
#: Sections whose fields depend on what was called.
BY_CALLS = frozenset(("Commandstats", "Errorstats", "Latencystats", "Keyspace"))


def sections(name: str) -> dict[str, list[str]]:
    """Field names by section."""
    try:
        server = oracles.start(name)
    except oracles.ServerUnavailableError as problem:
        pytest.fail(str(problem), pytrace=False)
    try:
        with server.connect() as connection:
            text = connection.call("INFO", "everything").decode()
    finally:
        server.stop()
    found: dict[str, list[str]] = {}
    for line in text.split("\r\n"):
        if line.startswith("# "):
            fields = found[line[2:]] = []
        elif line:
            fields.append(line.split(":", 1)[0])
    return found


@pytest.fixture(scope="module")
def ours() -> dict[str, list[str]]:
    return sections("ours")


@pytest.mark.parametrize("name", ["redis70", "valkey91"])
def test_fields_have_the_same_names_in_the_same_order(name, ours):
    theirs = sections(name)
    assert [title for title in ours if title in theirs] == [
        title for title in theirs if title not in ABSENT_SECTIONS
    ]
    for title, fields in theirs.items():
        if title in BY_CALLS or title in ABSENT_SECTIONS:
            continue
        wanted = [field for field in fields if field not in ABSENT]
        assert [field for field in ours[title] if field in wanted] == wanted, title


def test_what_is_said_to_be_absent_is(ours):
    present = {field for fields in ours.values() for field in fields}
    assert not present & set(ABSENT)


def test_fields_of_our_own_are_few(ours):
    known = {
        field
        for name in ("redis70", "valkey91")
        for fields in sections(name).values()
        for field in fields
    }
    own = {
        field
        for title, fields in ours.items()
        if title not in BY_CALLS
        for field in fields
        if field not in known
    }
    assert own == {"rubellite_version"}
