//! A reply as a value, for the parts of the engine that answer without Python.

use std::sync::Arc;

/// What a command answers; `resp::encode` writes it for RESP2 or RESP3.
#[derive(Debug, Clone, PartialEq)]
pub enum Reply {
    /// No reply at all.
    Nothing,
    /// `+OK` and other status lines.
    Status(&'static str),
    StatusOwned(String),
    /// An error line without the leading `-`.
    Error(Vec<u8>),
    Integer(i64),
    Double(f64),
    Boolean(bool),
    Null,
    /// RESP2's `*-1`; RESP3's `_`.
    NullArray,
    Bulk(Vec<u8>),
    Shared(Arc<Vec<u8>>),
    Array(Vec<Reply>),
    Set(Vec<Reply>),
    Map(Vec<(Reply, Reply)>),
    Push(Vec<Reply>),
    BigNumber(String),
    /// Three-letter format and text.
    Verbatim(&'static str, Vec<u8>),
}

/// The protocol a client speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Protocol {
    #[default]
    Resp2,
    Resp3,
}
