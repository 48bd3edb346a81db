//! A point-in-time copy of all databases, written in slices while commands go on.
//!
//!     colour of an entry = its table's    it is written, or younger than the snapshot
//!     another colour                      it is still to be written, as it is now
//!
//! Beginning turns the colour of every table, so that all entries are to be written, and
//! sets a guard: an entry about to change or go that is not written yet is written
//! first. So neither the order of the walk nor a table's growth matters. Databases are
//! known by what they hold: SWAPDB moves the part along, FLUSHDB hands its table over.
//!
//!     walk ──→ stream ──→ thread ──→ file
//!     guard ─→ ahead ──↗              between keys
//!
//! A large collection is cloned, O(1), and written from the clone over many slices;
//! meanwhile `ahead` grows and goes to the thread's side file.
//!
//! After a failure the walk goes on without writing, to give all entries one colour
//! again; only then can the next snapshot begin.

use std::any::Any;
use std::collections::VecDeque;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::keys::{Body, Keeper, Keys};
use super::save::{Options, write_database};
use super::write::Walk;
use super::writer::Writer;
use super::{Format, opcode};
use crate::keyspace::Database;

/// Bytes that are gathered before the thread gets them.
const HAND_OVER_BYTES: usize = 64 << 10;
/// Bytes on their way to the file above which the walk waits for the disk.
const PENDING_BYTES_MAX: usize = 8 << 20;
/// … while others ask. What has gathered, the thread works off without a pause; where it
/// shares the engine's core, they wait for that.
const BUSY_PENDING_BYTES_MAX: usize = 2 * HAND_OVER_BYTES;
/// Keys of a step of the walk, if they are small …
const STEP_KEYS: usize = 16;
/// … for this is what a step should write at most: then somebody looks at the time.
const STEP_BYTES: usize = 16 << 10;

/// What to write, and where.
#[derive(Debug, Clone)]
pub struct Task {
    pub path: PathBuf,
    pub options: Options,
    /// FLUSHALL hands its tables over instead of ending it.
    pub survives_flush: bool,
    /// Time between two keys, for tests.
    pub key_delay: Duration,
}

/// A database that is not written to its end yet.
struct Part {
    number: usize,
    place: Place,
    /// None: not begun.
    cursor: Option<u64>,
    keys: usize,
    volatile: usize,
}

enum Place {
    /// The engine's database of this index.
    Index(usize),
    /// One that FLUSHDB took out.
    Owned(Box<Database>),
}

/// How a slice ended.
#[derive(Debug)]
pub enum Progress {
    /// There is more to do.
    Working,
    /// The disk has to catch up.
    Waiting,
    /// It is over: bytes of the file, or why there is none.
    Ended(io::Result<u64>),
    /// All entries have one colour again, after a failure.
    Recoloured,
}

/// See the head of this file.
pub struct Snapshot {
    parts: VecDeque<Part>,
    stream: Keys,
    ahead: Arc<Mutex<Keys>>,
    /// None: it failed, and only colours are still to be changed.
    writer: Option<Writer>,
    walk: Option<Walk>,
    /// Bytes of `ahead` are in the thread's side file.
    has_side: bool,
    is_finishing: bool,
    survives_flush: bool,
    key_delay: Duration,
    next_key: Instant,
    step_keys: usize,
    keys_total: u64,
    garbage: Vec<Box<dyn Any + Send>>,
}

impl Snapshot {
    /// Begins: what the databases hold now is what the file will hold. All entries of a
    /// database must have its colour.
    pub fn start(databases: &mut [Database], task: &Task) -> io::Result<Snapshot> {
        let writer = Writer::start(&task.path, &task.options)?;
        let mut stream = Keys::new(&task.options);
        task.options.header.write(&mut stream.output);
        let ahead = Arc::new(Mutex::new(Keys::new(&task.options)));
        let mut parts = VecDeque::new();
        let mut keys_total = 0;
        for (number, database) in databases.iter_mut().enumerate() {
            if database.is_empty() {
                continue;
            }
            database.set_colour(!database.colour());
            let ahead = Arc::clone(&ahead);
            database.set_guard(Some(Box::new(Keeper { ahead, number })));
            keys_total += database.len() as u64;
            parts.push_back(Part {
                number,
                place: Place::Index(number),
                cursor: None,
                keys: database.len(),
                volatile: database.volatile_len(),
            });
        }
        Ok(Snapshot {
            parts,
            stream,
            ahead,
            writer: Some(writer),
            walk: None,
            has_side: false,
            is_finishing: false,
            survives_flush: task.survives_flush,
            key_delay: task.key_delay,
            next_key: Instant::now(),
            step_keys: STEP_KEYS,
            keys_total,
            garbage: Vec::new(),
        })
    }

    /// Keys written and keys in all.
    pub fn keys(&self) -> (u64, u64) {
        (self.stream.count + self.ahead.lock().count, self.keys_total)
    }

    /// False: it failed, and nothing is being written any more.
    pub fn is_writing(&self) -> bool {
        self.writer.is_some()
    }

    pub fn survives_flush(&self) -> bool {
        self.survives_flush
    }

    /// Which files it writes.
    pub fn format(&self) -> Format {
        self.stream.output.format
    }

    /// Bytes of memory that are on their way to the file.
    pub fn pending_bytes(&self) -> usize {
        let pending = self.writer.as_ref().map_or(0, Writer::pending_bytes);
        pending + self.stream.output.bytes.len() + self.ahead.lock().output.bytes.len()
    }

    /// Waits for the disk, but not for long.
    pub fn wait_for_disk(&self, at_most: Duration) {
        if let Some(writer) = &self.writer {
            writer.wait_below(PENDING_BYTES_MAX, at_most);
        }
    }

    /// Waits until the thread has done something, but not for long.
    #[cfg(test)]
    pub fn wait_for_result(&self, at_most: Duration) {
        if let Some(writer) = &self.writer {
            writer.wait_below(0, at_most);
        }
    }

    /// A single step, whatever the time.
    #[cfg(test)]
    pub fn step_for_test(&mut self, databases: &mut [Database]) {
        if !self.is_finishing {
            self.step(databases);
            self.hand_over();
        }
    }

    /// True while a large key is being written.
    #[cfg(test)]
    pub fn is_within_a_key(&self) -> bool {
        self.walk.is_some()
    }

    /// What is to be freed, wherever there is time.
    pub fn take_garbage(&mut self) -> Vec<Box<dyn Any + Send>> {
        std::mem::take(&mut self.garbage)
    }

    /// SWAPDB: each part goes with its keys.
    pub fn swap(&mut self, one: usize, other: usize) {
        for part in &mut self.parts {
            if let Place::Index(index) = &mut part.place {
                *index = match *index {
                    at if at == one => other,
                    at if at == other => one,
                    at => at,
                };
            }
        }
    }

    /// FLUSHDB: takes over what the database at `index` held; gives it back if it is no
    /// longer needed.
    pub fn adopt(&mut self, index: usize, old: Database) -> Option<Database> {
        let at = self
            .parts
            .iter()
            .position(|part| matches!(part.place, Place::Index(here) if here == index));
        let Some(at) = at else {
            return Some(old);
        };
        if self.writer.is_none() {
            self.parts.remove(at);
            return Some(old);
        }
        self.parts[at].place = Place::Owned(Box::new(old));
        None
    }

    /// Writes for about `budget`; less, if others ask (`is_busy`) and the thread is behind.
    pub fn slice(
        &mut self,
        databases: &mut [Database],
        budget: Duration,
        is_busy: bool,
    ) -> Progress {
        if let Some(writer) = &self.writer
            && let Some(result) = writer.take_result()
        {
            if result.is_err() {
                self.fail(databases);
            }
            return Progress::Ended(result);
        }
        if self.is_finishing {
            return Progress::Waiting;
        }
        let until = Instant::now() + budget;
        let pending_max = if is_busy {
            BUSY_PENDING_BYTES_MAX
        } else {
            PENDING_BYTES_MAX
        };
        loop {
            let is_full = |writer: &Writer| writer.pending_bytes() >= pending_max;
            if self.writer.as_ref().is_some_and(is_full) {
                return Progress::Waiting;
            }
            let now = Instant::now();
            if now >= until {
                return Progress::Working;
            }
            if !self.key_delay.is_zero() && self.writer.is_some() {
                if now < self.next_key {
                    return Progress::Waiting;
                }
                self.next_key = now + self.key_delay;
            }
            if !self.step(databases) {
                if self.writer.is_none() {
                    return Progress::Recoloured;
                }
                self.finish();
                return Progress::Waiting;
            }
            self.hand_over();
        }
    }

    /// One small piece of work. False: there is none left.
    fn step(&mut self, databases: &mut [Database]) -> bool {
        if let Some(walk) = &mut self.walk {
            if !walk.step(&mut self.stream.output)
                && let Some(walk) = self.walk.take()
            {
                self.garbage.push(Box::new(walk.into_object()));
            }
            return true;
        }
        if self.join_ahead() {
            return true;
        }
        let waiting = self.ahead.lock().large.pop_front();
        if let Some(large) = waiting.or_else(|| self.stream.large.pop_front()) {
            self.stream.select(large.number);
            self.stream.output.bytes.extend_from_slice(&large.head);
            match (large.body, &self.writer) {
                (Body::Collection(walk), _) => self.walk = Some(*walk),
                (Body::Text(text), Some(writer)) => {
                    writer.main(std::mem::take(&mut self.stream.output.bytes));
                    writer.text(text);
                }
                (Body::Text(_), None) => {}
            }
            return true;
        }
        self.walk_on(databases)
    }

    /// Appends what was written ahead. False: there is nothing.
    fn join_ahead(&mut self) -> bool {
        let mut ahead = self.ahead.lock();
        if ahead.output.bytes.is_empty() && !self.has_side {
            return false;
        }
        // Each of the two begins with selecting its database.
        (ahead.selected, self.stream.selected) = (None, None);
        let bytes = std::mem::take(&mut ahead.output.bytes);
        if !self.has_side {
            self.stream.output.bytes.extend_from_slice(&bytes);
        } else if let Some(writer) = &self.writer {
            writer.main(std::mem::take(&mut self.stream.output.bytes));
            writer.side(bytes);
            writer.join();
            self.has_side = false;
        }
        true
    }

    /// Visits the next keys of the walk. False: all were visited.
    fn walk_on(&mut self, databases: &mut [Database]) -> bool {
        let Some(part) = self.parts.front_mut() else {
            return false;
        };
        let database: &Database = match &part.place {
            Place::Index(index) => &databases[*index],
            Place::Owned(database) => database,
        };
        let is_writing = self.writer.is_some();
        if part.cursor.is_none() && is_writing {
            write_database(
                &mut self.stream.output,
                part.number,
                part.keys,
                part.volatile,
            );
            self.stream.selected = Some(part.number);
        }
        let colour = database.colour();
        let keys = if self.key_delay.is_zero() {
            self.step_keys
        } else {
            1
        };
        let bytes_before = self.stream.output.bytes.len();
        let cursor = database.scan(part.cursor.unwrap_or(0), keys, &mut |entry| {
            if entry.colour() != colour {
                if is_writing {
                    self.stream.take(part.number, entry);
                }
                entry.set_colour(colour);
            }
        });
        part.cursor = Some(cursor);
        let written = self.stream.output.bytes.len() - bytes_before;
        self.step_keys = if written > STEP_BYTES {
            (keys / 2).max(1)
        } else {
            (keys * 2).min(STEP_KEYS)
        };
        if cursor == 0
            && let Some(part) = self.parts.pop_front()
        {
            match part.place {
                Place::Index(index) => databases[index].set_guard(None),
                Place::Owned(database) => self.garbage.push(database),
            }
        }
        true
    }

    /// Gives the thread what has been gathered.
    fn hand_over(&mut self) {
        let Some(writer) = &self.writer else {
            self.stream.output.bytes.clear();
            return;
        };
        if self.stream.output.bytes.len() >= HAND_OVER_BYTES {
            writer.main(std::mem::take(&mut self.stream.output.bytes));
        }
        let mut ahead = self.ahead.lock();
        if ahead.output.bytes.len() >= HAND_OVER_BYTES && self.walk.is_some() {
            self.has_side = true;
            writer.side(std::mem::take(&mut ahead.output.bytes));
        }
    }

    fn finish(&mut self) {
        self.is_finishing = true;
        self.stream.output.byte(opcode::END);
        if let Some(writer) = &self.writer {
            writer.main(std::mem::take(&mut self.stream.output.bytes));
            writer.finish();
        }
    }

    /// Gives up: there will be no file. The entries' colours remain to be put right.
    pub fn fail(&mut self, databases: &mut [Database]) -> Option<Writer> {
        let writer = self.writer.take();
        self.is_finishing = false;
        self.stream.large.clear();
        self.stream.output.bytes = Vec::new();
        let mut ahead = self.ahead.lock();
        ahead.large.clear();
        ahead.output.bytes = Vec::new();
        self.garbage.extend(
            self.walk
                .take()
                .map(|walk| Box::new(walk.into_object()) as Box<dyn Any + Send>),
        );
        let (kept, owned): (VecDeque<Part>, VecDeque<Part>) = std::mem::take(&mut self.parts)
            .into_iter()
            .partition(|part| matches!(part.place, Place::Index(_)));
        self.parts = kept;
        for part in owned {
            if let Place::Owned(database) = part.place {
                self.garbage.push(database);
            }
        }
        for part in &self.parts {
            if let Place::Index(index) = part.place {
                databases[index].set_guard(None);
            }
        }
        writer
    }
}
