//! Ctrl-C inside a call from this process: it is the caller's, not a bug of the command.
//!
//!     db.call ── handler ── KeyboardInterrupt ──▶ kept ── the request is settled ──▶ raised
//!
//! Python raises it in the main thread between two instructions of whatever runs there,
//! so in handlers, too. So it is with SystemExit, and with all else that is no
//! `Exception`. The command was executed as a whole, in part or not at all: the journal gets
//! the state of its keys (`dispatch::aftermath`). What is not the caller's own command is
//! finished: the others of its EXEC, and those of clients whose wait it has ended.
//!
//! On the event loop nobody called: there it stays a failure of the command.

use pyo3::exceptions::PyException;
use pyo3::prelude::*;
use rubellite_core::dispatch::Engine;
use rubellite_core::dispatch::aftermath::Bug;
use rubellite_core::dispatch::arguments::Arguments as Values;
use rubellite_core::dispatch::pipeline::{Invocation, Sink};
use rubellite_core::dispatch::spec::CommandTable;

use crate::call::Call;
use crate::reply::{Special, SpecialKind};
use crate::runtime::PyRuntime;
use crate::watchdog::Killed;

impl PyRuntime {
    /// Runs a caller's request and gives what interrupted it, for the caller.
    pub fn interruptible<R>(
        &mut self,
        work: impl FnOnce(&mut PyRuntime) -> R,
    ) -> (R, Option<PyErr>) {
        self.has_caller = true;
        let result = work(self);
        self.has_caller = false;
        (result, self.interruption.take())
    }

    /// Keeps an exception for the caller; false: it is the command's.
    pub fn keeps(&mut self, py: Python<'_>, error: &PyErr) -> bool {
        let is_callers = self.has_caller
            && !error.is_instance_of::<PyException>(py)
            && !error.is_instance_of::<Killed>(py);
        if is_callers && self.interruption.is_none() {
            self.interruption = Some(error.clone_ref(py));
        }
        is_callers
    }

    /// What an interrupted built-in command answers, if it is not the caller's own: where
    /// nothing was changed yet it is run again; where its reply stands behind `pending`
    /// bytes, that is it.
    #[cold]
    #[allow(clippy::too_many_arguments)]
    pub fn survive<'py>(
        &mut self,
        py: Python<'py>,
        call: &Py<Call>,
        commands: &CommandTable,
        engine: &mut Engine,
        invocation: &Invocation<'_>,
        values: &Values<'_>,
        sink: &mut dyn Sink,
        pending: usize,
        mut error: PyErr,
    ) -> PyResult<Bound<'py, PyAny>> {
        if commands.specs[invocation.command].name == "exec" {
            // It must not wait for another EXEC.
            engine.forget_transaction(invocation.client);
        }
        while engine.runs_for_others() {
            let output = sink
                .resp()
                .filter(|output| output.bytes_pending() > pending);
            if engine.run.edits > 0 {
                if output.is_none() {
                    break;
                }
                engine.run.bug = Bug::Exception;
                let kind = SpecialKind::Nothing;
                return Ok(Bound::new(py, Special { kind })?.into_any());
            }
            if let Some(output) = output {
                output.truncate(pending);
            }
            let result =
                self.run_handler(py, call, commands, engine, invocation, values, sink, None);
            match result {
                Err(again) if self.keeps(py, &again) => error = again,
                result => return result,
            }
        }
        Err(error)
    }
}
