//! The append-only file, as the engine sees it: written at the end of each turn, replayed
//! at the start.

use std::fs::File;
use std::io::{self, BufReader, Seek, SeekFrom};
use std::path::Path;

use super::engine::Engine;
use super::pipeline::{self, Runtime, Shape, Sink};
use super::session::OwnedRequest;
use super::spec::CommandTable;
use crate::aof::replay::{Commands, Problem};
use crate::aof::{Appender, Next, Policy, Status};
use crate::output::Output;
use crate::reply::{Protocol, Reply};
use crate::service::Peer;

/// What the journal is to be written to next.
pub(super) enum NextAof {
    First(Appender),
    Further(Next),
}

/// What calls left for the append-only file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gathered {
    /// Bytes, or there were some just now.
    Some,
    /// All is with the system, and not yet forced to disk.
    Unsynced,
    Nothing,
}

impl Engine {
    /// Writes the journal to this file from `go_on_appending` on. With `repeats` the
    /// present file is given up, because an fsync of it failed; else what went into it is
    /// written and forced to disk first. After an error all goes on as before.
    pub fn prepare_appending(
        &mut self,
        path: &Path,
        policy: Policy,
        repeats: bool,
    ) -> io::Result<()> {
        self.flush_effects();
        self.next_aof = None;
        let Some(aof) = &mut self.aof else {
            self.next_aof = Some(NextAof::First(Appender::open(path, policy)?));
            return Ok(());
        };
        let next = if repeats {
            Next::repeat(aof, path)?
        } else {
            let pending = self.journal.pending();
            if !pending.is_none_or(|pending| aof.flush(pending, self.now_ms)) {
                let reason = aof.failure().unwrap_or_default();
                return Err(io::Error::other(reason));
            }
            Next::after(aof, path)?
        };
        self.next_aof = Some(NextAof::Further(next));
        Ok(())
    }

    /// Does what was prepared. Nothing may have been executed in between.
    pub fn go_on_appending(&mut self) {
        match (self.next_aof.take(), &mut self.aof) {
            (Some(NextAof::First(aof)), current) => {
                *current = Some(aof);
                self.journal.feed_file(true);
            }
            (Some(NextAof::Further(next)), Some(aof)) => {
                aof.go_on(next);
                if self.journal.pending_bytes() == 0 {
                    self.journal.forget_database();
                }
            }
            _ => {}
        }
    }

    /// Follows `appendfsync`.
    pub fn set_aof_policy(&mut self, policy: Policy) {
        let old = self.aof.as_ref().map_or(policy, Appender::policy);
        if (old == Policy::Never) != (policy == Policy::Never) {
            self.sync_aof();
        }
        if let Some(aof) = &mut self.aof {
            aof.set_policy(policy);
        }
    }

    /// Ends the append-only file; all is on disk afterwards.
    pub fn stop_appending(&mut self) -> io::Result<()> {
        self.flush_effects();
        let Some(mut aof) = self.aof.take() else {
            return Ok(());
        };
        let pending = self.journal.pending();
        let is_written = pending.is_none_or(|pending| aof.flush(pending, self.now_ms));
        let is_synced = is_written && aof.sync_now(self.now_ms);
        self.journal.feed_file(false);
        if is_synced {
            Ok(())
        } else {
            let reason = aof.failure();
            Err(io::Error::other(
                reason.unwrap_or_else(|| "the fsync failed".into()),
            ))
        }
    }

    /// Writes what the turn's commands changed; before their replies leave. False: it
    /// could not be written.
    #[inline]
    pub fn flush_aof(&mut self) -> bool {
        if self.aof.is_none() {
            return true;
        }
        self.flush_aof_now()
    }

    fn flush_aof_now(&mut self) -> bool {
        let (started_ns, is_saving) = (self.begin_latency(), self.is_saving());
        let (Some(aof), Some(pending)) = (&mut self.aof, self.journal.pending()) else {
            return true;
        };
        let writes = !pending.is_empty();
        let circumstance = match started_ns {
            Some(_) if aof.is_syncing() => "aof-write-pending-fsync",
            _ if is_saving => "aof-write-active-child",
            _ => "aof-write-alone",
        };
        aof.set_memory_max(self.settings.memory_max);
        let policy = aof.policy();
        let mut is_safe = aof.write_pending(pending, self.now_ms);
        if is_safe && policy != Policy::Always {
            // What it may wait for the disk belongs to the write.
            is_safe = aof.sync_by_policy(self.now_ms);
        }
        let written_ns = started_ns.map(|_| self.clock.monotonic_ns());
        let syncs = is_safe && policy == Policy::Always;
        if syncs {
            is_safe = aof.sync_by_policy(self.now_ms);
        }
        self.statistics.counters.delayed_syncs += aof.take_delayed_syncs();
        let has_begun_sync = aof.has_begun_sync();
        if has_begun_sync {
            self.journal.forget_database();
        }
        if let (true, Some(started_ns), Some(written_ns)) = (writes, started_ns, written_ns) {
            self.note_latency(circumstance, written_ns - started_ns);
            self.note_latency("aof-write", written_ns - started_ns);
            if syncs {
                self.end_latency("aof-fsync-always", Some(written_ns));
            }
        }
        if !is_safe && policy == Policy::Always {
            // What was promised cannot be kept: nobody may hear that it was done.
            for session in self.sessions.values_mut() {
                session.output.clear();
            }
            (self.is_stopping, self.exit_status) = (true, 1);
        }
        is_safe
    }

    /// Writes what gathered before the last look; for a thread of its own, which keeps `seen`.
    pub fn hand_over(&mut self, seen: &mut u64) -> Gathered {
        let Some(aof) = &self.aof else {
            return Gathered::Nothing;
        };
        let has_bytes = self.journal.pending_bytes() > 0;
        if has_bytes && aof.length() != *seen {
            // Somebody has written since; what is there now is younger than that.
            *seen = aof.length();
            return Gathered::Some;
        }
        if !has_bytes && !aof.awaits_sync() {
            return Gathered::Nothing;
        }
        self.refresh_clock();
        let is_safe = self.flush_aof();
        self.last_reading_ns = 0;
        *seen = self.aof.as_ref().map_or(0, Appender::length);
        match is_safe {
            true if has_bytes => Gathered::Some,
            true => Gathered::Unsynced,
            // The event loop tries again each second.
            false => Gathered::Nothing,
        }
    }

    /// Whether nobody may be answered before what was done is on disk.
    pub fn appends_always(&self) -> bool {
        self.aof
            .as_ref()
            .is_some_and(|aof| aof.policy() == Policy::Always)
    }

    /// Whether a call inside the process writes what it did before it returns: by policy,
    /// or because another process may hear of it, and take over should this one die.
    pub fn writes_before_reply(&self) -> bool {
        self.other_processes > 0 || self.appends_always()
    }

    /// Forces the file to disk now (WAITAOF). False: it failed.
    pub fn sync_aof(&mut self) -> bool {
        self.flush_effects();
        let is_written = self.flush_aof();
        let Some(aof) = self.aof.as_mut().filter(|_| is_written) else {
            return is_written;
        };
        let is_synced = aof.sync_now(self.now_ms);
        if aof.has_begun_sync() {
            self.journal.forget_database();
        }
        is_synced
    }

    /// What INFO tells of the file; None without one.
    pub fn aof_status(&mut self) -> Option<Status> {
        let pending_bytes = self.journal.pending_bytes();
        Some(self.aof.as_mut()?.status(pending_bytes))
    }
}

/// Takes replies to commands from a file: only errors are of interest.
#[derive(Default)]
struct Errors {
    first: Option<Vec<u8>>,
}

impl Sink for Errors {
    fn resp(&mut self) -> Option<&mut Output> {
        None
    }

    fn put_bulk(&mut self, _: &[u8]) {}

    fn put(&mut self, reply: &Reply, _: Protocol) {
        if let Reply::Error(line) = reply {
            self.first.get_or_insert_with(|| line.clone());
        }
    }

    fn begin(&mut self, _: Shape, _: usize, _: Protocol) {}

    fn end(&mut self, _: Shape, _: usize) {}

    fn as_any(&mut self) -> &mut dyn std::any::Any {
        self
    }
}

/// Executes the commands of an increment from `offset` on; returns how many there were.
///
/// A command that fails ends it: the file is not one of ours, or the data before it are
/// not those that it was written for. Within a command (DEBUG LOADAOF) what they do is no
/// news for the journal.
pub fn replay(
    commands: &CommandTable,
    engine: &mut Engine,
    runtime: &mut dyn Runtime,
    path: &Path,
    offset: u64,
) -> Result<u64, Problem> {
    let mut file = File::open(path).map_err(Problem::Io)?;
    file.seek(SeekFrom::Start(offset)).map_err(Problem::Io)?;
    let client = engine.open_session(Peer {
        address: "file:0".into(),
        local_address: "file:0".into(),
        descriptor: -1,
        is_unix_socket: false,
        is_local: true,
        is_other_process: false,
    });
    engine.session(client).is_authenticated = true;
    let outer = (engine.ignores_pause, engine.run.denies_blocking);
    let effects = engine.effects.len();
    engine.refresh_clock();
    engine.is_replaying = true;
    let mut input = Commands::new(BufReader::with_capacity(1 << 20, file), offset);
    let result = input.replay(|arguments| {
        let request = OwnedRequest::from_arguments(arguments.iter().map(Vec::as_slice));
        let mut errors = Errors::default();
        let request = request.as_request();
        pipeline::execute_into(commands, engine, runtime, client, request, &mut errors);
        engine.effects.truncate(effects);
        match errors.first {
            Some(line) => Err(String::from_utf8_lossy(&line).into_owned()),
            None => Ok(()),
        }
    });
    engine.is_replaying = false;
    (engine.ignores_pause, engine.run.denies_blocking) = outer;
    engine.close_session(client);
    engine.dirty_since_save = 0;
    result
}
