//! Settings that the engine acts on itself, and the counters it keeps.

use pyo3::prelude::*;
use pyo3::types::PyDict;
use rubellite_core::dispatch::Engine;
use rubellite_core::dispatch::engine::PauseKind;
use rubellite_core::dispatch::eviction::Policy;
use rubellite_core::dispatch::pubsub::Topic;
use rubellite_core::memory;

/// Gives the engine one setting; false: it has none of that name.
pub fn configure(engine: &mut Engine, name: &str, value: &Bound<'_, PyAny>) -> PyResult<bool> {
    let settings = &mut engine.settings;
    let statistics = &mut engine.statistics;
    match name {
        "password_required" => settings.password_required = value.extract()?,
        "protected-mode" => settings.protected_mode = value.extract()?,
        "maxclients" => settings.clients_max = value.extract()?,
        "tcp-keepalive" => settings.keepalive_seconds = value.extract()?,
        "timeout" => settings.timeout_seconds = value.extract()?,
        "proto-max-bulk-len" => settings.bulk_bytes_max = value.extract()?,
        "client-query-buffer-limit" => settings.query_buffer_bytes_max = value.extract()?,
        "output-limit-normal" => settings.output_limit_normal = value.extract()?,
        "output-limit-pubsub" => settings.output_limit_pubsub = value.extract()?,
        "counts-accesses" => settings.counts_accesses = value.extract()?,
        "lfu-log-factor" => settings.lfu_log_factor = value.extract()?,
        "lfu-decay-time" => settings.lfu_decay_minutes = value.extract()?,
        "active-expire" => settings.active_expire = value.extract()?,
        "notify-flags" => settings.notify_flags = value.extract()?,
        "hash-max-listpack-entries" => settings.collections.hash_entries_max = value.extract()?,
        "hash-max-listpack-value" => settings.collections.hash_value_bytes_max = value.extract()?,
        "list-max-listpack-size" => settings.collections.list_size = value.extract()?,
        "list-compress-depth" => settings.collections.list_depth = value.extract()?,
        "set-max-intset-entries" => settings.collections.set_integers_max = value.extract()?,
        "set-max-listpack-entries" => settings.collections.set_entries_max = value.extract()?,
        "set-max-listpack-value" => settings.collections.set_value_bytes_max = value.extract()?,
        "zset-max-listpack-entries" => {
            settings.collections.sorted_set_entries_max = value.extract()?;
        }
        "hll-sparse-max-bytes" => settings.collections.hll_sparse_bytes_max = value.extract()?,
        "stream-node-max-entries" => {
            settings.collections.stream_blocks.entries_max = value.extract()?;
        }
        "stream-node-max-bytes" => {
            settings.collections.stream_blocks.bytes_max = value.extract()?;
        }
        "zset-max-listpack-value" => {
            settings.collections.sorted_set_value_bytes_max = value.extract()?;
        }
        "maxmemory" => settings.memory_max = value.extract()?,
        "maxmemory-policy" => settings.eviction_policy = Policy::named(value.extract()?),
        "maxmemory-samples" => settings.eviction_samples = value.extract()?,
        "maxmemory-eviction-tenacity" => settings.eviction_tenacity = value.extract()?,
        "maxmemory-clients" => settings.clients_memory_max = value.extract()?,
        "activedefrag" => settings.defragment.is_on = value.extract()?,
        "active-defrag-ignore-bytes" => settings.defragment.ignore_bytes = value.extract()?,
        "active-defrag-threshold-lower" => settings.defragment.lower_percent = value.extract()?,
        "active-defrag-threshold-upper" => settings.defragment.upper_percent = value.extract()?,
        "active-defrag-cycle-min" => settings.defragment.cycle_percent_min = value.extract()?,
        "active-defrag-cycle-max" => settings.defragment.cycle_percent_max = value.extract()?,
        "refuses-writes" => settings.refuses_writes = value.extract()?,
        "busy-reply-threshold" => settings.busy_reply_ms = value.extract()?,
        "tracking-table-max-keys" => settings.tracking_keys_max = value.extract()?,
        "pauses-cron" => settings.pauses_cron = value.extract()?,
        "slowlog-log-slower-than" => statistics.slow_log.threshold = value.extract()?,
        "commandlog-request-larger-than" => {
            statistics.large_requests.threshold = value.extract()?
        }
        "commandlog-reply-larger-than" => statistics.large_replies.threshold = value.extract()?,
        "slowlog-max-len" => statistics.slow_log.keep(value.extract()?),
        "commandlog-large-request-max-len" => statistics.large_requests.keep(value.extract()?),
        "commandlog-large-reply-max-len" => statistics.large_replies.keep(value.extract()?),
        "latency-monitor-threshold" => {
            statistics.latency.threshold_milliseconds = value.extract()?;
        }
        "latency-tracking" => statistics.tracks_latency = value.extract()?,
        _ => return Ok(false),
    }
    Ok(true)
}

/// Counters and gauges by name.
pub fn statistics<'py>(py: Python<'py>, engine: &Engine) -> PyResult<Bound<'py, PyDict>> {
    let facts = PyDict::new(py);
    let counters = &engine.statistics.counters;
    facts.set_item("now_ms", engine.now_ms)?;
    facts.set_item("started_ms", engine.started_ms)?;
    facts.set_item("connections", counters.connections)?;
    facts.set_item("rejected_connections", counters.rejected_connections)?;
    facts.set_item("commands", counters.commands)?;
    facts.set_item("bytes_read", counters.bytes_read)?;
    facts.set_item("bytes_written", counters.bytes_written)?;
    facts.set_item("expired_keys", counters.expired_keys)?;
    facts.set_item("expired_fields", counters.expired_fields)?;
    facts.set_item(
        "expired_time_cap_reached",
        counters.expired_time_cap_reached,
    )?;
    facts.set_item("evicted_keys", counters.evicted_keys)?;
    let (exceeded_ns, exceeds_ns) = engine.exceeded_ns();
    facts.set_item("exceeded_milliseconds", exceeded_ns / 1_000_000)?;
    facts.set_item("exceeds_milliseconds", exceeds_ns / 1_000_000)?;
    facts.set_item("evicted_clients", counters.evicted_clients)?;
    facts.set_item("keyspace_hits", counters.keyspace_hits)?;
    facts.set_item("keyspace_misses", counters.keyspace_misses)?;
    facts.set_item("error_replies", counters.error_replies)?;
    facts.set_item(
        "output_buffer_limit_disconnections",
        counters.output_buffer_limit_disconnections,
    )?;
    facts.set_item(
        "query_buffer_limit_disconnections",
        counters.query_buffer_limit_disconnections,
    )?;
    facts.set_item("reads", counters.reads)?;
    facts.set_item("writes", counters.writes)?;
    facts.set_item(
        "expire_cycle_milliseconds",
        counters.expire_cycle_nanoseconds / 1_000_000,
    )?;
    facts.set_item("allocator_name", memory::ALLOCATOR_NAME)?;
    facts.set_item("acl_access_denied_auth", counters.acl_access_denied_auth)?;
    let sessions = || engine.sessions.values();
    facts.set_item("clients", engine.sessions.len())?;
    facts.set_item(
        "blocked_clients",
        sessions().filter(|s| s.is_paused).count(),
    )?;
    facts.set_item("waited_keys", engine.waiters.key_count())?;
    facts.set_item("waited_keys_on_loss", engine.waiters.loss_key_count())?;
    facts.set_item("clients_with_deadline", engine.waiters.deadline_count())?;
    facts.set_item(
        "watching_clients",
        sessions().filter(|s| !s.watched.is_empty()).count(),
    )?;
    facts.set_item("watched_keys", engine.watched_keys())?;
    facts.set_item(
        "query_bytes_max",
        sessions().map(|s| s.query_allocated).max().unwrap_or(0),
    )?;
    facts.set_item(
        "output_bytes_max",
        sessions()
            .map(|s| s.output.bytes_pending())
            .max()
            .unwrap_or(0),
    )?;
    for (name, topic) in [
        ("pubsub_channels", Topic::Channel),
        ("pubsub_patterns", Topic::Pattern),
        ("pubsub_shard_channels", Topic::Shard),
    ] {
        facts.set_item(name, engine.subscriptions.count(topic))?;
    }
    facts.set_item(
        "pubsub_clients",
        sessions().filter(|s| s.is_subscribed()).count(),
    )?;
    let tracking = &engine.tracking;
    facts.set_item("tracking_clients", tracking.client_count())?;
    facts.set_item("tracking_keys", tracking.key_count())?;
    facts.set_item("tracking_items", tracking.item_count())?;
    facts.set_item("tracking_prefixes", tracking.prefix_count())?;
    facts.set_item("dirty_since_save", engine.dirty_since_save)?;
    facts.set_item("journal_offset", engine.journal.offset())?;
    facts.set_item("lazyfree_pending", engine.freer.pending())?;
    facts.set_item("lazyfreed", engine.freer.freed())?;
    let walk = &engine.defragmentation;
    let (current_ns, total_ns) = walk.time_ns(engine.clock.monotonic_ns());
    facts.set_item("defragmentation_percent", walk.running_percent)?;
    facts.set_item("defragmentation_moved", walk.moved)?;
    facts.set_item("defragmentation_stayed", walk.stayed)?;
    facts.set_item("defragmentation_current_ms", current_ns / 1_000_000)?;
    facts.set_item("defragmentation_total_ms", total_ns / 1_000_000)?;
    facts.set_item("memory_used", memory::used_bytes())?;
    facts.set_item("memory_uncounted", engine.uncounted_bytes())?;
    facts.set_item("memory_peak", memory::peak_bytes())?;
    if let Some(stats) = memory::allocator_stats() {
        facts.set_item("allocator_allocated", stats.allocated)?;
        facts.set_item("allocator_active", stats.active)?;
        facts.set_item("allocator_resident", stats.resident)?;
    }
    let overhead: usize = engine.databases.iter().map(|d| d.overhead_bytes()).sum();
    facts.set_item("table_overhead", overhead)?;
    let client_bytes = || engine.sessions.values().map(|s| s.memory_bytes());
    facts.set_item("client_bytes", client_bytes().sum::<usize>())?;
    facts.set_item("client_bytes_max", client_bytes().max().unwrap_or(0))?;
    facts.set_item(
        "paused_actions",
        match engine.pause_kind() {
            Some(PauseKind::Write) => "write",
            Some(PauseKind::All) => "all",
            None => "none",
        },
    )?;
    facts.set_item(
        "pause_until_ms",
        engine.pause.map_or(0, |(until_ms, _)| until_ms),
    )?;
    let keyspace: Vec<(usize, usize, usize, usize)> = engine
        .databases
        .iter()
        .enumerate()
        .filter(|(_, database)| !database.is_empty())
        .map(|(index, database)| {
            let (keys, volatile) = (database.len(), database.volatile_len());
            (index, keys, volatile, database.timed_len())
        })
        .collect();
    facts.set_item("keyspace", keyspace)?;
    Ok(facts)
}
