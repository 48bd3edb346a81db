//! Commands that wait for a key: BLPOP and its like.
//!
//!     handler → Blocked(keys, kind) → the client waits ─┬─ a key is touched → the same
//!                                                       │  handler runs again
//!                                                       ├─ the deadline comes → its reply
//!                                                       └─ CLIENT UNBLOCK, hanging up
//!
//! Who waits longest for a key is served first; whose command ran again and found nothing
//! is the last from then on, as in the real servers. Serving begins when the outermost
//! command is done, so a transaction is over before anybody sees what it pushed.
//!
//! A command that waits counts as executed when it is done, with the time that all its
//! runs took; monitors see it when it begins to wait. While clients are paused nobody is
//! served, and while all are nobody's time is up.
//!
//! Cost: waiting O(keys log n); a touch O(1); serving a client one call of its handler.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::ops::Bound;
use std::sync::Arc;

use super::engine::{Engine, PauseKind};
use super::error::ErrorCode;
use super::pipeline::{self, Invocation, Outcome, RespSink, Runtime, Sink};
use super::session::{Close, KeyName, OwnedRequest};
use super::spec::{CommandId, CommandSpec, CommandTable, flag};
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
    /// What the client gets then, and where nothing may wait; mostly a null array.
    pub answer: Reply,
    /// Where nothing may wait the answer is null.
    pub denied_null: bool,
    /// It also wakes when a key holds something else, or is gone.
    pub wakes_on_loss: bool,
    /// What is run again; None: the command as it came.
    pub request: Option<OwnedRequest>,
}

/// A client's command that waits.
#[derive(Debug)]
pub struct Blocking {
    pub command: CommandId,
    pub request: OwnedRequest,
    pub database: usize,
    pub wait: Wait,
    /// Its place in the queues: who began to wait earlier has a lower one.
    place: u64,
    /// Time that its runs have taken so far.
    spent_ns: u64,
}

/// How a wait ends that nobody served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WaitEnd {
    /// As if its time were up.
    TimedOut,
    /// CLIENT UNBLOCK … ERROR.
    Refused,
}

/// Who waits for one key.
#[derive(Debug, Default)]
struct Queue {
    clients: BTreeMap<u64, ClientId>,
    /// How many of them wake when the key is gone (`Wait::wakes_on_loss`).
    on_loss: usize,
    /// It stands in `Waiters::ready`.
    is_ready: bool,
}

/// Who waits for which key.
#[derive(Debug, Default)]
pub struct Waiters {
    by_key: HashMap<KeyName, Queue, ahash::RandomState>,
    by_deadline: BTreeSet<(i64, ClientId)>,
    ready: VecDeque<KeyName>,
    next_place: u64,
    /// How many keys somebody waits for who also wakes when they are gone.
    loss_keys: usize,
    /// Whose command runs again, and what its runs have taken so far.
    served: Option<(ClientId, u64)>,
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

    /// How many keys somebody waits for who also wakes when they are gone.
    pub fn loss_key_count(&self) -> usize {
        self.loss_keys
    }

    /// How many clients will not wait for ever.
    pub fn deadline_count(&self) -> usize {
        self.by_deadline.len()
    }

    /// When the next wait is over, in milliseconds since 1970.
    fn next_deadline_ms(&self) -> Option<i64> {
        self.by_deadline
            .first()
            .map(|(deadline_ms, _)| *deadline_ms)
    }

    /// True while a command of this client runs again, after it waited.
    #[inline]
    pub(super) fn serves(&self, client: ClientId) -> bool {
        self.served.is_some_and(|(served, _)| served == client)
    }

    /// Notes that a key may be what somebody waits for.
    #[inline]
    pub(super) fn touched(&mut self, name: &KeyName) {
        if let Some(queue) = self.by_key.get_mut(name)
            && !queue.is_ready
        {
            queue.is_ready = true;
            self.ready.push_back(name.clone());
        }
    }

    /// As `touched`, for all keys of a database.
    pub(super) fn database_touched(&mut self, database: usize) {
        for (name, queue) in &mut self.by_key {
            if name.0 == database && !queue.is_ready {
                queue.is_ready = true;
                self.ready.push_back(name.clone());
            }
        }
    }

    fn take_ready(&mut self) -> Option<KeyName> {
        let name = self.ready.pop_front()?;
        if let Some(queue) = self.by_key.get_mut(&name) {
            queue.is_ready = false;
        }
        Some(name)
    }

    fn add(&mut self, client: ClientId, blocking: &Blocking) {
        for key in &blocking.wait.keys {
            let queue = self.by_key.entry((blocking.database, key.clone()));
            let queue = queue.or_default();
            // A key that is named twice waits once.
            let is_new = queue.clients.insert(blocking.place, client).is_none();
            if is_new && blocking.wait.wakes_on_loss {
                queue.on_loss += 1;
                self.loss_keys += usize::from(queue.on_loss == 1);
            }
        }
        if let Some(deadline_ms) = blocking.wait.deadline_ms {
            self.by_deadline.insert((deadline_ms, client));
        }
    }

    fn remove(&mut self, client: ClientId, blocking: &Blocking) {
        for key in &blocking.wait.keys {
            let name = (blocking.database, key.clone());
            if let Some(queue) = self.by_key.get_mut(&name) {
                let was_there = queue.clients.remove(&blocking.place).is_some();
                if was_there && blocking.wait.wakes_on_loss {
                    queue.on_loss -= 1;
                    self.loss_keys -= usize::from(queue.on_loss == 0);
                }
                if queue.clients.is_empty() {
                    self.by_key.remove(&name);
                }
            }
        }
        if let Some(deadline_ms) = blocking.wait.deadline_ms {
            self.by_deadline.remove(&(deadline_ms, client));
        }
    }

    /// Puts a client behind all others.
    fn queue_anew(&mut self, client: ClientId, blocking: &mut Blocking) {
        self.remove(client, blocking);
        blocking.place = self.next_place;
        self.next_place += 1;
        self.add(client, blocking);
    }

    /// Who waits for a key next after a place.
    fn next_client(&self, name: &KeyName, after: Option<u64>) -> Option<(u64, ClientId)> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let queue = self.by_key.get(name)?;
        let mut later = queue.clients.range((from, Bound::Unbounded));
        later.next().map(|(place, client)| (*place, *client))
    }
}

impl Engine {
    /// Lets the running command's client wait, or answers at once where nothing may wait.
    pub fn block(
        &mut self,
        invocation: &Invocation<'_>,
        mut wait: Wait,
        sink: &mut dyn Sink,
    ) -> Outcome {
        let client = invocation.client;
        if self.run.denies_blocking {
            let protocol = self.session(client).reply_protocol();
            sink.put(
                if wait.denied_null {
                    &Reply::Null
                } else {
                    &wait.answer
                },
                protocol,
            );
            return Outcome::Replied;
        }
        if self.waiters.serves(client) {
            // It keeps its deadline.
            return Outcome::Blocked;
        }
        let blocking = Blocking {
            command: invocation.command,
            request: wait
                .request
                .take()
                .unwrap_or_else(|| invocation.request.into()),
            database: self.run.database,
            wait,
            place: self.waiters.next_place,
            spent_ns: 0,
        };
        self.waiters.next_place += 1;
        self.waiters.add(client, &blocking);
        let session = self.session(client);
        session.blocked = Some(Box::new(blocking));
        // It counts when it is done.
        session.commands -= 1;
        Outcome::Blocked
    }

    /// Notes how long a run of a command took that waits or has waited; gives the sum.
    pub(super) fn note_spent(&mut self, client: ClientId, elapsed_ns: u64) -> u64 {
        if let Some((served, spent_ns)) = &mut self.waiters.served
            && *served == client
        {
            *spent_ns += elapsed_ns;
            return *spent_ns;
        }
        match &mut self.session(client).blocked {
            Some(blocking) => {
                blocking.spent_ns += elapsed_ns;
                blocking.spent_ns
            }
            None => elapsed_ns,
        }
    }

    /// Forgets that a client waits.
    fn forget_wait(&mut self, client: ClientId) -> Option<Box<Blocking>> {
        let session = self.sessions.get_mut(&client)?;
        let blocking = session.blocked.take()?;
        session.is_paused = false;
        self.waiters.remove(client, &blocking);
        Some(blocking)
    }

    /// Forgets a client that waits and is gone.
    pub fn abandon_wait(&mut self, client: ClientId) {
        self.forget_wait(client);
    }

    /// Ends a client's wait without what it waited for. False: it does not wait.
    pub fn unblock(&mut self, client: ClientId, end: WaitEnd) -> bool {
        let Some(blocking) = self.forget_wait(client) else {
            return false;
        };
        let commands = Arc::clone(&self.commands);
        let invocation = Invocation {
            client,
            command: blocking.command,
            request: blocking.request.as_request(),
        };
        let reply = match end {
            WaitEnd::TimedOut => blocking.wait.answer.clone(),
            WaitEnd::Refused => Reply::Error(self.error_line(&ErrorCode::Unblocked.into())),
        };
        let statistics = &mut self.statistics;
        statistics.executed(blocking.command, blocking.spent_ns, false);
        // Valkey counts it as rejected, after it has run.
        let is_refused = end == WaitEnd::Refused;
        statistics.commands[blocking.command].rejected += u64::from(is_refused);
        if statistics.slow_log.wants(blocking.spent_ns) {
            let spec = &commands.specs[blocking.command];
            self.note_slow(spec, &invocation, blocking.spent_ns);
        }
        let session = self.session(client);
        session.commands += 1;
        let mut sink = RespSink {
            output: std::mem::take(&mut session.output),
        };
        let before = sink.output.bytes_pending();
        sink.put(&reply, session.protocol);
        session.finish_reply(&mut sink.output, before);
        session.output = sink.output;
        self.resume(client);
        true
    }

    /// Lets the network go on with a client that has waited.
    pub(super) fn resume(&mut self, client: ClientId) {
        self.session(client).ring();
        self.dirty_clients.push(client);
        self.resumed_clients.push(client);
    }

    /// When the next wait is to be ended; None: never, as far as one can tell. While
    /// all clients are paused nobody's time is up.
    pub(super) fn next_wait_end_ms(&self) -> Option<i64> {
        match self.pause_kind() {
            Some(PauseKind::All) => None,
            _ => self.waiters.next_deadline_ms(),
        }
    }

    /// Ends the waits whose time is up.
    pub(super) fn end_waits(&mut self) {
        while let Some(deadline_ms) = self.next_wait_end_ms()
            && deadline_ms <= self.now_ms
            && let Some((_, client)) = self.waiters.by_deadline.pop_first()
        {
            self.unblock(client, WaitEnd::TimedOut);
        }
    }

    /// What `name` holds, if anything.
    fn kind_at(&mut self, name: &KeyName) -> Option<Kind> {
        let entry = self.databases[name.0].find(&name.1)?;
        (!self.is_due(entry.expires_at())).then(|| entry.kind())
    }
}

/// Whether CLIENT PAUSE holds this command up.
pub(super) fn is_held_up(
    commands: &CommandTable,
    engine: &mut Engine,
    client: ClientId,
    spec: &CommandSpec,
    kind: PauseKind,
) -> bool {
    // Inside MULTI, too: what is queued now could run when the pause has begun to matter.
    if kind == PauseKind::All || spec.has(flag::WRITE | flag::MAY_REPLICATE) {
        return true;
    }
    let queue = engine.session(client).queue.as_ref();
    spec.name == "exec"
        && queue.is_some_and(|queue| {
            let mut queued = queue.commands.iter().map(|(id, _)| &commands.specs[*id]);
            queued.any(|spec| spec.has(flag::WRITE | flag::MAY_REPLICATE))
        })
}

/// Runs the commands of clients whose keys were touched. For the end of the outermost
/// command, and of a pause.
#[inline]
pub(super) fn serve_waiting(
    commands: &CommandTable,
    engine: &mut Engine,
    runtime: &mut dyn Runtime,
) {
    if !engine.waiters.ready.is_empty() && !engine.waiters.is_serving {
        serve_ready(commands, engine, runtime);
    }
}

#[cold]
fn serve_ready(commands: &CommandTable, engine: &mut Engine, runtime: &mut dyn Runtime) {
    let ignores_pause = std::mem::take(&mut engine.ignores_pause);
    let denies_blocking = std::mem::take(&mut engine.run.denies_blocking);
    engine.waiters.is_serving = true;
    // Before anybody hears what the command did for those who waited.
    engine.tell_own_changes();
    while !engine.is_paused()
        && let Some(name) = engine.waiters.take_ready()
    {
        serve_key(commands, engine, runtime, &name);
    }
    engine.waiters.is_serving = false;
    engine.run.denies_blocking = denies_blocking;
    engine.ignores_pause = ignores_pause;
}

fn serve_key(
    commands: &CommandTable,
    engine: &mut Engine,
    runtime: &mut dyn Runtime,
    name: &KeyName,
) {
    let mut after = None;
    let mut kind = engine.kind_at(name);
    // Who finds nothing queues up again, behind this.
    let end = engine.waiters.next_place;
    while let Some((place, client)) = engine.waiters.next_client(name, after)
        && place < end
    {
        after = Some(place);
        let session = engine.session(client);
        let wakes = session.blocked.as_ref().is_some_and(|blocking| {
            Some(blocking.wait.kind) == kind || blocking.wait.wakes_on_loss
        });
        // Who is about to be closed takes nothing along.
        if wakes && session.close == Close::No {
            serve_client(commands, engine, runtime, client);
            kind = engine.kind_at(name);
        }
    }
}

/// Runs a waiting client's command again; if it must still wait, it queues up anew.
fn serve_client(
    commands: &CommandTable,
    engine: &mut Engine,
    runtime: &mut dyn Runtime,
    client: ClientId,
) {
    let session = engine.session(client);
    let Some(mut blocking) = session.blocked.take() else {
        return;
    };
    let mut sink = RespSink {
        output: std::mem::take(&mut session.output),
    };
    let before = sink.output.bytes_pending();
    let invocation = Invocation {
        client,
        command: blocking.command,
        request: blocking.request.as_request(),
    };
    let database = blocking.database;
    engine.waiters.served = Some((client, blocking.spent_ns));
    let outcome = pipeline::run(commands, engine, runtime, invocation, database, &mut sink);
    if let Some((_, spent_ns)) = engine.waiters.served.take() {
        blocking.spent_ns = spent_ns;
    }
    if !engine.sessions.contains_key(&client) {
        // It hung up while others had a turn beside its long command.
        engine.waiters.remove(client, &blocking);
        return;
    }
    if engine.tracking.has_business() {
        engine.finish_tracked_request(client);
    }
    if outcome == Outcome::Blocked {
        engine.waiters.queue_anew(client, &mut blocking);
        engine.session(client).blocked = Some(blocking);
    } else {
        let session = engine.session(client);
        session.commands += 1;
        session.is_paused = false;
        session.finish_reply(&mut sink.output, before);
        engine.waiters.remove(client, &blocking);
        engine.resume(client);
    }
    let session = engine.session(client);
    // What was pushed to the client meanwhile follows the reply.
    let pushed = std::mem::replace(&mut session.output, sink.output);
    if !pushed.is_empty() {
        session.output.append(pushed);
    }
    engine.check_output_limit(client);
}
