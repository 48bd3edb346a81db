//! Bytes being read: where we are, their checksum, and lengths that are not believed.

use std::io::Read;

use super::{Error, Result, lzf};
use crate::text::checksum::crc64;
use crate::text::integer;

const BUFFER_BYTES: usize = 128 << 10;
/// A string grows by at most so much at a time, for its length may be a lie.
const STEP_BYTES: usize = 32 << 20;

/// What a length byte introduces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Length {
    Plain(u64),
    /// The encoding of a string: 0, 1, 2 integers, 3 LZF.
    Encoded(u8),
}

/// See the head of this file.
pub struct Input<R> {
    source: R,
    buffer: Box<[u8]>,
    at: usize,
    end: usize,
    /// Of the first byte in the buffer.
    buffer_offset: u64,
    checksum: u64,
    /// Bytes of the buffer that the checksum has.
    summed: usize,
    has_checksum: bool,
    /// What LZF strings are read into before they are decompressed.
    compressed: Vec<u8>,
}

impl<R: Read> Input<R> {
    /// Reads from `source`, a file or memory.
    pub fn new(source: R, has_checksum: bool) -> Input<R> {
        Input::with_buffer(source, has_checksum, BUFFER_BYTES)
    }

    /// As `new`, for what is known to be short.
    pub fn with_buffer(source: R, has_checksum: bool, buffer_bytes: usize) -> Input<R> {
        Input {
            source,
            buffer: vec![0; buffer_bytes.clamp(64, BUFFER_BYTES)].into(),
            at: 0,
            end: 0,
            buffer_offset: 0,
            checksum: 0,
            summed: 0,
            has_checksum,
            compressed: Vec::new(),
        }
    }

    /// Bytes read so far.
    #[inline]
    pub fn offset(&self) -> u64 {
        self.buffer_offset + self.at as u64
    }

    /// An error here.
    #[cold]
    pub fn corrupt(&self, reason: impl Into<String>) -> Error {
        Error::Corrupt {
            offset: self.offset(),
            reason: reason.into(),
        }
    }

    /// The checksum of all that was read.
    pub fn checksum(&mut self) -> u64 {
        self.sum();
        self.checksum
    }

    fn sum(&mut self) {
        if self.has_checksum {
            self.checksum = crc64(self.checksum, &self.buffer[self.summed..self.at]);
        }
        self.summed = self.at;
    }

    /// Makes more bytes available, if there are any. The buffer must be used up.
    fn refill(&mut self) -> Result<bool> {
        self.sum();
        self.buffer_offset += self.at as u64;
        (self.at, self.end, self.summed) = (0, 0, 0);
        loop {
            match self.source.read(&mut self.buffer) {
                Ok(count) => {
                    self.end = count;
                    return Ok(count > 0);
                }
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(Error::Io(error)),
            }
        }
    }

    #[cold]
    fn cut_off(&self) -> Error {
        self.corrupt("the file ends here, too early")
    }

    /// The next byte, which stays; None at the end.
    pub fn peek(&mut self) -> Result<Option<u8>> {
        if self.at == self.end && !self.refill()? {
            return Ok(None);
        }
        Ok(Some(self.buffer[self.at]))
    }

    #[inline]
    pub fn byte(&mut self) -> Result<u8> {
        if self.at == self.end && !self.refill()? {
            return Err(self.cut_off());
        }
        self.at += 1;
        Ok(self.buffer[self.at - 1])
    }

    #[inline]
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let mut bytes = [0; N];
        if let Some(here) = self.buffer[..self.end].get(self.at..self.at + N) {
            bytes.copy_from_slice(here);
            self.at += N;
        } else {
            for byte in &mut bytes {
                *byte = self.byte()?;
            }
        }
        Ok(bytes)
    }

    /// Appends `count` bytes. Memory grows as they come, not as `count` says.
    pub fn append(&mut self, count: u64, into: &mut Vec<u8>) -> Result<()> {
        let mut left = count;
        while left > 0 {
            if self.at == self.end && !self.refill()? {
                return Err(self.cut_off());
            }
            let here = left.min((self.end - self.at) as u64) as usize;
            if into.len() + here > into.capacity() {
                into.reserve_exact(left.min(STEP_BYTES.max(here) as u64) as usize);
            }
            into.extend_from_slice(&self.buffer[self.at..self.at + here]);
            self.at += here;
            left -= here as u64;
        }
        Ok(())
    }

    /// Passes over `count` bytes.
    pub fn skip(&mut self, count: u64) -> Result<()> {
        let mut left = count;
        while left > 0 {
            if self.at == self.end && !self.refill()? {
                return Err(self.cut_off());
            }
            let here = left.min((self.end - self.at) as u64);
            self.at += here as usize;
            left -= here;
        }
        Ok(())
    }

    #[inline]
    pub fn length_or_encoding(&mut self) -> Result<Length> {
        let first = self.byte()?;
        Ok(match first >> 6 {
            0 => Length::Plain(u64::from(first)),
            1 => Length::Plain(u64::from(first & 63) << 8 | u64::from(self.byte()?)),
            2 => match first {
                0x80 => Length::Plain(u64::from(u32::from_be_bytes(self.array()?))),
                0x81 => Length::Plain(u64::from_be_bytes(self.array()?)),
                _ => return Err(self.corrupt(format!("no length begins with {first:#04x}"))),
            },
            _ => Length::Encoded(first & 63),
        })
    }

    /// A length that no encoding may stand in for.
    #[inline]
    pub fn length(&mut self) -> Result<u64> {
        match self.length_or_encoding()? {
            Length::Plain(length) => Ok(length),
            Length::Encoded(_) => Err(self.corrupt("an encoded string where a length belongs")),
        }
    }

    /// Puts a string in the place of `into`.
    #[inline]
    pub fn string(&mut self, into: &mut Vec<u8>) -> Result<()> {
        into.clear();
        match self.length_or_encoding()? {
            Length::Plain(length) => {
                // Nearly always all of it is in the buffer.
                if length <= (self.end - self.at) as u64 {
                    let end = self.at + length as usize;
                    into.extend_from_slice(&self.buffer[self.at..end]);
                    self.at = end;
                    return Ok(());
                }
                self.append(length, into)
            }
            Length::Encoded(3) => self.compressed_string(into),
            Length::Encoded(encoding) => {
                let number = self.encoded_integer(encoding)?;
                integer::write(number, into);
                Ok(())
            }
        }
    }

    fn encoded_integer(&mut self, encoding: u8) -> Result<i64> {
        Ok(match encoding {
            0 => i64::from(self.byte()? as i8),
            1 => i64::from(i16::from_le_bytes(self.array()?)),
            2 => i64::from(i32::from_le_bytes(self.array()?)),
            _ => return Err(self.corrupt(format!("no string has the encoding {encoding}"))),
        })
    }

    fn compressed_string(&mut self, into: &mut Vec<u8>) -> Result<()> {
        let compressed_length = self.length()?;
        let length = self.length()?;
        let mut compressed = std::mem::take(&mut self.compressed);
        compressed.clear();
        let read = self.append(compressed_length, &mut compressed);
        let done = read.and_then(|()| {
            let length = usize::try_from(length).unwrap_or(usize::MAX);
            lzf::decompress(&compressed, length, into).map_err(|reason| self.corrupt(reason))
        });
        // A giant one is not kept for the sake of the next.
        if compressed.capacity() <= 1 << 20 {
            self.compressed = compressed;
        }
        done
    }

    /// A string of its own.
    pub fn owned_string(&mut self) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.string(&mut bytes)?;
        Ok(bytes)
    }

    /// Passes over a string.
    pub fn skip_string(&mut self) -> Result<()> {
        match self.length_or_encoding()? {
            Length::Plain(length) => self.skip(length),
            Length::Encoded(3) => {
                let compressed = self.length()?;
                self.length()?;
                self.skip(compressed)
            }
            Length::Encoded(encoding) => self.encoded_integer(encoding).map(|_| ()),
        }
    }

    /// A score as the oldest files have it: its text, behind one byte of length.
    pub fn text_double(&mut self) -> Result<f64> {
        let length = self.byte()?;
        match length {
            255 => return Ok(f64::NEG_INFINITY),
            254 => return Ok(f64::INFINITY),
            253 => return Ok(f64::NAN),
            _ => {}
        }
        let mut text = Vec::new();
        self.append(u64::from(length), &mut text)?;
        let parsed = std::str::from_utf8(&text).ok().and_then(|t| t.parse().ok());
        parsed.ok_or_else(|| self.corrupt("a score is not a number"))
    }

    pub fn double(&mut self) -> Result<f64> {
        Ok(f64::from_le_bytes(self.array()?))
    }

    /// A time in milliseconds; always little endian since version 9, and before on all
    /// machines that anybody has.
    pub fn milliseconds(&mut self) -> Result<i64> {
        Ok(i64::from_le_bytes(self.array()?))
    }
}
