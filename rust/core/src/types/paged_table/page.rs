//! A page: records of one range of hashes, in hash order, in one allocation.
//!
//!     owners 8 | head 16 | length 8 | slot | slot | …   free   … | record | record |
//!
//!     slot u32 = tag 16 | distance of its record from the page's end 16
//!     record   = lengths | [deadline 6] | key | value       (see `page_record`)
//!
//! A tag is the 16 bits of the hash below the page's own bits. Keys and values too
//! long for a page lie outside it; the record holds their index in the head.
//! Distances count from the end, so that a page grows by two copies.
//!
//! A page has one owner, or is shared by a table and its clones: then it is copied by
//! whoever changes it first.
//!
//! Invariants (`check`): tags never decrease; records do not overlap; `tail` covers
//! all of them and `dead` is what removed ones left behind; `earliest_s` is not after
//! any deadline.
//! Cost: finding O(1), two guesses and a few neighbours; inserting moves half of the
//! slots, a few hundred bytes; all else at most one copy of the page.

use std::alloc::Layout;

use triomphe::{Arc, HeaderSliceWithLengthProtected, ThinArc};

use super::page_record::{Draft, INDEX_BYTES, Outside, Stored, key_is, with_deadline};
use crate::memory::class_bytes;

const SLOT_BYTES: usize = 4;
/// What stands before a page's slots: owners, head and length.
pub(super) const HEAD_BYTES: usize = 32;
/// Up to this, pages have as many sizes as the allocator has classes.
const FINE_BYTES_MAX: usize = 1024;
/// Distances have 16 bits.
pub(super) const CAPACITY_LIMIT: usize = u16::MAX as usize;
/// `earliest_s` of a page without deadlines.
const NEVER_S: u32 = u32::MAX;

static ZEROS: [u8; CAPACITY_LIMIT] = [0; CAPACITY_LIMIT];

/// What all pages of a table have in common.
#[derive(Debug, Clone, Copy)]
pub(super) struct Format {
    /// Records have values.
    pub values: bool,
    /// Longer keys and values lie outside.
    pub inline_max: usize,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Head {
    /// Bytes at the end that records take or took.
    tail: u16,
    /// Bytes of them that no record takes any more.
    dead: u16,
    pub outside: Outside,
}

pub(super) type Inner = HeaderSliceWithLengthProtected<Head, u8>;

/// See the head of this file.
#[derive(Debug, Clone)]
pub(super) struct Page {
    bytes: ThinArc<Head, u8>,
    /// Seconds since 1970, rounded down; no deadline is before.
    earliest_s: u32,
    pub count: u16,
    /// How many leading bits of the hash all records share.
    pub depth: u8,
}

/// A capacity of at least `bytes` that fills one of the allocator's size classes.
///
/// The only page of a table may have any class. Of many that grow as one, each class
/// leaves half-empty slabs behind, which costs more than the room in larger pages.
pub(super) fn capacity_for(bytes: usize, is_only: bool) -> usize {
    let layout = Layout::from_size_align(bytes + HEAD_BYTES, 8).expect("a small layout");
    let class = match class_bytes(layout) {
        large if large > FINE_BYTES_MAX && !is_only => large.next_power_of_two(),
        class => class,
    };
    (class - HEAD_BYTES).min(CAPACITY_LIMIT)
}

#[inline]
fn seconds(deadline_ms: i64) -> u32 {
    u32::try_from(deadline_ms.max(0) / 1000)
        .unwrap_or(NEVER_S)
        .min(NEVER_S - 1)
}

impl Page {
    pub fn empty(capacity: usize, depth: u8) -> Page {
        Page {
            bytes: ThinArc::from_header_and_slice(Head::default(), &ZEROS[..capacity]),
            earliest_s: NEVER_S,
            count: 0,
            depth,
        }
    }

    #[inline]
    pub fn len(&self) -> usize {
        self.count.into()
    }

    #[inline]
    pub fn capacity(&self) -> usize {
        self.bytes.slice.len()
    }

    /// Bytes that the page takes, without what lies outside.
    pub fn memory_bytes(&self) -> usize {
        HEAD_BYTES + self.capacity()
    }

    /// Bytes of what lies outside. O(texts outside).
    pub fn outside_bytes(&self) -> usize {
        self.bytes.header.header.outside.memory_bytes()
    }

    /// Bytes of slots and records.
    pub fn live_bytes(&self) -> usize {
        let head = &self.bytes.header.header;
        self.len() * SLOT_BYTES + usize::from(head.tail) - usize::from(head.dead)
    }

    pub fn dead_bytes(&self) -> usize {
        self.bytes.header.header.dead.into()
    }

    /// True when one more record of `bytes` fits.
    #[inline]
    pub fn has_room(&self, bytes: usize) -> bool {
        let used = (self.len() + 1) * SLOT_BYTES + usize::from(self.bytes.header.header.tail);
        used + bytes <= self.capacity()
    }

    #[inline]
    pub fn tag_of(&self, hash: u64) -> u16 {
        ((hash << self.depth) >> 48) as u16
    }

    #[inline]
    pub fn tag(&self, index: usize) -> u16 {
        tag_in(&self.bytes.slice, index)
    }

    #[inline]
    fn start(&self, index: usize) -> usize {
        self.capacity() - distance_in(&self.bytes.slice, index)
    }

    /// The record at `index`.
    #[inline]
    pub fn stored(&self, index: usize, format: Format) -> Stored<'_> {
        let record = &self.bytes.slice[self.start(index)..];
        Stored::decode(record, &self.bytes.header.header.outside, format)
    }

    /// The index of `key`, or where it would be.
    #[inline]
    pub fn find(&self, tag: u16, key: &[u8], format: Format) -> Result<usize, usize> {
        let mut index = self.lower_bound(tag);
        let data = &self.bytes.slice;
        while index < self.len() && tag_in(data, index) == tag {
            let record = &data[data.len() - distance_in(data, index)..];
            if key_is(key, record, &self.bytes.header.header.outside, format) {
                return Ok(index);
            }
            index += 1;
        }
        Err(index)
    }

    /// The first index from which on no tag is below `tag`.
    #[inline]
    pub fn lower_bound(&self, tag: u16) -> usize {
        let count = self.len();
        if count == 0 {
            return 0;
        }
        let slots = &self.bytes.slice[..count * SLOT_BYTES];
        // Tags are spread evenly, so a tag tells about where it stands; how far off
        // that was tells it better.
        let guess = (usize::from(tag) * count) >> 16;
        let off = i64::from(tag) - i64::from(tag_in(slots, guess));
        let better = guess as i64 + ((off * count as i64) >> 16);
        let mut index = better.clamp(0, count as i64 - 1) as usize;
        while index > 0 && tag_in(slots, index - 1) >= tag {
            index -= 1;
        }
        while index < count && tag_in(slots, index) < tag {
            index += 1;
        }
        index
    }

    /// Asks the processor to fetch the slots near `tag`.
    #[inline]
    pub fn prefetch(&self, tag: u16) {
        let guess = (usize::from(tag) * self.len()) >> 16;
        let start: *const u8 = self.bytes.ptr().cast();
        crate::memory::prefetch(start.wrapping_add(HEAD_BYTES + guess * SLOT_BYTES));
    }

    /// Asks the processor to fetch the first record of `tag`, if there is one.
    #[inline]
    pub fn prefetch_record(&self, tag: u16) {
        let index = self.lower_bound(tag);
        if index < self.len() && self.tag(index) == tag {
            crate::memory::prefetch(&raw const self.bytes.slice[self.start(index)]);
        }
    }

    /// Changes the page, copied first if it is shared.
    #[inline]
    fn edit<R>(&mut self, change: impl FnOnce(&mut Inner) -> R) -> R {
        self.bytes.with_arc_mut(|shared| {
            if !shared.is_unique() {
                *shared = copied(shared);
            }
            change(Arc::get_mut(shared).expect("a page with one owner"))
        })
    }

    /// Puts a record at `index`, where `find` said; the page must have room.
    pub fn insert(&mut self, index: usize, tag: u16, draft: &Draft<'_>, format: Format) {
        let count = self.len();
        self.edit(|page| {
            let distance = append(page, draft, format);
            let slots = page.slice_mut();
            let at = index * SLOT_BYTES;
            slots.copy_within(at..count * SLOT_BYTES, at + SLOT_BYTES);
            write_slot(slots, index, tag, distance);
        });
        self.count += 1;
        self.note_deadline(draft.deadline);
    }

    /// Writes a record anew. False: the page has no room for it; nothing was changed.
    pub fn replace(&mut self, index: usize, draft: &Draft<'_>, format: Format) -> bool {
        let old_len = self.stored(index, format).len;
        let fits_in_place = old_len == draft.len;
        // A slot is there already, so this asks for a little more than is needed.
        if !fits_in_place && !self.has_room(draft.len) {
            return false;
        }
        let tag = self.tag(index);
        self.edit(|page| {
            drop_outside(page, index, format);
            if fits_in_place {
                let start = page.slice().len() - distance_in(page.slice(), index);
                draft.write(page, start, format);
            } else {
                page.header_mut().dead += old_len as u16;
                let distance = append(page, draft, format);
                write_slot(page.slice_mut(), index, tag, distance);
            }
        });
        self.note_deadline(draft.deadline);
        true
    }

    /// Gives a record another deadline, or none. False: the page has no room for it;
    /// nothing was changed.
    pub fn set_deadline(&mut self, index: usize, deadline: Option<i64>, format: Format) -> bool {
        let stored = self.stored(index, format);
        let (old_len, start) = (stored.len, self.start(index));
        let record = &self.bytes.slice[start..start + old_len];
        // Texts outside stay where they are, so their indexes are copied as they stand.
        let record = with_deadline(record, deadline, format);
        if record.len() != old_len && !self.has_room(record.len()) {
            return false;
        }
        let tag = self.tag(index);
        self.edit(|page| {
            let mut start = start;
            if record.len() != old_len {
                let head = page.header_mut();
                head.dead += old_len as u16;
                head.tail += record.len() as u16;
                let distance = usize::from(head.tail);
                start = page.slice().len() - distance;
                write_slot(page.slice_mut(), index, tag, distance);
            }
            page.slice_mut()[start..start + record.len()].copy_from_slice(&record);
        });
        self.note_deadline(deadline);
        true
    }

    /// Takes a record out.
    pub fn remove(&mut self, index: usize, format: Format) {
        let count = self.len();
        let len = self.stored(index, format).len;
        self.edit(|page| {
            drop_outside(page, index, format);
            let is_last = distance_in(page.slice(), index) == usize::from(page.header().tail);
            let at = index * SLOT_BYTES;
            page.slice_mut()
                .copy_within(at + SLOT_BYTES..count * SLOT_BYTES, at);
            let head = page.header_mut();
            if is_last {
                head.tail -= len as u16;
            } else {
                head.dead += len as u16;
            }
            if count == 1 {
                (head.tail, head.dead) = (0, 0);
            }
        });
        self.count -= 1;
        if self.count == 0 {
            self.earliest_s = NEVER_S;
        }
    }

    /// A page of `records`, given as tag, page and index there, in order of their tags.
    pub fn build<'p>(
        capacity: usize,
        depth: u8,
        format: Format,
        records: impl Iterator<Item = (u16, &'p Page, usize)>,
    ) -> Page {
        let mut made = Page::empty(capacity, depth);
        let (mut count, mut earliest) = (0, None);
        made.edit(|page| {
            for (tag, from, index) in records {
                let stored = from.stored(index, format);
                let start = from.start(index);
                let tail = usize::from(page.header().tail) + stored.len;
                let at = capacity - tail;
                let record = &from.bytes.slice[start..start + stored.len];
                page.slice_mut()[at..at + stored.len].copy_from_slice(record);
                page.header_mut().tail = tail as u16;
                for place in stored.index_places() {
                    // The texts stay where they are, and get one more owner.
                    let text = from.bytes.header.header.outside.share(&record[place..]);
                    let index = page.header_mut().outside.put(text).to_le_bytes();
                    page.slice_mut()[at + place..][..INDEX_BYTES].copy_from_slice(&index);
                }
                write_slot(page.slice_mut(), count, tag, tail);
                count += 1;
                earliest = earliest_of(earliest, stored.deadline);
            }
        });
        made.count = count as u16;
        made.note_deadline(earliest);
        made
    }

    /// The same records in a page of `capacity`, without dead bytes.
    pub fn rebuilt(&self, capacity: usize, format: Format) -> Page {
        if self.dead_bytes() > 0 {
            let records = (0..self.len()).map(|index| (self.tag(index), self, index));
            return Page::build(capacity, self.depth, format, records);
        }
        let mut made = Page::empty(capacity, self.depth);
        let head = &self.bytes.header.header;
        let (slots, tail) = (self.len() * SLOT_BYTES, usize::from(head.tail));
        made.edit(|page| {
            *page.header_mut() = head.clone();
            let data = page.slice_mut();
            data[..slots].copy_from_slice(&self.bytes.slice[..slots]);
            data[capacity - tail..].copy_from_slice(&self.bytes.slice[self.capacity() - tail..]);
        });
        (made.count, made.earliest_s) = (self.count, self.earliest_s);
        made
    }

    /// A time that no deadline is before; None without deadlines.
    pub fn earliest_ms(&self) -> Option<i64> {
        (self.earliest_s != NEVER_S).then(|| i64::from(self.earliest_s) * 1000)
    }

    fn note_deadline(&mut self, deadline: Option<i64>) {
        if let Some(deadline) = deadline {
            self.earliest_s = self.earliest_s.min(seconds(deadline));
        }
    }

    /// Finds out the earliest deadline; `i64::MAX` without any. O(records).
    pub fn sharpen(&mut self, format: Format) -> i64 {
        let deadlines = (0..self.len()).map(|index| self.stored(index, format).deadline);
        let earliest = deadlines.fold(None, earliest_of);
        self.earliest_s = earliest.map_or(NEVER_S, seconds);
        earliest.unwrap_or(i64::MAX)
    }

    /// Verifies the invariants that need no hash.
    pub fn check(&self, format: Format) -> Result<(), String> {
        let head = &self.bytes.header.header;
        let slots_end = self.len() * SLOT_BYTES;
        let tail = usize::from(head.tail);
        if slots_end + tail > self.capacity() {
            return Err("slots and records overlap".into());
        }
        let mut ranges = Vec::new();
        let mut indexes = Vec::new();
        for index in 0..self.len() {
            if index > 0 && self.tag(index) < self.tag(index - 1) {
                return Err(format!("slot {index} is out of order"));
            }
            let stored = self.stored(index, format);
            let start = self.start(index);
            if start < self.capacity() - tail {
                return Err(format!("record {index} is not in the tail"));
            }
            ranges.push(start..start + stored.len);
            indexes.extend(
                stored
                    .index_places()
                    .map(|place| Outside::index(&self.bytes.slice[start + place..])),
            );
            if stored
                .deadline
                .is_some_and(|deadline| seconds(deadline) < self.earliest_s)
            {
                return Err(format!("record {index} is due before the earliest"));
            }
        }
        ranges.sort_by_key(|range| range.start);
        if ranges.windows(2).any(|pair| pair[0].end > pair[1].start) {
            return Err("records overlap".into());
        }
        let live: usize = ranges.iter().map(ExactSizeIterator::len).sum();
        if live + usize::from(head.dead) != tail {
            return Err(format!(
                "{live} bytes live, {} dead, {tail} in all",
                head.dead
            ));
        }
        head.outside.check(indexes)
    }
}

fn earliest_of(one: Option<i64>, other: Option<i64>) -> Option<i64> {
    one.into_iter().chain(other).min()
}

fn copied(page: &Inner) -> Arc<Inner> {
    let copy = ThinArc::from_header_and_slice(page.header().clone(), page.slice());
    Arc::protected_from_thin(copy)
}

#[inline]
fn slot_in(slots: &[u8], index: usize) -> u32 {
    let slot = &slots[index * SLOT_BYTES..][..SLOT_BYTES];
    u32::from_le_bytes([slot[0], slot[1], slot[2], slot[3]])
}

#[inline]
fn tag_in(slots: &[u8], index: usize) -> u16 {
    (slot_in(slots, index) >> 16) as u16
}

#[inline]
fn distance_in(slots: &[u8], index: usize) -> usize {
    (slot_in(slots, index) & 0xffff) as usize
}

#[inline]
fn write_slot(slots: &mut [u8], index: usize, tag: u16, distance: usize) {
    let slot = u32::from(tag) << 16 | distance as u32;
    slots[index * SLOT_BYTES..][..SLOT_BYTES].copy_from_slice(&slot.to_le_bytes());
}

/// Writes a record before all others. Returns its distance from the end.
#[inline]
fn append(page: &mut Inner, draft: &Draft<'_>, format: Format) -> usize {
    let distance = usize::from(page.header().tail) + draft.len;
    page.header_mut().tail = distance as u16;
    draft.write(page, page.slice().len() - distance, format);
    distance
}

/// Gives up what a record has outside.
#[inline]
fn drop_outside(page: &mut Inner, index: usize, format: Format) {
    if page.header().outside.is_empty() {
        return;
    }
    let start = page.slice().len() - distance_in(page.slice(), index);
    let stored = Stored::decode(&page.slice()[start..], &page.header().outside, format);
    let places: Vec<usize> = stored.index_places().collect();
    for place in places {
        let index = Outside::index(&page.slice()[start + place..]);
        page.header_mut().outside.take(index);
    }
}
