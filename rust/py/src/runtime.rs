//! Calls handlers: typed values in, replies out.

use std::sync::Arc;
use std::time::{Duration, Instant};

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyString, PyTuple};
use rubellite_core::dispatch::Engine;
use rubellite_core::dispatch::aftermath::Bug;
use rubellite_core::dispatch::arguments::{Argument, Arguments as Values};
use rubellite_core::dispatch::error::{ErrorCode, Failure};
use rubellite_core::dispatch::gate::Verdict;
use rubellite_core::dispatch::pipeline::{Invocation, Outcome, RespSink, Runtime, Sink, Warning};
use rubellite_core::dispatch::session::OwnedRequest;
use rubellite_core::dispatch::spec::{CommandSpec, CommandTable, flag};
use rubellite_core::dispatch::triggers::Event;
use rubellite_core::reply::Reply;
use rubellite_core::service::{ClientId, Request};
use rubellite_lua::{Evaluation, Functions, Scripts};
use smallvec::SmallVec;

use crate::arguments::scalar;
use crate::border;
use crate::call::{Arguments, Call, Context};
use crate::extending;
use crate::object_sink::ObjectSink;
use crate::reply::{self, Blocked};
use crate::testing;
use crate::watchdog::{Handle, Killed, Watchdog};

/// How long a script keeps the GIL, which is as long as Python code does.
const SWITCH_INTERVAL: Duration = Duration::from_millis(5);

/// A command's function and the words of its options as Python strings.
pub struct Handler {
    pub function: Py<PyAny>,
    pub words: Vec<Py<PyString>>,
}

/// The handlers of all commands, by `CommandId`.
#[derive(Default)]
pub struct PyRuntime {
    pub handlers: Vec<Handler>,
    calls: Vec<Py<Call>>,
    depth: usize,
    /// Called with (exception, command name) when a handler raised something that is no reply.
    pub on_bug: Option<Py<PyAny>>,
    /// Called ten times a second with a `Call`, the engine's time in milliseconds, and how many
    /// commands ran and bytes were read and written until then.
    pub on_cron: Option<Py<PyAny>>,
    /// What commands know of the server around the engine, by name.
    pub parts: Option<Py<PyDict>>,
    /// Functions that hear of events, with their names, by number.
    pub triggers: Vec<(Py<PyAny>, String)>,
    /// Called with what a warning is about, and its details.
    pub on_warning: Option<Py<PyAny>>,
    /// Called without arguments, outside of any command, before a call of this process whose
    /// command is not there: it may be one that was left out at first.
    pub on_missing: Option<Py<PyAny>>,
    /// The clock that the store follows, and who guards the gate in front of its commands.
    pub wall: Option<Py<PyAny>>,
    pub guard: Option<Py<PyAny>>,
    /// Which commands run scripts, by `CommandId`.
    pub evaluations: Vec<Option<Evaluation>>,
    /// The scripts; None while one of them runs.
    pub scripts: Option<Box<Scripts>>,
    /// Libraries of functions; None while one of them runs or is loaded.
    pub functions: Option<Box<Functions>>,
    /// Looks after the users' own commands and triggers.
    watchdog: Watchdog,
    /// Who asks called from this process, and may be interrupted (`interruption`).
    pub has_caller: bool,
    /// When a script last let other threads have the GIL.
    let_others_at: Option<Instant>,
    /// What interrupted the caller's request, a script's or a handler's.
    pub interruption: Option<PyErr>,
}

impl PyRuntime {
    fn call(&mut self, py: Python<'_>) -> PyResult<Py<Call>> {
        if self.depth == self.calls.len() {
            self.calls.push(Py::new(py, Call::new())?);
        }
        Ok(self.calls[self.depth].clone_ref(py))
    }

    /// Runs Python code of the server's own with a `Call`, outside of any command: what
    /// is due because time passes, or because of a signal.
    pub fn call_outside<'py>(
        &mut self,
        py: Python<'py>,
        engine: &mut Engine,
        client: ClientId,
        work: impl FnOnce(&Py<Call>) -> PyResult<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        self.depth = 0;
        let call = self.call(py)?;
        self.depth = 1;
        let commands = Arc::clone(&engine.commands);
        let request = OwnedRequest::from_arguments([]);
        let invocation = Invocation {
            client,
            command: 0,
            request: request.as_request(),
        };
        let mut sink = RespSink::default();
        let mut context = Context {
            commands: &commands,
            engine,
            runtime: self,
            invocation: &invocation,
            sink: &mut sink,
        };
        let result = call.get().enter(&mut context, || work(&call));
        self.depth = 0;
        self.renew_if_kept(py, &call);
        result
    }

    /// Somebody who kept a call has a void one; the next command gets a new one.
    fn renew_if_kept(&mut self, py: Python<'_>, call: &Py<Call>) {
        // SAFETY: a live object.
        if unsafe { ffi::Py_REFCNT(call.as_ptr()) } > 2
            && let Ok(new) = Py::new(py, Call::new())
        {
            self.calls[self.depth] = new;
        }
    }

    /// Converts the values and calls the handler.
    #[inline]
    #[allow(clippy::too_many_arguments)]
    pub(crate) fn run_handler<'py>(
        &mut self,
        py: Python<'py>,
        call: &Py<Call>,
        commands: &CommandTable,
        engine: &mut Engine,
        invocation: &Invocation<'_>,
        values: &Values<'_>,
        sink: &mut dyn Sink,
        watchdog: Option<&Handle>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let handler = &self.handlers[invocation.command];
        // One slot in front, which vectorcall may use (PY_VECTORCALL_ARGUMENTS_OFFSET).
        let mut objects: SmallVec<[Bound<'py, PyAny>; 8]> = SmallVec::new();
        let serial = call.get().serial() + 1;
        for value in values {
            objects.push(match value {
                Argument::Value(value) => scalar(py, *value)?,
                Argument::Absent => py.None().into_bound(py),
                Argument::Flag(flag) => flag.into_pyobject(py)?.to_owned().into_any(),
                Argument::Word(token) => handler.words[usize::from(*token)]
                    .bind(py)
                    .clone()
                    .into_any(),
                Argument::Tagged(token, scalars) => {
                    let word = handler.words[usize::from(*token)]
                        .bind(py)
                        .clone()
                        .into_any();
                    let mut parts = vec![word];
                    for part in scalars.iter() {
                        parts.push(scalar(py, part)?);
                    }
                    PyTuple::new(py, parts)?.into_any()
                }
                Argument::Rest {
                    first,
                    count,
                    stride,
                } => {
                    let arguments =
                        Arguments::new(call.clone_ref(py), serial, *first, *count, *stride);
                    Bound::new(py, arguments)?.into_any()
                }
            });
        }
        let mut pointers: SmallVec<[*mut ffi::PyObject; 10]> = SmallVec::new();
        pointers.push(std::ptr::null_mut());
        pointers.push(call.as_ptr());
        pointers.extend(objects.iter().map(Bound::as_ptr));
        let function = handler.function.clone_ref(py);
        let threshold_ms = engine.settings.busy_reply_ms;
        let mut context = Context {
            commands,
            engine,
            runtime: self,
            invocation,
            sink,
        };
        call.get().enter(&mut context, || {
            let _watch = watchdog.and_then(|watchdog| watchdog.watch(py, call, threshold_ms));
            // SAFETY: all pointers are live objects, held by `objects`, `call` and
            // `function` until the call has returned; the slot in front is ours.
            unsafe {
                let result = ffi::PyObject_Vectorcall(
                    function.as_ptr(),
                    pointers.as_ptr().add(1),
                    (pointers.len() - 1) | ffi::PY_VECTORCALL_ARGUMENTS_OFFSET,
                    std::ptr::null_mut(),
                );
                Bound::from_owned_ptr_or_err(py, result)
            }
        })
    }

    /// The line that a client gets for an exception; bugs are reported.
    fn error_line(
        &self,
        py: Python<'_>,
        engine: &mut Engine,
        error: PyErr,
        spec: &CommandSpec,
    ) -> Vec<u8> {
        // Where it was refused after an edit, replaying the command would not bring it back.
        engine.run.bug = Bug::Exception;
        if let Some(line) = border::reply_line(py, &error) {
            return line;
        }
        let command = &spec.name;
        let failure = if error.is_instance_of::<Killed>(py) {
            Failure::With(ErrorCode::CommandKilled, command.clone())
        } else if spec.has(flag::EXTENSION) {
            let detail = extending::failure_detail(py, command, &error);
            Failure::With(ErrorCode::CommandFailed, detail)
        } else {
            Failure::With(ErrorCode::InternalError, command.clone())
        };
        if let Some(hook) = &self.on_bug {
            // With its traceback, which `value` leaves behind.
            let value = error.into_value(py);
            if let Err(second) = hook.call1(py, (value, command)) {
                second.write_unraisable(py, None);
            }
        } else {
            error.write_unraisable(py, None);
        }
        engine.errors.line(&failure)
    }
}

impl PyRuntime {
    /// Tells the log of a script.
    pub fn tell(&mut self, about: &str, (number, text): &(impl Copy + Into<u64>, &[u8])) {
        // SAFETY: commands only run while attached.
        let py = unsafe { Python::assume_attached() };
        let Some(hook) = &self.on_warning else {
            return;
        };
        let told = border::decode_text(py, text)
            .and_then(|text| hook.call1(py, (about, text, (*number).into())));
        if let Err(error) = told
            && !self.keeps(py, &error)
        {
            error.write_unraisable(py, None);
        }
    }
}

impl Runtime for PyRuntime {
    fn invoke(
        &mut self,
        commands: &CommandTable,
        engine: &mut Engine,
        invocation: &Invocation<'_>,
        values: &Values<'_>,
        sink: &mut dyn Sink,
    ) -> Outcome {
        if let Some(evaluation) = self.evaluations[invocation.command] {
            return self.evaluate(commands, engine, invocation, evaluation, sink);
        }
        // SAFETY: the event loop and embedded callers run commands only while attached.
        let py = unsafe { Python::assume_attached() };
        if engine.run.depth <= 1 {
            // A panic may have left the count behind.
            self.depth = 0;
        }
        let call = match self.call(py) {
            Ok(call) => call,
            Err(error) => {
                error.write_unraisable(py, None);
                return Outcome::Failed;
            }
        };
        self.depth += 1;
        let pending = sink.resp().map_or(0, |output| output.bytes_pending());
        let spec = &commands.specs[invocation.command];
        let mut result = if spec.has(flag::EXTENSION) {
            let watchdog = self.watchdog.handle();
            watchdog.guard(engine, |engine| {
                let watchdog = Some(&watchdog);
                self.run_handler(
                    py, &call, commands, engine, invocation, values, sink, watchdog,
                )
            })
        } else {
            let result =
                self.run_handler(py, &call, commands, engine, invocation, values, sink, None);
            match result {
                Err(error) if self.keeps(py, &error) => self.survive(
                    py, &call, commands, engine, invocation, values, sink, pending, error,
                ),
                result => result,
            }
        };
        self.depth -= 1;
        if spec.has(flag::EXTENSION)
            && let Ok(object) = &result
        {
            let is_blocked = object.is_instance_of::<Blocked>();
            let run = &engine.run;
            if let Some(mistake) =
                extending::mistake(spec, run.edits, run.has_executed_edits, is_blocked)
            {
                result = Err(mistake);
            }
        }
        self.renew_if_kept(py, &call);
        if let Ok(object) = &result
            && let Ok(blocked) = object.cast::<Blocked>()
        {
            return engine.block(invocation, blocked.get().wait.clone(), sink);
        }
        let protocol = match engine.sessions.get(&invocation.client) {
            Some(session) => session.reply_protocol(),
            None => return Outcome::Failed,
        };
        let written = result.and_then(|object| match sink.resp() {
            Some(output) => reply::encode_object(&object, protocol, output),
            None => {
                if let Some(sink) = sink.as_any().downcast_mut::<ObjectSink>() {
                    sink.push(object);
                }
                Ok(())
            }
        });
        match written {
            Ok(()) => Outcome::Replied,
            Err(error) => {
                let line = if self.keeps(py, &error) {
                    engine.run.bug = Bug::Exception;
                    let failure = Failure::With(ErrorCode::Interrupted, spec.name.clone());
                    engine.errors.line(&failure)
                } else {
                    self.error_line(py, engine, error, spec)
                };
                engine.statistics.error_replied(&line);
                if let Some(output) = sink.resp()
                    && output.bytes_pending() > pending
                {
                    // The beginning of a reply that it wrote itself.
                    output.truncate(pending);
                }
                sink.put(&Reply::Error(line), protocol);
                Outcome::Failed
            }
        }
    }

    fn react(&mut self, engine: &mut Engine, event: &Event) {
        // SAFETY: as above.
        let py = unsafe { Python::assume_attached() };
        let Some((function, name)) = self.triggers.get(event.trigger) else {
            return;
        };
        let (function, name) = (function.clone_ref(py), name.clone());
        let client = engine.run.client;
        let watchdog = self.watchdog.handle();
        let threshold_ms = engine.settings.busy_reply_ms;
        let done = watchdog.guard(engine, |engine| {
            self.call_outside(py, engine, client, |call| {
                let _watch = watchdog.watch(py, call, threshold_ms);
                let key = PyBytes::new(py, &event.key);
                function.bind(py).call1((call, &*event.name, key))
            })
        });
        let Err(error) = done else {
            return;
        };
        engine.run.bug = Bug::Exception;
        if self.keeps(py, &error) {
            return;
        }
        match &self.on_bug {
            Some(hook) => {
                if let Err(second) = hook.call1(py, (error.into_value(py), name)) {
                    second.write_unraisable(py, None);
                }
            }
            None => error.write_unraisable(py, None),
        }
    }

    fn panicked(&mut self, command: &str, message: &str) {
        // SAFETY: as above.
        let py = unsafe { Python::assume_attached() };
        let error = pyo3::exceptions::PyRuntimeError::new_err(format!("panic: {message}"));
        if let Some(hook) = &self.on_bug
            && let Err(second) = hook.call1(py, (error.value(py), command))
        {
            second.write_unraisable(py, None);
        }
    }

    fn warn(&mut self, warning: &Warning<'_>) {
        // SAFETY: as above.
        let py = unsafe { Python::assume_attached() };
        let (about, detail) = match warning {
            Warning::Browser { address } => ("browser", (*address).to_owned()),
            Warning::Damaged { key, problem } => {
                ("damaged", format!("{}: {problem}", key.escape_ascii()))
            }
            Warning::LeftOut { events } => ("left-out", events.to_string()),
            Warning::Unloaded { library, problem } => (
                "unloaded",
                format!("{}: {}", library.escape_ascii(), problem.escape_ascii()),
            ),
        };
        if let Some(hook) = &self.on_warning
            && let Err(error) = hook.call1(py, (about, detail))
        {
            error.write_unraisable(py, None);
        }
    }

    fn script_log(&mut self, level: u8, message: &[u8]) {
        self.tell("script", &(level, message));
    }

    fn script_is_slow(&mut self, name: &[u8], elapsed_ms: u64) {
        self.tell("slow script", &(elapsed_ms, name));
    }

    fn is_interrupted(&mut self) -> bool {
        // SAFETY: as above.
        let py = unsafe { Python::assume_attached() };
        if self.has_caller && self.interruption.is_some() {
            return true;
        }
        // As if this were Python: whoever waits for the GIL gets it now and then.
        if self
            .let_others_at
            .is_none_or(|at| at.elapsed() >= SWITCH_INTERVAL)
        {
            py.detach(|| ());
            self.let_others_at = Some(Instant::now());
        }
        match py.check_signals() {
            Ok(()) => false,
            Err(interruption) => {
                self.interruption = Some(interruption);
                true
            }
        }
    }

    fn gate(&mut self, client: ClientId, request: Request<'_>) -> Verdict {
        // SAFETY: as above.
        let py = unsafe { Python::assume_attached() };
        let Some(guard) = self.guard.as_ref().map(|guard| guard.clone_ref(py)) else {
            return Verdict::Pass;
        };
        testing::verdict(py, &guard, client, request).unwrap_or_else(|error| {
            error.write_unraisable(py, Some(guard.bind(py)));
            Verdict::Pass
        })
    }

    fn cron(&mut self, engine: &mut Engine) {
        // SAFETY: as above.
        let py = unsafe { Python::assume_attached() };
        let counters = &engine.statistics.counters;
        let (now_ms, commands) = (engine.now_ms, counters.commands);
        let (read, written) = (counters.bytes_read, counters.bytes_written);
        let Some(hook) = self.on_cron.as_ref().map(|hook| hook.clone_ref(py)) else {
            return;
        };
        let done = self.call_outside(py, engine, 0, |call| {
            hook.bind(py).call1((call, now_ms, commands, read, written))
        });
        if let Err(error) = done {
            error.write_unraisable(py, None);
        }
    }
}
