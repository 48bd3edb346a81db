//! The small form of a sorted set: its entries in order, in one run of bytes.
//!
//!     member | score | member | score | …      elements of `packed`, read from both ends
//!
//! A score that is an integer is an integer element, and then -0 is 0, as on the real
//! servers; any other is a string of 9 bytes: ff and the f64, little endian (ff, so
//! that it never reads as the text of a number).
//!
//! Invariants (`validate`): whole entries in increasing order, no member twice, no NaN.
//! Cost: everything walks the run; edits move the bytes behind them.

use std::collections::HashSet;
use std::ops::Range;

use super::bounds::{LexBound, ScoreBound, ordered};
use super::leaf::compare;
use super::{Inserted, NotANumber, SortedSet};
use crate::types::packed::{self, Corrupt, Element, Encoded, IntText, PackedBuffer, Scratch};

/// The bytes of a set without entries.
pub const EMPTY: &[u8] = &[];

/// Integers up to this are exact in an f64.
const EXACT_MAX: f64 = 9_007_199_254_740_992.0;
const FLOAT_MARK: u8 = 0xff;

/// A small sorted set for reading. Its bytes must be valid.
#[derive(Debug, Clone, Copy)]
pub struct PackedSortedSet<'a>(&'a [u8]);

/// An entry and where it stands.
#[derive(Debug, Clone, Copy)]
struct Entry<'a> {
    member: Element<'a>,
    score: f64,
    start: usize,
    end: usize,
}

fn write_score(score: f64, into: &mut Scratch) {
    if score == score.trunc() && score.abs() <= EXACT_MAX {
        return Encoded::of(Element::Integer(score as i64)).write::<true>(into);
    }
    let mut bytes = [FLOAT_MARK; 9];
    bytes[1..].copy_from_slice(&score.to_le_bytes());
    Encoded::of(Element::Bytes(&bytes)).write::<true>(into);
}

#[inline]
fn score_of(element: Element<'_>) -> f64 {
    match element {
        Element::Integer(value) => value as f64,
        Element::Bytes(bytes) => match *bytes {
            [FLOAT_MARK, a, b, c, d, e, f, g, h] => f64::from_le_bytes([a, b, c, d, e, f, g, h]),
            _ => f64::NAN,
        },
    }
}

/// The order of an entry and another.
#[inline]
fn order(entry: &Entry<'_>, score: f64, member: &[u8]) -> std::cmp::Ordering {
    if entry.score != score {
        return compare((entry.score, &[]), (score, &[]));
    }
    entry.member.bytes(&mut IntText::new()).cmp(member)
}

/// The entries, from either end.
#[derive(Debug, Clone)]
pub struct PackedEntries<'a> {
    bytes: &'a [u8],
    start: usize,
    end: usize,
}

impl<'a> PackedEntries<'a> {
    #[inline]
    fn next_entry(&mut self) -> Option<Entry<'a>> {
        if self.start >= self.end {
            return None;
        }
        let start = self.start;
        let (member, at) = packed::read::<true>(self.bytes, start);
        let (score, end) = packed::read::<true>(self.bytes, at);
        self.start = end;
        Some(Entry {
            member,
            score: score_of(score),
            start,
            end,
        })
    }
}

impl<'a> Iterator for PackedEntries<'a> {
    type Item = (Element<'a>, f64);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let entry = self.next_entry()?;
        Some((entry.member, entry.score))
    }
}

impl DoubleEndedIterator for PackedEntries<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        if self.start >= self.end {
            return None;
        }
        let (score, at) = packed::read_back(self.bytes, self.end);
        let (member, at) = packed::read_back(self.bytes, at);
        self.end = at;
        Some((member, score_of(score)))
    }
}

impl<'a> PackedSortedSet<'a> {
    #[inline]
    pub fn new(bytes: &'a [u8]) -> PackedSortedSet<'a> {
        PackedSortedSet(bytes)
    }

    pub fn len(self) -> usize {
        let (mut at, mut elements) = (0, 0);
        while at < self.0.len() {
            at = packed::skip::<true>(self.0, at);
            elements += 1;
        }
        elements / 2
    }

    #[inline]
    pub fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    /// All entries, from either end.
    #[inline]
    pub fn iter(self) -> PackedEntries<'a> {
        PackedEntries {
            bytes: self.0,
            start: 0,
            end: self.0.len(),
        }
    }

    /// The entries at positions in `range`, from either end.
    pub fn range(self, range: Range<usize>) -> PackedEntries<'a> {
        let bytes = self.offsets(range);
        PackedEntries {
            bytes: self.0,
            start: bytes.start,
            end: bytes.end,
        }
    }

    fn offsets(self, range: Range<usize>) -> Range<usize> {
        let mut at = 0;
        let mut walk = |entries: usize| {
            for _ in 0..entries * 2 {
                if at < self.0.len() {
                    at = packed::skip::<true>(self.0, at);
                }
            }
            at
        };
        let start = walk(range.start);
        start..walk(range.len())
    }

    /// The entry that `position` others are before.
    pub fn nth(self, position: usize) -> Option<(Element<'a>, f64)> {
        self.range(position..position + 1).next()
    }

    fn find(self, member: &[u8]) -> Option<(usize, Entry<'a>)> {
        let wanted = Element::new(member);
        let mut entries = self.iter();
        let mut rank = 0;
        while let Some(entry) = entries.next_entry() {
            if entry.member == wanted {
                return Some((rank, entry));
            }
            rank += 1;
        }
        None
    }

    pub fn score(self, member: &[u8]) -> Option<f64> {
        Some(self.find(member)?.1.score)
    }

    /// How many entries are before `member`, and its score.
    pub fn rank(self, member: &[u8]) -> Option<(usize, f64)> {
        let (rank, entry) = self.find(member)?;
        Some((rank, entry.score))
    }

    /// Positions of the entries with scores from `min` to `max`.
    pub fn score_range(self, min: ScoreBound, max: ScoreBound) -> Range<usize> {
        let scores = || self.iter().map(|(_, score)| score);
        let start = scores().take_while(|&score| min.is_after(score)).count();
        let end = scores().take_while(|&score| max.reaches(score)).count();
        ordered(start, end)
    }

    /// Positions of the entries with members from `min` to `max`: from the first that is
    /// not before `min` up to the next that `max` does not reach, which is one stretch
    /// whatever the scores are.
    pub fn lex_range(self, min: LexBound<'_>, max: LexBound<'_>) -> Range<usize> {
        if !self.could_hold(min, max) {
            return 0..0;
        }
        let is_before = |member: Element<'_>| min.is_after(member.bytes(&mut IntText::new()));
        let is_inside = |member: Element<'_>| max.reaches(member.bytes(&mut IntText::new()));
        let mut members = self.iter().map(|(member, _)| member).peekable();
        let mut start = 0;
        while members.next_if(|member| is_before(*member)).is_some() {
            start += 1;
        }
        start..start + members.take_while(|member| is_inside(*member)).count()
    }

    /// As `lex_range`, walked from the end: back from the last that `max` reaches.
    pub fn lex_range_reverse(self, min: LexBound<'_>, max: LexBound<'_>) -> Range<usize> {
        if !self.could_hold(min, max) {
            return 0..0;
        }
        let is_inside = |member: Element<'_>| !min.is_after(member.bytes(&mut IntText::new()));
        let is_behind = |member: Element<'_>| !max.reaches(member.bytes(&mut IntText::new()));
        let mut members = self.iter().rev().map(|(member, _)| member).peekable();
        let mut end = self.len();
        while members.next_if(|member| is_behind(*member)).is_some() {
            end -= 1;
        }
        end - members.take_while(|member| is_inside(*member)).count()..end
    }

    /// Whether the first and the last member leave room for others between the bounds.
    fn could_hold(self, min: LexBound<'_>, max: LexBound<'_>) -> bool {
        let (first, last) = (self.iter().next(), self.iter().next_back());
        let reaches =
            |(member, _): (Element<'_>, f64)| max.reaches(member.bytes(&mut IntText::new()));
        let is_after =
            |(member, _): (Element<'_>, f64)| min.is_after(member.bytes(&mut IntText::new()));
        first.is_some_and(reaches) && !last.is_some_and(is_after)
    }

    /// The same set in its large form.
    pub fn to_sorted_set(self) -> SortedSet {
        SortedSet::from_sorted(self.iter())
    }
}

/// The small form of entries in order, each member once.
pub fn from_sorted<'a>(
    entries: impl IntoIterator<Item = (impl Into<Element<'a>>, f64)>,
) -> Vec<u8> {
    let mut scratch = Scratch::new();
    for (member, score) in entries {
        let mut text = IntText::new();
        Encoded::new(member.into().bytes(&mut text)).write::<true>(&mut scratch);
        write_score(score, &mut scratch);
    }
    scratch.to_vec()
}

/// Judges bytes from outside.
pub fn validate(bytes: &[u8]) -> Result<(), Corrupt> {
    if packed::validate::<true>(bytes)? % 2 != 0 {
        return Err(Corrupt("a member without a score"));
    }
    let mut known = HashSet::new();
    let mut last: Option<(f64, Vec<u8>)> = None;
    for (member, score) in PackedSortedSet(bytes).iter() {
        if score.is_nan() {
            return Err(Corrupt("a score is not a number"));
        }
        let member = member.to_vec();
        if let Some((before, other)) = &last
            && compare((*before, other), (score, &member)).is_ge()
        {
            return Err(Corrupt("entries are out of order"));
        }
        if !known.insert(member.clone()) {
            return Err(Corrupt("a member stands twice"));
        }
        last = Some((score, member));
    }
    Ok(())
}

/// Gives `member` a score, which must not be NaN.
pub fn insert(set: &mut impl PackedBuffer, member: &[u8], score: f64) -> Inserted {
    assert!(!score.is_nan(), "a score that is not a number");
    let view = PackedSortedSet(set.bytes());
    let old = view.find(member).map(|(_, entry)| entry);
    let (mut result, mut cut) = (Inserted::Added, None);
    if let Some(old) = old {
        if old.score == score {
            return Inserted::Unchanged;
        }
        result = Inserted::Updated(old.score);
        cut = Some(old.start..old.end);
    }
    let mut at = set.bytes().len();
    let mut entries = PackedSortedSet(set.bytes()).iter();
    while let Some(entry) = entries.next_entry() {
        if order(&entry, score, member).is_gt() {
            at = entry.start;
            break;
        }
    }
    let mut scratch = Scratch::new();
    Encoded::new(member).write::<true>(&mut scratch);
    write_score(score, &mut scratch);
    match cut {
        None => set.splice(at..at, &scratch),
        Some(cut) if at == cut.start || at == cut.end => set.splice(cut, &scratch),
        Some(cut) if at < cut.start => {
            set.splice(cut, &[]);
            set.splice(at..at, &scratch);
        }
        Some(cut) => {
            set.splice(at..at, &scratch);
            set.splice(cut, &[]);
        }
    }
    result
}

/// Adds to the score of `member`, 0 if it is new; gives what it is now.
pub fn increment(set: &mut impl PackedBuffer, member: &[u8], by: f64) -> Result<f64, NotANumber> {
    let old = PackedSortedSet(set.bytes()).score(member);
    let score = old.map_or(by, |old| old + by);
    if score.is_nan() {
        return Err(NotANumber);
    }
    insert(set, member, score);
    Ok(score)
}

/// Removes `member`; gives its score.
pub fn remove(set: &mut impl PackedBuffer, member: &[u8]) -> Option<f64> {
    let (_, entry) = PackedSortedSet(set.bytes()).find(member)?;
    let (score, range) = (entry.score, entry.start..entry.end);
    set.splice(range, &[]);
    Some(score)
}

/// Removes the entries at positions in `range`.
pub fn remove_range(set: &mut impl PackedBuffer, range: Range<usize>) {
    let bytes = PackedSortedSet(set.bytes()).offsets(range);
    set.splice(bytes, &[]);
}
