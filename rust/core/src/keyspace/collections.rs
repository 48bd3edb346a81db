//! Collections in the keyspace: an entry is the home of one.
//!
//! A small collection is bytes in its entry and is edited there; a large one is an
//! object that the entry points at. Which it is may change at any edit.

use std::ops::Range;

use super::database::Database;
use super::edit::EntryMut;
use super::entry::{Entry, Value};
use super::layout::{Encoding, Kind};
use super::values::{Expiry, NewValue};
use crate::types::home::{Content, Detached, Form, Home};
use crate::types::list::packed;
use crate::types::{Object, packed::PackedBuffer, packed_table};

impl From<Form> for Encoding {
    #[inline]
    fn from(form: Form) -> Encoding {
        match form {
            Form::Packed => Encoding::Packed,
            Form::PackedIntegers => Encoding::PackedIntegers,
            Form::PackedTimed => Encoding::PackedTimed,
            Form::Object => Encoding::Object,
        }
    }
}

impl<'a> Entry<'a> {
    /// The collection in the entry; None for a string.
    #[inline]
    pub fn content(self) -> Option<Content<'a>> {
        match self.value() {
            Value::Packed(bytes) => Some(Content::Packed(form_of(self.encoding()), bytes)),
            Value::Object(object) => Some(Content::Object(object)),
            _ => None,
        }
    }
}

#[inline]
fn form_of(encoding: Encoding) -> Form {
    match encoding {
        Encoding::PackedIntegers => Form::PackedIntegers,
        Encoding::PackedTimed => Form::PackedTimed,
        Encoding::Object => Form::Object,
        _ => Form::Packed,
    }
}

impl<'a> NewValue<'a> {
    /// A collection that was made outside the keyspace. A large one is taken out.
    pub fn of_detached(kind: Kind, collection: &'a mut Detached) -> NewValue<'a> {
        if let Some(object) = collection.take_object() {
            return NewValue::Object { kind, object };
        }
        NewValue::Packed {
            kind,
            encoding: collection.content().form().into(),
            bytes: collection.bytes(),
        }
    }
}

impl PackedBuffer for EntryMut<'_> {
    #[inline]
    fn bytes(&self) -> &[u8] {
        match self.entry().value() {
            Value::Packed(bytes) => bytes,
            other => unreachable!("a collection outside its entry: {other:?}"),
        }
    }

    #[inline]
    fn splice(&mut self, range: Range<usize>, with: &[u8]) {
        EntryMut::splice(self, range, with);
    }
}

impl Home for EntryMut<'_> {
    #[inline]
    fn content(&self) -> Content<'_> {
        self.entry()
            .content()
            .expect("a key that holds a collection")
    }

    #[inline]
    fn object_mut(&mut self) -> Option<&mut Object> {
        EntryMut::object_mut(self)
    }

    fn set_form(&mut self, form: Form) {
        self.set_inline_encoding(form.into());
    }

    fn become_object(&mut self, object: Object) {
        let (kind, object) = (self.kind(), Box::new(object));
        self.replace_value(NewValue::Object { kind, object }, Expiry::Keep);
    }

    fn become_packed(&mut self, form: Form, bytes: &[u8]) {
        let (kind, encoding) = (self.kind(), form.into());
        let value = NewValue::Packed {
            kind,
            encoding,
            bytes,
        };
        self.replace_value(value, Expiry::Keep);
    }
}

impl Database {
    /// Changes the collection at `key`, which must be there, without anybody noticing.
    pub fn edit_members<R>(&mut self, key: &[u8], edit: impl FnOnce(&mut EntryMut<'_>) -> R) -> R {
        let mut entry = self.find_mut(key).expect("a key that was found before");
        let had_deadlines = entry.entry().members_due_at().is_some();
        let result = edit(&mut entry);
        entry.settle_members(had_deadlines);
        result
    }
}

/// Where an edit finds its collection: in the keyspace, or not made yet.
///
/// A new collection is built outside and enters the keyspace when the edit is over, if
/// something was put into it.
pub enum Place<'a> {
    Entry(EntryMut<'a>),
    New(&'a mut Detached),
}

impl Place<'_> {
    /// True while there is no such key.
    pub fn is_new(&self) -> bool {
        matches!(self, Place::New(_))
    }

    /// True when nothing is in the collection.
    pub fn is_empty(&self, kind: Kind) -> bool {
        is_empty(kind, self.content())
    }
}

/// True when a collection of this kind has nothing in it.
pub fn is_empty(kind: Kind, content: Content<'_>) -> bool {
    match content {
        Content::Packed(_, bytes) if kind == Kind::List => bytes.len() <= packed::EMPTY.len(),
        // The width may be left of a set of integers.
        Content::Packed(Form::PackedIntegers, bytes) => bytes.len() <= 1,
        Content::Packed(Form::PackedTimed, bytes) => bytes.len() <= packed_table::EARLIEST_BYTES,
        Content::Packed(_, bytes) => bytes.is_empty(),
        Content::Object(object) => object.is_empty(),
    }
}

impl PackedBuffer for Place<'_> {
    #[inline]
    fn bytes(&self) -> &[u8] {
        match self {
            Place::Entry(entry) => entry.bytes(),
            Place::New(collection) => collection.bytes(),
        }
    }

    #[inline]
    fn splice(&mut self, range: Range<usize>, with: &[u8]) {
        match self {
            Place::Entry(entry) => PackedBuffer::splice(entry, range, with),
            Place::New(collection) => PackedBuffer::splice(*collection, range, with),
        }
    }
}

impl Home for Place<'_> {
    #[inline]
    fn content(&self) -> Content<'_> {
        match self {
            Place::Entry(entry) => entry.content(),
            Place::New(collection) => collection.content(),
        }
    }

    #[inline]
    fn object_mut(&mut self) -> Option<&mut Object> {
        match self {
            Place::Entry(entry) => Home::object_mut(entry),
            Place::New(collection) => collection.object_mut(),
        }
    }

    fn set_form(&mut self, form: Form) {
        match self {
            Place::Entry(entry) => entry.set_form(form),
            Place::New(collection) => collection.set_form(form),
        }
    }

    fn become_object(&mut self, object: Object) {
        match self {
            Place::Entry(entry) => entry.become_object(object),
            Place::New(collection) => collection.become_object(object),
        }
    }

    fn become_packed(&mut self, form: Form, bytes: &[u8]) {
        match self {
            Place::Entry(entry) => entry.become_packed(form, bytes),
            Place::New(collection) => collection.become_packed(form, bytes),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::HashSeed;
    use crate::types::{Hash, HashMut, Limits, Set, SetMut};

    #[test]
    fn a_hash_grows_out_of_its_entry() {
        let seed = HashSeed::fixed(1);
        let limits = Limits::of_hashes(&seed);
        let mut database = Database::new(seed.clone());
        let mut made = Detached::new();
        HashMut::new(&mut made, limits, 0).set_all([(&b"f"[..], &b"1"[..])].into_iter());
        database.set(
            b"k",
            NewValue::of_detached(Kind::Hash, &mut made),
            Expiry::At(9),
        );
        for number in 0..600_u32 {
            let mut entry = database.find_mut(b"k").unwrap();
            let is_packed = entry.encoding() == Encoding::Packed;
            assert_eq!(is_packed, number < 512, "{number} fields");
            let mut hash = HashMut::new(&mut entry, limits, 0);
            assert_eq!(hash.increment(b"f", 2), Ok(3 + 2 * i64::from(number)));
            let name = number.to_string();
            hash.set(name.as_bytes(), b"v", crate::types::record::Deadline::Clear);
        }
        let entry = database.find(b"k").unwrap();
        let hash = Hash::new(entry.content().unwrap(), 0);
        assert_eq!((hash.len(), entry.expires_at()), (601, Some(9)));
        assert!((0..600).all(|number| hash.get(number.to_string().as_bytes()).unwrap().is(b"v")));
        assert_eq!(entry.encoding().name(entry.kind()), "hashtable");
        database.check().unwrap();
    }

    #[test]
    fn a_set_changes_its_form_in_its_entry() {
        let seed = HashSeed::fixed(1);
        let limits = Limits::of_sets(&seed);
        let mut database = Database::new(seed.clone());
        let mut made = Detached::new();
        SetMut::new(&mut made, limits, 0).add(b"5");
        database.set(
            b"k",
            NewValue::of_detached(Kind::Set, &mut made),
            Expiry::None,
        );
        let mut names = Vec::new();
        for member in ["5", "7", "300000", "x", "y", &"z".repeat(65)] {
            let mut entry = database.find_mut(b"k").unwrap();
            SetMut::new(&mut entry, limits, 0).add(member.as_bytes());
            names.push(entry.encoding().name(Kind::Set));
        }
        let expected = [
            "intset",
            "intset",
            "intset",
            "listpack",
            "listpack",
            "hashtable",
        ];
        assert_eq!(names, expected);
        let set = Set::new(database.find(b"k").unwrap().content().unwrap(), 0);
        assert_eq!(set.len(), 6);
        assert!(set.contains(b"300000") && set.contains(b"y") && !set.contains(b"z"));
        database.check().unwrap();
    }
}
