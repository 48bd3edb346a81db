//! Bitmaps as commands see them.

use super::data::Access;
use super::engine::Engine;
use super::error::{ErrorCode, Failure};
use super::notify::class;
use crate::bits::combine::{self, Operation};
use crate::bits::{self, field};
use crate::keyspace::strings::{self, IntText};
use crate::keyspace::{Expiry, Kind, NewValue};
use crate::output::SHARED_BYTES_MIN;

impl From<field::FieldError> for Failure {
    fn from(error: field::FieldError) -> Self {
        Failure::Code(match error {
            field::FieldError::Syntax => ErrorCode::Syntax,
            field::FieldError::Type => ErrorCode::BitfieldType,
            field::FieldError::Offset => ErrorCode::BitOffset,
            field::FieldError::Value => ErrorCode::NotInteger,
            field::FieldError::Overflow => ErrorCode::BitfieldOverflow,
        })
    }
}

impl Engine {
    /// What `look` says of the string at `key`; None without key.
    fn with_bytes<R>(
        &mut self,
        key: &[u8],
        look: impl FnOnce(&[u8]) -> R,
    ) -> Result<Option<R>, Failure> {
        let Some(entry) = self.read(key, Access::Read) else {
            return Ok(None);
        };
        let mut text = IntText::new();
        Ok(Some(look(strings::bytes(entry, &mut text)?)))
    }

    /// Lets `write` change the string at `key`, made `len_min` bytes long at the least.
    /// It says how often it wrote, how often something else than there was, and a result.
    fn edit_bytes<R>(
        &mut self,
        key: &[u8],
        len_min: usize,
        write: impl FnOnce(&mut [u8]) -> (u64, u64, R),
    ) -> Result<R, Failure> {
        let is_new = self.is_news(key);
        let edited = strings::edit(self.prepare_edit(key), key, len_min, write)?;
        let (writes, changes, result) = edited.result;
        if is_new {
            self.notify(class::NEW, "new", key);
        }
        // Zeros that were added are a change, whoever needed them.
        let changes = if edited.has_grown { writes } else { changes };
        if changes > 0 || edited.has_grown {
            self.run.edits += changes.max(1);
            self.touch(key);
        }
        if changes > 0 {
            self.notify(class::STRING, "setbit", key);
        }
        Ok(result)
    }

    /// GETBIT.
    pub fn get_bit(&mut self, key: &[u8], offset: u64) -> Result<bool, Failure> {
        let bit = self.with_bytes(key, |bytes| bits::get(bytes, offset))?;
        Ok(bit.unwrap_or(false))
    }

    /// SETBIT: returns what the bit was.
    pub fn set_bit(&mut self, key: &[u8], offset: u64, on: bool) -> Result<bool, Failure> {
        let len_min = (offset / 8) as usize + 1;
        self.edit_bytes(key, len_min, |bytes| {
            let was = bits::set(bytes, offset, on);
            (1, u64::from(was != on), was)
        })
    }

    /// BITCOUNT: how many bits are 1 from `start` to `end`, both included, in bytes or
    /// in bits.
    pub fn count_bits(
        &mut self,
        key: &[u8],
        start: i64,
        end: i64,
        in_bits: bool,
    ) -> Result<u64, Failure> {
        let count = self.with_bytes(key, |bytes| {
            // As in GETRANGE; what lies before the beginning is not its first unit.
            if start < 0 && end < 0 && start > end {
                return 0;
            }
            bits::count(bytes, bit_range(bytes, start, end, in_bits))
        })?;
        Ok(count.unwrap_or(0))
    }

    /// BITPOS: the first such bit from `start` to `end`, both included; without `end`
    /// the zeros behind the string count.
    pub fn bit_position(
        &mut self,
        key: &[u8],
        wanted: bool,
        start: i64,
        end: Option<i64>,
        in_bits: bool,
    ) -> Result<Option<u64>, Failure> {
        let found = self.with_bytes(key, |bytes| {
            let range = bit_range(bytes, start, end.unwrap_or(-1), in_bits);
            if range.is_empty() {
                return None;
            }
            let behind = (!wanted && end.is_none()).then(|| bits::len(bytes));
            bits::position(bytes, wanted, range).or(behind)
        })?;
        Ok(found.unwrap_or((!wanted).then_some(0)))
    }

    /// BITOP: gives `destination` what comes of the strings at `sources`, missing ones
    /// being empty, or removes it if that is nothing. Returns the length.
    pub fn combine_bits(
        &mut self,
        operation: Operation,
        destination: &[u8],
        sources: &[&[u8]],
    ) -> Result<usize, Failure> {
        let mut is_there = Vec::with_capacity(sources.len());
        for source in sources {
            let kind = self.read(source, Access::Read).map(|entry| entry.kind());
            if kind.is_some_and(|kind| kind != Kind::String) {
                return Err(ErrorCode::WrongType.into());
            }
            is_there.push(kind.is_some());
        }
        let database = self.database();
        let mut texts = vec![IntText::new(); sources.len()];
        let mut parts: Vec<&[u8]> = Vec::with_capacity(sources.len());
        for ((source, text), is_there) in sources.iter().zip(&mut texts).zip(is_there) {
            let entry = database.find(source).filter(|_| is_there);
            parts.push(match entry {
                Some(entry) => strings::bytes(entry, text)?,
                None => &[],
            });
        }
        let result = combine::combine(operation, &parts);
        let len = result.len();
        if len == 0 {
            self.delete(destination);
            return Ok(0);
        }
        let value = if len < SHARED_BYTES_MIN {
            NewValue::RawString(&result)
        } else {
            NewValue::SharedString(result.into())
        };
        self.put(destination, value, Expiry::None);
        self.edited(class::STRING, "set", destination);
        Ok(len)
    }

    /// BITFIELD; `read_only` refuses what writes. A reply of None: it overflowed.
    pub fn run_fields(
        &mut self,
        key: &[u8],
        words: &[&[u8]],
        read_only: bool,
    ) -> Result<Vec<Option<i64>>, Failure> {
        let operations = field::parse(words, self.settings.bulk_bytes_max)?;
        let Some(len_min) = field::bytes_written(&operations) else {
            let replies = self.with_bytes(key, |bytes| field::read(bytes, &operations))?;
            return Ok(replies.unwrap_or_else(|| field::read(&[], &operations)));
        };
        if read_only {
            return Err(ErrorCode::BitfieldReadOnly.into());
        }
        self.edit_bytes(key, len_min, |bytes| {
            let ran = field::run(bytes, &operations);
            (ran.writes, ran.changes, ran.replies)
        })
    }
}

/// The bits that `start` and `end` mean.
fn bit_range(bytes: &[u8], start: i64, end: i64, in_bits: bool) -> std::ops::Range<u64> {
    if in_bits {
        return bits::range(start, end, bits::len(bytes));
    }
    let bytes = bits::range(start, end, bytes.len() as u64);
    bytes.start * 8..bytes.end * 8
}
