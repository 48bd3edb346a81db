//! Which entries of a segment may be due, told without touching them.
//!
//!     code 255       no deadline
//!     code 1 … 254   the deadline is not before  base + code << shift
//!     code 0         anything: look at the entry
//!
//! A code is a lower bound, so segments can be split and merged without reading
//! entries. Codes near the present are kept fine: when the present has moved far
//! from `base`, or a merge made them vague, all are encoded anew around the present.
//!
//! The deadline of an entry is here the earlier of its own and its members' (fields of
//! hashes): when there is something to do.
//!
//! Invariants (`check`): `len` codes are not 255; each is a lower bound.
//! Cost: finding what is due is one pass over a byte a slot plus the entries that
//! may be due; encoding anew touches every entry with a deadline, once in a while.

use std::ops::Range;

use super::entry::Entry;
use super::slot::Slot;

/// The code of an entry without a deadline.
pub(super) const NO_DEADLINE: u8 = 255;
const CODE_MAX: i64 = 254;
/// Where the first quarter of the deadlines should end when codes are made anew: half
/// way, so that half of evenly spread deadlines get codes of their own.
const QUARTER_CODE: i64 = 127;
/// So many looks in vain, and codes are made anew if that can help.
const VAIN_LOOKS_MAX: usize = 32;
/// So many codes are passed over in one step.
const CODES_AT_ONCE: usize = 64;
/// Making codes anew can help once the present is so many codes after `base`.
const STALE_CODES: i64 = 32;

/// The deadline codes of one segment; no bytes at all while nothing has a deadline.
#[derive(Debug, Default)]
pub(super) struct Codes {
    bytes: Box<[u8]>,
    base: i64,
    shift: u8,
    /// How many entries have a deadline.
    pub len: u32,
}

/// What a pass over a segment found.
pub(super) struct Found {
    /// No deadline in the segment is earlier than this; None if the pass was cut short.
    pub earliest: Option<i64>,
    /// Entries that were looked at.
    pub looks: usize,
    /// Entries that were reported.
    pub reported: usize,
}

impl Codes {
    #[inline]
    pub fn get(&self, index: usize) -> u8 {
        self.bytes.get(index).copied().unwrap_or(NO_DEADLINE)
    }

    /// Makes the bytes if there are none yet.
    pub fn allocate(&mut self, capacity: usize) {
        if self.bytes.is_empty() {
            self.bytes = vec![NO_DEADLINE; capacity].into_boxed_slice();
            // What the first deadline is to be measured by is not known yet.
            self.base = 0;
            self.shift = 0;
        }
    }

    /// Notes the deadline of the entry at `index`; the bytes must be there.
    pub fn set(&mut self, index: usize, deadline: i64) {
        if self.len == 0 {
            self.base = deadline;
        }
        self.len += u32::from(self.bytes[index] == NO_DEADLINE);
        self.bytes[index] = self.encode(deadline);
    }

    /// Notes that the entry at `index` has no deadline (any more).
    pub fn clear(&mut self, index: usize) {
        if self.get(index) != NO_DEADLINE {
            self.bytes[index] = NO_DEADLINE;
            self.len -= 1;
            if self.len == 0 {
                self.bytes = Box::default();
            }
        }
    }

    fn encode(&self, deadline: i64) -> u8 {
        (deadline.saturating_sub(self.base) >> self.shift).clamp(0, CODE_MAX) as u8
    }

    /// The earliest deadline that a code stands for.
    fn bound(&self, code: u8) -> i64 {
        if code == 0 {
            0
        } else {
            self.base + (i64::from(code) << self.shift)
        }
    }

    pub fn rotate_right(&mut self, range: Range<usize>) {
        if !self.bytes.is_empty() {
            self.bytes[range].rotate_right(1);
        }
    }

    pub fn rotate_left(&mut self, range: Range<usize>) {
        if !self.bytes.is_empty() {
            self.bytes[range].rotate_left(1);
        }
    }

    pub fn take_bytes(&mut self) -> Box<[u8]> {
        std::mem::take(&mut self.bytes)
    }

    /// Bytes for another capacity, none if nothing has a deadline.
    pub fn fresh_bytes(&self, capacity: usize) -> Box<[u8]> {
        if self.len == 0 {
            Box::default()
        } else {
            vec![NO_DEADLINE; capacity].into()
        }
    }

    pub fn put_bytes(&mut self, bytes: Box<[u8]>) {
        self.bytes = bytes;
    }

    /// Codes of the same scale for another segment, with `len` of its own.
    pub fn like(&self, len: u32) -> Codes {
        Codes {
            bytes: Box::default(),
            base: self.base,
            shift: self.shift,
            len,
        }
    }

    /// A code of `other` in the scale of `self`.
    pub fn convert(&self, other: &Codes, code: u8) -> u8 {
        if code == NO_DEADLINE {
            code
        } else {
            self.encode(other.bound(code))
        }
    }

    pub fn memory_bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Reports at most `limit` entries whose deadline is before `now`.
    pub fn report_due(
        &mut self,
        slots: &[Slot],
        now: i64,
        limit: usize,
        report: &mut dyn FnMut(Entry<'_>),
    ) -> Found {
        let present = self.encode(now);
        let mut found = Found {
            earliest: None,
            looks: 0,
            reported: 0,
        };
        let mut earliest = i64::MAX;
        // The earliest code that was not looked at.
        let mut later = NO_DEADLINE;
        let mut start = 0;
        while start < self.bytes.len() {
            let end = (start + CODES_AT_ONCE).min(self.bytes.len());
            let least = self.bytes[start..end].iter().copied().min();
            if least.is_some_and(|least| least > present) {
                later = later.min(least.unwrap_or(NO_DEADLINE));
                start = end;
                continue;
            }
            for (index, slot) in slots[start..end].iter().enumerate() {
                let code = self.bytes[start + index];
                if code > present {
                    later = later.min(code);
                    continue;
                }
                let entry = slot.full();
                let deadline = entry.wakes_at().unwrap_or(i64::MAX);
                found.looks += 1;
                earliest = earliest.min(deadline);
                self.bytes[start + index] = self.encode(deadline);
                if deadline < now {
                    if found.reported == limit {
                        return found;
                    }
                    found.reported += 1;
                    report(entry);
                }
            }
            start = end;
        }
        if later != NO_DEADLINE {
            earliest = earliest.min(self.bound(later));
        }
        found.earliest = Some(earliest);
        let is_stale = now < self.base || (now - self.base) >> self.shift >= STALE_CODES;
        if found.looks - found.reported > VAIN_LOOKS_MAX && is_stale {
            self.encode_anew(slots, now);
        }
        found
    }

    fn encode_anew(&mut self, slots: &[Slot], now: i64) {
        let mut delays: Vec<(usize, i64)> = slots
            .iter()
            .enumerate()
            .filter_map(|(index, slot)| {
                let deadline = slot.entry()?.wakes_at()?;
                Some((index, deadline.saturating_sub(now).max(0)))
            })
            .collect();
        let quarter = delays.len() / 4;
        let (_, &mut (_, delay), _) = delays.select_nth_unstable_by_key(quarter, |pair| pair.1);
        self.base = now;
        self.shift = 0;
        while delay >> self.shift > QUARTER_CODE {
            self.shift += 1;
        }
        for (index, delay) in delays {
            self.bytes[index] = self.encode(now + delay);
        }
    }

    /// Verifies the code of one entry.
    pub fn check(&self, index: usize, deadline: Option<i64>) -> Result<(), String> {
        let code = self.get(index);
        match deadline {
            None if code == NO_DEADLINE => Ok(()),
            Some(deadline) if code != NO_DEADLINE && self.bound(code) <= deadline => Ok(()),
            _ => Err(format!(
                "slot {index}: code {code} does not stand for {deadline:?}"
            )),
        }
    }
}
