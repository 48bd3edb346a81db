//! The engine of Rubellite: bytes, memory and sockets.
//!
//! Plain Rust without Python. `net` reads and writes sockets and knows frames,
//! not commands; `resp` is the protocol; `dispatch` is the pipeline that every
//! command passes; `keyspace` holds the data; `types` are the data structures, `bits`
//! and `hyperloglog` what strings are as bitmaps and as estimators.
//! Where the pipeline needs a command's meaning it asks a `dispatch::Runtime`,
//! which the Python binding implements.

pub mod aof;
pub mod bits;
pub mod clock;
pub mod dispatch;
pub mod geo;
pub mod hyperloglog;
pub mod keyspace;
pub mod memory;
pub mod net;
pub mod output;
pub mod rdb;
pub mod relocation;
pub mod reply;
pub mod resp;
pub mod seed;
pub mod service;
pub mod text;
pub mod types;

/// As the extension module has it, so that tests run on the allocator that ships.
#[cfg(test)]
#[global_allocator]
static ALLOCATOR: memory::Counting = memory::Counting;
