//! The one way through: look up, check, parse, run, account.
//!
//! Sockets, embedded calls, EXEC and (later) scripts, replay and replication all
//! come through `execute` or `run`. A command's meaning is the `Runtime`'s.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::aftermath::{Bug, panic_message};
use super::arguments::{self, Arguments};
use super::blocking;
use super::engine::{Engine, Propagation, Run};
use super::error::{ErrorCode, Failure};
use super::eviction::{self, Room};
use super::gate::{self, Verdict};
use super::journal::{Effect, Word};
pub use super::look_up::look_up;
use super::look_up::speaks_http;
use super::native::{Handled, NativeCall};
use super::session::{Close, OwnedRequest};
pub use super::sink::{RespSink, Shape, Sink};
use super::spec::{CommandId, CommandSpec, CommandTable, flag};
use super::triggers;
pub use super::warning::Warning;
use crate::reply::{Protocol, Reply};
use crate::service::{ClientId, Flow, Request};

/// One call of a command.
#[derive(Debug, Clone, Copy)]
pub struct Invocation<'r> {
    pub client: ClientId,
    pub command: CommandId,
    pub request: Request<'r>,
}

/// How a handler ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Its reply is in the sink.
    Replied,
    /// Its error is in the sink.
    Failed,
    /// It waits for a key; nothing is in the sink.
    Blocked,
}

/// What commands mean; implemented by the Python binding.
pub trait Runtime {
    fn invoke(
        &mut self,
        commands: &CommandTable,
        engine: &mut Engine,
        invocation: &Invocation<'_>,
        arguments: &Arguments<'_>,
        sink: &mut dyn Sink,
    ) -> Outcome;

    /// Tells a trigger of an event.
    fn react(&mut self, _engine: &mut Engine, _event: &triggers::Event) {}

    /// A bug in Rust ended a command; for the log.
    fn panicked(&mut self, _command: &str, _message: &str) {}

    /// Something that the log must tell.
    fn warn(&mut self, _warning: &Warning<'_>) {}

    /// A script tells the log something; levels count from debug (0) to warning (3).
    fn script_log(&mut self, _level: u8, _message: &[u8]) {}

    /// A script runs for so many milliseconds already, and others are told that it does.
    fn script_is_slow(&mut self, _name: &[u8], _elapsed_ms: u64) {}

    /// Whether the user wants a running script to end (Ctrl-C in a host application).
    fn is_interrupted(&mut self) -> bool {
        false
    }

    /// What becomes of a request, while there is a gate.
    fn gate(&mut self, _: ClientId, _: Request<'_>) -> Verdict {
        Verdict::Pass
    }

    /// Time-driven work of the runtime's own, ten times a second.
    fn cron(&mut self, engine: &mut Engine);
}

/// Executes one request of a client's session; the reply joins its output.
pub fn execute(
    commands: &CommandTable,
    engine: &mut Engine,
    runtime: &mut dyn Runtime,
    client: ClientId,
    request: Request<'_>,
) -> Flow {
    if engine.last_reading_ns == 0 {
        engine.refresh_clock();
    }
    if engine.gate.is_on && engine.sessions.contains_key(&client) {
        return gate::execute(commands, engine, runtime, client, request);
    }
    execute_passed(commands, engine, runtime, client, request)
}

/// Executes a request that the gate, if there is one, has let pass.
#[inline]
pub(super) fn execute_passed(
    commands: &CommandTable,
    engine: &mut Engine,
    runtime: &mut dyn Runtime,
    client: ClientId,
    request: Request<'_>,
) -> Flow {
    let now_ms = engine.now_ms;
    let Some(session) = engine.sessions.get_mut(&client) else {
        return Flow::CloseNow;
    };
    if session.close == Close::Now {
        return Flow::CloseNow;
    }
    session.last_request_ms = now_ms;
    let mut sink = RespSink {
        output: std::mem::take(&mut session.output),
    };
    let before = sink.output.bytes_pending();

    let postponed = admit(commands, engine, runtime, client, request, &mut sink);
    if engine.tracking.has_business() {
        engine.finish_tracked_request(client);
    }

    let Some(session) = engine.sessions.get_mut(&client) else {
        return Flow::CloseNow;
    };
    if !postponed && session.blocked.is_none() {
        session.finish_reply(&mut sink.output, before);
    }
    // What was pushed to the client during its own command follows the reply.
    let pushed = std::mem::replace(&mut session.output, sink.output);
    if !pushed.is_empty() {
        session.output.append(pushed);
    }
    if postponed {
        session.is_paused = true;
        session.postponed = Some(request.into());
        engine.postponed_clients.push(client);
        return Flow::Pause;
    }
    if session.blocked.is_some() {
        session.is_paused = true;
        return Flow::Pause;
    }
    let held = session.output.bytes_pending();
    let close = session.close;
    if held > OUTPUT_CHECK_BYTES {
        engine.check_output_limit(client);
    }
    match close {
        Close::No => Flow::Continue,
        Close::AfterReply => Flow::CloseAfterReply,
        Close::Now => Flow::CloseNow,
    }
}

/// Executes one request of a caller that has no socket; the reply goes to `sink`.
///
/// Such callers are not held up by CLIENT PAUSE, and do not wait for keys: they would hold
/// up their own process.
pub fn execute_into(
    commands: &CommandTable,
    engine: &mut Engine,
    runtime: &mut dyn Runtime,
    client: ClientId,
    request: Request<'_>,
    sink: &mut dyn Sink,
) {
    engine.ignores_pause = true;
    engine.run.denies_blocking = true;
    admit(commands, engine, runtime, client, request, sink);
    engine.run.denies_blocking = false;
    if engine.tracking.has_business() {
        engine.finish_tracked_request(client);
    }
    engine.ignores_pause = false;
}

/// Outputs below this need no look at their limits.
const OUTPUT_CHECK_BYTES: usize = 1024;

/// Checks a client's request and runs or queues it. True: it must wait (CLIENT PAUSE).
fn admit(
    commands: &CommandTable,
    engine: &mut Engine,
    runtime: &mut dyn Runtime,
    client: ClientId,
    request: Request<'_>,
    sink: &mut dyn Sink,
) -> bool {
    let id = match look_up(commands, request) {
        Ok(id) => id,
        Err(failure) => {
            let session = engine.session(client);
            session.last_command = None;
            if speaks_http(request.get(0)) {
                session.close = Close::Now;
                let address = session.peer.address.clone();
                runtime.warn(&Warning::Browser { address: &address });
                return false;
            }
            refuse(engine, client, &failure, sink);
            return false;
        }
    };
    let spec = &commands.specs[id];
    if let Err(failure) = permits(commands, engine, client, spec, request) {
        engine.session(client).last_command = Some(id);
        engine.statistics.commands[id].rejected += 1;
        if spec.name != "exec" {
            refuse(engine, client, &failure, sink);
            return false;
        }
        let failure = engine.abort_transaction(client, &failure);
        refuse(engine, client, &failure, sink);
        // The end of a transaction is always shown to monitors.
        let invocation = Invocation {
            client,
            command: id,
            request,
        };
        engine.feed_monitors(&invocation);
        return false;
    }
    if engine.pause.is_some()
        && let Some(kind) = engine.pause_kind()
        && blocking::is_held_up(commands, engine, client, spec, kind)
    {
        engine.session(client).last_command = Some(id);
        return true;
    }
    let session = engine.session(client);
    session.last_command = Some(id);
    let protocol = session.protocol;
    if let Some(queue) = &mut session.queue
        && !spec.has(flag::NO_QUEUE)
    {
        let request = OwnedRequest::from(request);
        queue.memory_bytes += request.memory_bytes();
        queue.argument_bytes += request.argument_bytes();
        queue.commands.push((id, request));
        sink.put(&Reply::Status("QUEUED"), protocol);
        return false;
    }
    session.commands += 1;
    let database = session.database;
    run(
        commands,
        engine,
        runtime,
        Invocation {
            client,
            command: id,
            request,
        },
        database,
        sink,
    );
    false
}

fn permits(
    commands: &CommandTable,
    engine: &mut Engine,
    client: ClientId,
    spec: &CommandSpec,
    request: Request<'_>,
) -> Result<(), Failure> {
    if !spec.arity_allows(request.len()) {
        return Err(Failure::With(ErrorCode::WrongArity, spec.name.clone()));
    }
    let is_loading = engine.loading;
    // A command of a user's own could not be watched while another is.
    let is_allowed = spec.has(flag::ALLOW_BUSY) && !spec.has(flag::EXTENSION);
    if engine.script.is_some() && !is_allowed {
        return Err(engine.busy_failure());
    }
    let session = engine.session(client);
    if spec.has(flag::LISTENS) && session.alarm.is_some() {
        return Err(Failure::With(ErrorCode::NeedsConnection, spec.words()));
    }
    if !session.is_authenticated && !spec.has(flag::NO_AUTH) {
        return Err(ErrorCode::AuthRequired.into());
    }
    if session.queue.is_some() && spec.has(flag::NO_MULTI) {
        return Err(Failure::With(
            ErrorCode::NotAllowedInMulti,
            spec.name.clone(),
        ));
    }
    let hears_messages = session.is_subscribed() && session.protocol == Protocol::Resp2;
    let is_monitor = session.is_monitor;
    // Whatever the command is, for it may leave more than it found; but nothing goes while
    // another one stands in the middle of its work.
    if engine.settings.memory_max > 0
        && engine.script.is_none()
        && engine.make_room() == Room::Exhausted
        && eviction::may_grow(commands, engine, client, spec)
    {
        return Err(ErrorCode::OutOfMemory.into());
    }
    if hears_messages && !spec.has(flag::IN_SUBSCRIBE) {
        let name = spec.name.clone();
        return Err(Failure::With(ErrorCode::NotAllowedWhenSubscribed, name));
    }
    if is_monitor && spec.has(flag::WRITE | flag::READONLY | flag::MAY_REPLICATE) {
        return Err(ErrorCode::MonitorKeyspace.into());
    }
    // PING, too: who watches over the server should learn of it.
    if let Some(aof) = &engine.aof
        && aof.is_failing()
        && (spec.has(flag::WRITE) || spec.name == "ping")
    {
        let failure = aof.failure().unwrap_or_default();
        return Err(Failure::With(ErrorCode::AofFailed, failure));
    }
    if engine.settings.refuses_writes && (spec.has(flag::WRITE) || spec.name == "ping") {
        return Err(ErrorCode::SavingFails.into());
    }
    if is_loading && !spec.has(flag::LOADING) {
        return Err(ErrorCode::Loading.into());
    }
    Ok(())
}

/// Answers an error before execution; inside MULTI it dooms the transaction.
fn refuse(engine: &mut Engine, client: ClientId, failure: &Failure, sink: &mut dyn Sink) {
    let line = engine.error_line(failure);
    let session = engine.session(client);
    if let Some(queue) = &mut session.queue {
        queue.is_broken = true;
    }
    let protocol = session.protocol;
    sink.put(&Reply::Error(line), protocol);
}

/// Runs one admitted command: parse, handle, count, propagate.
pub fn run(
    commands: &CommandTable,
    engine: &mut Engine,
    runtime: &mut dyn Runtime,
    invocation: Invocation<'_>,
    database: usize,
    sink: &mut dyn Sink,
) -> Outcome {
    let spec = &commands.specs[invocation.command];
    let inner = Run {
        client: invocation.client,
        command: invocation.command,
        database,
        depth: engine.run.depth + 1,
        denies_blocking: engine.run.denies_blocking,
        touched: spec.has(flag::EXTENSION).then(Vec::new),
        ..Run::default()
    };
    let outer = std::mem::replace(&mut engine.run, inner);
    if engine.has_no_touch {
        engine.run.no_touch = spec.name != "touch" && engine.session(invocation.client).no_touch;
    }
    let pending = sink.resp().map_or(0, |output| output.bytes_pending());
    let started_ns = engine.last_reading_ns;
    let mut arguments = Arguments::new();
    // A panic inside costs this command an error and nobody else anything.
    let handled = catch_unwind(AssertUnwindSafe(|| -> Result<Outcome, Failure> {
        if engine.writes_stopped && spec.has(flag::WRITE) {
            return Err(ErrorCode::WritesStopped.into());
        }
        arguments::parse(spec, invocation.request, &mut arguments)?;
        if let Some(native) = spec.native {
            let call = NativeCall {
                request: invocation.request,
                arguments: &arguments,
                protocol: engine.session(invocation.client).reply_protocol(),
            };
            if native(engine, call, sink)? == Handled::Replied {
                return Ok(Outcome::Replied);
            }
        }
        Ok(runtime.invoke(commands, engine, &invocation, &arguments, sink))
    }));
    let handled = handled.unwrap_or_else(|payload| {
        engine.run.bug = Bug::Panic;
        runtime.panicked(&spec.name, panic_message(payload.as_ref()));
        Err(after_panic(spec, sink, pending))
    });
    let outcome = handled.unwrap_or_else(|failure| {
        let line = engine.error_line(&failure);
        let protocol = engine.session(invocation.client).reply_protocol();
        sink.put(&Reply::Error(line), protocol);
        Outcome::Failed
    });
    if !engine.run.emptied.is_empty() && engine.run.bug != Bug::Panic {
        engine.remove_emptied();
    }
    if engine.tracking.has_clients() && spec.has(flag::READONLY) {
        engine.remember_reads(spec, &invocation);
    }
    let finished_ns = engine.clock.monotonic_ns();
    let elapsed_ns = finished_ns - started_ns;
    engine.last_reading_ns = finished_ns;
    // A command that waits is shown when it begins to, and counted when it is done.
    let has_waited = engine.waiters.serves(invocation.client);
    if !engine.monitors.is_empty() && !has_waited && !spec.has(flag::ADMIN | flag::SKIP_MONITOR) {
        // Now the handler has said what is secret; EXEC's line follows those of its queue.
        engine.feed_monitors(&invocation);
    }
    let spent_ns = if has_waited || outcome == Outcome::Blocked {
        engine.note_spent(invocation.client, elapsed_ns)
    } else {
        elapsed_ns
    };
    if outcome == Outcome::Blocked {
        engine.run = outer;
        return outcome;
    }
    engine
        .statistics
        .executed(invocation.command, spent_ns, outcome == Outcome::Failed);
    if spent_ns >= SLOW_NS_MIN || engine.statistics.slow_log.wants(spent_ns) {
        engine.note_slow(spec, &invocation, spent_ns);
    }
    let reply_bytes = sink.resp().map_or(0, |output| output.bytes_pending()) - pending;
    engine.note_large(spec, &invocation, reply_bytes);
    if engine.run.bug == Bug::Panic && spec.has(flag::WRITE)
        || engine.run.bug == Bug::Exception && engine.run.edits > 0
        || engine.run.mixes_effects()
    {
        engine.settle(runtime, spec, invocation.request);
    }
    if engine.run.edits > 0 || outcome == Outcome::Replied && spec.has(flag::ALWAYS_PROPAGATE) {
        propagate(engine, spec, &invocation);
    }
    let depth = outer.depth;
    engine.run = outer;
    if depth == 0 {
        engine.flush_effects();
        // Wall time stands still inside a command and a transaction, not between them.
        engine.set_now(finished_ns);
        blocking::serve_waiting(commands, engine, runtime);
        triggers::run_pending(commands, engine, runtime);
    }
    outcome
}

/// Takes back what a command had written of its reply before it panicked.
#[cold]
fn after_panic(spec: &CommandSpec, sink: &mut dyn Sink, pending: usize) -> Failure {
    if let Some(output) = sink.resp() {
        output.truncate(pending);
    }
    Failure::With(ErrorCode::InternalError, spec.name.clone())
}

/// Only commands that took this long can be of interest to the latency monitor.
const SLOW_NS_MIN: u64 = 1_000_000;

fn propagate(engine: &mut Engine, spec: &CommandSpec, invocation: &Invocation<'_>) {
    engine.dirty_since_save += engine.run.edits;
    if engine.script.as_ref().is_some_and(|it| it.is_unlogged) {
        return;
    }
    match std::mem::take(&mut engine.run.propagation) {
        Propagation::Nothing => {}
        Propagation::Instead(effects) => engine.effects.extend(effects),
        // PFCOUNT reads, but what it counted is cached in the key.
        Propagation::AsIs if spec.has(flag::WRITE | flag::MAY_REPLICATE) => {
            let request = invocation.request;
            if engine.journal.is_read() || !engine.effects.is_empty() {
                let word = |index| match request.body(index) {
                    Some(body) => Word::Shared(Arc::clone(body)),
                    None => Word::from(request.get(index)),
                };
                engine.effects.push(Effect {
                    database: engine.run.database,
                    arguments: (0..request.len()).map(word).collect(),
                });
            } else {
                engine.journal.count(request.lengths());
            }
        }
        Propagation::AsIs => {}
    }
}
