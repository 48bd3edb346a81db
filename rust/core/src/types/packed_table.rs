//! The small form of hashes and sets: their records in one run of bytes.
//!
//!     hash      | field | value | field | value | …
//!     set       | member | member | …
//!     timed     earliest 6 bytes | field | value | deadline | field | …
//!
//! Fields, values and members are elements of `packed`; so is a deadline in
//! milliseconds, 0 where there is none. `earliest` is no later than any deadline,
//! and 0 without any.
//!
//! Invariants (`validate`): whole records; no key twice; deadlines from 0 to
//! `DEADLINE_MAX`, none before `earliest`.
//! Cost: everything walks the run, about a nanosecond for each element; edits move the
//! bytes behind them.

use std::collections::HashSet;
use std::ops::Range;

use super::packed::{self, Corrupt, Element, Encoded, PackedBuffer, Scratch};
use super::record::{DEADLINE_MAX, Deadline, Record};

/// Bytes of `earliest`.
pub const EARLIEST_BYTES: usize = 6;

/// What stands in a record beside its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    pub values: bool,
    pub deadlines: bool,
}

impl Shape {
    #[inline]
    fn start(self) -> usize {
        if self.deadlines { EARLIEST_BYTES } else { 0 }
    }

    #[inline]
    fn elements(self) -> usize {
        1 + usize::from(self.values) + usize::from(self.deadlines)
    }

    /// The same records, with deadlines.
    pub fn timed(self) -> Shape {
        Shape {
            deadlines: true,
            ..self
        }
    }

    /// The bytes of a table without records.
    pub fn empty(self) -> &'static [u8] {
        if self.deadlines { &[0; 6] } else { &[] }
    }
}

/// There are as many records as the caller allows; nothing was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Full;

/// A table for reading. All bytes must be valid.
#[derive(Debug, Clone, Copy)]
pub struct PackedTable<'a> {
    bytes: &'a [u8],
    shape: Shape,
}

impl<'a> PackedTable<'a> {
    #[inline]
    pub fn new(bytes: &'a [u8], shape: Shape) -> PackedTable<'a> {
        PackedTable { bytes, shape }
    }

    /// How many records there are. O(bytes).
    pub fn len(self) -> usize {
        let mut count = 0;
        let mut at = self.shape.start();
        while at < self.bytes.len() {
            at = self.next(at);
            count += 1;
        }
        count
    }

    #[inline]
    pub fn is_empty(self) -> bool {
        self.bytes.len() <= self.shape.start()
    }

    /// The record of `key`, its deadline passed or not.
    #[inline]
    pub fn get(self, key: &[u8]) -> Option<Record<'a>> {
        let at = self.find(&Encoded::new(key)).ok()?;
        Some(self.record_at(at).0)
    }

    #[inline]
    pub fn contains(self, key: &[u8]) -> bool {
        self.find(&Encoded::new(key)).is_ok()
    }

    /// The record that `index` others are before.
    pub fn nth(self, index: usize) -> Option<Record<'a>> {
        Some(self.record_at(self.position(index)?).0)
    }

    /// All records, in the order in which their keys came.
    #[inline]
    pub fn iter(self) -> PackedRecords<'a> {
        PackedRecords {
            table: self,
            at: self.shape.start(),
        }
    }

    /// A time that no deadline is before; None without deadlines. O(1).
    pub fn next_deadline(self) -> Option<i64> {
        if self.shape.deadlines {
            earliest_deadline(self.bytes)
        } else {
            None
        }
    }

    fn position(self, index: usize) -> Option<usize> {
        let mut at = self.shape.start();
        for _ in 0..index {
            if at >= self.bytes.len() {
                return None;
            }
            at = self.next(at);
        }
        (at < self.bytes.len()).then_some(at)
    }

    /// Where the record behind the one at `at` begins.
    #[inline]
    fn next(self, mut at: usize) -> usize {
        for _ in 0..self.shape.elements() {
            at = packed::skip::<false>(self.bytes, at);
        }
        at
    }

    /// Where the record of `key` begins, or how many records there are.
    #[inline]
    fn find(self, key: &Encoded<'_>) -> Result<usize, usize> {
        let mut count = 0;
        let mut at = self.shape.start();
        while at < self.bytes.len() {
            if key.is_at(self.bytes, at) {
                return Ok(at);
            }
            at = self.next(at);
            count += 1;
        }
        Err(count)
    }

    #[inline]
    fn record_at(self, at: usize) -> (Record<'a>, usize) {
        let (key, mut at) = packed::read::<false>(self.bytes, at);
        let mut value = Element::EMPTY;
        if self.shape.values {
            (value, at) = packed::read::<false>(self.bytes, at);
        }
        let mut deadline = None;
        if self.shape.deadlines {
            let (element, next) = packed::read::<false>(self.bytes, at);
            deadline = deadline_of(element);
            at = next;
        }
        let record = Record {
            key,
            value,
            deadline,
        };
        (record, at)
    }

    /// Judges bytes from outside. O(bytes).
    pub fn validate(bytes: &[u8], shape: Shape) -> Result<(), Corrupt> {
        if bytes.len() < shape.start() {
            return Err(Corrupt("a table without its earliest deadline"));
        }
        let count = packed::validate::<false>(&bytes[shape.start()..])?;
        if count % shape.elements() != 0 {
            return Err(Corrupt("a record is cut off"));
        }
        let table = PackedTable::new(bytes, shape);
        let earliest = table.next_deadline().unwrap_or(i64::MAX);
        let mut keys = HashSet::new();
        let mut at = shape.start();
        while at < bytes.len() {
            let next = table.next(at);
            if shape.deadlines {
                let mut last = at;
                for _ in 1..shape.elements() {
                    last = packed::skip::<false>(bytes, last);
                }
                let element = packed::read::<false>(bytes, last).0;
                if !matches!(element, Element::Integer(0..=DEADLINE_MAX)) {
                    return Err(Corrupt("a deadline is not a time"));
                }
                if deadline_of(element).is_some_and(|deadline| deadline < earliest) {
                    return Err(Corrupt("a deadline is before the earliest"));
                }
            }
            if !keys.insert(packed::read::<false>(bytes, at).0) {
                return Err(Corrupt("a key stands twice"));
            }
            at = next;
        }
        Ok(())
    }
}

/// See `PackedTable::iter`.
#[derive(Debug, Clone)]
pub struct PackedRecords<'a> {
    table: PackedTable<'a>,
    at: usize,
}

impl<'a> Iterator for PackedRecords<'a> {
    type Item = Record<'a>;

    #[inline]
    fn next(&mut self) -> Option<Record<'a>> {
        if self.at >= self.table.bytes.len() {
            return None;
        }
        let (record, next) = self.table.record_at(self.at);
        self.at = next;
        Some(record)
    }
}

fn deadline_of(element: Element<'_>) -> Option<i64> {
    match element {
        Element::Integer(0) | Element::Bytes(_) => None,
        Element::Integer(deadline) => Some(deadline),
    }
}

/// The earliest deadline of a table with deadlines, or a time before it.
#[inline]
pub fn earliest_deadline(bytes: &[u8]) -> Option<i64> {
    let mut all = [0; 8];
    all[..EARLIEST_BYTES].copy_from_slice(&bytes[..EARLIEST_BYTES]);
    let earliest = i64::from_le_bytes(all);
    (earliest > 0).then_some(earliest)
}

/// A table for changing it.
pub struct PackedTableMut<'a, B: PackedBuffer> {
    buffer: &'a mut B,
    shape: Shape,
}

impl<'a, B: PackedBuffer> PackedTableMut<'a, B> {
    #[inline]
    pub fn new(buffer: &'a mut B, shape: Shape) -> Self {
        PackedTableMut { buffer, shape }
    }

    #[inline]
    pub fn read(&self) -> PackedTable<'_> {
        PackedTable::new(self.buffer.bytes(), self.shape)
    }

    /// Gives `key` a value. True: the key is new. A deadline needs a shape with deadlines.
    pub fn set(
        &mut self,
        key: &[u8],
        value: &[u8],
        deadline: Deadline,
        len_max: usize,
    ) -> Result<bool, Full> {
        debug_assert!(self.shape.deadlines || !matches!(deadline, Deadline::At(_)));
        let key = Encoded::new(key);
        match self.read().find(&key) {
            Ok(at) => {
                self.overwrite(at, value, deadline);
                Ok(false)
            }
            Err(len) if len >= len_max => Err(Full),
            Err(_) => {
                let mut bytes = Scratch::new();
                key.write::<false>(&mut bytes);
                self.write_rest(&mut bytes, value, deadline.after(None));
                let end = self.buffer.bytes().len();
                self.buffer.splice(end..end, &bytes);
                Ok(true)
            }
        }
    }

    fn overwrite(&mut self, at: usize, value: &[u8], deadline: Deadline) {
        let table = self.read();
        let rest = packed::skip::<false>(table.bytes, at)..table.next(at);
        let mut bytes = Scratch::new();
        let mut old = None;
        if self.shape.deadlines {
            old = table.record_at(at).0.deadline;
            self.write_rest(&mut bytes, value, deadline.after(old));
        } else if self.shape.values {
            Encoded::new(value).write::<false>(&mut bytes);
        }
        if self.buffer.bytes()[rest.clone()] != bytes[..] {
            self.buffer.splice(rest, &bytes);
            self.forget_deadline(old);
        }
    }

    /// Notes that a record had this deadline and may not have it any more.
    #[inline]
    fn forget_deadline(&mut self, old: Option<i64>) {
        if old.is_some() && old == self.read().next_deadline() {
            let earliest = self
                .read()
                .iter()
                .filter_map(|record| record.deadline)
                .min();
            self.write_earliest(earliest);
        }
    }

    /// Writes what stands behind the key.
    fn write_rest(&mut self, into: &mut Scratch, value: &[u8], deadline: Option<i64>) {
        if self.shape.values {
            Encoded::new(value).write::<false>(into);
        }
        if self.shape.deadlines {
            Encoded::of(Element::Integer(deadline.unwrap_or(0))).write::<false>(into);
            if let Some(deadline) = deadline {
                self.note_deadline(deadline);
            }
        }
    }

    fn note_deadline(&mut self, deadline: i64) {
        if self
            .read()
            .next_deadline()
            .is_none_or(|earliest| deadline < earliest)
        {
            self.write_earliest(Some(deadline));
        }
    }

    fn write_earliest(&mut self, earliest: Option<i64>) {
        let earliest = earliest.unwrap_or(0);
        let bytes = earliest.to_le_bytes();
        self.buffer
            .splice(0..EARLIEST_BYTES, &bytes[..EARLIEST_BYTES]);
    }

    /// Takes `key` out. True: it was there.
    pub fn remove(&mut self, key: &[u8]) -> bool {
        let table = self.read();
        let Ok(at) = table.find(&Encoded::new(key)) else {
            return false;
        };
        let (record, end) = table.record_at(at);
        let old = record.deadline;
        self.cut(at..end);
        self.forget_deadline(old);
        true
    }

    /// Takes the record out that `index` others are before, after `report` saw it.
    pub fn remove_nth(&mut self, index: usize, report: &mut dyn FnMut(Record<'_>)) -> bool {
        let table = self.read();
        let Some(at) = table.position(index) else {
            return false;
        };
        let (record, end) = table.record_at(at);
        report(record);
        let old = record.deadline;
        self.cut(at..end);
        self.forget_deadline(old);
        true
    }

    fn cut(&mut self, range: Range<usize>) {
        self.buffer.splice(range, &[]);
    }

    /// Changes the deadline of `key`. False: there is no such key. Needs a shape with
    /// deadlines.
    pub fn set_deadline(&mut self, key: &[u8], deadline: Deadline) -> bool {
        assert!(self.shape.deadlines, "a table with deadlines");
        let table = self.read();
        let Ok(mut at) = table.find(&Encoded::new(key)) else {
            return false;
        };
        let (record, end) = table.record_at(at);
        let old = record.deadline;
        let deadline = deadline.after(old);
        for _ in 1..self.shape.elements() {
            at = packed::skip::<false>(self.buffer.bytes(), at);
        }
        let mut bytes = Scratch::new();
        Encoded::of(Element::Integer(deadline.unwrap_or(0))).write::<false>(&mut bytes);
        self.buffer.splice(at..end, &bytes);
        if let Some(deadline) = deadline {
            self.note_deadline(deadline);
        }
        self.forget_deadline(old);
        true
    }

    /// Gives all records room for a deadline. O(bytes).
    pub fn add_deadlines(&mut self) {
        if self.shape.deadlines {
            return;
        }
        let table = self.read();
        let timed = self.shape.timed();
        let mut bytes = Scratch::from_slice(timed.empty());
        let mut at = 0;
        while at < table.bytes.len() {
            let next = table.next(at);
            bytes.extend_from_slice(&table.bytes[at..next]);
            Encoded::of(Element::Integer(0)).write::<false>(&mut bytes);
            at = next;
        }
        let end = table.bytes.len();
        self.buffer.splice(0..end, &bytes);
        self.shape = timed;
    }

    /// Takes out at most `limit` records whose deadline has come, each after `report`
    /// saw it. True if there may be more.
    pub fn remove_due(
        &mut self,
        now_ms: i64,
        limit: usize,
        report: &mut dyn FnMut(Record<'_>),
    ) -> bool {
        if self
            .read()
            .next_deadline()
            .is_none_or(|earliest| earliest > now_ms)
        {
            return false;
        }
        let mut earliest: Option<i64> = None;
        let mut left = limit;
        let mut at = self.shape.start();
        while at < self.buffer.bytes().len() {
            let (record, next) = self.read().record_at(at);
            if record.is_alive(now_ms) {
                earliest = [earliest, record.deadline].into_iter().flatten().min();
                at = next;
            } else if left == 0 {
                return true;
            } else {
                left -= 1;
                report(record);
                self.cut(at..next);
            }
        }
        self.write_earliest(earliest);
        false
    }
}

#[cfg(test)]
#[path = "packed_table_tests.rs"]
mod tests;
