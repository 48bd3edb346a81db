//! Reads files into databases.

use std::io::Read;
use std::sync::Arc;

use super::build::Context;
use super::reader::{Item, Reader};
use super::value::Value;
use super::{Error, Result};
use crate::keyspace::{Database, Expiry, NewValue, Replaced};
use crate::output::SHARED_BYTES_MIN;

/// So many of the things passed over are told by name.
const SKIPPED_TOLD_MAX: usize = 16;
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
    let mut report = Report::default();
    let mut selected = 0;
    loop {
        match reader.next_item()? {
            Item::Select(number) => {
                let known = usize::try_from(number).ok();
                selected = known
                    .filter(|number| *number < databases.len())
                    .ok_or_else(|| Error::Unsupported {
                        offset: reader.offset(),
                        reason: format!(
                            "database {number} does not exist here (there are {}; \
                             raise the setting 'databases')",
                            databases.len()
                        ),
                    })?;
            }
            Item::Resize { .. } => {}
            Item::Aux { key, value } => {
                if report.aux.len() < SKIPPED_TOLD_MAX {
                    report.aux.push((key, value));
                }
            }
            Item::Library(code) => report.libraries.push(code),
            Item::Skipped(what) => report.skip(what),
            Item::Key(value) => {
                let database = databases
                    .get_mut(selected)
                    .ok_or_else(|| reader.corrupt("a key without a database"))?;
                if !take(database, &reader, value, options, &mut report) {
                    return Err(reader.corrupt("a key stands twice"));
                }
                if report.keys_loaded % PROGRESS_KEYS == 0 {
                    on_progress(reader.offset(), report.keys_loaded);
                }
            }
            Item::End => {
                report.bytes = reader.offset();
                return Ok(report);
            }
        }
    }
}

/// Puts a key into its database. False: it was there.
fn take<R: Read>(
    database: &mut Database,
    reader: &Reader<'_, R>,
    value: Value,
    options: Options<'_>,
    report: &mut Report,
) -> bool {
    let key = reader.key();
    let now_ms = options.context.now_ms;
    if !options.keeps_expired && key.expires_at.is_some_and(|at| at < now_ms) {
        report.keys_expired += 1;
        return true;
    }
    let expiry = key.expires_at.map_or(Expiry::None, Expiry::At);
    let clock = clock_of(key.idle_seconds, key.frequency, options);
    database.set_clock(clock, false);
    let mut collection;
    let shared;
    let new = match value {
        Value::String(bytes) if bytes.len() >= SHARED_BYTES_MIN => {
            NewValue::SharedString(Arc::new(bytes))
        }
        Value::String(bytes) => {
            shared = bytes;
            NewValue::String(&shared)
        }
        Value::Collection(kind, made) => {
            collection = made;
            NewValue::of_detached(kind, &mut collection)
        }
        Value::Expired => {
            report.emptied += 1;
            return true;
        }
        Value::Skipped(what) => {
            let name = String::from_utf8_lossy(&key.name).into_owned();
            report.skip(format!("the key '{name}': {what}"));
            return true;
        }
    };
    report.keys_loaded += 1;
    if options.replaces {
        // Its old value goes with all that it had.
        drop(database.remove(&key.name));
    }
    matches!(database.set(&key.name, new, expiry), Replaced::Nothing)
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
