//! How segments grow, split, shrink and merge, and what holds them together.
//!
//!     directory (depth 2)   00 → a   01 → a   10 → b   11 → c      a has depth 1
//!
//! Cost: growing and shrinking move up to 1024 slots, merging too; splitting also
//! hashes the keys of one segment again. The directory doubles when a segment of its
//! own depth splits, and halves when it has none of that depth.

use super::database::Database;
use super::deadlines::NO_DEADLINE;
use super::segment::{CAPACITY_MIN, Segment, capacity_for, len_max, next_capacity};
use super::slot::Slot;

/// Deeper segments grow instead of splitting: below 16 bits of fragment, 48 of the
/// hash are used up, and so many keys can only be alike in a test.
pub(super) const DEPTH_MAX: u32 = 32;
/// So many slots ahead, entries are fetched while a segment splits.
const PREFETCH_AHEAD: usize = 12;
/// Two segments merge when together they fill at most this part of the largest.
const MERGE_PERCENT: usize = 60;

impl Database {
    /// Adds an entry whose key is not there.
    pub(super) fn insert_new(&mut self, hash: u64, slot: Slot) {
        let entry = slot.full();
        let wakes_at = entry.wakes_at();
        self.volatile_len += usize::from(entry.expires_at().is_some());
        self.timed_len += usize::from(entry.members_due_at().is_some());
        let at = self.make_room(hash);
        let segment = &mut self.segments[at];
        segment.insert(slot.with_fragment(segment.fragment_of(hash)), wakes_at);
        self.len += 1;
        if let Some(wakes_at) = wakes_at {
            self.note_deadline(at, wakes_at);
        }
    }

    /// The index of the segment for `hash`, after it has room for one more.
    fn make_room(&mut self, hash: u64) -> usize {
        loop {
            let at = self.segment_of(hash);
            let segment = &mut self.segments[at];
            if !segment.is_full() {
                return at;
            }
            let capacity = segment.capacity();
            if capacity < self.capacity_max || u32::from(segment.depth) >= DEPTH_MAX {
                segment.resize(next_capacity(capacity));
                return at;
            }
            self.split(hash, at);
        }
    }

    fn split(&mut self, hash: u64, at: usize) {
        let depth = u32::from(self.segments[at].depth);
        if depth == self.depth {
            self.double();
        }
        let segment = &mut self.segments[at];
        let mut slots = std::mem::take(&mut segment.slots);
        let codes = segment.codes.take_bytes();
        // In order of fragments, all that goes to the lower half comes first.
        let mut halves: [Vec<(Slot, u8)>; 2] = [Vec::new(), Vec::new()];
        let mut volatile = [0, 0];
        for index in 0..slots.len() {
            if let Some(slot) = slots.get(index + PREFETCH_AHEAD) {
                slot.prefetch();
            }
            let Some(entry) = slots[index].entry() else {
                continue;
            };
            let fragment = (self.seed.hash(entry.key()) << (depth + 1) >> 48) as u16;
            let slot = std::mem::take(&mut slots[index]);
            let code = codes.get(index).copied().unwrap_or(NO_DEADLINE);
            let side = usize::from(slot.fragment() >> 15);
            volatile[side] += u32::from(code != NO_DEADLINE);
            let half = &mut halves[side];
            half.push((slot.with_fragment(fragment), code));
            // Entries whose old fragments were equal may come in the wrong order.
            let mut back = half.len() - 1;
            while back > 0 && half[back - 1].0.fragment() > half[back].0.fragment() {
                half.swap(back - 1, back);
                back -= 1;
            }
        }
        let [low, high] = halves;
        let mut upper = Segment::new(depth as u8 + 1);
        upper.codes = segment.codes.like(volatile[1]);
        segment.codes = segment.codes.like(volatile[0]);
        segment.depth += 1;
        segment.fill(capacity_for(low.len()), low.len(), low.into_iter());
        upper.fill(capacity_for(high.len()), high.len(), high.into_iter());
        self.depth_counts[depth as usize] -= 1;
        self.depth_counts[depth as usize + 1] += 2;
        let earliest = self.earliest[at];
        let new = self.adopt(upper, if volatile[1] == 0 { i64::MAX } else { earliest });
        if volatile[0] == 0 {
            self.earliest[at] = i64::MAX;
        }
        // The upper half of the entries that pointed at the old segment.
        let span = 1_usize << (self.depth - depth);
        let first = (hash >> 1 >> (63 - self.depth)) as usize & !(span - 1);
        self.directory[first + span / 2..first + span].fill(new);
    }

    fn adopt(&mut self, segment: Segment, earliest: i64) -> u32 {
        if let Some(index) = self.free.pop() {
            self.segments[index as usize] = segment;
            self.earliest[index as usize] = earliest;
            return index;
        }
        self.segments.push(segment);
        self.earliest.push(earliest);
        (self.segments.len() - 1) as u32
    }

    fn double(&mut self) {
        self.directory = self
            .directory
            .iter()
            .flat_map(|&segment| [segment, segment])
            .collect();
        self.depth += 1;
    }

    /// Shrinks a segment that is half empty, or merges it with its other half.
    pub(super) fn shrink_if_sparse(&mut self, hash: u64, at: usize) {
        let segment = &self.segments[at];
        let (len, capacity) = (segment.len as usize, segment.capacity());
        if len * 2 >= capacity || (capacity == CAPACITY_MIN && segment.depth == 0 && len > 0) {
            return;
        }
        let mut has_merged = false;
        while self.merge(hash) {
            has_merged = true;
        }
        if has_merged {
            return;
        }
        // Room for a quarter more, so that it does not grow again at once.
        let fitting = capacity_for(len + len / 4);
        if fitting < capacity {
            self.segments[at].resize(fitting);
        }
    }

    /// Merges the segment for `hash` with its other half, if together they are small.
    fn merge(&mut self, hash: u64) -> bool {
        let at = self.segment_of(hash);
        let depth = u32::from(self.segments[at].depth);
        if depth == 0 {
            return false;
        }
        let span = 1_usize << (self.depth - depth);
        let first = (hash >> 1 >> (63 - self.depth)) as usize & !(span - 1);
        let buddy = self.directory[first ^ span] as usize;
        let len = self.segments[at].len as usize + self.segments[buddy].len as usize;
        if u32::from(self.segments[buddy].depth) != depth
            || len > len_max(self.capacity_max) * MERGE_PERCENT / 100
        {
            return false;
        }
        let (low, high) = if first & span == 0 {
            (at, buddy)
        } else {
            (buddy, at)
        };
        let gone = std::mem::replace(&mut self.segments[high], Segment::new(0));
        let upper_codes = gone.codes;
        let kept = &mut self.segments[low];
        let mut entries = Vec::with_capacity(len);
        let slots = std::mem::take(&mut kept.slots);
        // A lower half without deadlines has no scale of its own.
        if kept.codes.len == 0 {
            kept.codes = upper_codes.like(0);
        }
        for (index, slot) in slots
            .into_iter()
            .enumerate()
            .filter(|(_, slot)| !slot.is_empty())
        {
            let fragment = slot.fragment() >> 1;
            entries.push((slot.with_fragment(fragment), kept.codes.get(index)));
        }
        for (index, slot) in gone
            .slots
            .into_iter()
            .enumerate()
            .filter(|(_, slot)| !slot.is_empty())
        {
            let fragment = slot.fragment() >> 1 | 1 << 15;
            let code = kept.codes.convert(&upper_codes, upper_codes.get(index));
            entries.push((slot.with_fragment(fragment), code));
        }
        kept.codes = kept.codes.like(kept.codes.len + upper_codes.len);
        kept.depth -= 1;
        kept.fill(capacity_for(len + len / 4), len, entries.into_iter());
        self.earliest[low] = self.earliest[low].min(self.earliest[high]);
        self.earliest[high] = i64::MAX;
        self.free.push(high as u32);
        self.depth_counts[depth as usize] -= 2;
        self.depth_counts[depth as usize - 1] += 1;
        let start = first & !span;
        self.directory[start..start + 2 * span].fill(low as u32);
        self.halve_if_shallow();
        true
    }

    fn halve_if_shallow(&mut self) {
        while self.depth > 0 && self.depth_counts[self.depth as usize] == 0 {
            self.directory = self.directory.iter().copied().step_by(2).collect();
            self.depth -= 1;
        }
    }

    /// The segments, in order of the hashes they hold.
    pub(super) fn segments_in_order(&self) -> impl Iterator<Item = &Segment> {
        let mut at = 0;
        std::iter::from_fn(move || {
            let segment = &self.segments[*self.directory.get(at)? as usize];
            at += 1 << (self.depth - u32::from(segment.depth));
            Some(segment)
        })
    }

    /// Verifies every invariant of the table. O(keys).
    pub fn check(&self) -> Result<(), String> {
        if self.directory.len() != 1 << self.depth {
            return Err(format!(
                "a directory of {} at depth {}",
                self.directory.len(),
                self.depth
            ));
        }
        let (mut len, mut volatile, mut timed, mut count, mut at) = (0, 0, 0, 0, 0);
        let mut depth_counts = [0; 65];
        while at < self.directory.len() {
            let index = self.directory[at] as usize;
            let segment = &self.segments[index];
            let depth = u32::from(segment.depth);
            let wrong = |what: &str| Err(format!("segment {index} of depth {depth}: {what}"));
            if depth > self.depth {
                return wrong("deeper than the directory");
            }
            let span = 1 << (self.depth - depth);
            if at & (span - 1) != 0
                || !self.directory[at..at + span]
                    .iter()
                    .all(|&i| i as usize == index)
            {
                return wrong("does not fill its part of the directory");
            }
            segment
                .check()
                .map_err(|what| format!("segment {index}: {what}"))?;
            for entry in segment.slots.iter().filter_map(Slot::entry) {
                let hash = self.hash(entry.key());
                if self.segment_of(hash) != index {
                    return wrong("holds a key of another segment");
                }
                let found = segment.find(segment.fragment_of(hash), entry.key());
                if found.map(|slot| segment.slots[slot].full().key().as_ptr())
                    != Some(entry.key().as_ptr())
                {
                    return wrong("does not find one of its keys");
                }
                if entry
                    .wakes_at()
                    .is_some_and(|deadline| deadline < self.earliest[index])
                {
                    return wrong("has a deadline before its earliest");
                }
                volatile += usize::from(entry.expires_at().is_some());
                timed += usize::from(entry.members_due_at().is_some());
            }
            if self.earliest[index] < self.earliest_of_all {
                return wrong("its earliest is before the earliest of all");
            }
            depth_counts[depth as usize] += 1;
            len += segment.len as usize;
            count += 1;
            at += span;
        }
        if (len, volatile, timed) != (self.len, self.volatile_len, self.timed_len) {
            return Err(format!(
                "holds {len} keys, {volatile} and {timed} with deadlines, says {}, {} and {}",
                self.len, self.volatile_len, self.timed_len
            ));
        }
        if count + self.free.len() != self.segments.len() || depth_counts != self.depth_counts {
            return Err("segments were lost".into());
        }
        Ok(())
    }
}
