//! Commands that a script calls, and what the engine knows of the script.
//!
//! The interpreter is not here: whoever runs a script sets `Engine::script`, calls
//! `call_from_script` for each of its commands, and takes the script away again. The
//! script's own command (EVAL, FCALL) is on the pipeline meanwhile, so that all that it
//! does is one unit in the journal, and the clock stands still.

use super::engine::Engine;
use super::error::{ErrorCode, Failure};
use super::eviction::Room;
use super::pipeline::{self, Invocation, Outcome, Runtime, Sink};
use super::spec::{CommandSpec, CommandTable, flag};
use crate::aof::Appender;
use crate::reply::Protocol;
use crate::service::{ClientId, Request};

/// A script that runs.
#[derive(Debug, Default)]
pub struct ScriptRun {
    pub client: ClientId,
    /// The protocol in which it hears its commands' replies (`redis.setresp`).
    pub protocol: Protocol,
    pub is_function: bool,
    /// It is no script, but a command or trigger of a user's.
    pub is_command: bool,
    pub is_read_only: bool,
    /// It may write though memory is full.
    pub allows_oom: bool,
    /// Memory was full when it began.
    pub is_out_of_memory: bool,
    /// It has called a command that may write: it can no longer be killed.
    pub has_written: bool,
    /// What it changes from now on stays out of the journal (`redis.set_repl`).
    pub is_unlogged: bool,
    pub started_ns: u64,
    /// Others are answered BUSY.
    pub is_busy: bool,
    pub is_killed: bool,
    /// Its name and command, for FUNCTION STATS; known once it is busy.
    pub name: Vec<u8>,
    pub command: Vec<Vec<u8>>,
}

/// What INFO and MEMORY STATS tell of scripts.
#[derive(Debug, Default, Clone, Copy)]
pub struct ScriptFacts {
    pub cached_scripts: usize,
    pub evicted_scripts: u64,
    pub functions: usize,
    pub libraries: usize,
    /// Bytes of the interpreters, and of what we keep beside them.
    pub eval_vm_bytes: usize,
    pub function_vm_bytes: usize,
    pub eval_bytes: usize,
    pub function_bytes: usize,
}

/// Why nothing may be written now, if so.
fn write_refusal(engine: &Engine) -> Option<Failure> {
    if let Some(failure) = engine.aof.as_ref().and_then(Appender::failure) {
        return Some(Failure::With(ErrorCode::AofFailed, failure));
    }
    engine
        .settings
        .refuses_writes
        .then(|| ErrorCode::SavingFails.into())
}

impl Engine {
    /// Whether a script that says that it writes (`#!lua` without `no-writes`) may begin.
    pub fn check_script_start(&mut self, may_write: bool, allows_oom: bool) -> Result<(), Failure> {
        if may_write && let Some(failure) = write_refusal(self) {
            return Err(failure);
        }
        if may_write && !allows_oom && self.is_out_of_memory() {
            return Err(ErrorCode::OutOfMemory.into());
        }
        Ok(())
    }

    /// The server ends in the middle of a script: what it did is as if it never was.
    pub fn abandon_effects(&mut self) {
        self.effects.clear();
    }

    /// What others hear while a script takes long.
    pub fn busy_failure(&self) -> Failure {
        if self.script.as_ref().is_some_and(|it| it.is_command) {
            return ErrorCode::BusyCommand.into();
        }
        let is_function = self.script.as_ref().is_some_and(|it| it.is_function);
        let command = if is_function { "FUNCTION" } else { "SCRIPT" };
        Failure::With(ErrorCode::Busy, command.to_owned())
    }

    /// Memory is full, and nothing can be evicted.
    pub fn is_out_of_memory(&mut self) -> bool {
        self.settings.memory_max > 0 && self.make_room() == Room::Exhausted
    }

    /// What the rule of the running script says against a command.
    fn check_script_command(&self, spec: &CommandSpec) -> Result<(), Failure> {
        let Some(script) = &self.script else {
            return Err(ErrorCode::ScriptRefused.into());
        };
        if spec.has(flag::NOSCRIPT) {
            return Err(ErrorCode::ScriptRefused.into());
        }
        let may_write = spec.has(flag::WRITE | flag::MAY_REPLICATE);
        if may_write && script.is_read_only {
            return Err(ErrorCode::ScriptReads.into());
        }
        if spec.has(flag::WRITE)
            && let Some(failure) = write_refusal(self)
        {
            return Err(failure);
        }
        if spec.has(flag::DENYOOM)
            && script.is_out_of_memory
            && !script.allows_oom
            && !script.has_written
        {
            return Err(ErrorCode::OutOfMemory.into());
        }
        Ok(())
    }
}

/// Runs a command for the script that runs; its reply goes to `sink`.
///
/// A refusal is counted as an error and nothing is in the sink.
pub fn call_from_script(
    commands: &CommandTable,
    engine: &mut Engine,
    runtime: &mut dyn Runtime,
    request: Request<'_>,
    sink: &mut dyn Sink,
) -> Result<Outcome, Vec<u8>> {
    let id = find(commands, engine, request).map_err(|failure| engine.error_line(&failure))?;
    let spec = &commands.specs[id];
    if let Err(failure) = engine.check_script_command(spec) {
        engine.statistics.commands[id].rejected += 1;
        return Err(engine.error_line(&failure));
    }
    let Some(script) = &mut engine.script else {
        return Err(Vec::new());
    };
    script.has_written |= spec.has(flag::WRITE);
    let (client, protocol) = (script.client, script.protocol);
    let session = engine.session(client);
    session.script_protocol = Some(protocol);
    let invocation = Invocation {
        client,
        command: id,
        request,
    };
    let database = session.database;
    let outcome = pipeline::run(commands, engine, runtime, invocation, database, sink);
    if let Some(session) = engine.sessions.get_mut(&client) {
        session.script_protocol = None;
    }
    Ok(outcome)
}

/// The command that a script's request names, its number of arguments checked.
fn find(
    commands: &CommandTable,
    engine: &mut Engine,
    request: Request<'_>,
) -> Result<usize, Failure> {
    if commands.find(request.get(0)).is_none() {
        return Err(ErrorCode::ScriptUnknown.into());
    }
    let id = pipeline::look_up(commands, request)?;
    if commands.specs[id].arity_allows(request.len()) {
        return Ok(id);
    }
    engine.statistics.commands[id].rejected += 1;
    Err(ErrorCode::ScriptArity.into())
}
