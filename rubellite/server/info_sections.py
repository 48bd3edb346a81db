"""INFO's sections about what the server is: process, clients, memory, disk, replicas.

A field of something that does not exist here (child processes, a cluster) has the value
that Redis shows where it is not in use.
"""

from __future__ import annotations

import os
import sys

from rubellite.about import REDIS_VERSION, __version__
from rubellite.server import memory_account
from rubellite.server.info import Facts, Fields, human, ratio

_POLLERS = {"linux": "epoll", "darwin": "kqueue", "win32": "wepoll"}
#: The clock by which keys age counts seconds in so many bits.
_LRU_CLOCK_MASK = (1 << 24) - 1


def server(facts: Facts) -> Fields:
    """The program and its process."""
    state, config = facts.state, facts.state.config
    system, _, release, _, machine = _system()
    now_us = facts.call.now_us
    uptime = max(0, (now_us // 1000 - facts.statistics["started_ms"]) // 1000)
    fields: Fields = {
        "redis_version": REDIS_VERSION,
        "server_name": "rubellite",
        "rubellite_version": __version__,
        "redis_git_sha1": "00000000",
        "redis_git_dirty": 0,
        "redis_build_id": "0",
        "redis_mode": "standalone",
        "os": f"{system} {release} {machine}",
        "arch_bits": 64 if sys.maxsize > 2**32 else 32,
        "monotonic_clock": "POSIX clock_gettime",
        "multiplexing_api": _POLLERS.get(sys.platform, "poll"),
        "atomicvar_api": "rust",
        "process_id": state.process_id,
        "process_supervised": state.supervisor or "no",
        "run_id": state.run_id,
        "tcp_port": config.integer("port"),
        "server_time_usec": now_us,
        "uptime_in_seconds": uptime,
        "uptime_in_days": uptime // 86_400,
        "hz": 10,
        "configured_hz": config.integer("hz"),
        "lru_clock": now_us // 1_000_000 & _LRU_CLOCK_MASK,
        "executable": os.path.abspath(sys.argv[0] or sys.executable),
        "config_file": os.path.abspath(config.path) if config.path else "",
        "io_threads_active": 0,
        "availability_zone": config.text("availability-zone"),
    }
    number = 0
    if config.integer("port"):
        addresses = ",".join(f"bind={address}" for address in config.words("bind"))
        fields["listener0"] = f"name=tcp,{addresses},port={config.integer('port')}"
        number = 1
    if config.text("unixsocket"):
        fields[f"listener{number}"] = f"name=unix,bind={config.text('unixsocket')}"
    return fields


def _system() -> tuple[str, ...]:
    if hasattr(os, "uname"):
        return tuple(os.uname())
    import platform

    return tuple(platform.uname())[:5]


def clients(facts: Facts) -> Fields:
    """Who is connected."""
    found = facts.statistics
    paused_ms = max(0, found["pause_until_ms"] - facts.call.now_ms)
    return {
        "connected_clients": found["clients"],
        "cluster_connections": 0,
        "maxclients": facts.state.config.integer("maxclients"),
        "client_recent_max_input_buffer": found["query_bytes_max"],
        "client_recent_max_output_buffer": found["output_bytes_max"],
        "blocked_clients": found["blocked_clients"],
        "tracking_clients": found["tracking_clients"],
        "pubsub_clients": found["pubsub_clients"],
        "watching_clients": found["watching_clients"],
        "clients_in_timeout_table": found["clients_with_deadline"],
        "total_watched_keys": found["watched_keys"],
        "total_blocking_keys": found["waited_keys"],
        "total_blocking_keys_on_nokey": found["waited_keys_on_loss"],
        "paused_reason": "client_pause" if paused_ms else "none",
        "paused_actions": found.get("paused_actions", "all") if paused_ms else "none",
        "paused_timeout_milliseconds": paused_ms,
    }


def memory(facts: Facts) -> Fields:
    """What memory is used for."""
    found, config = facts.statistics, facts.state.config
    account = memory_account.take(facts.call, facts.state)
    system, limit = memory_account.system_bytes(), config.integer("maxmemory")
    return {
        "used_memory": account.used,
        "used_memory_human": human(account.used),
        "used_memory_rss": account.resident,
        "used_memory_rss_human": human(account.resident),
        "used_memory_peak": account.peak,
        "used_memory_peak_human": human(account.peak),
        "used_memory_peak_perc": f"{ratio(account.used * 100, account.peak)}%",
        "used_memory_overhead": account.overhead,
        "used_memory_startup": account.startup,
        "used_memory_dataset": account.dataset,
        "used_memory_dataset_perc": f"{account.dataset_percent:.2f}%",
        "allocator_allocated": account.allocated,
        "allocator_active": account.active,
        "allocator_resident": account.pages,
        "allocator_muzzy": 0,
        "total_system_memory": system,
        "total_system_memory_human": human(system),
        **scripts(facts),
        "maxmemory": limit,
        "maxmemory_human": human(limit),
        "maxmemory_policy": config.text("maxmemory-policy"),
        "allocator_frag_ratio": ratio(account.active, account.allocated),
        "allocator_frag_bytes": max(0, account.active - account.allocated),
        "allocator_rss_ratio": ratio(account.pages, account.active),
        "allocator_rss_bytes": account.pages - account.active,
        "rss_overhead_ratio": ratio(account.resident, account.pages),
        "rss_overhead_bytes": account.outside,
        "mem_fragmentation_ratio": ratio(account.resident, account.used),
        "mem_fragmentation_bytes": account.resident - account.used,
        "mem_not_counted_for_evict": account.aof_buffer,
        "mem_replication_backlog": 0,
        "mem_total_replication_buffers": 0,
        "mem_replicas_repl_buffer": 0,
        "mem_clients_slaves": 0,
        "mem_clients_normal": account.clients,
        "mem_cluster_links": 0,
        "mem_aof_buffer": account.aof_buffer,
        "mem_allocator": found["allocator_name"],
        "mem_overhead_db_hashtable_rehashing": 0,
        "active_defrag_running": found["defragmentation_percent"],
        "lazyfree_pending_objects": found["lazyfree_pending"],
        "lazyfreed_objects": found["lazyfreed"],
    }


def scripts(facts: Facts) -> Fields:
    """Memory of the interpreters, and of what is kept beside them."""
    found = facts.call.script_facts()
    vm_eval, vm_functions = found["eval_vm_bytes"], found["function_vm_bytes"]
    kept = found["eval_bytes"] + found["function_bytes"]
    return {
        "used_memory_lua": vm_eval,
        "used_memory_vm_eval": vm_eval,
        "used_memory_lua_human": human(vm_eval),
        "used_memory_scripts_eval": found["eval_bytes"],
        "number_of_cached_scripts": found["cached_scripts"],
        "number_of_functions": found["functions"],
        "number_of_libraries": found["libraries"],
        "used_memory_vm_functions": vm_functions,
        "used_memory_vm_total": vm_eval + vm_functions,
        "used_memory_vm_total_human": human(vm_eval + vm_functions),
        "used_memory_functions": found["function_bytes"],
        "used_memory_scripts": kept,
        "used_memory_scripts_human": human(kept),
    }


def persistence(facts: Facts) -> Fields:
    """What is, and was, written to disk."""
    found = facts.statistics
    return {
        "loading": 0,
        "async_loading": 0,
        "current_cow_peak": 0,
        "current_cow_size": 0,
        "current_cow_size_age": 0,
        "current_fork_perc": "0.00",
        "current_save_keys_processed": 0,
        "current_save_keys_total": 0,
        "rdb_changes_since_last_save": found["dirty_since_save"],
        "rdb_bgsave_in_progress": 0,
        "rdb_last_save_time": found["started_ms"] // 1000,
        "rdb_last_bgsave_status": "ok",
        "rdb_last_bgsave_time_sec": -1,
        "rdb_current_bgsave_time_sec": -1,
        "rdb_saves": 0,
        "rdb_last_cow_size": 0,
        "rdb_last_load_keys_expired": 0,
        "rdb_last_load_keys_loaded": 0,
        "aof_enabled": 0,
        "aof_rewrite_in_progress": 0,
        "aof_rewrite_scheduled": 0,
        "aof_last_rewrite_time_sec": -1,
        "aof_current_rewrite_time_sec": -1,
        "aof_last_bgrewrite_status": "ok",
        "aof_rewrites": 0,
        "aof_rewrites_consecutive_failures": 0,
        "aof_last_write_status": "ok",
        "aof_last_cow_size": 0,
        "module_fork_in_progress": 0,
        "module_fork_last_cow_size": 0,
    }


def replication(facts: Facts) -> Fields:
    """Primary or replica, and of whom."""
    return {
        "role": "master",
        "connected_slaves": 0,
        "replicas_waiting_psync": 0,
        "master_failover_state": "no-failover",
        "master_replid": facts.state.replication_id,
        "master_replid2": "0" * 40,
        "master_repl_offset": 0,
        "second_repl_offset": -1,
        "repl_backlog_active": 0,
        "repl_backlog_size": facts.state.config.integer("repl-backlog-size"),
        "repl_backlog_first_byte_offset": 0,
        "repl_backlog_histlen": 0,
    }


def modules(facts: Facts) -> Fields:
    """There are none: a user's command is a command like any other."""
    return {}


def cluster(facts: Facts) -> Fields:
    """Whether this is a node of a cluster."""
    return {"cluster_enabled": 0}
