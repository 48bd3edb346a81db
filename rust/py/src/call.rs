//! `Call`: what a handler may do while it runs.
//!
//! One `Call` object a nesting depth, used again for every command. It holds a
//! pointer to the running command's context, set before the handler is called and
//! taken away afterwards; whoever kept the object gets an error, not the engine.

use std::cell::Cell;
use std::ops::Range;
use std::ptr;
use std::sync::Arc;
use std::time::Duration;

use pyo3::exceptions::{PyRuntimeError, PyTypeError, PyValueError};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyTuple};
use rubellite_core::dispatch::Engine;
use rubellite_core::dispatch::error::{ErrorCode, Failure};
use rubellite_core::dispatch::journal::Word;
use rubellite_core::dispatch::pipeline::{Invocation, Sink};
use rubellite_core::dispatch::session::OwnedRequest;
use rubellite_core::dispatch::spec::CommandTable;
use rubellite_core::dispatch::timeouts;
use rubellite_core::service::Request;
use rubellite_core::text::integer;

use crate::border;
use crate::runtime::PyRuntime;

/// All that belongs to one running command.
pub struct Context<'a> {
    pub commands: &'a CommandTable,
    pub engine: &'a mut Engine,
    pub runtime: &'a mut PyRuntime,
    pub invocation: &'a Invocation<'a>,
    pub sink: &'a mut dyn Sink,
}

/// How often a handler looks whether its call was given back.
const LENT_PAUSE: Duration = Duration::from_micros(200);

/// What a handler may do while it runs; its first parameter.
#[pyclass(frozen, module = "rubellite._core")]
pub struct Call {
    context: Cell<*mut Context<'static>>,
    thread: Cell<*mut ffi::PyThreadState>,
    serial: Cell<u64>,
    /// The watchdog has borrowed the context, and gives it back soon.
    is_lent: Cell<bool>,
}

// SAFETY: the cells are only touched while holding the GIL; the context is only
// followed by the thread that set it, which `with` checks.
unsafe impl Send for Call {}
// SAFETY: as above.
unsafe impl Sync for Call {}

/// Takes the context out of a call while it is used, so that it cannot be entered twice.
struct Borrowed<'a>(&'a Call, *mut Context<'static>);

impl Drop for Borrowed<'_> {
    fn drop(&mut self) {
        self.0.context.set(self.1);
    }
}

impl Call {
    pub fn new() -> Self {
        Self {
            context: Cell::new(ptr::null_mut()),
            thread: Cell::new(ptr::null_mut()),
            serial: Cell::new(0),
            is_lent: Cell::new(false),
        }
    }

    /// Runs `work` with this call leading to `context`.
    pub fn enter<R>(&self, context: &mut Context<'_>, work: impl FnOnce() -> R) -> R {
        let pointer: *mut Context<'_> = context;
        self.context.set(pointer.cast());
        // SAFETY: a handler is only called by a thread attached to the interpreter.
        self.thread.set(unsafe { ffi::PyThreadState_Get() });
        self.serial.set(self.serial.get() + 1);
        // Also when a panic passes: the context is gone then.
        let _leaving = Borrowed(self, ptr::null_mut());
        work()
    }

    /// Lends what this call leads to; None while it leads nowhere, or is in use.
    pub fn lend(&self) -> Option<*mut Context<'static>> {
        let pointer = self.context.replace(ptr::null_mut());
        if pointer.is_null() {
            return None;
        }
        self.is_lent.set(true);
        Some(pointer)
    }

    pub fn give_back(&self, pointer: *mut Context<'static>) {
        self.context.set(pointer);
        self.is_lent.set(false);
    }

    /// Lets go of the GIL until nobody has borrowed the context.
    #[cold]
    pub fn wait_until_given_back(&self, py: Python<'_>) {
        while self.is_lent.get() {
            py.detach(|| std::thread::sleep(LENT_PAUSE));
        }
    }

    /// The number of the command that runs; `Arguments` of another are void.
    pub fn serial(&self) -> u64 {
        self.serial.get()
    }

    /// Gives access to the running command.
    #[inline]
    pub fn with<R>(&self, work: impl FnOnce(&mut Context<'_>) -> R) -> PyResult<R> {
        if self.is_lent.get() {
            // SAFETY: methods of a Python object are only called by attached threads.
            self.wait_until_given_back(unsafe { Python::assume_attached() });
        }
        let pointer = self.context.replace(ptr::null_mut());
        // SAFETY: methods of a Python object are only called by attached threads.
        let thread = unsafe { ffi::PyThreadState_Get() };
        if pointer.is_null() || thread != self.thread.get() {
            self.context.set(pointer);
            return Err(PyRuntimeError::new_err(
                "this call is over, is in use, or belongs to another thread",
            ));
        }
        let borrowed = Borrowed(self, pointer);
        // SAFETY: `enter` set the pointer for the duration of the handler, which is
        // running on this thread; taking it out of the cell made this use the only one.
        Ok(work(unsafe { &mut *borrowed.1.cast::<Context<'_>>() }))
    }

    /// As `with`, for work that can fail with a reply.
    #[inline]
    pub fn try_with<R>(
        &self,
        py: Python<'_>,
        work: impl FnOnce(&mut Engine) -> Result<R, Failure>,
    ) -> PyResult<R> {
        self.with(|context| work(context.engine))?
            .map_err(|failure| border::to_error(py, failure))
    }
}

/// The arguments that a repeated part of the syntax took: a flat sequence of bytes.
///
/// They are not copied until they are looked at, and belong to their call.
#[pyclass(frozen, sequence, module = "rubellite._core")]
pub struct Arguments {
    call: Py<Call>,
    serial: u64,
    pub first: usize,
    pub count: usize,
    pub stride: usize,
}

impl Arguments {
    pub fn new(call: Py<Call>, serial: u64, first: usize, count: usize, stride: usize) -> Self {
        Self {
            call,
            serial,
            first,
            count,
            stride,
        }
    }

    pub fn check(&self) -> PyResult<&Call> {
        let call = self.call.get();
        if call.serial() == self.serial {
            Ok(call)
        } else {
            Err(PyRuntimeError::new_err(
                "these arguments belong to a call that is over",
            ))
        }
    }
}

#[pymethods]
impl Arguments {
    fn __len__(&self) -> usize {
        self.count
    }

    fn __getitem__<'py>(&self, py: Python<'py>, index: isize) -> PyResult<Bound<'py, PyBytes>> {
        let at = if index < 0 {
            index + self.count as isize
        } else {
            index
        };
        if at < 0 || at >= self.count as isize {
            return Err(pyo3::exceptions::PyIndexError::new_err("no such argument"));
        }
        self.check()?.with(|context| {
            PyBytes::new(py, context.invocation.request.get(self.first + at as usize))
        })
    }

    fn __iter__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        Ok(self.flat(py)?.try_iter()?.into_any())
    }

    /// The argument at `index` as an integer.
    fn integer(&self, py: Python<'_>, index: usize) -> PyResult<i64> {
        if index >= self.count {
            return Err(pyo3::exceptions::PyIndexError::new_err("no such argument"));
        }
        let call = self.check()?;
        let number = call
            .with(|context| integer::parse(context.invocation.request.get(self.first + index)))?;
        number.ok_or_else(|| border::to_error(py, ErrorCode::NotInteger.into()))
    }

    /// The arguments from `index` on.
    fn after(&self, py: Python<'_>, index: usize) -> Self {
        let skipped = index.min(self.count);
        Self {
            call: self.call.clone_ref(py),
            serial: self.serial,
            first: self.first + skipped,
            count: self.count - skipped,
            stride: self.stride,
        }
    }

    /// `count` of them from `first` on, as arguments of their own.
    fn part(&self, py: Python<'_>, first: usize, count: usize) -> PyResult<Arguments> {
        if first.checked_add(count).is_none_or(|end| end > self.count) {
            return Err(pyo3::exceptions::PyIndexError::new_err("no such argument"));
        }
        let call = self.call.clone_ref(py);
        Ok(Arguments::new(
            call,
            self.serial,
            self.first + first,
            count,
            1,
        ))
    }

    /// All of them as a tuple.
    fn flat<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        self.check()?.with(|context| {
            let request = context.invocation.request;
            let range = self.first..self.first + self.count;
            PyTuple::new(py, range.map(|index| PyBytes::new(py, request.get(index))))
        })?
    }

    /// In groups of the syntax's size: `key value [key value ...]` gives pairs.
    fn groups<'py>(&self, py: Python<'py>) -> PyResult<Vec<Bound<'py, PyTuple>>> {
        self.check()?.with(|context| {
            let request = context.invocation.request;
            (self.first..self.first + self.count)
                .step_by(self.stride)
                .map(|at| {
                    let group = at..at + self.stride;
                    PyTuple::new(py, group.map(|index| PyBytes::new(py, request.get(index))))
                })
                .collect::<PyResult<Vec<_>>>()
        })?
    }
}

#[pymethods]
impl Call {
    /// `raw` as an integer, for parameters that are read after the key was looked at.
    #[pyo3(name = "integer")]
    fn late_integer(&self, py: Python<'_>, raw: &[u8]) -> PyResult<i64> {
        let failure = || border::to_error(py, ErrorCode::NotInteger.into());
        integer::parse(raw).ok_or_else(failure)
    }

    /// When a wait of so many seconds is over, in milliseconds since 1970; None: never.
    fn deadline_after(&self, py: Python<'_>, seconds: &[u8]) -> PyResult<Option<i64>> {
        self.try_with(py, |engine| {
            timeouts::deadline_after(seconds, engine.now_ms)
        })
    }
}

/// An error unless `arguments` are those of this call.
pub fn check_arguments(call: &Call, arguments: &Arguments) -> PyResult<()> {
    if arguments.serial == call.serial() && ptr::eq(arguments.call.get(), call) {
        return Ok(());
    }
    Err(PyValueError::new_err(
        "these arguments belong to another call",
    ))
}

/// Access to a call's request from methods that take arguments unread: itself, and
/// which of its arguments they are.
pub fn with_request<R>(
    call: &Call,
    arguments: &Arguments,
    work: impl FnOnce(&mut Engine, Request<'_>, Range<usize>) -> R,
) -> PyResult<R> {
    check_arguments(call, arguments)?;
    call.with(|context| {
        let range = arguments.first..arguments.first + arguments.count;
        work(context.engine, context.invocation.request, range)
    })
}

/// As `with_request`, but with the arguments' bytes.
pub fn with_arguments<R>(
    call: &Call,
    arguments: &Arguments,
    work: impl FnOnce(&mut Engine, &[&[u8]]) -> R,
) -> PyResult<R> {
    with_request(call, arguments, |engine, request, range| {
        let parts: Vec<&[u8]> = range.map(|index| request.get(index)).collect();
        work(engine, &parts)
    })
}

/// As `with_arguments`, for work that can fail with a reply.
pub fn try_with_arguments<R>(
    call: &Call,
    py: Python<'_>,
    arguments: &Arguments,
    work: impl FnOnce(&mut Engine, &[&[u8]]) -> Result<R, Failure>,
) -> PyResult<R> {
    with_arguments(call, arguments, work)?.map_err(|failure| border::to_error(py, failure))
}

/// A sequence of bytes given from Python: unread arguments, or any sequence.
pub fn words(object: &Bound<'_, PyAny>) -> PyResult<Vec<Word>> {
    object
        .try_iter()?
        .map(|item| {
            let item = item?;
            if let Ok(blob) = item.cast::<crate::reply::Blob>() {
                return Ok(Word::Shared(Arc::clone(&blob.get().bytes)));
            }
            let bytes = item
                .cast::<PyBytes>()
                .map_err(|_| PyTypeError::new_err("expected a sequence of bytes"))?;
            Ok(Word::from(bytes.as_bytes()))
        })
        .collect()
}

/// The same as a request.
pub fn request_of(object: &Bound<'_, PyAny>) -> PyResult<OwnedRequest> {
    Ok(OwnedRequest::from_arguments(
        words(object)?.iter().map(|word| &**word),
    ))
}
