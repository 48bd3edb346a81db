//! Hashes: fields with values, and with deadlines if they have any.
//!
//!     Hash      a look at one, Copy
//!     HashMut   one being changed in its home, from packed to paged when it must
//!
//! A field whose deadline has come is not there for readers; it goes when somebody
//! writes to it (`met_due` tells) or calls `remove_due`, and `len` counts it until then.
//!
//! Cost: packed, everything is a walk over at most `entries_max` fields; paged, all O(1)
//! but what visits all fields.

use super::home::{Content, Home, Limits};
use super::packed::Element;
use super::record::{DEADLINE_MAX, Deadline, DeadlineCondition, Expired, Record};
use super::table::{Table, TableMut, choose};
use crate::text::long_double::LongDouble;

/// So many draws of fields whose deadline has come, then `random` looks at all.
const TRIES_MAX: usize = 64;

/// A hash for reading.
#[derive(Debug, Clone, Copy)]
pub struct Hash<'a> {
    table: Table<'a>,
    now_ms: i64,
}

impl<'a> Hash<'a> {
    /// The hash in a home, which must hold one.
    #[inline]
    pub fn new(content: Content<'a>, now_ms: i64) -> Hash<'a> {
        Hash {
            table: Table::new(content, true),
            now_ms,
        }
    }

    /// How many fields there are, with those whose deadline has come.
    #[inline]
    pub fn len(self) -> usize {
        self.table.len()
    }

    #[inline]
    pub fn is_empty(self) -> bool {
        self.table.is_empty()
    }

    /// How many fields there are without those. O(1) unless there are any.
    pub fn alive_len(self) -> usize {
        if self.has_due() {
            self.items().count()
        } else {
            self.len()
        }
    }

    /// True if there may be fields whose deadline has come.
    #[inline]
    pub fn has_due(self) -> bool {
        self.next_deadline().is_some_and(|at| at <= self.now_ms)
    }

    #[inline]
    fn find(self, field: &[u8]) -> Option<Record<'a>> {
        let record = self.table.get(field)?;
        record.is_alive(self.now_ms).then_some(record)
    }

    #[inline]
    pub fn get(self, field: &[u8]) -> Option<Element<'a>> {
        Some(self.find(field)?.value)
    }

    #[inline]
    pub fn contains(self, field: &[u8]) -> bool {
        self.find(field).is_some()
    }

    /// The length of a value, 0 without field.
    pub fn string_length(self, field: &[u8]) -> usize {
        self.get(field).map_or(0, Element::text_len)
    }

    /// The deadline of a field: None without field, Some(None) without deadline.
    pub fn deadline(self, field: &[u8]) -> Option<Option<i64>> {
        Some(self.find(field)?.deadline)
    }

    /// A time that no deadline is before; None without deadlines. O(1).
    pub fn next_deadline(self) -> Option<i64> {
        self.table.next_deadline()
    }

    /// All fields with their values and deadlines.
    #[inline]
    pub fn items(self) -> impl Iterator<Item = Record<'a>> + Clone {
        let now_ms = self.now_ms;
        self.table
            .iter()
            .filter(move |record| record.is_alive(now_ms))
    }

    pub fn keys(self) -> impl Iterator<Item = Element<'a>> + Clone {
        self.items().map(|record| record.key)
    }

    pub fn values(self) -> impl Iterator<Item = Element<'a>> + Clone {
        self.items().map(|record| record.value)
    }

    /// A field chosen by `random`, a source of 64 random bits; each is equally likely.
    pub fn random(self, random: &mut dyn FnMut() -> u64) -> Option<Record<'a>> {
        for _ in 0..TRIES_MAX {
            let record = self.table.random(random)?;
            if record.is_alive(self.now_ms) {
                return Some(record);
            }
        }
        let alive: Vec<_> = self.items().collect();
        let index = super::record::below(random(), alive.len());
        alive.get(index).copied()
    }

    /// Visits `count` different fields (all, if there are no more); each choice is
    /// equally likely.
    pub fn sample(
        self,
        count: usize,
        random: &mut dyn FnMut() -> u64,
        visit: &mut dyn FnMut(Record<'_>),
    ) {
        if self.has_due() {
            choose(self.items(), self.alive_len(), count, random, visit);
        } else {
            self.table.sample(count, random, visit);
        }
    }

    /// Visits about `count` fields from `cursor` on (0: from the start) and returns the
    /// cursor to go on from, 0 at the end. Packed fields come all at once.
    pub fn scan(self, cursor: u64, count: usize, visit: &mut dyn FnMut(Record<'_>)) -> u64 {
        self.table.scan(cursor, count, &mut |record| {
            if record.is_alive(self.now_ms) {
                visit(record);
            }
        })
    }
}

/// Why a field was not incremented; nothing was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IncrementError {
    /// The value is not the canonical text of an i64.
    NotInteger,
    /// The sum leaves the range of an i64.
    Overflow,
    /// The value is not the text of a number.
    NotFloat,
    /// The sum is no number, or infinite.
    NotFinite,
}

/// A hash for changing it.
pub struct HashMut<'h, H: Home> {
    table: TableMut<'h, H>,
    now_ms: i64,
    met_due: Vec<Vec<u8>>,
}

impl<'h, H: Home> HashMut<'h, H> {
    /// The hash in a home, which must hold one or nothing yet.
    #[inline]
    pub fn new(home: &'h mut H, limits: Limits<'h>, now_ms: i64) -> Self {
        let table = TableMut {
            home,
            values: true,
            limits,
        };
        HashMut {
            table,
            now_ms,
            met_due: Vec::new(),
        }
    }

    /// The fields whose deadline had come that edits came across and took out.
    pub fn take_met_due(&mut self) -> Vec<Vec<u8>> {
        std::mem::take(&mut self.met_due)
    }

    #[inline]
    pub fn read(&self) -> Hash<'_> {
        Hash::new(self.table.home.content(), self.now_ms)
    }

    /// Says that so many fields are about to be set: too many for the packed form make
    /// the hash large at once, even if some are the same.
    pub fn prepare(&mut self, fields: usize) {
        if fields > self.table.limits.entries_max {
            self.table.grow();
        }
    }

    /// Takes out a field whose deadline has come, so that it does not count as there.
    #[inline]
    fn remove_if_due(&mut self, field: &[u8]) {
        let table = self.table.read();
        if table.next_deadline().is_some_and(|at| at <= self.now_ms)
            && table
                .get(field)
                .is_some_and(|old| !old.is_alive(self.now_ms))
        {
            self.table.remove(field);
            self.met_due.push(field.to_vec());
        }
    }

    /// Gives a field a value. True: the field is new.
    #[inline]
    pub fn set(&mut self, field: &[u8], value: &[u8], deadline: Deadline) -> bool {
        self.remove_if_due(field);
        self.table.set(field, value, deadline)
    }

    /// Gives fields values and takes their deadlines away, as HSET does. Returns how
    /// many fields are new.
    pub fn set_all<'e>(
        &mut self,
        pairs: impl ExactSizeIterator<Item = (&'e [u8], &'e [u8])>,
    ) -> usize {
        self.prepare(pairs.len());
        pairs
            .filter(|(field, value)| self.set(field, value, Deadline::Clear))
            .count()
    }

    /// Gives a field a value unless it has one. True: it had none.
    pub fn set_if_absent(&mut self, field: &[u8], value: &[u8]) -> bool {
        !self.read().contains(field) && self.set(field, value, Deadline::Clear)
    }

    /// Takes a field out. True: it was there. The caller looks after an empty hash.
    #[inline]
    pub fn remove(&mut self, field: &[u8]) -> bool {
        self.remove_if_due(field);
        self.table.remove(field)
    }

    /// Adds to the integer in a field, counting a missing one as 0; the deadline stays.
    pub fn increment(&mut self, field: &[u8], by: i64) -> Result<i64, IncrementError> {
        let old = match self.read().get(field) {
            Some(value) => value.integer().ok_or(IncrementError::NotInteger)?,
            None => 0,
        };
        let sum = old.checked_add(by).ok_or(IncrementError::Overflow)?;
        let mut text = itoa::Buffer::new();
        self.set(field, text.format(sum).as_bytes(), Deadline::Keep);
        Ok(sum)
    }

    /// Adds a decimal fraction to the number in a field, counting a missing one as 0; the
    /// deadline stays. Returns the sum's text.
    pub fn increment_float(
        &mut self,
        field: &[u8],
        by: LongDouble,
    ) -> Result<Vec<u8>, IncrementError> {
        let mut text = itoa::Buffer::new();
        let old = match self.read().get(field) {
            Some(value) => LongDouble::parse(value.bytes(&mut text)),
            None => Some(LongDouble::from_integer(0)),
        };
        let sum = old.ok_or(IncrementError::NotFloat)?.add(by);
        if sum.is_nan() || sum.is_infinite() {
            return Err(IncrementError::NotFinite);
        }
        let mut text = Vec::new();
        sum.format_human(&mut text);
        self.set(field, &text, Deadline::Keep);
        Ok(text)
    }

    /// Gives a field a deadline if the condition allows it.
    pub fn expire(&mut self, field: &[u8], at_ms: i64, condition: DeadlineCondition) -> Expired {
        let Some(old) = self.read().deadline(field) else {
            return Expired::Missing;
        };
        // As it is stored: two past the latest are equal.
        let new = at_ms.min(DEADLINE_MAX);
        if !condition.allows(old, new) {
            return Expired::Refused;
        }
        if at_ms <= self.now_ms {
            self.table.remove(field);
            return Expired::Gone;
        }
        self.table.set_deadline(field, Deadline::At(new));
        Expired::Set
    }

    /// Takes the deadline of a field away. None: there is no such field; false: it had none.
    pub fn persist(&mut self, field: &[u8]) -> Option<bool> {
        let had_one = self.read().deadline(field)?.is_some();
        if had_one {
            self.table.set_deadline(field, Deadline::Clear);
        }
        Some(had_one)
    }

    /// Changes the deadline of a field. False: there is no such field.
    pub fn set_deadline(&mut self, field: &[u8], deadline: Deadline) -> bool {
        self.remove_if_due(field);
        self.table.set_deadline(field, deadline)
    }

    /// Takes out at most `limit` fields whose deadline has come, each after `report`
    /// saw it. True if there may be more.
    pub fn remove_due(&mut self, limit: usize, report: &mut dyn FnMut(Record<'_>)) -> bool {
        self.table.remove_due(self.now_ms, limit, report)
    }
}

#[cfg(test)]
#[path = "hash_tests.rs"]
mod tests;
