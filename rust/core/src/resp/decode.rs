//! Reads replies: what our own clients and tests receive.
//!
//! Strict: a length must be canonical, a line must end in `\r\n`, nothing may
//! nest deeper than `DEPTH_MAX`. Bytes come from outside, so nothing is
//! allocated for an announced length before the items are there.
//! Attributes (`|`) are read and dropped. Streamed strings and aggregates
//! (`$?`) are refused: no server sends them.

use crate::reply::Reply;
use crate::resp::parse::strict_integer;

/// How deep replies may nest.
pub const DEPTH_MAX: usize = 128;
const LINE_BYTES_MAX: usize = 64 * 1024;
/// The largest string and the largest collection that is believed.
const LENGTH_MAX: i64 = 4 << 30;

/// The bytes are not a reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed;

impl std::fmt::Display for Malformed {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("malformed reply")
    }
}

impl std::error::Error for Malformed {}

/// Why there is no reply yet.
enum Stop {
    Incomplete,
    Malformed,
}

/// Decodes the reply at the beginning of `bytes`: the reply and its length.
///
/// `None`: it has not arrived whole. Each call reads from the start, so a caller
/// that expects big replies should wait for more than a packet between calls.
pub fn decode(bytes: &[u8]) -> Result<Option<(Reply, usize)>, Malformed> {
    let mut cursor = Cursor { bytes, position: 0 };
    match cursor.reply(0) {
        Ok(reply) => Ok(Some((reply, cursor.position))),
        Err(Stop::Incomplete) => Ok(None),
        Err(Stop::Malformed) => Err(Malformed),
    }
}

struct Cursor<'a> {
    bytes: &'a [u8],
    position: usize,
}

impl<'a> Cursor<'a> {
    fn reply(&mut self, depth: usize) -> Result<Reply, Stop> {
        if depth > DEPTH_MAX {
            return Err(Stop::Malformed);
        }
        loop {
            let kind = *self.bytes.get(self.position).ok_or(Stop::Incomplete)?;
            self.position += 1;
            if kind == b'|' {
                self.pairs(depth)?;
                continue;
            }
            return self.reply_of(kind, depth);
        }
    }

    fn reply_of(&mut self, kind: u8, depth: usize) -> Result<Reply, Stop> {
        Ok(match kind {
            b'+' => Reply::StatusOwned(self.text()?.to_owned()),
            b'-' => Reply::Error(self.line()?.to_vec()),
            b':' => Reply::Integer(self.integer()?),
            b',' => Reply::Double(self.double()?),
            b'(' => Reply::BigNumber(self.big_number()?.to_owned()),
            b'#' => match self.line()? {
                b"t" => Reply::Boolean(true),
                b"f" => Reply::Boolean(false),
                _ => return Err(Stop::Malformed),
            },
            b'_' => match self.line()? {
                b"" => Reply::Null,
                _ => return Err(Stop::Malformed),
            },
            b'$' => match self.nullable_length()? {
                Some(length) => Reply::Bulk(self.take(length)?.to_vec()),
                None => Reply::Null,
            },
            b'!' => {
                let length = self.length()?;
                Reply::Error(self.take(length)?.to_vec())
            }
            b'=' => self.verbatim()?,
            b'*' => match self.nullable_length()? {
                Some(length) => Reply::Array(self.replies(length, depth)?),
                None => Reply::NullArray,
            },
            b'~' => {
                let length = self.length()?;
                Reply::Set(self.replies(length, depth)?)
            }
            b'>' => {
                let length = self.length()?;
                Reply::Push(self.replies(length, depth)?)
            }
            b'%' => Reply::Map(self.pairs(depth)?),
            _ => return Err(Stop::Malformed),
        })
    }

    fn verbatim(&mut self) -> Result<Reply, Stop> {
        let length = self.length()?;
        let bytes = self.take(length)?;
        let format = match bytes.get(..4) {
            Some(b"txt:") => "txt",
            Some(b"mkd:") => "mkd",
            _ => return Err(Stop::Malformed),
        };
        Ok(Reply::Verbatim(format, bytes[4..].to_vec()))
    }

    fn replies(&mut self, count: usize, depth: usize) -> Result<Vec<Reply>, Stop> {
        // The shortest reply has three bytes.
        let mut items = Vec::with_capacity(count.min((self.bytes.len() - self.position) / 3));
        for _ in 0..count {
            items.push(self.reply(depth + 1)?);
        }
        Ok(items)
    }

    fn pairs(&mut self, depth: usize) -> Result<Vec<(Reply, Reply)>, Stop> {
        let count = self.length()?;
        let mut pairs = Vec::with_capacity(count.min((self.bytes.len() - self.position) / 6));
        for _ in 0..count {
            pairs.push((self.reply(depth + 1)?, self.reply(depth + 1)?));
        }
        Ok(pairs)
    }

    /// The bytes up to the line's end.
    fn line(&mut self) -> Result<&'a [u8], Stop> {
        let rest = &self.bytes[self.position..];
        let Some(end) = memchr::memchr2(b'\r', b'\n', rest) else {
            let is_hopeless = rest.len() > LINE_BYTES_MAX;
            return Err(if is_hopeless {
                Stop::Malformed
            } else {
                Stop::Incomplete
            });
        };
        match (rest[end], rest.get(end + 1)) {
            (b'\r', Some(b'\n')) => {}
            (b'\r', None) => return Err(Stop::Incomplete),
            _ => return Err(Stop::Malformed),
        }
        self.position += end + 2;
        Ok(&rest[..end])
    }

    fn text(&mut self) -> Result<&'a str, Stop> {
        std::str::from_utf8(self.line()?).map_err(|_| Stop::Malformed)
    }

    fn integer(&mut self) -> Result<i64, Stop> {
        strict_integer(self.line()?).ok_or(Stop::Malformed)
    }

    fn double(&mut self) -> Result<f64, Stop> {
        match self.text()? {
            "inf" => Ok(f64::INFINITY),
            "-inf" => Ok(f64::NEG_INFINITY),
            "nan" | "-nan" => Ok(f64::NAN),
            // Rust reads "infinity" too, the protocol does not know it.
            text if text.ends_with(|last: char| last.is_ascii_digit() || last == '.') => {
                text.parse().map_err(|_| Stop::Malformed)
            }
            _ => Err(Stop::Malformed),
        }
    }

    fn big_number(&mut self) -> Result<&'a str, Stop> {
        let text = self.text()?;
        let digits = text.strip_prefix('-').unwrap_or(text);
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(Stop::Malformed);
        }
        Ok(text)
    }

    fn nullable_length(&mut self) -> Result<Option<usize>, Stop> {
        match self.integer()? {
            -1 => Ok(None),
            length @ 0..=LENGTH_MAX => Ok(Some(length as usize)),
            _ => Err(Stop::Malformed),
        }
    }

    fn length(&mut self) -> Result<usize, Stop> {
        self.nullable_length()?.ok_or(Stop::Malformed)
    }

    /// So many bytes and a line end.
    fn take(&mut self, length: usize) -> Result<&'a [u8], Stop> {
        let rest = &self.bytes[self.position..];
        let bytes = rest.get(..length).ok_or(Stop::Incomplete)?;
        match &rest[length..] {
            [b'\r', b'\n', ..] => {}
            [] | [b'\r'] => return Err(Stop::Incomplete),
            _ => return Err(Stop::Malformed),
        }
        self.position += length + 2;
        Ok(bytes)
    }
}
