//! Writes keys with their values; large collections in steps.
//!
//! A large collection is cloned, which costs O(1) and shares its nodes, and written
//! from the clone: `Walk`. So it may change, or go, while it is being written.
//! A list's steps go by position, a sorted set's too, from the highest score down, which
//! is what the servers load fastest; a table's by the cursor of `scan`.

use super::output::{Output, score_element};
use super::streams::{self, StreamStep};
use super::{DEADLINES_AUX, Format, opcode, type_number as number};
use crate::keyspace::{Entry, Kind, Value};
use crate::types::home::{Content, Form};
use crate::types::int_set::IntSet;
use crate::types::list::packed::PackedList;
use crate::types::packed::{Element, IntText};
use crate::types::paged_table::PagedTable;
use crate::types::record::Record;
use crate::types::sorted_set::packed::PackedSortedSet;
use crate::types::{Hash, Object, Set};

/// Elements that are written before anybody looks at how long it takes; fewer, if they
/// are large.
const STEP_ELEMENTS: usize = 64;
/// About so many bytes of them.
const STEP_BYTES: usize = 16 << 10;
/// An AUX field with deadlines ends after so many bytes.
const DEADLINES_BYTES: usize = 4096;

/// Which clocks of keys are written; eviction needs them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Clocks {
    #[default]
    None,
    /// Idle seconds, for an LRU policy; the present clock, as `Entry::clock` has it.
    Idle(u32),
    Frequency,
}

/// Writes a key up to and, unless it is large, with its value.
pub fn write_key(output: &mut Output, entry: Entry<'_>, clocks: Clocks) -> Option<Walk> {
    write_properties(output, entry, clocks);
    write_typed(output, entry, Some(entry.key()))
}

/// Writes the key of a big string up to the string itself.
pub fn write_text_head(output: &mut Output, entry: Entry<'_>, clocks: Clocks) {
    write_properties(output, entry, clocks);
    output.byte(number::STRING);
    output.string(entry.key());
}

/// Writes what stands before the type: deadline and clock.
fn write_properties(output: &mut Output, entry: Entry<'_>, clocks: Clocks) {
    if let Some(deadline) = entry.expires_at() {
        output.byte(opcode::EXPIRE_MS);
        output.milliseconds(deadline);
    }
    match clocks {
        Clocks::None => {}
        Clocks::Idle(now) => {
            output.byte(opcode::IDLE);
            output.length(u64::from(now.wrapping_sub(entry.clock()) & 0xff_ffff));
        }
        Clocks::Frequency => {
            output.byte(opcode::FREQUENCY);
            output.byte(entry.clock() as u8);
        }
    }
}

/// Writes the type, the name if there is one (there is none in a dump), and the value.
pub fn write_typed(output: &mut Output, entry: Entry<'_>, name: Option<&[u8]>) -> Option<Walk> {
    let kind = entry.kind();
    let head = |output: &mut Output, type_number: u8| {
        output.byte(type_number);
        if let Some(name) = name {
            output.string(name);
        }
    };
    match entry.value() {
        Value::Int(value) => {
            head(output, number::STRING);
            output.integer(value);
        }
        Value::Bytes(bytes) => {
            head(output, number::STRING);
            output.string(bytes);
        }
        Value::Shared(shared) => {
            head(output, number::STRING);
            output.text(shared.bytes());
        }
        Value::Packed(bytes) => {
            let form = entry
                .content()
                .map_or(Form::Packed, |content| content.form());
            head(output, packed_type(kind, form, bytes, output.format));
            write_packed(output, kind, form, bytes);
        }
        Value::Object(object) => {
            let walk = Walk::new(object.clone(), output.format);
            head(output, walk.type_number());
            walk.write_head(output);
            return Some(walk);
        }
    }
    None
}

fn packed_type(kind: Kind, form: Form, bytes: &[u8], format: Format) -> u8 {
    match (kind, form) {
        (Kind::Hash, Form::PackedTimed) if !has_deadlines(form, bytes) => number::HASH,
        (Kind::Hash, Form::PackedTimed) => timed_hash_type(format),
        (Kind::Hash, _) => number::HASH_LISTPACK,
        (Kind::Set, Form::PackedIntegers) => number::SET_INTSET,
        (Kind::Set, Form::Packed) if format != Format::Redis10 => number::SET_LISTPACK,
        (Kind::Set, _) => number::SET,
        (Kind::SortedSet, _) => number::SORTED_SET_LISTPACK,
        (Kind::List, _) => number::LIST_QUICKLIST_2,
        (Kind::String | Kind::Stream, _) => unreachable!("{kind:?} is never packed"),
    }
}

/// A hash stays in the form with deadlines when the last of them was taken away.
fn has_deadlines(form: Form, bytes: &[u8]) -> bool {
    let hash = Hash::new(Content::Packed(form, bytes), 0);
    hash.next_deadline().is_some()
}

fn timed_hash_type(format: Format) -> u8 {
    match format {
        Format::Redis10 => number::HASH,
        Format::Redis12 => number::REDIS_HASH_TIMED,
        Format::Valkey80 => number::VALKEY_HASH_TIMED,
    }
}

fn write_packed(output: &mut Output, kind: Kind, form: Form, bytes: &[u8]) {
    let content = Content::Packed(form, bytes);
    match (kind, form) {
        (Kind::Hash, Form::PackedTimed) => {
            let hash = Hash::new(content, 0);
            let earliest = hash.next_deadline();
            write_table_head(output, earliest, hash.len());
            for record in hash.items() {
                write_record(output, record, true, earliest);
            }
            if output.format == Format::Redis10 {
                write_deadlines(output, hash.items());
            }
        }
        (Kind::Hash, _) => {
            let items = Hash::new(content, 0).items();
            output.listpack(items.flat_map(|record| [record.key, record.value]));
        }
        (Kind::Set, Form::PackedIntegers) => write_intset(output, IntSet::new(bytes)),
        (Kind::Set, Form::Packed) if output.format != Format::Redis10 => {
            output.listpack(Set::new(content, 0).iter());
        }
        (Kind::Set, _) => {
            let set = Set::new(content, 0);
            output.length(set.len() as u64);
            for member in set.iter() {
                output.element(member);
            }
            if form == Form::PackedTimed {
                write_deadlines(
                    output,
                    crate::types::table::Table::new(content, false).iter(),
                );
            }
        }
        (Kind::SortedSet, _) => {
            let mut listpack = Vec::new();
            for (member, score) in PackedSortedSet::new(bytes).iter() {
                listpack.push((member, score));
            }
            let mut texts: Vec<Vec<u8>> = vec![Vec::new(); listpack.len()];
            let elements = listpack.iter().zip(&mut texts);
            output.listpack(
                elements.flat_map(|((member, score), text)| [*member, score_element(*score, text)]),
            );
        }
        (Kind::String | Kind::Stream, _) => unreachable!("{kind:?} is never packed"),
        (Kind::List, _) => {
            // One node, packed.
            output.length(1);
            output.length(2);
            output.listpack(PackedList::new(bytes).iter());
        }
    }
}

fn write_intset(output: &mut Output, set: IntSet<'_>) {
    let (low, high) = set.bounds().unwrap_or((0, 0));
    let width = [2_u32, 4]
        .into_iter()
        .find(|width| {
            let limit = 1_i64 << (8 * width - 1);
            -limit <= low && high < limit
        })
        .unwrap_or(8);
    let mut bytes = Vec::with_capacity(8 + set.len() * width as usize);
    bytes.extend_from_slice(&width.to_le_bytes());
    bytes.extend_from_slice(&(set.len() as u32).to_le_bytes());
    for member in set.iter() {
        bytes.extend_from_slice(&member.to_le_bytes()[..width as usize]);
    }
    output.text(&bytes);
}

/// What stands before the records of a hash or set.
fn write_table_head(output: &mut Output, earliest: Option<i64>, len: usize) {
    if let (Format::Redis12, Some(earliest)) = (output.format, earliest) {
        output.milliseconds(earliest);
    }
    output.length(len as u64);
}

/// Writes a record of a hash (`values`) or set; `earliest` if the table has deadlines.
fn write_record(output: &mut Output, record: Record<'_>, values: bool, earliest: Option<i64>) {
    if !values {
        return output.element(element_of(record.key));
    }
    if let (Format::Redis12, Some(earliest)) = (output.format, earliest) {
        let after = record.deadline.map_or(0, |at| (at - earliest).max(0) + 1);
        output.length(after as u64);
    }
    output.element(element_of(record.key));
    output.element(element_of(record.value));
    if let (Format::Valkey80, Some(_)) = (output.format, earliest) {
        output.milliseconds(record.deadline.unwrap_or(-1));
    }
}

/// Large tables keep all as text.
fn element_of(element: Element<'_>) -> Element<'_> {
    match element {
        Element::Bytes(bytes) => Element::new(bytes),
        integer => integer,
    }
}

/// Writes the AUX fields with the deadlines of records, where the format has no room
/// for them in the value.
fn write_deadlines<'r>(output: &mut Output, records: impl Iterator<Item = Record<'r>>) {
    let mut fields = Deadlines::new(output.format);
    for record in records {
        fields.push(output, record);
    }
    fields.flush(output);
}

/// Deadlines being gathered for an AUX field.
struct Deadlines {
    fields: Output,
}

impl Deadlines {
    fn new(format: Format) -> Deadlines {
        Deadlines {
            fields: Output::new(format, false),
        }
    }

    fn push(&mut self, output: &mut Output, record: Record<'_>) {
        let Some(deadline) = record.deadline else {
            return;
        };
        let mut text = IntText::new();
        self.fields.text(record.key.bytes(&mut text));
        self.fields.milliseconds(deadline);
        if self.fields.bytes.len() >= DEADLINES_BYTES {
            self.flush(output);
        }
    }

    fn flush(&mut self, output: &mut Output) {
        if !self.fields.bytes.is_empty() {
            output.byte(opcode::AUX);
            output.text(DEADLINES_AUX);
            output.text(&self.fields.bytes);
            self.fields.bytes.clear();
        }
    }
}

/// What of a large collection is still to be written.
pub struct Walk {
    object: Object,
    at: At,
    /// The earliest deadline, if it has any.
    earliest: Option<i64>,
    format: Format,
    /// Elements in a step.
    count: usize,
}

enum At {
    /// A cursor of `scan`.
    Records(u64),
    /// As above, or how many were written, for the AUX fields with deadlines.
    Deadlines(u64),
    /// Elements of a list that were written, or of a sorted set that were not.
    Position(usize),
    /// What of a stream comes next.
    Stream(Option<StreamStep>),
    Done,
}

impl Walk {
    fn new(object: Object, format: Format) -> Walk {
        let (at, earliest, len) = match &object {
            Object::Hash(table) | Object::Set(table) => {
                (At::Records(0), table.next_deadline(), table.len())
            }
            Object::SortedSet(set) => (At::Position(set.len()), set.next_deadline(), set.len()),
            Object::List(list) => (At::Position(0), None, list.len()),
            Object::Stream(stream) => (
                At::Stream(Some(StreamStep::Blocks(0))),
                None,
                stream.block_count(),
            ),
            #[cfg(test)]
            Object::Probe(_) => (At::Done, None, 0),
        };
        let bytes_each = object.memory_bytes() / len.max(1);
        let count = (STEP_BYTES / bytes_each.max(1)).clamp(1, STEP_ELEMENTS);
        Walk {
            object,
            at,
            earliest,
            format,
            count,
        }
    }

    fn type_number(&self) -> u8 {
        match &self.object {
            Object::Hash(_) if self.earliest.is_some() => timed_hash_type(self.format),
            Object::Hash(_) => number::HASH,
            Object::Set(_) => number::SET,
            Object::SortedSet(_) => number::SORTED_SET_2,
            Object::List(_) => number::LIST,
            Object::Stream(_) => streams::type_number(self.format),
            #[cfg(test)]
            Object::Probe(_) => number::LIST,
        }
    }

    fn write_head(&self, output: &mut Output) {
        match &self.object {
            Object::Hash(table) => write_table_head(output, self.earliest, table.len()),
            Object::Set(table) => output.length(table.len() as u64),
            Object::SortedSet(set) => output.length(set.len() as u64),
            Object::List(list) => output.length(list.len() as u64),
            Object::Stream(stream) => output.length(stream.block_count() as u64),
            #[cfg(test)]
            Object::Probe(_) => output.length(0),
        }
    }

    /// Bytes of memory of the collection.
    pub fn memory_bytes(&self) -> usize {
        self.object.memory_bytes()
    }

    /// The collection, to be dropped elsewhere.
    pub fn into_object(self) -> Object {
        self.object
    }

    /// Writes some more elements. False: that was all.
    pub fn step(&mut self, output: &mut Output) -> bool {
        match (&self.object, &mut self.at) {
            (Object::Hash(table) | Object::Set(table), At::Records(cursor)) => {
                let values = matches!(self.object, Object::Hash(_));
                let earliest = self.earliest;
                *cursor = table.scan(*cursor, self.count, &mut |record| {
                    write_record(output, record, values, earliest);
                });
                if *cursor == 0 {
                    self.at = match self.earliest {
                        Some(_) if !values || self.format == Format::Redis10 => At::Deadlines(0),
                        _ => At::Done,
                    };
                }
            }
            (Object::Hash(table) | Object::Set(table), At::Deadlines(cursor)) => {
                let mut fields = Deadlines::new(self.format);
                *cursor = scan_deadlines(table, *cursor, output, &mut fields);
                fields.flush(output);
                if *cursor == 0 {
                    self.at = At::Done;
                }
            }
            (Object::List(list), At::Position(at)) => {
                let end = (*at + self.count).min(list.len());
                list.visit(*at..end, |element| output.string(element));
                *at = end;
                if end == list.len() {
                    self.at = At::Done;
                }
            }
            (Object::SortedSet(set), At::Position(at)) => {
                let start = at.saturating_sub(self.count);
                for (member, score) in set.range(start..*at).rev() {
                    output.string(member);
                    output.double(score);
                }
                *at = start;
                if start == 0 {
                    self.at = self.earliest.map_or(At::Done, |_| At::Deadlines(0));
                }
            }
            (Object::SortedSet(set), At::Deadlines(at)) => {
                let mut fields = Deadlines::new(self.format);
                for (member, deadline) in set.timed(*at as usize).take(STEP_ELEMENTS) {
                    let record = Record {
                        key: Element::Bytes(member),
                        value: Element::EMPTY,
                        deadline: Some(deadline),
                    };
                    fields.push(output, record);
                    *at += 1;
                }
                fields.flush(output);
                if *at as usize >= set.timed_len() {
                    self.at = At::Done;
                }
            }
            (Object::Stream(stream), At::Stream(step)) => {
                *step = step.take().and_then(|step| step.write(stream, output));
                if step.is_none() {
                    self.at = At::Done;
                }
            }
            _ => self.at = At::Done,
        }
        !matches!(self.at, At::Done)
    }

    /// Writes all that is left.
    pub fn finish(mut self, output: &mut Output) {
        while self.step(output) {}
    }
}

fn scan_deadlines(
    table: &PagedTable,
    cursor: u64,
    output: &mut Output,
    fields: &mut Deadlines,
) -> u64 {
    table.scan(cursor, STEP_ELEMENTS, &mut |record| {
        fields.push(output, record);
    })
}
