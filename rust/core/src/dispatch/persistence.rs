//! Saving and loading, as the engine sees it: snapshots in slices between commands, files
//! loaded whole, values as strings of bytes (DUMP, RESTORE).

use std::fs::File;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::{Duration, Instant};

use super::data::Access;
use super::engine::{Engine, Propagation};
use super::error::{ErrorCode, Failure};
use super::notify::class;
use super::state::effects_of;
use crate::keyspace::{Database, Expiry, NewValue};
use crate::memory;
use crate::rdb::build::Context;
use crate::rdb::load::{self, Report, clock_of};
use crate::rdb::save::{self, Header, Options};
use crate::rdb::snapshot::{Progress, Snapshot, Task};
use crate::rdb::value::Value;
use crate::rdb::write::Clocks;
use crate::rdb::{self, Error, Format, dump};

/// A slice of a snapshot, so that no command waits longer for it.
const SLICE: Duration = Duration::from_micros(200);
/// Slices when memory grows meanwhile, and when it has grown too much; then it is also
/// the time to wait for the disk. Others wait that long for their turn.
const LONG_SLICE: Duration = Duration::from_millis(2);
const LONGEST_SLICE: Duration = Duration::from_millis(4);
/// Memory that a snapshot may take, at least.
const EXTRA_BYTES_MIN: usize = 64 << 20;
/// … or this part of the data.
const EXTRA_PERCENT: usize = 5;
/// So long the event loop sleeps while the disk has to catch up.
const WAITING_SLEEP_MS: u64 = 1;

/// How a snapshot ended.
#[derive(Debug)]
pub struct Outcome {
    /// Bytes of the file, or why there is none.
    pub result: io::Result<u64>,
    pub started_ms: i64,
    pub ended_ms: i64,
}

/// The snapshot under way, and how the last one ended.
#[derive(Default)]
pub struct Snapshots {
    current: Option<Snapshot>,
    /// One that begins when the last one, which failed, is cleaned up after.
    waiting: Option<Task>,
    outcome: Option<Outcome>,
    started_ms: i64,
    /// Changes before it began.
    dirty_at_start: u64,
    used_at_start: usize,
    /// The most memory that it took, about.
    extra_bytes: usize,
    extra_bytes_peak: usize,
}

impl Snapshots {
    /// SWAPDB.
    pub(super) fn swapped(&mut self, one: usize, other: usize) {
        if let Some(snapshot) = &mut self.current {
            snapshot.swap(one, other);
        }
    }
}

/// What RESTORE did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Restored {
    Made,
    /// As above, and the journal has it already, as commands: not every server that may
    /// read it knows such a payload.
    Told,
    /// What was to be made has expired already; an older value is gone.
    Removed,
    /// As above, and there was none.
    Nothing,
}

/// What becomes of the data when a file is loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Before {
    /// They go, if the file is whole.
    Replaced,
    /// They stay; a key that is in the file, too, is an error.
    Kept,
    /// They stay, but for keys that are in the file, too.
    Merged,
}

/// What INFO tells of a snapshot under way.
#[derive(Debug, Clone, Copy, Default)]
pub struct SnapshotFacts {
    pub is_running: bool,
    pub started_ms: i64,
    pub keys: u64,
    pub keys_total: u64,
    pub extra_bytes: usize,
    pub extra_bytes_peak: usize,
}

/// How a value is to be restored.
#[derive(Debug, Clone, Copy, Default)]
pub struct Restoring {
    /// Milliseconds since 1970.
    pub expires_at: Option<i64>,
    pub idle_seconds: Option<u64>,
    pub frequency: Option<u8>,
}

/// Loads the functions of a file, or says what is wrong with them.
pub type TakeLibraries<'a> = dyn FnMut(&mut Engine, &[Vec<u8>]) -> Result<(), String> + 'a;

impl Engine {
    /// How files are written, by the settings of now.
    pub fn save_options(&self, format: Format, compresses: bool, has_checksum: bool) -> Options {
        Options {
            format,
            compresses,
            has_checksum,
            syncs_early: true,
            clocks: Clocks::None,
            header: Header {
                seconds: self.now_ms / 1000,
                memory_bytes: memory::used_bytes(),
                libraries: self.libraries.clone(),
                ..Header::default()
            },
        }
    }

    /// The clock that eviction under an LRU or LFU policy looks at.
    pub fn saved_clocks(&self) -> Clocks {
        if self.settings.counts_accesses {
            Clocks::Frequency
        } else {
            Clocks::Idle(self.lru_clock())
        }
    }

    /// Begins a snapshot. If the last one failed a moment ago, it begins a little later.
    /// That it cannot begin is an outcome like any other.
    pub fn start_snapshot(&mut self, task: Task) {
        if self.snapshots.current.is_some() {
            self.snapshots.waiting = Some(task);
        } else {
            self.try_snapshot(&task);
        }
    }

    fn try_snapshot(&mut self, task: &Task) {
        self.snapshots.started_ms = self.now_ms;
        if let Err(error) = self.begin_snapshot(task) {
            self.end_snapshot(Err(error));
        }
    }

    fn begin_snapshot(&mut self, task: &Task) -> io::Result<()> {
        let snapshot = Snapshot::start(&mut self.databases, task)?;
        let snapshots = &mut self.snapshots;
        snapshots.current = Some(snapshot);
        snapshots.dirty_at_start = self.dirty_since_save;
        snapshots.used_at_start = memory::used_bytes();
        (snapshots.extra_bytes, snapshots.extra_bytes_peak) = (0, 0);
        Ok(())
    }

    /// True while a file is being written, or about to be.
    pub fn is_saving(&self) -> bool {
        let current = self.snapshots.current.as_ref();
        self.snapshots.waiting.is_some() || current.is_some_and(Snapshot::is_writing)
    }

    /// Whether a snapshot that is asked for now begins now, and not a moment later.
    pub fn may_start_snapshot(&self) -> bool {
        self.snapshots.current.is_none() && self.snapshots.waiting.is_none()
    }

    pub fn snapshot_facts(&self) -> SnapshotFacts {
        let snapshots = &self.snapshots;
        let (keys, keys_total) = snapshots.current.as_ref().map_or((0, 0), Snapshot::keys);
        let is_running = self.is_saving();
        SnapshotFacts {
            is_running,
            started_ms: snapshots.started_ms,
            keys: if is_running { keys } else { 0 },
            keys_total: if is_running { keys_total } else { 0 },
            extra_bytes: if is_running { snapshots.extra_bytes } else { 0 },
            extra_bytes_peak: snapshots.extra_bytes_peak,
        }
    }

    /// How the last snapshot ended, once.
    pub fn take_snapshot_outcome(&mut self) -> Option<Outcome> {
        self.snapshots.outcome.take()
    }

    /// Gives up a snapshot under way; its file is gone when this returns. False: there
    /// was none.
    pub fn abort_snapshot(&mut self) -> bool {
        let was_waiting = self.snapshots.waiting.take().is_some();
        let Some(snapshot) = &mut self.snapshots.current else {
            return was_waiting;
        };
        let writer = snapshot.fail(&mut self.databases);
        let was_writing = writer.is_some();
        if let Some(writer) = writer {
            let latency = self.begin_latency();
            writer.abort();
            self.end_latency("rdb-unlink-temp-file", latency);
        }
        self.free_garbage();
        was_writing || was_waiting
    }

    /// FLUSHALL: nothing is left that would be worth saving.
    pub(super) fn flushing_all(&mut self) {
        // That it is given up is no failure that writers would have to hear of.
        let survives = self
            .snapshots
            .current
            .as_ref()
            .is_some_and(Snapshot::survives_flush);
        if self.is_saving() && !survives {
            self.abort_snapshot();
        }
    }

    /// Frees a database that was emptied, unless a snapshot still wants it.
    pub(super) fn discard_database(&mut self, index: usize, old: Database) {
        let old = match &mut self.snapshots.current {
            Some(snapshot) => snapshot.adopt(index, old),
            None => Some(old),
        };
        if let Some(old) = old {
            self.freer.free(old);
        }
    }

    fn free_garbage(&mut self) {
        if let Some(snapshot) = &mut self.snapshots.current {
            for garbage in snapshot.take_garbage() {
                self.freer.free(garbage);
            }
        }
    }

    fn end_snapshot(&mut self, result: io::Result<u64>) {
        if result.is_ok() {
            self.dirty_since_save -= self.snapshots.dirty_at_start.min(self.dirty_since_save);
        }
        self.snapshots.outcome = Some(Outcome {
            result,
            started_ms: self.snapshots.started_ms,
            ended_ms: self.now_ms,
        });
    }

    /// Goes on with a snapshot for a while. Returns how long the event loop may sleep.
    pub(super) fn snapshot_slice(&mut self) -> Option<u64> {
        self.snapshots.current.as_ref()?;
        let budget = self.slice_budget();
        let began = Instant::now();
        let snapshot = self.snapshots.current.as_mut()?;
        let databases = &mut self.databases;
        // A bug must cost the file, not the server.
        let sliced = catch_unwind(AssertUnwindSafe(|| snapshot.slice(databases, budget)));
        let progress = sliced.unwrap_or_else(|_| {
            drop(snapshot.fail(databases));
            Progress::Ended(Err(io::Error::other("a bug ended the snapshot")))
        });
        if budget == LONGEST_SLICE && matches!(progress, Progress::Waiting) {
            // Too much is on its way: writers wait for the disk, with what is left of it.
            snapshot.wait_for_disk(budget.saturating_sub(began.elapsed()));
        }
        self.free_garbage();
        match progress {
            Progress::Working => Some(0),
            Progress::Waiting => Some(WAITING_SLEEP_MS),
            Progress::Ended(result) => {
                let has_failed = result.is_err();
                if !has_failed {
                    self.snapshots.current = None;
                }
                self.end_snapshot(result);
                has_failed.then_some(0)
            }
            Progress::Recoloured => {
                self.snapshots.current = None;
                if let Some(task) = self.snapshots.waiting.take() {
                    self.try_snapshot(&task);
                }
                Some(0)
            }
        }
    }

    /// The more memory a snapshot takes, the more time it gets.
    fn slice_budget(&mut self) -> Duration {
        let snapshots = &mut self.snapshots;
        let limit = EXTRA_BYTES_MIN.max(snapshots.used_at_start / 100 * EXTRA_PERCENT);
        // What is new since then may be new data, too, and not copies of old ones: a
        // little more time for the snapshot costs little.
        let extra = memory::used_bytes().saturating_sub(snapshots.used_at_start);
        snapshots.extra_bytes = extra;
        snapshots.extra_bytes_peak = snapshots.extra_bytes_peak.max(extra);
        match extra {
            _ if extra >= limit / 8 * 7 => LONGEST_SLICE,
            _ if extra >= limit / 2 => LONG_SLICE,
            _ => SLICE,
        }
    }

    /// Writes all databases while everybody waits. Returns the bytes of the file.
    pub fn save(&mut self, path: &Path, options: &Options) -> io::Result<u64> {
        let bytes = save::save(&self.databases, options, path)?;
        self.dirty_since_save = 0;
        Ok(bytes)
    }

    fn rdb_context(&self) -> Context<'_> {
        let limits = &self.settings.collections;
        Context {
            hashes: limits.of_hashes(&self.seed),
            sets: limits.of_sets(&self.seed),
            sorted_sets: limits.of_sorted_sets(&self.seed),
            lists: limits.of_lists(),
            now_ms: self.alive_ms(),
        }
    }

    fn load_options(&self) -> load::Options<'_> {
        load::Options {
            context: self.rdb_context(),
            checks_checksum: true,
            keeps_expired: false,
            replaces: false,
            clock: self.birth_clock(),
            counts_accesses: self.settings.counts_accesses,
        }
    }

    /// Loads a file; `take_libraries` gets its functions, and says what is wrong with them.
    /// After an error the data are as before, unless they were to stay: then what came
    /// before the error is among them.
    pub fn load_file(
        &mut self,
        path: &Path,
        checks_checksum: bool,
        before: Before,
        take_libraries: &mut TakeLibraries<'_>,
    ) -> rdb::Result<Report> {
        let file = File::open(path).map_err(Error::Io)?;
        self.abort_snapshot();
        // No entry may be left with another colour than the rest.
        self.finish_recolouring();
        let mut databases = if before == Before::Replaced {
            let fresh = || Database::new(self.seed.clone());
            self.databases.iter().map(|_| fresh()).collect()
        } else {
            std::mem::take(&mut self.databases)
        };
        let options = load::Options {
            checks_checksum,
            replaces: before == Before::Merged,
            ..self.load_options()
        };
        let mut loaded = load::load(&mut databases, file, options, &mut |_, _| {});
        if let Ok(report) = &loaded
            && let Err(reason) = take_libraries(self, &report.libraries)
        {
            let offset = report.bytes;
            loaded = Err(Error::Corrupt { offset, reason });
        }
        if before == Before::Replaced && loaded.is_err() {
            return loaded;
        }
        let old = std::mem::replace(&mut self.databases, databases);
        self.freer.free(old);
        if before == Before::Replaced {
            self.dirty_since_save = 0;
        }
        loaded
    }

    fn finish_recolouring(&mut self) {
        while self.snapshots.current.is_some() {
            self.snapshot_slice();
        }
    }

    /// DUMP: the value at `key` as bytes.
    pub fn dump(&mut self, key: &[u8], format: Format, compresses: bool) -> Option<Vec<u8>> {
        let entry = self.read(key, Access::Read)?;
        Some(dump::dump(entry, format, compresses))
    }

    /// RESTORE: gives `key` the value that a dump holds, whatever it had.
    pub fn restore(
        &mut self,
        key: &[u8],
        payload: &[u8],
        how: Restoring,
    ) -> Result<Restored, Failure> {
        let family = dump::judge(payload).ok_or(ErrorCode::WrongDump)?;
        let context = self.rdb_context();
        let value = dump::restore(payload, family, context).map_err(|error| match error {
            Error::Unsupported { reason, .. } => Failure::With(ErrorCode::UnsupportedDump, reason),
            Error::Io(_) | Error::Corrupt { .. } => ErrorCode::BadDump.into(),
        })?;
        if let Value::Skipped(what) = value {
            return Err(Failure::With(ErrorCode::UnsupportedDump, what));
        }
        let was_there = self.remove_quietly(key);
        let is_over = how.expires_at.is_some_and(|at| at <= self.now_ms);
        if is_over || matches!(value, Value::Expired) {
            if !was_there {
                return Ok(Restored::Nothing);
            }
            self.edited(class::GENERIC, "del", key);
            return Ok(Restored::Removed);
        }
        let expiry = how.expires_at.map_or(Expiry::None, Expiry::At);
        match value {
            Value::Collection(kind, mut made) => {
                self.put(key, NewValue::of_detached(kind, &mut made), expiry);
            }
            Value::String(bytes) => drop(self.put(key, NewValue::String(&bytes), expiry)),
            Value::Skipped(_) | Value::Expired => {}
        }
        let clock = clock_of(how.idle_seconds, how.frequency, self.load_options());
        if let Some(entry) = self.database().find(key) {
            entry.set_clock(clock);
        }
        self.edited(class::GENERIC, "restore", key);
        if !self.journal.is_read() || dump::is_known_to_all(payload) {
            return Ok(Restored::Made);
        }
        let database = self.run.database;
        let effects = effects_of(database, key, self.databases[database].find(key));
        self.run.propagation = Propagation::Instead(effects);
        Ok(Restored::Told)
    }

    /// Takes a key out without telling anybody; false if it is not there (any more).
    fn remove_quietly(&mut self, key: &[u8]) -> bool {
        if self.expire_if_due(key) {
            return false;
        }
        let removed = self.database().remove(key);
        let was_there = removed.is_some();
        if let Some(removed) = removed {
            self.discard(removed);
        }
        was_there
    }
}
