//! One table of keys: looking up, setting, removing.
//!
//! Cost: each O(1). Methods with `hash` take what `hash(key)` gave, so that a caller
//! can compute it early, ask for the memory with `prefetch`, and look up later.

use super::edit::EntryMut;
use super::entry::{Entry, prefetch};
use super::layout::{DEADLINE_MAX, Encoding, head};
use super::segment::{CAPACITY_MAX, Segment};
use super::slot::Slot;
use super::values::{EMBSTR_BYTES_MAX, Expiry, NewValue, Removed, Replaced};
use crate::output::SHARED_BYTES_MIN;
use crate::seed::HashSeed;

/// Somebody who must see an entry once before it changes or goes: a snapshot that has
/// not come to it yet. Colours tell which those are: not the table's own.
pub trait Guard: Send {
    fn preserve(&mut self, entry: Entry<'_>);
}

/// The shape of the table, for DEBUG HTSTATS.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TableStats {
    pub keys: usize,
    pub volatile_keys: usize,
    pub directory_len: usize,
    pub segments: usize,
    pub slots: usize,
    /// How many segments have a load of 0–9 %, 10–19 % … 90–100 %.
    pub loads: [usize; 10],
    pub overhead_bytes: usize,
}

/// One table of keys.
///
/// Invariants (`check`): a segment of depth d stands in all directory entries that
/// begin with its d bits; fragments are those of the keys' hashes; `earliest` of a
/// segment is not after any of its deadlines.
pub struct Database {
    pub(super) seed: HashSeed,
    /// For each value of the first `depth` bits of a hash, the index of its segment.
    pub(super) directory: Vec<u32>,
    pub(super) depth: u32,
    pub(super) segments: Vec<Segment>,
    /// For each segment, a time that none of its deadlines is before.
    pub(super) earliest: Vec<i64>,
    /// None of `earliest` is before this.
    pub(super) earliest_of_all: i64,
    /// Indexes in `segments` that are not used.
    pub(super) free: Vec<u32>,
    /// How many segments there are of each depth.
    pub(super) depth_counts: [u32; 65],
    pub(super) len: usize,
    pub(super) volatile_len: usize,
    /// How many collections have members with deadlines.
    pub(super) timed_len: usize,
    /// The segment that `due` looks at next.
    pub(super) due_at: usize,
    pub(super) capacity_max: usize,
    clock: u32,
    touches: bool,
    colour: bool,
    guard: Option<Box<dyn Guard>>,
}

impl Database {
    /// An empty table. Allocates a few hundred bytes.
    pub fn new(seed: HashSeed) -> Database {
        Database::with_capacity_max(seed, CAPACITY_MAX)
    }

    /// A table whose segments split early, so that small tests cross every boundary.
    pub(super) fn with_capacity_max(seed: HashSeed, capacity_max: usize) -> Database {
        let mut depth_counts = [0; 65];
        depth_counts[0] = 1;
        Database {
            seed,
            directory: vec![0],
            depth: 0,
            segments: vec![Segment::new(0)],
            earliest: vec![i64::MAX],
            earliest_of_all: i64::MAX,
            free: Vec::new(),
            depth_counts,
            len: 0,
            volatile_len: 0,
            timed_len: 0,
            due_at: 0,
            capacity_max,
            clock: 0,
            touches: false,
            colour: false,
            guard: None,
        }
    }

    /// How many keys there are. O(1).
    #[inline]
    pub fn len(&self) -> usize {
        self.len
    }

    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// How many keys have a deadline. O(1).
    #[inline]
    pub fn volatile_len(&self) -> usize {
        self.volatile_len
    }

    /// How many collections have members (fields) with deadlines. O(1).
    #[inline]
    pub fn timed_len(&self) -> usize {
        self.timed_len
    }

    /// True if keys or members of collections have deadlines. O(1).
    #[inline]
    pub fn has_deadlines(&self) -> bool {
        self.volatile_len + self.timed_len > 0
    }

    /// True if members of some collection may be due. O(1).
    #[inline]
    pub fn may_have_due_members(&self, now: i64) -> bool {
        self.timed_len > 0 && self.earliest_of_all < now
    }

    /// The clock (24 bits) that new entries get, and with `touches` those, too, that
    /// are found for changing.
    pub fn set_clock(&mut self, clock: u32, touches: bool) {
        self.clock = clock & 0xff_ffff;
        self.touches = touches;
    }

    /// The snapshot colour that new entries get.
    pub fn colour(&self) -> bool {
        self.colour
    }

    pub fn set_colour(&mut self, colour: bool) {
        self.colour = colour;
    }

    /// Who sees entries of another colour than the table's before they change or go.
    pub fn set_guard(&mut self, guard: Option<Box<dyn Guard>>) {
        self.guard = guard;
    }

    /// Shows an entry to the guard, once.
    #[cold]
    fn preserve(&mut self, segment: usize, index: usize) {
        let entry = self.segments[segment].slots[index].full();
        if entry.colour() != self.colour
            && let Some(guard) = &mut self.guard
        {
            guard.preserve(entry);
            entry.set_colour(self.colour);
        }
    }

    /// Takes all keys out, leaving an empty table, without showing them to the guard,
    /// whom nothing in the empty one concerns. O(1); dropping the result is O(keys).
    pub fn take(&mut self) -> Database {
        let mut empty = Database::with_capacity_max(self.seed.clone(), self.capacity_max);
        (empty.clock, empty.touches) = (self.clock, self.touches);
        empty.colour = self.colour;
        self.guard = None;
        std::mem::replace(self, empty)
    }

    /// The hash that the methods ending in `_hashed` take.
    #[inline]
    pub fn hash(&self, key: &[u8]) -> u64 {
        self.seed.hash(key)
    }

    /// Asks the processor to fetch the segment for a hash, at which `prefetch` looks.
    #[inline]
    pub(super) fn prefetch_segment(&self, hash: u64) {
        prefetch(&self.segments[self.segment_of(hash)]);
    }

    /// Asks the processor to fetch the slots where a key of this hash would be.
    #[inline]
    pub fn prefetch(&self, hash: u64) {
        let segment = &self.segments[self.segment_of(hash)];
        if let Some(slot) = segment.slots.get(segment.home(segment.fragment_of(hash))) {
            prefetch(slot);
        }
    }

    /// Asks the processor to fetch the entry that a key of this hash most likely has;
    /// worth it some while after `prefetch`.
    #[inline]
    pub fn prefetch_entry(&self, hash: u64) {
        let segment = &self.segments[self.segment_of(hash)];
        segment.prefetch(segment.fragment_of(hash));
    }

    #[inline]
    pub(super) fn segment_of(&self, hash: u64) -> usize {
        // In two steps, because a shift by 64 is none.
        self.directory[(hash >> 1 >> (63 - self.depth)) as usize] as usize
    }

    /// The entry of `key`, its deadline passed or not.
    #[inline]
    pub fn find(&self, key: &[u8]) -> Option<Entry<'_>> {
        self.find_hashed(self.hash(key), key)
    }

    /// As `find`.
    #[inline]
    pub fn find_hashed(&self, hash: u64, key: &[u8]) -> Option<Entry<'_>> {
        let segment = &self.segments[self.segment_of(hash)];
        let index = segment.find(segment.fragment_of(hash), key)?;
        segment.slots[index].entry()
    }

    /// The entry of `key` for changing it.
    #[inline]
    pub fn find_mut(&mut self, key: &[u8]) -> Option<EntryMut<'_>> {
        self.find_mut_hashed(self.hash(key), key)
    }

    /// As `find_mut`.
    #[inline]
    pub fn find_mut_hashed(&mut self, hash: u64, key: &[u8]) -> Option<EntryMut<'_>> {
        let (segment, index) = self.locate(hash, key)?;
        if self.guard.is_some() {
            self.preserve(segment, index);
        }
        if self.touches {
            self.segments[segment].slots[index]
                .full()
                .set_clock(self.clock);
        }
        Some(EntryMut::new(self, segment, index))
    }

    #[inline]
    fn locate(&self, hash: u64, key: &[u8]) -> Option<(usize, usize)> {
        let at = self.segment_of(hash);
        let segment = &self.segments[at];
        Some((at, segment.find(segment.fragment_of(hash), key)?))
    }

    /// Gives `key` a value, whatever it had before. A small value overwrites a small
    /// one in place.
    pub fn set(&mut self, key: &[u8], value: NewValue<'_>, expiry: Expiry) -> Replaced {
        self.set_hashed(self.hash(key), key, value, expiry)
    }

    /// As `set`.
    pub fn set_hashed(
        &mut self,
        hash: u64,
        key: &[u8],
        value: NewValue<'_>,
        expiry: Expiry,
    ) -> Replaced {
        if let Some(mut entry) = self.find_mut_hashed(hash, key) {
            return entry.replace(value, expiry);
        }
        let deadline = match expiry {
            Expiry::At(deadline) => Some(deadline.clamp(0, DEADLINE_MAX)),
            Expiry::Keep | Expiry::None => None,
        };
        let slot = self.make_entry(key, value, deadline);
        self.insert_new(hash, slot);
        Replaced::Nothing
    }

    /// Writes a string over one that is stored in as many bytes and has no deadline, as
    /// `set_hashed` would, but faster. False: nothing was done. O(1).
    #[inline]
    pub fn overwrite_string(&mut self, hash: u64, key: &[u8], value: &[u8]) -> bool {
        if self.guard.is_some() || value.len() >= SHARED_BYTES_MIN {
            return false;
        }
        let Some((segment, index)) = self.locate(hash, key) else {
            return false;
        };
        let (clock, slot) = (self.clock, &mut self.segments[segment].slots[index]);
        let may_be_number = value
            .first()
            .is_none_or(|byte| matches!(byte, b'-' | b'0'..=b'9'));
        if value.len() <= EMBSTR_BYTES_MAX && !may_be_number {
            // What most values are, without looking further.
            return slot.overwrite_string(Encoding::Embstr, value, clock);
        }
        NewValue::String(value)
            .with_payload(|_, encoding, payload| slot.overwrite_string(encoding, payload, clock))
    }

    /// An entry with the present clock and colour.
    pub(super) fn make_entry(
        &self,
        key: &[u8],
        value: NewValue<'_>,
        deadline: Option<i64>,
    ) -> Slot {
        value.with_payload(|kind, encoding, payload| {
            let head = head(kind, encoding, self.colour, self.clock);
            Slot::create(head, deadline, key, payload)
        })
    }

    /// Takes `key` out.
    pub fn remove(&mut self, key: &[u8]) -> Option<Removed> {
        self.remove_hashed(self.hash(key), key)
    }

    /// As `remove`.
    pub fn remove_hashed(&mut self, hash: u64, key: &[u8]) -> Option<Removed> {
        let (at, index) = self.locate(hash, key)?;
        if self.guard.is_some() {
            self.preserve(at, index);
        }
        let segment = &mut self.segments[at];
        let slot = segment.remove(index);
        self.len -= 1;
        self.volatile_len -= usize::from(slot.full().expires_at().is_some());
        self.timed_len -= usize::from(slot.full().members_due_at().is_some());
        if segment.codes.len == 0 {
            self.earliest[at] = i64::MAX;
        }
        self.shrink_if_sparse(hash, at);
        Some(Removed(slot))
    }

    /// Puts a removed value under `key`, with the deadline and clock that it had. The
    /// value is not copied. What stood at `key` before comes back.
    pub fn insert_removed(&mut self, key: &[u8], removed: Removed) -> Option<Removed> {
        let hash = self.hash(key);
        let old = self.remove_hashed(hash, key);
        let mut slot = removed.0;
        if slot.full().key() != key {
            let deadline = slot.full().expires_at();
            slot.rebuild(Some(key), deadline);
        }
        slot.full().set_colour(self.colour);
        self.insert_new(hash, slot);
        old
    }

    /// Notes that a segment has a deadline of `deadline`.
    pub(super) fn note_deadline(&mut self, segment: usize, deadline: i64) {
        self.earliest[segment] = self.earliest[segment].min(deadline);
        self.earliest_of_all = self.earliest_of_all.min(deadline);
    }

    /// Bytes of memory of the table without its entries. O(segments).
    pub fn overhead_bytes(&self) -> usize {
        let arrays: usize = self
            .segments
            .iter()
            .map(|segment| size_of_val(&*segment.slots) + segment.codes.memory_bytes())
            .sum();
        arrays
            + self.segments.capacity() * size_of::<Segment>()
            + self.earliest.capacity() * size_of::<i64>()
            + (self.directory.capacity() + self.free.capacity()) * size_of::<u32>()
    }

    /// The shape of the table. O(segments).
    pub fn stats(&self) -> TableStats {
        let mut stats = TableStats {
            keys: self.len,
            volatile_keys: self.volatile_len,
            directory_len: self.directory.len(),
            overhead_bytes: self.overhead_bytes(),
            ..TableStats::default()
        };
        for segment in self.segments_in_order() {
            stats.segments += 1;
            stats.slots += segment.capacity();
            let load = segment.len as usize * 10 / segment.capacity().max(1);
            stats.loads[load.min(9)] += 1;
        }
        stats
    }
}
