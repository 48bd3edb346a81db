//! How the pages of a large table grow, split, shrink and merge.
//!
//!     too full     a larger page, up to its largest; else dead bytes are swept out, if they
//!                  are an eighth; else two pages
//!     half empty   one page with its other half, if both fit well; else a smaller one
//!
//! Cost: one page copied, or two; a split also hashes its keys again. The directory
//! doubles when a page of its own depth splits: one step for each 128 slots, and their
//! pages' counts are looked at, 16 bytes for about 100 records. It halves when it has
//! no page of that depth: O(slots).

use smallvec::SmallVec;

use super::chunk::{CHUNK_BITS, Chunk, Slot};
use super::page::{CAPACITY_LIMIT, HEAD_BYTES, Page, capacity_for};
use super::{CAPACITY_MIN, PagedTable};

/// A slot of 4 bytes belongs to each record.
const SLOT_BYTES: usize = 4;
/// Deeper pages grow instead: below 32 bits of depth and 16 of tag, 48 bits of the hash
/// are used up, which is what a cursor has.
const DEPTH_MAX: u8 = 32;
/// Two pages merge when together they fill at most this part of the largest.
const MERGE_PERCENT: usize = 60;

impl PagedTable {
    /// Makes the page at `at` larger, or two of it, or sweeps out its dead bytes. The
    /// caller looks its key up again, and comes back if that was not enough.
    pub(super) fn make_room(&mut self, at: usize, record_bytes: usize) {
        let (_, page) = self.page_at(at);
        let capacity = page.capacity();
        let wanted = page.live_bytes() + record_bytes + SLOT_BYTES;
        let roomy = capacity_for(wanted + wanted / 8, self.pages == 1);
        let target = roomy.min(self.capacity_max_at(at));
        if wanted <= target && capacity < target {
            self.resize(at, target);
        } else if wanted <= capacity && page.dead_bytes() * 8 >= capacity {
            self.resize(at, capacity);
        } else if page.depth < DEPTH_MAX {
            self.split(at);
        } else {
            assert!(wanted <= CAPACITY_LIMIT, "too many keys with one hash");
            self.resize(at, roomy);
        }
    }

    /// The largest capacity of the page at `at`. Pages grow as one, because hashes are
    /// spread evenly; but a quarter of them splits at 4096 bytes, the others at 3584,
    /// 3072 and 2560, so that they are not all just split, and half empty, at once.
    fn capacity_max_at(&self, at: usize) -> usize {
        let quarter = (at << 2) >> self.depth;
        let largest = usize::from(self.capacity_max);
        largest - (largest + HEAD_BYTES) / 8 * quarter
    }

    fn resize(&mut self, at: usize, capacity: usize) {
        let made = self.page_at(at).1.rebuilt(capacity, self.format());
        self.put(at, made);
    }

    /// Puts a page in the place of another.
    fn put(&mut self, at: usize, page: Page) {
        let bytes = page.memory_bytes();
        let old = self.slot_mut(at).replace(page);
        let old_bytes = old.map_or(0, |old| old.memory_bytes());
        self.page_bytes = self.page_bytes + bytes - old_bytes;
    }

    fn split(&mut self, mut at: usize) {
        let depth = self.page_at(at).1.depth;
        if depth == self.depth {
            self.double();
            at *= 2;
        }
        let format = self.format();
        let (_, page) = self.page_at(at);
        // In order of tags, all that goes to the lower half comes first.
        let middle = page.lower_bound(1 << 15);
        let mut order: Vec<(u16, usize)> = Vec::with_capacity(page.len());
        let mut bytes = [0; 2];
        for index in 0..page.len() {
            let stored = page.stored(index, format);
            let tag = (self.hash(stored.key) << (depth + 1) >> 48) as u16;
            let half_start = if index < middle { 0 } else { middle };
            bytes[usize::from(index >= middle)] += stored.len + SLOT_BYTES;
            order.push((tag, index));
            // Records whose old tags were equal may come in the wrong order.
            let mut back = index;
            while back > half_start && order[back - 1].0 > order[back].0 {
                order.swap(back - 1, back);
                back -= 1;
            }
        }
        let build = |side: usize| {
            let half = if side == 0 {
                &order[..middle]
            } else {
                &order[middle..]
            };
            let records = half.iter().map(|&(tag, index)| (tag, page, index));
            Page::build(room_for(bytes[side], false), depth + 1, format, records)
        };
        let (low, high) = (build(0), build(1));
        let span = 1 << (self.depth - depth);
        self.put(at, low);
        self.put(at + span / 2, high);
        self.pages += 1;
        if depth + 1 == self.depth {
            self.deepest += 2;
        }
    }

    /// Merges a page that is half empty with its other half, or makes it smaller.
    pub(super) fn shrink_if_sparse(&mut self, at: usize) {
        let (_, page) = self.page_at(at);
        let (live, capacity) = (page.live_bytes(), page.capacity());
        if live * 2 >= capacity || (capacity == CAPACITY_MIN && page.depth == 0) {
            return;
        }
        if self.merge(at) {
            return;
        }
        let capacity_fitting = room_for(live, self.pages == 1);
        if capacity_fitting < capacity {
            self.resize(at, capacity_fitting);
        }
    }

    fn merge(&mut self, at: usize) -> bool {
        let (_, page) = self.page_at(at);
        let depth = page.depth;
        if depth == 0 {
            return false;
        }
        let span = 1 << (self.depth - depth);
        let (_, other) = self.page_at(at ^ span);
        let live = page.live_bytes() + other.live_bytes();
        let live_max = self.capacity_max_at(at) * MERGE_PERCENT / 100;
        if other.depth != depth || live > live_max {
            return false;
        }
        let (low, high) = if at & span == 0 {
            (page, other)
        } else {
            (other, page)
        };
        let side = |page, upper: u16| {
            let halved = move |index| (Page::tag(page, index) >> 1 | upper << 15, page, index);
            (0..Page::len(page)).map(halved)
        };
        let records = side(low, 0).chain(side(high, 1));
        let made = Page::build(
            room_for(live, self.pages == 2),
            depth - 1,
            self.format(),
            records,
        );
        let gone_bytes = high.memory_bytes();
        let first = at & !span;
        self.count_max = self.count_max.max(made.count);
        self.put(first, made);
        if let Some(timed) = &mut self.timed
            && (first..first + 2 * span).contains(&timed.at)
        {
            // Half of the page may not have been looked at yet.
            timed.at = first;
        }
        *self.slot_mut(first | span) = None;
        self.page_bytes -= gone_bytes;
        self.pages -= 1;
        if depth == self.depth {
            self.deepest -= 2;
            while self.deepest == 0 && self.depth > 0 {
                self.halve();
            }
        }
        true
    }

    fn double(&mut self) {
        if self.depth < CHUNK_BITS {
            let slots = self.take_slots();
            self.depth += 1;
            self.set_slots(slots.flat_map(|page| [page, None]));
        } else {
            for index in 0..self.chunks.len() {
                if self.chunks[index].is_thin() {
                    Chunk::make_real(&mut self.chunks, index);
                }
            }
            let chunks = std::mem::take(&mut self.chunks);
            self.chunks = chunks.into_iter().flat_map(Chunk::halves).collect();
            self.depth += 1;
            self.deepest = 0;
            let pages = self.chunks.iter().flat_map(Chunk::pages);
            self.count_max = pages.map(|page| page.count).max().unwrap_or(0);
        }
        if let Some(timed) = &mut self.timed {
            timed.at *= 2;
        }
    }

    /// Makes one slot of two; the second of each two is empty.
    fn halve(&mut self) {
        let slots = self.take_slots();
        self.depth -= 1;
        self.set_slots(slots.step_by(2));
        if let Some(timed) = &mut self.timed {
            timed.at /= 2;
        }
    }

    /// Takes all pages out, or shares them where clones have them.
    fn take_slots(&mut self) -> impl Iterator<Item = Slot> + use<> {
        for index in 0..self.chunks.len() {
            Chunk::make_real(&mut self.chunks, index);
        }
        let chunks = std::mem::take(&mut self.chunks);
        chunks.into_iter().flat_map(Chunk::into_slots)
    }

    fn set_slots(&mut self, slots: impl Iterator<Item = Slot>) {
        let mut slots = slots.peekable();
        let mut chunks = SmallVec::new();
        (self.deepest, self.count_max) = (0, 0);
        while slots.peek().is_some() {
            let mut chunk = Vec::with_capacity(1 << CHUNK_BITS.min(self.depth));
            chunk.extend(slots.by_ref().take(chunk.capacity()));
            for page in chunk.iter().flatten() {
                self.deepest += u32::from(page.depth == self.depth);
                self.count_max = self.count_max.max(page.count);
            }
            chunks.push(Chunk::from(chunk));
        }
        self.chunks = chunks;
    }
}

/// The capacity of a page that holds `live` bytes and some more before it must grow.
fn room_for(live: usize, is_only: bool) -> usize {
    capacity_for(live + live / 8, is_only).max(CAPACITY_MIN)
}
