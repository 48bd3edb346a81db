//! RDB files: the snapshots of Redis and Valkey, read in every version, and written.
//!
//!     REDIS0010 | AUX … | SELECTDB 0 | RESIZEDB n m | key … | SELECTDB 1 | … | EOF | crc64
//!     key       [EXPIRETIME_MS at] [IDLE seconds | FREQ count] type name value
//!     length    00 6 bits | 01 14 bits | 80 and 4 bytes | 81 and 8 bytes, big endian
//!     string    length bytes | c0, c1, c2 and an integer of 1, 2, 4 bytes | c3 LZF
//!
//! `input` is bytes with an offset, a checksum and bounded allocations; `blobs` the
//! compact encodings that strings hold (listpack, ziplist, zipmap, intset); `build`
//! makes values of elements; `streams` is what is peculiar to them; `value` reads one value
//! and `reader` a file; `output` and `write` write them, large collections in slices; `load` and `save` are files and
//! databases, `snapshot` with its `keys` and `writer` saves while commands go on;
//! `dump` is the payload of DUMP and RESTORE, `libraries` is what becomes of functions.
//!
//! What REDIS0010 lacks, deadlines of fields and members, follows its key in AUX fields
//! named `DEADLINES_AUX`, which other servers skip: a string of (field as a string,
//! milliseconds as 8 bytes, little endian), as many as fit.
//!
//! A file is judged while it is read: an error names the offset and what is wrong
//! there. No allocation exceeds what was decoded so far by more than 64 MB.

pub mod blobs;
pub mod build;
pub mod dump;
pub mod input;
mod keys;
pub mod libraries;
pub mod load;
pub mod lzf;
pub mod output;
pub mod reader;
pub mod save;
pub mod snapshot;
pub mod streams;
pub mod value;
pub mod write;
mod writer;

#[cfg(test)]
mod snapshot_tests;
#[cfg(test)]
mod tests;

use std::fmt;
use std::io;

/// The AUX field that says which of the last key's fields have which deadlines.
pub const DEADLINES_AUX: &[u8] = b"rubellite-deadlines";

/// The highest version of Redis's own files that we read.
pub const REDIS_VERSION_MAX: u32 = 12;
/// The version of Valkey's files that we read.
pub const VALKEY_VERSION: u32 = 80;

/// What stands between keys.
pub mod opcode {
    pub const SLOT_IMPORT: u8 = 243;
    pub const SLOT_INFO: u8 = 244;
    pub const FUNCTION: u8 = 245;
    pub const FUNCTION_PREVIEW: u8 = 246;
    pub const MODULE_AUX: u8 = 247;
    pub const IDLE: u8 = 248;
    pub const FREQUENCY: u8 = 249;
    pub const AUX: u8 = 250;
    pub const RESIZE: u8 = 251;
    pub const EXPIRE_MS: u8 = 252;
    pub const EXPIRE: u8 = 253;
    pub const SELECT: u8 = 254;
    pub const END: u8 = 255;
}

/// How a value is written. Numbers from 22 on differ between Redis and Valkey.
pub mod type_number {
    pub const STRING: u8 = 0;
    pub const LIST: u8 = 1;
    pub const SET: u8 = 2;
    pub const SORTED_SET: u8 = 3;
    pub const HASH: u8 = 4;
    pub const SORTED_SET_2: u8 = 5;
    pub const MODULE: u8 = 6;
    pub const MODULE_2: u8 = 7;
    pub const HASH_ZIPMAP: u8 = 9;
    pub const LIST_ZIPLIST: u8 = 10;
    pub const SET_INTSET: u8 = 11;
    pub const SORTED_SET_ZIPLIST: u8 = 12;
    pub const HASH_ZIPLIST: u8 = 13;
    pub const LIST_QUICKLIST: u8 = 14;
    pub const STREAM_LISTPACKS: u8 = 15;
    pub const HASH_LISTPACK: u8 = 16;
    pub const SORTED_SET_LISTPACK: u8 = 17;
    pub const LIST_QUICKLIST_2: u8 = 18;
    pub const STREAM_LISTPACKS_2: u8 = 19;
    pub const SET_LISTPACK: u8 = 20;
    pub const STREAM_LISTPACKS_3: u8 = 21;
    /// Redis before 7.4 was final: deadlines are absolute.
    pub const REDIS_HASH_TIMED_PREVIEW: u8 = 22;
    pub const REDIS_HASH_TIMED_LISTPACK_PREVIEW: u8 = 23;
    pub const REDIS_HASH_TIMED: u8 = 24;
    pub const REDIS_HASH_TIMED_LISTPACK: u8 = 25;
    pub const VALKEY_HASH_TIMED: u8 = 22;
    /// Ours, in dumps only: members with their deadlines.
    pub const SET_TIMED: u8 = 200;
    /// The same of sorted sets: member, score, deadline.
    pub const SORTED_SET_TIMED: u8 = 201;
}

/// Whose numbers a file speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    Redis,
    Valkey,
}

/// Which files we write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// REDIS0010, which Redis 7.0 and all after it read, and Valkey.
    #[default]
    Redis10,
    /// REDIS0012: Redis 7.4 and later.
    Redis12,
    /// VALKEY080: Valkey 9.
    Valkey80,
}

impl Format {
    /// The format of this name, as the setting `rdb-format` has it.
    pub fn named(name: &str) -> Option<Format> {
        match name {
            "redis10" => Some(Format::Redis10),
            "redis12" => Some(Format::Redis12),
            "valkey80" => Some(Format::Valkey80),
            _ => None,
        }
    }

    pub fn signature(self) -> &'static [u8; 9] {
        match self {
            Format::Redis10 => b"REDIS0010",
            Format::Redis12 => b"REDIS0012",
            Format::Valkey80 => b"VALKEY080",
        }
    }

    pub fn version(self) -> u16 {
        match self {
            Format::Redis10 => 10,
            Format::Redis12 => 12,
            Format::Valkey80 => 80,
        }
    }
}

/// Why a file cannot be read.
#[derive(Debug)]
pub enum Error {
    /// The system's answer.
    Io(io::Error),
    /// What is wrong, and where.
    Corrupt { offset: u64, reason: String },
    /// Nothing is wrong with it, but we cannot take it.
    Unsupported { offset: u64, reason: String },
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Io(error) => write!(formatter, "{error}"),
            Error::Corrupt { offset, reason } | Error::Unsupported { offset, reason } => {
                write!(formatter, "at offset {offset}: {reason}")
            }
        }
    }
}

impl std::error::Error for Error {}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Error::Io(error)
    }
}

pub type Result<T> = std::result::Result<T, Error>;
