//! The loop's door for other threads: wake it, hand it listening sockets.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;

use super::listener::{Listener, ListenerId};
use super::poll::Wake;

/// What other threads ask of the loop.
#[derive(Debug)]
pub(super) enum Demand {
    Add(Listener),
    Remove(ListenerId),
}

struct Shared {
    wake: Arc<dyn Wake>,
    /// A wake-up is on its way: another one would be a system call for nothing.
    is_signalled: AtomicBool,
    demands: Mutex<VecDeque<Demand>>,
}

/// Wakes an `EventLoop`; may be cloned and sent anywhere.
///
/// What the loop shall find must be in place before `wake` is called.
#[derive(Clone)]
pub struct Waker(Arc<Shared>);

impl Waker {
    pub(super) fn new(wake: Arc<dyn Wake>) -> Waker {
        Waker(Arc::new(Shared {
            wake,
            is_signalled: AtomicBool::new(false),
            demands: Mutex::default(),
        }))
    }

    /// Makes the loop begin a turn now, or another one after the present one.
    pub fn wake(&self) {
        if !self.0.is_signalled.swap(true, Ordering::SeqCst) {
            self.0.wake.wake();
        }
    }

    /// Lets the loop accept from `listener`.
    pub fn add_listener(&self, listener: Listener) {
        self.demand(Demand::Add(listener));
    }

    /// Lets the loop close a listener; its clients stay.
    pub fn remove_listener(&self, listener: ListenerId) {
        self.demand(Demand::Remove(listener));
    }

    fn demand(&self, demand: Demand) {
        self.0.demands.lock().push_back(demand);
        self.wake();
    }

    /// At the beginning of a turn, before anything is looked at: later wakes count for the next.
    pub(super) fn begin_turn(&self) {
        self.0.is_signalled.store(false, Ordering::SeqCst);
    }

    /// Whether somebody has called `wake` since the turn began.
    pub(super) fn is_signalled(&self) -> bool {
        self.0.is_signalled.load(Ordering::SeqCst)
    }

    pub(super) fn next_demand(&self) -> Option<Demand> {
        self.0.demands.lock().pop_front()
    }
}
