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
use crate::aof::{Appender, Policy, Status};
use crate::output::Output;
use crate::reply::{Protocol, Reply};
use crate::service::Peer;

impl Engine {
    /// Writes the journal to this file from now on. What went before into another is
    /// written and forced to disk first.
    pub fn append_to(&mut self, path: &Path, policy: Policy) -> io::Result<()> {
        self.flush_effects();
        if let Some(aof) = &mut self.aof {
            let pending = self.journal.pending();
            let is_written = pending.is_none_or(|pending| aof.flush(pending, self.now_ms));
            if !is_written {
                let reason = aof.failure().unwrap_or_default();
                return Err(io::Error::other(reason));
            }
            aof.switch(path)?;
            self.journal.forget_database();
            return Ok(());
        }
        self.aof = Some(Appender::open(path, policy)?);
        self.journal.feed_file(true);
        Ok(())
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
            Err(io::Error::other(aof.failure().unwrap_or_default()))
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
        let (Some(aof), Some(pending)) = (&mut self.aof, self.journal.pending()) else {
            return true;
        };
        let is_safe = aof.flush(pending, self.now_ms);
        if !is_safe && aof.policy == Policy::Always {
            // What was promised cannot be kept: nobody may hear that it was done.
            for session in self.sessions.values_mut() {
                session.output.clear();
            }
            (self.is_stopping, self.exit_status) = (true, 1);
        }
        is_safe
    }

    /// Whether nobody may be answered before what was done is on disk.
    pub fn appends_always(&self) -> bool {
        self.aof
            .as_ref()
            .is_some_and(|aof| aof.policy == Policy::Always)
    }

    /// Whether a call inside the process writes what it did before it returns: by policy,
    /// or because another process may hear of it, and take over should this one die.
    pub fn writes_before_reply(&self) -> bool {
        self.other_processes > 0 || self.appends_always()
    }

    /// Forces the file to disk now (WAITAOF). False: it failed.
    pub fn sync_aof(&mut self) -> bool {
        self.flush_effects();
        self.flush_aof() && {
            let now_ms = self.now_ms;
            self.aof.as_mut().is_none_or(|aof| aof.sync_now(now_ms))
        }
    }

    /// What INFO tells of the file; None without one.
    pub fn aof_status(&self) -> Option<Status> {
        let pending_bytes = self.journal.pending_bytes();
        Some(self.aof.as_ref()?.status(pending_bytes))
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
/// not those that it was written for.
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
    engine.refresh_clock();
    engine.is_replaying = true;
    let mut input = Commands::new(BufReader::with_capacity(1 << 20, file), offset);
    let result = input.replay(|arguments| {
        let request = OwnedRequest::from_arguments(arguments.iter().map(Vec::as_slice));
        let mut errors = Errors::default();
        let request = request.as_request();
        pipeline::execute_into(commands, engine, runtime, client, request, &mut errors);
        match errors.first {
            Some(line) => Err(String::from_utf8_lossy(&line).into_owned()),
            None => Ok(()),
        }
    });
    engine.is_replaying = false;
    engine.close_session(client);
    engine.dirty_since_save = 0;
    result
}
