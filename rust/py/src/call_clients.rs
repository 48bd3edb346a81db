//! `Call`'s methods for CLIENT, MONITOR and the logs of commands.

use pyo3::exceptions::{PyIndexError, PyKeyError};
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use rubellite_core::dispatch::blocking::WaitEnd;

use crate::call::{Arguments, Call};

#[pymethods]
impl Call {
    /// Keeps the argument at `index` of `arguments` out of MONITOR and the command logs.
    fn redact(&self, arguments: &Arguments, index: usize) -> PyResult<()> {
        if index >= arguments.count {
            return Err(PyIndexError::new_err("no such argument"));
        }
        self.with(|context| context.engine.run.secrets.push(arguments.first + index))
    }

    /// What the engine was made with under this name.
    fn part<'py>(&self, py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyAny>> {
        let parts = self.with(|context| {
            let parts = context.runtime.parts.as_ref();
            parts.map(|parts| parts.clone_ref(py))
        })?;
        let part = match &parts {
            Some(parts) => parts.bind(py).get_item(name)?,
            None => None,
        };
        part.ok_or_else(|| PyKeyError::new_err(name.to_owned()))
    }

    /// True inside EXEC and scripts, where nothing may wait.
    #[getter]
    fn denies_blocking(&self) -> PyResult<bool> {
        self.with(|context| context.engine.run.denies_blocking)
    }

    /// Ends a client's wait for a key, as if its time were up or with UNBLOCKED. False: it
    /// does not wait.
    fn unblock(&self, client: u64, with_error: bool) -> PyResult<bool> {
        let end = if with_error {
            WaitEnd::Refused
        } else {
            WaitEnd::TimedOut
        };
        self.with(|context| context.engine.unblock(client, end))
    }

    /// The argument at `index`, counted from the command's name, as the client wrote it.
    fn argument<'py>(&self, py: Python<'py>, index: usize) -> PyResult<Bound<'py, PyBytes>> {
        self.with(|context| {
            let request = context.invocation.request;
            if index >= request.len() {
                return Err(PyIndexError::new_err("no such argument"));
            }
            Ok(PyBytes::new(py, request.get(index)))
        })?
    }

    /// Bytes of the running command's arguments.
    #[getter]
    fn request_bytes(&self) -> PyResult<usize> {
        self.with(|context| context.invocation.request.lengths().sum())
    }
}
