//! `Call`'s methods for what is written to disk and read from there.

use std::path::{Path, PathBuf};
use std::time::Duration;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};
use rubellite_core::dispatch::Engine;
use rubellite_core::dispatch::persistence::{Before, Restored, Restoring};
use rubellite_core::dispatch::saving::End;
use rubellite_core::rdb::save::Options;
use rubellite_core::rdb::snapshot::Task;
use rubellite_core::rdb::{Error, Format};

use crate::border;
use crate::call::{Arguments, Call, with_arguments};
use crate::runtime::PyRuntime;

fn format(name: &str) -> PyResult<Format> {
    Format::named(name).ok_or_else(|| PyValueError::new_err(format!("no such format: {name}")))
}

/// What Python says of how a file is to be written.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub struct How {
    format: String,
    compresses: bool,
    has_checksum: bool,
    syncs_early: bool,
    saves_clocks: bool,
    is_aof_base: bool,
    fields: Vec<(Vec<u8>, Vec<u8>)>,
}

impl How {
    pub fn options(self, engine: &Engine) -> PyResult<Options> {
        let format = format(&self.format)?;
        let mut options = engine.save_options(format, self.compresses, self.has_checksum);
        options.syncs_early = self.syncs_early;
        if self.saves_clocks {
            options.clocks = engine.saved_clocks();
        }
        options.header.is_aof_base = self.is_aof_base;
        options.header.fields = self.fields;
        Ok(options)
    }
}

/// Loads a file and tells what was in it.
///
/// Raises `OSError` where the file cannot be read, `ValueError` where it is damaged.
pub fn load<'py>(
    py: Python<'py>,
    engine: &mut Engine,
    runtime: &mut PyRuntime,
    path: &str,
    checks_checksum: bool,
    before: Before,
) -> PyResult<Bound<'py, PyDict>> {
    let mut take_libraries = |engine: &mut Engine, sources: &[Vec<u8>]| {
        let taken = runtime.with_functions(engine, |functions, engine, runtime| {
            functions.take_file(engine, runtime, sources, before)
        });
        taken.map_err(|failure| {
            let line = engine.errors.line(&failure);
            let text = String::from_utf8_lossy(&line).into_owned();
            format!("a library of functions: {text}")
        })
    };
    let path = Path::new(path);
    let loaded = engine.load_file(path, checks_checksum, before, &mut take_libraries);
    let report = loaded.map_err(|error| match error {
        Error::Io(error) => PyErr::from(error),
        other => PyValueError::new_err(other.to_string()),
    })?;
    let facts = PyDict::new(py);
    facts.set_item("keys_loaded", report.keys_loaded)?;
    facts.set_item("libraries", report.libraries.len())?;
    facts.set_item("keys_expired", report.keys_expired)?;
    facts.set_item("emptied", report.emptied)?;
    let aux = PyDict::new(py);
    for (key, value) in &report.aux {
        aux.set_item(
            border::decode_text(py, key)?,
            border::decode_text(py, value)?,
        )?;
    }
    facts.set_item("aux", aux)?;
    facts.set_item("skipped", report.skipped)?;
    facts.set_item("skipped_count", report.skipped_count)?;
    facts.set_item("bytes", report.bytes)?;
    Ok(facts)
}

#[pymethods]
impl Call {
    /// Writes all data to a file while everybody waits; returns its bytes.
    fn save(&self, path: PathBuf, how: &Bound<'_, PyDict>) -> PyResult<u64> {
        let how: How = how.extract()?;
        self.with(|context| {
            let options = how.options(context.engine)?;
            Ok(context.engine.save(&path, &options)?)
        })?
    }

    /// Begins to write all data, as they are now, to a file while commands go on.
    #[pyo3(signature = (path, how, survives_flush = false, key_delay_us = 0))]
    fn start_snapshot(
        &self,
        path: PathBuf,
        how: &Bound<'_, PyDict>,
        survives_flush: bool,
        key_delay_us: u64,
    ) -> PyResult<()> {
        let how: How = how.extract()?;
        self.with(|context| {
            let options = how.options(context.engine)?;
            context.engine.start_snapshot(Task {
                path,
                options,
                survives_flush,
                key_delay: Duration::from_micros(key_delay_us),
            });
            Ok(())
        })?
    }

    /// Gives up a snapshot; no file of it has a name then. False: there was none.
    fn abort_snapshot(&self) -> PyResult<bool> {
        self.with(|context| context.engine.abort_snapshot())
    }

    /// Whether a snapshot is being written.
    #[getter]
    fn is_saving(&self) -> PyResult<bool> {
        self.with(|context| context.engine.is_saving())
    }

    /// Whether a snapshot that is asked for now begins now, and not a moment later.
    #[getter]
    fn may_start_snapshot(&self) -> PyResult<bool> {
        self.with(|context| context.engine.may_start_snapshot())
    }

    /// Facts about the snapshot that is being written.
    fn snapshot<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let found = self.with(|context| context.engine.snapshot_facts())?;
        let facts = PyDict::new(py);
        facts.set_item("is_running", found.is_running)?;
        facts.set_item("started_ms", found.started_ms)?;
        facts.set_item("keys", found.keys)?;
        facts.set_item("keys_total", found.keys_total)?;
        facts.set_item("extra_bytes", found.extra_bytes)?;
        facts.set_item("extra_bytes_peak", found.extra_bytes_peak)?;
        Ok(facts)
    }

    /// How the last snapshot ended, once: ("written", "failed" or "given up", why it failed,
    /// when begun, when ended in ms).
    fn snapshot_outcome(&self) -> PyResult<Option<(&'static str, String, i64, i64)>> {
        self.with(|context| {
            context.engine.take_snapshot_outcome().map(|outcome| {
                let (end, reason) = match outcome.end {
                    End::Written(_) => ("written", String::new()),
                    End::Failed(error) => ("failed", error.to_string()),
                    End::GivenUp => ("given up", String::new()),
                };
                (end, reason, outcome.started_ms, outcome.ended_ms)
            })
        })
    }

    /// How many changes were made since all data were saved.
    #[getter]
    fn changes_since_save(&self) -> PyResult<u64> {
        self.with(|context| context.engine.dirty_since_save)
    }

    /// Loads a file: `before` is "replaced", "kept" or "merged", and tells what becomes of
    /// the data of now. For `keeps_expired` see `Engine.load`.
    #[pyo3(signature = (path, checks_checksum, before, keeps_expired = false))]
    fn load<'py>(
        &self,
        py: Python<'py>,
        path: &str,
        checks_checksum: bool,
        before: &str,
        keeps_expired: bool,
    ) -> PyResult<Bound<'py, PyDict>> {
        let before = match before {
            "replaced" => Before::Replaced,
            "kept" => Before::Kept,
            "merged" => Before::Merged,
            _ => return Err(PyValueError::new_err(format!("no such way: {before}"))),
        };
        self.with(|context| {
            let (engine, runtime) = (&mut *context.engine, &mut *context.runtime);
            engine.is_replaying = keeps_expired;
            let report = load(py, engine, runtime, path, checks_checksum, before);
            engine.is_replaying = false;
            report
        })?
    }

    /// DUMP: the value at `key` as bytes, or None without key.
    fn dump<'py>(
        &self,
        py: Python<'py>,
        key: &[u8],
        format_name: &str,
        compresses: bool,
    ) -> PyResult<Option<Bound<'py, PyBytes>>> {
        let format = format(format_name)?;
        let dumped = self.with(|context| context.engine.dump(key, format, compresses))?;
        Ok(dumped.map(|bytes| PyBytes::new(py, &bytes)))
    }

    /// RESTORE: gives `key` the value of the dump that stands at `index` of `words`.
    /// Answers "made", "told" (made, and the journal has it), "removed" or "nothing".
    #[pyo3(signature = (
        key, words, index, expires_at = None, idle_seconds = None, frequency = None,
    ))]
    #[allow(clippy::too_many_arguments)]
    fn restore(
        &self,
        py: Python<'_>,
        key: &[u8],
        words: &Arguments,
        index: usize,
        expires_at: Option<i64>,
        idle_seconds: Option<u64>,
        frequency: Option<u8>,
    ) -> PyResult<&'static str> {
        let how = Restoring {
            expires_at,
            idle_seconds,
            frequency,
        };
        let restored = with_arguments(self, words, |engine, words| {
            let payload = words.get(index).copied().unwrap_or_default();
            engine.restore(key, payload, how)
        })?
        .map_err(|failure| border::to_error(py, failure))?;
        Ok(match restored {
            Restored::Made => "made",
            Restored::Told => "told",
            Restored::Removed => "removed",
            Restored::Nothing => "nothing",
        })
    }
}
