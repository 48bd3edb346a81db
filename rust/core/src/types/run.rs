//! Many strings in one place: what the leaves of lists and sorted sets hold.
//!
//!     ends  | dead … | 5 | 8 | 8! | 13 |        u16 each, ! = kept outside
//!     bytes | dead … helloabc       world |
//!     outside: [ Arc of a long string ]
//!
//! A string of more than `INLINE_MAX` bytes is an `Arc` of its own, so that copying a
//! run never copies much. A run may lie in reverse (`reversed`), so that adding to its
//! front is adding to the end of its bytes; and strings removed from the end that is
//! expensive to cut stay as dead ones until there are many.
//!
//! Where all strings are of one length, `even_out` leaves the ends out, until an edit needs
//! them again.
//!
//! Invariants (`check`): ends never decrease and the last is the length of `bytes`;
//! outside strings take no bytes here, and there are as many as there are marks;
//! no dead one is outside.
//! Cost: get O(1) (an outside string: O(strings before it)); push at the open end
//! O(bytes); all else O(bytes in the run), which are at most 4 KB.

mod even;
mod room;
mod squeezed;

use std::ops::Range;
use std::sync::Arc;

use room::reserve_doubled;
pub(super) use room::{reserve_class, shrink_class};
pub(super) use squeezed::Squeezed;

/// Longest string kept in the run. Small in tests, so that they cross it.
pub(super) const INLINE_MAX: usize = if cfg!(test) { 12 } else { 512 };
/// Dead strings are swept at the latest when there are this many.
const DEAD_MAX: usize = if cfg!(test) { 3 } else { 64 };
const OUTSIDE: u16 = 1 << 15;
/// How far a run that is filled at its open end is made larger ahead: what a list's run holds.
pub(super) const FILLED_BYTES: usize = 3072;
pub(super) const FILLED_STRINGS: usize = 448;

#[derive(Debug, Clone, Default)]
pub(super) struct Run {
    ends: Vec<u16>,
    bytes: Vec<u8>,
    outside: Option<Box<Outside>>,
    dead: u16,
    reversed: bool,
    /// If there are no ends: the length of every string, which is not 0, and how many there are.
    even_width: u16,
    even_len: u16,
}

/// The long strings, in the order in which their marks stand in `ends`.
#[derive(Debug, Clone, Default)]
struct Outside(Vec<Arc<[u8]>>);

impl Run {
    /// A run that is cheap to add to at its front.
    pub fn reversed() -> Run {
        Run {
            reversed: true,
            ..Run::default()
        }
    }

    #[inline]
    pub fn len(&self) -> usize {
        self.ends.len() + usize::from(self.even_len) - usize::from(self.dead)
    }

    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes of the live strings that are kept here.
    #[inline]
    pub fn inline_bytes(&self) -> usize {
        self.bytes.len() - self.start(usize::from(self.dead))
    }

    /// How many of the strings are kept outside.
    #[inline]
    pub fn outside_len(&self) -> usize {
        self.outside.as_ref().map_or(0, |outside| outside.0.len())
    }

    /// True if adding to the front is cheap, false if adding to the back is.
    pub fn is_reversed(&self) -> bool {
        self.reversed
    }

    #[inline]
    fn start(&self, slot: usize) -> usize {
        if self.even_width != 0 {
            return slot * usize::from(self.even_width);
        }
        match slot {
            0 => 0,
            _ => usize::from(self.ends[slot - 1] & !OUTSIDE),
        }
    }

    #[inline]
    fn slot(&self, index: usize) -> usize {
        if self.reversed {
            self.ends.len() - 1 - index
        } else {
            usize::from(self.dead) + index
        }
    }

    /// The slots of a range of indexes.
    fn slots(&self, range: Range<usize>) -> Range<usize> {
        if self.reversed {
            self.ends.len() - range.end..self.ends.len() - range.start
        } else {
            let dead = usize::from(self.dead);
            dead + range.start..dead + range.end
        }
    }

    /// How many outside strings there are in the slots before `slot`.
    #[cold]
    fn outside_before(&self, slot: usize) -> usize {
        if self.outside.is_none() {
            return 0;
        }
        let marks = self.ends[..slot].iter().filter(|&&end| end & OUTSIDE != 0);
        marks.count()
    }

    /// Where in `bytes` the string at `index` is; None: it is kept outside.
    #[inline]
    fn place(&self, index: usize) -> Option<Range<usize>> {
        if self.even_width != 0 {
            let start = self.start(index);
            return Some(start..start + usize::from(self.even_width));
        }
        let slot = self.slot(index);
        let end = self.ends[slot];
        (end & OUTSIDE == 0).then(|| self.start(slot)..usize::from(end))
    }

    /// The string at `index`, which must be one.
    #[inline]
    pub fn get(&self, index: usize) -> &[u8] {
        match self.place(index) {
            Some(place) => &self.bytes[place],
            None => self.get_outside(self.slot(index)),
        }
    }

    #[cold]
    fn get_outside(&self, slot: usize) -> &[u8] {
        match &self.outside {
            Some(outside) => &outside.0[self.outside_before(slot)],
            None => &[],
        }
    }

    /// Adds to the end; if others may follow soon, with room for them (`shrink` gives it back).
    #[inline]
    pub fn push_back(&mut self, string: &[u8]) {
        if !self.reversed {
            self.reserve_ahead(string);
        }
        self.insert(self.len(), string);
    }

    /// Adds to the front, as `push_back` does to the end.
    #[inline]
    pub fn push_front(&mut self, string: &[u8]) {
        if self.reversed {
            self.reserve_ahead(string);
        }
        self.insert(0, string);
    }

    /// Makes room for `string` at the open end, and for those that may follow.
    #[inline]
    fn reserve_ahead(&mut self, string: &[u8]) {
        self.spell_out();
        if string.len() <= INLINE_MAX {
            reserve_doubled(&mut self.bytes, string.len(), FILLED_BYTES);
            reserve_doubled(&mut self.ends, 1, FILLED_STRINGS);
        }
    }

    /// Puts `string` before the one at `index`.
    #[inline]
    pub fn insert(&mut self, index: usize, string: &[u8]) {
        self.spell_out();
        let at_open_end = if self.reversed {
            index == 0
        } else {
            index == self.len()
        };
        if !at_open_end {
            return self.insert_inside(index, string);
        }
        if string.len() > INLINE_MAX {
            return self.insert_slot(self.ends.len(), string);
        }
        reserve_class(&mut self.bytes, string.len());
        self.bytes.extend_from_slice(string);
        reserve_class(&mut self.ends, 1);
        self.ends.push(self.bytes.len() as u16);
    }

    fn insert_inside(&mut self, index: usize, string: &[u8]) {
        self.sweep();
        let slot = if self.reversed {
            self.ends.len() - index
        } else {
            index
        };
        self.insert_slot(slot, string);
    }

    fn insert_slot(&mut self, slot: usize, string: &[u8]) {
        let start = self.start(slot);
        reserve_class(&mut self.ends, 1);
        if string.len() > INLINE_MAX {
            let at = self.outside_before(slot);
            let outside = self.outside.get_or_insert_default();
            outside.0.insert(at, Arc::from(string));
            self.ends.insert(slot, start as u16 | OUTSIDE);
            return;
        }
        let (old, more) = (self.bytes.len(), string.len());
        reserve_class(&mut self.bytes, more);
        self.bytes.resize(old + more, 0);
        self.bytes.copy_within(start..old, start + more);
        self.bytes[start..start + more].copy_from_slice(string);
        self.ends.insert(slot, (start + more) as u16);
        for end in &mut self.ends[slot + 1..] {
            *end += more as u16;
        }
    }

    /// Removes the strings in `range`.
    pub fn remove(&mut self, range: Range<usize>) {
        if range.is_empty() {
            return;
        }
        self.spell_out();
        let slots = self.slots(range);
        self.drop_outside(&slots);
        if slots.start == usize::from(self.dead) && slots.end < self.ends.len() {
            for end in &mut self.ends[slots.clone()] {
                *end &= !OUTSIDE;
            }
            self.dead = slots.end as u16;
            if self.dead as usize >= DEAD_MAX {
                self.sweep();
            }
            return;
        }
        self.remove_slots(slots);
        if self.ends.len() == usize::from(self.dead) {
            self.sweep();
        }
    }

    fn drop_outside(&mut self, slots: &Range<usize>) {
        if self.outside.is_none() {
            return;
        }
        let (from, to) = (
            self.outside_before(slots.start),
            self.outside_before(slots.end),
        );
        if let Some(outside) = &mut self.outside {
            outside.0.drain(from..to);
            if outside.0.is_empty() {
                self.outside = None;
            }
        }
    }

    /// Cuts slots out of `ends` and `bytes`; their outside strings are gone already.
    fn remove_slots(&mut self, slots: Range<usize>) {
        let (start, end) = (self.start(slots.start), self.start(slots.end));
        self.bytes.drain(start..end);
        self.ends.drain(slots.clone());
        for later in &mut self.ends[slots.start..] {
            *later -= (end - start) as u16;
        }
        shrink_class(&mut self.bytes);
        shrink_class(&mut self.ends);
    }

    /// Forgets the dead strings.
    fn sweep(&mut self) {
        if self.dead > 0 {
            let dead = usize::from(std::mem::take(&mut self.dead));
            self.remove_slots(0..dead);
        }
    }

    /// Gives the string at `index` another value.
    pub fn replace(&mut self, index: usize, string: &[u8]) {
        if let Some(place) = self.place(index)
            && place.len() == string.len()
        {
            self.bytes[place].copy_from_slice(string);
            return;
        }
        self.spell_out();
        self.sweep();
        let slot = self.slot(index);
        self.drop_outside(&(slot..slot + 1));
        self.remove_slots(slot..slot + 1);
        self.insert_slot(slot, string);
    }

    /// The same strings with their ends, not reversed, without dead ones and with little
    /// spare memory.
    pub fn straighten(&mut self) {
        self.spell_out();
        if !self.reversed && self.dead == 0 {
            return;
        }
        let mut straight = Run {
            ends: Vec::with_capacity(self.len()),
            bytes: Vec::with_capacity(self.inline_bytes()),
            ..Run::default()
        };
        straight.extend_from(self, 0..self.len());
        *self = straight;
    }

    /// The same strings, cheap to add to at the front.
    pub fn lay_reversed(&mut self) {
        let mut reversed = Run::reversed();
        for index in (0..self.len()).rev() {
            reversed.push_front(self.get(index));
        }
        *self = reversed;
    }

    /// Removes the strings at `indexes`, which increase.
    pub fn remove_many(&mut self, indexes: &[usize]) {
        if indexes.len() < 4 {
            for &index in indexes.iter().rev() {
                self.remove(index..index + 1);
            }
            return;
        }
        let mut kept = Run::default();
        let mut from = 0;
        for &index in indexes {
            kept.extend_from(self, from..index);
            from = index + 1;
        }
        kept.extend_from(self, from..self.len());
        *self = kept;
    }

    /// Adds the strings of `other` in `range` at the back.
    pub fn extend_from(&mut self, other: &Run, range: Range<usize>) {
        for index in range {
            self.push_back(other.get(index));
        }
    }

    /// Adds all strings of `other` at the back.
    pub fn append(&mut self, other: &Run) {
        self.straighten();
        reserve_class(&mut self.bytes, other.inline_bytes());
        reserve_class(&mut self.ends, other.len());
        self.extend_from(other, 0..other.len());
    }

    /// Cuts the run before `index`; the result holds the rest.
    pub fn split_off(&mut self, index: usize) -> Run {
        self.straighten();
        let start = self.start(index);
        let outside_at = self.outside_before(index);
        let mut right = Run {
            ends: self.ends[index..].to_vec(),
            bytes: self.bytes[start..].to_vec(),
            ..Run::default()
        };
        for end in &mut right.ends {
            *end -= start as u16;
        }
        if let Some(outside) = &mut self.outside {
            let rest = outside.0.split_off(outside_at);
            if !rest.is_empty() {
                right.outside = Some(Box::new(Outside(rest)));
            }
            if outside_at == 0 {
                self.outside = None;
            }
        }
        self.ends.truncate(index);
        self.bytes.truncate(start);
        self.shrink();
        right
    }

    /// Where to cut the run into two of about the same number of bytes; between 1 and
    /// the length - 1, of at least 2 strings.
    pub fn middle(&mut self) -> usize {
        self.straighten();
        let half = self.bytes.len() / 2;
        let by_bytes = self
            .ends
            .partition_point(|&end| usize::from(end & !OUTSIDE) < half);
        let by_count = self.len() / 2;
        let at = if self.bytes.is_empty() {
            by_count
        } else {
            by_bytes + 1
        };
        at.clamp(1, self.len() - 1)
    }

    /// Where to cut the run so that both parts have about as many strings outside; it
    /// must have at least 2 of them.
    pub fn middle_outside(&mut self) -> usize {
        self.straighten();
        let wanted = self.outside_len() / 2;
        let marks = self.ends.iter().enumerate();
        let marks = marks.filter(|&(_, &end)| end & OUTSIDE != 0);
        marks.map(|(slot, _)| slot).nth(wanted).unwrap_or(1)
    }

    /// Gives back memory that is not needed.
    pub fn shrink(&mut self) {
        self.bytes.shrink_to_fit();
        self.ends.shrink_to_fit();
    }

    /// Bytes of memory behind this, without outside strings that are shared with others.
    pub fn memory_bytes(&self) -> usize {
        let outside: usize = self
            .outside
            .iter()
            .flat_map(|outside| &outside.0)
            .fold(0, |sum, string| {
                sum + string.len() + 2 * size_of::<usize>() + size_of::<Arc<[u8]>>()
            });
        self.bytes.capacity() + self.ends.capacity() * 2 + outside
    }

    /// Panics if an invariant does not hold.
    pub fn check(&self) {
        if self.even_width != 0 {
            return self.check_even();
        }
        assert_eq!(self.even_len, 0);
        let mut last = 0;
        for &end in &self.ends {
            let end = end & !OUTSIDE;
            assert!(end >= last, "ends decrease");
            last = end;
        }
        assert_eq!(usize::from(last), self.bytes.len());
        let dead = usize::from(self.dead);
        assert!(dead < DEAD_MAX.max(1) && (dead == 0 || dead < self.ends.len()));
        assert_eq!(self.outside_before(dead), 0);
        let outside = self.outside_len();
        let marks = self.ends.iter().filter(|&&end| end & OUTSIDE != 0).count();
        assert_eq!(outside, marks);
        assert!(self.outside.as_ref().is_none_or(|all| !all.0.is_empty()));
    }
}
