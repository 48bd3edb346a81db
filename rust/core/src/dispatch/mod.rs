//! The pipeline that every command passes, and the engine that it works on.

pub mod aftermath;
pub mod append_only;
pub mod arguments;
pub mod blocking;
pub mod collections;
mod core;
mod cron;
pub mod data;
mod data_bits;
mod data_hyperloglog;
mod data_strings;
pub mod debug;
pub mod digest;
pub mod engine;
pub mod error;
pub mod eviction;
mod free;
pub mod hashes;
pub mod journal;
mod look_up;
mod members;
pub mod native;
mod native_hashes;
pub mod native_lists;
mod native_sets;
pub mod notify;
mod observe;
pub mod persistence;
pub mod pipeline;
pub mod pubsub;
pub mod session;
pub mod sets;
pub mod sink;
pub mod sorting;
pub mod spec;
pub mod state;
pub mod statistics;
#[cfg(test)]
mod tests;
pub mod tracking;
mod tracking_table;
pub mod transactions;
pub mod writer;

pub use self::core::Core;
pub use engine::Engine;
pub use error::{ErrorCode, Failure};
