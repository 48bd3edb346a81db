"""INFO's sections about what was counted: totals, rates, commands, errors, keys."""

from __future__ import annotations

from rubellite.server.info import Facts, Fields


def stats(facts: Facts) -> Fields:
    """Totals since the start or CONFIG RESETSTAT, and present rates."""
    found = facts.statistics
    commands, read, written = facts.state.rates.now()
    return {
        "total_connections_received": found["connections"],
        "total_commands_processed": found["commands"],
        "instantaneous_ops_per_sec": int(commands),
        "total_net_input_bytes": found["bytes_read"],
        "total_net_output_bytes": found["bytes_written"],
        "total_net_repl_input_bytes": 0,
        "total_net_repl_output_bytes": 0,
        "instantaneous_input_kbps": f"{read / 1024:.2f}",
        "instantaneous_output_kbps": f"{written / 1024:.2f}",
        "instantaneous_input_repl_kbps": "0.00",
        "instantaneous_output_repl_kbps": "0.00",
        "rejected_connections": found["rejected_connections"],
        "sync_full": 0,
        "sync_partial_ok": 0,
        "sync_partial_err": 0,
        "expired_keys": found["expired_keys"],
        "expired_fields": found["expired_fields"],
        "expired_stale_perc": "0.00",
        "expired_keys_with_volatile_items_stale_perc": "0.00",
        "expired_time_cap_reached_count": found["expired_time_cap_reached"],
        "expire_cycle_cpu_milliseconds": found["expire_cycle_milliseconds"],
        "evicted_keys": found["evicted_keys"],
        "evicted_clients": found["evicted_clients"],
        "evicted_scripts": facts.call.script_facts()["evicted_scripts"],
        "total_eviction_exceeded_time": found["exceeded_milliseconds"],
        "current_eviction_exceeded_time": found["exceeds_milliseconds"],
        "keyspace_hits": found["keyspace_hits"],
        "keyspace_misses": found["keyspace_misses"],
        "pubsub_channels": found["pubsub_channels"],
        "pubsub_patterns": found["pubsub_patterns"],
        "pubsubshard_channels": found["pubsub_shard_channels"],
        "latest_fork_usec": 0,
        "total_forks": 0,
        "migrate_cached_sockets": 0,
        "slave_expires_tracked_keys": 0,
        # An entry is one block, so keys and blocks are counted alike.
        "active_defrag_hits": found["defragmentation_moved"],
        "active_defrag_misses": found["defragmentation_stayed"],
        "active_defrag_key_hits": found["defragmentation_moved"],
        "active_defrag_key_misses": found["defragmentation_stayed"],
        "total_active_defrag_time": found["defragmentation_total_ms"],
        "current_active_defrag_time": found["defragmentation_current_ms"],
        "tracking_total_keys": found["tracking_keys"],
        "tracking_total_items": found["tracking_items"],
        "tracking_total_prefixes": found["tracking_prefixes"],
        "unexpected_error_replies": 0,
        "total_error_replies": found["error_replies"],
        "dump_payload_sanitizations": 0,
        "total_reads_processed": found["reads"],
        "total_writes_processed": found["writes"],
        "io_threaded_reads_processed": 0,
        "io_threaded_writes_processed": 0,
        "client_query_buffer_limit_disconnections": found["query_buffer_limit_disconnections"],
        "client_output_buffer_limit_disconnections": found["output_buffer_limit_disconnections"],
        "reply_buffer_shrinks": 0,
        "reply_buffer_expands": 0,
        "acl_access_denied_auth": found["acl_access_denied_auth"],
        "acl_access_denied_cmd": 0,
        "acl_access_denied_key": 0,
        "acl_access_denied_channel": 0,
    }


def cpu(facts: Facts) -> Fields:
    """Seconds of processor time."""
    try:
        import resource
    except ImportError:
        import os

        times = os.times()
        return {"used_cpu_sys": f"{times.system:.6f}", "used_cpu_user": f"{times.user:.6f}"}

    own = resource.getrusage(resource.RUSAGE_SELF)
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    fields: Fields = {
        "used_cpu_sys": f"{own.ru_stime:.6f}",
        "used_cpu_user": f"{own.ru_utime:.6f}",
        "used_cpu_sys_children": f"{children.ru_stime:.6f}",
        "used_cpu_user_children": f"{children.ru_utime:.6f}",
    }
    if hasattr(resource, "RUSAGE_THREAD"):
        # Commands run in the main thread.
        main = resource.getrusage(resource.RUSAGE_THREAD)
        fields["used_cpu_sys_main_thread"] = f"{main.ru_stime:.6f}"
        fields["used_cpu_user_main_thread"] = f"{main.ru_utime:.6f}"
    return fields


def command_stats(facts: Facts) -> Fields:
    """Calls and time of each command that was called."""
    fields: Fields = {}
    for name, calls, nanoseconds, rejected, failed in facts.call.command_statistics():
        microseconds = nanoseconds // 1000
        each = nanoseconds / 1000 / calls if calls else 0.0
        fields[f"cmdstat_{name}"] = (
            f"calls={calls},usec={microseconds},usec_per_call={each:.2f},"
            f"rejected_calls={rejected},failed_calls={failed}"
        )
    return fields


def error_stats(facts: Facts) -> Fields:
    """How often each kind of error was answered."""
    counts = sorted(facts.call.error_statistics())
    return {f"errorstat_{kind}": f"count={count}" for kind, count in counts}


def latency_stats(facts: Facts) -> Fields:
    """Percentiles of each command's time, in microseconds."""
    config = facts.state.config
    if not config.boolean("latency-tracking"):
        return {}
    percentiles = list(config.percentiles())
    fields: Fields = {}
    for name, values in facts.call.command_percentiles(percentiles):
        shown = (
            f"p{str(percent).removesuffix('.0')}={nanoseconds / 1000:.3f}"
            for percent, nanoseconds in zip(percentiles, values, strict=True)
        )
        fields[f"latency_percentiles_usec_{name}"] = ",".join(shown)
    return fields


def keyspace(facts: Facts) -> Fields:
    """Keys of each database that has any."""
    return {
        f"db{number}": f"keys={keys},expires={volatile},avg_ttl=0,keys_with_volatile_items={timed}"
        for number, keys, volatile, timed in facts.statistics["keyspace"]
    }
