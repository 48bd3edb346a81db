//! Hands the append-only file's bytes to the system, whatever Python does meanwhile.
//!
//!     asleep ──bytes gather──→ looks every 350 µs ──nothing gathers──→ asleep
//!
//! Calls inside the process do not wait for the file: what they did gathers, and the event
//! loop writes it at the end of its turn. But a turn takes the GIL, which a busy program gives
//! up every 5 ms, and an extension in C perhaps not for seconds. This thread takes none, so
//! that bytes are with the system a millisecond after the call, unless a command runs longer.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::thread::{self, Thread};
use std::time::Duration;

use parking_lot::Mutex;
use rubellite_core::dispatch::append_only::Gathered;

use crate::cell::Cell;

/// What was there at one look goes at the next: twice this is less than a millisecond,
/// though the system's timers come late.
const LOOK_EVERY: Duration = Duration::from_micros(350);
/// After so many looks that found nothing it sleeps; waking it costs a call a microsecond.
const IDLE_LOOKS: u32 = 4;
/// All is with the system, and not yet on disk.
const SYNC_EVERY: Duration = Duration::from_millis(100);

/// The thread, once there is need of it.
#[derive(Default)]
pub struct Courier {
    state: Arc<State>,
    thread: Mutex<Option<Thread>>,
}

#[derive(Default)]
struct State {
    /// It will look without being told.
    is_awake: AtomicBool,
    has_ended: AtomicBool,
}

impl Courier {
    /// To be called whenever bytes begin to gather, after the engine's lock is let go.
    #[inline]
    pub fn wake(&self, cell: &Arc<Cell>) {
        if !self.state.is_awake.swap(true, Ordering::SeqCst) {
            self.rouse(cell);
        }
    }

    #[cold]
    fn rouse(&self, cell: &Arc<Cell>) {
        let mut thread = self.thread.lock();
        if let Some(thread) = &*thread {
            thread.unpark();
            return;
        }
        let (state, cell) = (Arc::clone(&self.state), Arc::downgrade(cell));
        state.has_ended.store(false, Ordering::SeqCst);
        let started = thread::Builder::new()
            .name("aof-write".into())
            .spawn(move || work(&state, &cell));
        // Without a thread it is the event loop that writes, as soon as it may.
        *thread = started.ok().map(|started| started.thread().clone());
    }

    /// Lets the thread end; a later `wake` makes another one.
    pub fn end(&self) {
        let Some(thread) = self.thread.lock().take() else {
            return;
        };
        self.state.has_ended.store(true, Ordering::SeqCst);
        thread.unpark();
    }
}

impl Drop for Courier {
    fn drop(&mut self) {
        self.end();
    }
}

fn work(state: &State, cell: &Weak<Cell>) {
    let (mut seen, mut idle_looks) = (0, 0);
    loop {
        if state.is_awake.load(Ordering::SeqCst) {
            thread::sleep(LOOK_EVERY);
        }
        if state.has_ended.load(Ordering::SeqCst) {
            return;
        }
        let Some(cell) = cell.upgrade() else { return };
        let mut core = cell.lock_aside();
        let gathered = core.engine.hand_over(&mut seen);
        // Before the lock is let go: who adds bytes after this look wakes it again.
        idle_looks = if gathered == Gathered::Some {
            0
        } else {
            idle_looks + 1
        };
        let is_awake = idle_looks < IDLE_LOOKS;
        state.is_awake.store(is_awake, Ordering::SeqCst);
        drop(core);
        drop(cell);
        if is_awake {
            continue;
        }
        match gathered {
            Gathered::Unsynced => thread::park_timeout(SYNC_EVERY),
            _ => thread::park(),
        }
    }
}
