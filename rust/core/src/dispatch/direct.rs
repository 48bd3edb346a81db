//! The short way of GET and SET for callers in the process.
//!
//! What the pipeline does around a handler costs more than either command. Where nobody
//! asked for any of it (no monitor, trigger, tracking, limit, pause …) nothing is left but
//! the look-up and the counting; in every other case these functions decline before they
//! did anything, and the caller takes the pipeline.
//!
//!     others … │ open: all conditions looked at │ get set set get … │ others: leave, count
//!
//! Between two calls of the same client nothing changes that they depend on, unless
//! somebody else gets hold of the engine, who calls `leave_directly` first. So the
//! conditions are looked at once for a run of calls, and what the calls leave behind in
//! statistics and the session is entered at its end, before anybody can look.
//!
//! Reading the clock twice would be most of the work, so one call in `TIMED_EVERY` is
//! timed and stands for the others in INFO commandstats. Idle times are as exact as the
//! engine's last turn, which is at most a tenth of a second ago.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::aftermath::panic_message;
use super::engine::{Engine, Run};
use super::pipeline::Runtime;
use super::session::{Close, OwnedRequest};
use super::spec::CommandId;
use super::statistics::Statistics;
use crate::aof::Appender;
use crate::keyspace::{Expiry, Kind, NewValue, Replaced, Value};
use crate::service::ClientId;

/// Longer strings take the pipeline: copying them is work that the slow log should see.
const BYTES_MAX: usize = 4096;
/// How many calls one reading of the clock stands for.
const TIMED_EVERY: u32 = 64;
/// So much is handed to the system by the call itself: a caller that never lets go of the
/// GIL keeps the event loop from its turn.
const PENDING_BYTES_MAX: usize = 64 << 10;

/// What the short way keeps from call to call.
#[derive(Debug, Default)]
pub struct Direct {
    /// Whose calls may go directly, until somebody else gets hold of the engine.
    client: Option<ClientId>,
    /// What is left of that client's SET.
    writes: Writes,
    database: usize,
    /// The clock that entries get.
    clock: u32,
    get: Timing,
    set: Timing,
    /// How many of the calls that are not counted yet found their key.
    hits: u64,
    /// The last of them was a SET.
    ends_in_set: bool,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Writes {
    /// All of it: it is not for here.
    #[default]
    Refused,
    /// The value; nobody looks out for changes.
    Plain,
    /// The value, and those who watch keys are told.
    Watched,
}

/// How a SET ended.
pub enum SetDirectly {
    /// It is not for here, and nothing was done.
    Declined,
    Done,
    /// It is done, and bytes begin to gather for the append-only file.
    DoneForFile,
    /// A bug; `recover_directly` looks after what it left.
    Panicked(Box<dyn Any + Send>),
}

/// The calls of one command.
#[derive(Debug, Default)]
struct Timing {
    command: Option<CommandId>,
    calls: u32,
    /// Those that the statistics know already.
    counted: u32,
    /// What the last one that was timed took.
    last_ns: u64,
}

impl Timing {
    #[inline]
    fn is_due(&self) -> bool {
        self.calls % TIMED_EVERY == 0
    }

    /// Enters the calls since the last time; returns how many.
    fn count(&mut self, statistics: &mut Statistics) -> u64 {
        let calls = u64::from(self.calls.wrapping_sub(self.counted));
        self.counted = self.calls;
        if let Some(command) = self.command.filter(|_| calls > 0) {
            statistics.executed_times(command, self.last_ns, false, calls);
        }
        calls
    }
}

impl Engine {
    /// Whether calls of `client` go directly now: it was found out for one of them, and
    /// nobody else had hold of the engine since.
    #[inline]
    pub fn is_open_directly(&self, client: ClientId) -> bool {
        self.direct.client == Some(client)
    }

    /// Lets calls of `client` go directly, if nothing but their effect matters to anybody.
    #[cold]
    pub fn open_directly(&mut self, client: ClientId) -> bool {
        self.leave_directly();
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
        let Some(session) = self.sessions.get(&client).filter(|_| is_plain) else {
            return false;
        };
        let is_plain = session.queue.is_none()
            && session.listening.is_none()
            && session.is_authenticated
            && !session.is_monitor
            && session.blocked.is_none()
            && session.close == Close::No;
        if !is_plain {
            return false;
        }
        let database = session.database;
        self.run.database = database;
        self.run.client = client;
        let (writes, clock) = (self.writes_directly(), self.lru_clock());
        self.databases[database].set_clock(clock, true);
        let direct = &mut self.direct;
        (direct.database, direct.clock, direct.writes) = (database, clock, writes);
        direct.get.command = self.commands.find(b"get");
        direct.set.command = self.commands.find(b"set");
        direct.client = Some(client);
        true
    }

    fn writes_directly(&self) -> Writes {
        if self.writes_before_reply()
            || self.is_saving()
            || self.writes_stopped
            || self.settings.refuses_writes
            || !self.waiters.is_empty()
        {
            Writes::Refused
        } else if self.watchers.is_empty() {
            Writes::Plain
        } else {
            Writes::Watched
        }
    }

    /// To be called by everybody else who gets hold of the engine, before anything.
    #[inline]
    pub fn leave_directly(&mut self) {
        if let Some(client) = self.direct.client.take() {
            self.count_directly(client);
        }
    }

    /// Enters what the calls of `client` left to be counted.
    #[cold]
    fn count_directly(&mut self, client: ClientId) {
        let direct = &mut self.direct;
        let gets = direct.get.count(&mut self.statistics);
        let sets = direct.set.count(&mut self.statistics);
        if gets + sets == 0 {
            return;
        }
        let hits = std::mem::take(&mut direct.hits);
        let counters = &mut self.statistics.counters;
        counters.keyspace_hits += hits;
        counters.keyspace_misses += gets.saturating_sub(hits);
        let last = if direct.ends_in_set {
            direct.set.command
        } else {
            direct.get.command
        };
        if let Some(session) = self.sessions.get_mut(&client) {
            session.commands += gets + sets;
            session.last_command = last;
            session.last_request_ms = self.now_ms;
        }
    }

    /// GET of a client for whom it `is_open_directly`; `make` gets the value. None: it is
    /// not for here, and nothing was done. O(1).
    #[inline]
    pub fn get_directly<T>(
        &mut self,
        key: &[u8],
        make: impl FnOnce(Option<Value<'_>>) -> T,
    ) -> Option<T> {
        let started_ns = self.direct.get.is_due().then(|| self.begin_timing());
        let database = self.databases.get(self.direct.database)?;
        let made = match database.find_hashed(database.hash(key), key) {
            None => make(None),
            Some(entry) => {
                if entry.kind() != Kind::String || entry.expires_at().is_some() {
                    return None;
                }
                let value = entry.value();
                if matches!(value, Value::Shared(_)) {
                    return None;
                }
                entry.set_clock(self.direct.clock);
                self.direct.hits += 1;
                make(Some(value))
            }
        };
        self.direct.get.calls = self.direct.get.calls.wrapping_add(1);
        self.direct.ends_in_set = false;
        if let Some(started_ns) = started_ns {
            self.direct.get.last_ns = self.clock.monotonic_ns() - started_ns;
        }
        Some(made)
    }

    /// What was timed last stands for the calls until now.
    #[cold]
    fn begin_timing(&mut self) -> u64 {
        if let Some(client) = self.direct.client {
            self.count_directly(client);
        }
        self.clock.monotonic_ns()
    }

    /// SET without options of a client for whom it `is_open_directly`. O(1).
    #[inline]
    pub fn set_directly(&mut self, key: &[u8], value: &[u8]) -> SetDirectly {
        let is_failing = self.aof.as_ref().is_some_and(Appender::is_failing);
        if value.len() > BYTES_MAX || self.direct.writes == Writes::Refused || is_failing {
            return SetDirectly::Declined;
        }
        let started_ns = self.direct.set.is_due().then(|| self.begin_timing());
        match catch_unwind(AssertUnwindSafe(|| self.store_directly(key, value))) {
            Ok(true) => {}
            Ok(false) => return SetDirectly::Declined,
            Err(payload) => {
                self.leave_directly();
                return SetDirectly::Panicked(payload);
            }
        }
        self.direct.set.calls = self.direct.set.calls.wrapping_add(1);
        self.direct.ends_in_set = true;
        self.dirty_since_save += 1;
        let gathers = if self.journal.is_read() {
            self.journal_directly(key, value)
        } else {
            self.journal.count([3, key.len(), value.len()].into_iter());
            false
        };
        if let Some(started_ns) = started_ns {
            self.direct.set.last_ns = self.clock.monotonic_ns() - started_ns;
        }
        if gathers {
            SetDirectly::DoneForFile
        } else {
            SetDirectly::Done
        }
    }

    /// Stores the value. False: that is not for here.
    #[inline]
    fn store_directly(&mut self, key: &[u8], value: &[u8]) -> bool {
        let database = &mut self.databases[self.direct.database];
        let is_plain = self.direct.writes == Writes::Plain;
        let hash = database.hash(key);
        if is_plain && database.overwrite_string(hash, key, value) {
            return true;
        }
        let has_deadlines = database.has_deadlines();
        if has_deadlines && self.journal.is_read() {
            // A key that is due leaves an effect of its own.
            return false;
        }
        let new = NewValue::String(value);
        if is_plain && !has_deadlines {
            if let Replaced::Removed(removed) = database.set_hashed(hash, key, new, Expiry::None) {
                self.discard(removed);
            }
        } else {
            self.set_string(key, new, Expiry::None);
            self.run.edits = 0;
        }
        true
    }

    /// Gives the file what a SET did. True: bytes begin to gather.
    #[cold]
    fn journal_directly(&mut self, key: &[u8], value: &[u8]) -> bool {
        let was_empty = self.journal.pending_bytes() == 0;
        let (database, now_ms) = (self.direct.database, self.now_ms);
        self.journal.append_set(database, key, value, now_ms);
        if self.journal.pending_bytes() >= PENDING_BYTES_MAX {
            self.flush_aof();
        }
        // Else who writes them has been woken, and will find this, too.
        was_empty && self.journal.pending_bytes() > 0
    }

    /// Looks after a key whose SET ended in a bug; then it goes the way that everybody takes.
    #[cold]
    pub fn recover_directly(
        &mut self,
        runtime: &mut dyn Runtime,
        key: &[u8],
        value: &[u8],
        payload: &(dyn Any + Send),
    ) {
        runtime.panicked("set", panic_message(payload));
        let commands = Arc::clone(&self.commands);
        if let Some(id) = commands.find(b"set") {
            let request = OwnedRequest::from_arguments([b"SET".as_slice(), key, value]);
            self.settle(runtime, &commands.specs[id], request.as_request());
        }
        self.run = Run::default();
    }
}
