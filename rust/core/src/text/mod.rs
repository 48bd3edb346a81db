//! Numbers, patterns and checksums as text: what clients type and read.
//!
//! Everything here works on bytes and knows no data structure. What is accepted and
//! how it is written was settled on real servers; the tests keep those observations.

pub mod checksum;
mod checksum_fold;
pub mod double;
pub mod glob;
mod grisu;
pub mod integer;
pub mod lcs;
pub mod long_double;
pub mod quote;
pub mod sha1;
