//! What tests do to a store: move its time, let it follow another clock, and put a gate in
//! front of its commands.

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyInt, PyList, PyString};
use rubellite_core::dispatch::Core;
use rubellite_core::dispatch::gate::Verdict;
use rubellite_core::service::{ClientId, Request, Service};

use crate::engine::Engine;
use crate::runtime::PyRuntime;

/// Takes the time from the clock that the store follows.
#[cold]
pub fn follow(py: Python<'_>, core: &mut Core<PyRuntime>) {
    let Some(wall) = core.runtime.wall.as_ref().map(|wall| wall.clone_ref(py)) else {
        return;
    };
    match wall
        .call0(py)
        .and_then(|seconds| seconds.extract::<f64>(py))
    {
        Ok(seconds) => core.engine.clock.lead(Some((seconds * 1e6).round() as i64)),
        // It shows what it showed last.
        Err(error) => error.write_unraisable(py, Some(wall.bind(py))),
    }
}

/// What the function that guards the gate says of a request.
pub fn verdict(
    py: Python<'_>,
    guard: &Py<PyAny>,
    client: ClientId,
    request: Request<'_>,
) -> PyResult<Verdict> {
    let words = PyList::new(
        py,
        request
            .iter()
            .map(|word| PyBytes::new(py, word))
            .collect::<Vec<_>>(),
    )?;
    let answer = guard.bind(py).call1((client, words))?;
    if answer.is_none() {
        Ok(Verdict::Pass)
    } else if let Ok(line) = answer.cast::<PyBytes>() {
        Ok(Verdict::Refuse(line.as_bytes().to_vec()))
    } else if answer.cast::<PyInt>().is_ok() {
        Ok(Verdict::Delay(answer.extract()?))
    } else {
        match answer.cast::<PyString>()?.to_str()? {
            "drop" => Ok(Verdict::Drop),
            "lose" => Ok(Verdict::LoseReply),
            other => Err(PyTypeError::new_err(format!("no verdict: {other:?}"))),
        }
    }
}

#[pymethods]
impl Engine {
    /// Moves the store's clock by `ms`, for tests.
    fn advance_clock(&self, py: Python<'_>, ms: i64) -> PyResult<()> {
        let mut held = self.cell.lock(py)?;
        held.core.engine.clock.advance(ms);
        held.core.engine.refresh_clock();
        Ok(())
    }

    /// What the passing of time asks for, as a serving loop does it, for tests.
    fn tick(&self, py: Python<'_>) -> PyResult<()> {
        let mut held = self.cell.lock(py)?;
        held.core.tick();
        held.core.after_replies();
        drop(held);
        // Replies may be there for clients that waited.
        if let Some(waker) = &*self.waker.lock() {
            waker.wake();
        }
        Ok(())
    }

    /// Stops the store's clock at `ms` since 1970, or lets it run again.
    #[pyo3(signature = (ms = None))]
    fn freeze_clock(&self, py: Python<'_>, ms: Option<i64>) -> PyResult<()> {
        let mut held = self.cell.lock(py)?;
        held.core.engine.clock.freeze(ms);
        held.core.engine.refresh_clock();
        Ok(())
    }

    /// Lets the store's clock show what `wall` returns, seconds since 1970, or run by itself.
    #[pyo3(signature = (wall))]
    fn follow_clock(&self, py: Python<'_>, wall: Option<Py<PyAny>>) -> PyResult<()> {
        let mut held = self.cell.lock(py)?;
        held.core.runtime.wall = wall;
        held.core.engine.clock.lead(None);
        follow(py, &mut held.core);
        held.core.engine.refresh_clock();
        Ok(())
    }

    /// Shows each request of a client to `guard`, before it is executed.
    ///
    /// It gets the client's number and the words, and returns None to let it pass, bytes to
    /// answer with that error line, "drop" or "lose" to close the connection before or
    /// after executing it, or milliseconds by which its reply is late.
    #[pyo3(signature = (guard))]
    fn guard_requests(&self, py: Python<'_>, guard: Option<Py<PyAny>>) -> PyResult<()> {
        let mut held = self.cell.lock(py)?;
        held.core.engine.gate.is_on = guard.is_some();
        held.core.runtime.guard = guard;
        Ok(())
    }
}
