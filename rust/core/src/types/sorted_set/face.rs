//! Sorted sets as commands see them, whatever their form.
//!
//!     SortedSetRef   a look at one, Copy
//!     SortedSetMut   one being changed in its home, from packed to large when it must
//!
//! Cost: packed, everything is a walk over at most `entries_max` entries; large, what
//! `SortedSet` says.

use std::ops::Range;

use super::bounds::{LexBound, ScoreBound};
use super::packed::{self, PackedEntries, PackedSortedSet};
use super::{Inserted, NotANumber, SortedSet};
use crate::types::home::{Content, Detached, Form, Home, Limits};
use crate::types::packed::{Element, IntText};
use crate::types::{Garbage, Object};

/// A sorted set for reading.
#[derive(Debug, Clone, Copy)]
pub enum SortedSetRef<'a> {
    Packed(PackedSortedSet<'a>),
    Large(&'a SortedSet),
}

/// Entries of either form.
#[derive(Debug, Clone)]
pub enum Entries<'a, L> {
    Packed(PackedEntries<'a>),
    Large(L),
}

impl<'a, L: Iterator<Item = (&'a [u8], f64)>> Iterator for Entries<'a, L> {
    type Item = (Element<'a>, f64);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Entries::Packed(entries) => entries.next(),
            Entries::Large(entries) => {
                let (member, score) = entries.next()?;
                Some((Element::Bytes(member), score))
            }
        }
    }

    /// Asks once for the form, and not again for each entry.
    #[inline]
    fn fold<B, F: FnMut(B, Self::Item) -> B>(self, first: B, mut visit: F) -> B {
        match self {
            Entries::Packed(entries) => entries.fold(first, visit),
            Entries::Large(entries) => entries.fold(first, |so_far, (member, score)| {
                visit(so_far, (Element::Bytes(member), score))
            }),
        }
    }
}

impl<'a, L: DoubleEndedIterator<Item = (&'a [u8], f64)>> DoubleEndedIterator for Entries<'a, L> {
    #[inline]
    fn next_back(&mut self) -> Option<Self::Item> {
        match self {
            Entries::Packed(entries) => entries.next_back(),
            Entries::Large(entries) => {
                let (member, score) = entries.next_back()?;
                Some((Element::Bytes(member), score))
            }
        }
    }

    #[inline]
    fn rfold<B, F: FnMut(B, Self::Item) -> B>(self, first: B, mut visit: F) -> B {
        match self {
            Entries::Packed(entries) => entries.rfold(first, visit),
            Entries::Large(entries) => entries.rfold(first, |so_far, (member, score)| {
                visit(so_far, (Element::Bytes(member), score))
            }),
        }
    }
}

impl<'a> SortedSetRef<'a> {
    /// The sorted set in a home, which must hold one.
    #[inline]
    pub fn new(content: Content<'a>) -> SortedSetRef<'a> {
        match content {
            Content::Packed(_, bytes) => SortedSetRef::Packed(PackedSortedSet::new(bytes)),
            Content::Object(Object::SortedSet(set)) => SortedSetRef::Large(set),
            Content::Object(other) => unreachable!("a sorted set that is {other:?}"),
        }
    }

    #[inline]
    pub fn len(self) -> usize {
        match self {
            SortedSetRef::Packed(set) => set.len(),
            SortedSetRef::Large(set) => set.len(),
        }
    }

    #[inline]
    pub fn is_empty(self) -> bool {
        match self {
            SortedSetRef::Packed(set) => set.iter().next().is_none(),
            SortedSetRef::Large(set) => set.is_empty(),
        }
    }

    #[inline]
    pub fn score(self, member: &[u8]) -> Option<f64> {
        match self {
            SortedSetRef::Packed(set) => set.score(member),
            SortedSetRef::Large(set) => set.score(member),
        }
    }

    /// How many entries are before `member`, and its score.
    pub fn rank(self, member: &[u8]) -> Option<(usize, f64)> {
        match self {
            SortedSetRef::Packed(set) => set.rank(member),
            SortedSetRef::Large(set) => set.rank(member),
        }
    }

    /// As `rank`, counted from the end.
    pub fn reverse_rank(self, member: &[u8]) -> Option<(usize, f64)> {
        let (rank, score) = self.rank(member)?;
        Some((self.len() - 1 - rank, score))
    }

    /// The entry that `position` others are before.
    pub fn nth(self, position: usize) -> Option<(Element<'a>, f64)> {
        match self {
            SortedSetRef::Packed(set) => set.nth(position),
            SortedSetRef::Large(set) => {
                let (member, score) = set.nth(position)?;
                Some((Element::Bytes(member), score))
            }
        }
    }

    /// The entries at positions in `range`, from either end.
    pub fn range(
        self,
        range: Range<usize>,
    ) -> impl DoubleEndedIterator<Item = (Element<'a>, f64)> + Clone {
        match self {
            SortedSetRef::Packed(set) => Entries::Packed(set.range(range)),
            SortedSetRef::Large(set) => Entries::Large(set.range(range)),
        }
    }

    /// All entries.
    pub fn iter(self) -> impl DoubleEndedIterator<Item = (Element<'a>, f64)> + Clone {
        match self {
            SortedSetRef::Packed(set) => Entries::Packed(set.iter()),
            SortedSetRef::Large(set) => Entries::Large(set.iter()),
        }
    }

    /// Positions of the entries with scores from `min` to `max`.
    pub fn score_range(self, min: ScoreBound, max: ScoreBound) -> Range<usize> {
        match self {
            SortedSetRef::Packed(set) => set.score_range(min, max),
            SortedSetRef::Large(set) => set.score_range(min, max),
        }
    }

    /// Positions of the entries with members from `min` to `max`. `reverse` matters only
    /// where scores differ: a packed set is then walked from its end.
    pub fn lex_range(self, min: LexBound<'_>, max: LexBound<'_>, reverse: bool) -> Range<usize> {
        match self {
            SortedSetRef::Packed(set) if reverse => set.lex_range_reverse(min, max),
            SortedSetRef::Packed(set) => set.lex_range(min, max),
            SortedSetRef::Large(set) => set.lex_range(min, max),
        }
    }

    /// Visits about `count` entries from `cursor` on (0: from the start) and returns the
    /// cursor to go on from, 0 at the end. Packed entries come all at once.
    pub fn scan(self, cursor: u64, count: usize, visit: &mut dyn FnMut(Element<'_>, f64)) -> u64 {
        match self {
            SortedSetRef::Packed(set) => {
                set.iter().for_each(|(member, score)| visit(member, score));
                0
            }
            SortedSetRef::Large(set) => set.scan(cursor, count, |member, score| {
                visit(Element::Bytes(member), score);
            }),
        }
    }
}

/// When an entry may be given a score.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Conditions {
    /// Only where there is none.
    pub only_new: bool,
    /// Only where there is one.
    pub only_known: bool,
    /// Not a lower score than before.
    pub only_greater: bool,
    /// Not a higher one.
    pub only_less: bool,
}

impl Conditions {
    /// Whether nothing is asked.
    #[inline]
    pub fn is_none(self) -> bool {
        self == Conditions::default()
    }

    /// Whether `new` may take the place of `old`.
    #[inline]
    fn allow(self, old: Option<f64>, new: f64) -> bool {
        match old {
            None => !self.only_known,
            Some(old) => {
                let is_refused = self.only_new
                    || (self.only_greater && new <= old)
                    || (self.only_less && new >= old);
                !is_refused
            }
        }
    }
}

/// A sorted set for changing it.
pub struct SortedSetMut<'h, H: Home> {
    home: &'h mut H,
    limits: Limits<'h>,
}

impl<'h, H: Home> SortedSetMut<'h, H> {
    /// The sorted set in a home, which must hold one or nothing yet.
    #[inline]
    pub fn new(home: &'h mut H, limits: Limits<'h>) -> Self {
        SortedSetMut { home, limits }
    }

    #[inline]
    pub fn read(&self) -> SortedSetRef<'_> {
        SortedSetRef::new(self.home.content())
    }

    /// The large form; None while it is packed.
    #[inline]
    pub(super) fn large(&mut self) -> Option<&mut SortedSet> {
        match self.home.object_mut()? {
            Object::SortedSet(set) => Some(set),
            other => unreachable!("a sorted set that is {other:?}"),
        }
    }

    /// Says how many entries are about to be given and how long the longest member is:
    /// what would not fit into the packed form makes the set large at once, even if
    /// nothing of it enters.
    pub fn prepare(&mut self, entries: usize, longest: usize) {
        if entries > self.limits.entries_max || longest > self.limits.bytes_max {
            self.grow();
        }
    }

    /// Turns a packed set into a large one. O(entries).
    pub(super) fn grow(&mut self) {
        if let Content::Packed(_, bytes) = self.home.content() {
            let set = PackedSortedSet::new(bytes).to_sorted_set();
            self.home.become_object(Object::SortedSet(set));
        }
    }

    /// Gives `member` a score, which must not be NaN.
    pub fn insert(&mut self, member: &[u8], score: f64) -> Inserted {
        if let Some(set) = self.large() {
            return set.insert(member, score);
        }
        let packed = PackedSortedSet::new(self.home.bytes());
        // An entry that is there already stays packed, however long its member is.
        if (member.len() > self.limits.bytes_max || packed.len() >= self.limits.entries_max)
            && packed.score(member).is_none()
        {
            self.grow();
            return self.insert(member, score);
        }
        packed::insert(self.home, member, score)
    }

    /// Gives `member` the score that `decide` makes of its old one, if it makes any.
    /// Gives what it is now and what that did. One look-up in a large set.
    fn update<E>(
        &mut self,
        member: &[u8],
        decide: impl FnOnce(Option<f64>) -> Result<Option<f64>, E>,
    ) -> Result<Option<(f64, Inserted)>, E> {
        if let Some(set) = self.large() {
            return set.update(member, decide);
        }
        let Some(score) = decide(self.read().score(member))? else {
            return Ok(None);
        };
        Ok(Some((score, self.insert(member, score))))
    }

    /// As `insert`, if the conditions hold; None where they do not.
    pub fn insert_if(
        &mut self,
        member: &[u8],
        score: f64,
        conditions: Conditions,
    ) -> Option<Inserted> {
        if conditions.is_none() {
            return Some(self.insert(member, score));
        }
        let decide = |old| Ok::<_, NotANumber>(conditions.allow(old, score).then_some(score));
        Some(self.update(member, decide).ok()??.1)
    }

    /// Adds to the score of `member`, 0 if it is new, if the conditions hold. Gives what
    /// it is now, and whether that is a change.
    pub fn increment_if(
        &mut self,
        member: &[u8],
        by: f64,
        conditions: Conditions,
    ) -> Result<Option<(f64, bool)>, NotANumber> {
        let decide = |old: Option<f64>| {
            // Before the sum: what is not asked for cannot fail.
            if (old.is_some() && conditions.only_new) || (old.is_none() && conditions.only_known) {
                return Ok(None);
            }
            let score = old.map_or(by, |old| old + by);
            if score.is_nan() {
                return Err(NotANumber);
            }
            Ok(conditions.allow(old, score).then_some(score))
        };
        let done = self.update(member, decide)?;
        Ok(done.map(|(score, inserted)| (score, inserted != Inserted::Unchanged)))
    }

    /// Removes `member`; gives its score.
    pub fn remove(&mut self, member: &[u8]) -> Option<f64> {
        match self.large() {
            Some(set) => set.remove(member),
            None => packed::remove(self.home, member),
        }
    }

    /// Removes the entries at positions in `range`; what is cut out of a large set comes
    /// back, to be freed elsewhere if it is much.
    pub fn remove_range(&mut self, range: Range<usize>) -> Garbage {
        match self.large() {
            Some(set) => set.remove_range(range),
            None => {
                packed::remove_range(self.home, range);
                Garbage::default()
            }
        }
    }

    /// Removes up to `count` entries from the low end, or the high one, and shows each
    /// to `visit`, the outermost first.
    pub fn pop(&mut self, count: usize, high: bool, mut visit: impl FnMut(Element<'_>, f64)) {
        if let Some(set) = self.large() {
            let visit = |member: &[u8], score| visit(Element::Bytes(member), score);
            if high {
                set.pop_max(count, visit);
            } else {
                set.pop_min(count, visit);
            }
            return;
        }
        let set = PackedSortedSet::new(self.home.bytes());
        let len = set.len();
        let popped = count.min(len);
        let range = if high { len - popped..len } else { 0..popped };
        let entries = set.range(range.clone());
        if high {
            entries
                .rev()
                .for_each(|(member, score)| visit(member, score));
        } else {
            entries.for_each(|(member, score)| visit(member, score));
        }
        packed::remove_range(self.home, range);
    }
}

/// A set of entries that are in order, each member once, in the form that it should have.
pub fn from_sorted(entries: &[(Element<'_>, f64)], limits: Limits<'_>) -> Detached {
    let fits = |member: &Element<'_>| member.text_len() <= limits.bytes_max;
    if entries.len() <= limits.entries_max && entries.iter().all(|(member, _)| fits(member)) {
        let bytes = packed::from_sorted(entries.iter().copied());
        return Detached::of_packed(Form::Packed, bytes);
    }
    let mut made = Detached::new();
    let set = SortedSet::from_sorted(entries.iter().copied());
    made.become_object(Object::SortedSet(set));
    made
}

/// The order of entries.
#[inline]
pub fn compare(left: &(Element<'_>, f64), right: &(Element<'_>, f64)) -> std::cmp::Ordering {
    if left.1 != right.1 {
        return left.1.total_cmp(&right.1);
    }
    if let (Element::Bytes(left), Element::Bytes(right)) = (left.0, right.0) {
        return left.cmp(right);
    }
    let (mut one, mut other) = (IntText::new(), IntText::new());
    left.0.bytes(&mut one).cmp(right.0.bytes(&mut other))
}

#[cfg(test)]
#[path = "face_tests.rs"]
mod tests;
