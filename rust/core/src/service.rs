//! The border between `net`, which knows sockets and frames, and the engine.
//!
//! `net` calls a `Service`; nothing calls back into `net`. A client is known on
//! both sides by its `ClientId`, which is never used twice.

use std::sync::Arc;
use std::time::Duration;

use crate::output::Output;

/// Identifies one client for the life of the process (CLIENT ID).
pub type ClientId = u64;

/// How a client came in.
#[derive(Debug, Clone)]
pub struct Peer {
    /// `ip:port`, or the path of the Unix socket with `:0`, as CLIENT LIST shows it.
    pub address: String,
    /// Our own side of the connection, written the same way.
    pub local_address: String,
    /// The file descriptor (CLIENT LIST's `fd`), or -1.
    pub descriptor: i64,
    pub is_unix_socket: bool,
    /// The peer is on this machine (loopback or Unix socket); protected mode lets it in.
    pub is_local: bool,
    /// The peer is known to be another process of this machine.
    pub is_other_process: bool,
}

/// Bytes that the network keeps for a client, beside what waits to be executed or written:
/// `maxmemory-clients` and INFO count them.
pub const CONNECTION_BYTES: usize = 128;

/// One request: arguments as ranges of a buffer, big ones on their own.
///
/// The buffer is owned by whoever parsed it and does not move during execution.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    pub buffer: &'a [u8],
    /// `start..end` of each argument in `buffer`; `(index, BODY)` for one of the bodies.
    pub arguments: &'a [(u32, u32)],
    /// Arguments that arrived in memory of their own, and may be kept without a copy.
    pub bodies: &'a [Arc<Vec<u8>>],
}

/// Marks an argument that is one of the request's bodies.
pub const BODY: u32 = u32::MAX;

impl<'a> Request<'a> {
    /// How many arguments there are, the command's name included.
    pub fn len(&self) -> usize {
        self.arguments.len()
    }

    pub fn is_empty(&self) -> bool {
        self.arguments.is_empty()
    }

    /// The argument at `index`, counted from the command's name.
    #[inline]
    pub fn get(&self, index: usize) -> &'a [u8] {
        let (start, end) = self.arguments[index];
        if end == BODY {
            return &self.bodies[start as usize];
        }
        &self.buffer[start as usize..end as usize]
    }

    /// The argument at `index`, if it has memory of its own.
    #[inline]
    pub fn body(&self, index: usize) -> Option<&'a Arc<Vec<u8>>> {
        let (start, end) = self.arguments[index];
        (end == BODY).then(|| &self.bodies[start as usize])
    }

    pub fn iter(&self) -> impl Iterator<Item = &'a [u8]> + '_ {
        (0..self.len()).map(|index| self.get(index))
    }

    /// The arguments' lengths.
    pub fn lengths(&self) -> impl Iterator<Item = usize> + '_ {
        self.iter().map(<[u8]>::len)
    }

    /// Bytes of all arguments: the sum or, where that takes no counting, a little more.
    #[inline]
    pub fn bytes_max(&self) -> usize {
        match (self.arguments.first(), self.arguments.last()) {
            (Some(first), Some(last)) if self.bodies.is_empty() => (last.1 - first.0) as usize,
            _ => self.lengths().sum(),
        }
    }
}

/// What `net` does with a client after a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// Go on with the client's next request.
    Continue,
    /// Read no further requests until `Service::resumed` names this client (blocked, paused).
    Pause,
    /// Write what waits, then close.
    CloseAfterReply,
    /// Close at once.
    CloseNow,
}

/// What the parser must know about a client before it reads on.
#[derive(Debug, Clone, Copy)]
pub struct InputLimits {
    /// `proto-max-bulk-len`.
    pub bulk_bytes_max: usize,
    /// `client-query-buffer-limit`.
    pub buffer_bytes_max: usize,
    /// Before AUTH: at most 10 arguments of at most 16,384 bytes each.
    pub is_authenticated: bool,
}

/// How the listening sockets and the loop behave; read anew at each turn.
#[derive(Debug, Clone, Copy)]
pub struct NetLimits {
    /// `maxclients`.
    pub clients_max: usize,
    /// `tcp-keepalive` in seconds, 0 for none.
    pub keepalive_seconds: u32,
    /// Output waiting for one client above which no more of its requests are executed
    /// until it reads (back-pressure, so that a slow reader cannot hold memory without bound).
    pub output_bytes_pause: usize,
}

/// The engine as `net` sees it.
pub trait Service {
    /// A client connected. `Err` holds the bytes to send before closing.
    fn connected(&mut self, peer: Peer) -> Result<ClientId, Vec<u8>>;

    /// A client is gone: its socket is closed, whoever wanted it.
    fn disconnected(&mut self, client: ClientId);

    fn input_limits(&self, client: ClientId) -> InputLimits;

    fn net_limits(&self) -> NetLimits;

    /// Lends the sockets of all other clients while requests of one are executed, for the
    /// case that one takes long; an empty pointer takes them back.
    fn lend(&mut self, _outside: OutsidePointer) {}

    /// Executes one request; its reply is in `output(client)` afterwards.
    fn execute(&mut self, client: ClientId, request: Request<'_>) -> Flow;

    /// Requests of one client that will be executed now, one after the other: the engine
    /// may ask for the memory that they will need.
    fn prepare<'r>(
        &self,
        _client: ClientId,
        _count: usize,
        _request: &dyn Fn(usize) -> Request<'r>,
    ) {
    }

    /// The client broke the protocol. `message` is Redis's own text without `-ERR `
    /// (for example `Protocol error: invalid bulk length`); bytes, because it may quote
    /// a byte the client sent. `net` closes the client after its reply.
    fn protocol_error(&mut self, client: ClientId, message: &[u8]);

    /// The client went over `InputLimits::buffer_bytes_max`; `net` closes it without a reply
    /// (INFO's client_query_buffer_limit_disconnections).
    fn query_buffer_exceeded(&mut self, client: ClientId);

    /// What waits to be written to a client.
    fn output(&mut self, client: ClientId) -> &mut Output;

    /// What the client's query buffer holds between turns changed (bytes used and allocated).
    /// Requests that arrive whole are executed from the loop's own buffer and never show here.
    fn query_buffer_changed(&mut self, client: ClientId, used: usize, allocated: usize);

    /// Bytes went over the network (INFO's total_net_input_bytes / total_net_output_bytes).
    fn bytes_moved(&mut self, client: ClientId, read: usize, written: usize);

    /// Clients whose output got bytes outside of their own request (pushes, wake-ups).
    fn take_dirty(&mut self, into: &mut Vec<ClientId>);

    /// Clients to be closed (CLIENT KILL, output limits); `true`: after what waits is written.
    fn take_closing(&mut self, into: &mut Vec<(ClientId, bool)>);

    /// Clients that were paused (`Flow::Pause`) and may go on.
    fn take_resumed(&mut self, into: &mut Vec<ClientId>);

    /// Time-driven work: expiry, timeouts, statistics. Called once a turn, after the
    /// requests of the turn and before its replies leave, so that a journal can be written
    /// in between. Returns how long the loop may sleep at most.
    fn tick(&mut self) -> Duration;

    /// Work that nobody waits for: called once a turn, when its replies have left. Returns
    /// how long the loop may sleep at most; None: there is none of it.
    fn after_replies(&mut self) -> Option<Duration> {
        None
    }

    /// True when the loop shall end; everything that waits is then written as far as
    /// the sockets take it, and all is closed.
    fn is_stopping(&self) -> bool;
}

/// The sockets of all other clients, while one client's script takes long.
pub trait Outside {
    /// Reads, answers and writes once, without waiting.
    fn turn(&mut self, service: &mut dyn Service);
}

/// Leads to the sockets while a request runs; empty where there are none.
#[derive(Debug, Default, Clone, Copy)]
pub struct OutsidePointer(Option<*mut (dyn Outside + 'static)>);

// SAFETY: set and followed by one thread, which holds the engine's lock meanwhile.
unsafe impl Send for OutsidePointer {}

impl OutsidePointer {
    /// # Safety
    /// The pointer is taken back (`OutsidePointer::default()`) before its target moves,
    /// ends, or is used in another way.
    pub unsafe fn new(outside: *mut (dyn Outside + 'static)) -> Self {
        Self(Some(outside))
    }

    /// Takes the pointer, so that nobody else follows it.
    pub fn take(&mut self) -> Option<*mut (dyn Outside + 'static)> {
        self.0.take()
    }
}

/// Where the event loop runs: gives the loop's owner the chance to let go of locks
/// (the engine's, Python's) while it sleeps.
pub trait Host {
    type Service: Service;

    /// Runs `sleep` with no lock held.
    fn detached(&mut self, sleep: &mut dyn FnMut());

    /// Runs `work` with the engine's lock held.
    fn with_service(&mut self, work: &mut dyn FnMut(&mut Self::Service));
}
