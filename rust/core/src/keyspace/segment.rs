//! A segment: the entries of one range of hashes, in hash order.
//!
//!     slots   |  . | 03 | 0a | 0b | 31 |  . | 77 |  . |     fragment in hash order
//!     codes   | ff | ff | 12 | ff | 00 | ff | ff | ff |     only with deadlines
//!
//! A fragment is the 16 bits of the hash below the segment's own bits. Its *home* is
//! `fragment * capacity >> 16`; an entry sits at home or, if others are there, near
//! it on either side. Growing keeps the order, so it needs no key.
//!
//! Invariants (`check`): fragments never decrease along the slots; no slot between an
//! entry and its home is empty; `len` and `volatile_len` count what is there; a
//! deadline code is a lower bound (see `deadlines`).
//! Cost: finding O(1), a few neighbours at a load of 92 %; resizing O(capacity).

use super::deadlines::{Codes, NO_DEADLINE};
use super::slot::Slot;

/// An entry further from its home than this is not worth looking for in advance.
const PREFETCH_STEPS_MAX: usize = 16;
/// The smallest array: one line of the processor's cache.
pub(super) const CAPACITY_MIN: usize = 8;
/// 8 KB of slots: splitting a full segment hashes its keys again, in about 30 µs if
/// none of them is in the processor's cache; no operation may take 100.
pub(super) const CAPACITY_MAX: usize = 1024;
/// A fuller segment grows.
const LOAD_MAX_PERCENT: usize = 92;

/// How many entries a capacity takes before the segment must grow.
#[inline]
pub(super) fn len_max(capacity: usize) -> usize {
    capacity * LOAD_MAX_PERCENT / 100
}

/// The next of the allocator's size classes: four steps from one power of two to the next.
pub(super) fn next_capacity(capacity: usize) -> usize {
    if capacity < CAPACITY_MIN {
        CAPACITY_MIN
    } else {
        capacity + (1 << capacity.ilog2()) / 4
    }
}

/// The smallest capacity that takes `len` entries.
pub(super) fn capacity_for(len: usize) -> usize {
    if len == 0 {
        return 0;
    }
    let mut capacity = CAPACITY_MIN;
    while len_max(capacity) < len {
        capacity = next_capacity(capacity);
    }
    capacity
}

/// See the head of this file.
#[repr(align(64))]
pub(super) struct Segment {
    pub slots: Box<[Slot]>,
    pub codes: Codes,
    pub len: u32,
    /// How many leading bits of the hash all its keys share.
    pub depth: u8,
}

impl Segment {
    pub fn new(depth: u8) -> Segment {
        Segment {
            slots: Box::default(),
            codes: Codes::default(),
            len: 0,
            depth,
        }
    }

    /// An empty one with room.
    pub fn with_capacity(depth: u8, capacity: usize) -> Segment {
        let mut segment = Segment::new(depth);
        segment.fill(capacity, 0, std::iter::empty());
        segment
    }

    #[inline]
    pub fn capacity(&self) -> usize {
        self.slots.len()
    }

    pub fn is_full(&self) -> bool {
        self.len as usize >= len_max(self.capacity())
    }

    #[inline]
    pub fn fragment_of(&self, hash: u64) -> u16 {
        ((hash << self.depth) >> 48) as u16
    }

    #[inline]
    pub fn home(&self, fragment: u16) -> usize {
        (usize::from(fragment) * self.slots.len()) >> 16
    }

    /// The index of `key`.
    #[inline]
    pub fn find(&self, fragment: u16, key: &[u8]) -> Option<usize> {
        let home = self.home(fragment);
        let at_home = self.slots.get(home)?;
        if at_home.is_empty() {
            return None;
        }
        if at_home.fragment() >= fragment
            && let Some(found) = self.find_leftwards(home, fragment, key)
        {
            return Some(found);
        }
        let mut index = home + 1;
        while let Some(slot) = self.slots.get(index) {
            if slot.is_empty() || slot.fragment() > fragment {
                return None;
            }
            if slot.fragment() == fragment && slot.full().has_key(key) {
                return Some(index);
            }
            index += 1;
        }
        None
    }

    /// Asks the processor to fetch the entries that `find` would compare a key with.
    #[inline]
    pub fn prefetch(&self, fragment: u16) {
        let home = self.home(fragment);
        let Some(at_home) = self.slots.get(home) else {
            return;
        };
        if at_home.is_empty() {
            return;
        }
        let goes_left = at_home.fragment() >= fragment;
        let mut index = home;
        for _ in 0..PREFETCH_STEPS_MAX {
            let Some(slot) = self.slots.get(index) else {
                return;
            };
            if slot.is_empty() {
                return;
            }
            if slot.fragment() == fragment {
                return slot.prefetch();
            }
            if (slot.fragment() < fragment) == goes_left {
                return;
            }
            index = if goes_left {
                index.wrapping_sub(1)
            } else {
                index + 1
            };
        }
    }

    #[inline]
    fn find_leftwards(&self, home: usize, fragment: u16, key: &[u8]) -> Option<usize> {
        let mut index = home;
        loop {
            let slot = &self.slots[index];
            if slot.is_empty() || slot.fragment() < fragment {
                return None;
            }
            if slot.fragment() == fragment && slot.full().has_key(key) {
                return Some(index);
            }
            if index == 0 {
                return None;
            }
            index -= 1;
        }
    }

    /// The first index from which on no entry has a fragment below `fragment`.
    pub fn lower_bound(&self, fragment: u16) -> usize {
        let mut index = self.home(fragment);
        while index > 0 && self.holds(index - 1, |other| other >= fragment) {
            index -= 1;
        }
        while self.holds(index, |other| other < fragment) {
            index += 1;
        }
        index
    }

    #[inline]
    fn holds(&self, index: usize, wanted: impl Fn(u16) -> bool) -> bool {
        self.slots
            .get(index)
            .is_some_and(|slot| !slot.is_empty() && wanted(slot.fragment()))
    }

    fn is_gap(&self, index: usize) -> bool {
        self.slots.get(index).is_some_and(Slot::is_empty)
    }

    /// Adds an entry that is not there yet; the segment must not be full.
    pub fn insert(&mut self, slot: Slot, deadline: Option<i64>) {
        self.len += 1;
        if deadline.is_some() {
            self.codes.allocate(self.slots.len());
        }
        let index = self.place(slot);
        if let Some(deadline) = deadline {
            self.codes.set(index, deadline);
        }
    }

    fn place(&mut self, slot: Slot) -> usize {
        let fragment = slot.fragment();
        let home = self.home(fragment);
        if self.slots[home].is_empty() {
            self.slots[home] = slot;
            return home;
        }
        // The border in the run of entries around `home` where the new one belongs.
        let mut border = home;
        while self.holds(border, |other| other <= fragment) {
            border += 1;
        }
        while border > 0 && self.holds(border - 1, |other| other > fragment) {
            border -= 1;
        }
        // Shift towards the nearer gap.
        let mut distance = 0;
        loop {
            let right = border + distance;
            if self.is_gap(right) {
                self.slots[border..=right].rotate_right(1);
                self.codes.rotate_right(border..right + 1);
                self.slots[border] = slot;
                return border;
            }
            if let Some(left) = border.checked_sub(distance + 1)
                && self.is_gap(left)
            {
                self.slots[left..border].rotate_left(1);
                self.codes.rotate_left(left..border);
                self.slots[border - 1] = slot;
                return border - 1;
            }
            distance += 1;
        }
    }

    /// Takes an entry out and moves its neighbours nearer to their homes.
    pub fn remove(&mut self, index: usize) -> Slot {
        self.len -= 1;
        self.codes.clear(index);
        let slot = std::mem::take(&mut self.slots[index]);
        let home_of = |at: usize| {
            let slot = self.slots.get(at)?;
            if slot.is_empty() {
                None
            } else {
                Some(self.home(slot.fragment()))
            }
        };
        let mut end = index + 1;
        while home_of(end).is_some_and(|home| home < end) {
            end += 1;
        }
        let mut start = index;
        if end == index + 1 {
            while start > 0 && home_of(start - 1).is_some_and(|home| home > start - 1) {
                start -= 1;
            }
        }
        // One of the two ranges is the hole alone: by order, an entry on the left with
        // its home right of the hole excludes one on the right with its home left of it.
        self.slots[index..end].rotate_left(1);
        self.codes.rotate_left(index..end);
        self.slots[start..=index].rotate_right(1);
        self.codes.rotate_right(start..index + 1);
        slot
    }

    /// Gives the segment another capacity, at least as large as what it holds asks for.
    pub fn resize(&mut self, capacity: usize) {
        let slots = std::mem::take(&mut self.slots);
        let codes = self.codes.take_bytes();
        let entries = slots
            .into_iter()
            .enumerate()
            .filter(|(_, slot)| !slot.is_empty())
            .map(|(index, slot)| (slot, codes.get(index).copied().unwrap_or(NO_DEADLINE)));
        self.fill(capacity, self.len as usize, entries);
    }

    /// Makes the arrays anew from `len` entries in order of their fragments.
    pub fn fill(&mut self, capacity: usize, len: usize, entries: impl Iterator<Item = (Slot, u8)>) {
        debug_assert!(len <= capacity);
        let mut slots: Box<[Slot]> = std::iter::repeat_with(|| Slot::EMPTY)
            .take(capacity)
            .collect();
        let mut codes = self.codes.fresh_bytes(capacity);
        let mut next = 0;
        for (order, (slot, code)) in entries.enumerate() {
            let home = (usize::from(slot.fragment()) * capacity) >> 16;
            // Never so far right that the entries after it find no place.
            let index = home.max(next).min(capacity - (len - order));
            slots[index] = slot;
            if code != NO_DEADLINE {
                codes[index] = code;
            }
            next = index + 1;
        }
        self.slots = slots;
        self.codes.put_bytes(codes);
        self.len = len as u32;
    }

    /// Verifies the invariants that need no hash.
    pub fn check(&self) -> Result<(), String> {
        let mut last = 0;
        let (mut len, mut volatile) = (0, 0);
        for (index, slot) in self.slots.iter().enumerate() {
            let Some(entry) = slot.entry() else {
                if self.codes.get(index) != NO_DEADLINE {
                    return Err(format!("slot {index} is empty but has a deadline code"));
                }
                continue;
            };
            if slot.fragment() < last {
                return Err(format!("slot {index} is out of order"));
            }
            last = slot.fragment();
            let home = self.home(slot.fragment());
            let between = home.min(index)..=home.max(index);
            if self.slots[between].iter().any(Slot::is_empty) {
                return Err(format!("a gap between slot {index} and its home {home}"));
            }
            len += 1;
            volatile += u32::from(entry.wakes_at().is_some());
            self.codes.check(index, entry.wakes_at())?;
        }
        if (len, volatile) != (self.len, self.codes.len) {
            return Err(format!(
                "holds {len} entries and {volatile} deadlines, says {} and {}",
                self.len, self.codes.len
            ));
        }
        Ok(())
    }
}
