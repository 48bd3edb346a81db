//! The small form of a list: its elements in one run of bytes.
//!
//!     count u16 | element | element | …        elements of `packed`, read from both ends
//!
//! So the bytes are those of a listpack, but for the first 2 instead of its 7 (and for
//! integers of 5 to 7 bytes, which a listpack keeps in 8): `has_room` says what a server
//! would say.
//!
//! Invariants (`validate`): whole elements, as many as the count says.
//! Cost: the length O(1), the ends O(1) to read; edits move the bytes behind them; all
//! else walks from the nearer end, about a nanosecond for each element.

use std::ops::Range;

use super::limit::{LISTPACK_BYTES_MIN, Limit};
use super::{List, Search};
use crate::types::packed::{self, Corrupt, Element, Elements, Encoded, PackedBuffer, Scratch};

const COUNT_BYTES: usize = 2;

/// The bytes of a list without elements.
pub const EMPTY: &[u8] = &[0; COUNT_BYTES];

/// Most elements that the small form holds.
pub const COUNT_MAX: usize = u16::MAX as usize;

/// A small list for reading. Its bytes must be valid.
#[derive(Debug, Clone, Copy)]
pub struct PackedList<'a>(&'a [u8]);

impl<'a> PackedList<'a> {
    #[inline]
    pub fn new(bytes: &'a [u8]) -> PackedList<'a> {
        PackedList(bytes)
    }

    #[inline]
    pub fn len(self) -> usize {
        usize::from(u16::from_le_bytes([self.0[0], self.0[1]]))
    }

    #[inline]
    pub fn is_empty(self) -> bool {
        self.0.len() == COUNT_BYTES
    }

    /// Bytes that the list would have as a listpack, if no integer in it had 5 to 7 bytes.
    #[inline]
    fn listpack_bytes_min(self) -> usize {
        self.0.len() - COUNT_BYTES + LISTPACK_BYTES_MIN
    }

    /// What a listpack spends on keeping integers of 5 to 7 bytes in 8.
    fn listpack_padding(self) -> usize {
        let padding = |element| match element {
            Element::Integer(value) => {
                let own = Encoded::of(Element::Integer(value)).len();
                if own > 5 { 9 - own } else { 0 }
            }
            Element::Bytes(_) => 0,
        };
        self.iter().map(padding).sum()
    }

    /// True if so many more elements of so many bytes may be added to the small form.
    #[inline]
    pub fn has_room(self, limit: Limit, count: usize, bytes: usize) -> bool {
        let (entries, bytes) = (self.len() + count, self.listpack_bytes_min() + bytes);
        limit.allows(entries, bytes)
            && (limit.allows(entries, bytes + 3 * self.len())
                || limit.allows(entries, bytes + self.listpack_padding()))
    }

    /// Where the element at `index` begins; the end of the bytes for the length.
    fn offset(self, index: usize) -> usize {
        let len = self.len();
        if index <= len / 2 {
            let mut at = COUNT_BYTES;
            for _ in 0..index {
                at = packed::skip::<true>(self.0, at);
            }
            return at;
        }
        let mut at = self.0.len();
        for _ in index..len {
            at = packed::read_back(self.0, at).1;
        }
        at
    }

    /// The bytes of the elements in `range`.
    fn offsets(self, range: Range<usize>) -> Range<usize> {
        let end = range.end.min(self.len());
        let start = range.start.min(end);
        if start == end {
            return COUNT_BYTES..COUNT_BYTES;
        }
        self.offset(start)..self.offset(end)
    }

    /// The element at `index`.
    pub fn get(self, index: usize) -> Option<Element<'a>> {
        if index >= self.len() {
            return None;
        }
        Some(packed::read::<true>(self.0, self.offset(index)).0)
    }

    /// The elements in `range`, from either end.
    pub fn range(self, range: Range<usize>) -> Elements<'a, true> {
        Elements::new(&self.0[self.offsets(range)])
    }

    /// All elements.
    pub fn iter(self) -> Elements<'a, true> {
        Elements::new(&self.0[COUNT_BYTES..])
    }

    /// The index of the first element equal to `wanted`.
    pub fn position(self, wanted: &[u8]) -> Option<usize> {
        let wanted = Element::new(wanted);
        self.iter()
            .enumerate()
            .find_map(|(index, element)| (element == wanted).then_some(index))
    }

    /// Indexes of the elements equal to `wanted`, in the order found.
    pub fn positions(self, wanted: &[u8], search: Search) -> Vec<usize> {
        let wanted = Element::new(wanted);
        let part = search.part(self.len());
        let elements: Vec<bool> = self
            .range(part.clone())
            .map(|element| element == wanted)
            .collect();
        search.collect(part, elements.into_iter())
    }

    /// The same list in its large form, with a `list-compress-depth`.
    pub fn to_list(self, depth: u32) -> List {
        let mut list = List::with_depth(depth);
        let mut text = packed::IntText::new();
        for element in self.iter() {
            list.push_back(element.bytes(&mut text));
        }
        list
    }
}

/// The small form of a list of at most `COUNT_MAX` elements.
pub fn from_list(list: &List) -> Vec<u8> {
    let mut scratch = Scratch::new();
    list.visit(0..list.len(), |element| {
        Encoded::new(element).write::<true>(&mut scratch);
    });
    let mut bytes = EMPTY.to_vec();
    bytes.extend_from_slice(&scratch);
    write_count(&mut bytes, list.len());
    bytes
}

/// Judges bytes from outside.
pub fn validate(bytes: &[u8]) -> Result<(), Corrupt> {
    let Some((count, elements)) = bytes.split_at_checked(COUNT_BYTES) else {
        return Err(Corrupt("a list without its count"));
    };
    let found = packed::validate::<true>(elements)?;
    if found != usize::from(u16::from_le_bytes([count[0], count[1]])) {
        return Err(Corrupt("a list's count is not that of its elements"));
    }
    Ok(())
}

fn write_count(into: &mut impl PackedBuffer, count: usize) {
    let count = u16::try_from(count).expect("a small list of fewer than 65,536");
    into.splice(0..COUNT_BYTES, &count.to_le_bytes());
}

/// Adds elements at the back.
pub fn push_back<'e>(list: &mut impl PackedBuffer, elements: impl Iterator<Item = &'e [u8]>) {
    let mut scratch = Scratch::new();
    let mut count = PackedList::new(list.bytes()).len();
    for element in elements {
        Encoded::new(element).write::<true>(&mut scratch);
        count += 1;
    }
    let end = list.bytes().len();
    list.splice(end..end, &scratch);
    write_count(list, count);
}

/// Adds elements at the front, one after the other, so that the last becomes the first.
pub fn push_front<'e>(
    list: &mut impl PackedBuffer,
    elements: impl DoubleEndedIterator<Item = &'e [u8]>,
) {
    let mut scratch = Scratch::new();
    let mut count = PackedList::new(list.bytes()).len();
    for element in elements.rev() {
        Encoded::new(element).write::<true>(&mut scratch);
        count += 1;
    }
    list.splice(COUNT_BYTES..COUNT_BYTES, &scratch);
    write_count(list, count);
}

/// Puts an element before the one at `index`, or at the back if that is the length.
pub fn insert(list: &mut impl PackedBuffer, index: usize, element: &[u8]) {
    let view = PackedList::new(list.bytes());
    let (count, at) = (view.len(), view.offset(index));
    assert!(index <= count, "inserting behind the end of a list");
    let mut scratch = Scratch::new();
    Encoded::new(element).write::<true>(&mut scratch);
    list.splice(at..at, &scratch);
    write_count(list, count + 1);
}

/// Gives the element at `index` another value; false if there is none.
pub fn set(list: &mut impl PackedBuffer, index: usize, element: &[u8]) -> bool {
    let view = PackedList::new(list.bytes());
    if index >= view.len() {
        return false;
    }
    let at = view.offset(index);
    let end = packed::skip::<true>(list.bytes(), at);
    let mut scratch = Scratch::new();
    Encoded::new(element).write::<true>(&mut scratch);
    list.splice(at..end, &scratch);
    true
}

/// Removes the elements in `range`; gives how many.
pub fn remove(list: &mut impl PackedBuffer, range: Range<usize>) -> usize {
    let view = PackedList::new(list.bytes());
    let count = view.len();
    let end = range.end.min(count);
    let removed = end.saturating_sub(range.start);
    if removed > 0 {
        list.splice(view.offsets(range), &[]);
        write_count(list, count - removed);
    }
    removed
}

/// Removes up to `count` elements equal to `unwanted`, the first ones or, with
/// `from_back`, the last ones; gives how many.
pub fn remove_equal(
    list: &mut impl PackedBuffer,
    unwanted: &[u8],
    count: usize,
    from_back: bool,
) -> usize {
    let search = Search {
        from_back,
        skip: 0,
        count,
        compare_max: usize::MAX,
    };
    let mut found = PackedList::new(list.bytes()).positions(unwanted, search);
    found.sort_unstable();
    if found.len() < 4 {
        for &index in found.iter().rev() {
            remove(list, index..index + 1);
        }
        return found.len();
    }
    let mut kept = Scratch::new();
    let view = PackedList::new(list.bytes());
    let len = view.len() - found.len();
    let (mut at, mut next) = (COUNT_BYTES, found.iter().peekable());
    for index in 0..view.len() {
        let end = packed::skip::<true>(list.bytes(), at);
        if next.next_if_eq(&&index).is_none() {
            kept.extend_from_slice(&list.bytes()[at..end]);
        }
        at = end;
    }
    let end = list.bytes().len();
    list.splice(COUNT_BYTES..end, &kept);
    write_count(list, len);
    found.len()
}
