//! Strings as commands see them.

use super::data::Access;
use super::engine::Engine;
use super::error::{ErrorCode, Failure};
use super::notify::class;
use crate::keyspace::strings::{self, StringError};
use crate::keyspace::{Expiry, Kind, NewValue, Value};
use crate::text::long_double::LongDouble;

impl From<StringError> for Failure {
    fn from(error: StringError) -> Self {
        Failure::Code(match error {
            StringError::WrongType => ErrorCode::WrongType,
            StringError::NotInteger => ErrorCode::NotInteger,
            StringError::Overflow => ErrorCode::IncrementOverflow,
            StringError::TooLong => ErrorCode::StringTooLong,
        })
    }
}

impl Engine {
    /// The string at `key`; None without key.
    #[inline]
    pub fn read_string(&mut self, key: &[u8]) -> Result<Option<Value<'_>>, Failure> {
        match self.read(key, Access::Read) {
            None => Ok(None),
            Some(entry) if entry.kind() == Kind::String => Ok(Some(entry.value())),
            Some(_) => Err(ErrorCode::WrongType.into()),
        }
    }

    /// Length of the string at `key`, 0 without key.
    pub fn string_length(&mut self, key: &[u8]) -> Result<usize, Failure> {
        match self.read(key, Access::Read) {
            None => Ok(0),
            Some(entry) => Ok(strings::length(entry)?),
        }
    }

    /// SET: gives `key` a string.
    #[inline]
    pub fn set_string(&mut self, key: &[u8], value: NewValue<'_>, expiry: Expiry) {
        self.put(key, value, expiry);
        self.edited(class::STRING, "set", key);
        if let Expiry::At(_) = expiry {
            self.notify(class::GENERIC, "expire", key);
        }
    }

    /// Fails if the key holds something else than a string.
    pub fn check_string(&mut self, key: &[u8]) -> Result<(), Failure> {
        match self.read(key, Access::Peek) {
            Some(entry) if entry.kind() != Kind::String => Err(ErrorCode::WrongType.into()),
            _ => Ok(()),
        }
    }

    /// APPEND: returns the new length.
    pub fn append_string(&mut self, key: &[u8], suffix: &[u8]) -> Result<usize, Failure> {
        let length_max = self.settings.bulk_bytes_max;
        let is_new = self.is_news(key);
        let database = self.prepare_edit(key);
        let length = strings::append(database, key, suffix, length_max)?;
        if is_new {
            self.notify(class::NEW, "new", key);
        }
        self.edited(class::STRING, "append", key);
        Ok(length)
    }

    /// SETRANGE: returns the new length.
    pub fn set_string_range(
        &mut self,
        key: &[u8],
        offset: usize,
        part: &[u8],
    ) -> Result<usize, Failure> {
        let length_max = self.settings.bulk_bytes_max;
        let is_new = self.is_news(key);
        let database = self.prepare_edit(key);
        let length = strings::set_range(database, key, offset, part, length_max)?;
        if !part.is_empty() {
            if is_new {
                self.notify(class::NEW, "new", key);
            }
            self.edited(class::STRING, "setrange", key);
        }
        Ok(length)
    }

    /// INCRBY and its like: returns the sum.
    #[inline]
    pub fn increment_string(&mut self, key: &[u8], delta: i64) -> Result<i64, Failure> {
        let is_new = self.is_news(key);
        let database = self.prepare_edit(key);
        let sum = strings::increment(database, key, delta)?;
        if is_new {
            self.notify(class::NEW, "new", key);
        }
        self.edited(class::STRING, "incrby", key);
        Ok(sum)
    }

    /// INCRBYFLOAT: returns the sum's text.
    pub fn increment_string_float(&mut self, key: &[u8], delta: &[u8]) -> Result<Vec<u8>, Failure> {
        let text = self.sum_string_float(key, delta);
        match &text {
            Ok(text) => {
                self.put(key, NewValue::Text(text), Expiry::Keep);
                self.edited(class::STRING, "incrbyfloat", key);
            }
            // A look that led to nothing is a look all the same.
            Err(_) => drop(self.read(key, Access::Write)),
        }
        text
    }

    fn sum_string_float(&mut self, key: &[u8], delta: &[u8]) -> Result<Vec<u8>, Failure> {
        self.check_string(key)?;
        let old = match self.read(key, Access::Peek) {
            None => LongDouble::parse(b"0"),
            Some(entry) => {
                let mut text = strings::IntText::new();
                LongDouble::parse(strings::bytes(entry, &mut text)?)
            }
        };
        let old = old.ok_or(ErrorCode::NotFloat)?;
        let delta = LongDouble::parse(delta).ok_or(ErrorCode::NotFloat)?;
        let sum = old.add(delta);
        if sum.is_nan() || sum.is_infinite() {
            return Err(ErrorCode::IncrementNanOrInfinity.into());
        }
        let mut text = Vec::new();
        sum.format_human(&mut text);
        Ok(text)
    }
}
