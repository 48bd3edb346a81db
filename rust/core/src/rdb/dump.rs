//! The payload of DUMP and RESTORE: a value, a version, a checksum.
//!
//!     type | value | version u16 | crc64 of all before, both little endian
//!
//! Deadlines of a set's members stand behind its value as in a file, in AUX fields, which
//! real servers do not look at.

use super::build::{Context, remove_due_members, set_deadlines};
use super::input::Input;
use super::output::Output;
use super::value::{self, Buffers, Value};
use super::{DEADLINES_AUX, Family, Format, REDIS_VERSION_MAX, Result, VALKEY_VERSION};
use super::{opcode, write};
use crate::keyspace::{Entry, Kind};
use crate::text::checksum::crc64;
use crate::types::{Content, Hash};

const FOOTER_BYTES: usize = 10;

/// The value of a key. In version 10, which all servers take, unless it has fields with
/// deadlines, which only later ones know: then as Valkey 9 writes it.
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
    if let Some(walk) = write::write_typed(&mut output, entry, None) {
        walk.finish(&mut output);
    }
    let mut bytes = output.bytes;
    bytes.extend_from_slice(&format.version().to_le_bytes());
    let checksum = crc64(0, &bytes);
    bytes.extend_from_slice(&checksum.to_le_bytes());
    bytes
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

/// Reads a payload that `judge` has accepted.
pub fn restore(payload: &[u8], family: Family, context: Context<'_>) -> Result<Value> {
    let body = &payload[..payload.len() - FOOTER_BYTES];
    let mut input = Input::with_buffer(body, false, body.len());
    let type_number = input.byte()?;
    let mut value = value::read(
        &mut input,
        type_number,
        family,
        context,
        &mut Buffers::default(),
    )?;
    if let Value::Collection(kind @ Kind::Set, set) = &mut value
        && input.peek()? == Some(opcode::AUX)
    {
        while input.peek()? == Some(opcode::AUX) {
            input.byte()?;
            if input.owned_string()? != DEADLINES_AUX {
                return Err(input.corrupt("bytes behind the value"));
            }
            let list = input.owned_string()?;
            set_deadlines(*kind, set, context, &list).map_err(|fault| input.corrupt(fault))?;
        }
        if !remove_due_members(set, context) {
            value = Value::Expired;
        }
    }
    if input.peek()?.is_some() {
        return Err(input.corrupt("bytes behind the value"));
    }
    Ok(value)
}
