//! `maxmemory-clients`: closes the clients that take most, when all together take too much.
//!
//! Cost: nothing without a limit; else one pass over the clients in a cron run, and between
//! those when much memory was taken since.

use std::cmp::Reverse;

use super::engine::Engine;
use super::session::Close;
use crate::memory;
use crate::service::ClientId;

/// Clients are counted again early when used memory grew by this part of their limit.
const GROWTH_PART: usize = 16;

impl Engine {
    /// Closes the largest clients until the rest are within the limit. CLIENT NO-EVICT and
    /// callers in the process are spared, but count.
    pub(super) fn evict_clients(&mut self, is_cron_due: bool) {
        let limit = self.settings.clients_memory_max;
        if limit == 0 {
            return;
        }
        let used = memory::used_bytes();
        self.eviction.clients_counted_at = self.eviction.clients_counted_at.min(used);
        if !is_cron_due && used - self.eviction.clients_counted_at < limit / GROWTH_PART {
            return;
        }
        self.eviction.clients_counted_at = used;
        let mut total = 0;
        let mut clients: Vec<(usize, ClientId)> = Vec::new();
        for (&client, session) in &self.sessions {
            let bytes = session.memory_bytes();
            total += bytes;
            let may_go = !session.no_evict && session.alarm.is_none();
            if may_go && session.close == Close::No {
                clients.push((bytes, client));
            }
        }
        if total <= limit {
            return;
        }
        clients.sort_unstable_by_key(|&(bytes, client)| (Reverse(bytes), client));
        for (bytes, client) in clients {
            if total <= limit {
                break;
            }
            total -= bytes;
            self.kill_client(client);
            self.statistics.counters.evicted_clients += 1;
        }
    }
}
