//! Saving and loading while everybody waits, and values as strings of bytes (DUMP, RESTORE).

use std::fs::File;
use std::io;
use std::path::Path;

use super::data::Access;
use super::engine::{Engine, Propagation};
use super::error::{ErrorCode, Failure};
use super::notify::class;
use super::state::effects_of;
use crate::keyspace::{Database, Expiry, NewValue};
use crate::rdb::build::Context;
use crate::rdb::load::{self, Report, clock_of};
use crate::rdb::save::{self, Options};
use crate::rdb::value::Value;
use crate::rdb::{self, Error, Format, dump};

/// What RESTORE did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Restored {
    Made,
    /// As above, and the journal has it already, as commands: not every server that may
    /// read it knows such a payload.
    Told,
    /// What was to be made has expired already; an older value is gone.
    Removed,
    /// As above, and there was none.
    Nothing,
}

/// What becomes of the data when a file is loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Before {
    /// They go, if the file is whole.
    Replaced,
    /// They stay; a key that is in the file, too, is an error.
    Kept,
    /// They stay, but for keys that are in the file, too.
    Merged,
}

/// How a value is to be restored.
#[derive(Debug, Clone, Copy, Default)]
pub struct Restoring {
    /// Milliseconds since 1970.
    pub expires_at: Option<i64>,
    pub idle_seconds: Option<u64>,
    pub frequency: Option<u8>,
}

/// Loads the functions of a file, or says what is wrong with them.
pub type TakeLibraries<'a> = dyn FnMut(&mut Engine, &[Vec<u8>]) -> Result<(), String> + 'a;

impl Engine {
    /// Writes all databases while everybody waits. Returns the bytes of the file.
    pub fn save(&mut self, path: &Path, options: &Options) -> io::Result<u64> {
        let bytes = save::save(&self.databases, options, path)?;
        self.dirty_since_save = 0;
        Ok(bytes)
    }

    fn rdb_context(&self) -> Context<'_> {
        let limits = &self.settings.collections;
        Context {
            hashes: limits.of_hashes(&self.seed),
            sets: limits.of_sets(&self.seed),
            sorted_sets: limits.of_sorted_sets(&self.seed),
            lists: limits.of_lists(),
            now_ms: self.alive_ms(),
        }
    }

    fn load_options(&self) -> load::Options<'_> {
        load::Options {
            context: self.rdb_context(),
            checks_checksum: true,
            keeps_expired: false,
            replaces: false,
            clock: self.birth_clock(),
            counts_accesses: self.settings.counts_accesses,
        }
    }

    /// Loads a file; `take_libraries` gets its functions, and says what is wrong with them.
    /// After an error the data are as before, unless they were to stay: then what came
    /// before the error is among them.
    pub fn load_file(
        &mut self,
        path: &Path,
        checks_checksum: bool,
        before: Before,
        take_libraries: &mut TakeLibraries<'_>,
    ) -> rdb::Result<Report> {
        let file = File::open(path).map_err(Error::Io)?;
        self.abort_snapshot();
        // No entry may be left with another colour than the rest.
        self.finish_recolouring();
        let mut databases = if before == Before::Replaced {
            let fresh = || Database::new(self.seed.clone());
            self.databases.iter().map(|_| fresh()).collect()
        } else {
            std::mem::take(&mut self.databases)
        };
        let options = load::Options {
            checks_checksum,
            replaces: before == Before::Merged,
            ..self.load_options()
        };
        let mut loaded = load::load(&mut databases, file, options, &mut |_, _| {});
        if let Ok(report) = &loaded
            && let Err(reason) = take_libraries(self, &report.libraries)
        {
            let offset = report.bytes;
            loaded = Err(Error::Corrupt { offset, reason });
        }
        if before == Before::Replaced && loaded.is_err() {
            return loaded;
        }
        let old = std::mem::replace(&mut self.databases, databases);
        self.freer.free(old);
        if before == Before::Replaced {
            self.dirty_since_save = 0;
        }
        loaded
    }

    /// DUMP: the value at `key` as bytes.
    pub fn dump(&mut self, key: &[u8], format: Format, compresses: bool) -> Option<Vec<u8>> {
        let entry = self.read(key, Access::Read)?;
        Some(dump::dump(entry, format, compresses))
    }

    /// RESTORE: gives `key` the value that a dump holds, whatever it had.
    pub fn restore(
        &mut self,
        key: &[u8],
        payload: &[u8],
        how: Restoring,
    ) -> Result<Restored, Failure> {
        let family = dump::judge(payload).ok_or(ErrorCode::WrongDump)?;
        let context = self.rdb_context();
        let value = dump::restore(payload, family, context).map_err(|error| match error {
            Error::Unsupported { reason, .. } => Failure::With(ErrorCode::UnsupportedDump, reason),
            Error::Io(_) | Error::Corrupt { .. } => ErrorCode::BadDump.into(),
        })?;
        if let Value::Skipped(what) = value {
            return Err(Failure::With(ErrorCode::UnsupportedDump, what));
        }
        let was_there = self.remove_quietly(key);
        let is_over = how.expires_at.is_some_and(|at| at <= self.now_ms);
        if is_over || matches!(value, Value::Expired) {
            if !was_there {
                return Ok(Restored::Nothing);
            }
            self.edited(class::GENERIC, "del", key);
            return Ok(Restored::Removed);
        }
        let expiry = how.expires_at.map_or(Expiry::None, Expiry::At);
        match value {
            Value::Collection(kind, mut made) => {
                self.put(key, NewValue::of_detached(kind, &mut made), expiry);
            }
            Value::String(bytes) => drop(self.put(key, NewValue::String(&bytes), expiry)),
            Value::Skipped(_) | Value::Expired => {}
        }
        let clock = clock_of(how.idle_seconds, how.frequency, self.load_options());
        if let Some(entry) = self.database().find(key) {
            entry.set_clock(clock);
        }
        self.edited(class::GENERIC, "restore", key);
        if !self.journal.is_read() || dump::is_known_to_all(payload) {
            return Ok(Restored::Made);
        }
        let database = self.run.database;
        let effects = effects_of(database, key, self.databases[database].find(key));
        self.run.propagation = Propagation::Instead(effects);
        Ok(Restored::Told)
    }

    /// Takes a key out without telling anybody; false if it is not there (any more).
    fn remove_quietly(&mut self, key: &[u8]) -> bool {
        if self.expire_if_due(key) {
            return false;
        }
        let removed = self.database().remove(key);
        let was_there = removed.is_some();
        if let Some(removed) = removed {
            self.discard(removed);
        }
        was_there
    }
}
