//! A block of a stream: some dozens of entries that share field names.
//!
//!     first, last   the ID that the entries count from; the greatest it ever had
//!     bytes         count of names | name … | entry | entry | …
//!     entry         length and whether the names are the block's | ms | seq | rest | back
//!       ms, seq     varints: ms counts from `first`; so does seq where ms is the same
//!       rest        value …, or count of names | (name | value) …
//!       back        the entry's length without this, for reading from the end
//!
//! Names and values are elements of `packed`, so numbers are short. A removed entry
//! leaves nothing behind but a count: like in the servers' listpacks it takes a place
//! (`has_room`), so that blocks end where theirs do, and trimming by whole blocks
//! removes what it removes there. `listpack_bytes` is how long theirs would be.
//!
//! Invariants (`check`): IDs increase, from `first` to `last`; counts are right.
//! Cost: append O(bytes); find O(entries); remove O(bytes behind).

use super::coding::{
    back_bytes, integer_bytes, listpack_element_bytes, read_back, read_varint, write_back,
    write_varint,
};
use super::id::StreamId;
use crate::memory::taken_bytes;
use crate::types::packed::{self, Element, Encoded, Scratch};

/// Up to where a block takes entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlockLimits {
    /// `stream-node-max-entries`; 0: no limit.
    pub entries_max: usize,
    /// `stream-node-max-bytes`; 0: no limit.
    pub bytes_max: usize,
}

/// However large a block may be, it is no larger.
const BLOCK_BYTES_MAX: usize = 1 << 30;
/// Bytes of a listpack without anything in it.
const LISTPACK_BYTES: usize = 7;

impl Default for BlockLimits {
    fn default() -> Self {
        BlockLimits {
            entries_max: 100,
            bytes_max: 4096,
        }
    }
}

impl BlockLimits {
    fn bytes_max(self) -> usize {
        match self.bytes_max {
            0 => BLOCK_BYTES_MAX,
            bytes => bytes.min(BLOCK_BYTES_MAX),
        }
    }
}

/// See the head of this file.
#[derive(Debug, Clone, Default)]
pub struct Block {
    first: StreamId,
    last: StreamId,
    len: u32,
    removed: u32,
    /// What the elements of names and entries would take in a listpack.
    element_bytes: u32,
    /// Where the entries begin.
    entries_at: u32,
    bytes: Vec<u8>,
}

/// An entry in its block.
#[derive(Debug, Clone, Copy)]
pub struct Entry<'a> {
    pub id: StreamId,
    /// How many names it has.
    pub count: usize,
    /// The block's names, if it has the same.
    names: Option<&'a [u8]>,
    rest: &'a [u8],
}

impl<'a> Entry<'a> {
    /// Its names with their values.
    #[inline]
    pub fn pairs(self) -> impl Iterator<Item = (Element<'a>, Element<'a>)> {
        let (mut at, mut name_at) = (0, 0);
        (0..self.count).map(move |_| {
            let name = match self.names {
                Some(names) => {
                    let (name, next) = packed::read::<false>(names, name_at);
                    name_at = next;
                    name
                }
                None => {
                    let (name, next) = packed::read::<false>(self.rest, at);
                    at = next;
                    name
                }
            };
            let (value, next) = packed::read::<false>(self.rest, at);
            at = next;
            (name, value)
        })
    }

    /// Whether its names are those of its block.
    pub fn has_block_names(self) -> bool {
        self.names.is_some()
    }
}

impl Block {
    /// A block that will begin with an entry of this ID and these names.
    pub fn new<'e>(first: StreamId, names: impl ExactSizeIterator<Item = &'e [u8]>) -> Block {
        let mut scratch = Scratch::new();
        let count = names.len();
        let mut element_bytes = integer_bytes(count as i64) + integer_bytes(0);
        write_varint(count as u64, &mut scratch);
        for name in names {
            let element = Element::new(name);
            element_bytes += listpack_element_bytes(element);
            Encoded::of(element).write::<false>(&mut scratch);
        }
        Block {
            first,
            last: first,
            len: 0,
            removed: 0,
            element_bytes: u32::try_from(element_bytes).unwrap_or(u32::MAX),
            entries_at: scratch.len() as u32,
            bytes: scratch.to_vec(),
        }
    }

    #[inline]
    pub fn len(&self) -> usize {
        self.len as usize
    }

    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// What the IDs count from.
    pub fn base(&self) -> StreamId {
        self.first
    }

    /// The greatest ID that an entry of it ever had.
    pub fn last(&self) -> StreamId {
        self.last
    }

    /// Bytes of memory behind this.
    pub fn memory_bytes(&self) -> usize {
        taken_bytes(self.bytes.capacity())
    }

    /// Bytes that the servers' listpack would have.
    pub fn listpack_bytes(&self) -> usize {
        let counts = integer_bytes(self.len.into()) + integer_bytes(self.removed.into());
        LISTPACK_BYTES + counts + self.element_bytes as usize
    }

    /// Whether an entry with so many bytes of names and values may still come.
    #[inline]
    pub fn has_room(&self, limits: BlockLimits, text_bytes: usize) -> bool {
        let taken = self.len() + self.removed as usize;
        (limits.entries_max == 0 || taken < limits.entries_max)
            && self.listpack_bytes() + text_bytes < limits.bytes_max()
    }

    fn names(&self) -> (usize, &[u8]) {
        let (count, at) = read_varint(&self.bytes, 0);
        (count as usize, &self.bytes[at..self.entries_at as usize])
    }

    /// The names that entries share.
    pub fn shared_names(&self) -> impl Iterator<Item = Element<'_>> {
        let (count, names) = self.names();
        let mut at = 0;
        (0..count).map(move |_| {
            let (name, next) = packed::read::<false>(names, at);
            at = next;
            name
        })
    }

    /// True when `parts` has the block's names in their order.
    fn has_names<'e>(&self, parts: impl ExactSizeIterator<Item = &'e [u8]>) -> bool {
        let (count, names) = self.names();
        if parts.len() != 2 * count {
            return false;
        }
        let mut at = 0;
        for name in parts.step_by(2) {
            let (own, next) = packed::read::<false>(names, at);
            if !own.is(name) {
                return false;
            }
            at = next;
        }
        true
    }

    /// Adds an entry behind all others; `parts` are its names and values by turns.
    pub fn push<'e>(
        &mut self,
        id: StreamId,
        parts: impl ExactSizeIterator<Item = &'e [u8]> + Clone,
    ) {
        let is_same = self.has_names(parts.clone());
        let mut body = Scratch::new();
        let ms = id.ms - self.first.ms;
        write_varint(ms, &mut body);
        let seq_delta = id.seq.wrapping_sub(self.first.seq);
        write_varint(if ms == 0 { seq_delta } else { id.seq }, &mut body);
        let count = parts.len() / 2;
        let mut elements = 3 + parts.len();
        let mut bytes =
            integer_bytes(0) + integer_bytes(ms as i64) + integer_bytes(seq_delta as i64);
        if is_same {
            elements -= count;
        } else {
            write_varint(count as u64, &mut body);
            elements += 1;
            bytes += integer_bytes(count as i64);
        }
        for (at, part) in parts.enumerate() {
            if is_same && at % 2 == 0 {
                continue;
            }
            let element = Element::new(part);
            bytes += listpack_element_bytes(element);
            Encoded::of(element).write::<false>(&mut body);
        }
        bytes += integer_bytes(elements as i64);
        let mut ends = Scratch::new();
        write_varint((body.len() as u64) << 1 | u64::from(is_same), &mut ends);
        let head = ends.len();
        write_back(head + body.len(), &mut ends);
        self.reserve(ends.len() + body.len());
        self.bytes.extend_from_slice(&ends[..head]);
        self.bytes.extend_from_slice(&body);
        self.bytes.extend_from_slice(&ends[head..]);
        self.element_bytes = u32::try_from(self.element_bytes as usize + bytes).unwrap_or(u32::MAX);
        self.last = id;
        self.len += 1;
    }

    /// Grows by a quarter: a block is the only one of its stream that grows.
    fn reserve(&mut self, bytes: usize) {
        let capacity = self.bytes.capacity();
        if capacity - self.bytes.len() < bytes {
            self.bytes.reserve_exact(bytes.max(capacity / 4));
        }
    }

    /// Gives back memory that is kept for more entries.
    pub fn shrink(&mut self) {
        self.bytes.shrink_to_fit();
    }

    /// Where the first entry stands.
    #[inline]
    pub fn start(&self) -> usize {
        self.entries_at as usize
    }

    /// Where the last entry ends.
    #[inline]
    pub fn end(&self) -> usize {
        self.bytes.len()
    }

    /// The length of the entry's head and body, where its body begins and what the
    /// head says.
    #[inline]
    fn head(&self, at: usize) -> (usize, bool) {
        let (head, body) = read_varint(&self.bytes, at);
        (body, head & 1 == 1)
    }

    /// Where the entry behind the one at `at` stands.
    #[inline]
    fn skip(&self, at: usize) -> usize {
        let (head, body) = read_varint(&self.bytes, at);
        let end = body + (head >> 1) as usize;
        end + back_bytes(end - at)
    }

    #[inline]
    fn id_at(&self, body: usize) -> (StreamId, usize) {
        let (ms, at) = read_varint(&self.bytes, body);
        let (seq, at) = read_varint(&self.bytes, at);
        let seq = if ms == 0 {
            self.first.seq.wrapping_add(seq)
        } else {
            seq
        };
        (StreamId::new(self.first.ms + ms, seq), at)
    }

    /// The entry at `at`, and where the next one stands.
    #[inline]
    pub fn entry(&self, at: usize) -> (Entry<'_>, usize) {
        let next = self.skip(at);
        let (body, is_same) = self.head(at);
        let (id, rest) = self.id_at(body);
        let (count, names, rest) = if is_same {
            let (count, names) = self.names();
            (count, Some(names), rest)
        } else {
            let (count, rest) = read_varint(&self.bytes, rest);
            (count as usize, None, rest)
        };
        let entry = Entry {
            id,
            count,
            names,
            rest: &self.bytes[rest..next],
        };
        (entry, next)
    }

    /// Where the entry before `at` stands.
    #[inline]
    pub fn before(&self, at: usize) -> usize {
        let (len, back) = read_back(&self.bytes, at);
        back - len
    }

    /// Where the first entry that is not before `id` stands; `end` if none is.
    pub fn seek(&self, id: StreamId) -> usize {
        let mut at = self.start();
        if id <= self.first {
            return at;
        }
        while at < self.end() {
            let (body, _) = self.head(at);
            if self.id_at(body).0 >= id {
                return at;
            }
            at = self.skip(at);
        }
        at
    }

    /// Where the entry of this ID stands.
    pub fn find(&self, id: StreamId) -> Option<usize> {
        if id > self.last {
            return None;
        }
        let at = self.seek(id);
        (at < self.end() && self.id_at(self.head(at).0).0 == id).then_some(at)
    }

    /// The entries, in order.
    pub fn iter(&self) -> impl Iterator<Item = Entry<'_>> {
        let mut at = self.start();
        std::iter::from_fn(move || {
            (at < self.end()).then(|| {
                let (entry, next) = self.entry(at);
                at = next;
                entry
            })
        })
    }

    /// Removes the entry at `at`.
    pub fn remove(&mut self, at: usize) {
        let next = self.skip(at);
        self.bytes.drain(at..next);
        self.len -= 1;
        self.removed += 1;
    }

    /// Removes the first entries.
    pub fn remove_first(&mut self, count: usize) {
        let mut at = self.start();
        for _ in 0..count {
            at = self.skip(at);
        }
        self.bytes.drain(self.start()..at);
        self.len -= count as u32;
        self.removed += count as u32;
    }

    /// Removes the entries of which `keep` says no; returns how many.
    pub fn retain(&mut self, mut keep: impl FnMut(StreamId) -> bool) -> usize {
        let mut at = self.start();
        let mut removed = 0;
        while at < self.end() {
            if keep(self.id_at(self.head(at).0).0) {
                at = self.skip(at);
            } else {
                self.remove(at);
                removed += 1;
            }
        }
        removed
    }

    /// Takes over what a file says of entries that were removed.
    pub fn adopt_removed(&mut self, removed: u32, last: StreamId) {
        self.removed = removed;
        self.last = self.last.max(last);
    }

    /// Panics if an invariant does not hold.
    pub fn check(&self) {
        let mut count = 0;
        let mut before = None;
        let mut at = self.start();
        while at < self.end() {
            let (entry, next) = self.entry(at);
            assert!(
                entry.id >= self.first && entry.id <= self.last,
                "an ID outside its block"
            );
            assert!(
                before.is_none_or(|before| before < entry.id),
                "IDs do not increase"
            );
            assert_eq!(
                self.before(next),
                at,
                "an entry that cannot be read from its end"
            );
            assert_eq!(entry.pairs().count(), entry.count);
            before = Some(entry.id);
            count += 1;
            at = next;
        }
        assert_eq!(at, self.end(), "an entry that is cut off");
        assert_eq!(count, self.len, "a wrong count of entries");
    }
}
