"""What the process's memory is used for: the sums behind INFO memory and MEMORY STATS.

The process (`resident`) is the allocator's pages and what lies outside of them: Python, and
whatever else it holds. Of the pages some are `active`, of those some bytes are `allocated`,
and those of the engine are `used`: what was there at the start, overhead (tables, clients,
scripts, …) and the dataset, which is keys and values.
"""

from __future__ import annotations

import os
import sys
from typing import Any

from rubellite._core import Call
from rubellite.record import Record
from rubellite.server.state import ServerState


class Account(Record, frozen=True):
    """Bytes, each for one purpose, unless the name says otherwise."""

    #: What the allocator gave out to the engine, and the most that it ever was.
    used: int
    peak: int
    #: The part of `used` that was there before there were data.
    startup: int
    #: Tables of keys, by database, and how many keys those have.
    tables: dict[int, int]
    keys: int
    #: Buffers, queues and states of clients; the most of one of them.
    clients: int
    client_max: int
    client_count: int
    #: What the append-only file is still to get, or may have to be given again.
    aof_buffer: int
    #: Texts of scripts and functions, and their interpreters.
    scripts: int
    functions: int
    eval_interpreter: int
    function_interpreter: int
    script_count: int
    #: What the allocator says of itself: bytes given out, of pages in use, of all pages.
    allocated: int
    active: int
    pages: int
    #: The process as the system sees it, now and before there were data.
    resident: int
    resident_at_start: int

    @property
    def interpreters(self) -> int:
        """Of both kinds of scripts."""
        return self.eval_interpreter + self.function_interpreter

    @property
    def overhead(self) -> int:
        """All that is used, but not for keys and values."""
        known = (
            *(self.startup, sum(self.tables.values()), self.clients, self.aof_buffer),
            *(self.scripts, self.functions, self.interpreters),
        )
        return min(sum(known), self.used)

    @property
    def dataset(self) -> int:
        """Keys and values."""
        return self.used - self.overhead

    @property
    def dataset_percent(self) -> float:
        """The part of keys and values in what came since the start."""
        return percent(self.dataset, self.used - self.startup)

    @property
    def outside(self) -> int:
        """What the process holds beside the engine."""
        return self.resident - self.pages

    @property
    def outside_since_start(self) -> int:
        """By how much that grew."""
        return self.outside - max(0, self.resident_at_start - self.startup)


def take(call: Call, state: ServerState) -> Account:
    """The account of now. O(clients)."""
    found, scripts = call.statistics(), call.script_facts()
    used, resident = found["memory_used"], resident_bytes()
    numbers = [number for number, *_ in found["keyspace"]]
    return Account(
        used=used,
        peak=found["memory_peak"],
        startup=min(state.memory_at_start, used),
        tables={number: call.table_stats(number)["overhead_bytes"] for number in numbers},
        keys=sum(keys for _, keys, *_ in found["keyspace"]),
        clients=found["client_bytes"],
        client_max=found["client_bytes_max"],
        client_count=found["clients"],
        aof_buffer=found["memory_uncounted"],
        scripts=scripts["eval_bytes"],
        functions=scripts["function_bytes"],
        eval_interpreter=scripts["eval_vm_bytes"],
        function_interpreter=scripts["function_vm_bytes"],
        script_count=scripts["cached_scripts"],
        allocated=found.get("allocator_allocated", used),
        active=found.get("allocator_active", used),
        pages=found.get("allocator_resident", resident),
        resident=resident,
        resident_at_start=state.resident_at_start,
    )


def percent(part: float, whole: float) -> float:
    """`part` in hundredths of `whole`; 0 where there is no whole."""
    return quotient(part * 100, whole)


def quotient(part: float, whole: float) -> float:
    """`part` in units of `whole`; 0 where there is no whole."""
    return part / whole if whole else 0.0


def resident_bytes() -> int:
    """The process's memory as the system counts it."""
    try:
        with open("/proc/self/statm", "rb") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        pass
    try:
        import resource
    except ImportError:
        return 0
    # Kilobytes, but bytes on macOS; the most that it ever was, for want of better.
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def system_bytes() -> int:
    """The machine's memory; 0 where it cannot be asked."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return 0


def statistics(account: Account) -> dict[str, Any]:
    """MEMORY STATS: Redis's fields in its order."""
    return {
        "peak.allocated": account.peak,
        "total.allocated": account.used,
        "startup.allocated": account.startup,
        "replication.backlog": 0,
        "replicas.repl.buffer": 0,
        "clients.slaves": 0,
        "clients.normal": account.clients,
        "cluster.links": 0,
        "cluster.slot_import": 0,
        "cluster.slot_export": 0,
        "aof.buffer": account.aof_buffer,
        "lua.caches": account.scripts,
        "functions.caches": account.functions,
        # Deadlines stand in the entries; the table of keys is the only one.
        **{
            f"db.{number}": {"overhead.hashtable.main": table, "overhead.hashtable.expires": 0}
            for number, table in account.tables.items()
        },
        "overhead.db.hashtable.lut": sum(account.tables.values()),
        "overhead.db.hashtable.rehashing": 0,
        "overhead.total": account.overhead,
        "db.dict.rehashing.count": 0,
        "keys.count": account.keys,
        "keys.bytes-per-key": int(quotient(account.used - account.startup, account.keys)),
        "dataset.bytes": account.dataset,
        "dataset.percentage": account.dataset_percent,
        "peak.percentage": percent(account.used, account.peak),
        "allocator.allocated": account.allocated,
        "allocator.active": account.active,
        "allocator.resident": account.pages,
        "allocator.muzzy": 0,
        "allocator-fragmentation.ratio": quotient(account.active, account.allocated),
        "allocator-fragmentation.bytes": max(0, account.active - account.allocated),
        "allocator-rss.ratio": quotient(account.pages, account.active),
        "allocator-rss.bytes": account.pages - account.active,
        "rss-overhead.ratio": quotient(account.resident, account.pages),
        "rss-overhead.bytes": account.outside,
        "fragmentation": quotient(account.resident, account.used),
        "fragmentation.bytes": account.resident - account.used,
    }
