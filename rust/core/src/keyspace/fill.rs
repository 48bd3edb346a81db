//! Many new keys at once: room made in advance, and tables touched a batch at a time.
//!
//!     add ──→ batch of entries ──→ flush ──→ table
//!       └ asks for the segments' memory, then for their slots'
//!
//! A key of a table of millions misses the processor's caches; here the misses of a
//! batch overlap. `reserve` splits the empty table as far as its keys will, so that no
//! key is hashed again.
//!
//! Cost: add O(bytes), amortised; reserve and `trim_reserve` O(segments).

use super::database::Database;
use super::layout::DEADLINE_MAX;
use super::segment::{Segment, capacity_for, len_max};
use super::slot::Slot;
use super::values::{Expiry, NewValue};

/// Entries in a batch: more than the processor can wait for at once, and few enough
/// that what it fetched is still there.
const BATCH: usize = 32;
/// So many keys later a segment is at hand, and its slots are asked for.
const AHEAD: usize = 8;

/// Room for 200 milliards of keys.
const RESERVED_DEPTH_MAX: usize = 28;

/// A key was there already: the one that was the `nth` of those added since the last
/// flush, from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Twice {
    pub nth: usize,
}

/// New keys on their way into one table. What is dropped before `flush` is not in it.
#[derive(Default)]
pub struct Batch {
    entries: Vec<(u64, Slot)>,
}

impl Batch {
    /// Adds a key that must not be there yet. It may be looked for only after `flush`.
    #[inline]
    pub fn add(&mut self, database: &Database, key: &[u8], value: NewValue<'_>, expiry: Expiry) {
        let deadline = match expiry {
            Expiry::At(deadline) => Some(deadline.clamp(0, DEADLINE_MAX)),
            Expiry::Keep | Expiry::None => None,
        };
        let hash = database.hash(key);
        database.prefetch_segment(hash);
        self.entries
            .push((hash, database.make_entry(key, value, deadline)));
        if let Some(at) = self.entries.len().checked_sub(AHEAD) {
            database.prefetch(self.entries[at].0);
        }
    }

    /// True when it is time to flush.
    #[inline]
    pub fn is_full(&self) -> bool {
        self.entries.len() >= BATCH
    }

    /// Puts the keys into the table that they were added for. After an error those
    /// before the one told are in it, and no others.
    pub fn flush(&mut self, database: &mut Database) -> Result<(), Twice> {
        let last = self.entries.len().saturating_sub(AHEAD - 1);
        for (hash, _) in &self.entries[last..] {
            database.prefetch(*hash);
        }
        for (nth, (hash, slot)) in self.entries.drain(..).enumerate() {
            if database.find_hashed(hash, slot.full().key()).is_some() {
                return Err(Twice { nth });
            }
            database.insert_new(hash, slot);
        }
        Ok(())
    }
}

impl Database {
    /// Makes room for `keys` in an empty table, as far as `bytes_max` reach; gives how
    /// many it took. Whoever does not fill it calls `trim_reserve`.
    pub fn reserve(&mut self, keys: usize, bytes_max: usize) -> usize {
        if !self.is_empty() || self.depth > 0 {
            return 0;
        }
        let len_max = len_max(self.capacity_max);
        // A segment that is to hold less on average hardly ever becomes full.
        let mean_max = len_max * 7 / 8;
        let mut depth = 0_usize;
        while keys >> depth > mean_max && depth < RESERVED_DEPTH_MAX {
            depth += 1;
        }
        let (capacity, bytes) = loop {
            let capacity = capacity_for((keys >> depth).clamp(1, len_max));
            let per_segment = size_of::<Segment>() + size_of::<i64>() + size_of::<u32>();
            let bytes = (capacity * size_of::<Slot>() + per_segment) << depth;
            if bytes <= bytes_max {
                break (capacity, bytes);
            }
            if depth == 0 {
                return 0;
            }
            depth -= 1;
        };
        let count = 1_usize << depth;
        self.depth_counts[0] = 0;
        self.depth_counts[depth] = count as u32;
        self.depth = depth as u32;
        self.directory = (0..count as u32).collect();
        self.earliest = vec![i64::MAX; count];
        self.segments = Vec::with_capacity(count);
        let segment = || Segment::with_capacity(depth as u8, capacity);
        self.segments.resize_with(count, segment);
        self.free = Vec::new();
        bytes
    }

    /// Gives back what was reserved and not used.
    pub fn trim_reserve(&mut self) {
        let mut hash = 0_u64;
        loop {
            let at = self.segment_of(hash);
            self.shrink_if_sparse(hash, at);
            let depth = u32::from(self.segments[self.segment_of(hash)].depth);
            if depth == 0 {
                break;
            }
            let span = 1_u64 << (64 - depth);
            match (hash & !(span - 1)).checked_add(span) {
                Some(next) => hash = next,
                None => break,
            }
        }
        if self.free.len() * 2 > self.segments.len() {
            self.renumber();
        }
    }

    /// Moves the segments together, in the order of their hashes.
    fn renumber(&mut self) {
        let count = self.segments.len() - self.free.len();
        let mut segments = Vec::with_capacity(count);
        let mut earliest = Vec::with_capacity(count);
        let mut at = 0;
        while at < self.directory.len() {
            let old = self.directory[at] as usize;
            let segment = std::mem::replace(&mut self.segments[old], Segment::new(0));
            let span = 1 << (self.depth - u32::from(segment.depth));
            self.directory[at..at + span].fill(segments.len() as u32);
            segments.push(segment);
            earliest.push(self.earliest[old]);
            at += span;
        }
        (self.segments, self.earliest) = (segments, earliest);
        (self.free, self.due_at) = (Vec::new(), 0);
    }
}
