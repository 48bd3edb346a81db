//! Where a collection lives, so that it can change its form there.
//!
//!     content   packed bytes, with the form that says how to read them
//!               or an object, which is large
//!
//! The keyspace's entry is such a home; `Detached` is one outside the keyspace, for
//! collections that are still being made (a new key, a file being loaded, the result
//! of SUNIONSTORE).

use std::ops::Range;

use super::Object;
use super::packed::PackedBuffer;
use crate::seed::HashSeed;

/// How a collection's bytes are to be read, or that it is an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Form {
    /// One run of elements.
    Packed,
    /// A set of integers (`int_set`).
    PackedIntegers,
    /// A run of elements with deadlines.
    PackedTimed,
    /// A large structure.
    Object,
}

/// What is in a home.
#[derive(Debug, Clone, Copy)]
pub enum Content<'a> {
    Packed(Form, &'a [u8]),
    Object(&'a Object),
}

impl Content<'_> {
    #[inline]
    pub fn form(&self) -> Form {
        match self {
            Content::Packed(form, _) => *form,
            Content::Object(_) => Form::Object,
        }
    }

    /// Bytes of memory that the elements take.
    pub fn memory_bytes(&self) -> usize {
        match self {
            Content::Packed(_, bytes) => bytes.len(),
            Content::Object(object) => object.memory_bytes(),
        }
    }
}

/// See the head of this file. `PackedBuffer`'s methods are for packed content only.
pub trait Home: PackedBuffer {
    fn content(&self) -> Content<'_>;

    /// The object; None for packed content.
    fn object_mut(&mut self) -> Option<&mut Object>;

    /// Says how the packed bytes are to be read from now on.
    fn set_form(&mut self, form: Form);

    /// Puts an object in the place of what was here.
    fn become_object(&mut self, object: Object);

    /// Puts packed bytes in the place of what was here.
    fn become_packed(&mut self, form: Form, bytes: &[u8]);
}

/// Up to where a collection is packed, and how a large one hashes.
#[derive(Clone, Copy)]
pub struct Limits<'a> {
    /// Most fields or members: `hash-max-listpack-entries`, `set-max-listpack-entries`.
    pub entries_max: usize,
    /// Longest field, value or member: `…-max-listpack-value`.
    pub bytes_max: usize,
    /// Most members of a set of integers: `set-max-intset-entries`.
    pub integers_max: usize,
    /// The same for all collections of the process.
    pub seed: &'a HashSeed,
}

impl<'a> Limits<'a> {
    /// Valkey's defaults for hashes.
    pub fn of_hashes(seed: &'a HashSeed) -> Limits<'a> {
        Limits {
            entries_max: 512,
            bytes_max: 64,
            integers_max: 0,
            seed,
        }
    }

    /// Valkey's defaults for sets.
    pub fn of_sets(seed: &'a HashSeed) -> Limits<'a> {
        Limits {
            entries_max: 128,
            bytes_max: 64,
            integers_max: 512,
            seed,
        }
    }
}

/// A collection that is not in the keyspace.
#[derive(Debug, Clone)]
pub struct Detached {
    form: Form,
    bytes: Vec<u8>,
    object: Option<Box<Object>>,
}

impl Detached {
    /// A collection without anything in it, packed.
    pub fn new() -> Detached {
        Detached::of_packed(Form::Packed, Vec::new())
    }

    /// Adopts packed bytes, which must be valid for the form.
    pub fn of_packed(form: Form, bytes: Vec<u8>) -> Detached {
        Detached {
            form,
            bytes,
            object: None,
        }
    }

    /// Empties it for another collection, but keeps its buffer.
    pub fn clear(&mut self) {
        self.bytes.clear();
        (self.form, self.object) = (Form::Packed, None);
    }

    /// Takes a large collection out; None if it is packed.
    pub fn take_object(&mut self) -> Option<Box<Object>> {
        self.object.take()
    }
}

impl Default for Detached {
    fn default() -> Self {
        Detached::new()
    }
}

impl PackedBuffer for Detached {
    #[inline]
    fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    #[inline]
    fn splice(&mut self, range: Range<usize>, with: &[u8]) {
        PackedBuffer::splice(&mut self.bytes, range, with);
    }
}

impl Home for Detached {
    #[inline]
    fn content(&self) -> Content<'_> {
        match &self.object {
            Some(object) => Content::Object(object),
            None => Content::Packed(self.form, &self.bytes),
        }
    }

    #[inline]
    fn object_mut(&mut self) -> Option<&mut Object> {
        self.object.as_deref_mut()
    }

    fn set_form(&mut self, form: Form) {
        self.form = form;
    }

    fn become_object(&mut self, object: Object) {
        self.clear();
        (self.form, self.object) = (Form::Object, Some(Box::new(object)));
    }

    fn become_packed(&mut self, form: Form, bytes: &[u8]) {
        self.clear();
        self.form = form;
        self.bytes.extend_from_slice(bytes);
    }
}
