//! The engine without the type of its runtime, as sockets see it.

use std::time::Duration;

use super::engine::Engine;
use super::error::ErrorCode;
use super::pipeline::{self, Runtime};
use super::session::Close;
use super::spec::CommandTable;
use crate::output::Output;
use crate::resp::encode;
use crate::service::{ClientId, Flow, InputLimits, NetLimits, Peer, Request, Service};

/// An engine and what its commands mean, both borrowed: for `Core`, and for the other
/// clients while one client's script takes long.
pub struct Borrowed<'a> {
    pub(super) commands: &'a CommandTable,
    pub(super) engine: &'a mut Engine,
    pub(super) runtime: &'a mut dyn Runtime,
    pub(super) output_bytes_pause: usize,
}

impl<'a> Borrowed<'a> {
    pub fn new(
        commands: &'a CommandTable,
        engine: &'a mut Engine,
        runtime: &'a mut dyn Runtime,
    ) -> Self {
        Self {
            commands,
            engine,
            runtime,
            output_bytes_pause: OUTPUT_BYTES_PAUSE,
        }
    }
}

/// Back-pressure begins here unless configured otherwise.
pub(super) const OUTPUT_BYTES_PAUSE: usize = 64 << 20;

pub(super) fn input_limits(engine: &Engine, client: ClientId) -> InputLimits {
    let settings = &engine.settings;
    let session = engine.sessions.get(&client);
    let queue = session.and_then(|session| session.queue.as_ref());
    let queued_bytes = queue.map_or(0, |queue| queue.argument_bytes);
    InputLimits {
        bulk_bytes_max: settings.bulk_bytes_max,
        buffer_bytes_max: settings.query_buffer_bytes_max.saturating_sub(queued_bytes),
        is_authenticated: session.is_some_and(|session| session.is_authenticated),
    }
}

pub(super) fn net_limits(engine: &Engine, output_bytes_pause: usize) -> NetLimits {
    NetLimits {
        clients_max: engine.settings.clients_max,
        keepalive_seconds: engine.settings.keepalive_seconds,
        output_bytes_pause,
    }
}

impl Service for Borrowed<'_> {
    fn connected(&mut self, peer: Peer) -> Result<ClientId, Vec<u8>> {
        let engine = &mut *self.engine;
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
        engine.other_processes += usize::from(peer.is_other_process);
        Ok(engine.open_session(peer))
    }

    fn disconnected(&mut self, client: ClientId) {
        let session = self.engine.sessions.get(&client);
        let is_other = session.is_some_and(|session| session.peer.is_other_process);
        self.engine.other_processes -= usize::from(is_other);
        self.engine.close_session(client);
    }

    fn input_limits(&self, client: ClientId) -> InputLimits {
        input_limits(self.engine, client)
    }

    fn net_limits(&self) -> NetLimits {
        net_limits(self.engine, self.output_bytes_pause)
    }

    fn execute(&mut self, client: ClientId, request: Request<'_>) -> Flow {
        pipeline::execute(self.commands, self.engine, self.runtime, client, request)
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

    /// Nothing happens because time passes while a script runs; but what was answered
    /// before it began must be in the file before its replies leave.
    fn tick(&mut self) -> Duration {
        self.engine.flush_aof();
        Duration::ZERO
    }

    fn is_stopping(&self) -> bool {
        self.engine.is_stopping
    }
}
