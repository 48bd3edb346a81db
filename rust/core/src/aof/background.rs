//! The thread that forces increments to disk (`everysec`), so that nobody waits for it.

use std::fs::File;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Receiver;

use parking_lot::{Condvar, Mutex};

/// What the thread that forces files to disk shares with the appender.
#[derive(Debug, Default)]
pub(super) struct Background {
    pub synced: Mutex<Synced>,
    pub has_ended: Condvar,
    /// Whether the last job failed: asked before every write, so without the lock.
    pub is_failing: AtomicBool,
}

/// What that thread has done.
#[derive(Debug, Default)]
pub(super) struct Synced {
    /// How many jobs it has finished.
    pub jobs: u64,
    pub failure: Option<String>,
}

pub(super) fn sync_in_background(jobs: &Receiver<Arc<File>>, background: &Background) {
    while let Ok(file) = jobs.recv() {
        let result = file.sync_data();
        background
            .is_failing
            .store(result.is_err(), Ordering::Release);
        let mut synced = background.synced.lock();
        synced.jobs += 1;
        synced.failure = result.err().as_ref().map(reason);
        background.has_ended.notify_all();
    }
}

/// An error in the words of the system, as Redis gives them to clients.
pub(super) fn reason(error: &io::Error) -> String {
    let mut text = error.to_string();
    if let Some(at) = text.find(" (os error ") {
        text.truncate(at);
    }
    text
}
