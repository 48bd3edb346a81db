//! `Engine`: the handle on a store, its event loop and its embedded callers.

use std::sync::Arc;

use parking_lot::Mutex;
use pyo3::exceptions::{PyOSError, PyRuntimeError};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList, PyString};
use rubellite_core::dispatch::persistence::Before;
use rubellite_core::dispatch::spec::{CommandSpec, CommandTable};
use rubellite_core::dispatch::{Core, Engine as CoreEngine, pipeline};
use rubellite_core::net::{EventLoop, Listener, ListenerId, Waker, bind_all, signals};
use rubellite_core::service::{ClientId, Host, Peer};

use crate::call::request_of;
use crate::cell::Cell;
use crate::embedded::EmbeddedSession;
use crate::object_sink::ObjectSink;
use crate::runtime::{Handler, PyRuntime};
use crate::{border, call_persistence, settings, spec};

/// The event loop's way in: detached while it sleeps, locked while it works.
struct PyHost<'a, 'py> {
    py: Python<'py>,
    cell: &'a Cell,
    shutdown: signals::ShutdownRequest,
    on_signal: Option<Py<PyAny>>,
    failure: Option<PyErr>,
}

impl Host for PyHost<'_, '_> {
    type Service = Core<PyRuntime>;

    fn detached(&mut self, sleep: &mut dyn FnMut()) {
        // SAFETY: attached before (`py`) and after; the loop's sleep touches no Python.
        let state = unsafe { ffi::PyEval_SaveThread() };
        sleep();
        // SAFETY: the state is the one just saved by this thread.
        unsafe { ffi::PyEval_RestoreThread(state) };
    }

    fn with_service(&mut self, work: &mut dyn FnMut(&mut Self::Service)) {
        let mut held = match self.cell.lock(self.py) {
            Ok(held) => held,
            Err(error) => {
                self.failure = Some(error);
                return;
            }
        };
        if let Some(signal) = self.shutdown.signal()
            && !held.core.engine.is_stopping
        {
            let Core {
                engine, runtime, ..
            } = &mut *held.core;
            let py = self.py;
            let may_stop = match &self.on_signal {
                Some(hook) => runtime
                    .call_outside(py, engine, 0, |call| hook.bind(py).call1((call, signal)))
                    .and_then(|answer| answer.extract::<bool>())
                    .unwrap_or_else(|error| {
                        error.write_unraisable(self.py, None);
                        true
                    }),
                None => true,
            };
            if may_stop {
                held.core.engine.is_stopping = true;
            } else {
                self.shutdown.clear();
            }
        }
        work(&mut held.core);
    }
}

/// One store: its databases, commands and clients.
#[pyclass(frozen, module = "rubellite._core")]
pub struct Engine {
    pub(crate) cell: Arc<Cell>,
    pub(crate) waker: Arc<Mutex<Option<Waker>>>,
    /// The TCP listeners by address (as in `bind`) and port.
    listeners: Mutex<Vec<Listening>>,
}

/// Commands and their handlers from the dicts that `rubellite.spec.table` makes of them.
pub fn command_entries(
    py: Python<'_>,
    commands: &Bound<'_, PyList>,
) -> PyResult<Vec<(CommandSpec, Handler)>> {
    let entry = |entry: Bound<'_, PyAny>| {
        let entry = entry.cast::<PyDict>()?;
        let (command, words) = spec::command_spec(entry)?;
        let function = entry
            .get_item("handler")?
            .ok_or_else(|| PyRuntimeError::new_err("a command without handler"))?
            .unbind();
        let words = words
            .iter()
            .map(|word| PyString::intern(py, word).unbind())
            .collect();
        Ok((command, Handler { function, words }))
    };
    commands.iter().map(entry).collect()
}

struct Listening {
    address: String,
    port: u16,
    id: ListenerId,
}

impl Engine {
    /// The serving loop's door; None: it is not serving.
    pub(crate) fn waker(&self) -> Option<Waker> {
        self.waker.lock().clone()
    }
}

#[pymethods]
impl Engine {
    /// An engine of `databases` empty databases with these commands.
    #[new]
    #[pyo3(signature = (
        databases, commands, *, on_bug = None, on_cron = None, parts = None, on_warning = None
    ))]
    #[allow(clippy::too_many_arguments)]
    fn new(
        py: Python<'_>,
        databases: usize,
        commands: &Bound<'_, PyList>,
        on_bug: Option<Py<PyAny>>,
        on_cron: Option<Py<PyAny>>,
        parts: Option<Py<PyDict>>,
        on_warning: Option<Py<PyAny>>,
    ) -> PyResult<Self> {
        let mut engine = CoreEngine::new(databases);
        engine.errors = border::error_texts(py)?;
        let mut table = CommandTable::default();
        let mut runtime = PyRuntime::default();
        runtime.on_bug = on_bug;
        runtime.on_cron = on_cron;
        runtime.parts = parts;
        runtime.on_warning = on_warning;
        for (command, handler) in command_entries(py, commands)? {
            runtime
                .evaluations
                .push(rubellite_lua::evaluation_of(&command.name));
            runtime.handlers.push(handler);
            table.add(command);
        }
        engine.set_commands(table);
        Ok(Self {
            cell: Arc::new(Cell::new(Core::new(engine, runtime))),
            waker: Arc::default(),
            listeners: Mutex::default(),
        })
    }

    /// Gives the engine a setting that it acts on itself; false: not one of those.
    fn configure(&self, py: Python<'_>, name: &str, value: &Bound<'_, PyAny>) -> PyResult<bool> {
        settings::configure(&mut self.cell.lock(py)?.core.engine, name, value)
    }

    /// Serves until stopped; returns the exit status.
    ///
    /// `on_ready` is called once all sockets listen, with their addresses; `on_signal`
    /// with a `Call` and a signal's number, and answers whether to stop.
    #[pyo3(signature = (
        addresses, port, *, backlog = 511, unix_socket = None, unix_permissions = 0,
        on_ready = None, on_signal = None, handle_signals = true,
    ))]
    #[allow(clippy::too_many_arguments)]
    fn serve(
        &self,
        py: Python<'_>,
        addresses: Vec<String>,
        port: Option<u16>,
        backlog: u32,
        unix_socket: Option<String>,
        unix_permissions: u32,
        on_ready: Option<Py<PyAny>>,
        on_signal: Option<Py<PyAny>>,
        handle_signals: bool,
    ) -> PyResult<i32> {
        let to_os_error = |error: &dyn std::fmt::Display| PyOSError::new_err(error.to_string());
        let mut event_loop = EventLoop::new().map_err(|error| to_os_error(&error))?;
        let mut bound = Vec::new();
        if let Some(port) = port {
            for address in addresses {
                let listeners = bind_all(&[&address], port, backlog);
                for listener in listeners.map_err(|error| to_os_error(&error))? {
                    bound.extend(listener.local_address().map(|address| address.to_string()));
                    self.listeners.lock().push(Listening {
                        address: address.clone(),
                        port,
                        id: listener.id(),
                    });
                    event_loop
                        .add_listener(listener)
                        .map_err(|error| to_os_error(&error))?;
                }
            }
        }
        if let Some(path) = unix_socket {
            let listener =
                Listener::bind_unix(std::path::Path::new(&path), unix_permissions, backlog)
                    .map_err(|error| to_os_error(&error))?;
            bound.push(path);
            event_loop
                .add_listener(listener)
                .map_err(|error| to_os_error(&error))?;
        }
        let waker = event_loop.waker();
        *self.waker.lock() = Some(waker.clone());
        let shutdown = if handle_signals {
            signals::install(waker).map_err(|error| to_os_error(&error))?
        } else {
            signals::ShutdownRequest::default()
        };
        if let Some(hook) = on_ready {
            hook.call1(py, (bound,))?;
        }
        let mut host = PyHost {
            py,
            cell: &self.cell,
            shutdown,
            on_signal,
            failure: None,
        };
        let result = event_loop.run(&mut host);
        *self.waker.lock() = None;
        self.listeners.lock().clear();
        if let Some(error) = host.failure {
            return Err(error);
        }
        result.map_err(|error| to_os_error(&error))?;
        let mut held = self.cell.lock(py)?;
        held.core.engine.is_stopping = false;
        Ok(held.core.engine.exit_status)
    }

    /// Listens at these addresses instead: new ones are bound, those left out are closed.
    ///
    /// Nothing changes when one cannot be bound. An address that only becomes free by
    /// closing another (`*` in favour of `127.0.0.1`) cannot. Returns the new ones.
    fn listen(
        &self,
        addresses: Vec<String>,
        port: Option<u16>,
        backlog: u32,
    ) -> PyResult<Vec<String>> {
        let waker = self.waker.lock();
        let Some(waker) = &*waker else {
            return Err(PyRuntimeError::new_err("the engine is not serving"));
        };
        let mut listeners = self.listeners.lock();
        let is_wanted = |listening: &Listening| {
            Some(listening.port) == port && addresses.contains(&listening.address)
        };
        let mut added = Vec::new();
        if let Some(port) = port {
            for address in &addresses {
                if listeners
                    .iter()
                    .any(|l| l.port == port && l.address == *address)
                {
                    continue;
                }
                let bound = bind_all(&[address], port, backlog);
                for listener in bound.map_err(|error| PyOSError::new_err(error.to_string()))? {
                    added.push((address.clone(), listener));
                }
            }
            if added.is_empty() && !listeners.iter().any(is_wanted) {
                return Err(PyOSError::new_err("no address to listen on"));
            }
        }
        listeners.retain(|listening| {
            let stays = is_wanted(listening);
            if !stays {
                waker.remove_listener(listening.id);
            }
            stays
        });
        let mut bound = Vec::new();
        for (address, listener) in added {
            bound.extend(listener.local_address().map(|address| address.to_string()));
            listeners.push(Listening {
                address,
                port: port.unwrap_or_default(),
                id: listener.id(),
            });
            waker.add_listener(listener);
        }
        Ok(bound)
    }

    /// Asks a serving loop to end, from any thread.
    fn stop(&self, py: Python<'_>) -> PyResult<()> {
        self.cell.lock(py)?.core.engine.is_stopping = true;
        if let Some(waker) = &*self.waker.lock() {
            waker.wake();
        }
        Ok(())
    }

    /// A session for a caller inside the process; returns its identifier.
    fn open_session(&self, py: Python<'_>) -> PyResult<ClientId> {
        let mut held = self.cell.lock(py)?;
        if held.core.engine.has_ended {
            return Err(PyRuntimeError::new_err("the store is closed"));
        }
        let client = held.core.engine.open_session(Peer {
            address: "embedded:0".into(),
            local_address: "embedded:0".into(),
            descriptor: -1,
            is_unix_socket: false,
            is_local: true,
            is_other_process: false,
        });
        held.core.engine.session(client).is_authenticated = true;
        Ok(client)
    }

    /// A client inside the process that speaks as redis-py does: see `EmbeddedSession`.
    #[pyo3(signature = (
        protocol = 3, database = 0, decodes = false, encode = None, elsewhere = None
    ))]
    fn embed(
        &self,
        py: Python<'_>,
        protocol: u8,
        database: usize,
        decodes: bool,
        encode: Option<Py<PyAny>>,
        elsewhere: Option<Py<PyAny>>,
    ) -> PyResult<EmbeddedSession> {
        let client = self.open_session(py)?;
        let waker = Arc::clone(&self.waker);
        let session = EmbeddedSession::new(&self.cell, waker, client, decodes, encode, elsewhere);
        session.configure(py, protocol, database)?;
        Ok(session)
    }

    /// Ends all clients inside this process, for good; calls that wait fail.
    fn end_embedded(&self, py: Python<'_>) -> PyResult<()> {
        self.cell.lock(py)?.core.engine.end_embedded();
        Ok(())
    }

    fn close_session(&self, py: Python<'_>, session: ClientId) -> PyResult<()> {
        self.cell.lock(py)?.core.engine.close_session(session);
        Ok(())
    }

    /// Runs a command of an embedded session; the reply as Python objects.
    fn execute<'py>(
        &self,
        py: Python<'py>,
        session: ClientId,
        arguments: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let request = request_of(arguments)?;
        let mut held = self.cell.lock_for(py, &request)?;
        let core = &mut *held.core;
        if !core.engine.sessions.contains_key(&session) {
            return Err(PyRuntimeError::new_err("the session is closed"));
        }
        let commands = Arc::clone(&core.engine.commands);
        let mut sink = ObjectSink::default();
        core.engine.refresh_clock();
        let (engine, runtime) = (&mut core.engine, &mut core.runtime);
        let ((), interruption) = runtime.interruptible(|runtime| {
            pipeline::execute_into(
                &commands,
                engine,
                runtime,
                session,
                request.as_request(),
                &mut sink,
            );
        });
        if let Some(interruption) = interruption {
            return Err(interruption);
        }
        let Some(object) = sink.objects.pop() else {
            return Ok(py.None().into_bound(py));
        };
        let object = object.into_bound(py);
        if border::is_reply_error(&object) {
            return Err(PyErr::from_value(object));
        }
        Ok(object)
    }

    /// Keeps the journal from now on, for `take_journal`.
    fn record_journal(&self, py: Python<'_>) -> PyResult<()> {
        self.cell.lock(py)?.core.engine.journal.record();
        Ok(())
    }

    /// What the journal got since `record_journal` or the last call, in RESP.
    fn take_journal<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let bytes = self.cell.lock(py)?.core.engine.journal.take_recording();
        Ok(PyBytes::new(py, &bytes))
    }

    /// Loads an RDB file in the place of all data, before anybody is served.
    ///
    /// With `keeps_expired` also what has expired: commands that follow may have given it
    /// more time.
    #[pyo3(signature = (path, checks_checksum, keeps_expired = false))]
    fn load<'py>(
        &self,
        py: Python<'py>,
        path: &str,
        checks_checksum: bool,
        keeps_expired: bool,
    ) -> PyResult<Bound<'py, PyDict>> {
        let mut held = self.cell.lock(py)?;
        let core = &mut *held.core;
        let (engine, runtime) = (&mut core.engine, &mut core.runtime);
        engine.refresh_clock();
        engine.is_replaying = keeps_expired;
        let before = Before::Replaced;
        let report = call_persistence::load(py, engine, runtime, path, checks_checksum, before);
        engine.is_replaying = false;
        report
    }
}
