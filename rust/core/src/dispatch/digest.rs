//! DEBUG DIGEST: one number for all data, the same that the real servers answer.
//!
//!     ordered(d, x)   = sha1(d xor sha1(x))    the order of the parts counts
//!     unordered(d, x) = d xor sha1(x)          it does not
//!
//!     value:   d ← ordered its type (0 string, 1 list, 2 set, 3 sorted set, 4 hash,
//!              6 stream; 4 bytes, big endian), then
//!         string      ordered its text
//!         list        ordered each element
//!         set         unordered each member
//!         sorted set  unordered the pair of each member and its score's shortest text
//!         hash        unordered the pair of each field and its value
//!         stream      for each entry ordered `ms.seq`, then each field and value
//!         deadline    unordered "!!expire!!", for whatever has one
//!     pair:    ordered(ordered(0, first), second)
//!     key:     a value whose d begins as ordered(0, name)
//!     all:     for each database that is not empty: ordered its number (4 bytes, big
//!              endian), then unordered each key
//!
//! Neither deadlines themselves nor those of fields count, so a slow replica is equal.
//! Found by comparing with Redis 8.2 and Valkey 9.1; the tests hold what they answered.

use super::data::Access;
use super::engine::Engine;
use super::error::Failure;
use crate::keyspace::strings::IntText;
use crate::keyspace::{Entry, Kind, Value};
use crate::text::double;
use crate::text::sha1::{hex, sha1};
use crate::types::list::packed::PackedList;
use crate::types::sorted_set::packed::PackedSortedSet;
use crate::types::stream::StreamId;
use crate::types::{Content, Hash, Object, Set};

/// A digest in the making.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Digest([u8; 20]);

impl Digest {
    /// Mixes a part in after all that came before.
    pub fn ordered(&mut self, part: &[u8]) {
        self.unordered(part);
        self.0 = sha1(&self.0);
    }

    /// Mixes a part in that may as well have come earlier or later.
    pub fn unordered(&mut self, part: &[u8]) {
        for (own, other) in self.0.iter_mut().zip(sha1(part)) {
            *own ^= other;
        }
    }

    /// Mixes a hash's field in.
    pub fn pair(&mut self, first: &[u8], second: &[u8]) {
        let mut pair = Digest::default();
        pair.ordered(first);
        pair.ordered(second);
        self.unordered(&pair.0);
    }

    /// Mixes a sorted set's member in.
    pub fn scored(&mut self, member: &[u8], score: f64) {
        let mut text = Vec::new();
        double::format_shortest(score, &mut text);
        self.pair(member, &text);
    }

    /// Mixes the beginning of a stream's entry in; its fields and values follow `ordered`.
    pub fn stream_entry(&mut self, ms: u64, sequence: u64) {
        self.ordered(format!("{ms}.{sequence}").as_bytes());
    }

    /// Forty hexadecimal digits.
    pub fn hex(&self) -> String {
        String::from_utf8_lossy(&hex(&self.0)).into_owned()
    }

    fn number(&mut self, number: u32) {
        self.ordered(&number.to_be_bytes());
    }

    /// Mixes a value in, its type and whether it has a deadline.
    fn entry(&mut self, entry: Entry<'_>, now_ms: i64) -> Result<(), Failure> {
        self.number(type_number(entry.kind()));
        match entry.value() {
            Value::Bytes(bytes) => self.ordered(bytes),
            Value::Shared(shared) => self.ordered(shared.bytes()),
            Value::Int(number) => self.ordered(IntText::new().format(number).as_bytes()),
            Value::Packed(_) | Value::Object(_) => {
                let content = entry.content().ok_or_else(|| unknown(entry.kind()))?;
                self.collection(entry.kind(), content, now_ms)?;
            }
        }
        if entry.expires_at().is_some() {
            self.unordered(b"!!expire!!");
        }
        Ok(())
    }

    /// Mixes the elements of a collection in, but those whose deadline has come.
    fn collection(&mut self, kind: Kind, content: Content<'_>, now_ms: i64) -> Result<(), Failure> {
        let (mut one, mut other) = (IntText::new(), IntText::new());
        match (kind, content) {
            (Kind::Hash, _) => {
                for record in Hash::new(content, now_ms).items() {
                    self.pair(record.key.bytes(&mut one), record.value.bytes(&mut other));
                }
            }
            (Kind::Set, _) => {
                for member in Set::new(content, now_ms).iter() {
                    self.unordered(member.bytes(&mut one));
                }
            }
            (Kind::List, Content::Packed(_, bytes)) => {
                for element in PackedList::new(bytes).iter() {
                    self.ordered(element.bytes(&mut one));
                }
            }
            (Kind::List, Content::Object(Object::List(list))) => {
                list.visit(0..list.len(), |element| self.ordered(element));
            }
            (Kind::SortedSet, Content::Packed(_, bytes)) => {
                for (member, score) in PackedSortedSet::new(bytes).iter() {
                    self.scored(member.bytes(&mut one), score);
                }
            }
            (Kind::SortedSet, Content::Object(Object::SortedSet(set))) => {
                let is_due = |at: Option<i64>| at.is_some_and(|at| at <= now_ms);
                for (member, score) in set.iter() {
                    if !is_due(set.deadline(member)) {
                        self.scored(member, score);
                    }
                }
            }
            (Kind::Stream, Content::Object(Object::Stream(stream))) => {
                for entry in stream.range(StreamId::ZERO, StreamId::MAX) {
                    self.stream_entry(entry.id.ms, entry.id.seq);
                    for (name, value) in entry.pairs() {
                        self.ordered(name.bytes(&mut one));
                        self.ordered(value.bytes(&mut other));
                    }
                }
            }
            _ => return Err(unknown(kind)),
        }
        Ok(())
    }
}

fn type_number(kind: Kind) -> u32 {
    match kind {
        Kind::String => 0,
        Kind::List => 1,
        Kind::Set => 2,
        Kind::SortedSet => 3,
        Kind::Hash => 4,
        Kind::Stream => 6,
    }
}

/// A digest that leaves a value out would call different data equal.
fn unknown(kind: Kind) -> Failure {
    Failure::Text(format!("ERR DEBUG DIGEST does not know type {} yet", kind.name()).into_bytes())
}

impl Engine {
    /// DEBUG DIGEST: all databases.
    pub fn digest(&self) -> Result<Digest, Failure> {
        let mut all = Digest::default();
        for (number, database) in self.databases.iter().enumerate() {
            if database.is_empty() {
                continue;
            }
            all.number(number as u32);
            let mut failure = None;
            database.for_each(|entry| {
                let mut key = Digest::default();
                key.ordered(entry.key());
                if let Err(problem) = key.entry(entry, self.now_ms) {
                    failure = Some(problem);
                }
                all.unordered(&key.0);
            });
            if let Some(failure) = failure {
                return Err(failure);
            }
        }
        Ok(all)
    }

    /// DEBUG DIGEST-VALUE: one value, zero without key.
    pub fn digest_of(&mut self, key: &[u8]) -> Result<Digest, Failure> {
        let mut digest = Digest::default();
        let now_ms = self.now_ms;
        if let Some(entry) = self.read(key, Access::Peek) {
            digest.entry(entry, now_ms)?;
        }
        Ok(digest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keyspace::{Expiry, NewValue};

    fn engine() -> Engine {
        Engine::new(16)
    }

    fn put(engine: &mut Engine, database: usize, key: &[u8], text: &[u8], expiry: Expiry) {
        engine.run.database = database;
        engine.put(key, NewValue::String(text), expiry);
    }

    #[test]
    fn nothing_is_zero() {
        assert_eq!(engine().digest().unwrap().hex(), "0".repeat(40));
        assert_eq!(engine().digest_of(b"a").unwrap().hex(), "0".repeat(40));
    }

    #[test]
    fn strings_are_what_valkey_says() {
        let mut engine = engine();
        put(&mut engine, 0, b"a", b"b", Expiry::None);
        let all = engine.digest().unwrap().hex();
        assert_eq!(all, "479783d7290f02957dfbe3408a858ba13eea1709");
        let value = engine.digest_of(b"a").unwrap().hex();
        assert_eq!(value, "b78559cd22bce6e6df712eb99ce7f3b08e8f8f1f");
        put(&mut engine, 0, b"n", b"12", Expiry::None);
        let value = engine.digest_of(b"n").unwrap().hex();
        assert_eq!(value, "655ac46b180ad2f61a3cee25f0b1780fa2ec879a");
    }

    #[test]
    fn deadlines_count_but_not_their_times() {
        let digest_at = |at: Expiry| {
            let mut engine = engine();
            put(&mut engine, 3, b"a", b"b", at);
            engine.digest().unwrap()
        };
        let far = 1 << 42;
        assert_eq!(
            digest_at(Expiry::At(far)),
            digest_at(Expiry::At(far + 5000))
        );
        assert_ne!(digest_at(Expiry::At(far)), digest_at(Expiry::None));
    }

    #[test]
    fn scores_have_their_shortest_text() {
        let mut one = Digest::default();
        one.scored(b"a", 1e15);
        let mut other = Digest::default();
        other.pair(b"a", b"1e+15");
        assert_eq!(one, other);
    }
}
