//! Appends to the last increment, and forces it to disk as the policy says.
//!
//!     pending ──write──→ file (length: what is surely whole) ──fsync──→ disk
//!
//! A write that fails half-way is cut off again, so that no torn command stays in the
//! file; its bytes stay pending and are tried again each second. With `everysec` a
//! thread does the fsync, so nobody waits for the disk.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};

use parking_lot::Mutex;

/// When the file is forced to disk (`appendfsync`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Policy {
    /// Before a reply leaves.
    Always,
    /// Each second, in the background.
    #[default]
    EverySecond,
    /// When the system likes.
    Never,
}

/// A failed write is tried again after so long, and `everysec` is this.
const SECOND_MS: i64 = 1000;

/// What the thread that forces files to disk shares with the appender.
#[derive(Debug, Default)]
struct Background {
    synced: Mutex<Synced>,
    /// Whether `Synced::failure` is there: asked before every write, so without the lock.
    is_failing: AtomicBool,
}

/// What that thread has done.
#[derive(Debug, Default)]
struct Synced {
    /// How many jobs it has finished.
    jobs: u64,
    failures: u64,
    failure: Option<String>,
}

/// What INFO and the log tell.
#[derive(Debug, Clone, Default)]
pub struct Status {
    /// Bytes of the increment that is written to.
    pub length: u64,
    pub pending_bytes: usize,
    /// Why the last write or fsync failed.
    pub failure: Option<String>,
    /// How often forcing the file to disk failed. What it held then may not be there,
    /// whatever a later fsync says.
    pub sync_failures: u64,
    pub is_syncing: bool,
    /// How often a second's fsync was not over when the next was due.
    pub delayed_syncs: u64,
}

/// The increment that is written to.
pub struct Appender {
    file: Arc<File>,
    path: PathBuf,
    pub policy: Policy,
    length: u64,
    /// Written, but not yet given to the disk.
    is_dirty: bool,
    synced_at_ms: i64,
    failure: Option<String>,
    retry_at_ms: i64,
    jobs: Sender<Arc<File>>,
    jobs_begun: u64,
    background: Arc<Background>,
    delayed_syncs: u64,
    sync_failures: u64,
}

fn sync_in_background(jobs: &Receiver<Arc<File>>, background: &Background) {
    while let Ok(file) = jobs.recv() {
        let result = file.sync_data();
        background
            .is_failing
            .store(result.is_err(), Ordering::Release);
        let mut synced = background.synced.lock();
        synced.jobs += 1;
        synced.failures += u64::from(result.is_err());
        synced.failure = result.err().map(|error| error.to_string());
    }
}

fn open(path: &Path) -> io::Result<(Arc<File>, u64)> {
    let file = OpenOptions::new().create(true).append(true).open(path)?;
    let length = file.metadata()?.len();
    Ok((Arc::new(file), length))
}

impl Appender {
    /// Opens an increment, or makes it.
    pub fn open(path: &Path, policy: Policy) -> io::Result<Appender> {
        let (file, length) = open(path)?;
        let (jobs, receiver) = channel();
        let background = Arc::new(Background::default());
        let shared = Arc::clone(&background);
        std::thread::Builder::new()
            .name("aof-fsync".into())
            .spawn(move || sync_in_background(&receiver, &shared))?;
        Ok(Appender {
            file,
            path: path.to_owned(),
            policy,
            length,
            is_dirty: false,
            synced_at_ms: 0,
            failure: None,
            retry_at_ms: 0,
            jobs,
            jobs_begun: 0,
            background,
            delayed_syncs: 0,
            sync_failures: 0,
        })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Goes on in another file; all that came before must have been written.
    ///
    /// The old file is forced to disk first, so that its end is there when the new
    /// file's beginning is.
    pub fn switch(&mut self, path: &Path) -> io::Result<()> {
        let (file, length) = open(path)?;
        self.file.sync_data()?;
        (self.file, self.length) = (file, length);
        self.path = path.to_owned();
        self.is_dirty = false;
        Ok(())
    }

    fn is_syncing(&self) -> bool {
        self.background.synced.lock().jobs < self.jobs_begun
    }

    /// Whether the last write or fsync failed. O(1), without a lock.
    #[inline]
    pub fn is_failing(&self) -> bool {
        self.failure.is_some() || self.background.is_failing.load(Ordering::Acquire)
    }

    /// Why the last write or fsync failed; None: all is well.
    pub fn failure(&self) -> Option<String> {
        if !self.is_failing() {
            return None;
        }
        let background = || self.background.synced.lock().failure.clone();
        self.failure.clone().or_else(background)
    }

    pub fn status(&self, pending_bytes: usize) -> Status {
        // Before the rest, which takes the lock, too.
        let background = self.background.synced.lock().failures;
        Status {
            length: self.length,
            pending_bytes,
            failure: self.failure(),
            sync_failures: self.sync_failures + background,
            is_syncing: self.is_syncing(),
            delayed_syncs: self.delayed_syncs,
        }
    }

    /// Writes what is pending and forces it to disk as the policy says. False: it did
    /// not reach the file (or, with `always`, the disk).
    pub fn flush(&mut self, pending: &mut Vec<u8>, now_ms: i64) -> bool {
        if !pending.is_empty() {
            if self.failure.is_some() && now_ms < self.retry_at_ms {
                return false;
            }
            if let Err(error) = self.write(pending) {
                self.fail(&error, now_ms);
                return false;
            }
            self.is_dirty = true;
        }
        if self.background.is_failing.load(Ordering::Acquire) {
            // Writers are refused until the disk takes something again.
            self.is_dirty = true;
        }
        match self.policy {
            Policy::Always if self.is_dirty => return self.sync_now(now_ms),
            Policy::EverySecond if self.is_dirty && now_ms - self.synced_at_ms >= SECOND_MS => {
                self.sync_later(now_ms);
            }
            _ => {}
        }
        if self.failure.is_some() && pending.is_empty() {
            self.failure = None;
        }
        true
    }

    fn fail(&mut self, error: &io::Error, now_ms: i64) {
        self.failure = Some(error.to_string());
        self.retry_at_ms = now_ms + SECOND_MS;
    }

    fn write(&mut self, pending: &mut Vec<u8>) -> io::Result<()> {
        let mut written = 0;
        let result = loop {
            if written == pending.len() {
                break Ok(());
            }
            match (&*self.file).write(&pending[written..]) {
                Ok(0) => break Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => written += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => break Err(error),
            }
        };
        match result {
            Ok(()) => {
                self.length += written as u64;
                pending.clear();
                pending.shrink_to(1 << 20);
                Ok(())
            }
            Err(error) => {
                if written > 0 && self.file.set_len(self.length).is_err() {
                    // The torn command is finished when the rest can be written.
                    self.length += written as u64;
                    pending.drain(..written);
                }
                Err(error)
            }
        }
    }

    /// Forces the file to disk now.
    pub fn sync_now(&mut self, now_ms: i64) -> bool {
        match self.file.sync_data() {
            Ok(()) => {
                (self.is_dirty, self.synced_at_ms) = (false, now_ms);
                self.failure = None;
                true
            }
            Err(error) => {
                self.sync_failures += 1;
                self.fail(&error, now_ms);
                false
            }
        }
    }

    fn sync_later(&mut self, now_ms: i64) {
        if self.is_syncing() {
            self.delayed_syncs += 1;
            return;
        }
        // The thread lives as long as this sender.
        if self.jobs.send(Arc::clone(&self.file)).is_ok() {
            self.jobs_begun += 1;
            (self.is_dirty, self.synced_at_ms) = (false, now_ms);
        }
    }

    /// When the next fsync is due, in milliseconds since 1970.
    pub fn next_sync_ms(&self) -> Option<i64> {
        let waits = self.is_dirty && self.policy == Policy::EverySecond;
        waits.then_some(self.synced_at_ms + SECOND_MS)
    }
}

impl Drop for Appender {
    fn drop(&mut self) {
        if self.is_dirty {
            let _ = self.file.sync_data();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("aof-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        folder
    }

    #[test]
    fn what_is_flushed_is_in_the_file_and_pending_is_empty() {
        let folder = folder("flush");
        let path = folder.join("a");
        for policy in [Policy::Always, Policy::EverySecond, Policy::Never] {
            let _ = std::fs::remove_file(&path);
            let mut appender = Appender::open(&path, policy).unwrap();
            let mut pending = b"one".to_vec();
            assert!(appender.flush(&mut pending, 5000));
            pending.extend_from_slice(b"two");
            assert!(appender.flush(&mut pending, 5001));
            assert!(pending.is_empty());
            assert_eq!(std::fs::read(&path).unwrap(), b"onetwo");
            assert_eq!(appender.status(0).length, 6);
        }
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn a_failed_write_keeps_its_bytes_and_is_tried_again_after_a_second() {
        let full = Path::new("/dev/full");
        if !full.exists() {
            return;
        }
        let mut appender = Appender::open(full, Policy::EverySecond).unwrap();
        let mut pending = b"bytes".to_vec();
        assert!(!appender.flush(&mut pending, 5000));
        assert_eq!(pending, b"bytes");
        assert!(appender.failure().is_some());
        let folder = folder("retry");
        // As if the disk had room again.
        let (file, length) = open(&folder.join("a")).unwrap();
        (appender.file, appender.length) = (file, length);
        assert!(!appender.flush(&mut pending, 5500), "not before a second");
        assert!(appender.flush(&mut pending, 6000));
        assert!(appender.failure().is_none());
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
