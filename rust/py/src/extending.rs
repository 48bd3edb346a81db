//! What users add to the engine, and what their commands do beyond the built-in ones'.

use pyo3::exceptions::{PyRuntimeError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyList, PyTuple};
use rubellite_core::dispatch::extending;
use rubellite_core::dispatch::spec::{CommandSpec, flag};

use crate::border;
use crate::call::Call;
use crate::embedded;
use crate::engine::{Engine, command_entries};
use crate::objects::{Item, Reader};
use crate::runtime::Handler;

#[pymethods]
impl Engine {
    /// Adds commands to those that there are; their names must be new. Not from inside a
    /// command.
    fn add_commands(&self, py: Python<'_>, commands: &Bound<'_, PyList>) -> PyResult<()> {
        let entries = command_entries(py, commands)?;
        let mut held = self.cell.lock(py)?;
        let (specs, handlers): (Vec<CommandSpec>, Vec<Handler>) = entries.into_iter().unzip();
        let known = &held.core.engine.commands.specs;
        if let Some(spec) = specs
            .iter()
            .find(|spec| known.iter().any(|one| one.name == spec.name))
        {
            return Err(PyValueError::new_err(format!(
                "there is a command {:?} already",
                spec.name
            )));
        }
        let evaluations = specs
            .iter()
            .map(|spec| rubellite_lua::evaluation_of(&spec.name));
        held.core.runtime.evaluations.extend(evaluations);
        held.core.runtime.handlers.extend(handlers);
        held.core.add_commands(specs);
        Ok(())
    }

    /// Lets `hook` add commands before a call of this process whose command is not there;
    /// None: all are.
    fn when_missing(&self, py: Python<'_>, hook: Option<Py<PyAny>>) -> PyResult<()> {
        self.cell.lock(py)?.core.runtime.on_missing = hook;
        Ok(())
    }

    /// Lets `function` hear of `event` (None: of any) of keys that match; the log names it
    /// so. Not from inside a command.
    fn add_trigger(
        &self,
        py: Python<'_>,
        function: Py<PyAny>,
        name: String,
        event: Option<&str>,
        pattern: &[u8],
    ) -> PyResult<()> {
        let mut held = self.cell.lock(py)?;
        held.core.engine.triggers.add(event, pattern);
        held.core.runtime.triggers.push((function, name));
        Ok(())
    }
}

#[pymethods]
impl Call {
    /// Adds to the number at `key`, a missing one being 0; returns the sum. Built-in
    /// commands do it natively; users' own want it, too.
    fn increment(&self, py: Python<'_>, key: &[u8], delta: i64) -> PyResult<i64> {
        self.try_with(py, |engine| engine.increment_string(key, delta))
    }

    /// Executes another command as a part of the one that runs; its reply as plain Python.
    #[pyo3(signature = (*arguments))]
    fn execute<'py>(
        &self,
        py: Python<'py>,
        arguments: &Bound<'py, PyTuple>,
    ) -> PyResult<Bound<'py, PyAny>> {
        if arguments.is_empty() {
            return Err(PyTypeError::new_err("which command?"));
        }
        let request = embedded::request(arguments, None)?;
        let replied = self.with(|context| {
            if !context
                .engine
                .sessions
                .contains_key(&context.invocation.client)
            {
                return Err(PyRuntimeError::new_err(
                    "nobody asks, so nothing is executed",
                ));
            }
            let flags = match context.engine.run.is_trigger {
                true => flag::WRITE,
                false => context.commands.specs[context.invocation.command].flags,
            };
            let replied = extending::execute(
                context.commands,
                context.engine,
                context.runtime,
                flags,
                request.as_request(),
            );
            // It goes through the command that executes, too, as through any function.
            if let Some(interruption) = context.runtime.interruption.take() {
                return Err(interruption);
            }
            replied.map_err(|failure| border::to_error(py, failure))
        })?;
        let bytes = replied?.take_bytes();
        let mut reader = Reader::new(&bytes, false);
        let mut reply = None;
        while let Some(item) = reader.next(py)? {
            match item {
                Item::Reply(object) => reply = Some(object),
                Item::Error(error) => return Err(error),
                Item::Push => {}
            }
        }
        Ok(reply.unwrap_or_else(|| py.None().into_bound(py)))
    }
}

/// What a user's handler did wrong though it returned, if anything.
pub fn mistake(
    spec: &CommandSpec,
    edits: u64,
    has_executed_edits: bool,
    is_blocked: bool,
) -> Option<PyErr> {
    if edits == 0 && !(is_blocked && has_executed_edits) {
        return None;
    }
    if is_blocked {
        return Some(PyRuntimeError::new_err(
            "a command that waits must not have changed anything before",
        ));
    }
    if spec.flags & (flag::WRITE | flag::MAY_REPLICATE) == 0 {
        return Some(PyRuntimeError::new_err(
            "a command that changes keys must be flagged WRITE",
        ));
    }
    None
}

/// What the client is told of an exception: the command, the exception and the first line
/// of its text.
pub fn failure_detail(py: Python<'_>, command: &str, error: &PyErr) -> String {
    const TEXT_CHARACTERS_MAX: usize = 200;
    let kind = error
        .get_type(py)
        .name()
        .map_or_else(|_| "Exception".to_owned(), |name| name.to_string());
    let text = error.value(py).str().map_or_else(
        |_| String::new(),
        |text| text.to_string_lossy().into_owned(),
    );
    let line: String = text
        .lines()
        .next()
        .unwrap_or_default()
        .chars()
        .take(TEXT_CHARACTERS_MAX)
        .collect();
    if line.is_empty() {
        format!("'{command}': {kind}")
    } else {
        format!("'{command}': {kind}: {line}")
    }
}
