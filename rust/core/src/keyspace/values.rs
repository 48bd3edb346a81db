//! Values on their way into a table and out of it.
//!
//! Which encoding a new string gets is decided here, once: `NewValue::with_payload`.
//! Cost: O(bytes copied).

use std::sync::Arc;

use super::database::Database;
use super::entry::{Entry, Value};
use super::layout::{Encoding, Kind, int_width};
use super::slot::{Slot, object_payload, shared_payload};
use crate::output::SHARED_BYTES_MIN;
use crate::text::integer;
use crate::types::Object;

/// Longest string that OBJECT ENCODING calls "embstr".
pub(super) const EMBSTR_BYTES_MAX: usize = 44;

/// A value to be stored.
#[derive(Debug)]
pub enum NewValue<'a> {
    /// A string, stored as its bytes suggest: int, embstr or raw.
    String(&'a [u8]),
    /// A string that stays text even where its bytes are a number's: embstr or raw.
    Text(&'a [u8]),
    /// The canonical text of a number.
    Int(i64),
    /// A string that counts as edited: always raw.
    RawString(&'a [u8]),
    /// A string that may be shared with its sender if it is big.
    SharedString(Arc<Vec<u8>>),
    /// A small collection as bytes.
    Packed {
        kind: Kind,
        encoding: Encoding,
        bytes: &'a [u8],
    },
    /// A large collection.
    Object { kind: Kind, object: Box<Object> },
}

/// What happens to the deadline of a key that gets a new value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expiry {
    /// As it was.
    Keep,
    /// No deadline.
    None,
    /// Milliseconds since 1970, at most `DEADLINE_MAX`.
    At(i64),
}

/// What stood at a key before it was set.
#[derive(Debug)]
pub enum Replaced {
    /// Nothing: the key is new.
    Nothing,
    /// A value of this kind that lay in its entry and was overwritten there.
    Small(Kind),
    /// A value that the caller may free elsewhere.
    Removed(Removed),
}

impl Replaced {
    /// The kind of the old value, if the key existed.
    pub fn kind(&self) -> Option<Kind> {
        match self {
            Replaced::Nothing => None,
            Replaced::Small(kind) => Some(*kind),
            Replaced::Removed(removed) => Some(removed.kind()),
        }
    }
}

/// A key and its value that are in no table (any more). Dropping it frees them, in
/// whatever thread.
pub struct Removed(pub(super) Slot);

impl Removed {
    pub fn entry(&self) -> Entry<'_> {
        self.0.full()
    }

    pub fn key(&self) -> &[u8] {
        self.entry().key()
    }

    pub fn kind(&self) -> Kind {
        self.entry().kind()
    }

    pub fn expires_at(&self) -> Option<i64> {
        self.entry().expires_at()
    }

    pub fn memory_bytes(&self) -> usize {
        self.entry().memory_bytes()
    }

    /// How many allocations dropping it frees, about.
    pub fn free_effort(&self) -> usize {
        match self.entry().value() {
            Value::Object(object) => 1 + object.free_effort(),
            Value::Shared(_) => 2,
            _ => 1,
        }
    }
}

impl Entry<'_> {
    /// A copy that is in no table, for `insert_removed` (COPY).
    pub fn duplicate(self) -> Removed {
        Removed(Slot::copy_of(self))
    }
}

impl std::fmt::Debug for Removed {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            formatter,
            "Removed({:?}, {:?})",
            self.kind(),
            self.key().escape_ascii().to_string()
        )
    }
}

impl NewValue<'_> {
    /// The kind that the value will have.
    pub fn kind(&self) -> Kind {
        match self {
            NewValue::Packed { kind, .. } | NewValue::Object { kind, .. } => *kind,
            _ => Kind::String,
        }
    }

    /// Calls `store` with the kind, the encoding and the bytes to store.
    #[inline]
    pub(super) fn with_payload<R>(self, store: impl FnOnce(Kind, Encoding, &[u8]) -> R) -> R {
        let int = |value: i64| (int_width(value), value.to_le_bytes());
        match self {
            NewValue::Int(value) => {
                let (width, bytes) = int(value);
                store(Kind::String, Encoding::Int, &bytes[..width])
            }
            NewValue::String(text) => {
                if let Some(value) = integer::parse(text) {
                    let (width, bytes) = int(value);
                    store(Kind::String, Encoding::Int, &bytes[..width])
                } else {
                    NewValue::Text(text).with_payload(store)
                }
            }
            NewValue::Text(text) => {
                if text.len() <= EMBSTR_BYTES_MAX {
                    store(Kind::String, Encoding::Embstr, text)
                } else {
                    NewValue::RawString(text).with_payload(store)
                }
            }
            NewValue::RawString(text) => {
                if text.len() < SHARED_BYTES_MIN {
                    store(Kind::String, Encoding::Raw, text)
                } else {
                    let bytes = Arc::new(text.to_vec());
                    store(Kind::String, Encoding::RawShared, &shared_payload(bytes))
                }
            }
            NewValue::SharedString(bytes) => {
                if bytes.len() < SHARED_BYTES_MIN {
                    NewValue::String(&bytes).with_payload(store)
                } else {
                    store(Kind::String, Encoding::RawShared, &shared_payload(bytes))
                }
            }
            NewValue::Packed {
                kind,
                encoding,
                bytes,
            } => {
                assert!(
                    encoding.is_packed(),
                    "{encoding:?} is not a packed encoding"
                );
                store(kind, encoding, bytes)
            }
            NewValue::Object { kind, object } => {
                store(kind, Encoding::Object, &object_payload(object))
            }
        }
    }
}

// Values are freed in the background.
const _: () = {
    const fn is_send<T: Send>() {}
    is_send::<Removed>();
    is_send::<Database>();
};
