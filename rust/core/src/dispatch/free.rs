//! Frees big values on a thread of its own, so that nobody waits for it.

use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};

/// Hands values to a background thread that drops them; started at first use.
#[derive(Debug, Default)]
pub struct Freer {
    sender: Option<Sender<Box<dyn Any + Send>>>,
    pending: Arc<AtomicUsize>,
    freed: Arc<AtomicUsize>,
}

impl Freer {
    /// Drops `value` in the background; here, when no thread can be had.
    pub fn free<T: Any + Send>(&mut self, value: T) {
        if self.sender.is_none() {
            let (sender, receiver) = channel::<Box<dyn Any + Send>>();
            let (pending, freed) = (Arc::clone(&self.pending), Arc::clone(&self.freed));
            let thread = std::thread::Builder::new().name("rubellite-free".into());
            let started = thread.spawn(move || {
                while let Ok(value) = receiver.recv() {
                    drop(value);
                    pending.fetch_sub(1, Ordering::Relaxed);
                    freed.fetch_add(1, Ordering::Relaxed);
                }
            });
            if started.is_ok() {
                self.sender = Some(sender);
            }
        }
        if let Some(sender) = &self.sender {
            self.pending.fetch_add(1, Ordering::Relaxed);
            if sender.send(Box::new(value)).is_err() {
                self.pending.fetch_sub(1, Ordering::Relaxed);
            }
        }
    }

    /// Values that wait to be freed.
    pub fn pending(&self) -> usize {
        self.pending.load(Ordering::Relaxed)
    }

    /// Values freed so far.
    pub fn freed(&self) -> usize {
        self.freed.load(Ordering::Relaxed)
    }
}
