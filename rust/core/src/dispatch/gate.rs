//! A gate in front of all commands of clients, for tests: each request is first shown to
//! the runtime, which may let it pass, refuse it, or spoil its connection.
//!
//! Nothing of this costs more than one look at a flag while no gate is set.

use super::engine::Engine;
use super::pipeline::{self, Runtime};
use super::spec::CommandTable;
use crate::output::Output;
use crate::reply::Reply;
use crate::resp::encode;
use crate::service::{ClientId, Flow, Request};

/// What becomes of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    Pass,
    /// It is not executed; the client gets this line.
    Refuse(Vec<u8>),
    /// It is not executed; the connection is closed.
    Drop,
    /// It is executed, and the connection is closed instead of a reply.
    LoseReply,
    /// It is executed, and its reply leaves so many milliseconds later.
    Delay(i64),
}

/// The gate, and what it holds back.
#[derive(Debug, Default)]
pub struct Gate {
    pub is_on: bool,
    held: Vec<Held>,
}

/// A reply that has not left yet.
#[derive(Debug)]
struct Held {
    client: ClientId,
    until_ms: i64,
    reply: Output,
    /// What is to be done with the client after its reply.
    flow: Flow,
}

/// Shows a request to the runtime, and does what that says.
#[cold]
pub(super) fn execute(
    commands: &CommandTable,
    engine: &mut Engine,
    runtime: &mut dyn Runtime,
    client: ClientId,
    request: Request<'_>,
) -> Flow {
    let verdict = runtime.gate(client, request);
    let mut pass =
        |engine: &mut Engine| pipeline::execute_passed(commands, engine, runtime, client, request);
    match verdict {
        Verdict::Pass => pass(engine),
        Verdict::Drop => Flow::CloseNow,
        Verdict::Refuse(line) => engine.refuse_at_gate(client, line),
        Verdict::LoseReply => {
            let earlier = std::mem::take(&mut engine.session(client).output);
            pass(engine);
            // It may wait for a key.
            engine.abandon_wait(client);
            if let Some(session) = engine.sessions.get_mut(&client) {
                session.output = earlier;
            }
            Flow::CloseNow
        }
        Verdict::Delay(ms) => {
            let earlier = std::mem::take(&mut engine.session(client).output);
            let flow = pass(engine);
            let until_ms = engine.now_ms + ms;
            let Some(session) = engine.sessions.get_mut(&client) else {
                return flow;
            };
            let reply = std::mem::replace(&mut session.output, earlier);
            if flow == Flow::Pause {
                // It waits already, for a key or for the end of CLIENT PAUSE.
                session.output.append(reply);
                return flow;
            }
            session.is_paused = true;
            engine.gate.held.push(Held {
                client,
                until_ms,
                reply,
                flow,
            });
            Flow::Pause
        }
    }
}

impl Engine {
    /// Answers an error in a command's place; inside MULTI it dooms the transaction.
    fn refuse_at_gate(&mut self, client: ClientId, line: Vec<u8>) -> Flow {
        self.statistics.error_replied(&line);
        let session = self.session(client);
        if let Some(queue) = &mut session.queue {
            queue.is_broken = true;
        }
        let mut output = std::mem::take(&mut session.output);
        let before = output.bytes_pending();
        encode::encode(&Reply::Error(line), session.protocol, &mut output);
        session.finish_reply(&mut output, before);
        session.output = output;
        Flow::Continue
    }

    /// When the next reply that is held back leaves, in milliseconds since 1970.
    pub(super) fn next_release_ms(&self) -> Option<i64> {
        self.gate.held.iter().map(|held| held.until_ms).min()
    }

    /// Lets replies leave whose time has come; all of them where there is no gate.
    pub(super) fn release_held(&mut self) {
        let now_ms = self.now_ms;
        let is_on = self.gate.is_on;
        let (due, kept): (Vec<Held>, Vec<Held>) = std::mem::take(&mut self.gate.held)
            .into_iter()
            .partition(|held| held.until_ms <= now_ms || !is_on);
        self.gate.held = kept;
        for held in due {
            let Some(session) = self.sessions.get_mut(&held.client) else {
                continue;
            };
            session.is_paused = false;
            // What was pushed to the client meanwhile follows the reply.
            let pushed = std::mem::replace(&mut session.output, held.reply);
            session.output.append(pushed);
            self.resume(held.client);
            match held.flow {
                Flow::CloseAfterReply => self.closing_clients.push((held.client, true)),
                Flow::CloseNow => self.closing_clients.push((held.client, false)),
                Flow::Continue | Flow::Pause => {}
            }
        }
    }
}
