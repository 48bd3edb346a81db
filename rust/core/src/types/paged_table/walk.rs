//! Visiting the records of a large table: all, some, any, and those that are due.
//!
//!     cursor = the first 48 bits of a hash; all records of lower hashes were visited
//!
//! A cursor says nothing of pages, so it stays true while they split and merge: a
//! record that is there from the first step to the last is visited at least once, and
//! twice only if pages merged in between.
//!
//! Cost: a step of `scan` O(count); a random record O(1) on average; `remove_due` one
//! pass over each page that may have something due.

use std::collections::HashSet;

use super::page::Page;
use super::{PagedTable, record};
use crate::types::record::{Record, below};

const CURSOR_BITS: u32 = 48;
const CURSOR_END: u64 = 1 << CURSOR_BITS;
/// Empty pages that a step of `scan` passes for each record it was asked for.
const EMPTY_PAGES_PER_RECORD: usize = 10;
/// So many blind tries, then a random record is the next there is.
const TRIES_MAX: usize = 512;
/// So many slots `remove_due` looks at in one call; a page that may be due counts as
/// `LOOKS_PER_PAGE`.
const LOOKS_MAX: usize = 8192;
const LOOKS_PER_PAGE: usize = 64;

/// Where a record stands: the slot of its page, and its index there. True until the
/// next change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Place {
    at: usize,
    index: usize,
}

/// All records of a table, in hash order.
#[derive(Debug, Clone)]
pub struct PagedRecords<'a> {
    table: &'a PagedTable,
    /// The slot to look at when the page is done.
    at: usize,
    page: Option<&'a Page>,
    index: usize,
    left: usize,
}

impl<'a> Iterator for PagedRecords<'a> {
    type Item = Record<'a>;

    #[inline]
    fn next(&mut self) -> Option<Record<'a>> {
        if self.left == 0 {
            return None;
        }
        loop {
            if let Some(page) = self.page
                && self.index < page.len()
            {
                let stored = page.stored(self.index, self.table.format());
                self.index += 1;
                self.left -= 1;
                return Some(record(stored));
            }
            self.page = self.table.slot(self.at).as_ref();
            (self.at, self.index) = (self.at + 1, 0);
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for PagedRecords<'_> {}

impl PagedTable {
    /// All records, in hash order.
    pub fn iter(&self) -> PagedRecords<'_> {
        PagedRecords {
            table: self,
            at: 0,
            page: None,
            index: 0,
            left: self.len(),
        }
    }

    /// Visits about `count` records from `cursor` on (0: from the start) and returns
    /// the cursor to go on from, 0 at the end.
    pub fn scan(&self, cursor: u64, count: usize, visit: &mut dyn FnMut(Record<'_>)) -> u64 {
        let count = count.max(1);
        let mut position = cursor;
        let mut visited = 0;
        let mut empty_left = count.saturating_mul(EMPTY_PAGES_PER_RECORD);
        while position < CURSOR_END && !self.is_empty() {
            let (_, page) = self.page_at(self.index_of(position << (64 - CURSOR_BITS)));
            // Cursor positions of the whole page, and of one of its tags.
            let span = CURSOR_END >> page.depth;
            let unit = span >> 16;
            let start = position & !(span - 1);
            let first = page.lower_bound(((position - start) / unit) as u16);
            for index in first..page.len() {
                let tag = page.tag(index);
                // Records of one tag have one position: all of them or none.
                if visited >= count && (index == first || page.tag(index - 1) != tag) {
                    return start + u64::from(tag) * unit;
                }
                visit(record(page.stored(index, self.format())));
                visited += 1;
            }
            position = start + span;
            empty_left -= usize::from(first == page.len());
            if visited >= count || empty_left == 0 {
                break;
            }
        }
        if position < CURSOR_END && !self.is_empty() {
            position
        } else {
            0
        }
    }

    /// A record chosen by `random`, a source of 64 random bits; each is equally likely.
    pub fn random(&self, random: &mut dyn FnMut() -> u64) -> Option<Record<'_>> {
        let place = self.random_place(random)?;
        Some(self.record_at(place))
    }

    /// Takes a record out that is chosen as `random` does, after `report` saw it.
    pub fn pop(
        &mut self,
        random: &mut dyn FnMut() -> u64,
        report: &mut dyn FnMut(Record<'_>),
    ) -> bool {
        let Some(place) = self.random_place(random) else {
            return false;
        };
        report(self.record_at(place));
        self.cut(place.at, place.index);
        self.shrink_if_sparse(place.at);
        true
    }

    /// Visits `count` different records (all, if there are no more); each choice is
    /// equally likely.
    pub fn sample(
        &self,
        count: usize,
        random: &mut dyn FnMut() -> u64,
        visit: &mut dyn FnMut(Record<'_>),
    ) {
        if count.saturating_mul(3) < self.len() {
            let mut chosen = HashSet::new();
            while chosen.len() < count {
                let Some(place) = self.random_place(random) else {
                    return;
                };
                if chosen.insert(place) {
                    visit(self.record_at(place));
                }
            }
            return;
        }
        let mut wanted = count.min(self.len());
        for (passed, record) in self.iter().enumerate() {
            if below(random(), self.len() - passed) < wanted {
                visit(record);
                wanted -= 1;
            }
        }
    }

    fn record_at(&self, place: Place) -> Record<'_> {
        let (_, page) = self.page_at(place.at);
        record(page.stored(place.index, self.format()))
    }

    /// Draws one of as many places for each slot, and again if no record is there: so
    /// each record is equally likely, however full its page.
    fn random_place(&self, random: &mut dyn FnMut() -> u64) -> Option<Place> {
        if self.is_empty() {
            return None;
        }
        let places = match self.depth {
            0 => self.len(),
            _ => self.count_max.into(),
        };
        for _ in 0..TRIES_MAX {
            let slot = self.index_of(random());
            let (at, page) = self.page_at(slot);
            // The part of the page that belongs to this slot.
            let shared_bits = self.depth - page.depth;
            let part = slot - at;
            let start = (page.len() * part) >> shared_bits;
            let end = (page.len() * (part + 1)) >> shared_bits;
            let index = start + below(random(), places);
            if index < end {
                return Some(Place { at, index });
            }
        }
        // Very few records in very many slots: the first from a random slot on.
        let slots = 1_usize << self.depth;
        let first = self.index_of(random());
        let mut around = (first..slots).chain(0..first).filter_map(|at| {
            let len = self.slot(at).as_ref()?.len();
            (len > 0).then_some((at, len))
        });
        let (at, len) = around.next()?;
        let index = below(random(), len);
        Some(Place { at, index })
    }

    /// Takes out at most `limit` records whose deadline has come, each after `report`
    /// saw it, going on where the last call ended. True if there may be more.
    pub fn remove_due(
        &mut self,
        now_ms: i64,
        limit: usize,
        report: &mut dyn FnMut(Record<'_>),
    ) -> bool {
        let mut left = limit;
        let mut looks_left = LOOKS_MAX;
        while let Some(timed) = &self.timed {
            if timed.earliest > now_ms {
                return false;
            }
            if looks_left == 0 || left == 0 {
                return true;
            }
            looks_left -= 1;
            let at = timed.at;
            let mut earliest = i64::MAX;
            if let Some(page) = self.slot(at) {
                earliest = page.earliest_ms().unwrap_or(i64::MAX);
                if earliest <= now_ms {
                    looks_left = looks_left.saturating_sub(LOOKS_PER_PAGE);
                    let pages = self.page_count();
                    match self.remove_due_of(at, now_ms, &mut left, report) {
                        None => return true,
                        // Merged with a page that may not have been looked at.
                        Some(_) if self.page_count() != pages => continue,
                        Some(exact) => earliest = exact,
                    }
                }
            }
            self.end_look(earliest);
        }
        false
    }

    /// Removes what is due in one page. Returns the earliest deadline that is left, or
    /// None if the limit left something due.
    fn remove_due_of(
        &mut self,
        at: usize,
        now_ms: i64,
        left: &mut usize,
        report: &mut dyn FnMut(Record<'_>),
    ) -> Option<i64> {
        let format = self.format();
        let mut index = 0;
        while index < self.page_at(at).1.len() {
            let found = self.record_at(Place { at, index });
            if found.is_alive(now_ms) {
                index += 1;
            } else if *left == 0 {
                return None;
            } else {
                *left -= 1;
                report(found);
                self.cut(at, index);
            }
        }
        let earliest = self.page_mut(at).sharpen(format);
        self.shrink_if_sparse(at);
        Some(earliest)
    }

    /// Goes on to the next slot, and after the last one to a new round.
    fn end_look(&mut self, earliest: i64) {
        let slots = 1 << self.depth;
        let Some(timed) = &mut self.timed else { return };
        timed.round_earliest = timed.round_earliest.min(earliest);
        timed.at += 1;
        if timed.at >= slots {
            timed.earliest = timed.round_earliest;
            (timed.at, timed.round_earliest) = (0, i64::MAX);
        }
    }
}
