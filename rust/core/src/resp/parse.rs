//! Reads requests out of a client's bytes, as they arrive.
//!
//!     *2\r\n$3\r\nGET\r\n$1\r\nk\r\n      multibulk: what clients send
//!     GET k\r\n                           inline: what people type
//!
//! A `Parser` is shared by all clients of a loop. It is asked for one request at
//! a time and yields the arguments as ranges of the bytes it was given; nothing
//! is copied except the words of inline commands, which may be quoted. Of a
//! request that has not arrived whole, `suspend` keeps what is known already, so
//! that a request of a million arguments is not read again for each packet.
//!
//! What is accepted, and with which error the rest is refused, is what Valkey 9
//! does. (Redis skips the bytes where `\r\n` should stand after an argument unseen.)

use std::sync::Arc;

use crate::resp::body::Body;
use crate::resp::inline;
use crate::service::{BODY, InputLimits, Request};

/// The longest line: a length, or a whole inline command.
const LINE_BYTES_MAX: usize = 64 * 1024;
/// What a client may send before it has authenticated.
const UNAUTHENTICATED_ARGUMENTS_MAX: i64 = 10;
const UNAUTHENTICATED_BULK_BYTES_MAX: i64 = 16 * 1024;
/// Below this size reading a half-arrived request again is cheaper than remembering it.
const PARTIAL_BYTES_MIN: usize = 512;
/// Room for arguments beyond this is given back after the request.
const ARGUMENTS_KEPT_MAX: usize = 4096;

/// In place of an argument's length: its bytes are in `Parser::body`, not in the input.
const IN_BODY: usize = usize::MAX;

/// What stands at the beginning of the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parsed {
    /// A request of so many bytes; `Parser::request` gives it.
    Request(usize),
    /// So many bytes that ask for nothing (`*0`, an empty line).
    Empty(usize),
    /// More bytes are needed; at least so many in all, counted from the request's first.
    Incomplete(usize),
}

/// How a client broke the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProtocolError {
    InvalidMultibulkLength,
    UnauthenticatedMultibulkLength,
    ExpectedDollar(u8),
    InvalidBulkLength,
    UnauthenticatedBulkLength,
    TooBigMultibulkCount,
    TooBigBulkCount,
    TooBigInline,
    UnbalancedQuotes,
    InvalidCrlf,
}

impl ProtocolError {
    /// The text of the error reply, without `-ERR `.
    pub fn message(self) -> Vec<u8> {
        let what: &[u8] = match self {
            Self::InvalidMultibulkLength => b"invalid multibulk length",
            Self::UnauthenticatedMultibulkLength => b"unauthenticated multibulk length",
            Self::ExpectedDollar(_) => b"expected '$', got '",
            Self::InvalidBulkLength => b"invalid bulk length",
            Self::UnauthenticatedBulkLength => b"unauthenticated bulk length",
            Self::TooBigMultibulkCount => b"too big mbulk count string",
            Self::TooBigBulkCount => b"too big bulk count string",
            Self::TooBigInline => b"too big inline request",
            Self::InvalidCrlf => b"invalid CRLF in request",
            Self::UnbalancedQuotes => b"unbalanced quotes in request",
        };
        let mut message = [b"Protocol error: ", what].concat();
        if let Self::ExpectedDollar(byte) = self {
            message.extend([byte, b'\'']);
        }
        message
    }
}

/// What is known of a request that has not arrived whole.
#[derive(Debug)]
pub struct Partial {
    arguments: Vec<(u32, u32)>,
    position: usize,
    arguments_left: usize,
    bulk_length: Option<usize>,
    bodies: Vec<Arc<Vec<u8>>>,
    body: Option<Body>,
}

impl Partial {
    /// How many bytes of the request belong to arguments that are complete.
    pub fn bytes_read(&self) -> usize {
        self.position
    }

    /// The big argument that is being read, apart from the request's other bytes.
    pub fn body(&mut self) -> Option<&mut Body> {
        self.body.as_mut().filter(|body| body.bytes_missing() > 0)
    }

    /// What the argument that is being read and those before it hold apart: bytes used
    /// by the former, bytes allocated by all.
    pub fn body_bytes(&self) -> (usize, usize) {
        let complete: usize = self.bodies.iter().map(|body| body.capacity()).sum();
        match &self.body {
            Some(body) => (body.bytes_used(), body.bytes_allocated() + complete),
            None => (0, complete),
        }
    }
}

#[derive(Debug, Default)]
pub struct Parser {
    /// Ranges in the request's bytes, or in `decoded` if the request is inline.
    arguments: Vec<(u32, u32)>,
    /// Where reading goes on, from the request's first byte.
    position: usize,
    /// Arguments that are still to come; 0 between requests.
    arguments_left: usize,
    /// Length of the argument at `position`, if its length line was read.
    bulk_length: Option<usize>,
    decoded: Vec<u8>,
    is_inline: bool,
    /// Big arguments of the request that is being read: complete ones, and the one that
    /// stands at `position` (if `bulk_length` is `IN_BODY`).
    bodies: Vec<Arc<Vec<u8>>>,
    body: Option<Body>,
}

enum Line {
    /// The number and where the next line begins.
    Number(i64, usize),
    NotANumber,
    /// `\r` without `\n`.
    Broken,
    Incomplete,
    TooLong,
}

impl Parser {
    /// Reads the request that begins with the first byte of `input`.
    ///
    /// After `Incomplete`, call again with the same bytes and more behind them,
    /// or `suspend` to read another client's.
    #[inline]
    pub fn next(&mut self, input: &[u8], limits: &InputLimits) -> Result<Parsed, ProtocolError> {
        // Ranges are 32 bits wide; a longer request stays incomplete and meets the buffer's limit.
        let input = &input[..input.len().min(u32::MAX as usize)];
        if self.arguments_left == 0 {
            match input.first() {
                Some(b'*') => {}
                Some(_) => return self.inline(input),
                None => return Ok(Parsed::Incomplete(1)),
            }
            match number_line(input, 1) {
                Line::Number(count, next) => {
                    if count > i64::from(i32::MAX) {
                        return Err(ProtocolError::InvalidMultibulkLength);
                    }
                    if count > UNAUTHENTICATED_ARGUMENTS_MAX && !limits.is_authenticated {
                        return Err(ProtocolError::UnauthenticatedMultibulkLength);
                    }
                    if count <= 0 {
                        return Ok(Parsed::Empty(next));
                    }
                    self.begin();
                    self.position = next;
                    self.arguments_left = count as usize;
                }
                Line::Incomplete => return Ok(Parsed::Incomplete(input.len() + 1)),
                Line::NotANumber => return Err(ProtocolError::InvalidMultibulkLength),
                Line::Broken => return Err(ProtocolError::InvalidCrlf),
                Line::TooLong => return Err(ProtocolError::TooBigMultibulkCount),
            }
        }
        self.arguments(input, limits)
    }

    fn arguments(&mut self, input: &[u8], limits: &InputLimits) -> Result<Parsed, ProtocolError> {
        let mut position = self.position;
        while self.arguments_left > 0 {
            let length = match self.bulk_length {
                Some(IN_BODY) => match self.end_body(input, position)? {
                    Some(next) => {
                        position = next;
                        continue;
                    }
                    None => return Ok(Parsed::Incomplete(position + 2)),
                },
                Some(length) => length,
                None => match bulk_line(input, position, limits)? {
                    Some((length, next)) => {
                        position = next;
                        length
                    }
                    None => {
                        self.position = position;
                        return Ok(Parsed::Incomplete(input.len() + 1));
                    }
                },
            };
            let end = position.saturating_add(length);
            let next = end.saturating_add(2);
            if next > input.len() {
                self.position = position;
                self.bulk_length = Some(length);
                return Ok(Parsed::Incomplete(next));
            }
            if input[end] != b'\r' || input[end + 1] != b'\n' {
                return Err(ProtocolError::InvalidCrlf);
            }
            self.bulk_length = None;
            self.arguments.push((position as u32, end as u32));
            self.arguments_left -= 1;
            position = next;
        }
        Ok(Parsed::Request(position))
    }

    /// Begins to keep the argument that stands incomplete at the end of `input` apart, if
    /// it has `bytes_min` or more. Returns where the input now ends: what stood behind is
    /// in the body, and what comes next belongs there.
    pub fn begin_body(&mut self, input: &[u8], bytes_min: usize) -> Option<usize> {
        let length = self.bulk_length.filter(|&length| length != IN_BODY)?;
        let arrived = &input[self.position..];
        if self.arguments_left == 0 || length < bytes_min || arrived.len() >= length {
            return None;
        }
        self.body = Some(Body::new(arrived, length));
        self.bulk_length = Some(IN_BODY);
        Some(self.position)
    }

    /// Behind a body stands the end of its line, at `position`; returns where that ends.
    #[cold]
    fn end_body(&mut self, input: &[u8], position: usize) -> Result<Option<usize>, ProtocolError> {
        let Some(end) = input.get(position..position + 2) else {
            return Ok(None);
        };
        if end != b"\r\n" {
            return Err(ProtocolError::InvalidCrlf);
        }
        if let Some(body) = self.body.take() {
            self.arguments.push((self.bodies.len() as u32, BODY));
            self.bodies.push(body.finish());
        }
        self.arguments_left -= 1;
        self.bulk_length = None;
        Ok(Some(position + 2))
    }

    /// The bodies of the request that `next` found.
    #[inline]
    pub fn take_bodies(&mut self) -> Vec<Arc<Vec<u8>>> {
        std::mem::take(&mut self.bodies)
    }

    #[cold]
    fn inline(&mut self, input: &[u8]) -> Result<Parsed, ProtocolError> {
        // The servers search the line's end as in a C string: nothing behind a NUL is found.
        let line_end = memchr::memchr2(b'\n', 0, input).filter(|&end| input[end] == b'\n');
        let Some(line_end) = line_end else {
            if input.len() > LINE_BYTES_MAX {
                return Err(ProtocolError::TooBigInline);
            }
            return Ok(Parsed::Incomplete(input.len() + 1));
        };
        self.begin();
        self.is_inline = true;
        self.decoded.clear();
        let line = &input[..line_end];
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        inline::split_words(line, &mut self.decoded, &mut self.arguments)
            .map_err(|_| ProtocolError::UnbalancedQuotes)?;
        if self.arguments.is_empty() {
            return Ok(Parsed::Empty(line_end + 1));
        }
        Ok(Parsed::Request(line_end + 1))
    }

    fn begin(&mut self) {
        if self.arguments.capacity() > ARGUMENTS_KEPT_MAX {
            self.arguments = Vec::new();
        }
        self.arguments.clear();
        self.is_inline = false;
    }

    /// The arguments that `next` found, as ranges of the request's bytes.
    #[inline]
    pub fn ranges(&self) -> &[(u32, u32)] {
        &self.arguments
    }

    /// True between the parts of a request that came in pieces.
    #[inline]
    pub fn is_inside_request(&self) -> bool {
        self.arguments_left > 0
    }

    /// The request that `next` found at the beginning of `input`.
    #[inline]
    pub fn request<'a>(&'a self, input: &'a [u8]) -> Request<'a> {
        let buffer = if self.is_inline {
            &self.decoded[..]
        } else {
            input
        };
        Request {
            buffer,
            arguments: &self.arguments,
            bodies: &self.bodies,
        }
    }

    /// Puts a half-read request aside, if remembering it is worth it.
    pub fn suspend(&mut self) -> Option<Box<Partial>> {
        let (arguments_left, bulk_length) = (self.arguments_left, self.bulk_length.take());
        self.arguments_left = 0;
        let bytes_known = self.position.saturating_add(bulk_length.unwrap_or(0));
        let has_bodies = self.body.is_some() || !self.bodies.is_empty();
        if arguments_left == 0 || bytes_known < PARTIAL_BYTES_MIN && !has_bodies {
            return None;
        }
        Some(Box::new(Partial {
            arguments: std::mem::take(&mut self.arguments),
            position: self.position,
            arguments_left,
            bulk_length,
            bodies: std::mem::take(&mut self.bodies),
            body: self.body.take(),
        }))
    }

    /// Forgets a request that broke the protocol.
    pub fn abandon(&mut self) {
        self.arguments_left = 0;
        self.bulk_length = None;
        self.bodies.clear();
        self.body = None;
    }

    /// Goes on with a request that was put aside.
    pub fn resume(&mut self, partial: Partial) {
        self.arguments = partial.arguments;
        self.position = partial.position;
        self.arguments_left = partial.arguments_left;
        self.bulk_length = partial.bulk_length;
        self.bodies = partial.bodies;
        self.body = partial.body;
        self.is_inline = false;
    }
}

/// The line `$length` at `position`: the length and where the argument begins.
#[inline]
fn bulk_line(
    input: &[u8],
    position: usize,
    limits: &InputLimits,
) -> Result<Option<(usize, usize)>, ProtocolError> {
    let Some(&first) = input.get(position) else {
        return Ok(None);
    };
    if first != b'$' {
        // The line must end before it is judged; its first byte may be the end.
        return match any_number_line(input, position) {
            Line::Incomplete => Ok(None),
            Line::TooLong => Err(ProtocolError::TooBigBulkCount),
            _ => Err(ProtocolError::ExpectedDollar(first)),
        };
    }
    match number_line(input, position + 1) {
        Line::Incomplete => Ok(None),
        Line::TooLong => Err(ProtocolError::TooBigBulkCount),
        Line::Number(length, next) => {
            if length < 0 || length as u64 > limits.bulk_bytes_max as u64 {
                return Err(ProtocolError::InvalidBulkLength);
            }
            if length > UNAUTHENTICATED_BULK_BYTES_MAX && !limits.is_authenticated {
                return Err(ProtocolError::UnauthenticatedBulkLength);
            }
            Ok(Some((length as usize, next)))
        }
        Line::NotANumber => Err(ProtocolError::InvalidBulkLength),
        Line::Broken => Err(ProtocolError::InvalidCrlf),
    }
}

/// The number between `start` and `\r`; `start - 1` holds the line's type.
#[inline]
fn number_line(input: &[u8], start: usize) -> Line {
    // Lengths are short: a loop over their digits beats any search for the line's end.
    let mut value = 0;
    let mut at = start;
    while let Some(byte) = input.get(at) {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 || at - start > 9 {
            break;
        }
        value = value * 10 + i64::from(digit);
        at += 1;
    }
    let is_plain = at > start && (input[start] != b'0' || at == start + 1);
    if is_plain && at + 1 < input.len() && input[at] == b'\r' && input[at + 1] == b'\n' {
        return Line::Number(value, at + 2);
    }
    any_number_line(input, start)
}

#[cold]
fn any_number_line(input: &[u8], start: usize) -> Line {
    let rest = &input[start.min(input.len())..];
    let Some(length) = memchr::memchr(b'\r', rest) else {
        // The line's type counts too, as it does in Redis.
        return if rest.len() + 1 > LINE_BYTES_MAX {
            Line::TooLong
        } else {
            Line::Incomplete
        };
    };
    let end = start + length;
    if end + 1 >= input.len() {
        return Line::Incomplete;
    }
    if input[end + 1] != b'\n' {
        return Line::Broken;
    }
    match strict_integer(&input[start..end]) {
        Some(number) => Line::Number(number, end + 2),
        None => Line::NotANumber,
    }
}

/// An integer without sign `+`, leading zeros, `-0` or blanks.
pub(crate) fn strict_integer(text: &[u8]) -> Option<i64> {
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    let is_canonical = match digits {
        [] => false,
        [b'0'] => text.len() == 1,
        [first, ..] => *first != b'0' && digits.iter().all(u8::is_ascii_digit),
    };
    if !is_canonical {
        return None;
    }
    std::str::from_utf8(text).ok()?.parse().ok()
}
