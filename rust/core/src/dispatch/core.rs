//! The engine with its runtime, as the event loop sees it.

use std::sync::Arc;
use std::time::Duration;

use super::blocking;
use super::borrowed::{self, Borrowed, OUTPUT_BYTES_PAUSE};
use super::engine::Engine;
use super::pipeline::{self, Runtime};
use super::prepare;
use super::spec::{CommandSpec, CommandTable};
use super::triggers;
use crate::output::Output;
use crate::service::{
    ClientId, Flow, InputLimits, NetLimits, OutsidePointer, Peer, Request, Service,
};

/// An engine and what its commands mean.
pub struct Core<R> {
    pub engine: Engine,
    pub runtime: R,
    /// Output above which a client's requests wait until it reads.
    pub output_bytes_pause: usize,
    /// The engine's own table; here too, so that it can be borrowed beside the engine.
    commands: Arc<CommandTable>,
}

impl<R: Runtime> Core<R> {
    pub fn new(engine: Engine, runtime: R) -> Self {
        let commands = Arc::clone(&engine.commands);
        Self {
            engine,
            runtime,
            output_bytes_pause: OUTPUT_BYTES_PAUSE,
            commands,
        }
    }

    /// What the event loop sees, without the runtime's type.
    fn borrowed(&mut self) -> Borrowed<'_> {
        Borrowed {
            commands: &self.commands,
            engine: &mut self.engine,
            runtime: &mut self.runtime,
            output_bytes_pause: self.output_bytes_pause,
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
        for client in std::mem::take(&mut self.engine.postponed_clients) {
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
        self.borrowed().connected(peer)
    }

    fn disconnected(&mut self, client: ClientId) {
        self.engine.close_session(client);
    }

    fn input_limits(&self, client: ClientId) -> InputLimits {
        borrowed::input_limits(&self.engine, client)
    }

    fn net_limits(&self) -> NetLimits {
        borrowed::net_limits(&self.engine, self.output_bytes_pause)
    }

    fn lend(&mut self, outside: OutsidePointer) {
        self.engine.outside = outside;
    }

    fn execute(&mut self, client: ClientId, request: Request<'_>) -> Flow {
        self.run_request(client, request)
    }

    fn prepare<'r>(&self, client: ClientId, count: usize, request: &dyn Fn(usize) -> Request<'r>) {
        if let Some(session) = self.engine.sessions.get(&client) {
            prepare::prepare(&self.engine.databases[session.database], count, request);
        }
    }

    fn protocol_error(&mut self, client: ClientId, message: &[u8]) {
        self.borrowed().protocol_error(client, message);
    }

    fn query_buffer_exceeded(&mut self, client: ClientId) {
        self.borrowed().query_buffer_exceeded(client);
    }

    #[inline]
    fn output(&mut self, client: ClientId) -> &mut Output {
        &mut self.engine.session(client).output
    }

    fn query_buffer_changed(&mut self, client: ClientId, used: usize, allocated: usize) {
        self.borrowed()
            .query_buffer_changed(client, used, allocated);
    }

    fn bytes_moved(&mut self, client: ClientId, read: usize, written: usize) {
        self.borrowed().bytes_moved(client, read, written);
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

    fn after_replies(&mut self) -> Option<Duration> {
        self.engine.snapshot_slice()
    }

    fn is_stopping(&self) -> bool {
        self.engine.is_stopping
    }
}
