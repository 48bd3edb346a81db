//! Commands that wait for a key: BLPOP and its like.
//!
//!     handler → Blocked(keys, kind) → the client waits ─┬─ a key is touched → the same
//!                                                       │  handler runs again
//!                                                       ├─ the deadline comes → its reply
//!                                                       └─ CLIENT UNBLOCK, hanging up
//!
//! Who waits longest for a key is served first. A client that finds nothing (somebody
//! else was faster) keeps its place. Serving begins when the outermost command is done,
//! so a transaction is over before anybody sees what it pushed.
//!
//! Cost: waiting O(keys); a touch O(1); serving a client one call of its handler.

use std::collections::VecDeque;

use super::engine::Engine;
use super::pipeline::{self, Invocation, Outcome, RespSink, Runtime, Sink};
use super::session::{KeyName, OwnedRequest};
use super::spec::{CommandId, CommandTable};
use crate::keyspace::Kind;
use crate::reply::Reply;
use crate::service::ClientId;

/// What a handler that must wait asks for.
#[derive(Debug, Clone)]
pub struct Wait {
    pub keys: Vec<Box<[u8]>>,
    /// Only a key that holds this wakes the client.
    pub kind: Kind,
    /// Milliseconds since 1970; None: for ever.
    pub deadline_ms: Option<i64>,
    /// What the client gets when time is up, or where nothing may wait.
    pub reply: Reply,
}

/// A client's command that waits.
#[derive(Debug)]
pub struct Blocking {
    pub command: CommandId,
    pub request: OwnedRequest,
    pub database: usize,
    pub wait: Wait,
}

/// Who waits for which key.
#[derive(Debug, Default)]
pub struct Waiters {
    by_key: std::collections::HashMap<KeyName, VecDeque<ClientId>, ahash::RandomState>,
    by_deadline: std::collections::BTreeSet<(i64, ClientId)>,
    ready: VecDeque<KeyName>,
    /// Whose command runs again.
    served: Option<ClientId>,
    is_serving: bool,
}

impl Waiters {
    /// True while nobody waits.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.by_key.is_empty()
    }

    /// How many keys somebody waits for.
    pub fn key_count(&self) -> usize {
        self.by_key.len()
    }

    /// How many clients will not wait for ever.
    pub fn deadline_count(&self) -> usize {
        self.by_deadline.len()
    }

    /// When the next wait is over, in milliseconds since 1970.
    pub fn next_deadline_ms(&self) -> Option<i64> {
        self.by_deadline
            .first()
            .map(|(deadline_ms, _)| *deadline_ms)
    }

    /// True while a command of this client runs again, after it waited.
    #[inline]
    pub(super) fn serves(&self, client: ClientId) -> bool {
        self.served == Some(client)
    }

    /// Notes that a key may be what somebody waits for.
    #[inline]
    pub(super) fn touched(&mut self, name: &KeyName) {
        if self.by_key.contains_key(name) && self.ready.back() != Some(name) {
            self.ready.push_back(name.clone());
        }
    }

    /// As `touched`, for all keys of a database.
    pub(super) fn database_touched(&mut self, database: usize) {
        let names = self.by_key.keys().filter(|(at, _)| *at == database);
        self.ready.extend(names.cloned());
    }

    fn add(&mut self, client: ClientId, blocking: &Blocking) {
        for key in &blocking.wait.keys {
            let waiting = self.by_key.entry((blocking.database, key.clone()));
            let waiting = waiting.or_default();
            // A key that is named twice waits once.
            if !waiting.contains(&client) {
                waiting.push_back(client);
            }
        }
        if let Some(deadline_ms) = blocking.wait.deadline_ms {
            self.by_deadline.insert((deadline_ms, client));
        }
    }

    fn remove(&mut self, client: ClientId, blocking: &Blocking) {
        for key in &blocking.wait.keys {
            let name = (blocking.database, key.clone());
            if let Some(waiting) = self.by_key.get_mut(&name) {
                waiting.retain(|waiter| *waiter != client);
                if waiting.is_empty() {
                    self.by_key.remove(&name);
                }
            }
        }
        if let Some(deadline_ms) = blocking.wait.deadline_ms {
            self.by_deadline.remove(&(deadline_ms, client));
        }
    }
}

impl Engine {
    /// Lets the running command's client wait, or answers at once where nothing may wait.
    pub fn block(
        &mut self,
        invocation: &Invocation<'_>,
        wait: Wait,
        sink: &mut dyn Sink,
    ) -> Outcome {
        let client = invocation.client;
        if self.run.denies_blocking {
            let protocol = self.session(client).protocol;
            sink.put(&wait.reply, protocol);
            return Outcome::Replied;
        }
        if self.waiters.serves(client) {
            // It keeps its place and its deadline.
            return Outcome::Blocked;
        }
        let blocking = Blocking {
            command: invocation.command,
            request: invocation.request.into(),
            database: self.run.database,
            wait,
        };
        self.waiters.add(client, &blocking);
        self.session(client).blocked = Some(Box::new(blocking));
        Outcome::Blocked
    }

    /// Ends a client's wait, with this reply if there is one. False: it does not wait.
    pub fn unblock(&mut self, client: ClientId, reply: Option<&Reply>) -> bool {
        let Some(session) = self.sessions.get_mut(&client) else {
            return false;
        };
        let Some(blocking) = session.blocked.take() else {
            return false;
        };
        session.is_paused = false;
        self.waiters.remove(client, &blocking);
        if let Some(reply) = reply {
            let protocol = session.protocol;
            let mut sink = RespSink {
                output: std::mem::take(&mut session.output),
            };
            sink.put(reply, protocol);
            session.output = sink.output;
        }
        session.ring();
        self.dirty_clients.push(client);
        self.resumed_clients.push(client);
        true
    }

    /// Ends the waits whose time is up.
    pub(super) fn end_waits(&mut self) {
        while let Some(deadline_ms) = self.waiters.next_deadline_ms()
            && deadline_ms <= self.now_ms
            && let Some((_, client)) = self.waiters.by_deadline.pop_first()
        {
            let waiting = self.sessions.get(&client);
            let reply = waiting
                .and_then(|session| session.blocked.as_ref())
                .map(|blocking| blocking.wait.reply.clone());
            self.unblock(client, reply.as_ref());
        }
    }

    /// Whether `name` holds what a client waits for.
    fn is_ready(&mut self, name: &KeyName, kind: Kind) -> bool {
        let entry = self.databases[name.0].find(&name.1);
        entry.is_some_and(|entry| entry.kind() == kind && !self.is_due(entry.expires_at()))
    }
}

/// Runs the commands of clients whose keys were touched. For the end of the outermost
/// command.
#[inline]
pub(super) fn serve_waiting(
    commands: &CommandTable,
    engine: &mut Engine,
    runtime: &mut dyn Runtime,
) {
    if !engine.waiters.ready.is_empty() && !engine.waiters.is_serving {
        engine.waiters.is_serving = true;
        while let Some(name) = engine.waiters.ready.pop_front() {
            serve_key(commands, engine, runtime, &name);
        }
        engine.waiters.is_serving = false;
    }
}

#[cold]
fn serve_key(
    commands: &CommandTable,
    engine: &mut Engine,
    runtime: &mut dyn Runtime,
    name: &KeyName,
) {
    // Those before `at` were asked and still wait.
    let mut at = 0;
    loop {
        let waiting = engine.waiters.by_key.get(name);
        let Some(client) = waiting.and_then(|waiting| waiting.get(at).copied()) else {
            return;
        };
        let session = engine.sessions.get_mut(&client);
        let kind = session
            .as_ref()
            .and_then(|session| session.blocked.as_ref())
            .map(|blocking| blocking.wait.kind);
        let is_ready = kind.is_some_and(|kind| engine.is_ready(name, kind));
        if !is_ready || serve_client(commands, engine, runtime, client) == Outcome::Blocked {
            at += 1;
        }
    }
}

/// Runs a waiting client's command again. `Blocked`: it waits on, in its old place.
fn serve_client(
    commands: &CommandTable,
    engine: &mut Engine,
    runtime: &mut dyn Runtime,
    client: ClientId,
) -> Outcome {
    let session = engine.session(client);
    let Some(blocking) = session.blocked.take() else {
        return Outcome::Blocked;
    };
    let mut sink = RespSink {
        output: std::mem::take(&mut session.output),
    };
    let invocation = Invocation {
        client,
        command: blocking.command,
        request: blocking.request.as_request(),
    };
    let database = blocking.database;
    engine.waiters.served = Some(client);
    let outcome = pipeline::run(commands, engine, runtime, invocation, database, &mut sink);
    engine.waiters.served = None;
    let session = engine.sessions.get_mut(&client);
    if session.is_none() || outcome != Outcome::Blocked {
        engine.waiters.remove(client, &blocking);
    }
    let Some(session) = session else {
        return outcome;
    };
    let pushed = std::mem::replace(&mut session.output, sink.output);
    if !pushed.is_empty() {
        session.output.append(pushed);
    }
    if outcome == Outcome::Blocked {
        session.blocked = Some(blocking);
        return outcome;
    }
    session.is_paused = false;
    session.ring();
    engine.dirty_clients.push(client);
    engine.resumed_clients.push(client);
    engine.check_output_limit(client);
    outcome
}
