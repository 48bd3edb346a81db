//! The data structures. They know nothing of keys.
//!
//! `packed` is the codec of small collections, which lie in their keyspace entries:
//! `packed_table` hashes and sets, `int_set` sets of integers. `list` is lists and
//! `sorted_set` sorted sets; the large ones stand on `tree`, a sequence of leaves that
//! clones share, and on `run`, many strings in one place. `paged_table` holds large
//! hashes and sets in a directory of pages, which clones share, too; `stream` is logs with
//! their groups of consumers. `hash` and `set`
//! are what commands see of them, `home` is where they live.

pub mod check;
pub mod hash;
pub mod home;
pub mod int_set;
pub mod list;
pub mod packed;
pub mod packed_table;
pub mod paged_table;
pub mod record;
mod run;
pub mod set;
pub mod set_algebra;
mod set_edit;
pub mod sorted_set;
pub mod stream;
pub mod table;
mod tree;
mod unshared;

use std::any::Any;

pub use hash::{Hash, HashMut};
pub use home::{Content, Detached, Form, Home, Limits};
pub use list::{List, ListMut, ListRef};
use paged_table::PagedTable;
pub use set::Set;
pub use set_edit::SetMut;
pub use sorted_set::SortedSet;
pub use stream::Stream;

/// A value too large for its keyspace entry: the structure that the entry points at.
///
/// One variant for each large structure. The keyspace owns it through a `Box` and
/// needs only what the methods below say. A clone costs O(1) and shares what neither
/// side writes to.
#[derive(Debug, Clone)]
pub enum Object {
    Hash(PagedTable),
    List(List),
    Set(PagedTable),
    SortedSet(SortedSet),
    Stream(Stream),
    /// Stands in for a structure in the keyspace's own tests.
    #[cfg(test)]
    Probe(Vec<u8>),
}

impl Object {
    /// Bytes of memory that the structure holds, the `Object` itself included.
    pub fn memory_bytes(&self) -> usize {
        let own = size_of::<Object>();
        match self {
            Object::Hash(table) | Object::Set(table) => {
                own - size_of::<PagedTable>() + table.memory_bytes()
            }
            Object::List(list) => own - size_of::<List>() + list.memory_bytes(),
            Object::SortedSet(set) => own - size_of::<SortedSet>() + set.memory_bytes(),
            Object::Stream(stream) => own - size_of::<Stream>() + stream.memory_bytes(),
            #[cfg(test)]
            Object::Probe(bytes) => own + bytes.capacity(),
        }
    }

    /// True when nothing is in it, so that its key goes; a stream's key stays. O(1).
    pub fn is_empty(&self) -> bool {
        match self {
            Object::Hash(table) | Object::Set(table) => table.is_empty(),
            Object::List(list) => list.is_empty(),
            Object::SortedSet(set) => set.is_empty(),
            Object::Stream(_) => false,
            #[cfg(test)]
            Object::Probe(bytes) => bytes.is_empty(),
        }
    }

    /// A time that no deadline of a member is before; None if no member has one. O(1).
    #[inline]
    pub fn next_deadline(&self) -> Option<i64> {
        match self {
            Object::Hash(table) | Object::Set(table) => table.next_deadline(),
            Object::SortedSet(set) => set.next_deadline(),
            _ => None,
        }
    }

    /// The name that OBJECT ENCODING answers.
    pub fn encoding_name(&self) -> &'static str {
        match self {
            Object::Hash(_) | Object::Set(_) => "hashtable",
            Object::List(_) => "quicklist",
            Object::SortedSet(_) => "skiplist",
            Object::Stream(_) => "stream",
            #[cfg(test)]
            Object::Probe(_) => "probe",
        }
    }

    /// How many separate allocations dropping it frees, about: what decides whether
    /// it is freed in the background.
    pub fn free_effort(&self) -> usize {
        match self {
            Object::Hash(table) | Object::Set(table) => table.page_count(),
            Object::List(list) => list.free_effort(),
            Object::SortedSet(set) => set.free_effort(),
            Object::Stream(stream) => stream.free_effort(),
            #[cfg(test)]
            Object::Probe(_) => 1,
        }
    }
}

/// What a structure let go of, to be dropped wherever there is time.
#[derive(Default)]
pub struct Garbage {
    effort: usize,
    parts: Vec<Box<dyn Any + Send>>,
}

impl Garbage {
    fn new(effort: usize, part: impl Any + Send) -> Garbage {
        let parts: Vec<Box<dyn Any + Send>> = vec![Box::new(part)];
        Garbage { effort, parts }
    }

    /// Both at once.
    fn and(mut self, mut other: Garbage) -> Garbage {
        self.effort += other.effort;
        self.parts.append(&mut other.parts);
        self
    }

    /// How many allocations dropping it frees, about.
    pub fn free_effort(&self) -> usize {
        self.effort
    }
}

impl std::fmt::Debug for Garbage {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Garbage({}, {})", self.effort, self.parts.len())
    }
}

// Removed values are freed in another thread.
const _: () = {
    const fn is_send_sync<T: Send + Sync>() {}
    is_send_sync::<Object>();
};
