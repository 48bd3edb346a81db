//! What DEBUG looks at and does that no other command needs.

use super::data::Access;
use super::engine::Engine;
use super::session::Session;
use crate::keyspace::strings::IntText;
use crate::keyspace::{Entry, Expiry, NewValue, Value};
use crate::output::Output;
use crate::text::integer;

/// DEBUG OBJECT's facts of one key.
#[derive(Debug)]
pub struct ObjectFacts {
    /// Where its entry lies; says nothing but that it moved.
    pub address: usize,
    pub clock: u32,
    /// Bytes in a dump, uncompressed; none for what is no string.
    pub serialized_bytes: Option<usize>,
    /// Bytes of the key's name and of the string, and what the string could grow in place.
    pub key_bytes: usize,
    pub text_bytes: Option<usize>,
}

impl Engine {
    /// Creates `count` strings `prefix:number`, for tests of large data sets. What is
    /// there already stays. Neither the journal nor subscribers hear of it.
    pub fn populate(&mut self, count: u64, prefix: &[u8], value_bytes: usize) {
        let mut key = prefix.to_vec();
        key.push(b':');
        let mut value = b"value:".to_vec();
        for number in 0..count {
            key.truncate(prefix.len() + 1);
            integer::write_u64(number, &mut key);
            if self.read(&key, Access::Peek).is_some() {
                continue;
            }
            value.truncate(b"value:".len());
            integer::write_u64(number, &mut value);
            if value_bytes > 0 {
                // Longer ones are filled up with zeros, shorter ones cut.
                let mut text = value.clone();
                text.resize(value_bytes, 0);
                self.put(&key, NewValue::String(&text), Expiry::None);
            } else {
                self.put(&key, NewValue::String(&value), Expiry::None);
            }
        }
    }

    /// DEBUG OBJECT and SDSLEN; None without key.
    pub fn object_facts(&mut self, key: &[u8]) -> Option<ObjectFacts> {
        let entry = self.read(key, Access::Peek)?;
        Some(ObjectFacts {
            address: entry.key().as_ptr().addr(),
            clock: entry.clock(),
            serialized_bytes: dump_bytes(entry),
            key_bytes: entry.key().len(),
            text_bytes: match entry.value() {
                Value::Bytes(bytes) => Some(bytes.len()),
                Value::Shared(shared) => Some(shared.bytes().len()),
                _ => None,
            },
        })
    }
}

/// How long a string is in an RDB file that is not compressed.
fn dump_bytes(entry: Entry<'_>) -> Option<usize> {
    let length = match entry.value() {
        Value::Int(number) => match number {
            -0x80..0x80 => return Some(2),
            -0x8000..0x8000 => return Some(3),
            -0x8000_0000..0x8000_0000 => return Some(5),
            _ => IntText::new().format(number).len(),
        },
        Value::Bytes(bytes) => bytes.len(),
        Value::Shared(shared) => shared.bytes().len(),
        Value::Packed(_) | Value::Object(_) => return None,
    };
    let prefix = match length {
        0..64 => 1,
        64..16_384 => 2,
        _ => 5,
    };
    Some(prefix + length)
}

/// DEBUG STRUCTSIZE: bytes of what there is many of.
pub fn struct_sizes() -> [(&'static str, usize); 4] {
    [
        ("bits", usize::BITS as usize),
        ("session", size_of::<Session>()),
        ("output", size_of::<Output>()),
        ("object", size_of::<crate::types::Object>()),
    ]
}
