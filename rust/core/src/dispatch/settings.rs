//! What the engine acts on of the configuration.

use super::collections::CollectionLimits;
use super::defragment::DefragmentSettings;
use super::eviction::Policy;

/// Settings that the hot path reads; Python sets them from the configuration.
#[derive(Debug, Clone)]
pub struct Settings {
    pub password_required: bool,
    pub protected_mode: bool,
    pub clients_max: usize,
    pub keepalive_seconds: u32,
    pub timeout_seconds: i64,
    pub bulk_bytes_max: usize,
    pub query_buffer_bytes_max: usize,
    /// Hard bytes, soft bytes, soft seconds; 0 is none.
    pub output_limit_normal: (usize, usize, u64),
    pub output_limit_pubsub: (usize, usize, u64),
    /// 0: keep idle time (LRU); 1: count accesses (LFU).
    pub counts_accesses: bool,
    pub lfu_log_factor: u32,
    pub lfu_decay_minutes: u32,
    pub active_expire: bool,
    /// DEBUG PAUSE-CRON: nothing happens because time passes.
    pub pauses_cron: bool,
    pub notify_flags: u32,
    pub collections: CollectionLimits,
    /// Saving fails, and what is written might be lost: writers are told so instead.
    pub refuses_writes: bool,
    /// `maxmemory`; 0: no limit.
    pub memory_max: usize,
    /// `maxmemory-policy`; None: nothing is evicted.
    pub eviction_policy: Option<Policy>,
    pub eviction_samples: usize,
    pub eviction_tenacity: u32,
    /// `maxmemory-clients` in bytes; 0: no limit.
    pub clients_memory_max: usize,
    /// `activedefrag`.
    pub defragment: DefragmentSettings,
    /// Bytes that an interpreter may hold.
    pub script_memory_max: usize,
    /// `busy-reply-threshold` in milliseconds; 0: never.
    pub busy_reply_ms: u64,
    /// `tracking-table-max-keys`; 0: no limit.
    pub tracking_keys_max: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            password_required: false,
            protected_mode: true,
            clients_max: 10_000,
            keepalive_seconds: 300,
            timeout_seconds: 0,
            bulk_bytes_max: 512 << 20,
            query_buffer_bytes_max: 1 << 30,
            output_limit_normal: (0, 0, 0),
            output_limit_pubsub: (32 << 20, 8 << 20, 60),
            counts_accesses: false,
            lfu_log_factor: 10,
            lfu_decay_minutes: 1,
            active_expire: true,
            pauses_cron: false,
            notify_flags: 0,
            collections: CollectionLimits::default(),
            refuses_writes: false,
            memory_max: 0,
            eviction_policy: None,
            eviction_samples: 5,
            eviction_tenacity: 10,
            clients_memory_max: 0,
            defragment: DefragmentSettings::default(),
            script_memory_max: 1 << 30,
            busy_reply_ms: 5000,
            tracking_keys_max: 1_000_000,
        }
    }
}
