//! The append-only file for Python: opened, replayed, switched, told of.

use std::path::PathBuf;
use std::sync::Arc;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use rubellite_core::aof::Policy;
use rubellite_core::aof::replay::Problem;
use rubellite_core::dispatch::Engine as CoreEngine;
use rubellite_core::dispatch::append_only;

use crate::call::Call;
use crate::call_persistence::How;
use crate::engine::Engine;

fn policy(name: &str) -> PyResult<Policy> {
    match name {
        "always" => Ok(Policy::Always),
        "everysec" => Ok(Policy::EverySecond),
        "no" => Ok(Policy::Never),
        _ => Err(PyValueError::new_err(format!("no such policy: {name}"))),
    }
}

/// None, or where the whole part of an increment ends.
fn replayed(result: Result<u64, Problem>) -> PyResult<Option<u64>> {
    match result {
        Ok(_) => Ok(None),
        Err(Problem::Truncated { whole }) => Ok(Some(whole)),
        Err(Problem::Io(error)) => Err(error.into()),
        Err(other) => Err(PyValueError::new_err(other.to_string())),
    }
}

/// What INFO tells of the file, or None without one.
fn status<'py>(py: Python<'py>, engine: &mut CoreEngine) -> PyResult<Option<Bound<'py, PyDict>>> {
    let Some(status) = engine.aof_status() else {
        return Ok(None);
    };
    let facts = PyDict::new(py);
    facts.set_item("length", status.length)?;
    facts.set_item("pending_bytes", status.pending_bytes)?;
    facts.set_item("failure", status.failure)?;
    facts.set_item("is_broken", status.is_broken)?;
    facts.set_item("has_lost", status.has_lost)?;
    facts.set_item("is_syncing", status.is_syncing)?;
    facts.set_item("is_synced", status.is_synced)?;
    facts.set_item("delayed_syncs", engine.statistics.counters.delayed_syncs)?;
    Ok(Some(facts))
}

#[pymethods]
impl Engine {
    /// Executes the commands of an increment from `offset` on; returns how many there
    /// were, and None or where the whole part ends if the file ends in the middle.
    ///
    /// Raises `ValueError` where the file is damaged, `OSError` where it cannot be read.
    fn replay(&self, py: Python<'_>, path: PathBuf, offset: u64) -> PyResult<Option<u64>> {
        let mut held = self.cell.lock(py)?;
        let core = &mut *held.core;
        let commands = Arc::clone(&core.engine.commands);
        let (engine, runtime) = (&mut core.engine, &mut core.runtime);
        replayed(append_only::replay(
            &commands, engine, runtime, &path, offset,
        ))
    }

    /// Writes the journal to this file from now on; for the rest see
    /// `Call.configure_appending`.
    fn append_to(
        &self,
        py: Python<'_>,
        path: PathBuf,
        policy: &str,
        notes_time: bool,
        knows_fields: bool,
    ) -> PyResult<()> {
        let policy = self::policy(policy)?;
        let mut held = self.cell.lock(py)?;
        let engine = &mut held.core.engine;
        engine.journal.notes_time = notes_time;
        engine.journal.knows_fields = knows_fields;
        engine.prepare_appending(&path, policy, false)?;
        engine.go_on_appending();
        Ok(())
    }

    /// Gives up a snapshot; no file of it has a name then. False: there was none.
    fn abort_snapshot(&self, py: Python<'_>) -> PyResult<bool> {
        Ok(self.cell.lock(py)?.core.engine.abort_snapshot())
    }

    /// Ends the append-only file; all of it is on disk afterwards.
    fn stop_appending(&self, py: Python<'_>) -> PyResult<()> {
        self.cell.end_handing_over();
        Ok(self.cell.lock(py)?.core.engine.stop_appending()?)
    }

    /// Writes all data to a file while everybody waits; returns its bytes.
    fn save(&self, py: Python<'_>, path: PathBuf, how: &Bound<'_, PyDict>) -> PyResult<u64> {
        let how: How = how.extract()?;
        let mut held = self.cell.lock(py)?;
        let engine = &mut held.core.engine;
        let options = how.options(engine)?;
        Ok(engine.save(&path, &options)?)
    }
}

#[pymethods]
impl Call {
    /// Lets the journal be written to this file from `go_on_appending` on, which the same
    /// command must call. With `repeats` the present file is given up, because an fsync of
    /// it failed: what it may lack goes here; else all of it is on disk then.
    fn prepare_appending(&self, path: PathBuf, policy: &str, repeats: bool) -> PyResult<()> {
        let policy = self::policy(policy)?;
        self.with(|context| Ok(context.engine.prepare_appending(&path, policy, repeats)?))?
    }

    /// As `Engine.replay`, within a command.
    fn replay(&self, path: PathBuf, offset: u64) -> PyResult<Option<u64>> {
        let result = self.with(|context| {
            let (commands, engine) = (context.commands, &mut *context.engine);
            append_only::replay(commands, engine, context.runtime, &path, offset)
        })?;
        replayed(result)
    }

    /// Does what was prepared; cannot fail.
    fn go_on_appending(&self) -> PyResult<()> {
        self.with(|context| context.engine.go_on_appending())
    }

    /// A rewrite has brought back what a failed fsync may have lost.
    fn appended_is_whole(&self) -> PyResult<()> {
        self.with(|context| {
            if let Some(aof) = &mut context.engine.aof {
                aof.is_whole_again();
            }
        })
    }

    /// Ends the append-only file; all of it is on disk afterwards.
    fn stop_appending(&self) -> PyResult<()> {
        self.with(|context| Ok(context.engine.stop_appending()?))?
    }

    /// `appendfsync` and `aof-timestamp-enabled`, for the file that is written to, and
    /// whether its readers know deadlines of fields.
    fn configure_appending(
        &self,
        policy: &str,
        notes_time: bool,
        knows_fields: bool,
    ) -> PyResult<()> {
        let policy = self::policy(policy)?;
        self.with(|context| {
            let engine = &mut *context.engine;
            engine.journal.notes_time = notes_time;
            engine.journal.knows_fields = knows_fields;
            engine.set_aof_policy(policy);
        })
    }

    /// Forces the append-only file to disk now. False: it failed.
    fn sync_appended(&self) -> PyResult<bool> {
        self.with(|context| context.engine.sync_aof())
    }

    /// Facts about the append-only file that is written to; None without one.
    fn appending<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyDict>>> {
        self.with(|context| status(py, context.engine))?
    }
}
