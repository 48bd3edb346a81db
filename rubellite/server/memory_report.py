"""What MEMORY STATS and MEMORY DOCTOR say of the process's memory."""

from __future__ import annotations

from typing import Any

from rubellite._core import Call
from rubellite.server.info_sections import resident_bytes
from rubellite.server.state import ServerState

#: Less data than this says nothing about fragmentation.
_JUDGED_BYTES_MIN = 5 << 20
_PEAK_RATIO_MAX = 1.5
_FRAGMENTATION_RATIO_MAX = 1.4
_ALLOCATOR_RATIO_MAX = 1.1
_CLIENT_BYTES_MAX = 200 << 10


def stats(call: Call, state: ServerState) -> dict[str, Any]:
    """MEMORY STATS: Redis's fields in its order."""
    found = call.statistics()
    scripts = call.script_facts()
    used, resident = found["memory_used"], resident_bytes()
    start = min(state.memory_at_start, used)
    databases = {}
    tables = 0
    keys = 0
    for number, count, *_ in found["keyspace"]:
        table = call.table_stats(number)["overhead_bytes"]
        tables += table
        keys += count
        # Deadlines stand in the entries; the table of keys is the only one.
        databases[f"db.{number}"] = {
            "overhead.hashtable.main": table,
            "overhead.hashtable.expires": 0,
        }
    overhead = min(start + found["client_bytes"] + tables, used)
    dataset = used - overhead
    allocated = found.get("allocator_allocated", used)
    active = found.get("allocator_active", used)
    pages = found.get("allocator_resident", resident)
    return {
        "peak.allocated": found["memory_peak"],
        "total.allocated": used,
        "startup.allocated": start,
        "replication.backlog": 0,
        "replicas.repl.buffer": 0,
        "clients.slaves": 0,
        "clients.normal": found["client_bytes"],
        "cluster.links": 0,
        "cluster.slot_import": 0,
        "cluster.slot_export": 0,
        "aof.buffer": found["memory_uncounted"],
        "lua.caches": scripts["eval_bytes"],
        "functions.caches": scripts["function_bytes"],
        **databases,
        "overhead.db.hashtable.lut": tables,
        "overhead.db.hashtable.rehashing": 0,
        "overhead.total": overhead,
        "db.dict.rehashing.count": 0,
        "keys.count": keys,
        "keys.bytes-per-key": (used - start) // keys if keys else 0,
        "dataset.bytes": dataset,
        "dataset.percentage": _ratio(dataset * 100, used - start),
        "peak.percentage": _ratio(used * 100, found["memory_peak"]),
        "allocator.allocated": allocated,
        "allocator.active": active,
        "allocator.resident": pages,
        "allocator.muzzy": 0,
        "allocator-fragmentation.ratio": _ratio(active, allocated),
        "allocator-fragmentation.bytes": max(0, active - allocated),
        "allocator-rss.ratio": _ratio(pages, active),
        "allocator-rss.bytes": pages - active,
        "rss-overhead.ratio": _ratio(resident, pages),
        "rss-overhead.bytes": resident - pages,
        "fragmentation": _ratio(resident, used),
        "fragmentation.bytes": resident - used,
    }


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else 0.0


def doctor(call: Call, state: ServerState) -> str:
    """MEMORY DOCTOR: what is wrong, with its numbers, and what helps."""
    found = stats(call, state)
    used, peak = found["total.allocated"], found["peak.allocated"]
    if used - found["startup.allocated"] < _JUDGED_BYTES_MIN:
        return (
            "There is too little data to judge by: "
            f"{_mb(used - found['startup.allocated'])} in use, where "
            f"{_mb(_JUDGED_BYTES_MIN)} are needed.\n"
        )
    problems = [text for text in _problems(call, state, found, used, peak) if text]
    if not problems:
        return f"No memory problem was found ({_mb(used)} in use).\n"
    return "".join(f"* {text}\n" for text in problems)


def _problems(
    call: Call, state: ServerState, found: dict[str, Any], used: int, peak: int
) -> list[str]:
    problems = []
    if peak > used * _PEAK_RATIO_MAX:
        problems.append(
            f"Peak: {_mb(peak)} were in use once, {_mb(used)} are now. The difference may still "
            "belong to the process, so fragmentation looks worse than it is. MEMORY PURGE gives "
            "back what can be given back."
        )
    elif found["fragmentation"] > _FRAGMENTATION_RATIO_MAX:
        problems.append(
            f"Resident memory: the process takes {found['fragmentation']:.2f} times what is in "
            f"use, {_mb(found['fragmentation.bytes'])} more. Python itself is part of it; the "
            "rest is memory freed by others in the same process, or held by the allocator."
        )
    if found["allocator-fragmentation.ratio"] > _ALLOCATOR_RATIO_MAX:
        problems.append(
            "Fragmentation: the allocator's pages are "
            f"{found['allocator-fragmentation.ratio']:.2f} times what they hold "
            f"({_mb(found['allocator-fragmentation.bytes'])} unused). It falls as new data "
            "fill the gaps; a restart, or moving to a replica, removes it."
        )
    if found["allocator-rss.ratio"] > _ALLOCATOR_RATIO_MAX:
        problems.append(
            f"Held back: the allocator keeps {_mb(found['allocator-rss.bytes'])} of free pages. "
            "MEMORY PURGE gives them to the system."
        )
    clients = call.statistics()["clients"]
    if clients and found["clients.normal"] / clients > _CLIENT_BYTES_MAX:
        problems.append(
            f"Clients: {clients} connections hold {_mb(found['clients.normal'])}. Some do not "
            "read their replies; CLIENT LIST shows them by `omem`, and "
            "client-output-buffer-limit closes them."
        )
    limit = state.config.integer("maxmemory")
    if limit and used > limit * 0.95:
        policy = state.config.text("maxmemory-policy")
        problems.append(
            f"Limit: {_mb(used)} of maxmemory's {_mb(limit)} are in use, and maxmemory-policy is "
            f"{policy}. " + ("Writes fail next." if policy == "noeviction" else "Keys are evicted.")
        )
    return problems


def _mb(count: float) -> str:
    return f"{count / (1 << 20):.1f} MB"
