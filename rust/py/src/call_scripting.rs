//! `Call`: scripts, as the commands about them see them.

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};
use rubellite_core::dispatch::error::ErrorCode;
use rubellite_core::dispatch::scripting::ScriptFacts;

use crate::border;
use crate::call::Call;

#[pymethods]
impl Call {
    /// Takes a script in; its digest.
    fn load_script<'py>(&self, py: Python<'py>, text: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
        let digest = self.with(|context| {
            let limit = context.engine.settings.script_memory_max;
            let scripts = context.runtime.scripts();
            let digest = scripts.load(text, limit, true);
            scripts.report(&mut context.engine.script_facts);
            digest
        })?;
        let digest = digest.map_err(|failure| border::to_error(py, failure))?;
        Ok(PyBytes::new(py, &digest))
    }

    /// Whether a script of this digest is known.
    fn has_script(&self, digest: &[u8]) -> PyResult<bool> {
        self.with(|context| context.runtime.scripts().exists(digest))
    }

    /// The text of a script, or None.
    fn script_text<'py>(
        &self,
        py: Python<'py>,
        digest: &[u8],
    ) -> PyResult<Option<Bound<'py, PyBytes>>> {
        self.with(|context| {
            let scripts = context.runtime.scripts();
            scripts.text(digest).map(|text| PyBytes::new(py, text))
        })
    }

    /// Forgets all scripts.
    fn flush_scripts(&self) -> PyResult<()> {
        self.with(|context| {
            let scripts = context.runtime.scripts();
            scripts.flush();
            scripts.report(&mut context.engine.script_facts);
        })
    }

    /// Lets the script that runs end as soon as it can, if it has not written.
    ///
    /// Fails with NOT_BUSY, UNKILLABLE or BUSY.
    fn kill_script(&self, py: Python<'_>, is_function: bool) -> PyResult<()> {
        self.try_with(py, |engine| {
            let busy = engine.busy_failure();
            let script = engine.script.as_mut().ok_or(ErrorCode::NotBusy)?;
            if script.is_command && !is_function {
                // What it did so far enters the journal, as after any failure.
                script.is_killed = true;
                return Ok(());
            }
            if script.has_written {
                return Err(ErrorCode::Unkillable.into());
            }
            if script.is_function != is_function {
                return Err(busy);
            }
            script.is_killed = true;
            Ok(())
        })
    }

    /// Fails with BUSY or BUSY_COMMAND while a script or a command takes long.
    fn refuse_if_busy(&self, py: Python<'_>) -> PyResult<()> {
        self.try_with(py, |engine| match &engine.script {
            Some(_) => Err(engine.busy_failure()),
            None => Ok(()),
        })
    }

    /// The function that runs: its name, command, and for how many milliseconds; or None.
    ///
    /// Fails with BUSY where it is no function.
    #[allow(clippy::type_complexity)]
    fn running_function<'py>(
        &self,
        py: Python<'py>,
    ) -> PyResult<Option<(Bound<'py, PyBytes>, Vec<Bound<'py, PyBytes>>, u64)>> {
        self.try_with(py, |engine| {
            let now_ns = engine.clock.monotonic_ns();
            let Some(script) = &engine.script else {
                return Ok(None);
            };
            if !script.is_function {
                return Err(engine.busy_failure());
            }
            let elapsed_ms = now_ns.saturating_sub(script.started_ns) / 1_000_000;
            let command = script.command.iter().map(|word| PyBytes::new(py, word));
            let name = PyBytes::new(py, &script.name);
            Ok(Some((name, command.collect(), elapsed_ms)))
        })
    }

    /// What INFO tells of scripts.
    fn script_facts<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        self.with(|context| {
            let ScriptFacts {
                cached_scripts,
                evicted_scripts,
                functions,
                libraries,
                eval_vm_bytes,
                function_vm_bytes,
                eval_bytes,
                function_bytes,
            } = context.engine.script_facts;
            let facts = PyDict::new(py);
            facts.set_item("cached_scripts", cached_scripts)?;
            facts.set_item("evicted_scripts", evicted_scripts)?;
            facts.set_item("functions", functions)?;
            facts.set_item("libraries", libraries)?;
            facts.set_item("eval_vm_bytes", eval_vm_bytes)?;
            facts.set_item("function_vm_bytes", function_vm_bytes)?;
            facts.set_item("eval_bytes", eval_bytes)?;
            facts.set_item("function_bytes", function_bytes)?;
            Ok(facts)
        })?
    }
}
