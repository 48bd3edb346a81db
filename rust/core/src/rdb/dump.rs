//! The payload of DUMP and RESTORE: a value, a version, a checksum.
//!
//!     type | value | version u16 | crc64 of all before, both little endian

use super::build::Context;
use super::input::Input;
use super::output::Output;
use super::value::{self, Buffers, Value};
use super::{
    Family, Format, REDIS_VERSION_MAX, Result, VALKEY_VERSION, type_number as number, write,
};
use crate::keyspace::{Entry, Kind};
use crate::text::checksum::crc64;
use crate::types::home::Form;
use crate::types::table::Table;
use crate::types::{Content, Hash, Object, SortedSet};

const FOOTER_BYTES: usize = 10;

/// The value of a key. In version 10, which all servers take, unless it has fields with
/// deadlines, which only later ones know: then as Valkey 9 writes it. Members with
/// deadlines have a type of our own, which the others refuse.
pub fn dump(entry: Entry<'_>, format: Format, compresses: bool) -> Vec<u8> {
    let format = match entry.content() {
        Some(content) if entry.kind() == Kind::Hash && format == Format::Redis10 => {
            if has_deadlines(content) {
                Format::Valkey80
            } else {
                format
            }
        }
        _ => format,
    };
    let mut output = Output::new(format, compresses);
    let timed_set = entry
        .content()
        .filter(|_| entry.kind() == Kind::Set)
        .filter(|content| !matches!(content, Content::Packed(Form::PackedIntegers, _)))
        .map(|content| Table::new(content, false))
        .filter(|table| table.next_deadline().is_some());
    let timed_sorted_set = match entry.content() {
        Some(Content::Object(Object::SortedSet(set))) => Some(set),
        _ => None,
    };
    let timed_sorted_set = timed_sorted_set.filter(|set| set.timed_len() > 0);
    if let Some(set) = timed_sorted_set {
        write_timed_sorted_set(&mut output, set);
    } else if let Some(table) = timed_set {
        write_timed_set(&mut output, table);
    } else if let Some(walk) = write::write_typed(&mut output, entry, None) {
        walk.finish(&mut output);
    }
    seal(output.bytes, format)
}

/// Adds version and checksum.
pub(super) fn seal(mut bytes: Vec<u8>, format: Format) -> Vec<u8> {
    bytes.extend_from_slice(&format.version().to_le_bytes());
    let checksum = crc64(0, &bytes);
    bytes.extend_from_slice(&checksum.to_le_bytes());
    bytes
}

fn write_timed_set(output: &mut Output, table: Table<'_>) {
    output.byte(number::SET_TIMED);
    output.length(table.len() as u64);
    for record in table.iter() {
        output.element(record.key);
        output.milliseconds(record.deadline.unwrap_or(-1));
    }
}

fn write_timed_sorted_set(output: &mut Output, set: &SortedSet) {
    output.byte(number::SORTED_SET_TIMED);
    output.length(set.len() as u64);
    for (member, score) in set.iter().rev() {
        output.string(member);
        output.double(score);
        output.milliseconds(set.deadline(member).unwrap_or(-1));
    }
}

/// What stands before version and checksum of a payload that `judge` has accepted.
pub(super) fn body(payload: &[u8]) -> &[u8] {
    &payload[..payload.len() - FOOTER_BYTES]
}

fn has_deadlines(content: Content<'_>) -> bool {
    Hash::new(content, 0).next_deadline().is_some()
}

/// Whose numbers a payload speaks; None if its version or checksum is wrong.
pub fn judge(payload: &[u8]) -> Option<Family> {
    let (body, footer) = payload.split_at_checked(payload.len().checked_sub(FOOTER_BYTES)?)?;
    let version = u32::from(u16::from_le_bytes([footer[0], footer[1]]));
    let family = match version {
        0..=REDIS_VERSION_MAX => Family::Redis,
        VALKEY_VERSION => Family::Valkey,
        _ => return None,
    };
    let mut checksum = [0; 8];
    checksum.copy_from_slice(&footer[2..]);
    let checksum = u64::from_le_bytes(checksum);
    (crc64(crc64(0, body), &footer[..2]) == checksum).then_some(family)
}

/// Whether every server from Redis 7.0 on takes a payload that `judge` has accepted.
pub fn is_known_to_all(payload: &[u8]) -> bool {
    let version = &payload[payload.len() - FOOTER_BYTES..][..2];
    u16::from_le_bytes([version[0], version[1]]) <= Format::Redis10.version()
        && !matches!(payload[0], number::SET_TIMED | number::SORTED_SET_TIMED)
}

/// Reads a payload that `judge` has accepted.
pub fn restore(payload: &[u8], family: Family, context: Context<'_>) -> Result<Value> {
    let body = body(payload);
    let mut input = Input::with_buffer(body, false, body.len());
    let type_number = input.byte()?;
    let value = value::read(
        &mut input,
        type_number,
        family,
        context,
        &mut Buffers::default(),
    )?;
    if input.peek()?.is_some() {
        return Err(input.corrupt("bytes behind the value"));
    }
    Ok(value)
}
