//! A key and its value, read where they lie.
//!
//! This file and `slot` hold all raw pointers of the keyspace: `Entry<'a>` borrows an
//! entry, a `Slot` owns it. `layout` says what the bytes mean.
//!
//! Invariants: the lengths in an entry give the size of its allocation; encodings
//! `RawShared` and `Object` hold 8 bytes of a pointer made by `into_raw`, owned by
//! the entry, and no other encoding holds a pointer.
//! Cost: O(1) in all.

use std::marker::PhantomData;
use std::ptr::{self, NonNull};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use super::layout::{
    CLOCK_SHIFT, COLOUR, DEADLINE_BYTES, Encoding, HAS_DEADLINE, HEAD_BYTES, Kind, POINTER_BYTES,
    Shape, read_int,
};
use super::slot::Slot;
pub(super) use crate::memory::prefetch;
use crate::types::{Object, packed_table};

/// A borrowed view of one key and its value. O(1) in all it does.
#[derive(Clone, Copy)]
pub struct Entry<'a> {
    start: NonNull<u8>,
    life: PhantomData<&'a Slot>,
}

/// A value as it is stored.
#[derive(Debug, Clone)]
pub enum Value<'a> {
    /// The canonical text of this number is the string.
    Int(i64),
    /// A string in the entry.
    Bytes(&'a [u8]),
    /// A big string that replies may share.
    Shared(Shared<'a>),
    /// A small collection.
    Packed(&'a [u8]),
    /// A large collection.
    Object(&'a Object),
}

/// A big string, owned by its entry.
#[derive(Debug, Clone, Copy)]
pub struct Shared<'a> {
    /// As `Arc::into_raw` made it, for it must reach the Arc's counts.
    pointer: *const Vec<u8>,
    life: PhantomData<&'a Slot>,
}

impl<'a> Shared<'a> {
    #[inline]
    fn vec(self) -> &'a Vec<u8> {
        // SAFETY: a live Arc whose count the entry holds during 'a.
        unsafe { &*self.pointer }
    }

    #[inline]
    pub fn bytes(self) -> &'a [u8] {
        self.vec()
    }

    /// Another owner of the same bytes, for a reply: they will not change under it.
    pub fn to_arc(self) -> Arc<Vec<u8>> {
        // SAFETY: the entry holds a count, so the Arc is alive; the count added here
        // is the result's.
        unsafe {
            Arc::increment_strong_count(self.pointer);
            Arc::from_raw(self.pointer)
        }
    }

    /// Bytes of memory behind the pointer.
    pub fn memory_bytes(self) -> usize {
        self.vec().capacity() + size_of::<Vec<u8>>() + 2 * size_of::<usize>()
    }
}

impl<'a> Entry<'a> {
    /// # Safety
    /// `start` must be an entry that lives for 'a and is not written to meanwhile,
    /// but for its head.
    #[inline]
    pub(super) unsafe fn at(start: NonNull<u8>) -> Entry<'a> {
        Entry {
            start,
            life: PhantomData,
        }
    }

    #[inline]
    fn atomic_head(self) -> &'a AtomicU32 {
        // SAFETY: the entry lives for 'a, begins with an aligned u32, and that u32 is
        // only accessed as an atomic while shared views exist.
        unsafe { AtomicU32::from_ptr(self.start.as_ptr().cast()) }
    }

    #[inline]
    pub(super) fn head(self) -> u32 {
        self.atomic_head().load(Relaxed)
    }

    #[inline]
    fn byte(self, at: usize) -> u8 {
        // SAFETY: only called for offsets within the head and the lengths.
        unsafe { *self.start.as_ptr().add(at) }
    }

    #[inline]
    fn slice(self, start: usize, len: usize) -> &'a [u8] {
        // SAFETY: only called with ranges that `shape` gave; nobody writes to them
        // during 'a, because writers borrow the slot mutably.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr().add(start), len) }
    }

    #[inline]
    pub(super) fn shape(self) -> Shape {
        let deadline = if self.head() & HAS_DEADLINE != 0 {
            DEADLINE_BYTES
        } else {
            0
        };
        let (key, payload) = (self.byte(HEAD_BYTES), self.byte(HEAD_BYTES + 1));
        if (key | payload) < 128 {
            return Shape {
                key_start: HEAD_BYTES + 2 + deadline,
                key_len: key.into(),
                payload_len: payload.into(),
            };
        }
        self.shape_of_long(deadline)
    }

    #[cold]
    fn shape_of_long(self, deadline: usize) -> Shape {
        let mut at = HEAD_BYTES;
        let mut lengths = [0_usize; 2];
        for length in &mut lengths {
            let mut shift = 0;
            loop {
                let byte = self.byte(at);
                at += 1;
                *length |= usize::from(byte & 127) << shift;
                shift += 7;
                if byte < 128 {
                    break;
                }
            }
        }
        Shape {
            key_start: at + deadline,
            key_len: lengths[0],
            payload_len: lengths[1],
        }
    }

    /// True when this is the entry of `key`.
    #[inline]
    pub(super) fn has_key(self, key: &[u8]) -> bool {
        let shape = self.shape();
        shape.key_len == key.len() && self.slice(shape.key_start, shape.key_len) == key
    }

    #[inline]
    pub fn key(self) -> &'a [u8] {
        let shape = self.shape();
        self.slice(shape.key_start, shape.key_len)
    }

    #[inline]
    pub(super) fn payload(self) -> &'a [u8] {
        let shape = self.shape();
        self.slice(shape.payload_start(), shape.payload_len)
    }

    #[inline]
    pub fn kind(self) -> Kind {
        Kind::from_bits(self.head())
    }

    #[inline]
    pub fn encoding(self) -> Encoding {
        Encoding::from_bits(self.head() >> 3)
    }

    #[inline]
    pub fn value(self) -> Value<'a> {
        let payload = self.payload();
        match self.encoding() {
            Encoding::Int => Value::Int(read_int(payload)),
            Encoding::Embstr | Encoding::Raw => Value::Bytes(payload),
            Encoding::Packed | Encoding::PackedIntegers | Encoding::PackedTimed => {
                Value::Packed(payload)
            }
            Encoding::RawShared => Value::Shared(Shared {
                pointer: pointer_in(payload),
                life: PhantomData,
            }),
            // SAFETY: the invariant of `Object`: a live `Box<Object>`.
            Encoding::Object => Value::Object(unsafe { &*pointer_in::<Object>(payload) }),
        }
    }

    /// The deadline in milliseconds since 1970, if it has one.
    #[inline]
    pub fn expires_at(self) -> Option<i64> {
        if self.head() & HAS_DEADLINE == 0 {
            return None;
        }
        let bytes = self.slice(self.shape().key_start - DEADLINE_BYTES, DEADLINE_BYTES);
        let mut all = [0; 8];
        all[..DEADLINE_BYTES].copy_from_slice(bytes);
        Some(i64::from_le_bytes(all))
    }

    /// A time that no deadline of a member (a field of a hash) is before; None if no
    /// member has one.
    #[inline]
    pub fn members_due_at(self) -> Option<i64> {
        match self.encoding() {
            Encoding::PackedTimed => packed_table::earliest_deadline(self.payload()),
            Encoding::Object => match self.value() {
                Value::Object(object) => object.next_deadline(),
                _ => None,
            },
            _ => None,
        }
    }

    /// After this time there is something to do: the key expires, or members do.
    #[inline]
    pub(super) fn wakes_at(self) -> Option<i64> {
        // A key is due after its deadline, a member at it.
        let members = self.members_due_at().map(|at| at - 1);
        match (self.expires_at(), members) {
            (Some(own), Some(members)) => Some(own.min(members)),
            (own, members) => own.or(members),
        }
    }

    /// The 24 bits of the LRU or LFU clock.
    #[inline]
    pub fn clock(self) -> u32 {
        self.head() >> CLOCK_SHIFT
    }

    /// Sets the 24 bits of the LRU or LFU clock; readers may, too.
    #[inline]
    pub fn set_clock(self, clock: u32) {
        let head = self.head() & ((1 << CLOCK_SHIFT) - 1);
        self.atomic_head()
            .store(head | clock << CLOCK_SHIFT, Relaxed);
    }

    /// The colour by which a snapshot knows whether it has this entry already.
    #[inline]
    pub fn colour(self) -> bool {
        self.head() & COLOUR != 0
    }

    /// Sets the snapshot colour. Only the holder of the engine's lock may.
    #[inline]
    pub fn set_colour(self, colour: bool) {
        let bit = if colour { COLOUR } else { 0 };
        self.atomic_head()
            .store(self.head() & !COLOUR | bit, Relaxed);
    }

    /// Bytes of the entry itself, without what it points at.
    pub fn entry_bytes(self) -> usize {
        self.shape().total()
    }

    /// Bytes of memory of the entry and all that it owns, allocator's rounding aside.
    pub fn memory_bytes(self) -> usize {
        let outside = match self.value() {
            Value::Shared(bytes) => bytes.memory_bytes(),
            Value::Object(object) => object.memory_bytes(),
            _ => 0,
        };
        self.entry_bytes() + outside
    }
}

/// The pointer that a payload of `RawShared` or `Object` holds.
#[inline]
pub(super) fn pointer_in<T>(payload: &[u8]) -> *mut T {
    let mut bytes = [0; POINTER_BYTES];
    bytes.copy_from_slice(payload);
    ptr::with_exposed_provenance_mut(u64::from_le_bytes(bytes) as usize)
}
