//! A client inside the process: arguments in, Python objects out, no socket between.
//!
//! Its requests go the way of all requests (`pipeline::execute`), its replies are RESP
//! like everybody's and are read right away. A command that waits for a key lets go of
//! the engine and of the GIL; Ctrl-C ends the wait, and nothing is consumed.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use parking_lot::{Condvar, Mutex, MutexGuard};
use pyo3::exceptions::{PyConnectionResetError, PyOSError, PyRuntimeError, PyTypeError};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyFloat, PyInt, PyString, PyTuple};
use rubellite_core::dispatch::direct::SetDirectly;
use rubellite_core::dispatch::session::{Alarm, Close, OwnedRequest};
use rubellite_core::dispatch::{Core, pipeline};
use rubellite_core::keyspace::Value;
use rubellite_core::net::Waker;
use rubellite_core::reply::Protocol;
use rubellite_core::service::{ClientId, Flow};

use crate::border;
use crate::cell::Cell;
use crate::functions;
use crate::objects::{Item, Reader};
use crate::reply::Blob;
use crate::runtime::PyRuntime;

/// How often a wait looks for signals (Ctrl-C).
const SIGNAL_CHECK: Duration = Duration::from_millis(50);

/// How often this process came out of a fork.
static FORKS: AtomicU32 = AtomicU32::new(0);

/// To be called in a child after a fork: sessions of before are void there, for the
/// engine's thread is the parent's.
#[pyfunction]
pub fn note_fork() {
    FORKS.fetch_add(1, Ordering::Relaxed);
}

/// One client inside the process. Safe to use from several threads; a call that waits
/// holds up the others.
#[pyclass(frozen, module = "rubellite._core")]
pub struct EmbeddedSession {
    cell: Arc<Cell>,
    waker: Arc<Mutex<Option<Waker>>>,
    client: ClientId,
    alarm: Arc<Alarm>,
    decodes: bool,
    /// Turns an argument that is not bytes, str, int or float into bytes.
    encode: Option<Py<PyAny>>,
    /// Makes the calls in a child after a fork, where the engine is not.
    elsewhere: Option<Py<PyAny>>,
    is_busy: Mutex<bool>,
    is_free: Condvar,
    forks: u32,
}

/// Builds a request. The first argument may be several words: `CONFIG GET`; `encode`
/// makes bytes of what is not bytes, str, int or float.
pub fn request(
    arguments: &Bound<'_, PyTuple>,
    encode: Option<&Py<PyAny>>,
) -> PyResult<OwnedRequest> {
    if arguments.is_empty() {
        return Err(PyTypeError::new_err("which command?"));
    }
    let mut builder = OwnedRequest::builder(arguments.len());
    for (index, argument) in arguments.iter_borrowed().enumerate() {
        if let Ok(bytes) = argument.cast_exact::<PyBytes>() {
            builder.push(bytes.as_bytes());
        } else if let Ok(text) = argument.cast_exact::<PyString>() {
            let text = text.to_str()?;
            // Blanks alone are a name, too, if not a good one.
            if index == 0 && text.contains(' ') && !text.trim_ascii().is_empty() {
                text.split_ascii_whitespace()
                    .for_each(|word| builder.push(word.as_bytes()));
            } else {
                builder.push(text.as_bytes());
            }
        } else if argument.cast_exact::<PyInt>().is_ok() {
            match argument.extract::<i64>() {
                Ok(number) => builder.push(itoa::Buffer::new().format(number).as_bytes()),
                Err(_) => builder.push(argument.str()?.to_str()?.as_bytes()),
            }
        } else if argument.cast_exact::<PyFloat>().is_ok() {
            builder.push(argument.repr()?.to_str()?.as_bytes());
        } else if let Ok(blob) = argument.cast_exact::<Blob>() {
            builder.push(&blob.get().bytes);
        } else {
            let encode = encode.ok_or_else(|| {
                PyTypeError::new_err("an argument must be bytes, str, int or float")
            })?;
            let py = argument.py();
            let encoded = encode.call1(py, (argument,))?;
            // redis-py passes on what is like bytes.
            let bytes = py.get_type::<PyBytes>().call1((encoded,))?;
            builder.push(bytes.cast::<PyBytes>()?.as_bytes());
        }
    }
    Ok(builder.finish())
}

/// The turn of one call; ends when it is dropped.
struct Turn<'a>(&'a EmbeddedSession);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        *self.0.is_busy.lock() = false;
        self.0.is_free.notify_one();
    }
}

/// What bytes and text say; None for everything else.
#[inline]
fn bytes_of<'a>(argument: &'a Bound<'_, PyAny>) -> Option<&'a [u8]> {
    if let Ok(bytes) = argument.cast_exact::<PyBytes>() {
        Some(bytes.as_bytes())
    } else if let Ok(text) = argument.cast_exact::<PyString>() {
        text.to_str().ok().map(str::as_bytes)
    } else {
        None
    }
}

impl EmbeddedSession {
    pub fn new(
        cell: &Arc<Cell>,
        waker: Arc<Mutex<Option<Waker>>>,
        client: ClientId,
        decodes: bool,
        encode: Option<Py<PyAny>>,
        elsewhere: Option<Py<PyAny>>,
    ) -> Self {
        Self {
            cell: Arc::clone(cell),
            waker,
            client,
            alarm: Arc::default(),
            decodes,
            encode,
            elsewhere,
            is_busy: Mutex::new(false),
            is_free: Condvar::new(),
            forks: FORKS.load(Ordering::Relaxed),
        }
    }

    /// Protocol and database that the client begins with.
    pub fn configure(&self, py: Python<'_>, protocol: u8, database: usize) -> PyResult<()> {
        let mut held = self.cell.lock(py)?;
        let engine = &mut held.core.engine;
        let index = engine
            .database_index(database as i64)
            .map_err(|failure| border::to_error(py, failure))?;
        let session = engine.session(self.client);
        session.alarm = Some(Arc::clone(&self.alarm));
        session.database = index;
        session.protocol = match protocol {
            2 => Protocol::Resp2,
            _ => Protocol::Resp3,
        };
        Ok(())
    }

    /// Whether the engine's thread is in this process, and not in its parent.
    fn is_of_this_process(&self) -> bool {
        self.forks == FORKS.load(Ordering::Relaxed)
    }

    /// Lets the event loop have a turn, if the call left it something to do.
    fn wake_loop(&self) {
        if let Some(waker) = &*self.waker.lock() {
            waker.wake();
        }
    }

    /// Waits until no other thread's call is under way.
    fn take_turn(&self, py: Python<'_>) -> Turn<'_> {
        // Held for moments and never while Python runs, so the GIL may be held here.
        let mut is_busy = self.is_busy.lock();
        if *is_busy {
            drop(is_busy);
            py.detach(|| {
                let mut is_busy = self.is_busy.lock();
                while *is_busy {
                    self.is_free.wait(&mut is_busy);
                }
                *is_busy = true;
            });
        } else {
            *is_busy = true;
        }
        Turn(self)
    }

    /// The engine, if a `get` or `set` may go directly now (`dispatch::direct`).
    #[inline]
    fn directly(&self) -> Option<MutexGuard<'_, Core<PyRuntime>>> {
        if !self.is_of_this_process() {
            return None;
        }
        let mut core = self.cell.try_briefly()?;
        let is_open = core.engine.is_open_directly(self.client)
            // A clock that is Python's must be asked before each call.
            || core.runtime.wall.is_none() && core.engine.open_directly(self.client);
        is_open.then_some(core)
    }

    /// GET, directly. None: it cannot be, and nothing was done.
    #[inline]
    pub fn get_plainly<'py>(&self, key: &Bound<'py, PyAny>) -> Option<Bound<'py, PyAny>> {
        if self.decodes {
            return None;
        }
        let (py, bytes) = (key.py(), bytes_of(key)?);
        let make = |value: Option<Value<'_>>| match value {
            Some(Value::Bytes(bytes)) => PyBytes::new(py, bytes).into_any(),
            Some(Value::Int(number)) => {
                PyBytes::new(py, itoa::Buffer::new().format(number).as_bytes()).into_any()
            }
            _ => py.None().into_bound(py),
        };
        self.directly()?.engine.get_directly(bytes, make)
    }

    /// SET without options, directly. False: it cannot be, and nothing was done.
    #[inline]
    pub fn set_plainly(&self, key: &Bound<'_, PyAny>, value: &Bound<'_, PyAny>) -> bool {
        let Some(key) = bytes_of(key) else {
            return false;
        };
        let mut digits = itoa::Buffer::new();
        let bytes = match bytes_of(value) {
            None if value.cast_exact::<PyInt>().is_ok() => {
                let number = value.extract::<i64>().ok();
                number.map(|number| digits.format(number).as_bytes())
            }
            bytes => bytes,
        };
        bytes.is_some_and(|bytes| self.set_bytes(key, bytes))
    }

    #[inline]
    fn set_bytes(&self, key: &[u8], value: &[u8]) -> bool {
        let Some(mut core) = self.directly() else {
            return false;
        };
        match core.engine.set_directly(key, value) {
            SetDirectly::Declined => return false,
            SetDirectly::Done => {}
            SetDirectly::DoneForFile => {
                drop(core);
                self.cell.hand_over_soon();
            }
            SetDirectly::Panicked(payload) => {
                // The bug is told to Python code.
                Python::attach(|_| {
                    let mut held = self.cell.keep(core);
                    let Core {
                        engine, runtime, ..
                    } = &mut *held.core;
                    engine.recover_directly(runtime, key, value, payload.as_ref());
                });
                return false;
            }
        }
        true
    }

    /// Executes a request; gives what interrupted it, too.
    fn run(
        &self,
        core: &mut Core<PyRuntime>,
        request: &OwnedRequest,
    ) -> PyResult<(Flow, Option<PyErr>)> {
        if !core.engine.sessions.contains_key(&self.client) {
            return Err(PyRuntimeError::new_err("the client is closed"));
        }
        core.engine.refresh_clock();
        let commands = Arc::clone(&core.engine.commands);
        let (engine, runtime) = (&mut core.engine, &mut core.runtime);
        Ok(runtime.interruptible(|runtime| {
            pipeline::execute(
                &commands,
                engine,
                runtime,
                self.client,
                request.as_request(),
            )
        }))
    }

    /// What a caller hears whose connection would be closed now, without a reply.
    fn hung_up(&self, core: &mut Core<PyRuntime>) -> PyErr {
        let session = core.engine.sessions.get(&self.client);
        if session.is_some_and(|session| session.close == Close::No) {
            // The gate spoiled this call only; there is no connection that could break.
            return PyConnectionResetError::new_err("Connection closed by server.");
        }
        core.engine.close_session(self.client);
        PyRuntimeError::new_err("the client was closed")
    }

    /// Takes what the session got and makes the reply of it; None: not there yet.
    fn take_reply<'py>(
        &self,
        py: Python<'py>,
        core: &mut Core<PyRuntime>,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        let bytes = core.engine.session(self.client).output.take_bytes();
        let mut reader = Reader::new(&bytes, self.decodes);
        let mut reply = None;
        while let Some(item) = reader.next(py)? {
            match item {
                Item::Reply(object) => reply = Some(object),
                Item::Error(error) => return Err(error),
                // A client without a connection of its own subscribes to nothing.
                Item::Push => {}
            }
        }
        Ok(reply)
    }

    /// Waits for the reply of a command that waits for a key.
    fn wait<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        loop {
            py.detach(|| self.alarm.wait(SIGNAL_CHECK));
            let interrupted = py.check_signals();
            let mut held = self.cell.lock(py)?;
            let Some(session) = held.core.engine.sessions.get(&self.client) else {
                return Err(PyRuntimeError::new_err("the client was closed"));
            };
            if session.blocked.is_none() && !session.is_paused {
                // Served, though perhaps interrupted: what was taken must not be lost.
                let reply = self.take_reply(py, &mut held.core)?;
                return Ok(reply.unwrap_or_else(|| py.None().into_bound(py)));
            }
            if let Err(interrupted) = interrupted {
                held.core.engine.abandon_wait(self.client);
                return Err(interrupted);
            }
        }
    }
}

#[pymethods]
impl EmbeddedSession {
    /// Executes a command; its reply as redis-py's parser would make it. Error replies
    /// are raised.
    #[pyo3(signature = (*arguments))]
    fn call<'py>(
        &self,
        py: Python<'py>,
        arguments: &Bound<'py, PyTuple>,
    ) -> PyResult<Bound<'py, PyAny>> {
        if !self.is_of_this_process() {
            let elsewhere = self.elsewhere.as_ref().ok_or_else(|| {
                PyRuntimeError::new_err("the engine is in the parent of this process")
            })?;
            return elsewhere.bind(py).call1(arguments);
        }
        let request = request(arguments, self.encode.as_ref())?;
        let _turn = self.take_turn(py);
        let mut held = self.cell.lock_for(py, &request)?;
        let (flow, interruption) = self.run(&mut held.core, &request)?;
        if flow == Flow::Pause {
            if let Some(interruption) = interruption {
                held.core.engine.abandon_wait(self.client);
                return Err(interruption);
            }
            drop(held);
            // Its deadline may be the next thing that happens.
            self.wake_loop();
            return self.wait(py);
        }
        if flow == Flow::CloseNow {
            let hung_up = self.hung_up(&mut held.core);
            return Err(interruption.unwrap_or(hung_up));
        }
        let reply = self.take_reply(py, &mut held.core);
        if held.core.engine.writes_before_reply()
            && !held.core.engine.flush_aof()
            && held.core.engine.appends_always()
            && interruption.is_none()
        {
            return Err(PyOSError::new_err(
                "the append-only file cannot be written: what the command did may be lost",
            ));
        }
        let (wants_turn, gathers) = held.core.engine.leaves_work();
        drop(held);
        if wants_turn {
            self.wake_loop();
        }
        if gathers {
            self.cell.hand_over_soon();
        }
        if let Some(interruption) = interruption {
            return Err(interruption);
        }
        Ok(reply?.unwrap_or_else(|| py.None().into_bound(py)))
    }

    /// The string at `key`, or None. O(1).
    #[pyo3(signature = (key, /))]
    fn get<'py>(&self, py: Python<'py>, key: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        if let Some(found) = self.get_plainly(key) {
            return Ok(found);
        }
        self.call(py, &("GET", key).into_pyobject(py)?)
    }

    /// Gives `key` a string, for so many seconds or for good. False: a condition failed.
    ///
    /// O(1).
    #[pyo3(signature = (key, value, *, seconds = None, only_if_absent = false, only_if_present = false))]
    fn set<'py>(
        &self,
        py: Python<'py>,
        key: &Bound<'py, PyAny>,
        value: &Bound<'py, PyAny>,
        seconds: Option<f64>,
        only_if_absent: bool,
        only_if_present: bool,
    ) -> PyResult<bool> {
        let is_plain = seconds.is_none() && !only_if_absent && !only_if_present;
        if is_plain && self.set_plainly(key, value) {
            return Ok(true);
        }
        let mut words = vec![
            PyString::intern(py, "SET").into_any(),
            key.clone(),
            value.clone(),
        ];
        if let Some(seconds) = seconds {
            words.push(PyString::intern(py, "PX").into_any());
            words.push(
                ((seconds * 1000.0).round() as i64)
                    .into_pyobject(py)?
                    .into_any(),
            );
        }
        for (word, is_wanted) in [("NX", only_if_absent), ("XX", only_if_present)] {
            if is_wanted {
                words.push(PyString::intern(py, word).into_any());
            }
        }
        Ok(!self.call(py, &PyTuple::new(py, words)?)?.is_none())
    }

    /// `get` and `set` as functions that are called faster than methods.
    fn functions<'py>(slf: &Bound<'py, Self>) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyAny>)> {
        functions::of(slf)
    }

    /// `elsewhere` leads back to the store that has this session.
    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.elsewhere)?;
        visit.call(&self.encode)
    }

    /// Forgets the client.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        if !self.is_of_this_process() {
            return Ok(());
        }
        let mut held = self.cell.lock(py)?;
        held.core.engine.close_session(self.client);
        self.alarm.ring();
        Ok(())
    }
}
