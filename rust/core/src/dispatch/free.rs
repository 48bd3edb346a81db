//! Frees big values on a thread of its own, so that nobody waits for it.

use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};

use crate::memory;

/// What the thread is asked to do.
enum Task {
    Drop(Box<dyn Any + Send>, usize),
    /// Remind the allocator of memory that has been free for long.
    Decay,
    /// Give back all free memory that the allocator still holds.
    Purge,
}

/// Hands values to a background thread that drops them; started at first use.
#[derive(Debug, Default)]
pub struct Freer {
    sender: Option<Sender<Task>>,
    pending: Arc<AtomicUsize>,
    /// Bytes of what waits, as far as they were told.
    pending_bytes: Arc<AtomicUsize>,
    /// How many values wait of which they were not.
    pending_unweighed: Arc<AtomicUsize>,
    freed: Arc<AtomicUsize>,
}

impl Freer {
    /// Drops `value` in the background; here, when no thread can be had.
    pub fn free<T: Any + Send>(&mut self, value: T) {
        self.pending_unweighed.fetch_add(1, Ordering::Relaxed);
        self.hand_over(value, 0);
    }

    /// As `free`, for a value that is known to take so many bytes.
    pub fn free_bytes<T: Any + Send>(&mut self, value: T, bytes: usize) {
        self.hand_over(value, bytes.max(1));
    }

    /// `bytes` is 0 where they are not known.
    fn hand_over<T: Any + Send>(&mut self, value: T, bytes: usize) {
        self.pending.fetch_add(1, Ordering::Relaxed);
        self.pending_bytes.fetch_add(bytes, Ordering::Relaxed);
        if !self.send(Task::Drop(Box::new(value), bytes)) {
            self.pending.fetch_sub(1, Ordering::Relaxed);
            self.pending_bytes.fetch_sub(bytes, Ordering::Relaxed);
            let unweighed = usize::from(bytes == 0);
            self.pending_unweighed
                .fetch_sub(unweighed, Ordering::Relaxed);
        }
    }

    /// Gives free memory back to the system in the background: what a million keys left
    /// takes tens of milliseconds.
    pub fn decay(&mut self) {
        self.send(Task::Decay);
    }

    /// Gives back at once what `decay` would in its time.
    pub fn purge(&mut self) {
        self.send(Task::Purge);
    }

    /// False: there is no thread, and what the task held was dropped here.
    fn send(&mut self, task: Task) -> bool {
        if self.sender.is_none() {
            self.sender = self.start();
        }
        let sender = self.sender.as_ref();
        sender.is_some_and(|sender| sender.send(task).is_ok())
    }

    fn start(&self) -> Option<Sender<Task>> {
        let (sender, receiver) = channel();
        let (pending, freed) = (Arc::clone(&self.pending), Arc::clone(&self.freed));
        let pending_bytes = Arc::clone(&self.pending_bytes);
        let pending_unweighed = Arc::clone(&self.pending_unweighed);
        let thread = std::thread::Builder::new().name("rubellite-free".into());
        let started = thread.spawn(move || {
            while let Ok(task) = receiver.recv() {
                match task {
                    Task::Drop(value, bytes) => {
                        drop(value);
                        pending_bytes.fetch_sub(bytes, Ordering::Relaxed);
                        pending_unweighed.fetch_sub(usize::from(bytes == 0), Ordering::Relaxed);
                        pending.fetch_sub(1, Ordering::Relaxed);
                        freed.fetch_add(1, Ordering::Relaxed);
                    }
                    Task::Decay => memory::decay(),
                    Task::Purge => memory::purge(),
                }
            }
        });
        started.is_ok().then_some(sender)
    }

    /// Values that wait to be freed.
    pub fn pending(&self) -> usize {
        self.pending.load(Ordering::Relaxed)
    }

    /// Bytes that wait to be freed, of values whose size is known.
    #[inline]
    pub fn pending_bytes(&self) -> usize {
        self.pending_bytes.load(Ordering::Relaxed)
    }

    /// Whether values wait whose size nobody knows: databases that were flushed.
    #[inline]
    pub fn has_unweighed(&self) -> bool {
        self.pending_unweighed.load(Ordering::Relaxed) > 0
    }

    /// Values freed so far, or since `forget_freed`.
    pub fn freed(&self) -> usize {
        self.freed.load(Ordering::Relaxed)
    }

    /// Counts what is freed from nothing again.
    pub fn forget_freed(&mut self) {
        self.freed.store(0, Ordering::Relaxed);
    }
}
