//! The append-only file: what changed the data, as commands, in the order in which it
//! happened.
//!
//!     appendonlydir/
//!       appendonly.aof.manifest        which files, in which order (Python's `aof`)
//!       appendonly.aof.2.base.rdb      a snapshot
//!       appendonly.aof.2.incr.aof      what came after it: *3 $3 SET $1 k $1 v …
//!
//! `appender` writes the last increment, `replay` reads one. The journal's bytes are
//! written at the end of a turn, before its replies leave, so one write and, with
//! `always`, one fsync serve all commands of the turn.

mod appender;
mod background;
pub mod notes;
pub mod replay;

pub use appender::{Appender, Next, Policy, Status};
