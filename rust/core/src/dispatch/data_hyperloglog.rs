//! HyperLogLogs as commands see them.
//!
//! They are strings, so each look begins with what else a string may be. What is refused
//! half-way changes nothing: sparse ones, which alone can be corrupt, are changed in a
//! copy, which is short; dense ones where they lie.

use super::data::Access;
use super::engine::Engine;
use super::error::{ErrorCode, Failure};
use super::notify::class;
use crate::hyperloglog::{self, Encoding, HyperLogLogError, REGISTERS, Registers, hash};
use crate::keyspace::strings::{self, IntText};
use crate::keyspace::{Entry, Expiry, NewValue, Replaced};
use crate::output::SHARED_BYTES_MIN;

impl From<HyperLogLogError> for Failure {
    fn from(error: HyperLogLogError) -> Self {
        Failure::Code(match error {
            HyperLogLogError::Foreign => ErrorCode::NotHyperLogLog,
            HyperLogLogError::Corrupt => ErrorCode::CorruptHyperLogLog,
        })
    }
}

/// What `look` says of the HyperLogLog in an entry.
fn with_bytes<R>(
    entry: Entry<'_>,
    look: impl FnOnce(Encoding, &[u8]) -> Result<R, HyperLogLogError>,
) -> Result<R, Failure> {
    let mut text = IntText::new();
    let bytes = strings::bytes(entry, &mut text)?;
    Ok(look(hyperloglog::check(bytes)?, bytes)?)
}

fn no_registers() -> Box<Registers> {
    Box::new([0; REGISTERS])
}

/// What adding elements does to a sparse one: its new bytes, if any, and how many of the
/// elements changed it.
fn added(
    bytes: &[u8],
    elements: &[&[u8]],
    sparse_bytes_max: usize,
) -> Result<(Option<Vec<u8>>, u64), HyperLogLogError> {
    let mut copy: Option<Vec<u8>> = None;
    let mut raised = 0;
    for element in elements {
        let (register, rank) = hash::place(element);
        let current = copy.as_deref().unwrap_or(bytes);
        // Most of what is added has been seen before.
        if hyperloglog::would_rise(current, register, rank)? {
            let copy = copy.get_or_insert_with(|| bytes.to_vec());
            hyperloglog::raise(copy, register, rank, sparse_bytes_max)?;
            raised += 1;
        }
    }
    Ok((copy, raised))
}

impl Engine {
    /// PFADD: true if an element changed something, or there was nothing yet.
    pub fn hyperloglog_add(&mut self, key: &[u8], elements: &[&[u8]]) -> Result<bool, Failure> {
        let sparse_bytes_max = self.settings.collections.hll_sparse_bytes_max;
        let add = |bytes: &[u8]| added(bytes, elements, sparse_bytes_max);
        let found = match self.read(key, Access::Peek) {
            None => add(&hyperloglog::empty()).map(|(made, raised)| {
                let made = made.unwrap_or_else(hyperloglog::empty);
                (Some(made), raised + 1)
            }),
            Some(entry) => {
                let found = with_bytes(entry, |encoding, bytes| match encoding {
                    Encoding::Sparse => add(bytes),
                    Encoding::Dense => Ok((None, 0)),
                });
                let (made, raised) = match found {
                    Ok(found) => found,
                    Err(failure) => return Err(self.refuse_add(key, failure)),
                };
                if made.is_none() {
                    return self.add_in_place(key, elements);
                }
                Ok((made, raised))
            }
        };
        let (made, raised) = found?;
        self.put_raw(key, made.unwrap_or_default());
        self.edited(class::STRING, "pfadd", key);
        self.run.edits += raised - 1;
        Ok(true)
    }

    /// What a refused PFADD leaves behind: it is a look all the same.
    fn refuse_add(&mut self, key: &[u8], failure: Failure) -> Failure {
        self.read(key, Access::Write);
        match failure {
            Failure::Code(ErrorCode::CorruptHyperLogLog) => {
                self.edit_unseen(key, |_| {}).err().unwrap_or(failure)
            }
            _ => failure,
        }
    }

    /// Adds to a dense one, or to a sparse one that does not change.
    fn add_in_place(&mut self, key: &[u8], elements: &[&[u8]]) -> Result<bool, Failure> {
        let edited = strings::edit(self.prepare_edit(key), key, 0, |bytes| {
            if hyperloglog::check(bytes) != Ok(Encoding::Dense) {
                return 0;
            }
            let mut raised = 0;
            for element in elements {
                let (register, rank) = hash::place(element);
                raised += u64::from(hyperloglog::raise_dense(bytes, register, rank));
            }
            if raised > 0 {
                hyperloglog::outdate(bytes);
            }
            raised
        })?;
        let raised = edited.result;
        if raised > 0 {
            self.edited(class::STRING, "pfadd", key);
            self.run.edits += raised - 1;
        }
        Ok(raised > 0)
    }

    /// Gives a key, whatever deadline it has, a string that counts as edited.
    fn put_raw(&mut self, key: &[u8], bytes: Vec<u8>) {
        let value = if bytes.len() < SHARED_BYTES_MIN {
            NewValue::RawString(&bytes)
        } else {
            NewValue::SharedString(bytes.into())
        };
        self.put(key, value, Expiry::Keep);
    }

    /// PFCOUNT of one key. What it counts is cached in the string, which is a change.
    pub fn hyperloglog_count(&mut self, key: &[u8]) -> Result<u64, Failure> {
        let Some(entry) = self.read(key, Access::Read) else {
            return Ok(0);
        };
        let (count, is_cached) = with_bytes(entry, |_, bytes| {
            Ok(match hyperloglog::cached(bytes) {
                Some(count) => (Ok(count), true),
                None => (hyperloglog::count(bytes), false),
            })
        })?;
        self.edit_unseen(key, |bytes| match count {
            Ok(count) if !is_cached => hyperloglog::cache(bytes, count),
            _ => {}
        })?;
        let count = count?;
        if !is_cached {
            self.run.edits += 1;
            self.touch(key);
        }
        Ok(count)
    }

    /// Changes a string (which becomes raw) without a trace of another access.
    fn edit_unseen(&mut self, key: &[u8], write: impl FnOnce(&mut [u8])) -> Result<(), Failure> {
        let clock = self.birth_clock();
        let database = self.database();
        database.set_clock(clock, false);
        strings::edit(database, key, 0, write)?;
        Ok(())
    }

    /// Raises registers to those at `key`; None without key.
    fn merge_into(
        &mut self,
        registers: &mut Registers,
        key: &[u8],
    ) -> Result<Option<Encoding>, Failure> {
        let Some(entry) = self.read(key, Access::Read) else {
            return Ok(None);
        };
        let encoding = with_bytes(entry, |encoding, bytes| {
            hyperloglog::merge(registers, bytes)?;
            Ok(encoding)
        })?;
        Ok(Some(encoding))
    }

    /// PFCOUNT of several keys: the cardinality of their union.
    pub fn hyperloglog_count_union(&mut self, keys: &[&[u8]]) -> Result<u64, Failure> {
        let mut registers = no_registers();
        for key in keys {
            self.merge_into(&mut registers, key)?;
        }
        Ok(hyperloglog::count_registers(&registers))
    }

    /// PFMERGE: `destination` becomes the union of itself and the sources. It is dense
    /// if one of them is.
    pub fn hyperloglog_merge(
        &mut self,
        destination: &[u8],
        sources: &[&[u8]],
    ) -> Result<(), Failure> {
        let sparse_bytes_max = self.settings.collections.hll_sparse_bytes_max;
        let mut registers = no_registers();
        let own = self.merge_into(&mut registers, destination)?;
        let mut is_dense = own == Some(Encoding::Dense);
        for source in sources {
            is_dense |= self.merge_into(&mut registers, source)? == Some(Encoding::Dense);
        }
        let mut bytes = match self.read(destination, Access::Peek) {
            Some(entry) => with_bytes(entry, |_, bytes| Ok(bytes.to_vec()))?,
            None => hyperloglog::empty(),
        };
        if is_dense {
            bytes = hyperloglog::to_dense(&bytes)?;
        }
        for (register, rank) in registers.iter().enumerate() {
            if *rank > 0 {
                hyperloglog::raise(&mut bytes, register, *rank, sparse_bytes_max)?;
            }
        }
        hyperloglog::outdate(&mut bytes);
        self.put_raw(destination, bytes);
        self.edited(class::STRING, "pfadd", destination);
        Ok(())
    }

    /// How the HyperLogLog at `key` is stored, for PFDEBUG; None without key.
    pub fn hyperloglog_encoding(&mut self, key: &[u8]) -> Result<Option<Encoding>, Failure> {
        let Some(entry) = self.read(key, Access::Write) else {
            return Ok(None);
        };
        let encoding = with_bytes(entry, |encoding, _| Ok(encoding))?;
        self.edit_unseen(key, |_| {})?;
        Ok(Some(encoding))
    }

    /// What `look` says of the HyperLogLog at `key`, for PFDEBUG; None without key.
    pub fn with_hyperloglog<R>(
        &mut self,
        key: &[u8],
        look: impl FnOnce(Encoding, &[u8]) -> Result<R, HyperLogLogError>,
    ) -> Result<Option<R>, Failure> {
        let entry = self.read(key, Access::Peek);
        entry.map(|entry| with_bytes(entry, look)).transpose()
    }

    /// PFDEBUG TODENSE: true if it was sparse.
    pub fn hyperloglog_to_dense(&mut self, key: &[u8]) -> Result<bool, Failure> {
        let made = self.with_hyperloglog(key, |encoding, bytes| match encoding {
            Encoding::Sparse => hyperloglog::to_dense(bytes).map(Some),
            Encoding::Dense => Ok(None),
        })?;
        let Some(made) = made.flatten() else {
            return Ok(false);
        };
        // Who asked for the encoding has left the trace of an access already.
        let clock = self.birth_clock();
        let database = self.database();
        database.set_clock(clock, false);
        if let Replaced::Removed(removed) =
            database.set(key, NewValue::RawString(&made), Expiry::Keep)
        {
            self.discard(removed);
        }
        self.run.edits += 1;
        self.touch(key);
        Ok(true)
    }
}
