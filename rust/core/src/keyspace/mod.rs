//! The keyspace: tables of keys in hash order.
//!
//!     hash      | directory bits | 16-bit fragment | rest |
//!     directory → segment: sorted array of slots → entry: key and value together
//!
//! `layout`, `entry` and `slot` are the entry's bytes, `segment` and `deadlines` one
//! array of slots, `directory` how arrays split and merge, `database` the table that
//! all else uses, `fill` many keys at once, `values` what goes in and comes out, `edit`
//! a key being changed, `walk` SCAN, random keys and what is due, and `strings` what
//! strings do. A deadline in the past means nothing here: the caller judges presence by
//! its own clock.
//!
//! No operation takes longer than about 100 µs, however many keys there are; doubling
//! the directory (4 bytes for about 700 keys) and dropping a table excepted.

mod collections;
mod database;
mod deadlines;
mod directory;
mod edit;
mod entry;
mod fill;
mod layout;
mod segment;
mod slot;
pub mod strings;
mod values;
mod walk;

#[cfg(test)]
mod tests;

pub use collections::{Place, is_empty};
pub use database::{Database, Guard, TableStats};
pub use edit::EntryMut;
pub use entry::{Entry, Shared, Value};
pub use fill::{Batch, Twice};
pub use layout::{DEADLINE_MAX, Encoding, Kind};
pub use values::{Expiry, NewValue, Removed, Replaced};

pub use crate::seed::HashSeed;
