//! MULTI, EXEC, DISCARD, WATCH, UNWATCH.

use super::engine::{Engine, Propagation};
use super::error::{ErrorCode, Failure};
use super::pipeline::{self, Invocation, Outcome, Runtime, Shape, Sink};
use super::session::{KeyName, Queue};
use super::spec::{CommandTable, flag};
use crate::reply::Reply;
use crate::service::ClientId;

impl Engine {
    /// MULTI: from now on the client's commands are queued.
    pub fn begin_transaction(&mut self) -> Result<(), Failure> {
        let client = self.run.client;
        let session = self.session(client);
        if session.queue.is_some() {
            return Err(ErrorCode::NestedMulti.into());
        }
        session.queue = Some(Box::default());
        Ok(())
    }

    /// DISCARD: forgets the queue and the watched keys.
    pub fn discard_transaction(&mut self) -> Result<(), Failure> {
        let client = self.run.client;
        self.session(client)
            .queue
            .take()
            .ok_or(ErrorCode::DiscardWithoutMulti)?;
        self.unwatch(client);
        Ok(())
    }

    /// An EXEC that was interrupted leaves nothing to a second one.
    pub fn forget_transaction(&mut self, client: ClientId) {
        self.session(client).queue = None;
        self.unwatch(client);
    }

    /// The running command is one of a transaction's, or another client's that has waited:
    /// whoever asked for what runs must not end it halfway.
    pub fn runs_for_others(&self) -> bool {
        let is_queued = self.queue_depth > 0 && self.run.depth == self.queue_depth + 1;
        is_queued || self.waiters.serves(self.run.client)
    }

    /// An EXEC that was refused ends the transaction all the same; what it answers.
    #[cold]
    pub(super) fn abort_transaction(&mut self, client: ClientId, failure: &Failure) -> Failure {
        self.forget_transaction(client);
        let line = self.errors.line(failure);
        let reason = line.strip_prefix(b"ERR ").unwrap_or(&line);
        let mut text = b"EXECABORT Transaction discarded because of: ".to_vec();
        text.extend_from_slice(reason);
        Failure::Text(text)
    }

    /// WATCH: EXEC will answer null if `key` changes before.
    pub fn watch(&mut self, key: &[u8]) -> Result<(), Failure> {
        let (client, database) = (self.run.client, self.run.database);
        if self.session(client).queue.is_some() {
            return Err(ErrorCode::WatchInsideMulti.into());
        }
        if self.session(client).is_watch_broken {
            return Ok(());
        }
        // A key that has expired already is watched as a missing one.
        self.expire_if_due(key);
        let name = (database, Box::from(key));
        if self.session(client).watched.contains(&name) {
            return Ok(());
        }
        let watchers = self.watchers.entry(name.clone()).or_default();
        watchers.push(client);
        self.session(client).watched.push(name);
        Ok(())
    }

    /// Forgets what a client watches.
    pub fn unwatch(&mut self, client: ClientId) {
        let Some(session) = self.sessions.get_mut(&client) else {
            return;
        };
        session.is_watch_broken = false;
        self.forget_watched(client);
    }

    /// EXEC will fail, whatever else changes: there is nothing left to watch.
    fn break_watch(&mut self, client: ClientId) {
        if let Some(session) = self.sessions.get_mut(&client) {
            session.is_watch_broken = true;
            self.forget_watched(client);
        }
    }

    fn forget_watched(&mut self, client: ClientId) {
        let Some(session) = self.sessions.get_mut(&client) else {
            return;
        };
        for name in std::mem::take(&mut session.watched) {
            if let Some(watchers) = self.watchers.get_mut(&name) {
                watchers.retain(|watcher| *watcher != client);
                if watchers.is_empty() {
                    self.watchers.remove(&name);
                }
            }
        }
    }

    /// Tells watchers, waiters and who holds copies that the running command changed a key
    /// of its database.
    #[inline]
    pub fn touch(&mut self, key: &[u8]) {
        self.touch_in(self.run.database, key, self.run.client);
    }

    /// As `touch`, where whoever waits for the key finds nothing new.
    #[inline]
    pub fn touch_quietly(&mut self, key: &[u8]) {
        if !self.watchers.is_empty() {
            self.break_watches(&(self.run.database, Box::from(key)));
        }
        self.note_touched(self.run.database, key, self.run.client);
    }

    /// As `touch`, for a key that `by` changed (`tracking::NOBODY`: time did).
    #[inline]
    pub(super) fn touch_in(&mut self, database: usize, key: &[u8], by: ClientId) {
        if !self.watchers.is_empty() || !self.waiters.is_empty() {
            self.tell_touched((database, Box::from(key)));
        }
        self.note_touched(database, key, by);
    }

    /// Tells who holds copies of a key.
    #[inline]
    fn note_touched(&mut self, database: usize, key: &[u8], by: ClientId) {
        if self.tracking.is_used() {
            self.tracked_key_changed(key, by);
        }
        if let Some(touched) = &mut self.run.touched {
            touched.push((database, Box::from(key)));
        }
    }

    #[cold]
    fn tell_touched(&mut self, name: KeyName) {
        self.waiters.touched(&name);
        self.break_watches(&name);
    }

    fn break_watches(&mut self, name: &KeyName) {
        for watcher in self.watchers.remove(name).unwrap_or_default() {
            self.break_watch(watcher);
        }
    }

    /// A whole database goes: every watched key that exists in it (or in what takes
    /// its place) has changed.
    pub(super) fn touch_database(&mut self, database: usize, replacement: Option<usize>) {
        // Who waits in a group of a stream learns that it is gone, too.
        self.waiters.database_touched(database);
        let exists = |engine: &Engine, at: usize, key: &[u8]| {
            let entry = engine.databases[at].find(key);
            // A watched key that is due was alive when WATCH saw it; elsewhere it never was.
            entry.is_some_and(|entry| at == database || !engine.is_due(entry.expires_at()))
        };
        let changed: Vec<ClientId> = self
            .watchers
            .iter()
            .filter(|((at, key), _)| {
                *at == database
                    && (exists(self, database, key)
                        || replacement.is_some_and(|other| exists(self, other, key)))
            })
            .flat_map(|(_, watchers)| watchers.iter().copied())
            .collect();
        for client in changed {
            if let Some(session) = self.sessions.get_mut(&client) {
                session.is_watch_broken = true;
            }
        }
    }

    /// True when a watched key of the client has passed its deadline unnoticed.
    fn has_watched_expired(&mut self, client: ClientId) -> bool {
        let now_ms = self.keys_now_ms();
        let Some(session) = self.sessions.get(&client) else {
            return false;
        };
        session.watched.iter().any(|(database, key)| {
            let entry = self.databases[*database].find(key);
            entry
                .and_then(|entry| entry.expires_at())
                .is_some_and(|at| at < now_ms)
        })
    }
}

/// EXEC: runs the queue as one unit. Its reply goes to `sink`.
pub fn execute_queue(
    commands: &CommandTable,
    engine: &mut Engine,
    runtime: &mut dyn Runtime,
    sink: &mut dyn Sink,
) -> Result<Outcome, Failure> {
    let client = engine.run.client;
    let session = engine.session(client);
    let queue: Box<Queue> = session.queue.take().ok_or(ErrorCode::ExecWithoutMulti)?;
    let is_watch_broken = session.is_watch_broken;
    let protocol = session.protocol;
    let has_expired = engine.has_watched_expired(client);
    engine.unwatch(client);
    if queue.is_broken {
        return Err(ErrorCode::ExecAborted.into());
    }
    if is_watch_broken || has_expired {
        sink.put(&Reply::NullArray, protocol);
        return Ok(Outcome::Replied);
    }
    sink.begin(Shape::Array, queue.commands.len(), protocol);
    let denied = std::mem::replace(&mut engine.run.denies_blocking, true);
    let depth = std::mem::replace(&mut engine.queue_depth, engine.run.depth);
    for (command, request) in &queue.commands {
        let request = request.as_request();
        let session = engine.session(client);
        session.commands += 1;
        let database = session.database;
        let invocation = Invocation {
            client,
            command: *command,
            request,
        };
        let spec = &commands.specs[*command];
        debug_assert!(!spec.has(flag::NO_QUEUE));
        pipeline::run(commands, engine, runtime, invocation, database, sink);
    }
    engine.run.denies_blocking = denied;
    engine.queue_depth = depth;
    sink.end(Shape::Array, queue.commands.len());
    // The queued commands entered the journal themselves.
    engine.run.propagation = Propagation::Nothing;
    Ok(Outcome::Replied)
}
