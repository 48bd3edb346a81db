//! The engine behind its lock, for all threads of the process.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::{Mutex, MutexGuard};
use pyo3::exceptions::PyRuntimeError;
use pyo3::ffi;
use pyo3::prelude::*;
use rubellite_core::dispatch::Core;
use rubellite_core::dispatch::session::OwnedRequest;

use crate::courier::Courier;
use crate::runtime::PyRuntime;
use crate::testing::follow;

/// How often to try to get the engine before sleeping until it is free.
const SPINS: u32 = 200;

/// The engine behind its own lock. Who holds the GIL never waits for it.
pub struct Cell {
    core: Mutex<Core<PyRuntime>>,
    /// The thread that holds the lock, so that entering twice is an error, not a deadlock.
    owner: AtomicU64,
    courier: Courier,
}

/// A number for this thread that is never 0.
fn thread_number() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    thread_local!(static NUMBER: u64 = NEXT.fetch_add(1, Ordering::Relaxed));
    NUMBER.with(|number| *number)
}

pub struct Held<'a> {
    cell: &'a Cell,
    pub core: MutexGuard<'a, Core<PyRuntime>>,
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.cell.owner.store(0, Ordering::Relaxed);
    }
}

impl Cell {
    pub fn new(core: Core<PyRuntime>) -> Self {
        Self {
            core: Mutex::new(core),
            owner: AtomicU64::new(0),
            courier: Courier::default(),
        }
    }

    /// Takes the lock: tries, else lets go of the GIL while it waits.
    pub fn lock<'a>(&'a self, py: Python<'_>) -> PyResult<Held<'a>> {
        let me = thread_number();
        if self.owner.load(Ordering::Relaxed) == me {
            return Err(PyRuntimeError::new_err(
                "the engine is running a command of this thread; use its `call`",
            ));
        }
        let core = match self.core.try_lock() {
            Some(core) => core,
            None => {
                // SAFETY: attached here (`py`), attached again before anything of
                // Python is touched; waiting needs neither.
                let state = unsafe { ffi::PyEval_SaveThread() };
                let core = self.core.lock();
                // SAFETY: as above; the state is the one just saved by this thread.
                unsafe { ffi::PyEval_RestoreThread(state) };
                core
            }
        };
        let mut held = self.keep(core);
        if held.core.runtime.wall.is_some() {
            follow(py, &mut held.core);
        }
        Ok(held)
    }

    /// Takes the lock for a request of this process; adds its command first, if that was
    /// left out.
    pub fn lock_for<'a>(&'a self, py: Python<'_>, request: &OwnedRequest) -> PyResult<Held<'a>> {
        let held = self.lock(py)?;
        let Some(hook) = &held.core.runtime.on_missing else {
            return Ok(held);
        };
        let name = request.as_request();
        if name.is_empty() || held.core.engine.commands.find(name.get(0)).is_some() {
            return Ok(held);
        }
        let hook = hook.clone_ref(py);
        drop(held);
        hook.call0(py)?;
        self.lock(py)
    }

    /// The engine for what never runs Python code; None: somebody has it.
    ///
    /// Who it is does not matter there, and finding that out is a good part of a `get`.
    #[inline]
    pub fn try_briefly(&self) -> Option<MutexGuard<'_, Core<PyRuntime>>> {
        self.core.try_lock()
    }

    /// The engine for a thread that never holds the GIL, nor waits for it, and does nothing
    /// that `dispatch::direct` would have to know of.
    pub fn lock_aside(&self) -> MutexGuard<'_, Core<PyRuntime>> {
        // Who holds it is nearly always done at once; to be woken by it would cost it more
        // than all the rest of its call.
        for _ in 0..SPINS {
            if let Some(core) = self.core.try_lock() {
                return core;
            }
            std::hint::spin_loop();
        }
        self.core.lock()
    }

    /// Sees to it that what a call left for the append-only file reaches the system soon,
    /// whether or not Python lets the event loop run.
    #[inline]
    pub fn hand_over_soon(self: &Arc<Self>) {
        self.courier.wake(self);
    }

    /// The append-only file has ended.
    pub fn end_handing_over(&self) {
        self.courier.end();
    }

    /// Goes on with what `try_briefly` gave, as if it came from `lock`.
    pub fn keep<'a>(&'a self, core: MutexGuard<'a, Core<PyRuntime>>) -> Held<'a> {
        self.owner.store(thread_number(), Ordering::Relaxed);
        let mut held = Held { cell: self, core };
        held.core.engine.leave_directly();
        held
    }
}
