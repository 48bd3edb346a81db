//! One client's socket and the bytes it has sent that are not executed yet.
//!
//! Bytes are read into a buffer that all clients share and requests are executed from
//! there, so an idle client holds none. Kept here is only what cannot be executed at
//! once: the beginning of a request, or requests behind one that waits.
//!
//!     input:  | executed | unread: [partial request so far …] or [requests …] |
//!             0          start                                                len
//!
//! A big argument of a partial request is not in `input` but in a `Body` of its own
//! (see `resp::body`), which may become a stored value.

use std::io::{self, IoSlice, Read, Write};
use std::ops::Range;
use std::time::{Duration, Instant};

use socket2::Socket;

use super::batch::{Batch, Stop};
use super::poll::Interest;
use crate::resp::parse::{Parser, Partial};
use crate::service::{ClientId, Flow, InputLimits, Service};

/// The shared buffer: what one read takes at most.
const SCRATCH_BYTES: usize = 64 * 1024;
/// With less room than this behind a kept beginning, the shared buffer is not worth using.
const SCRATCH_ROOM_MIN: usize = 16 * 1024;
/// Reads in a row for a request that is bigger than the shared buffer.
const BIG_READS_MAX: usize = 16;
/// An argument of this size or more that has not arrived whole gets memory of its own.
const BODY_BYTES_MIN: usize = 32 * 1024;
/// A kept buffer is not made smaller below this size.
const INPUT_BYTES_KEPT_MAX: usize = 256;
/// How long one client's pipelined requests may hold up the others.
const BATCH_TIME_MAX: Duration = Duration::from_millis(1);
/// The clock is looked at each so many requests, the client's output more often.
const REQUESTS_PER_CLOCK: usize = 8;
const REQUESTS_PER_OUTPUT_CHECK: usize = 4;

/// What all clients of a loop share.
#[derive(Debug)]
pub struct Workbench {
    pub scratch: Vec<u8>,
    pub parser: Parser,
    pub batch: Batch,
    /// Emptied output buffers.
    pub spare: Vec<Vec<u8>>,
    /// `NetLimits::output_bytes_pause` of this turn.
    pub output_bytes_pause: usize,
}

impl Workbench {
    pub fn new() -> Workbench {
        Workbench {
            scratch: vec![0; SCRATCH_BYTES],
            parser: Parser::default(),
            batch: Batch::default(),
            spare: Vec::new(),
            output_bytes_pause: usize::MAX,
        }
    }
}

/// What the loop is to do with a connection after working on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    Keep,
    Close,
}

#[cfg(unix)]
impl Drop for Connection {
    fn drop(&mut self) {
        super::inherited::forget(&self.socket);
    }
}

#[derive(Debug)]
pub struct Connection {
    pub socket: Socket,
    pub client: ClientId,
    input: Vec<u8>,
    start: usize,
    partial: Option<Box<Partial>>,
    /// How long the partial request is at least, as far as is known.
    bytes_wanted: usize,
    /// What the service was told of the query buffer: used, allocated.
    reported: (usize, usize),
    pub interest: Interest,
    /// Requests wait for `Service::take_resumed`.
    pub is_paused: bool,
    /// Requests wait until the client reads its replies.
    pub is_throttled: bool,
    /// The socket takes no more for now.
    is_output_waiting: bool,
    /// Nothing more is read; close when the output is written.
    pub is_closing: bool,
    /// Stands in the loop's list of connections with requests to execute.
    pub is_runnable: bool,
    /// Stands in the loop's list of connections to write to.
    pub is_write_queued: bool,
}

impl Connection {
    pub fn new(socket: Socket, client: ClientId) -> Connection {
        #[cfg(unix)]
        super::inherited::note(&socket);
        Connection {
            socket,
            client,
            input: Vec::new(),
            start: 0,
            partial: None,
            bytes_wanted: 0,
            reported: (0, 0),
            interest: Interest::READ,
            is_paused: false,
            is_throttled: false,
            is_output_waiting: false,
            is_closing: false,
            is_runnable: false,
            is_write_queued: false,
        }
    }

    /// Requests may be executed now if there are any.
    pub fn may_run(&self) -> bool {
        !(self.is_paused || self.is_throttled || self.is_closing)
    }

    pub fn has_unread(&self) -> bool {
        self.start < self.input.len()
    }

    /// Reads what the socket has and executes the requests that are complete.
    pub fn read<S: Service + ?Sized>(&mut self, service: &mut S, bench: &mut Workbench) -> Fate {
        if self.is_closing || self.is_throttled || self.is_runnable {
            return Fate::Keep;
        }
        let limits = service.input_limits(self.client);
        let is_in_body = self.partial.as_mut().is_some_and(|p| p.body().is_some());
        let kept = self.input.len() - self.start;
        let fits = kept.max(self.bytes_wanted) + SCRATCH_ROOM_MIN <= SCRATCH_BYTES;
        let fate = if is_in_body {
            self.read_body(service, bench, limits)
        } else if fits && !self.is_paused {
            self.read_in_place(service, bench, limits, kept)
        } else {
            self.read_and_keep(service, bench, limits)
        };
        self.report(service);
        fate
    }

    fn read_in_place<S: Service + ?Sized>(
        &mut self,
        service: &mut S,
        bench: &mut Workbench,
        limits: InputLimits,
        kept: usize,
    ) -> Fate {
        let mut scratch = std::mem::take(&mut bench.scratch);
        scratch[..kept].copy_from_slice(&self.input[self.start..]);
        let fate = match self.receive(service, &mut scratch[kept..]) {
            Ok(0) => Fate::Keep,
            Ok(count) if self.is_too_long(kept + count, limits) => self.refuse(service),
            Ok(count) => {
                let bytes = &scratch[..kept + count];
                let (left, fate) = self.run(service, bench, bytes, limits);
                self.start = 0;
                self.input.clear();
                self.input.shrink_to(INPUT_BYTES_KEPT_MAX);
                self.input.extend_from_slice(&bytes[left]);
                fate
            }
            Err(_) => Fate::Close,
        };
        bench.scratch = scratch;
        fate
    }

    /// Reads on in a big argument; what came behind it is executed.
    fn read_body<S: Service + ?Sized>(
        &mut self,
        service: &mut S,
        bench: &mut Workbench,
        limits: InputLimits,
    ) -> Fate {
        for round in 0..BIG_READS_MAX {
            let Ok(count) = self.receive(service, &mut bench.scratch) else {
                return Fate::Close;
            };
            if count == 0 && round > 0 {
                self.is_closing = false;
                break;
            }
            let body = self.partial.as_mut().and_then(|partial| partial.body());
            let taken = body.map_or(0, |body| body.take(&bench.scratch[..count]));
            if self.is_too_long(self.input.len() - self.start, limits) {
                return self.refuse(service);
            }
            if taken < count {
                self.keep(&bench.scratch[taken..count]);
                return self.run_kept(service, bench);
            }
            if count < bench.scratch.len() {
                break;
            }
        }
        Fate::Keep
    }

    fn read_and_keep<S: Service + ?Sized>(
        &mut self,
        service: &mut S,
        bench: &mut Workbench,
        limits: InputLimits,
    ) -> Fate {
        for round in 0..BIG_READS_MAX {
            let Ok(count) = self.receive(service, &mut bench.scratch) else {
                return Fate::Close;
            };
            if count == 0 && round > 0 {
                // The end, if it is that, is told again when what came before it is executed.
                self.is_closing = false;
                break;
            }
            self.keep(&bench.scratch[..count]);
            if self.is_too_long(self.input.len() - self.start, limits) {
                return self.refuse(service);
            }
            if count < bench.scratch.len() {
                break;
            }
        }
        if self.is_closing && self.is_paused {
            // A client that waits is gone as soon as it hangs up.
            return Fate::Close;
        }
        if self.is_paused {
            Fate::Keep
        } else {
            self.run_kept(service, bench)
        }
    }

    /// Reads once. 0: nothing to read now, or the end, which sets `is_closing`.
    fn receive<S: Service + ?Sized>(
        &mut self,
        service: &mut S,
        into: &mut [u8],
    ) -> io::Result<usize> {
        match (&self.socket).read(into) {
            Ok(0) => {
                // Replies may still be on their way to a client that only closed its side.
                self.is_closing = true;
                Ok(0)
            }
            Ok(count) => {
                service.bytes_moved(self.client, count, 0);
                Ok(count)
            }
            Err(error) if is_temporary(&error) => Ok(0),
            Err(error) => Err(error),
        }
    }

    /// Appends to `input`, which grows by what is needed: the allocator rounds it up.
    fn keep(&mut self, bytes: &[u8]) {
        if self.start > 0 && self.start >= self.input.len() - self.start {
            self.input.drain(..self.start);
            self.start = 0;
        }
        self.input.reserve_exact(bytes.len());
        self.input.extend_from_slice(bytes);
    }

    /// Bytes of complete arguments do not count, so a long request of many is not refused;
    /// what a request may hold in all is what its 32-bit ranges can name.
    fn is_too_long(&self, unread: usize, limits: InputLimits) -> bool {
        let (read, in_body) = self.partial.as_ref().map_or((0, 0), |partial| {
            (partial.bytes_read(), partial.body_bytes().0)
        });
        unread - read + in_body > limits.buffer_bytes_max || unread > u32::MAX as usize
    }

    fn refuse<S: Service + ?Sized>(&mut self, service: &mut S) -> Fate {
        service.query_buffer_exceeded(self.client);
        Fate::Close
    }

    /// Executes requests that were kept.
    pub fn run_kept<S: Service + ?Sized>(
        &mut self,
        service: &mut S,
        bench: &mut Workbench,
    ) -> Fate {
        if !self.has_unread() || !self.may_run() {
            return Fate::Keep;
        }
        let limits = service.input_limits(self.client);
        // Requests are ranges of this buffer: nothing may touch it while they are executed.
        let mut input = std::mem::take(&mut self.input);
        let (left, fate) = self.run(service, bench, &input[self.start..], limits);
        input.truncate(self.start + left.end);
        self.start += left.start;
        let unread = input.len() - self.start;
        if unread == 0 || unread < SCRATCH_ROOM_MIN && input.capacity() > SCRATCH_BYTES {
            input = input[self.start..].to_vec();
            self.start = 0;
        }
        self.input = input;
        self.report(service);
        fate
    }

    /// Executes requests at the beginning of `input`; returns what is left of it to keep.
    fn run<S: Service + ?Sized>(
        &mut self,
        service: &mut S,
        bench: &mut Workbench,
        input: &[u8],
        limits: InputLimits,
    ) -> (Range<usize>, Fate) {
        let mut left = 0..input.len();
        let fate = self.execute(service, bench, input, limits, &mut left);
        bench.batch.clear_bodies();
        (left, fate)
    }

    fn execute<S: Service + ?Sized>(
        &mut self,
        service: &mut S,
        bench: &mut Workbench,
        input: &[u8],
        mut limits: InputLimits,
        left: &mut Range<usize>,
    ) -> Fate {
        service.output(self.client).take_buffer(&mut bench.spare);
        if let Some(partial) = self.partial.take() {
            bench.parser.resume(*partial);
        }
        self.bytes_wanted = 0;
        let mut requests = 0;
        let mut begin = None;
        while left.start < input.len() {
            let stop = bench
                .batch
                .fill(&mut bench.parser, input, left.start, &limits);
            let Workbench { batch, parser, .. } = bench;
            if batch.len() > 1 {
                let (batch, parser) = (&*batch, &*parser);
                let request = |index| batch.request(parser, input, index);
                service.prepare(self.client, batch.len(), &request);
            }
            for index in 0..batch.len() {
                let request = batch.request(parser, input, index);
                left.start = batch.end(index);
                if request.is_empty() {
                    continue;
                }
                let flow = service.execute(self.client, request);
                requests += 1;
                let is_last = left.start == input.len();
                match flow {
                    Flow::Continue => {}
                    Flow::Pause => self.is_paused = true,
                    Flow::CloseAfterReply => self.is_closing = true,
                    Flow::CloseNow => {
                        parser.abandon();
                        return Fate::Close;
                    }
                }
                if !is_last {
                    if requests == 1 {
                        begin = Some(Instant::now());
                    }
                    self.is_throttled = requests % REQUESTS_PER_OUTPUT_CHECK == 0
                        && service.output(self.client).bytes_pending() > bench.output_bytes_pause;
                    self.is_runnable = !self.is_throttled
                        && flow == Flow::Continue
                        && requests % REQUESTS_PER_CLOCK == 0
                        && begin.is_some_and(|begin| begin.elapsed() > BATCH_TIME_MAX);
                }
                if flow != Flow::Continue || self.is_throttled || self.is_runnable {
                    // What was parsed behind this request is parsed again when its turn comes.
                    parser.abandon();
                    return Fate::Keep;
                }
            }
            match stop {
                Stop::Full => {}
                Stop::Incomplete(wanted) => {
                    self.bytes_wanted = wanted;
                    if let Some(end) = parser.begin_body(&input[left.start..], BODY_BYTES_MIN) {
                        left.end = left.start + end;
                        self.bytes_wanted = end;
                    }
                    self.partial = parser.suspend();
                    break;
                }
                Stop::Broken(error) => {
                    parser.abandon();
                    service.protocol_error(self.client, &error.message());
                    self.is_closing = true;
                    break;
                }
            }
            if !limits.is_authenticated {
                limits = service.input_limits(self.client);
            }
        }
        Fate::Keep
    }

    fn report<S: Service + ?Sized>(&mut self, service: &mut S) {
        let (used, allocated) = self
            .partial
            .as_ref()
            .map_or((0, 0), |partial| partial.body_bytes());
        let now = (
            self.input.len() - self.start + used,
            self.input.capacity() + allocated,
        );
        if now != self.reported {
            self.reported = now;
            service.query_buffer_changed(self.client, now.0, now.1);
        }
    }

    /// Writes what waits, as far as the socket takes it; sets whether requests must wait.
    pub fn write<S: Service + ?Sized>(&mut self, service: &mut S, bench: &mut Workbench) -> Fate {
        let output = service.output(self.client);
        let written = match output.write_to(&mut Stream(&self.socket)) {
            Ok(written) => written,
            Err(_) => return Fate::Close,
        };
        let pending = output.bytes_pending();
        output.give_buffer(&mut bench.spare);
        if written > 0 {
            service.bytes_moved(self.client, 0, written);
        }
        self.is_output_waiting = pending > 0;
        let pause = bench.output_bytes_pause;
        self.is_throttled = pending > if self.is_throttled { pause / 2 } else { pause };
        if pending == 0 && self.is_closing {
            Fate::Close
        } else {
            Fate::Keep
        }
    }

    /// What the socket is to be watched for.
    pub fn interest_wanted(&self) -> Interest {
        Interest {
            readable: !self.is_throttled && !self.is_closing,
            writable: self.is_output_waiting,
        }
    }
}

pub fn is_temporary(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
    )
}

/// Writes without raising SIGPIPE, which a host application may want for itself.
pub struct Stream<'a>(pub &'a Socket);

#[cfg(any(
    target_os = "linux",
    target_os = "freebsd",
    target_os = "netbsd",
    target_os = "openbsd"
))]
const SEND_FLAGS: i32 = libc::MSG_NOSIGNAL;
#[cfg(not(any(
    target_os = "linux",
    target_os = "freebsd",
    target_os = "netbsd",
    target_os = "openbsd"
)))]
const SEND_FLAGS: i32 = 0;

impl Write for Stream<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.send_with_flags(bytes, SEND_FLAGS)
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        self.0.send_vectored_with_flags(slices, SEND_FLAGS)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
