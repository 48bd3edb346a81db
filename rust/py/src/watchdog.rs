//! Watches users' own commands and triggers: one that takes long must not lock out everybody.
//!
//!     handler's thread    ── bytecode ── stands still ──────── bytecode ── Killed ──
//!     watchdog's thread           (due) └ turn of the others ┘     (SCRIPT KILL)
//!
//! Python does not look at the clock, as a script does. So when a handler has run for
//! `busy-reply-threshold`, a thread takes the GIL, which stops the handler between two
//! instructions, borrows what the handler's `Call` leads to, and gives the other clients a
//! turn, in which they hear BUSY. The turn may run Python and thereby let the handler go
//! on; that waits where it next needs the engine: in its call's methods, and at its end.
//!
//! Who is to end finds `Killed` raised in its thread, again and again if it goes on. What
//! never comes back to Python's instructions, a loop in C, cannot be ended; and nobody is
//! answered while it keeps the GIL.

use std::ffi::{c_long, c_ulong};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use pyo3::exceptions::PyBaseException;
use pyo3::ffi;
use pyo3::prelude::*;
use rubellite_core::dispatch::Engine;
use rubellite_core::dispatch::borrowed::Borrowed;
use rubellite_core::dispatch::scripting::ScriptRun;
use rubellite_core::service::OutsidePointer;

use crate::call::{Call, Context};

pyo3::create_exception!(
    rubellite._core,
    Killed,
    PyBaseException,
    "Raised inside a command or trigger of a user's that SCRIPT KILL ends."
);

unsafe extern "C" {
    /// Python's own name of this thread, which `PyThreadState_SetAsyncExc` knows.
    fn PyThread_get_thread_ident() -> c_ulong;
}

/// How often the watchdog looks while handlers run; nobody rings for each of them.
const LOOK: Duration = Duration::from_millis(50);
/// Between two turns of the others.
const PAUSE: Duration = Duration::from_millis(5);

/// A handler that runs.
struct Running {
    call: Py<Call>,
    thread: c_long,
    due: Instant,
    since: Instant,
}

#[derive(Default)]
struct State {
    /// Those that run, each inside the one before.
    running: Vec<Running>,
    /// `Killed` may be on its way to the last of them.
    is_raised: bool,
    has_thread: bool,
    /// The watchdog sleeps until somebody rings.
    is_asleep: bool,
    is_over: bool,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    bell: Condvar,
}

/// The watchdog of one engine; its thread begins with the first handler that is watched.
#[derive(Default)]
pub struct Watchdog(Arc<Shared>);

impl Drop for Watchdog {
    fn drop(&mut self) {
        self.0.state.lock().is_over = true;
        self.0.bell.notify_one();
    }
}

impl Watchdog {
    /// One that can be kept while the runtime is in use.
    pub fn handle(&self) -> Handle {
        Handle(Arc::clone(&self.0))
    }
}

/// Leads to the watchdog.
pub struct Handle(Arc<Shared>);

impl Handle {
    /// Runs a handler or trigger, which `watch`es itself. Afterwards others are served as
    /// always, also if it panicked.
    pub fn guard<R>(&self, engine: &mut Engine, work: impl FnOnce(&mut Engine) -> R) -> R {
        let result = catch_unwind(AssertUnwindSafe(|| work(engine)));
        if self.0.state.lock().running.is_empty() {
            engine.script.take_if(|script| script.is_command);
        }
        result.unwrap_or_else(|payload| resume_unwind(payload))
    }

    /// Watches the handler that is about to be called, until the watch is dropped.
    /// `threshold_ms` is after how long others hear that it runs; 0: never.
    pub fn watch(&self, py: Python<'_>, call: &Py<Call>, threshold_ms: u64) -> Option<Watch> {
        if threshold_ms == 0 {
            return None;
        }
        let shared = Arc::clone(&self.0);
        let since = Instant::now();
        // SAFETY: asks for nothing but this thread's name.
        let thread = unsafe { PyThread_get_thread_ident() } as c_long;
        let mut state = shared.state.lock();
        state.running.push(Running {
            call: call.clone_ref(py),
            thread,
            due: since + Duration::from_millis(threshold_ms),
            since,
        });
        if !state.has_thread {
            state.has_thread = true;
            let shared = Arc::clone(&shared);
            let builder = std::thread::Builder::new().name("rubellite-watch".into());
            // Without a thread handlers run as they always did, unwatched.
            drop(builder.spawn(move || keep_watch(&shared)));
        } else if state.is_asleep {
            state.is_asleep = false;
            shared.bell.notify_one();
        }
        drop(state);
        Some(Watch { shared })
    }
}

/// A handler that is watched. Dropped when it has returned, before its call leads nowhere.
pub struct Watch {
    shared: Arc<Shared>,
}

impl Drop for Watch {
    fn drop(&mut self) {
        // SAFETY: handlers run while attached.
        let py = unsafe { Python::assume_attached() };
        let call = {
            let state = self.shared.state.lock();
            state.running.last().map(|last| last.call.clone_ref(py))
        };
        if let Some(call) = call {
            call.get().wait_until_given_back(py);
        }
        let mut state = self.shared.state.lock();
        let ended = state.running.pop();
        let is_raised = std::mem::take(&mut state.is_raised);
        drop(state);
        if let (true, Some(ended)) = (is_raised, ended) {
            // It may not have arrived; nobody else must find it.
            // SAFETY: attached; a null pointer takes back what is on its way.
            unsafe { ffi::PyThreadState_SetAsyncExc(ended.thread, std::ptr::null_mut()) };
        }
    }
}

/// When a handler is due, and whether the watchdog may go to sleep until then.
fn keep_watch(shared: &Shared) {
    let mut state = shared.state.lock();
    let mut is_tired = false;
    while !state.is_over {
        let now = Instant::now();
        match state.running.first().map(|first| first.due) {
            Some(due) if due <= now => {
                drop(state);
                Python::attach(|py| serve(py, shared));
                std::thread::sleep(PAUSE);
                state = shared.state.lock();
            }
            Some(due) => {
                is_tired = false;
                shared.bell.wait_for(&mut state, LOOK.min(due - now));
            }
            None if is_tired => {
                state.is_asleep = true;
                shared.bell.wait(&mut state);
                state.is_asleep = false;
                is_tired = false;
            }
            None => {
                is_tired = true;
                shared.bell.wait_for(&mut state, LOOK);
            }
        }
    }
}

/// Gives the others a turn, and ends the handler if somebody wants that.
fn serve(py: Python<'_>, shared: &Shared) {
    let state = shared.state.lock();
    let (Some(first), Some(last)) = (state.running.first(), state.running.last()) else {
        return;
    };
    if first.due > Instant::now() {
        return;
    }
    let (call, thread) = (last.call.clone_ref(py), last.thread);
    let elapsed = first.since.elapsed();
    drop(state);
    // Nothing to borrow: the handler is about to begin, or inside the engine.
    let Some(pointer) = call.get().lend() else {
        return;
    };
    // SAFETY: the context lives until the handler ends, which waits until it is given back;
    // taking it out of the call made this use the only one.
    let context = unsafe { &mut *pointer };
    let turn = catch_unwind(AssertUnwindSafe(|| give_turn(context, elapsed)));
    call.get().give_back(pointer);
    // After a panic in a turn the handler goes on, and so does the watchdog.
    let wants_end = turn.unwrap_or(false);
    if wants_end {
        shared.state.lock().is_raised = true;
        let kind = py.get_type::<Killed>();
        // SAFETY: attached since the call was given back, so the handler has not ended.
        unsafe { ffi::PyThreadState_SetAsyncExc(thread, kind.as_ptr()) };
    }
}

/// True: the handler is to end.
fn give_turn(context: &mut Context<'_>, elapsed: Duration) -> bool {
    note_busy(context, elapsed);
    let engine = &mut *context.engine;
    if let Some(outside) = engine.outside.take() {
        let mut others = Borrowed::new(context.commands, engine, context.runtime);
        // SAFETY: who lent the pointer waits for this request to end; taking it made this
        // use the only one.
        unsafe { (*outside).turn(&mut others) };
        // SAFETY: as it was before.
        context.engine.outside = unsafe { OutsidePointer::new(outside) };
    }
    let engine = &*context.engine;
    let is_killed = engine
        .script
        .as_ref()
        .is_some_and(|script| script.is_killed);
    is_killed || engine.is_stopping
}

/// From now on others are answered BUSY. A script that called the command is busy with it.
fn note_busy(context: &mut Context<'_>, elapsed: Duration) {
    let engine = &mut *context.engine;
    let now_ns = engine.clock.monotonic_ns();
    let client = engine.run.client;
    let script = engine.script.get_or_insert_with(|| ScriptRun {
        client,
        is_command: true,
        started_ns: now_ns.saturating_sub(elapsed.as_nanos() as u64),
        ..ScriptRun::default()
    });
    if script.is_busy {
        return;
    }
    script.is_busy = true;
    let request = context.invocation.request;
    script.command = request.iter().map(<[u8]>::to_vec).collect();
    let name = match script.command.first() {
        Some(_) => context.commands.specs[context.invocation.command]
            .name
            .clone(),
        None => "trigger".to_owned(),
    };
    script.name = name.clone().into_bytes();
    let elapsed_ms = elapsed.as_millis() as u64;
    context
        .runtime
        .tell("slow command", &(elapsed_ms, name.as_bytes()));
}
