//! Appends to the last increment, and forces it to disk as the policy says.
//!
//!     pending ──write──→ file ──fsync──→ disk
//!                 │
//!                 └ `unsynced`: a copy, until the disk is known to have it (`everysec`)
//!
//! A write that fails half-way is cut off again, so that no torn command stays in the
//! file; its bytes stay pending and are tried again each second. With `everysec` a
//! thread does the fsync, so nobody waits for the disk.
//!
//! After a failed fsync nobody knows what of the file is on disk, and a second fsync that
//! succeeds tells nothing of what the first one lost. So nothing more is written to it:
//! `Next::repeat` writes what was not surely there into a new increment and cuts it off
//! the old one; only then writers are accepted again.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::mem;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Sender, channel};

use super::background::{Background, reason, sync_in_background};

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
/// With so much that is not on disk writers wait for the next fsync …
const UNSYNCED_BYTES_MAX: usize = 64 << 20;
/// … which begins early with this part of it.
const UNSYNCED_MANY_PART: usize = 4;
/// Where memory has a limit, no more than this part of it …
const UNSYNCED_LIMIT_PART: usize = 16;
/// … but so much in any case.
const UNSYNCED_BYTES_MIN: usize = 1 << 20;
/// Room that a buffer keeps when it is empty.
const ROOM_BYTES: usize = 1 << 20;

/// What INFO and the log tell.
#[derive(Debug, Clone, Default)]
pub struct Status {
    /// Bytes of the increment that is written to.
    pub length: u64,
    pub pending_bytes: usize,
    /// Why the last write or fsync failed.
    pub failure: Option<String>,
    /// An fsync failed: nothing is written until there is a new increment.
    pub is_broken: bool,
    /// Bytes that nobody has a copy of (`appendfsync no`) may not be on disk, whatever a
    /// later fsync says; only a rewrite brings them back.
    pub has_lost: bool,
    pub is_syncing: bool,
    /// All that was written is on disk.
    pub is_synced: bool,
}

/// The increment that is written to.
pub struct Appender {
    file: Arc<File>,
    path: PathBuf,
    policy: Policy,
    length: u64,
    /// Written, but not yet given to the disk.
    is_dirty: bool,
    /// Bytes of the file that are surely on disk.
    synced_length: u64,
    /// What the fsync under way is about, and what was written after it began; only
    /// `everysec` needs them.
    syncing: Vec<u8>,
    unsynced: Vec<u8>,
    unsynced_bytes_max: usize,
    synced_at_ms: i64,
    failure: Option<String>,
    retry_at_ms: i64,
    jobs: Sender<Arc<File>>,
    jobs_begun: u64,
    jobs_seen: u64,
    background: Arc<Background>,
    delayed_syncs: u64,
    /// It was counted that the fsync under way takes too long.
    is_delayed: bool,
    is_broken: bool,
    has_lost: bool,
    has_begun_sync: bool,
}

/// The increment that is to be written to next, once the manifest names it.
pub struct Next {
    file: Arc<File>,
    path: PathBuf,
    length: u64,
}

fn open(path: &Path) -> io::Result<(Arc<File>, u64)> {
    let file = OpenOptions::new().create(true).append(true).open(path)?;
    let length = file.metadata()?.len();
    Ok((Arc::new(file), length))
}

impl Next {
    /// Goes on in another file after all of the present one is on disk.
    pub fn after(aof: &mut Appender, path: &Path) -> io::Result<Next> {
        let (file, length) = open(path)?;
        aof.sync_data()?;
        Ok(Next {
            file,
            path: path.to_owned(),
            length,
        })
    }

    /// Writes what may not be on disk to another file, and takes it out of the present
    /// one. Nothing is written to that in between, so this may be tried again and again.
    pub fn repeat(aof: &mut Appender, path: &Path) -> io::Result<Next> {
        aof.wait_for_job();
        let (file, _) = open(path)?;
        file.set_len(0)?;
        let bytes = [&aof.syncing[..], &aof.unsynced].concat();
        (&*file).write_all(&bytes)?;
        file.sync_all()?;
        // Twice there, they would be executed twice.
        aof.file.set_len(aof.synced_length)?;
        aof.file.sync_all()?;
        Ok(Next {
            file,
            path: path.to_owned(),
            length: bytes.len() as u64,
        })
    }
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
            synced_length: length,
            syncing: Vec::new(),
            unsynced: Vec::new(),
            unsynced_bytes_max: UNSYNCED_BYTES_MAX,
            synced_at_ms: 0,
            failure: None,
            retry_at_ms: 0,
            jobs,
            jobs_begun: 0,
            jobs_seen: 0,
            background,
            delayed_syncs: 0,
            is_delayed: false,
            is_broken: false,
            has_lost: false,
            has_begun_sync: false,
        })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn policy(&self) -> Policy {
        self.policy
    }

    /// Bytes of the file.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Whether something of the file is to be forced to disk within a second.
    pub fn awaits_sync(&self) -> bool {
        self.is_dirty && self.policy == Policy::EverySecond
    }

    /// `appendfsync` has changed. What was written under another must be on disk if
    /// `Never` is one of them: there is no copy of what that writes.
    pub fn set_policy(&mut self, policy: Policy) {
        self.policy = policy;
    }

    /// Memory has this limit (0: none), so only a part of it may be for copies.
    pub fn set_memory_max(&mut self, limit: usize) {
        self.unsynced_bytes_max = match limit {
            0 => UNSYNCED_BYTES_MAX,
            _ => (limit / UNSYNCED_LIMIT_PART).clamp(UNSYNCED_BYTES_MIN, UNSYNCED_BYTES_MAX),
        };
    }

    /// Memory of copies of what may not be on disk. O(1).
    pub fn copied_bytes(&self) -> usize {
        self.syncing.capacity() + self.unsynced.capacity()
    }

    /// Goes on in the next file. What is pending goes there.
    pub fn go_on(&mut self, next: Next) {
        (self.file, self.path, self.length) = (next.file, next.path, next.length);
        self.is_dirty = false;
        self.is_synced();
        if mem::take(&mut self.is_broken) {
            self.failure = None;
            self.background.is_failing.store(false, Ordering::Release);
        }
    }

    /// A rewrite has brought back what may have been lost.
    pub fn is_whole_again(&mut self) {
        self.has_lost = false;
    }

    /// Whether a thread is forcing the file to disk.
    pub fn is_syncing(&self) -> bool {
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

    pub fn status(&mut self, pending_bytes: usize) -> Status {
        self.look_at_jobs();
        Status {
            length: self.length,
            pending_bytes,
            failure: self.failure(),
            is_broken: self.is_broken,
            has_lost: self.has_lost,
            is_syncing: self.is_syncing(),
            is_synced: self.is_synced_but_for(pending_bytes),
        }
    }

    /// How many fsyncs were found not to be over when the next was due, since it was last
    /// asked.
    pub fn take_delayed_syncs(&mut self) -> u64 {
        mem::take(&mut self.delayed_syncs)
    }

    /// Whether all is on disk when a reply leaves that is made now.
    fn is_synced_but_for(&self, pending_bytes: usize) -> bool {
        let is_settled = self.policy == Policy::Always
            || pending_bytes == 0 && !self.is_dirty && !self.is_syncing();
        is_settled && !self.is_broken && !self.has_lost
    }

    /// Whether an fsync has begun since it was last asked: what is written next must not
    /// depend on what came before, for it may begin a file.
    pub fn has_begun_sync(&mut self) -> bool {
        mem::take(&mut self.has_begun_sync)
    }

    /// Writes what is pending and forces it to disk as the policy says. False: it did
    /// not reach the file (or, with `always`, the disk).
    pub fn flush(&mut self, pending: &mut Vec<u8>, now_ms: i64) -> bool {
        self.write_pending(pending, now_ms) && self.sync_by_policy(now_ms)
    }

    /// The first half of `flush`. False: it did not reach the file.
    pub fn write_pending(&mut self, pending: &mut Vec<u8>, now_ms: i64) -> bool {
        self.look_at_jobs();
        if self.is_broken {
            return pending.is_empty();
        }
        if !pending.is_empty() {
            if self.failure.is_some() && now_ms < self.retry_at_ms {
                return false;
            }
            if let Err(error) = self.write(pending) {
                self.fail(&error, now_ms);
                return false;
            }
            self.is_dirty = true;
            self.failure = None;
        }
        true
    }

    /// The second half of `flush`. False: the policy is `always`, and it failed.
    pub fn sync_by_policy(&mut self, now_ms: i64) -> bool {
        if self.is_broken {
            return true;
        }
        match self.policy {
            Policy::Always if self.is_dirty => return self.sync_now(now_ms),
            Policy::EverySecond if self.is_dirty => {
                let most = self.unsynced_bytes_max;
                if self.syncing.len() + self.unsynced.len() >= most {
                    return self.sync_now(now_ms);
                }
                let many = most / UNSYNCED_MANY_PART;
                let is_much = self.unsynced.len() >= many && !self.is_syncing();
                if is_much || now_ms - self.synced_at_ms >= SECOND_MS {
                    self.sync_later(now_ms);
                }
            }
            _ => {}
        }
        true
    }

    fn fail(&mut self, error: &io::Error, now_ms: i64) {
        self.failure = Some(reason(error));
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
        if result.is_err() && written > 0 && self.file.set_len(self.length).is_ok() {
            return result;
        }
        // A torn command that stays is finished when the rest can be written.
        self.length += written as u64;
        if self.policy == Policy::EverySecond {
            self.unsynced.extend_from_slice(&pending[..written]);
        }
        if written == pending.len() {
            pending.clear();
            pending.shrink_to(ROOM_BYTES);
        } else {
            pending.drain(..written);
        }
        result
    }

    /// Forces the file to disk now. False: it failed, or what it held may be lost.
    pub fn sync_now(&mut self, now_ms: i64) -> bool {
        let is_synced = self.sync_data().is_ok();
        if is_synced {
            (self.is_dirty, self.synced_at_ms) = (false, now_ms);
            // `always` goes on in no other file after a failure.
            self.has_begun_sync = self.policy != Policy::Always;
        }
        is_synced && !self.has_lost
    }

    fn sync_data(&mut self) -> io::Result<()> {
        // The system tells of an error once: that must not be the thread.
        self.wait_for_job();
        if self.is_broken {
            return Err(io::Error::other(self.failure().unwrap_or_default()));
        }
        let result = self.file.sync_data();
        match &result {
            Ok(()) => self.is_synced(),
            Err(_) if self.policy == Policy::Never => self.has_lost = true,
            Err(error) => {
                self.failure = Some(reason(error));
                self.is_broken = true;
            }
        }
        result
    }

    /// All that was written is on disk.
    fn is_synced(&mut self) {
        self.synced_length = self.length;
        for buffer in [&mut self.syncing, &mut self.unsynced] {
            buffer.clear();
            buffer.shrink_to(ROOM_BYTES);
        }
    }

    fn sync_later(&mut self, now_ms: i64) {
        if self.is_syncing() {
            self.delayed_syncs += u64::from(!mem::replace(&mut self.is_delayed, true));
            return;
        }
        self.look_at_jobs();
        if self.is_broken {
            return;
        }
        // The thread lives as long as this sender.
        if self.jobs.send(Arc::clone(&self.file)).is_ok() {
            self.jobs_begun += 1;
            self.is_delayed = false;
            (self.is_dirty, self.synced_at_ms) = (false, now_ms);
            mem::swap(&mut self.syncing, &mut self.unsynced);
            self.has_begun_sync = true;
        }
    }

    fn wait_for_job(&mut self) {
        let mut synced = self.background.synced.lock();
        while synced.jobs < self.jobs_begun {
            self.background.has_ended.wait(&mut synced);
        }
        drop(synced);
        self.look_at_jobs();
    }

    /// Takes note of what the thread has done.
    #[inline]
    fn look_at_jobs(&mut self) {
        if self.jobs_seen == self.jobs_begun {
            return;
        }
        let synced = self.background.synced.lock();
        if synced.jobs < self.jobs_begun {
            return;
        }
        self.jobs_seen = synced.jobs;
        if synced.failure.is_some() {
            self.failure.clone_from(&synced.failure);
            self.is_broken = true;
        } else {
            self.synced_length += self.syncing.len() as u64;
            self.syncing.clear();
            self.syncing.shrink_to(ROOM_BYTES);
        }
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
#[path = "appender_tests.rs"]
mod tests;
