//! The engine with its runtime, as the event loop sees it.

use std::sync::Arc;
use std::time::Duration;

use super::blocking;
use super::engine::Engine;
use super::error::ErrorCode;
use super::pipeline::{self, Runtime};
use super::session::Close;
use super::spec::{CommandSpec, CommandTable};
use super::triggers;
use crate::output::Output;
use crate::resp::encode;
use crate::service::{ClientId, Flow, InputLimits, NetLimits, Peer, Request, Service};

/// An engine and what its commands mean.
pub struct Core<R> {
    pub engine: Engine,
    pub runtime: R,
    /// Output above which a client's requests wait until it reads.
    pub output_bytes_pause: usize,
    /// The engine's own table; here too, so that it can be borrowed beside the engine.
    commands: Arc<CommandTable>,
    /// Hashes of keys that announced requests will look up.
    hashes: Vec<u64>,
}

/// A smaller database is in the processor's cache anyway.
const PREPARED_KEYS_MIN: usize = 2000;
/// Back-pressure begins here unless configured otherwise.
const OUTPUT_BYTES_PAUSE: usize = 64 << 20;

impl<R: Runtime> Core<R> {
    pub fn new(engine: Engine, runtime: R) -> Self {
        let commands = Arc::clone(&engine.commands);
        Self {
            engine,
            runtime,
            output_bytes_pause: OUTPUT_BYTES_PAUSE,
            commands,
            hashes: Vec::new(),
        }
    }

    /// Adds commands to those that there are.
    pub fn add_commands(&mut self, specs: Vec<CommandSpec>) {
        self.engine.add_commands(specs);
        self.commands = Arc::clone(&self.engine.commands);
    }

    /// Lets triggers hear of what happened because time passed.
    pub fn react(&mut self) {
        triggers::run_pending(&self.commands, &mut self.engine, &mut self.runtime);
    }

    /// Executes a request.
    pub fn run_request(&mut self, client: ClientId, request: Request<'_>) -> Flow {
        let (commands, engine, runtime) = (&self.commands, &mut self.engine, &mut self.runtime);
        pipeline::execute(commands, engine, runtime, client, request)
    }

    /// Runs the requests that CLIENT PAUSE held up, once it is over.
    fn resume_postponed(&mut self) {
        let now_ms = self.engine.now_ms;
        if self
            .engine
            .pause
            .is_some_and(|(until_ms, _)| until_ms > now_ms)
        {
            return;
        }
        self.engine.pause = None;
        blocking::serve_waiting(&self.commands, &mut self.engine, &mut self.runtime);
        for client in self.engine.take_postponed() {
            let Some(session) = self.engine.sessions.get_mut(&client) else {
                continue;
            };
            session.is_paused = false;
            let Some(request) = session.postponed.take() else {
                continue;
            };
            match self.run_request(client, request.as_request()) {
                Flow::Continue => self.engine.resumed_clients.push(client),
                Flow::Pause => continue,
                Flow::CloseAfterReply => self.engine.closing_clients.push((client, true)),
                Flow::CloseNow => self.engine.closing_clients.push((client, false)),
            }
            self.engine.dirty_clients.push(client);
        }
    }
}

impl<R: Runtime> Service for Core<R> {
    fn connected(&mut self, peer: Peer) -> Result<ClientId, Vec<u8>> {
        let engine = &mut self.engine;
        let refuse = |engine: &mut Engine, code: ErrorCode| {
            engine.statistics.counters.rejected_connections += 1;
            let mut line = Vec::new();
            encode::error(&mut line, engine.errors.text(code).as_bytes());
            Err(line)
        };
        if engine.sessions.len() >= engine.settings.clients_max {
            return refuse(engine, ErrorCode::MaxClients);
        }
        let settings = &engine.settings;
        if settings.protected_mode && !settings.password_required && !peer.is_local {
            return refuse(engine, ErrorCode::ProtectedMode);
        }
        engine.statistics.counters.connections += 1;
        Ok(engine.open_session(peer))
    }

    fn disconnected(&mut self, client: ClientId) {
        self.engine.close_session(client);
    }

    fn input_limits(&self, client: ClientId) -> InputLimits {
        let settings = &self.engine.settings;
        let session = self.engine.sessions.get(&client);
        let queue = session.and_then(|session| session.queue.as_ref());
        let queued_bytes = queue.map_or(0, |queue| queue.argument_bytes);
        InputLimits {
            bulk_bytes_max: settings.bulk_bytes_max,
            buffer_bytes_max: settings.query_buffer_bytes_max.saturating_sub(queued_bytes),
            is_authenticated: session.is_some_and(|session| session.is_authenticated),
        }
    }

    fn net_limits(&self) -> NetLimits {
        NetLimits {
            clients_max: self.engine.settings.clients_max,
            keepalive_seconds: self.engine.settings.keepalive_seconds,
            output_bytes_pause: self.output_bytes_pause,
        }
    }

    fn execute(&mut self, client: ClientId, request: Request<'_>) -> Flow {
        self.run_request(client, request)
    }

    #[inline]
    fn prepare(&mut self, client: ClientId, request: Request<'_>) {
        // Nearly all commands have their (first) key right behind the name; where that
        // is not one, the hint is wrong and harmless.
        const KEY_INDEX: usize = 1;
        if request.len() <= KEY_INDEX {
            return;
        }
        let Some(session) = self.engine.sessions.get(&client) else {
            return;
        };
        let database = &self.engine.databases[session.database];
        if database.len() < PREPARED_KEYS_MIN {
            return;
        }
        let hash = database.hash(request.get(KEY_INDEX));
        database.prefetch(hash);
        self.hashes.push(hash);
    }

    #[inline]
    fn prepared(&mut self, client: ClientId) {
        let Some(session) = self.engine.sessions.get(&client) else {
            return;
        };
        let database = &self.engine.databases[session.database];
        for hash in self.hashes.drain(..) {
            database.prefetch_entry(hash);
        }
    }

    fn protocol_error(&mut self, client: ClientId, message: &[u8]) {
        let line = [b"ERR ", message].concat();
        self.engine.statistics.error_replied(&line);
        if let Some(session) = self.engine.sessions.get_mut(&client) {
            session.close = Close::AfterReply;
            encode::error(session.output.tail(), &line);
        }
    }

    fn query_buffer_exceeded(&mut self, _: ClientId) {
        let counters = &mut self.engine.statistics.counters;
        counters.query_buffer_limit_disconnections += 1;
    }

    fn output(&mut self, client: ClientId) -> &mut Output {
        &mut self.engine.session(client).output
    }

    fn query_buffer_changed(&mut self, client: ClientId, used: usize, allocated: usize) {
        if let Some(session) = self.engine.sessions.get_mut(&client) {
            session.query_used = used;
            session.query_allocated = allocated;
        }
    }

    fn bytes_moved(&mut self, client: ClientId, read: usize, written: usize) {
        if read > 0 {
            // Time passed in the socket: the next command is not charged for it.
            self.engine.last_reading_ns = 0;
        }
        let counters = &mut self.engine.statistics.counters;
        counters.bytes_read += read as u64;
        counters.bytes_written += written as u64;
        counters.reads += u64::from(read > 0);
        counters.writes += u64::from(written > 0);
        if let Some(session) = self.engine.sessions.get_mut(&client) {
            session.bytes_read += read as u64;
            session.bytes_written += written as u64;
        }
    }

    fn take_dirty(&mut self, into: &mut Vec<ClientId>) {
        into.append(&mut self.engine.dirty_clients);
    }

    fn take_closing(&mut self, into: &mut Vec<(ClientId, bool)>) {
        into.append(&mut self.engine.closing_clients);
    }

    fn take_resumed(&mut self, into: &mut Vec<ClientId>) {
        into.append(&mut self.engine.resumed_clients);
    }

    fn tick(&mut self) -> Duration {
        self.engine.refresh_clock();
        self.resume_postponed();
        let wait = self.engine.tick();
        self.react();
        self.engine.broadcast_changes();
        if wait.is_cron_due {
            // Asking is what keeps the peak.
            crate::memory::peak_bytes();
            self.runtime.cron(&mut self.engine);
        }
        self.engine.flush_aof();
        self.engine.last_reading_ns = 0;
        Duration::from_millis(wait.sleep_ms)
    }

    fn is_stopping(&self) -> bool {
        self.engine.is_stopping
    }
}
