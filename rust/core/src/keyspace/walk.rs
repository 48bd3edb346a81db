//! Visiting keys: all, some, any, and those that are due.
//!
//!     cursor = the first 48 bits of a hash; all keys of lower hashes were visited
//!
//! A cursor says nothing of segments, so it stays true while they grow, split, shrink
//! and merge: a key that is there from the first step to the last is visited at least
//! once, and twice only if segments merged in between.
//!
//! Cost: a step of `scan` O(count); `random` O(1) on average; `due` one pass over the
//! deadline codes of each segment that may have something due.

use super::database::Database;
use super::deadlines::NO_DEADLINE;
use super::entry::Entry;
use super::segment::Segment;
use super::slot::Slot;

const CURSOR_BITS: u32 = 48;
const CURSOR_END: u64 = 1 << CURSOR_BITS;
/// Empty segments that a step of `scan` passes for each key it was asked for.
const EMPTY_SEGMENTS_PER_KEY: usize = 10;
/// So many blind tries, then `random` takes the next key there is.
const TRIES_MAX: usize = 512;
/// For each key that `due` may report it looks at so many at most, about.
const LOOKS_PER_KEY: usize = 16;

impl Database {
    /// Visits about `count` keys from `cursor` on (0: from the start) and returns the
    /// cursor to go on from, 0 at the end.
    pub fn scan(&self, cursor: u64, count: usize, visit: &mut dyn FnMut(Entry<'_>)) -> u64 {
        let count = count.max(1);
        let mut position = cursor;
        let mut visited = 0;
        let mut empty_left = count.saturating_mul(EMPTY_SEGMENTS_PER_KEY);
        while position < CURSOR_END && self.len > 0 {
            let segment = &self.segments[self.segment_of(position << (64 - CURSOR_BITS))];
            let depth = u32::from(segment.depth);
            // Cursor positions of the whole segment, and of one of its fragments.
            let span = CURSOR_END >> depth;
            let unit = span >> 16;
            let start = position & !(span - 1);
            let first = ((position - start) / unit) as u16;
            let mut last = None;
            for slot in &segment.slots[segment.lower_bound(first)..] {
                let Some(entry) = slot.entry() else { continue };
                let fragment = slot.fragment();
                // Keys of one fragment have one position: all of them or none.
                if visited >= count && last != Some(fragment) {
                    return start + u64::from(fragment) * unit;
                }
                visit(entry);
                visited += 1;
                last = Some(fragment);
            }
            position = start + span;
            if last.is_none() {
                empty_left -= 1;
            }
            if visited >= count || empty_left == 0 {
                break;
            }
        }
        if position < CURSOR_END && self.len > 0 {
            position
        } else {
            0
        }
    }

    /// Offers the allocator new places for about `count` entries from place `at` on; where
    /// the next call goes on (None: this was the last), and how many were moved.
    ///
    /// Places are (segment, slot); what grows or splits in between is met again or missed.
    pub fn relocate_some(
        &mut self,
        at: (usize, usize),
        count: usize,
    ) -> (Option<(usize, usize)>, usize) {
        let (mut index, mut first) = at;
        let (mut left, mut moved) = (count, 0);
        while let Some(segment) = self.segments.get_mut(index) {
            let end = segment.slots.len().min(first.saturating_add(left));
            let slots = segment.slots.get_mut(first..end).unwrap_or_default();
            moved += slots
                .iter_mut()
                .filter(|slot| !slot.is_empty())
                .map(Slot::relocate)
                .filter(|&has_moved| has_moved)
                .count();
            left -= (end.saturating_sub(first)).min(left);
            if end < segment.slots.len() {
                return (Some((index, end)), moved);
            }
            // A segment counts even if it is empty: a table of those is walked in steps, too.
            left = left.saturating_sub(1);
            (index, first) = (index + 1, 0);
            if left == 0 {
                break;
            }
        }
        (
            (index < self.segments.len()).then_some((index, first)),
            moved,
        )
    }

    /// Visits every key, in hash order. O(keys).
    pub fn for_each(&self, mut visit: impl FnMut(Entry<'_>)) {
        for segment in self.segments_in_order() {
            segment
                .slots
                .iter()
                .filter_map(Slot::entry)
                .for_each(&mut visit);
        }
    }

    /// A key chosen by `random`, a source of 64 random bits; every key is equally likely.
    pub fn random(&self, random: &mut dyn FnMut() -> u64) -> Option<Entry<'_>> {
        let found = self.random_where(random, |segment, at| !segment.slots[at].is_empty());
        found.or_else(|| self.next_where(random(), |segment| segment.len, |_| true))
    }

    /// A key with a deadline, chosen as `random` does. Where few keys have one, those
    /// behind a long part of the table without any are chosen more often.
    pub fn random_volatile(&self, random: &mut dyn FnMut() -> u64) -> Option<Entry<'_>> {
        let mut found = None;
        // Blind tries pay while they hit one key in so many.
        if self.volatile_len >= self.len / 64 {
            found = self.random_where(random, |segment, at| {
                segment.codes.get(at) != NO_DEADLINE
                    && segment.slots[at].entry().is_some_and(is_volatile)
            });
        }
        found.or_else(|| self.next_where(random(), count_volatile, is_volatile))
    }

    /// Visits `count` keys chosen like `random` (or `random_volatile`), some perhaps twice.
    pub fn sample(
        &self,
        random: &mut dyn FnMut() -> u64,
        count: usize,
        volatile_only: bool,
        visit: &mut dyn FnMut(Entry<'_>),
    ) {
        for _ in 0..count {
            let entry = if volatile_only {
                self.random_volatile(random)
            } else {
                self.random(random)
            };
            let Some(entry) = entry else { return };
            visit(entry);
        }
    }

    /// Draws one of as many places for each directory entry, and again if no wanted
    /// key is there: so each key is equally likely, however full its segment.
    fn random_where(
        &self,
        random: &mut dyn FnMut() -> u64,
        is_wanted: impl Fn(&Segment, usize) -> bool,
    ) -> Option<Entry<'_>> {
        // With several segments, some are likely near the largest.
        let places = if self.depth == 0 {
            self.segments[0].capacity()
        } else {
            self.capacity_max
        };
        for _ in 0..if self.len == 0 { 0 } else { TRIES_MAX } {
            let at = (random() >> 1 >> (63 - self.depth)) as usize;
            let segment = &self.segments[self.directory[at] as usize];
            // The part of the segment that belongs to this directory entry.
            let shared_bits = self.depth - u32::from(segment.depth);
            let part = at & ((1 << shared_bits) - 1);
            let start = (segment.capacity() * part) >> shared_bits;
            let end = (segment.capacity() * (part + 1)) >> shared_bits;
            let place = start + below(random(), places);
            if place < end && is_wanted(segment, place) {
                return segment.slots[place].entry();
            }
        }
        None
    }

    /// A wanted key of the first segment, from a random one on, that `count` says has any.
    fn next_where(
        &self,
        bits: u64,
        count: impl Fn(&Segment) -> u32,
        is_wanted: impl Fn(Entry<'_>) -> bool,
    ) -> Option<Entry<'_>> {
        let (later, earlier) = self
            .directory
            .split_at((bits >> 1 >> (63 - self.depth)) as usize);
        let mut around = earlier
            .iter()
            .chain(later)
            .map(|&index| &self.segments[index as usize]);
        let segment = around.find(|&segment| count(segment) > 0)?;
        let nth = below(bits.rotate_left(32), count(segment) as usize);
        let entries = segment.slots.iter().filter_map(Slot::entry);
        entries.filter(|&entry| is_wanted(entry)).nth(nth)
    }

    /// A time that no deadline is before; None without deadlines. O(1), a lower bound
    /// that `due` sharpens.
    pub fn next_deadline(&self) -> Option<i64> {
        self.has_deadlines().then_some(self.earliest_of_all)
    }

    /// Reports at most `limit` keys whose deadline is before `now`, or that of one of
    /// their members not after it, going on where the
    /// last call ended. True if there may be more.
    ///
    /// The caller removes what is reported, after the call; what stays is reported again.
    pub fn due(&mut self, now: i64, limit: usize, report: &mut dyn FnMut(Entry<'_>)) -> bool {
        if !self.has_deadlines() || now <= self.earliest_of_all {
            return false;
        }
        let mut left = limit;
        let mut looks_left = limit.saturating_mul(LOOKS_PER_KEY);
        for _ in 0..self.segments.len() {
            if self.due_at >= self.segments.len() {
                self.due_at = 0;
            }
            let at = self.due_at;
            if self.earliest[at] < now {
                if left == 0 || looks_left == 0 {
                    return true;
                }
                let segment = &mut self.segments[at];
                let found = segment.codes.report_due(&segment.slots, now, left, report);
                self.earliest[at] = found.earliest.unwrap_or(self.earliest[at]);
                left -= found.reported;
                looks_left = looks_left.saturating_sub(found.looks);
                if left == 0 {
                    return true;
                }
            }
            self.due_at += 1;
        }
        self.earliest_of_all = self.earliest.iter().copied().min().unwrap_or(i64::MAX);
        false
    }
}

fn is_volatile(entry: Entry<'_>) -> bool {
    entry.expires_at().is_some()
}

/// How many keys of a segment have a deadline, not counting those of members.
fn count_volatile(segment: &Segment) -> u32 {
    if segment.codes.len == 0 {
        return 0;
    }
    let entries = segment.slots.iter().filter_map(Slot::entry);
    entries.filter(|&entry| is_volatile(entry)).count() as u32
}

/// A number below `end` from random bits.
fn below(bits: u64, end: usize) -> usize {
    ((u128::from(bits) * end as u128) >> 64) as usize
}
