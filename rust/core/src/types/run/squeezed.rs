//! A run in less memory: for the inner leaves of a list, which are seldom looked at.
//!
//!     packed  → bytes … | code | code | …      u8 each: a length, `LONGER` and a u16, or
//!                                              `OUTSIDE_CODE`; compressed if that is shorter
//!     outside → [ long string, each compressed on its own if that is shorter ]
//!
//! The lengths stand apart from the bytes, so that strings of one length or of one
//! pattern make long matches. A look at some strings opens only the long ones that are
//! meant.
//!
//! Invariants (`check`): it opens; its counts are those of the run.
//! Cost: squeezing and opening O(bytes): some microseconds for a full run.

use std::ops::Range;
use std::sync::Arc;

use lz4_flex::block;

use super::{OUTSIDE, Outside, Run};
use crate::memory::taken_bytes;

/// Runs of fewer bytes stay as they are; in tests all are squeezed, to be found wrong.
const BYTES_MIN: usize = if cfg!(test) { 1 } else { 48 };
/// What part of them squeezing must save: less would cost more than it is worth, and the
/// allocator's sizes lie about as far apart.
const GAIN_PART: usize = if cfg!(test) { usize::MAX } else { 8 };
/// Length codes: what follows is the length as a u16; a string kept outside.
const LONGER: u8 = 254;
const OUTSIDE_CODE: u8 = 255;

#[derive(Debug, Clone)]
pub struct Squeezed {
    packed: Packed,
    outside: Box<[Packed]>,
    /// Strings, and bytes of those that were in the run.
    len: u16,
    inline_bytes: u16,
}

/// Bytes, compressed if that is shorter.
#[derive(Debug, Clone)]
struct Packed {
    bytes: Arc<[u8]>,
    /// How many they are when unpacked; as many as there are if they are not compressed.
    unpacked_len: usize,
}

impl Packed {
    fn new(plain: &[u8]) -> Option<Packed> {
        let bytes = block::compress(plain);
        let is_shorter = bytes.len() + plain.len() / GAIN_PART < plain.len();
        is_shorter.then(|| Packed {
            bytes: Arc::from(bytes),
            unpacked_len: plain.len(),
        })
    }

    fn unpack(&self) -> Vec<u8> {
        if self.bytes.len() == self.unpacked_len {
            return self.bytes.to_vec();
        }
        block::decompress(&self.bytes, self.unpacked_len)
            .expect("what was compressed here comes back")
    }

    fn saved_bytes(&self) -> usize {
        self.unpacked_len - self.bytes.len()
    }
}

impl Run {
    /// The same strings in less memory; None if that does not pay. The run must not be
    /// reversed.
    pub fn squeeze(&self) -> Option<Squeezed> {
        assert!(!self.reversed, "squeezing a run that lies in reverse");
        let flat = self.flat();
        let packed = Packed::new(&flat).unwrap_or_else(|| Packed {
            unpacked_len: flat.len(),
            bytes: Arc::from(flat),
        });
        let pack_outside = |string: &Arc<[u8]>| {
            Packed::new(string).unwrap_or_else(|| Packed {
                bytes: Arc::clone(string),
                unpacked_len: string.len(),
            })
        };
        let outside = self.outside.iter().flat_map(|outside| &outside.0);
        let outside: Box<[Packed]> = outside.map(pack_outside).collect();
        let all = || outside.iter().chain([&packed]);
        let bytes: usize = all().map(|packed| packed.unpacked_len).sum();
        let saved: usize = all().map(Packed::saved_bytes).sum();
        (bytes >= BYTES_MIN && saved >= bytes / GAIN_PART).then_some(Squeezed {
            packed,
            outside,
            len: self.len() as u16,
            inline_bytes: self.inline_bytes() as u16,
        })
    }

    /// The inline bytes and the codes of all lengths.
    fn flat(&self) -> Vec<u8> {
        let mut flat = Vec::with_capacity(self.inline_bytes() + self.len());
        flat.extend_from_slice(&self.bytes[self.start(usize::from(self.dead))..]);
        for index in 0..self.len() {
            let Some(place) = self.place(index) else {
                flat.push(OUTSIDE_CODE);
                continue;
            };
            match u8::try_from(place.len()) {
                Ok(len) if len < LONGER => flat.push(len),
                _ => {
                    flat.push(LONGER);
                    flat.extend_from_slice(&(place.len() as u16).to_le_bytes());
                }
            }
        }
        flat
    }
}

impl Squeezed {
    #[inline]
    pub fn len(&self) -> usize {
        usize::from(self.len)
    }

    /// As `Run::inline_bytes`.
    #[inline]
    pub fn inline_bytes(&self) -> usize {
        usize::from(self.inline_bytes)
    }

    /// As `Run::outside_len`.
    #[inline]
    pub fn outside_len(&self) -> usize {
        self.outside.len()
    }

    /// The run, in which long strings are empty that are not in `part`.
    pub fn open(&self, part: Range<usize>) -> Run {
        let mut bytes = self.packed.unpack();
        let mut ends: Vec<u16> = Vec::with_capacity(self.len());
        let mut strings = Vec::with_capacity(self.outside.len());
        let (mut end, mut at) = (0, self.inline_bytes());
        while at < bytes.len() {
            match bytes[at] {
                OUTSIDE_CODE => {
                    let packed = &self.outside[strings.len()];
                    strings.push(if !part.contains(&ends.len()) {
                        Arc::default()
                    } else if packed.saved_bytes() == 0 {
                        Arc::clone(&packed.bytes)
                    } else {
                        Arc::from(packed.unpack())
                    });
                    ends.push(end | OUTSIDE);
                    at += 1;
                    continue;
                }
                LONGER => {
                    end += u16::from_le_bytes([bytes[at + 1], bytes[at + 2]]);
                    at += 2;
                }
                len => end += u16::from(len),
            }
            ends.push(end);
            at += 1;
        }
        bytes.truncate(self.inline_bytes());
        let outside = (!strings.is_empty()).then(|| Box::new(Outside(strings)));
        Run {
            ends,
            bytes,
            outside,
            ..Run::default()
        }
    }

    /// Bytes of memory behind this.
    pub fn memory_bytes(&self) -> usize {
        let all = self.outside.iter().chain([&self.packed]);
        let counts = 2 * size_of::<usize>();
        let bytes: usize = all
            .map(|packed| taken_bytes(packed.bytes.len() + counts))
            .sum();
        bytes + taken_bytes(size_of_val(&*self.outside))
    }

    /// Panics if an invariant does not hold.
    pub fn check(&self) {
        let run = self.open(0..self.len());
        run.check();
        assert_eq!(run.len(), self.len());
        assert_eq!(run.inline_bytes(), self.inline_bytes());
        assert_eq!(run.outside_len(), self.outside_len());
    }
}
