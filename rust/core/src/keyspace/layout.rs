//! What the bytes of an entry mean: kinds, encodings and the lengths before the key.
//!
//!     head u32 | key length | payload length | [deadline 6] | key | payload
//!
//!     head: clock 24 | colour 1 | has deadline 1 | encoding 3 | kind 3
//!
//! Lengths are varints (7 bits a byte, low bits first). A deadline is milliseconds
//! since 1970, little endian. Plain arithmetic only; pointers are `entry`'s business.

/// The data type of a value. The numbers are those of RDB files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Kind {
    String = 0,
    List = 1,
    Set = 2,
    SortedSet = 3,
    Hash = 4,
    Stream = 5,
}

impl Kind {
    #[inline]
    pub(super) fn from_bits(bits: u32) -> Kind {
        match bits & 7 {
            0 => Kind::String,
            1 => Kind::List,
            2 => Kind::Set,
            3 => Kind::SortedSet,
            4 => Kind::Hash,
            _ => Kind::Stream,
        }
    }

    /// The name that TYPE answers.
    pub fn name(self) -> &'static str {
        match self {
            Kind::String => "string",
            Kind::List => "list",
            Kind::Set => "set",
            Kind::SortedSet => "zset",
            Kind::Hash => "hash",
            Kind::Stream => "stream",
        }
    }
}

/// How a value is stored. Together with the kind it gives OBJECT ENCODING's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Encoding {
    /// A string that is the canonical text of an i64: 1, 2, 4 or 8 bytes, little endian.
    Int = 0,
    /// A short string, in the entry.
    Embstr = 1,
    /// A string that was edited or is longer, in the entry.
    Raw = 2,
    /// A big string: a pointer to bytes that replies may share.
    RawShared = 3,
    /// A small collection as one run of bytes in the entry.
    Packed = 4,
    /// A small set of integers in the entry.
    PackedIntegers = 5,
    /// A small collection in the entry whose members have deadlines of their own.
    PackedTimed = 6,
    /// A pointer to a `types::Object`.
    Object = 7,
}

impl Encoding {
    #[inline]
    pub(super) fn from_bits(bits: u32) -> Encoding {
        match bits & 7 {
            0 => Encoding::Int,
            1 => Encoding::Embstr,
            2 => Encoding::Raw,
            3 => Encoding::RawShared,
            4 => Encoding::Packed,
            5 => Encoding::PackedIntegers,
            6 => Encoding::PackedTimed,
            _ => Encoding::Object,
        }
    }

    /// The whole value lies in the entry; its payload holds no pointer.
    #[inline]
    pub fn is_inline(self) -> bool {
        !matches!(self, Encoding::RawShared | Encoding::Object)
    }

    /// The value is a collection as bytes in the entry.
    #[inline]
    pub fn is_packed(self) -> bool {
        matches!(
            self,
            Encoding::Packed | Encoding::PackedIntegers | Encoding::PackedTimed
        )
    }

    /// The name that OBJECT ENCODING answers for a value of `kind`.
    pub fn name(self, kind: Kind) -> &'static str {
        match (self, kind) {
            (Encoding::Int, _) => "int",
            (Encoding::Embstr, _) => "embstr",
            (Encoding::Raw | Encoding::RawShared, _) => "raw",
            (_, Kind::Stream) => "stream",
            (Encoding::Packed, _) => "listpack",
            (Encoding::PackedIntegers, _) => "intset",
            // Valkey keeps what has deadlines of its own in hash tables.
            (Encoding::PackedTimed, _) => "hashtable",
            (Encoding::Object, Kind::List) => "quicklist",
            (Encoding::Object, Kind::SortedSet) => "skiplist",
            (Encoding::Object, _) => "hashtable",
        }
    }
}

pub(super) const HEAD_BYTES: usize = 4;
pub(super) const DEADLINE_BYTES: usize = 6;
pub(super) const POINTER_BYTES: usize = 8;
pub(super) const HAS_DEADLINE: u32 = 1 << 6;
pub(super) const COLOUR: u32 = 1 << 7;
pub(super) const CLOCK_SHIFT: u32 = 8;
/// Latest deadline that fits; later ones count as this one (the year 10889).
pub const DEADLINE_MAX: i64 = (1 << 48) - 1;

/// The head of a new entry.
#[inline]
pub(super) fn head(kind: Kind, encoding: Encoding, colour: bool, clock: u32) -> u32 {
    let colour = if colour { COLOUR } else { 0 };
    (kind as u32) | (encoding as u32) << 3 | colour | clock << CLOCK_SHIFT
}

/// Where the parts of an entry lie.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shape {
    pub key_start: usize,
    pub key_len: usize,
    pub payload_len: usize,
}

impl Shape {
    pub fn new(key_len: usize, payload_len: usize, has_deadline: bool) -> Shape {
        let lengths = varint_len(key_len) + varint_len(payload_len);
        let deadline = if has_deadline { DEADLINE_BYTES } else { 0 };
        Shape {
            key_start: HEAD_BYTES + lengths + deadline,
            key_len,
            payload_len,
        }
    }

    #[inline]
    pub fn payload_start(self) -> usize {
        self.key_start + self.key_len
    }

    #[inline]
    pub fn total(self) -> usize {
        self.payload_start() + self.payload_len
    }
}

/// How many bytes `value` takes as a varint.
#[inline]
pub(super) fn varint_len(value: usize) -> usize {
    if value < 128 {
        1
    } else {
        (usize::BITS - value.leading_zeros()).div_ceil(7) as usize
    }
}

/// The smallest of 1, 2, 4 and 8 bytes that holds `value`.
#[inline]
pub(super) fn int_width(value: i64) -> usize {
    if i8::try_from(value).is_ok() {
        1
    } else if i16::try_from(value).is_ok() {
        2
    } else if i32::try_from(value).is_ok() {
        4
    } else {
        8
    }
}

/// Reads an integer of 1, 2, 4 or 8 bytes.
#[inline]
pub(super) fn read_int(bytes: &[u8]) -> i64 {
    match *bytes {
        [a] => i64::from(a as i8),
        [a, b] => i64::from(i16::from_le_bytes([a, b])),
        [a, b, c, d] => i64::from(i32::from_le_bytes([a, b, c, d])),
        _ => {
            let mut all = [0; 8];
            let count = bytes.len().min(8);
            all[..count].copy_from_slice(&bytes[..count]);
            i64::from_le_bytes(all)
        }
    }
}
