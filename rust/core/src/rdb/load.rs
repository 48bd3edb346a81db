//! Reads files into databases.

use std::io::Read;
use std::sync::Arc;

use super::build::Context;
use super::reader::{Item, Reader};
use super::value::Value;
use super::{Error, Result};
use crate::keyspace::{Batch, Database, Expiry, NewValue};
use crate::output::SHARED_BYTES_MIN;

/// So many of the things passed over are told by name.
const SKIPPED_TOLD_MAX: usize = 16;
/// Memory that a file may have reserved beyond the bytes that were read of it.
const RESERVED_BYTES_MAX: u64 = 64 << 20;
/// Keys loaded between two calls of `on_progress`.
const PROGRESS_KEYS: u64 = 1024;

/// What to do with what is read.
#[derive(Clone, Copy)]
pub struct Options<'a> {
    pub context: Context<'a>,
    pub checks_checksum: bool,
    /// Keys whose deadline has passed are kept: an append-only file goes on with their DEL.
    pub keeps_expired: bool,
    /// A key that is there already is replaced, not a fault.
    pub replaces: bool,
    /// The clock (`Entry::clock`) of keys without one in the file.
    pub clock: u32,
    /// Clocks are access counters, not times.
    pub counts_accesses: bool,
}

/// What was found.
#[derive(Debug, Default)]
pub struct Report {
    pub keys_loaded: u64,
    pub keys_expired: u64,
    /// Hashes and sets all of whose fields or members have expired.
    pub emptied: u64,
    pub aux: Vec<(Vec<u8>, Vec<u8>)>,
    /// Sources of libraries of functions.
    pub libraries: Vec<Vec<u8>>,
    /// What was passed over, the first few by name.
    pub skipped: Vec<String>,
    pub skipped_count: u64,
    pub bytes: u64,
}

impl Report {
    fn skip(&mut self, what: String) {
        self.skipped_count += 1;
        if self.skipped.len() < SKIPPED_TOLD_MAX {
            self.skipped.push(what);
        }
    }
}

/// Loads all of a file. After an error the databases hold what came before it.
pub fn load<R: Read>(
    databases: &mut [Database],
    source: R,
    options: Options<'_>,
    on_progress: &mut dyn FnMut(u64, u64),
) -> Result<Report> {
    let mut reader = Reader::new(source, options.context, options.checks_checksum)?;
    let mut loader = Loader {
        databases,
        options,
        report: Report::default(),
        selected: 0,
        batch: Batch::default(),
        offsets: Vec::new(),
        reserved_bytes: 0,
    };
    let read = loader.read(&mut reader, on_progress);
    // A key that stands twice comes before whatever ended the reading.
    let flushed = loader.flush();
    if loader.reserved_bytes > 0 {
        loader.databases.iter_mut().for_each(Database::trim_reserve);
    }
    flushed.and(read)?;
    Ok(loader.report)
}

/// Puts what is read where it belongs.
struct Loader<'a> {
    databases: &'a mut [Database],
    options: Options<'a>,
    report: Report,
    selected: usize,
    /// Keys on their way into the selected database.
    batch: Batch,
    /// Where in the file they end.
    offsets: Vec<u64>,
    /// What was reserved for keys that may never come.
    reserved_bytes: u64,
}

impl<'a> Loader<'a> {
    fn read<R: Read>(
        &mut self,
        reader: &mut Reader<'_, R>,
        on_progress: &mut dyn FnMut(u64, u64),
    ) -> Result<()> {
        loop {
            match reader.next_item()? {
                Item::Select(number) => {
                    self.flush()?;
                    self.select(number, reader.offset())?;
                }
                Item::Resize { keys, .. } => {
                    self.flush()?;
                    self.reserve(keys, reader.offset());
                }
                Item::Aux { key, value } => {
                    if self.report.aux.len() < SKIPPED_TOLD_MAX {
                        self.report.aux.push((key, value));
                    }
                }
                Item::Library(code) => self.report.libraries.push(code),
                Item::Skipped(what) => self.report.skip(what),
                Item::Key(value) => {
                    if self.selected >= self.databases.len() {
                        return Err(reader.corrupt("a key without a database"));
                    }
                    self.take(reader, value)?;
                    if self.report.keys_loaded % PROGRESS_KEYS == 0 {
                        on_progress(reader.offset(), self.report.keys_loaded);
                    }
                }
                Item::End => {
                    self.report.bytes = reader.offset();
                    return Ok(());
                }
            }
        }
    }

    fn select(&mut self, number: u64, offset: u64) -> Result<()> {
        let count = self.databases.len();
        let known = usize::try_from(number).ok();
        self.selected =
            known
                .filter(|number| *number < count)
                .ok_or_else(|| Error::Unsupported {
                    offset,
                    reason: format!(
                        "database {number} does not exist here (there are {count}; \
                     raise the setting 'databases')"
                    ),
                })?;
        Ok(())
    }

    /// Makes room for as many keys as the file says will follow, but a file that lies
    /// gets no more than it is long and a fixed amount.
    fn reserve(&mut self, keys: u64, offset: u64) {
        if let Some(database) = self.databases.get_mut(self.selected) {
            let allowed = (RESERVED_BYTES_MAX + offset).saturating_sub(self.reserved_bytes);
            let keys = usize::try_from(keys).unwrap_or(usize::MAX);
            let bytes_max = usize::try_from(allowed).unwrap_or(usize::MAX);
            self.reserved_bytes += database.reserve(keys, bytes_max) as u64;
        }
    }

    /// Puts a key into its database, or into the batch for it.
    fn take<R: Read>(&mut self, reader: &mut Reader<'_, R>, value: Value) -> Result<()> {
        let options = self.options;
        let key = reader.key();
        let now_ms = options.context.now_ms;
        if !options.keeps_expired && key.expires_at.is_some_and(|at| at < now_ms) {
            self.report.keys_expired += 1;
            return Ok(());
        }
        let expiry = key.expires_at.map_or(Expiry::None, Expiry::At);
        let clock = clock_of(key.idle_seconds, key.frequency, options);
        let database = &mut self.databases[self.selected];
        database.set_clock(clock, false);
        let mut collection;
        let mut text = Vec::new();
        let new = match value {
            Value::String(mut bytes) if bytes.len() >= SHARED_BYTES_MIN => {
                bytes.shrink_to_fit();
                NewValue::SharedString(Arc::new(bytes))
            }
            Value::String(bytes) => {
                text = bytes;
                NewValue::String(&text)
            }
            Value::Collection(kind, made) => {
                collection = made;
                NewValue::of_detached(kind, &mut collection)
            }
            Value::Expired => {
                self.report.emptied += 1;
                return Ok(());
            }
            Value::Skipped(what) => {
                let name = String::from_utf8_lossy(&key.name).into_owned();
                self.report.skip(format!("the key '{name}': {what}"));
                return Ok(());
            }
        };
        self.report.keys_loaded += 1;
        if options.replaces {
            // Its old value goes with all that it had.
            drop(database.remove(&key.name));
            drop(database.set(&key.name, new, expiry));
        } else {
            self.batch.add(database, &key.name, new, expiry);
            self.offsets.push(reader.offset());
        }
        reader.take_back(text);
        if self.batch.is_full() {
            self.flush()?;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<()> {
        let Some(database) = self.databases.get_mut(self.selected) else {
            return Ok(());
        };
        let flushed = self.batch.flush(database);
        let twice = flushed.map_err(|twice| Error::Corrupt {
            offset: self.offsets[twice.nth],
            reason: "a key stands twice".into(),
        });
        self.offsets.clear();
        twice
    }
}

/// The clock of a key that the file says this of.
pub fn clock_of(idle_seconds: Option<u64>, frequency: Option<u8>, options: Options<'_>) -> u32 {
    const SECONDS: u64 = 1 << 24;
    match (idle_seconds, frequency) {
        (_, Some(count)) if options.counts_accesses => options.clock & 0xff_ff00 | u32::from(count),
        (Some(idle), _) if !options.counts_accesses => {
            let idle = idle.min(SECONDS - 1) as u32;
            options.clock.wrapping_sub(idle) & 0xff_ffff
        }
        _ => options.clock,
    }
}
