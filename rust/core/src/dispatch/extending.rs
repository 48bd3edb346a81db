//! Commands that a user's own command executes.
//!
//!     outer command ── execute ──▶ run ── its effects ──▶ one unit in the journal
//!           └── edits of its own ──▶ itself, or the state of its keys if both did
//!
//! What is executed goes the way of all commands (`pipeline::run`): parsed, counted, told
//! to monitors. It does not wait for keys, and answers in RESP3.

use super::engine::{Engine, Propagation, Run};
use super::error::{ErrorCode, Failure};
use super::look_up::look_up;
use super::pipeline::{self, Invocation, RespSink, Runtime};
use super::spec::{CommandSpec, CommandTable, flag};
use crate::aof::Appender;
use crate::output::Output;
use crate::reply::Protocol;
use crate::service::Request;

/// Commands that execute each other deeper than this are refused: the stack ends somewhere.
const DEPTH_MAX: u32 = 32;

impl Run {
    /// The command edited keys itself and executed others that did, and does not say what
    /// the journal is to get.
    pub(super) fn mixes_effects(&self) -> bool {
        self.has_executed_edits && self.edits > 0 && matches!(self.propagation, Propagation::AsIs)
    }
}

impl Engine {
    /// Adds commands to those of an engine that is at work already; numbers stay.
    pub fn add_commands(&mut self, specs: Vec<CommandSpec>) {
        let mut table = CommandTable::clone(&self.commands);
        for spec in specs {
            table.add(spec);
        }
        self.set_commands(table);
    }
}

/// Executes a command for the one that runs, which has these flags; the reply, in RESP3.
///
/// A refusal is an error here; what a command itself answers with is in the output.
pub fn execute(
    commands: &CommandTable,
    engine: &mut Engine,
    runtime: &mut dyn Runtime,
    flags: u64,
    request: Request<'_>,
) -> Result<Output, Failure> {
    let client = engine.run.client;
    let id = look_up(commands, request)?;
    let spec = &commands.specs[id];
    if let Err(failure) = check(commands, engine, flags, id, request) {
        engine.statistics.commands[id].rejected += 1;
        return Err(failure);
    }
    let invocation = Invocation {
        client,
        command: id,
        request,
    };
    let database = engine.run.database;
    let changes = engine.dirty_since_save;
    let denied = std::mem::replace(&mut engine.run.denies_blocking, true);
    let session = engine.session(client);
    let protocol = std::mem::replace(&mut session.protocol, Protocol::Resp3);
    let mut sink = RespSink::default();
    pipeline::run(commands, engine, runtime, invocation, database, &mut sink);
    if let Some(session) = engine.sessions.get_mut(&client) {
        session.protocol = protocol;
    }
    engine.run.denies_blocking = denied;
    engine.run.has_executed_edits |= engine.dirty_since_save != changes
        || spec.has(flag::ALWAYS_PROPAGATE) && spec.has(flag::WRITE);
    Ok(sink.output)
}

fn check(
    commands: &CommandTable,
    engine: &Engine,
    flags: u64,
    id: usize,
    request: Request<'_>,
) -> Result<(), Failure> {
    let spec = &commands.specs[id];
    if !spec.arity_allows(request.len()) {
        return Err(Failure::With(ErrorCode::WrongArity, spec.name.clone()));
    }
    if spec.has(flag::NOSCRIPT | flag::NO_QUEUE) || spec.name == "select" {
        return Err(Failure::With(ErrorCode::ExecuteRefused, spec.name.clone()));
    }
    if engine.run.depth >= DEPTH_MAX {
        return Err(ErrorCode::ExecuteTooDeep.into());
    }
    if spec.has(flag::WRITE | flag::MAY_REPLICATE) {
        if flags & flag::WRITE == 0 {
            return Err(Failure::With(ErrorCode::ExecuteReadOnly, spec.name.clone()));
        }
        if let Some(failure) = engine.aof.as_ref().and_then(Appender::failure) {
            return Err(Failure::With(ErrorCode::AofFailed, failure));
        }
        if engine.settings.refuses_writes {
            return Err(ErrorCode::SavingFails.into());
        }
    }
    let is_limited = engine.settings.memory_max > 0 && flags & flag::DENYOOM == 0;
    if is_limited && spec.has(flag::DENYOOM) && engine.is_over_limit() {
        return Err(ErrorCode::OutOfMemory.into());
    }
    Ok(())
}
