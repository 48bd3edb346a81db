//! What strings do: lengths, ranges, appending, counting.
//!
//! The caller has judged whether the key is there; a key whose deadline has passed
//! must be removed first. Edited strings become "raw", counters "int".
//!
//! Cost: O(1), or O(bytes written); a big string that a reply still shares is copied
//! before it is changed.

use std::sync::Arc;

use super::database::Database;
use super::edit::EntryMut;
use super::entry::{Entry, Value};
use super::layout::{Encoding, int_width};
use super::values::{Expiry, NewValue};
use crate::output::SHARED_BYTES_MIN;
use crate::text::integer;

/// A growing big string gets at most so much more than it needs.
const SPARE_BYTES_MAX: usize = 1024 * 1024;

/// Why a string operation was refused; nothing was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StringError {
    /// The key holds another type.
    WrongType,
    /// The value is not the canonical text of an i64.
    NotInteger,
    /// The sum leaves the range of an i64.
    Overflow,
    /// The string would become longer than allowed.
    TooLong,
}

/// Room for the text of a number, for `bytes` and `range`.
pub type IntText = itoa::Buffer;

/// The bytes of a string.
#[inline]
pub fn bytes<'a>(entry: Entry<'a>, text: &'a mut IntText) -> Result<&'a [u8], StringError> {
    match entry.value() {
        Value::Bytes(bytes) => Ok(bytes),
        Value::Int(value) => Ok(text.format(value).as_bytes()),
        Value::Shared(shared) => Ok(shared.bytes()),
        Value::Packed(_) | Value::Object(_) => Err(StringError::WrongType),
    }
}

/// The length of a string.
pub fn length(entry: Entry<'_>) -> Result<usize, StringError> {
    match entry.value() {
        Value::Bytes(bytes) => Ok(bytes.len()),
        Value::Int(value) => Ok(integer::text_len(value)),
        Value::Shared(shared) => Ok(shared.bytes().len()),
        Value::Packed(_) | Value::Object(_) => Err(StringError::WrongType),
    }
}

/// The bytes from `start` to `end`, both included; negative ones count from the end.
pub fn range<'a>(
    entry: Entry<'a>,
    start: i64,
    end: i64,
    text: &'a mut IntText,
) -> Result<&'a [u8], StringError> {
    let all = bytes(entry, text)?;
    let len = all.len() as i64;
    if start < 0 && end < 0 && start > end {
        return Ok(&[]);
    }
    let from_end = |index: i64| {
        if index < 0 {
            (index + len).max(0)
        } else {
            index
        }
    };
    let (start, end) = (from_end(start), from_end(end).min(len - 1));
    if start > end {
        Ok(&[])
    } else {
        Ok(&all[start as usize..=end as usize])
    }
}

/// Appends to the string at `key`, or makes one. Returns its length.
pub fn append(
    database: &mut Database,
    key: &[u8],
    suffix: &[u8],
    length_max: usize,
) -> Result<usize, StringError> {
    let hash = database.hash(key);
    let Some(mut entry) = database.find_mut_hashed(hash, key) else {
        if suffix.len() > length_max {
            return Err(StringError::TooLong);
        }
        database.set_hashed(hash, key, NewValue::String(suffix), Expiry::None);
        return Ok(suffix.len());
    };
    let old = length(entry.entry())?;
    let new = old
        .checked_add(suffix.len())
        .filter(|&new| new <= length_max);
    let new = new.ok_or(StringError::TooLong)?;
    with_raw(&mut entry, new, |bytes| {
        bytes[old..].copy_from_slice(suffix)
    })?;
    Ok(new)
}

/// Overwrites the string at `key` from `offset` on, after filling up with zeros.
/// Returns its length; writing nothing changes nothing.
pub fn set_range(
    database: &mut Database,
    key: &[u8],
    offset: usize,
    part: &[u8],
    length_max: usize,
) -> Result<usize, StringError> {
    let hash = database.hash(key);
    let old = match database.find_hashed(hash, key) {
        Some(entry) => length(entry)?,
        None => 0,
    };
    if part.is_empty() {
        return Ok(old);
    }
    let end = offset
        .checked_add(part.len())
        .filter(|&end| end <= length_max);
    let end = end.ok_or(StringError::TooLong)?;
    let edited = edit(database, key, end, |bytes| {
        bytes[offset..end].copy_from_slice(part)
    })?;
    Ok(edited.len)
}

/// What `edit` made of a string.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Edited<R> {
    pub len: usize,
    pub has_grown: bool,
    /// What the change returned.
    pub result: R,
}

/// Makes the string at `key` raw and `len_min` bytes long at the least, new bytes being
/// 0, and lets `write` change it.
pub fn edit<R>(
    database: &mut Database,
    key: &[u8],
    len_min: usize,
    write: impl FnOnce(&mut [u8]) -> R,
) -> Result<Edited<R>, StringError> {
    let hash = database.hash(key);
    let old = database.find_hashed(hash, key).map(length).transpose()?;
    if old.is_none() {
        database.set_hashed(hash, key, NewValue::RawString(b""), Expiry::None);
    }
    let len = old.unwrap_or(0).max(len_min);
    let result = match database.find_mut_hashed(hash, key) {
        Some(mut entry) => with_raw(&mut entry, len, write),
        None => return Err(StringError::TooLong),
    };
    if result.is_err() && old.is_none() {
        database.remove(key);
    }
    Ok(Edited {
        len,
        has_grown: len > old.unwrap_or(0),
        result: result?,
    })
}

/// Makes a string raw and `len` bytes long (never shorter than it was), new bytes
/// being 0, and lets `write` change it.
fn with_raw<R>(
    entry: &mut EntryMut<'_>,
    len: usize,
    write: impl FnOnce(&mut [u8]) -> R,
) -> Result<R, StringError> {
    if entry.encoding() == Encoding::Int {
        let mut text = IntText::new();
        if let Value::Int(value) = entry.entry().value() {
            entry.replace(
                NewValue::RawString(text.format(value).as_bytes()),
                Expiry::Keep,
            );
        }
    }
    if entry.encoding() != Encoding::RawShared && len >= SHARED_BYTES_MIN {
        let grown = match entry.entry().value() {
            Value::Bytes(bytes) if !bytes.is_empty() => {
                let mut grown = Vec::new();
                let spare = (len / 2).min(SPARE_BYTES_MAX);
                reserve(&mut grown, len + spare)?;
                grown.extend_from_slice(bytes);
                grown.resize(len, 0);
                grown
            }
            _ => zeros(len)?,
        };
        entry.replace(NewValue::SharedString(Arc::new(grown)), Expiry::Keep);
    }
    if let Some(bytes) = entry.shared_mut() {
        if len > bytes.capacity() {
            let spare = len.min(SPARE_BYTES_MAX);
            reserve(bytes, len + spare)?;
        }
        if len > bytes.len() {
            bytes.resize(len, 0);
        }
        return Ok(write(bytes));
    }
    entry.set_inline_encoding(Encoding::Raw);
    entry.resize_payload(len);
    Ok(write(entry.payload_mut()))
}

/// Gives `bytes` a capacity. `proto-max-bulk-len` may allow more than there is memory.
fn reserve(bytes: &mut Vec<u8>, capacity: usize) -> Result<(), StringError> {
    bytes
        .try_reserve_exact(capacity - bytes.len())
        .map_err(|_| StringError::TooLong)
}

/// Zeros whose memory the system gives when they are touched: SETBIT far out is cheap.
fn zeros(len: usize) -> Result<Vec<u8>, StringError> {
    // Asked for first, because `vec!` ends the process where there is no such memory.
    reserve(&mut Vec::new(), len)?;
    Ok(vec![0; len])
}

/// Adds `delta` to the number at `key`, a missing one being 0. Returns the sum.
pub fn increment(database: &mut Database, key: &[u8], delta: i64) -> Result<i64, StringError> {
    let hash = database.hash(key);
    let Some(mut entry) = database.find_mut_hashed(hash, key) else {
        database.set_hashed(hash, key, NewValue::Int(delta), Expiry::None);
        return Ok(delta);
    };
    let old = match entry.entry().value() {
        Value::Int(value) => value,
        Value::Bytes(text) => integer::parse(text).ok_or(StringError::NotInteger)?,
        Value::Shared(_) => return Err(StringError::NotInteger),
        Value::Packed(_) | Value::Object(_) => return Err(StringError::WrongType),
    };
    let new = old.checked_add(delta).ok_or(StringError::Overflow)?;
    let width = int_width(new);
    if entry.encoding() == Encoding::Int {
        let payload = entry.payload_mut();
        if payload.len() == width {
            payload.copy_from_slice(&new.to_le_bytes()[..width]);
            return Ok(new);
        }
    }
    entry.replace(NewValue::Int(new), Expiry::Keep);
    Ok(new)
}
