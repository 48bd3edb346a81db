//! The protocol, RESP2 and RESP3: requests in (`parse`), replies out (`encode`),
//! and replies read back by tests and by our own clients (`decode`; `extent`: where they end).

pub mod body;
pub mod decode;
pub mod encode;
pub mod extent;
mod inline;
pub mod parse;
