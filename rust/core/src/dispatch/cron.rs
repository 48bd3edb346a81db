//! What happens because time passes: active expiry, idle clients, limits.

use super::engine::Engine;
use super::eviction::Room;
use super::session::Close;
use crate::clock::Pace;
use crate::service::ClientId;

/// What a tick found.
#[derive(Debug, Clone, Copy)]
pub struct Tick {
    pub sleep_ms: u64,
    pub is_cron_due: bool,
}

/// The runtime's own work is done this often.
const CRON_MS: i64 = 100;
/// How often a clock that this one follows is looked at while something waits for it.
const LED_MS: i64 = 5;
/// One slice of active expiry, so that nobody waits longer for it.
const EXPIRE_SLICE_NS: u64 = 1_000_000;
/// Keys looked for at a time within a slice.
const EXPIRE_BATCH: usize = 64;
/// So many members of one key go before the time is asked for.
const EXPIRE_MEMBERS: usize = 1024;

/// The allocator is reminded of free memory once a second.
const DECAY_CRON_RUNS: u64 = 10;

impl Engine {
    /// Time-driven work; called once a turn of the event loop.
    pub fn tick(&mut self) -> Tick {
        self.end_waits();
        self.release_held();
        if self.settings.pauses_cron {
            return Tick {
                sleep_ms: CRON_MS as u64,
                is_cron_due: false,
            };
        }
        let may_expire = self.settings.active_expire && !self.is_paused();
        let has_more = may_expire && self.expire_slice();
        self.look_at_waste();
        let is_over_limit = self.make_room() == Room::Unfinished;
        let is_cron_due =
            self.now_ms - self.last_cron_ms >= CRON_MS || self.now_ms < self.last_cron_ms;
        self.evict_clients(is_cron_due);
        if is_cron_due {
            self.last_cron_ms = self.now_ms;
            self.cron_runs += 1;
            self.clock.synchronise();
            self.close_idle_clients();
            self.close_slow_clients();
            self.limit_tracking_table();
            self.defragment_slice(CRON_MS as u64 * 1_000_000);
            if self.cron_runs % DECAY_CRON_RUNS == 0 {
                self.freer.decay();
            }
        }
        let mut sleep_ms = match self.clock.pace() {
            Pace::Steady => (self.last_cron_ms + CRON_MS - self.now_ms).clamp(0, CRON_MS),
            Pace::Frozen => CRON_MS,
            Pace::Led if self.has_deadlines() => LED_MS,
            Pace::Led => CRON_MS,
        };
        if has_more || is_over_limit {
            sleep_ms = 0;
        } else if let Some((until_ms, _)) = self.pause {
            sleep_ms = sleep_ms.min((until_ms - self.now_ms).max(0));
        }
        let ends = [self.next_wait_end_ms(), self.next_release_ms()];
        if let Some(deadline_ms) = ends.into_iter().flatten().min()
            && self.clock.pace() != Pace::Frozen
        {
            sleep_ms = sleep_ms.min((deadline_ms - self.now_ms).max(0));
        }
        Tick {
            sleep_ms: sleep_ms as u64,
            is_cron_due,
        }
    }

    /// Whether anything happens only because time passes.
    fn has_deadlines(&self) -> bool {
        self.next_wait_end_ms().is_some()
            || self.next_release_ms().is_some()
            || self.databases.iter().any(|one| one.has_deadlines())
    }

    /// What the deadlines of keys are compared with, each of which lasts through its own
    /// millisecond. Not under test: who moves the time by 60 seconds wants to see the end
    /// of what lives that long.
    #[inline]
    pub(super) fn keys_now_ms(&self) -> i64 {
        self.alive_ms()
            .saturating_add(i64::from(self.clock.is_led()))
    }

    /// Removes due keys and members for at most a slice of time. True: there is more to do.
    fn expire_slice(&mut self) -> bool {
        let started_ns = self.clock.monotonic_ns();
        let has_more = self.expire_until(started_ns + EXPIRE_SLICE_NS);
        let elapsed_ns = self.clock.monotonic_ns() - started_ns;
        let counters = &mut self.statistics.counters;
        counters.expired_time_cap_reached += u64::from(has_more);
        counters.expire_cycle_nanoseconds += elapsed_ns;
        self.note_latency("expire-cycle", elapsed_ns);
        self.flush_effects();
        has_more
    }

    fn expire_until(&mut self, end_ns: u64) -> bool {
        let now_ms = self.keys_now_ms();
        let mut due: Vec<Box<[u8]>> = Vec::new();
        for database in 0..self.databases.len() {
            loop {
                if !self.databases[database].has_deadlines() {
                    break;
                }
                due.clear();
                self.databases[database].due(now_ms, EXPIRE_BATCH, &mut |entry| {
                    due.push(entry.key().into())
                });
                if due.is_empty() {
                    break;
                }
                for key in &due {
                    // Members of it, too; what this leaves is reported again.
                    if !self.expire_members(database, key, EXPIRE_MEMBERS) {
                        self.expire_if_due_in(database, key);
                    }
                    if self.clock.monotonic_ns() > end_ns {
                        return true;
                    }
                }
            }
        }
        false
    }

    /// Closes clients whose output has been above their soft limit for too long.
    fn close_slow_clients(&mut self) {
        for client in std::mem::take(&mut self.soft_limited_clients) {
            self.check_output_limit(client);
            let session = self.sessions.get(&client);
            if session.is_some_and(|session| session.soft_limit_since_ms.is_some()) {
                self.soft_limited_clients.insert(client);
            }
        }
    }

    /// `timeout`: closes clients that have been silent too long.
    fn close_idle_clients(&mut self) {
        let timeout_ms = self.settings.timeout_seconds * 1000;
        if timeout_ms == 0 {
            return;
        }
        let now_ms = self.now_ms;
        let clients: Vec<ClientId> = self.sessions.keys().copied().collect();
        for client in clients {
            let session = self.session(client);
            let is_idle = now_ms - session.last_request_ms > timeout_ms
                && !session.is_monitor
                && !session.is_subscribed()
                && !session.is_paused;
            if is_idle && session.close == Close::No {
                self.close_client(client, false);
            }
        }
    }
}
