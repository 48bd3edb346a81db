//! `Call`'s methods for keys of any type.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList};
use rubellite_core::dispatch::data::{Access, decayed_counter};
use rubellite_core::dispatch::error::ErrorCode;
use rubellite_core::keyspace::Entry;
use rubellite_core::text::glob;

use crate::call::{Arguments, Call, with_arguments};

fn access(name: &str) -> PyResult<Access> {
    match name {
        "write" => Ok(Access::Write),
        "look" => Ok(Access::Look),
        "touch" => Ok(Access::Touch),
        "peek" => Ok(Access::Peek),
        _ => Err(PyValueError::new_err(format!("no such access: {name}"))),
    }
}

/// OBJECT ENCODING's name.
pub fn encoding_name(entry: Entry<'_>) -> &'static str {
    entry.encoding().name(entry.kind())
}

#[pymethods]
impl Call {
    /// Whether `key` is there. `access` says what for: "write" (a command that will not
    /// change it, but might have), "peek" (it leaves no trace, a change will), "look" or
    /// "touch".
    #[pyo3(signature = (key, access = "write"))]
    fn exists(&self, key: &[u8], access: &str) -> PyResult<bool> {
        let access = self::access(access)?;
        self.with(|context| context.engine.exists(key, access))
    }

    /// How many of `keys` are there; one that is named twice counts twice. `access` as in
    /// `exists`.
    fn exists_count(&self, keys: &Arguments, access: &str) -> PyResult<usize> {
        let access = self::access(access)?;
        with_arguments(self, keys, |engine, keys| {
            let keys = keys.iter();
            keys.filter(|key| engine.exists(key, access)).count()
        })
    }

    /// Whether any of the keys of `groups` is there; stops at the first that is.
    fn exists_any(&self, groups: &Arguments) -> PyResult<bool> {
        let stride = groups.stride;
        with_arguments(self, groups, |engine, parts| {
            let mut keys = parts.iter().step_by(stride);
            keys.any(|key| engine.exists(key, Access::Write))
        })
    }

    /// Whether all keys of `groups` are there; stops at the first that is not.
    fn exists_all(&self, groups: &Arguments) -> PyResult<bool> {
        let stride = groups.stride;
        with_arguments(self, groups, |engine, parts| {
            let mut keys = parts.iter().step_by(stride);
            keys.all(|key| engine.exists(key, Access::Write))
        })
    }

    /// Removes `key`. True: it was there.
    fn delete(&self, key: &[u8]) -> PyResult<bool> {
        self.with(|context| context.engine.delete(key))
    }

    /// Removes keys; returns how many were there.
    fn delete_all(&self, keys: &Arguments) -> PyResult<usize> {
        with_arguments(self, keys, |engine, keys| engine.delete_all(keys))
    }

    /// `string`, `list` …, or None without key.
    fn type_name(&self, key: &[u8]) -> PyResult<Option<&'static str>> {
        self.with(|context| {
            context
                .engine
                .read(key, Access::Look)
                .map(|entry| entry.kind().name())
        })
    }

    /// OBJECT ENCODING, or None without key.
    fn encoding(&self, key: &[u8]) -> PyResult<Option<&'static str>> {
        self.with(|context| {
            let entry = context.engine.read(key, Access::Inspect);
            entry.map(encoding_name)
        })
    }

    /// The deadline in milliseconds since 1970; -1 without deadline, -2 without key.
    /// `access` as in `exists`.
    #[pyo3(signature = (key, access = "look"))]
    fn deadline(&self, key: &[u8], access: &str) -> PyResult<i64> {
        let access = self::access(access)?;
        self.with(|context| match context.engine.read(key, access) {
            None => -2,
            Some(entry) => entry.expires_at().unwrap_or(-1),
        })
    }

    /// Sets the deadline; one that has passed lets the key expire at once, and the
    /// journal gets DEL. False without key.
    fn expire(&self, key: &[u8], at_ms: i64) -> PyResult<bool> {
        self.with(|context| context.engine.set_deadline(key, at_ms))
    }

    /// Takes the deadline away. True: there was one.
    fn persist(&self, key: &[u8]) -> PyResult<bool> {
        self.with(|context| context.engine.persist(key))
    }

    /// Renames. False: the new name is taken and `only_if_absent` was asked.
    #[pyo3(signature = (key, new_key, only_if_absent = false))]
    fn rename(
        &self,
        py: Python<'_>,
        key: &[u8],
        new_key: &[u8],
        only_if_absent: bool,
    ) -> PyResult<bool> {
        self.try_with(py, |engine| engine.rename(key, new_key, only_if_absent))
    }

    /// Moves `key` to another database.
    fn move_key(&self, py: Python<'_>, key: &[u8], database: i64) -> PyResult<bool> {
        self.try_with(py, |engine| {
            let database = engine.database_index(database)?;
            if database == engine.run.database {
                return Err(ErrorCode::SourceAndDestinationSame.into());
            }
            Ok(engine.move_key(key, database))
        })
    }

    /// Fails unless there is a database of this number.
    fn check_database(&self, py: Python<'_>, number: i64) -> PyResult<usize> {
        self.try_with(py, |engine| engine.database_index(number))
    }

    /// Copies a key with its deadline. False: no source, or the destination is taken.
    #[pyo3(signature = (source, destination, database, replace = false))]
    fn copy(
        &self,
        py: Python<'_>,
        source: &[u8],
        destination: &[u8],
        database: usize,
        replace: bool,
    ) -> PyResult<bool> {
        self.try_with(py, |engine| {
            if database == engine.run.database && source == destination {
                return Err(ErrorCode::SourceAndDestinationSame.into());
            }
            engine.copy(source, destination, database, replace)
        })
    }

    /// Names of all keys that match.
    fn keys<'py>(&self, py: Python<'py>, pattern: &[u8]) -> PyResult<Bound<'py, PyList>> {
        self.with(|context| {
            let engine = &mut *context.engine;
            let now_ms = engine.now_ms;
            let list = PyList::empty(py);
            let mut failed = None;
            let all = pattern == b"*";
            engine.database().for_each(|entry| {
                let is_due = entry.expires_at().is_some_and(|at| at < now_ms);
                if !is_due && (all || glob::matches(pattern, entry.key(), false)) {
                    if let Err(error) = list.append(PyBytes::new(py, entry.key())) {
                        failed = Some(error);
                    }
                }
            });
            failed.map_or(Ok(list), Err)
        })?
    }

    /// One step of SCAN: the next cursor and keys.
    #[pyo3(signature = (cursor, count, pattern = None, type_name = None))]
    fn scan<'py>(
        &self,
        py: Python<'py>,
        cursor: u64,
        count: usize,
        pattern: Option<&[u8]>,
        type_name: Option<&[u8]>,
    ) -> PyResult<(u64, Bound<'py, PyList>)> {
        self.with(|context| {
            let engine = &mut *context.engine;
            let now_ms = engine.now_ms;
            let mut due: Vec<Vec<u8>> = Vec::new();
            let mut found = Vec::new();
            let next = engine.database().scan(cursor, count, &mut |entry| {
                let matches = pattern.is_none_or(|pattern| {
                    pattern == b"*" || glob::matches(pattern, entry.key(), false)
                });
                let has_type = type_name.is_none_or(|wanted| {
                    wanted.eq_ignore_ascii_case(entry.kind().name().as_bytes())
                });
                if entry.expires_at().is_some_and(|at| at < now_ms) {
                    due.push(entry.key().to_vec());
                } else if matches && has_type {
                    found.push(PyBytes::new(py, entry.key()));
                }
            });
            for key in due {
                engine.expire_if_due(&key);
            }
            Ok((next, PyList::new(py, found)?))
        })?
    }

    /// Any key, or None in an empty database.
    fn random_key<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyBytes>>> {
        // Due keys are removed when they are drawn; when nearly all are due, one of
        // them is better than searching for ever.
        const TRIES_MAX: usize = 100;
        self.with(|context| {
            let engine = &mut *context.engine;
            let mut last = None;
            for _ in 0..TRIES_MAX {
                let mut random = engine.random.clone();
                let entry = engine.database().random(&mut || random.u64(..));
                let key = entry.map(|entry| entry.key().to_vec());
                engine.random = random;
                let key = key?;
                if !engine.expire_if_due(&key) {
                    return Some(PyBytes::new(py, &key));
                }
                last = Some(key);
            }
            last.map(|key| PyBytes::new(py, &key))
        })
    }

    /// How many keys the selected database (or another) has.
    #[pyo3(signature = (database = None))]
    fn database_size(&self, database: Option<usize>) -> PyResult<usize> {
        self.with(|context| {
            let engine = &*context.engine;
            let index = database.unwrap_or(engine.run.database);
            engine
                .databases
                .get(index)
                .map_or(0, |database| database.len())
        })
    }

    /// Empties the selected database, or all; returns how many keys went.
    fn flush(&self, all: bool) -> PyResult<usize> {
        self.with(|context| {
            let database = (!all).then_some(context.engine.run.database);
            context.engine.flush(database)
        })
    }

    fn swap_databases(&self, py: Python<'_>, one: i64, other: i64) -> PyResult<()> {
        self.try_with(py, |engine| {
            let (one, other) = (engine.database_index(one)?, engine.database_index(other)?);
            engine.swap_databases(one, other);
            Ok(())
        })
    }

    /// Whether accesses are counted (an LFU policy); else the time of the last is kept.
    #[getter]
    fn counts_accesses(&self) -> PyResult<bool> {
        self.with(|context| context.engine.settings.counts_accesses)
    }

    /// Seconds since the last access, or None without key.
    fn idle_seconds(&self, key: &[u8]) -> PyResult<Option<i64>> {
        self.with(|context| {
            let engine = &mut *context.engine;
            let now = engine.lru_clock();
            let entry = engine.read(key, Access::Inspect)?;
            Some(i64::from(now.wrapping_sub(entry.clock()) & 0xff_ffff))
        })
    }

    /// The logarithmic access counter, or None without key.
    fn access_frequency(&self, key: &[u8]) -> PyResult<Option<u32>> {
        self.with(|context| {
            let engine = &mut *context.engine;
            let (now_ms, settings) = (engine.now_ms, engine.settings.clone());
            let entry = engine.read(key, Access::Inspect)?;
            Some(decayed_counter(entry.clock(), now_ms, &settings))
        })
    }

    /// Bytes of memory that a key costs, or None without key.
    fn memory_usage(&self, key: &[u8]) -> PyResult<Option<usize>> {
        const SLOT_BYTES: usize = 10;
        self.with(|context| {
            let entry = context.engine.read(key, Access::Peek)?;
            let own = std::alloc::Layout::from_size_align(entry.entry_bytes(), 4)
                .map_or(entry.entry_bytes(), rubellite_core::memory::class_bytes);
            Some(own + entry.memory_bytes() - entry.entry_bytes() + SLOT_BYTES)
        })
    }
}
