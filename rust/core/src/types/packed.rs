//! The codec of small collections: elements one behind the other, without a header.
//!
//!     element   head | data [ | back length ]
//!
//!     head 00–7f   the integer 0…127
//!          80–bf   a string of 0…63 bytes follows
//!          c0–df   an integer −4096…4095: 5 bits here, 8 in the next byte
//!          e0–ef   a string of 64…4095 bytes: 4 bits of length here, 8 in the next byte
//!          f0      a longer string: 4 bytes of length, little endian
//!          f2–f8   an integer of 2…8 bytes, little endian
//!
//! Text that is the canonical form of an i64 is kept as the integer, in the shortest
//! way there is. So two elements are equal when their bytes are, and a search compares
//! bytes. Elements that are also read from the end (`BOTH`) end in the length of head
//! and data: 7 bits a byte, the lowest last, the top bit on all but the first.
//!
//! Functions here trust their bytes, and panic at worst; what comes from outside goes
//! through `validate` first. Cost: O(1) for each element passed.

use std::ops::Range;

use smallvec::SmallVec;

use crate::text::integer;

/// Room for the text of an integer.
pub type IntText = itoa::Buffer;

/// Bytes that are gathered before they are written in one go.
pub type Scratch = SmallVec<[u8; 128]>;

/// Longest string that an element can hold.
pub const STRING_BYTES_MAX: usize = u32::MAX as usize;

/// Bytes from outside that break an invariant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Corrupt(pub &'static str);

impl std::fmt::Display for Corrupt {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.0)
    }
}

impl std::error::Error for Corrupt {}

/// A run of bytes that can be edited: a buffer, or a value in its keyspace entry.
pub trait PackedBuffer {
    fn bytes(&self) -> &[u8];

    /// Replaces `range` by `with`. O(bytes behind the range).
    fn splice(&mut self, range: Range<usize>, with: &[u8]);
}

impl PackedBuffer for Vec<u8> {
    #[inline]
    fn bytes(&self) -> &[u8] {
        self
    }

    fn splice(&mut self, range: Range<usize>, with: &[u8]) {
        let old_len = self.len();
        let new_end = range.start + with.len();
        let new_len = old_len - range.len() + with.len();
        if new_len > old_len {
            self.resize(new_len, 0);
        }
        self.copy_within(range.end..old_len, new_end);
        self[range.start..new_end].copy_from_slice(with);
        self.truncate(new_len);
    }
}

/// A string, as the number that it is the text of where it is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Element<'a> {
    Integer(i64),
    Bytes(&'a [u8]),
}

impl<'a> Element<'a> {
    pub const EMPTY: Element<'static> = Element::Bytes(b"");

    /// `text` as an integer if that loses nothing.
    #[inline]
    pub fn new(text: &'a [u8]) -> Element<'a> {
        // Most texts are told from numbers by their first byte.
        match text.first() {
            Some(b'0'..=b'9' | b'-') => {
                integer::parse(text).map_or(Element::Bytes(text), Element::Integer)
            }
            _ => Element::Bytes(text),
        }
    }

    /// The text.
    #[inline]
    pub fn bytes<'b>(self, text: &'b mut IntText) -> &'b [u8]
    where
        'a: 'b,
    {
        match self {
            Element::Integer(value) => text.format(value).as_bytes(),
            Element::Bytes(bytes) => bytes,
        }
    }

    /// The length of the text.
    #[inline]
    pub fn text_len(self) -> usize {
        match self {
            Element::Integer(value) => integer::text_len(value),
            Element::Bytes(bytes) => bytes.len(),
        }
    }

    /// The number, if the text is the canonical form of one.
    #[inline]
    pub fn integer(self) -> Option<i64> {
        match self {
            Element::Integer(value) => Some(value),
            Element::Bytes(bytes) => integer::parse(bytes),
        }
    }

    /// True when `text` is the text, however either is kept.
    #[inline]
    pub fn is(self, text: &[u8]) -> bool {
        match self {
            Element::Integer(value) => integer::parse(text) == Some(value),
            Element::Bytes(bytes) => bytes == text,
        }
    }

    pub fn to_vec(self) -> Vec<u8> {
        self.bytes(&mut IntText::new()).to_vec()
    }
}

impl<'a> From<&'a [u8]> for Element<'a> {
    #[inline]
    fn from(text: &'a [u8]) -> Element<'a> {
        Element::new(text)
    }
}

/// An element in its bytes, ready to be searched for or written.
#[derive(Debug, Clone, Copy)]
pub struct Encoded<'a> {
    head: [u8; 9],
    head_len: u8,
    data: &'a [u8],
}

impl<'a> Encoded<'a> {
    /// The bytes of the element for `text`, which must not exceed `STRING_BYTES_MAX`.
    #[inline]
    pub fn new(text: &'a [u8]) -> Encoded<'a> {
        Encoded::of(Element::new(text))
    }

    /// As `new`. A `Bytes` element must not be the text of an integer.
    #[inline]
    pub fn of(element: Element<'a>) -> Encoded<'a> {
        let mut head = [0; 9];
        let (head_len, data): (usize, &[u8]) = match element {
            Element::Integer(value) => (encode_integer(value, &mut head), &[]),
            Element::Bytes(bytes) => (encode_length(bytes.len(), &mut head), bytes),
        };
        Encoded {
            head,
            head_len: head_len as u8,
            data,
        }
    }

    #[inline]
    fn head(&self) -> &[u8] {
        &self.head[..usize::from(self.head_len)]
    }

    /// Bytes of head and data.
    #[inline]
    pub fn len(&self) -> usize {
        usize::from(self.head_len) + self.data.len()
    }

    #[inline]
    pub fn is_empty(&self) -> bool {
        false
    }

    /// True when this element stands at `at`.
    #[inline]
    pub fn is_at(&self, bytes: &[u8], at: usize) -> bool {
        bytes[at] == self.head[0]
            && (self.head_len == 1 || bytes[at..].starts_with(self.head()))
            && bytes[at + usize::from(self.head_len)..].starts_with(self.data)
    }

    /// Appends the element.
    #[inline]
    pub fn write<const BOTH: bool>(&self, into: &mut Scratch) {
        into.extend_from_slice(self.head());
        into.extend_from_slice(self.data);
        if BOTH {
            let (back, start) = encode_back(self.len());
            into.extend_from_slice(&back[start..]);
        }
    }
}

fn encode_integer(value: i64, head: &mut [u8; 9]) -> usize {
    match value {
        0..=127 => {
            head[0] = value as u8;
            1
        }
        -4096..=4095 => {
            let biased = (value + 4096) as u16;
            head[0] = 0xc0 | (biased >> 8) as u8;
            head[1] = biased as u8;
            2
        }
        _ => {
            let width = integer_width(value);
            head[0] = 0xf0 | width as u8;
            head[1..=width].copy_from_slice(&value.to_le_bytes()[..width]);
            1 + width
        }
    }
}

/// How many bytes, 2 at least, hold `value` with its sign.
fn integer_width(value: i64) -> usize {
    let magnitude_bits = 64 - (value ^ (value >> 63)).leading_zeros() as usize;
    (magnitude_bits + 1).div_ceil(8).max(2)
}

fn encode_length(length: usize, head: &mut [u8; 9]) -> usize {
    match length {
        0..=63 => {
            head[0] = 0x80 | length as u8;
            1
        }
        64..=4095 => {
            head[0] = 0xe0 | (length >> 8) as u8;
            head[1] = length as u8;
            2
        }
        _ => {
            let length = u32::try_from(length).expect("an element of less than 4 GB");
            head[0] = 0xf0;
            head[1..5].copy_from_slice(&length.to_le_bytes());
            5
        }
    }
}

/// The back length for `len` bytes, at the end of a buffer.
fn encode_back(len: usize) -> ([u8; 5], usize) {
    let mut buffer = [0; 5];
    let mut start = 4;
    let mut rest = len;
    buffer[start] = (rest & 127) as u8;
    rest >>= 7;
    while rest > 0 {
        // Whoever reads from the end learns from the top bit that more is before.
        buffer[start] |= 128;
        start -= 1;
        buffer[start] = (rest & 127) as u8;
        rest >>= 7;
    }
    (buffer, start)
}

#[inline]
fn back_bytes(len: usize) -> usize {
    match len {
        0..=127 => 1,
        _ => (usize::BITS - len.leading_zeros()).div_ceil(7) as usize,
    }
}

/// Bytes of head and data of the element at `at`.
#[inline]
fn len_at(bytes: &[u8], at: usize) -> usize {
    match bytes[at] {
        0..=0x7f => 1,
        head @ 0x80..=0xbf => 1 + usize::from(head & 63),
        0xc0..=0xdf => 2,
        head @ 0xe0..=0xef => 2 + (usize::from(head & 15) << 8 | usize::from(bytes[at + 1])),
        0xf0 => 5 + long_length(bytes, at),
        head => 1 + usize::from(head & 15),
    }
}

#[cold]
fn long_length(bytes: &[u8], at: usize) -> usize {
    let mut length = [0; 4];
    length.copy_from_slice(&bytes[at + 1..at + 5]);
    u32::from_le_bytes(length) as usize
}

/// Where the element behind the one at `at` begins.
#[inline]
pub fn skip<const BOTH: bool>(bytes: &[u8], at: usize) -> usize {
    let len = len_at(bytes, at);
    at + len + if BOTH { back_bytes(len) } else { 0 }
}

/// The element at `at`, and where the next one begins.
#[inline]
pub fn read<const BOTH: bool>(bytes: &[u8], at: usize) -> (Element<'_>, usize) {
    let len = len_at(bytes, at);
    let next = at + len + if BOTH { back_bytes(len) } else { 0 };
    let element = match bytes[at] {
        head @ 0..=0x7f => Element::Integer(head.into()),
        0x80..=0xbf => Element::Bytes(&bytes[at + 1..at + len]),
        head @ 0xc0..=0xdf => {
            let biased = i64::from(head & 31) << 8 | i64::from(bytes[at + 1]);
            Element::Integer(biased - 4096)
        }
        0xe0..=0xef => Element::Bytes(&bytes[at + 2..at + len]),
        0xf0 => Element::Bytes(&bytes[at + 5..at + len]),
        _ => Element::Integer(wide_integer(&bytes[at + 1..at + len])),
    };
    (element, next)
}

#[inline]
fn wide_integer(bytes: &[u8]) -> i64 {
    let mut all = [0; 8];
    all[..bytes.len()].copy_from_slice(bytes);
    let unused_bits = 64 - 8 * bytes.len() as u32;
    i64::from_le_bytes(all) << unused_bits >> unused_bits
}

/// The element that ends before `end`, and where it begins. Only for `BOTH`.
#[inline]
pub fn read_back(bytes: &[u8], end: usize) -> (Element<'_>, usize) {
    let mut at = end - 1;
    let mut len = usize::from(bytes[at] & 127);
    let mut shift = 7;
    while bytes[at] >= 128 {
        at -= 1;
        len |= usize::from(bytes[at] & 127) << shift;
        shift += 7;
    }
    let start = at - len;
    (read::<true>(bytes, start).0, start)
}

/// The elements of a run, from the front and, if `BOTH`, from the end.
#[derive(Debug, Clone)]
pub struct Elements<'a, const BOTH: bool> {
    bytes: &'a [u8],
    start: usize,
    end: usize,
}

impl<'a, const BOTH: bool> Elements<'a, BOTH> {
    #[inline]
    pub fn new(bytes: &'a [u8]) -> Self {
        Elements {
            bytes,
            start: 0,
            end: bytes.len(),
        }
    }

    /// Where the element that `next` would give begins.
    #[inline]
    pub fn position(&self) -> usize {
        self.start
    }
}

impl<'a, const BOTH: bool> Iterator for Elements<'a, BOTH> {
    type Item = Element<'a>;

    #[inline]
    fn next(&mut self) -> Option<Element<'a>> {
        if self.start >= self.end {
            return None;
        }
        let (element, next) = read::<BOTH>(self.bytes, self.start);
        self.start = next;
        Some(element)
    }
}

impl<'a> DoubleEndedIterator for Elements<'a, true> {
    #[inline]
    fn next_back(&mut self) -> Option<Element<'a>> {
        if self.start >= self.end {
            return None;
        }
        let (element, start) = read_back(self.bytes, self.end);
        self.end = start;
        Some(element)
    }
}

/// Judges a run from outside: whole elements, each in its shortest form. Returns how
/// many there are. O(bytes).
pub fn validate<const BOTH: bool>(bytes: &[u8]) -> Result<usize, Corrupt> {
    let (mut at, mut count) = (0, 0);
    while at < bytes.len() {
        let head_bytes = match bytes[at] {
            0xe0..=0xef => 2,
            0xf0 => 5,
            0xf1 | 0xf9..=0xff => return Err(Corrupt("an unknown head of an element")),
            _ => 1,
        };
        if bytes.len() - at < head_bytes {
            return Err(Corrupt("an element is cut off"));
        }
        let len = len_at(bytes, at);
        let back = if BOTH { back_bytes(len) } else { 0 };
        if bytes.len() - at < len + back {
            return Err(Corrupt("an element is cut off"));
        }
        let element = match read::<BOTH>(bytes, at).0 {
            Element::Bytes(text) => Element::new(text),
            integer => integer,
        };
        if !bytes[at..].starts_with(Encoded::of(element).head()) {
            return Err(Corrupt("an element is not in its shortest form"));
        }
        if BOTH {
            let (expected, start) = encode_back(len);
            if bytes[at + len..at + len + back] != expected[start..] {
                return Err(Corrupt("a back length is wrong"));
            }
        }
        at += len + back;
        count += 1;
    }
    Ok(count)
}

#[cfg(test)]
#[path = "packed_tests.rs"]
mod tests;
