//! Saving in the background, as the engine sees it: a snapshot gets slices of the time
//! behind the replies of a turn, so that it delays who asks next, but nobody who asked.
//!
//!     nobody asks          200 µs a turn
//!     somebody does        a quarter of what the turn took, 25 µs at least
//!     memory has grown     1 ms; 2 ms, with what is waited for the disk, near the limit

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use super::engine::Engine;
use crate::keyspace::Database;
use crate::memory;
use crate::rdb::Format;
use crate::rdb::save::{Header, Options};
use crate::rdb::snapshot::{Progress, Snapshot, Task};
use crate::rdb::write::Clocks;

/// A slice while nobody asks for anything, and at most while somebody does.
const SLICE: Duration = Duration::from_micros(200);
/// A slice while somebody does, at least …
const BUSY_SLICE: Duration = Duration::from_micros(25);
/// … or this part of the time since the last one.
const BUSY_PART: u32 = 4;
/// Who has not asked for so long is not expected to ask at once.
const QUIET: Duration = Duration::from_millis(2);
/// Slices when memory grows meanwhile, and when it has grown too much; then it is also
/// the time to wait for the disk. Others wait that long for their turn.
const LONG_SLICE: Duration = Duration::from_millis(1);
const LONGEST_SLICE: Duration = Duration::from_millis(2);
/// Memory that a snapshot may take, at least.
const EXTRA_BYTES_MIN: usize = 64 << 20;
/// … or this part of the data.
const EXTRA_PERCENT: usize = 5;
/// So long the event loop sleeps while the disk has to catch up.
const WAITING_SLEEP: Duration = Duration::from_millis(1);

/// How a snapshot ended.
#[derive(Debug)]
pub enum End {
    /// With a file of so many bytes.
    Written(u64),
    Failed(io::Error),
    /// Somebody wanted no file any more.
    GivenUp,
}

/// That a snapshot ended.
#[derive(Debug)]
pub struct Outcome {
    pub end: End,
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
    /// Changes before it began, which are saved when it is done; none, if its file is an
    /// append-only file's base.
    dirty_at_start: u64,
    used_at_start: usize,
    /// The most memory that it took, about.
    extra_bytes: usize,
    extra_bytes_peak: usize,
    pace: Pace,
}

/// How much others have to do.
#[derive(Debug, Default)]
struct Pace {
    /// Commands when it was last looked at.
    commands: u64,
    /// When there was last a new one.
    asked_at: Option<Instant>,
    /// When the last slice ended.
    sliced_at: Option<Instant>,
}

impl Pace {
    /// How long the next slice may be, and whether somebody asks.
    fn slice(&mut self, commands: u64, now: Instant) -> (Duration, bool) {
        if commands != self.commands {
            (self.commands, self.asked_at) = (commands, Some(now));
        }
        let is_quiet = self
            .asked_at
            .is_none_or(|at| now.saturating_duration_since(at) > QUIET);
        if is_quiet {
            return (SLICE, false);
        }
        let turn = self
            .sliced_at
            .map_or(Duration::ZERO, |at| now.saturating_duration_since(at));
        ((turn / BUSY_PART).clamp(BUSY_SLICE, SLICE), true)
    }
}

impl Snapshots {
    /// SWAPDB.
    pub(super) fn swapped(&mut self, one: usize, other: usize) {
        if let Some(snapshot) = &mut self.current {
            snapshot.swap(one, other);
        }
    }
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
            self.end_snapshot(End::Failed(error));
        }
    }

    fn begin_snapshot(&mut self, task: &Task) -> io::Result<()> {
        let snapshot = Snapshot::start(&mut self.databases, task)?;
        let snapshots = &mut self.snapshots;
        snapshots.current = Some(snapshot);
        snapshots.dirty_at_start = if task.options.header.is_aof_base {
            0
        } else {
            self.dirty_since_save
        };
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

    /// Gives up a snapshot under way, and tells so in an outcome; no file of it has a name
    /// when this returns. False: there was none.
    pub fn abort_snapshot(&mut self) -> bool {
        let was_waiting = self.snapshots.waiting.take().is_some();
        let writer = match &mut self.snapshots.current {
            Some(snapshot) => snapshot.fail(&mut self.databases),
            None => None,
        };
        let was_writing = writer.is_some();
        if let Some(writer) = writer {
            let latency = self.begin_latency();
            writer.abort();
            self.end_latency("rdb-unlink-temp-file", latency);
        }
        self.free_garbage();
        if was_writing || was_waiting {
            self.end_snapshot(End::GivenUp);
        }
        was_writing || was_waiting
    }

    /// FLUSHALL: nothing is left that would be worth saving.
    pub(super) fn flushing_all(&mut self) {
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

    fn end_snapshot(&mut self, end: End) {
        if matches!(end, End::Written(_)) {
            self.dirty_since_save -= self.snapshots.dirty_at_start.min(self.dirty_since_save);
        }
        self.snapshots.outcome = Some(Outcome {
            end,
            started_ms: self.snapshots.started_ms,
            ended_ms: self.now_ms,
        });
    }

    /// Goes on with a snapshot for a while. Returns how long the event loop may sleep;
    /// None: there is no snapshot.
    pub(super) fn snapshot_slice(&mut self) -> Option<Duration> {
        self.snapshots.current.as_ref()?;
        let began = Instant::now();
        let (budget, is_busy) = self.slice_budget(began);
        let snapshot = self.snapshots.current.as_mut()?;
        let databases = &mut self.databases;
        // A bug must cost the file, not the server.
        let sliced = catch_unwind(AssertUnwindSafe(|| {
            snapshot.slice(databases, budget, is_busy)
        }));
        let progress = sliced.unwrap_or_else(|_| {
            drop(snapshot.fail(databases));
            Progress::Ended(Err(io::Error::other("a bug ended the snapshot")))
        });
        if budget == LONGEST_SLICE && matches!(progress, Progress::Waiting) {
            // Too much is on its way: writers wait for the disk, with what is left of it.
            snapshot.wait_for_disk(budget.saturating_sub(began.elapsed()));
        }
        self.free_garbage();
        self.snapshots.pace.sliced_at = Some(Instant::now());
        match progress {
            Progress::Working => Some(Duration::ZERO),
            Progress::Waiting => Some(WAITING_SLEEP),
            Progress::Ended(Ok(bytes)) => {
                self.snapshots.current = None;
                self.end_snapshot(End::Written(bytes));
                None
            }
            Progress::Ended(Err(error)) => {
                self.end_snapshot(End::Failed(error));
                Some(Duration::ZERO)
            }
            Progress::Recoloured => {
                self.snapshots.current = None;
                if let Some(task) = self.snapshots.waiting.take() {
                    self.try_snapshot(&task);
                }
                Some(Duration::ZERO)
            }
        }
    }

    /// The more memory a snapshot takes, the more time it gets. True: others come first.
    fn slice_budget(&mut self, now: Instant) -> (Duration, bool) {
        let commands = self.statistics.counters.commands;
        let snapshots = &mut self.snapshots;
        let limit = EXTRA_BYTES_MIN.max(snapshots.used_at_start / 100 * EXTRA_PERCENT);
        // What is new since then may be new data, too, and not copies of old ones: a
        // little more time for the snapshot costs little.
        let extra = memory::used_bytes().saturating_sub(snapshots.used_at_start);
        snapshots.extra_bytes = extra;
        snapshots.extra_bytes_peak = snapshots.extra_bytes_peak.max(extra);
        match extra {
            _ if extra >= limit / 8 * 7 => (LONGEST_SLICE, false),
            _ if extra >= limit / 2 => (LONG_SLICE, false),
            _ => snapshots.pace.slice(commands, now),
        }
    }

    /// Gives all entries one colour again after a snapshot was given up.
    pub(super) fn finish_recolouring(&mut self) {
        while self.snapshots.current.is_some() {
            self.snapshot_slice();
        }
    }
}
