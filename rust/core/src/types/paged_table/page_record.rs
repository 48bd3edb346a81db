//! The bytes of a record in a page.
//!
//!     head 1 | [long key 1] | [value length 1] | [deadline 6] | key | [value]
//!
//!     head: key outside 1 | has deadline 1 | length of the key 6 (63: see long key)
//!
//! A value length of 255 says that the value is outside. What is outside stands here
//! as its index, 2 bytes, in the page's list of texts, which share their owners when
//! pages are copied, split or merged.

use triomphe::Arc;

use super::page::{Format, Inner};
use crate::types::packed::Scratch;

const KEY_OUTSIDE: u8 = 0x80;
const HAS_DEADLINE: u8 = 0x40;
/// The length of the key is in the next byte.
const LONG_KEY: usize = 63;
const VALUE_OUTSIDE: u8 = 255;
const DEADLINE_BYTES: usize = 6;
pub(super) const INDEX_BYTES: usize = 2;
/// Longest key and value that may lie in a page.
pub(super) const INLINE_LIMIT: usize = 254;
/// What a text outside costs beside its bytes: its counter, its place in the list.
const TEXT_OVERHEAD_BYTES: usize = 8 + size_of::<Text>();

type Text = Option<Arc<[u8]>>;

/// The texts of a page that are too long for it. Most pages have none.
#[derive(Debug, Clone, Default)]
pub(super) struct Outside(Option<Box<Texts>>);

#[derive(Debug, Clone, Default)]
struct Texts {
    list: Vec<Text>,
    /// How many places are free.
    free: usize,
}

impl Outside {
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// The index that a record begins with at a place of an index.
    pub fn index(bytes: &[u8]) -> usize {
        u16::from_le_bytes([bytes[0], bytes[1]]).into()
    }

    #[cold]
    fn text(&self, bytes: &[u8]) -> &[u8] {
        let texts = self.0.as_ref().expect("a page with texts outside");
        texts.list[Self::index(bytes)]
            .as_ref()
            .expect("a text outside")
    }

    /// Another owner of a text.
    pub fn share(&self, bytes: &[u8]) -> Arc<[u8]> {
        let texts = self.0.as_ref().expect("a page with texts outside");
        texts.list[Self::index(bytes)]
            .clone()
            .expect("a text outside")
    }

    /// Adds a text and returns its index.
    pub fn put(&mut self, text: Arc<[u8]>) -> u16 {
        let texts = self.0.get_or_insert_default();
        if texts.free > 0
            && let Some(index) = texts.list.iter().position(Option::is_none)
        {
            texts.list[index] = Some(text);
            texts.free -= 1;
            return index as u16;
        }
        texts.list.push(Some(text));
        (texts.list.len() - 1) as u16
    }

    /// Gives up a text.
    pub fn take(&mut self, index: usize) {
        let Some(texts) = &mut self.0 else { return };
        texts.list[index] = None;
        texts.free += 1;
        if texts.free == texts.list.len() {
            self.0 = None;
        }
    }

    /// Bytes of the texts, with what each costs beside its bytes.
    pub fn memory_bytes(&self) -> usize {
        let texts = self.0.iter().flat_map(|texts| texts.list.iter().flatten());
        texts.map(|text| text.len() + TEXT_OVERHEAD_BYTES).sum()
    }

    /// Verifies that exactly the texts at `indexes` are there.
    pub fn check(&self, mut indexes: Vec<usize>) -> Result<(), String> {
        indexes.sort_unstable();
        let list = self.0.as_ref().map_or(&[][..], |texts| &texts.list);
        let there = (0..list.len()).filter(|&index| list[index].is_some());
        if !there.eq(indexes.iter().copied()) {
            return Err(format!("records refer to the texts {indexes:?} outside"));
        }
        let free = self.0.as_ref().map_or(0, |texts| texts.free);
        if free + indexes.len() != list.len() || (self.0.is_some() && indexes.is_empty()) {
            return Err(format!(
                "{free} free places among {} texts outside",
                list.len()
            ));
        }
        Ok(())
    }
}

/// Bytes that `text` costs outside; 0 if it stays in its page.
#[inline]
pub(super) fn outside_bytes_of(text: &[u8], format: Format) -> usize {
    if text.len() > format.inline_max {
        text.len() + TEXT_OVERHEAD_BYTES
    } else {
        0
    }
}

/// A record as it stands in a page.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stored<'a> {
    pub key: &'a [u8],
    pub value: &'a [u8],
    pub deadline: Option<i64>,
    /// Bytes of the record in its page.
    pub len: usize,
    key_index_at: Option<u16>,
    value_index_at: Option<u16>,
}

impl<'a> Stored<'a> {
    /// `record` may be followed by others.
    #[inline]
    pub fn decode(record: &'a [u8], outside: &'a Outside, format: Format) -> Stored<'a> {
        // Most records: a short key and a value in the page, without deadline.
        let key_len = usize::from(record[0]);
        let value_len = if format.values { record[1] } else { 0 };
        if key_len >= LONG_KEY || value_len == VALUE_OUTSIDE {
            return Stored::decode_rare(record, outside, format);
        }
        let key_start = 1 + usize::from(format.values);
        let (key, value) = record[key_start..].split_at(key_len);
        Stored {
            key,
            value: &value[..usize::from(value_len)],
            deadline: None,
            len: key_start + key_len + usize::from(value_len),
            key_index_at: None,
            value_index_at: None,
        }
    }

    #[inline(never)]
    fn decode_rare(record: &'a [u8], outside: &'a Outside, format: Format) -> Stored<'a> {
        let head = record[0];
        let mut at = 1;
        let mut key_len = usize::from(head) & LONG_KEY;
        if key_len == LONG_KEY {
            key_len = record[at].into();
            at += 1;
        }
        let mut value_len = 0;
        if format.values {
            value_len = record[at];
            at += 1;
        }
        let mut deadline = None;
        if head & HAS_DEADLINE != 0 {
            let mut bytes = [0; 8];
            bytes[..DEADLINE_BYTES].copy_from_slice(&record[at..at + DEADLINE_BYTES]);
            deadline = Some(i64::from_le_bytes(bytes));
            at += DEADLINE_BYTES;
        }
        let (mut key_index_at, mut value_index_at) = (None, None);
        let key = if head & KEY_OUTSIDE == 0 {
            &record[at..at + key_len]
        } else {
            key_index_at = Some(at as u16);
            key_len = INDEX_BYTES;
            outside.text(&record[at..])
        };
        at += key_len;
        let mut value_bytes = usize::from(value_len);
        let value = if value_len == VALUE_OUTSIDE {
            value_index_at = Some(at as u16);
            value_bytes = INDEX_BYTES;
            outside.text(&record[at..])
        } else {
            &record[at..at + value_bytes]
        };
        Stored {
            key,
            value,
            deadline,
            len: at + value_bytes,
            key_index_at,
            value_index_at,
        }
    }

    /// Where in the record indexes of texts outside stand.
    pub fn index_places(&self) -> impl Iterator<Item = usize> + use<> {
        self.key_index_at
            .into_iter()
            .chain(self.value_index_at)
            .map(usize::from)
    }
}

/// True when `key` is the key of the record that `record` begins with.
#[inline]
pub(super) fn key_is(key: &[u8], record: &[u8], outside: &Outside, format: Format) -> bool {
    let head = record[0];
    if head < LONG_KEY as u8 {
        // Most keys: short, in the page, without deadline.
        let at = 1 + usize::from(format.values);
        return key.len() == usize::from(head) && &record[at..at + key.len()] == key;
    }
    Stored::decode(record, outside, format).key == key
}

/// The bytes of a record with another deadline, or without.
pub(super) fn with_deadline(record: &[u8], deadline: Option<i64>, format: Format) -> Scratch {
    let is_long = usize::from(record[0]) & LONG_KEY == LONG_KEY;
    let at = 1 + usize::from(is_long) + usize::from(format.values);
    let had = record[0] & HAS_DEADLINE != 0;
    let mut made = Scratch::from_slice(&record[..at]);
    made[0] &= !HAS_DEADLINE;
    if let Some(deadline) = deadline {
        made[0] |= HAS_DEADLINE;
        made.extend_from_slice(&deadline.to_le_bytes()[..DEADLINE_BYTES]);
    }
    made.extend_from_slice(&record[at + if had { DEADLINE_BYTES } else { 0 }..]);
    made
}

/// A record to be written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Draft<'a> {
    key: &'a [u8],
    /// Empty where records have no values.
    value: &'a [u8],
    pub deadline: Option<i64>,
    /// Bytes that the record takes in its page.
    pub len: usize,
    /// Bytes of memory that it takes outside.
    pub outside_bytes: usize,
}

impl<'a> Draft<'a> {
    #[inline]
    pub fn new(key: &'a [u8], value: &'a [u8], deadline: Option<i64>, format: Format) -> Draft<'a> {
        let outside_bytes = outside_bytes_of(key, format) + outside_bytes_of(value, format);
        let key_len = match key.len() {
            len if len > format.inline_max => INDEX_BYTES,
            len => len + usize::from(len >= LONG_KEY),
        };
        let value_len = match value.len() {
            len if len > format.inline_max => INDEX_BYTES,
            len => len,
        };
        let deadline_len = if deadline.is_some() {
            DEADLINE_BYTES
        } else {
            0
        };
        Draft {
            key,
            value,
            deadline,
            len: 1 + key_len + usize::from(format.values) + value_len + deadline_len,
            outside_bytes,
        }
    }

    /// Puts what is too long outside. Returns the indexes of key and value.
    #[cold]
    fn put_outside(&self, outside: &mut Outside, format: Format) -> [Option<u16>; 2] {
        [self.key, self.value]
            .map(|text| (text.len() > format.inline_max).then(|| outside.put(Arc::from(text))))
    }

    /// Writes the record at `start`, and what is too long outside.
    #[inline]
    pub fn write(&self, page: &mut Inner, start: usize, format: Format) {
        let mut indexes = [None; 2];
        if self.outside_bytes > 0 {
            indexes = self.put_outside(&mut page.header_mut().outside, format);
        }
        let into = &mut page.slice_mut()[start..start + self.len];
        let mut at = 1;
        let mut head = 0;
        match (indexes[0], self.key.len()) {
            (Some(_), _) => head = KEY_OUTSIDE,
            (None, len) if len >= LONG_KEY => {
                head = LONG_KEY as u8;
                into[at] = len as u8;
                at += 1;
            }
            (None, len) => head |= len as u8,
        }
        if format.values {
            into[at] = match indexes[1] {
                Some(_) => VALUE_OUTSIDE,
                None => self.value.len() as u8,
            };
            at += 1;
        }
        if let Some(deadline) = self.deadline {
            head |= HAS_DEADLINE;
            let bytes = &deadline.to_le_bytes()[..DEADLINE_BYTES];
            into[at..at + DEADLINE_BYTES].copy_from_slice(bytes);
            at += DEADLINE_BYTES;
        }
        into[0] = head;
        let rest = put(&mut into[at..], self.key, indexes[0]);
        put(rest, self.value, indexes[1]);
    }
}

/// Writes a text, or its index, and returns what is behind.
#[inline]
fn put<'i>(into: &'i mut [u8], text: &[u8], index: Option<u16>) -> &'i mut [u8] {
    let index = index.map(u16::to_le_bytes);
    let bytes = index.as_ref().map_or(text, |index| index);
    let (front, rest) = into.split_at_mut(bytes.len());
    front.copy_from_slice(bytes);
    rest
}
