//! The large form of hashes and sets: records in pages, pages in hash order.
//!
//!     hash   | directory bits | 16-bit tag | rest |
//!
//!     chunks     [ 128 slots ] [ 128 slots ] …          shared by clones until written
//!     slots      a . . . b . c d                        depth 3: a has depth 1, b 2, c 3
//!     page a     tags in order, records                 see `page`
//!
//! A page of depth d belongs to all slots that begin with its d bits and stands in
//! the first of them; the others are empty. So each chunk and each page has one owner,
//! or as many as there are clones, and a clone is a point-in-time copy that costs one
//! counter for each chunk.
//!
//! Invariants (`check`): as above; tags are those of the keys' hashes; the counts
//! count what is there; no deadline is before `Timed::earliest`.
//! Cost: get, set and remove O(1), about one line of memory each for slot and record;
//! at most one page is split, merged or copied in a step, apart from halving the
//! directory (16 bytes for about 100 records); doubling it costs its chunks (`chunk`).
//! `growth` is how pages split and merge, `walk` how records are visited, `merge` how
//! those of two tables.

mod chunk;
mod growth;
mod merge;
mod page;
mod page_record;
mod walk;

pub use self::walk::PagedRecords;

use smallvec::SmallVec;

use self::chunk::{CHUNK_BITS, CHUNK_LEN, Chunk, Slot};
use self::page::{Format, HEAD_BYTES, Page};
use self::page_record::{Draft, INLINE_LIMIT, Stored, outside_bytes_of};
use super::packed::Element;
use super::record::{Deadline, Record};
use crate::seed::HashSeed;

/// With its head a page of this capacity takes 4096 bytes.
const CAPACITY_MAX: usize = 4096 - HEAD_BYTES;
/// The capacity of the first page.
const CAPACITY_MIN: usize = 64 - HEAD_BYTES;

// A large hash of one page should not cost much more than the page.
const _: () = assert!(size_of::<PagedTable>() <= 120);

/// What is known of the deadlines, if there are any.
#[derive(Debug, Clone)]
struct Timed {
    /// How many records have one.
    pub len: usize,
    /// None is before.
    pub earliest: i64,
    /// The slot that `remove_due` looks at next.
    pub at: usize,
    /// None in the slots it has looked at in this round is before.
    pub round_earliest: i64,
}

/// See the head of this file.
#[derive(Clone)]
pub struct PagedTable {
    seed: HashSeed,
    chunks: SmallVec<[Chunk; 1]>,
    timed: Option<Box<Timed>>,
    len: usize,
    page_bytes: usize,
    outside_bytes: usize,
    pages: u32,
    /// How many pages have the depth of the directory.
    deepest: u32,
    /// No page has more records.
    count_max: u16,
    capacity_max: u16,
    depth: u8,
    values: bool,
}

impl PagedTable {
    /// An empty table; with `values` for a hash, without for a set.
    pub fn new(seed: HashSeed, values: bool) -> PagedTable {
        PagedTable::with_capacity_max(seed, values, CAPACITY_MAX)
    }

    /// A table of small pages, so that small tests cross every boundary.
    fn with_capacity_max(seed: HashSeed, values: bool, capacity: usize) -> PagedTable {
        let page = Page::empty(CAPACITY_MIN, 0);
        PagedTable {
            seed,
            timed: None,
            len: 0,
            page_bytes: page.memory_bytes(),
            outside_bytes: 0,
            pages: 1,
            deepest: 1,
            count_max: 0,
            capacity_max: capacity as u16,
            depth: 0,
            values,
            chunks: SmallVec::from_elem(Chunk::from(vec![Some(page)]), 1),
        }
    }

    #[inline]
    fn format(&self) -> Format {
        Format {
            values: self.values,
            // Eight records at least in a full page, so that they spread evenly.
            inline_max: (usize::from(self.capacity_max) / 8).min(INLINE_LIMIT),
        }
    }

    /// How many records there are. O(1).
    #[inline]
    pub fn len(&self) -> usize {
        self.len
    }

    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// How many records have a deadline. O(1).
    pub fn timed_len(&self) -> usize {
        self.timed.as_ref().map_or(0, |timed| timed.len)
    }

    /// A time that no deadline is before; None without deadlines. O(1), a lower bound
    /// that `remove_due` sharpens.
    pub fn next_deadline(&self) -> Option<i64> {
        self.timed.as_ref().map(|timed| timed.earliest)
    }

    /// The seed of the hashes, which clones and copies should have, too.
    pub fn seed(&self) -> &HashSeed {
        &self.seed
    }

    /// Bytes of memory, the table itself included; what clones share counts for each. O(1).
    pub fn memory_bytes(&self) -> usize {
        let slots = size_of::<Slot>() << self.depth;
        size_of::<PagedTable>() + slots + self.page_bytes + self.outside_bytes
    }

    /// How many pages there are: what dropping the table frees, about. O(1).
    pub fn page_count(&self) -> usize {
        self.pages as usize
    }

    /// The hash that the methods ending in `_hashed` take.
    #[inline]
    pub fn hash(&self, key: &[u8]) -> u64 {
        self.seed.hash(key)
    }

    #[inline]
    fn index_of(&self, hash: u64) -> usize {
        // In two steps, because a shift by 64 is none.
        (hash >> 1 >> (63 - self.depth)) as usize
    }

    #[inline]
    fn slot(&self, at: usize) -> &Slot {
        self.chunks[at >> CHUNK_BITS].slot(at & (CHUNK_LEN - 1))
    }

    /// The page that the slot at `at` belongs to, and where it stands.
    #[inline]
    fn page_at(&self, mut at: usize) -> (usize, &Page) {
        let mut bit = 1;
        loop {
            if let Some(page) = self.slot(at) {
                return (at, page);
            }
            // The first of a page's slots has a 0 where the others have something.
            at &= !bit;
            bit <<= 1;
        }
    }

    /// The slot at `at` for changing it, its chunk copied first if it is shared.
    #[inline]
    fn slot_mut(&mut self, at: usize) -> &mut Slot {
        let index = at >> CHUNK_BITS;
        if self.chunks[index].is_stretched() {
            Chunk::make_real(&mut self.chunks, index);
        }
        self.chunks[index].slot_mut(at & (CHUNK_LEN - 1))
    }

    /// The page that stands at `at`, for changing it.
    #[inline]
    fn page_mut(&mut self, at: usize) -> &mut Page {
        self.slot_mut(at).as_mut().expect("a page stands here")
    }

    /// Asks the processor to fetch the place where a key of this hash would be.
    #[inline]
    pub fn prefetch(&self, hash: u64) {
        let (_, page) = self.page_at(self.index_of(hash));
        page.prefetch(page.tag_of(hash));
    }

    /// Asks the processor to fetch the record that a key of this hash most likely has;
    /// worth it some while after `prefetch`.
    #[inline]
    pub fn prefetch_record(&self, hash: u64) {
        let (_, page) = self.page_at(self.index_of(hash));
        page.prefetch_record(page.tag_of(hash));
    }

    #[inline]
    fn find(&self, hash: u64, key: &[u8]) -> Option<Stored<'_>> {
        let (_, page) = self.page_at(self.index_of(hash));
        let format = self.format();
        let index = page.find(page.tag_of(hash), key, format).ok()?;
        Some(page.stored(index, format))
    }

    /// The record of `key`, its deadline passed or not.
    #[inline]
    pub fn get(&self, key: &[u8]) -> Option<Record<'_>> {
        self.get_hashed(self.hash(key), key)
    }

    /// As `get`.
    #[inline]
    pub fn get_hashed(&self, hash: u64, key: &[u8]) -> Option<Record<'_>> {
        self.find(hash, key).map(record)
    }

    #[inline]
    pub fn contains(&self, key: &[u8]) -> bool {
        self.contains_hashed(self.hash(key), key)
    }

    /// As `contains`.
    #[inline]
    pub fn contains_hashed(&self, hash: u64, key: &[u8]) -> bool {
        let (_, page) = self.page_at(self.index_of(hash));
        page.find(page.tag_of(hash), key, self.format()).is_ok()
    }

    /// Gives `key` a value (empty in a set). True: the key is new.
    pub fn set(&mut self, key: &[u8], value: &[u8], deadline: Deadline) -> bool {
        self.set_hashed(self.hash(key), key, value, deadline)
    }

    /// As `set`.
    pub fn set_hashed(&mut self, hash: u64, key: &[u8], value: &[u8], deadline: Deadline) -> bool {
        debug_assert!(self.values || value.is_empty());
        let format = self.format();
        loop {
            let (at, page) = self.page_at(self.index_of(hash));
            let tag = page.tag_of(hash);
            let (found, old) = match page.find(tag, key, format) {
                Ok(index) => (Ok(index), Some(page.stored(index, format))),
                Err(index) => (Err(index), None),
            };
            let old_deadline = old.and_then(|old| old.deadline);
            let draft = Draft::new(key, value, deadline.after(old_deadline), format);
            if let Some(old) = old {
                if old.value == value && old.deadline == draft.deadline {
                    return false;
                }
            }
            let old_outside = old.map_or(0, |old| outside_bytes(&old, format));
            let has_room = found.is_ok() || page.has_room(draft.len);
            let is_done = has_room
                && match found {
                    Ok(index) => self.page_mut(at).replace(index, &draft, format),
                    Err(index) => {
                        let page = self.page_mut(at);
                        page.insert(index, tag, &draft, format);
                        let count = page.count;
                        self.count_max = self.count_max.max(count);
                        self.len += 1;
                        true
                    }
                };
            if is_done {
                self.outside_bytes = self.outside_bytes + draft.outside_bytes - old_outside;
                self.note_deadline(old_deadline, draft.deadline);
                return found.is_err();
            }
            self.make_room(at, draft.len);
        }
    }

    /// Changes the deadline of `key`. False: there is no such key.
    pub fn set_deadline(&mut self, key: &[u8], deadline: Deadline) -> bool {
        let hash = self.hash(key);
        let format = self.format();
        loop {
            let (at, page) = self.page_at(self.index_of(hash));
            let Ok(index) = page.find(page.tag_of(hash), key, format) else {
                return false;
            };
            let stored = page.stored(index, format);
            let (len, old) = (stored.len, stored.deadline);
            let new = deadline.after(old);
            if self.page_mut(at).set_deadline(index, new, format) {
                self.note_deadline(old, new);
                return true;
            }
            self.make_room(at, len + 6);
        }
    }

    fn note_deadline(&mut self, old: Option<i64>, new: Option<i64>) {
        if let Some(deadline) = new {
            let timed = self.timed.get_or_insert_with(|| {
                Box::new(Timed {
                    len: 0,
                    earliest: i64::MAX,
                    at: 0,
                    round_earliest: i64::MAX,
                })
            });
            timed.len += usize::from(old.is_none());
            timed.earliest = timed.earliest.min(deadline);
            timed.round_earliest = timed.round_earliest.min(deadline);
        } else if old.is_some()
            && let Some(timed) = &mut self.timed
        {
            timed.len -= 1;
            if timed.len == 0 {
                self.timed = None;
            }
        }
    }

    /// Takes `key` out. True: it was there.
    pub fn remove(&mut self, key: &[u8]) -> bool {
        self.remove_hashed(self.hash(key), key)
    }

    /// As `remove`.
    pub fn remove_hashed(&mut self, hash: u64, key: &[u8]) -> bool {
        let (at, page) = self.page_at(self.index_of(hash));
        let Ok(index) = page.find(page.tag_of(hash), key, self.format()) else {
            return false;
        };
        self.cut(at, index);
        self.shrink_if_sparse(at);
        true
    }

    /// Takes the record out at a place, and leaves its page as large as it is.
    fn cut(&mut self, at: usize, index: usize) {
        let format = self.format();
        let stored = self.page_at(at).1.stored(index, format);
        let (outside, deadline) = (outside_bytes(&stored, format), stored.deadline);
        self.outside_bytes -= outside;
        self.len -= 1;
        self.note_deadline(deadline, None);
        self.page_mut(at).remove(index, format);
    }

    /// Verifies every invariant. O(records).
    pub fn check(&self) -> Result<(), String> {
        let format = self.format();
        let slots: usize = self.chunks.iter().map(|chunk| chunk.len()).sum();
        if slots != 1 << self.depth {
            return Err(format!("{slots} slots at depth {}", self.depth));
        }
        let (mut len, mut timed, mut pages, mut deepest) = (0, 0, 0, 0);
        let (mut page_bytes, mut outside) = (0, 0);
        let mut at = 0;
        while at < slots {
            let Some(page) = self.slot(at) else {
                return Err(format!("no page at slot {at}"));
            };
            let wrong = |what: String| format!("page {at} of depth {}: {what}", page.depth);
            page.check(format).map_err(wrong)?;
            if page.depth > self.depth || page.count > self.count_max {
                return Err(wrong("deeper or fuller than any".into()));
            }
            let span = 1 << (self.depth - page.depth);
            if at % span != 0 || (at + 1..at + span).any(|other| self.slot(other).is_some()) {
                return Err(wrong("does not own all its slots".into()));
            }
            for index in 0..page.len() {
                let stored = page.stored(index, format);
                let hash = self.hash(stored.key);
                let place = (self.page_at(self.index_of(hash)).0, page.tag_of(hash));
                if place != (at, page.tag(index)) {
                    return Err(wrong(format!("record {index} does not belong here")));
                }
                if page.find(place.1, stored.key, format) != Ok(index) {
                    return Err(wrong(format!("record {index} is not found")));
                }
                if let Some(deadline) = stored.deadline {
                    timed += 1;
                    if self
                        .next_deadline()
                        .is_none_or(|earliest| deadline < earliest)
                    {
                        return Err(wrong(format!("record {index} is due too early")));
                    }
                }
            }
            len += page.len();
            pages += 1;
            deepest += u32::from(page.depth == self.depth);
            page_bytes += page.memory_bytes();
            outside += page.outside_bytes();
            at += span;
        }
        let found = (len, timed, pages, deepest, page_bytes, outside);
        let said = (
            self.len,
            self.timed_len(),
            self.pages,
            self.deepest,
            self.page_bytes,
            self.outside_bytes,
        );
        if found != said {
            return Err(format!("found {found:?}, counted {said:?}"));
        }
        Ok(())
    }
}

impl std::fmt::Debug for PagedTable {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let PagedTable {
            len, pages, depth, ..
        } = self;
        write!(
            formatter,
            "PagedTable({len} records, {pages} pages, depth {depth})"
        )
    }
}

fn outside_bytes(stored: &Stored<'_>, format: Format) -> usize {
    outside_bytes_of(stored.key, format) + outside_bytes_of(stored.value, format)
}

#[inline]
fn record(stored: Stored<'_>) -> Record<'_> {
    Record {
        key: Element::Bytes(stored.key),
        value: Element::Bytes(stored.value),
        deadline: stored.deadline,
    }
}

#[cfg(test)]
mod tests;
