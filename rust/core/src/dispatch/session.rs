//! Who asks: a client's state, without its socket.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

use super::pubsub::Listening;
use super::spec::CommandId;
use super::tracking::Tracking;
use crate::output::Output;
use crate::reply::Protocol;
use crate::service::{BODY, CONNECTION_BYTES, ClientId, Peer, Request};

/// A request that outlives the buffer it was read into (queued, postponed, blocked).
#[derive(Debug, Clone)]
pub struct OwnedRequest {
    buffer: Box<[u8]>,
    arguments: Box<[(u32, u32)]>,
    bodies: Box<[Arc<Vec<u8>>]>,
}

impl OwnedRequest {
    pub fn as_request(&self) -> Request<'_> {
        Request {
            buffer: &self.buffer,
            arguments: &self.arguments,
            bodies: &self.bodies,
        }
    }

    /// Bytes of all arguments.
    pub fn argument_bytes(&self) -> usize {
        self.buffer.len() + self.bodies.iter().map(|body| body.len()).sum::<usize>()
    }

    pub fn memory_bytes(&self) -> usize {
        self.argument_bytes() + self.arguments.len() * size_of::<(u32, u32)>()
    }

    /// Builds a request from separate arguments.
    pub fn from_arguments<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut builder = Self::builder(0);
        parts.into_iter().for_each(|part| builder.push(part));
        builder.finish()
    }

    /// Builds a request argument by argument.
    pub fn builder(count: usize) -> RequestBuilder {
        RequestBuilder {
            buffer: Vec::new(),
            arguments: Vec::with_capacity(count),
        }
    }
}

/// See `OwnedRequest::builder`.
#[derive(Debug)]
pub struct RequestBuilder {
    buffer: Vec<u8>,
    arguments: Vec<(u32, u32)>,
}

impl RequestBuilder {
    pub fn push(&mut self, argument: &[u8]) {
        let start = self.buffer.len() as u32;
        self.buffer.extend_from_slice(argument);
        self.arguments.push((start, self.buffer.len() as u32));
    }

    pub fn finish(self) -> OwnedRequest {
        OwnedRequest {
            buffer: self.buffer.into(),
            arguments: self.arguments.into(),
            bodies: Box::default(),
        }
    }
}

impl From<Request<'_>> for OwnedRequest {
    fn from(request: Request<'_>) -> Self {
        let small = request.arguments.iter().enumerate().map(|(index, range)| {
            if range.1 == BODY {
                &[]
            } else {
                request.get(index)
            }
        });
        let mut owned = Self::from_arguments(small);
        for (own, range) in owned.arguments.iter_mut().zip(request.arguments) {
            if range.1 == BODY {
                *own = *range;
            }
        }
        owned.bodies = request.bodies.into();
        owned
    }
}

/// Commands queued between MULTI and EXEC.
#[derive(Debug, Default)]
pub struct Queue {
    pub commands: Vec<(CommandId, OwnedRequest)>,
    /// A command was refused while queueing; EXEC will answer EXECABORT.
    pub is_broken: bool,
    pub memory_bytes: usize,
    /// Bytes of all arguments; they count as if they were still in the query buffer.
    pub argument_bytes: usize,
}

/// CLIENT REPLY.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ReplyMode {
    #[default]
    On,
    Off,
    /// The next reply is dropped, then `On`.
    SkipNext,
    /// This reply is dropped, then `On`.
    SkipThis,
    /// This reply is dropped, and the next.
    SkipBoth,
}

/// A key as WATCH and waiters hold it: database and name, never a pointer.
pub type KeyName = (usize, Box<[u8]>);

/// Wakes a caller in the process that waits for what its session gets.
#[derive(Debug, Default)]
pub struct Alarm {
    has_rung: Mutex<bool>,
    bell: Condvar,
}

impl Alarm {
    pub fn ring(&self) {
        *self.has_rung.lock() = true;
        self.bell.notify_all();
    }

    /// Waits until it rings, but no longer than this; true: it did since the last wait.
    pub fn wait(&self, at_most: Duration) -> bool {
        let mut has_rung = self.has_rung.lock();
        if !*has_rung {
            self.bell.wait_for(&mut has_rung, at_most);
        }
        std::mem::take(&mut *has_rung)
    }
}

/// Where a request came from and all that it may change about its asker.
#[derive(Debug)]
pub struct Session {
    pub id: ClientId,
    pub peer: Peer,
    pub name: Vec<u8>,
    pub library_name: Vec<u8>,
    pub library_version: Vec<u8>,
    pub user: Arc<str>,
    pub is_authenticated: bool,
    pub database: usize,
    pub protocol: Protocol,
    /// The protocol of replies while a script calls commands for the client.
    pub script_protocol: Option<Protocol>,
    pub output: Output,
    pub reply_mode: ReplyMode,
    /// What the running command says though replies are silenced.
    pub spoken: Option<Box<Vec<u8>>>,
    pub queue: Option<Box<Queue>>,
    pub watched: Vec<KeyName>,
    /// A watched key changed; EXEC will answer null.
    pub is_watch_broken: bool,
    pub is_monitor: bool,
    /// Channels and patterns; None without any.
    pub listening: Option<Box<Listening>>,
    /// CLIENT TRACKING; None: off.
    pub tracking: Option<Box<Tracking>>,
    pub no_evict: bool,
    pub no_touch: bool,
    /// CLIENT CAPA redirect: the client would follow a move to another server.
    pub follows_redirects: bool,
    /// Set while its handler waits for a key or a pause; net reads no further request.
    pub is_paused: bool,
    pub postponed: Option<OwnedRequest>,
    /// The command that waits for a key.
    pub blocked: Option<Box<super::blocking::Blocking>>,
    /// For a caller in the process, who has no socket to watch.
    pub alarm: Option<Arc<Alarm>>,
    pub close: Close,
    pub created_ms: i64,
    pub last_request_ms: i64,
    pub last_command: Option<CommandId>,
    pub query_used: usize,
    pub query_allocated: usize,
    pub bytes_read: u64,
    pub bytes_written: u64,
    pub commands: u64,
    /// Since when the output is above its soft limit.
    pub soft_limit_since_ms: Option<i64>,
}

/// Whether, and how, a client is to be closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Close {
    #[default]
    No,
    AfterReply,
    Now,
}

impl Session {
    pub fn new(id: ClientId, peer: Peer, now_ms: i64) -> Self {
        Self {
            id,
            peer,
            name: Vec::new(),
            library_name: Vec::new(),
            library_version: Vec::new(),
            user: Arc::from("default"),
            is_authenticated: false,
            database: 0,
            protocol: Protocol::Resp2,
            script_protocol: None,
            output: Output::default(),
            reply_mode: ReplyMode::On,
            spoken: None,
            queue: None,
            watched: Vec::new(),
            is_watch_broken: false,
            is_monitor: false,
            listening: None,
            tracking: None,
            no_evict: false,
            no_touch: false,
            follows_redirects: false,
            is_paused: false,
            postponed: None,
            blocked: None,
            alarm: None,
            close: Close::No,
            created_ms: now_ms,
            last_request_ms: now_ms,
            last_command: None,
            query_used: 0,
            query_allocated: 0,
            bytes_read: 0,
            bytes_written: 0,
            commands: 0,
            soft_limit_since_ms: None,
        }
    }

    /// Tells a waiting caller in the process that there is something.
    #[inline]
    pub fn ring(&self) {
        if let Some(alarm) = &self.alarm {
            alarm.ring();
        }
    }

    /// Bytes that the client costs: its buffers, queue and this state.
    pub fn memory_bytes(&self) -> usize {
        let peer = self.peer.address.capacity() + self.peer.local_address.capacity();
        let labels = [&self.name, &self.library_name, &self.library_version];
        size_of::<Self>()
            + CONNECTION_BYTES
            + peer
            + labels.iter().map(|label| label.capacity()).sum::<usize>()
            + self.query_allocated
            + self.output.memory_bytes()
            + self.queue.as_ref().map_or(0, |queue| queue.memory_bytes)
            + self
                .watched
                .iter()
                .map(|(_, key)| key.len() + 32)
                .sum::<usize>()
            + self.listening.as_ref().map_or(0, |it| it.memory_bytes())
            + self
                .blocked
                .as_ref()
                .map_or(0, |blocking| blocking.request.memory_bytes())
            + self.tracking.as_ref().map_or(0, |it| it.memory_bytes())
    }

    /// Takes back what a command wrote after `before` bytes, if CLIENT REPLY says so.
    #[inline]
    pub fn finish_reply(&mut self, output: &mut Output, before: usize) {
        if self.reply_mode == ReplyMode::On && self.spoken.is_none() {
            return;
        }
        if self.reply_mode != ReplyMode::On {
            output.truncate(before);
        }
        if let Some(spoken) = self.spoken.take() {
            output.push(&spoken);
        }
        match self.reply_mode {
            ReplyMode::SkipNext | ReplyMode::SkipBoth => self.reply_mode = ReplyMode::SkipThis,
            ReplyMode::SkipThis => self.reply_mode = ReplyMode::On,
            ReplyMode::On | ReplyMode::Off => {}
        }
    }

    /// The protocol in which the running command answers.
    #[inline]
    pub fn reply_protocol(&self) -> Protocol {
        self.script_protocol.unwrap_or(self.protocol)
    }

    /// Subscribed to anything: CLIENT LIST's `P`, and the limits of class `pubsub`.
    pub fn is_subscribed(&self) -> bool {
        self.listening.is_some()
    }
}
