//! The short way of GET and SET for callers in the process.
//!
//! What the pipeline does around a handler costs more than either command. Where nobody
//! asked for any of it (no monitor, trigger, tracking, limit, pause, append-only file …) nothing
//! is left but the look-up and the counting; in every other case these functions decline
//! before they did anything, and the caller takes the pipeline.
//!
//! Reading the clock twice would be most of the work, so one call in `TIMED_EVERY` is
//! timed and stands for the others in INFO commandstats. Idle times are as exact as the
//! engine's last turn, which is at most a tenth of a second ago.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::aftermath::panic_message;
use super::engine::{Engine, Run};
use super::pipeline::Runtime;
use super::session::{Close, OwnedRequest};
use super::spec::CommandId;
use crate::keyspace::{Expiry, Kind, NewValue, Value};
use crate::service::ClientId;

/// Longer strings take the pipeline: copying them is work that the slow log should see.
const BYTES_MAX: usize = 4096;
/// How many calls one reading of the clock stands for.
const TIMED_EVERY: u32 = 64;

/// What the short way keeps from call to call.
#[derive(Debug, Default)]
pub struct Direct {
    get: Timing,
    set: Timing,
}

/// The cost of one command, sampled.
#[derive(Debug, Default, Clone, Copy)]
struct Timing {
    command: Option<CommandId>,
    calls: u32,
    last_ns: u64,
}

impl Timing {
    /// True if this call is one to be timed.
    #[inline]
    fn is_timed(&mut self) -> bool {
        self.calls = self.calls.wrapping_add(1);
        self.calls % TIMED_EVERY == 1
    }
}

impl Engine {
    /// Whether nothing but the effect of a command of `client` matters to anybody; then
    /// it is the running one.
    #[inline]
    fn begin_directly(&mut self, client: ClientId) -> bool {
        let is_plain = self.settings.memory_max == 0
            && self.wanted_events() == 0
            && !self.settings.counts_accesses
            && self.monitors.is_empty()
            && !self.tracking.is_used()
            && !self.tracking.has_business()
            && self.pause.is_none()
            && !self.loading
            && !self.gate.is_on
            && !self.has_no_touch
            && self.run.depth == 0;
        let Some(session) = self.sessions.get_mut(&client).filter(|_| is_plain) else {
            return false;
        };
        let is_plain = session.queue.is_none()
            && session.listening.is_none()
            && session.is_authenticated
            && !session.is_monitor
            && session.blocked.is_none()
            && session.close == Close::No;
        if is_plain {
            session.last_request_ms = self.now_ms;
            self.run.database = session.database;
            self.run.client = client;
        }
        is_plain
    }

    /// Counts a command that went directly.
    #[inline]
    fn end_directly(&mut self, client: ClientId, timing: Timing, name: &[u8]) -> Timing {
        let command = timing.command.or_else(|| self.commands.find(name));
        if let Some(command) = command {
            self.statistics.executed(command, timing.last_ns, false);
            let session = self.session(client);
            session.commands += 1;
            session.last_command = Some(command);
        }
        Timing { command, ..timing }
    }

    /// GET; `make` gets the value. None: it is not for here, and nothing was done. O(1).
    #[inline]
    pub fn get_directly<T>(
        &mut self,
        client: ClientId,
        key: &[u8],
        make: impl FnOnce(Option<Value<'_>>) -> T,
    ) -> Option<T> {
        if !self.begin_directly(client) {
            return None;
        }
        let mut timing = self.direct.get;
        let started_ns = timing.is_timed().then(|| self.clock.monotonic_ns());
        let clock = self.lru_clock();
        let database = &self.databases[self.run.database];
        let made = match database.find_hashed(database.hash(key), key) {
            None => {
                self.statistics.counters.keyspace_misses += 1;
                make(None)
            }
            Some(entry) => {
                if entry.kind() != Kind::String || entry.expires_at().is_some() {
                    return None;
                }
                let value = entry.value();
                if matches!(value, Value::Shared(_)) {
                    return None;
                }
                entry.set_clock(clock);
                let made = make(Some(value));
                self.statistics.counters.keyspace_hits += 1;
                made
            }
        };
        if let Some(started_ns) = started_ns {
            timing.last_ns = self.clock.monotonic_ns() - started_ns;
        }
        self.direct.get = self.end_directly(client, timing, b"get");
        Some(made)
    }

    /// SET without options. False: it is not for here, and nothing was done. O(1).
    pub fn set_directly(
        &mut self,
        runtime: &mut dyn Runtime,
        client: ClientId,
        key: &[u8],
        value: &[u8],
    ) -> bool {
        if value.len() > BYTES_MAX
            || self.aof.is_some()
            || self.journal.is_read()
            || self.is_saving()
            || self.writes_stopped
            || self.settings.refuses_writes
            || !self.waiters.is_empty()
            || !self.begin_directly(client)
        {
            return false;
        }
        let mut timing = self.direct.set;
        let started_ns = timing.is_timed().then(|| self.clock.monotonic_ns());
        let done = catch_unwind(AssertUnwindSafe(|| {
            self.set_string(key, NewValue::String(value), Expiry::None);
        }));
        if let Err(payload) = done {
            // Looked after here, and then again on the way that everybody takes.
            runtime.panicked("set", panic_message(payload.as_ref()));
            let commands = std::sync::Arc::clone(&self.commands);
            if let Some(id) = commands.find(b"set") {
                let mut request = OwnedRequest::builder(3);
                [b"SET".as_slice(), key, value]
                    .iter()
                    .for_each(|word| request.push(word));
                let request = request.finish();
                self.settle(runtime, &commands.specs[id], request.as_request());
            }
            self.run = Run::default();
            return false;
        }
        self.dirty_since_save += self.run.edits;
        self.run.edits = 0;
        self.journal.count([3, key.len(), value.len()].into_iter());
        if let Some(started_ns) = started_ns {
            timing.last_ns = self.clock.monotonic_ns() - started_ns;
        }
        self.direct.set = self.end_directly(client, timing, b"set");
        true
    }
}
