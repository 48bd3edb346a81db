//! The data structures. They know nothing of keys.
//!
//! `packed` is the codec of small collections, which lie in their keyspace entries:
//! `packed_table` hashes and sets, `int_set` sets of integers.

pub mod int_set;
pub mod packed;
pub mod packed_table;
pub mod record;

/// A value too large for its keyspace entry: the structure that the entry points at.
///
/// One variant for each large structure. The keyspace owns it through a `Box` and
/// needs only what the methods below say.
#[derive(Debug, Clone)]
pub enum Object {
    /// Stands in for a structure in the keyspace's own tests.
    #[cfg(test)]
    Probe(Vec<u8>),
}

impl Object {
    /// Bytes of memory that the structure holds, the `Object` itself included.
    pub fn memory_bytes(&self) -> usize {
        match *self {
            #[cfg(test)]
            Object::Probe(ref bytes) => size_of::<Object>() + bytes.capacity(),
        }
    }

    /// The name that OBJECT ENCODING answers.
    pub fn encoding_name(&self) -> &'static str {
        match *self {
            #[cfg(test)]
            Object::Probe(_) => "probe",
        }
    }

    /// How many separate allocations dropping it frees, about: what decides whether
    /// it is freed in the background.
    pub fn free_effort(&self) -> usize {
        match *self {
            #[cfg(test)]
            Object::Probe(_) => 1,
        }
    }
}

// Removed values are freed in another thread.
const _: () = {
    const fn is_send_sync<T: Send + Sync>() {}
    is_send_sync::<Object>();
};
