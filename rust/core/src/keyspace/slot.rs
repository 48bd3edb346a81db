//! The owner of an entry, and all that changes one.
//!
//!     Slot u64 = fragment 16 | pointer 48   (0: empty)
//!
//! A `Slot` owns its entry as a `Box` would, so arrays of slots are plain safe Rust.
//! The invariants are those of `entry`.
//!
//! Cost: changing bytes in place O(bytes); another length is one `realloc`; gaining or
//! losing a deadline is one copy of the entry.

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error, realloc};
use std::mem::ManuallyDrop;
use std::ptr::{self, NonNull};
use std::sync::Arc;

use super::entry::{Entry, Value, pointer_in, prefetch};
use super::layout::{
    COLOUR, DEADLINE_BYTES, DEADLINE_MAX, Encoding, HAS_DEADLINE, HEAD_BYTES, Kind, POINTER_BYTES,
    Shape, varint_len,
};
use crate::relocation;
use crate::types::Object;

const POINTER_BITS: u32 = 48;
const POINTER_MASK: u64 = (1 << POINTER_BITS) - 1;
/// The head is read as one u32.
const ALIGNMENT: usize = 4;

/// The payload for a big string; the entry that gets it owns it.
pub(super) fn shared_payload(bytes: Arc<Vec<u8>>) -> [u8; POINTER_BYTES] {
    (Arc::into_raw(bytes).expose_provenance() as u64).to_le_bytes()
}

/// The payload for an object; the entry that gets it owns it.
pub(super) fn object_payload(object: Box<Object>) -> [u8; POINTER_BYTES] {
    (Box::into_raw(object).expose_provenance() as u64).to_le_bytes()
}

/// A place in a segment: empty, or the owner of one entry together with the 16 bits
/// of its key's hash that order it.
#[repr(transparent)]
#[derive(Default)]
pub(super) struct Slot(u64);

impl Slot {
    pub const EMPTY: Slot = Slot(0);

    /// Makes an entry. `head` without its deadline bit, which `deadline` decides.
    ///
    /// `payload` must be what `head`'s encoding asks for; for a pointer encoding it
    /// comes from `shared_payload` or `object_payload` and is given to one entry only.
    pub fn create(head: u32, deadline: Option<i64>, key: &[u8], payload: &[u8]) -> Slot {
        let shape = Shape::new(key.len(), payload.len(), deadline.is_some());
        let layout = entry_layout(shape.total());
        // SAFETY: the size is not 0; all writes below are within `shape.total()`.
        unsafe {
            let Some(start) = NonNull::new(alloc(layout)) else {
                handle_alloc_error(layout)
            };
            let start = start.as_ptr();
            let bit = if deadline.is_some() { HAS_DEADLINE } else { 0 };
            start.cast::<u32>().write(head & !HAS_DEADLINE | bit);
            write_varint(start.add(HEAD_BYTES), key.len());
            write_varint(start.add(HEAD_BYTES + varint_len(key.len())), payload.len());
            if let Some(deadline) = deadline {
                write_deadline(start.add(shape.key_start - DEADLINE_BYTES), deadline);
            }
            ptr::copy_nonoverlapping(key.as_ptr(), start.add(shape.key_start), key.len());
            let at = start.add(shape.payload_start());
            ptr::copy_nonoverlapping(payload.as_ptr(), at, payload.len());
            Slot(address(start))
        }
    }

    /// A second entry with the same key, value, deadline and clock. A big string is
    /// shared, a collection copied.
    pub fn copy_of(entry: Entry<'_>) -> Slot {
        let pointer;
        let payload = match entry.value() {
            Value::Shared(shared) => {
                pointer = shared_payload(shared.to_arc());
                &pointer
            }
            Value::Object(object) => {
                pointer = object_payload(Box::new(object.clone()));
                &pointer
            }
            _ => entry.payload(),
        };
        Slot::create(entry.head(), entry.expires_at(), entry.key(), payload)
    }

    #[inline]
    pub fn is_empty(&self) -> bool {
        self.0 == 0
    }

    #[inline]
    pub fn fragment(&self) -> u16 {
        (self.0 >> POINTER_BITS) as u16
    }

    #[inline]
    pub fn with_fragment(mut self, fragment: u16) -> Slot {
        self.0 = self.0 & POINTER_MASK | u64::from(fragment) << POINTER_BITS;
        self
    }

    #[inline]
    fn pointer(&self) -> *mut u8 {
        ptr::with_exposed_provenance_mut((self.0 & POINTER_MASK) as usize)
    }

    fn set_pointer(&mut self, start: *mut u8) {
        self.0 = self.0 & !POINTER_MASK | address(start);
    }

    /// The entry, or None in an empty slot.
    #[inline]
    pub fn entry(&self) -> Option<Entry<'_>> {
        // SAFETY: the slot owns the entry, and writing to it takes `&mut self`.
        NonNull::new(self.pointer()).map(|start| unsafe { Entry::at(start) })
    }

    /// The entry of a slot that is known not to be empty.
    #[inline]
    pub fn full(&self) -> Entry<'_> {
        self.entry().expect("the slot holds an entry")
    }

    /// Asks the processor to fetch the entry.
    #[inline]
    pub fn prefetch(&self) {
        prefetch(self.pointer());
    }

    fn head_mut(&mut self) -> &mut u32 {
        debug_assert!(!self.is_empty());
        // SAFETY: the slot is borrowed mutably, so no view of its entry exists.
        unsafe { &mut *self.pointer().cast() }
    }

    /// Gives the entry another kind and encoding, both of inline storage.
    pub fn set_inline_kind(&mut self, kind: Kind, encoding: Encoding) {
        assert!(encoding.is_inline() && self.full().encoding().is_inline());
        let head = self.head_mut();
        *head = *head & !0x3f | kind as u32 | (encoding as u32) << 3;
    }

    /// Writes another value over an inline one; both lie in the entry.
    #[inline]
    pub fn overwrite(&mut self, kind: Kind, encoding: Encoding, payload: &[u8]) {
        self.set_inline_kind(kind, encoding);
        if self.full().payload().len() != payload.len() {
            self.resize_payload(payload.len());
        }
        self.payload_mut().copy_from_slice(payload);
    }

    /// Writes a string over an inline one without deadline that has as many bytes, and
    /// sets the clock. False: there is none such, and nothing was done.
    #[inline]
    pub fn overwrite_string(&mut self, encoding: Encoding, payload: &[u8], clock: u32) -> bool {
        let entry = self.full();
        let head = entry.head();
        let is_string = entry.kind() == Kind::String && entry.encoding().is_inline();
        if !is_string || head & HAS_DEADLINE != 0 || entry.payload().len() != payload.len() {
            return false;
        }
        self.payload_mut().copy_from_slice(payload);
        *self.head_mut() = super::layout::head(Kind::String, encoding, head & COLOUR != 0, clock);
        true
    }

    /// The payload of an inline encoding.
    #[inline]
    pub fn payload_mut(&mut self) -> &mut [u8] {
        assert!(self.full().encoding().is_inline());
        let shape = self.full().shape();
        // SAFETY: within the allocation, and the slot is borrowed mutably.
        unsafe {
            let at = self.pointer().add(shape.payload_start());
            std::slice::from_raw_parts_mut(at, shape.payload_len)
        }
    }

    /// Gives an inline payload another length; new bytes are 0.
    pub fn resize_payload(&mut self, len: usize) {
        assert!(self.full().encoding().is_inline());
        let old = self.full().shape();
        if old.payload_len == len {
            return;
        }
        let width = varint_len(old.payload_len);
        if varint_len(len) != width {
            let entry = self.full();
            let mut bytes = entry.payload()[..old.payload_len.min(len)].to_vec();
            bytes.resize(len, 0);
            let made = Slot::create(entry.head(), entry.expires_at(), entry.key(), &bytes)
                .with_fragment(self.fragment());
            *self = made;
            return;
        }
        let new = Shape {
            payload_len: len,
            ..old
        };
        // SAFETY: the old layout is the one of the allocation. The length is written
        // before bytes are cut off and after bytes were added, always inside.
        unsafe {
            let layout = entry_layout(old.total());
            let Some(start) = NonNull::new(realloc(self.pointer(), layout, new.total())) else {
                handle_alloc_error(entry_layout(new.total()))
            };
            let start = start.as_ptr();
            write_varint(start.add(HEAD_BYTES + varint_len(old.key_len)), len);
            if len > old.payload_len {
                let at = start.add(old.total());
                ptr::write_bytes(at, 0, len - old.payload_len);
            }
            self.set_pointer(start);
        }
    }

    /// Moves the value, bit by bit, into a new entry with this key and deadline.
    pub fn rebuild(&mut self, key: Option<&[u8]>, deadline: Option<i64>) {
        let entry = self.full();
        let key = key.unwrap_or(entry.key());
        let made = Slot::create(entry.head(), deadline, key, entry.payload());
        let old = std::mem::replace(self, made.with_fragment(self.fragment()));
        // The value belongs to the new entry now.
        old.free_entry_only();
    }

    /// Changes the deadline of the entry.
    pub fn set_deadline(&mut self, deadline: Option<i64>) {
        let entry = self.full();
        match (entry.expires_at(), deadline) {
            (None, None) => {}
            (Some(_), Some(new)) => {
                let at = entry.shape().key_start - DEADLINE_BYTES;
                // SAFETY: the entry has the deadline's bytes, and is borrowed mutably.
                unsafe { write_deadline(self.pointer().add(at), new) }
            }
            _ => self.rebuild(None, deadline),
        }
    }

    /// The object of an entry of that encoding.
    pub fn object_mut(&mut self) -> Option<&mut Object> {
        let entry = self.full();
        if entry.encoding() != Encoding::Object {
            return None;
        }
        // SAFETY: a live `Box<Object>` of which this entry is the only owner, and
        // the slot is borrowed mutably.
        Some(unsafe { &mut *pointer_in::<Object>(entry.payload()) })
    }

    /// The bytes of a big string, copied first if a reply shares them.
    pub fn shared_mut(&mut self) -> Option<&mut Vec<u8>> {
        let entry = self.full();
        if entry.encoding() != Encoding::RawShared {
            return None;
        }
        let at = entry.shape().payload_start();
        let pointer = pointer_in::<Vec<u8>>(entry.payload());
        // SAFETY: a live Arc whose count is the entry's. `make_mut` leaves one that
        // nobody else owns; its pointer goes back into the entry before any use.
        unsafe {
            let mut owner = ManuallyDrop::new(Arc::from_raw(pointer));
            Arc::make_mut(&mut owner);
            let own = Arc::into_raw(ManuallyDrop::into_inner(owner)).cast_mut();
            let bytes = (own.expose_provenance() as u64).to_le_bytes();
            ptr::copy_nonoverlapping(bytes.as_ptr(), self.pointer().add(at), POINTER_BYTES);
            Some(&mut *own)
        }
    }

    /// Moves the entry to a better place for the allocator, if there is one. O(bytes).
    pub fn relocate(&mut self) -> bool {
        let Some(start) = NonNull::new(self.pointer()) else {
            return false;
        };
        let total = self.full().shape().total();
        let layout = entry_layout(total);
        // SAFETY: this slot owns the allocation, of that layout, and is borrowed mutably: the
        // bytes move to a block of the same size, and nothing points at the old one.
        unsafe {
            let Some(place) = relocation::better_place(start, layout) else {
                return false;
            };
            ptr::copy_nonoverlapping(start.as_ptr(), place.as_ptr(), total);
            self.set_pointer(place.as_ptr());
            relocation::retire(start, layout);
        }
        true
    }

    /// Frees the allocation but not what its payload points at.
    fn free_entry_only(self) {
        let slot = ManuallyDrop::new(self);
        let total = slot.full().shape().total();
        // SAFETY: this slot owned the allocation, of that layout, and is gone now.
        unsafe { dealloc(slot.pointer(), entry_layout(total)) }
    }
}

impl Drop for Slot {
    #[inline]
    fn drop(&mut self) {
        let Some(entry) = self.entry() else { return };
        let payload = entry.payload();
        // SAFETY: the entry owns what its encoding says; nothing uses it after this.
        unsafe {
            match entry.encoding() {
                Encoding::RawShared => drop(Arc::from_raw(pointer_in::<Vec<u8>>(payload))),
                Encoding::Object => drop(Box::from_raw(pointer_in::<Object>(payload))),
                _ => {}
            }
            let total = entry.shape().total();
            dealloc(self.pointer(), entry_layout(total));
        }
    }
}

#[inline]
fn entry_layout(bytes: usize) -> Layout {
    Layout::from_size_align(bytes, ALIGNMENT).expect("an entry is smaller than the address space")
}

#[inline]
fn address(start: *mut u8) -> u64 {
    let address = start.expose_provenance() as u64;
    assert!(
        address >> POINTER_BITS == 0,
        "addresses have at most 48 bits"
    );
    address
}

/// # Safety
/// `at` must be valid for `varint_len(value)` bytes.
#[inline]
unsafe fn write_varint(mut at: *mut u8, mut value: usize) {
    // SAFETY: the caller's promise; one byte for each 7 bits.
    unsafe {
        while value >= 128 {
            at.write(value as u8 | 128);
            at = at.add(1);
            value >>= 7;
        }
        at.write(value as u8);
    }
}

/// # Safety
/// `at` must be valid for `DEADLINE_BYTES` bytes.
#[inline]
unsafe fn write_deadline(at: *mut u8, deadline: i64) {
    let bytes = deadline.clamp(0, DEADLINE_MAX).to_le_bytes();
    // SAFETY: the caller's promise.
    unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), at, DEADLINE_BYTES) }
}
