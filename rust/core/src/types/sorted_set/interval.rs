//! What a command asks for of a sorted set: an interval of ranks, scores or members.
//!
//!     ranks     from start to stop, both included, negative ones from the end
//!     scores    1 (1 -inf +inf
//!     members   [a (a - +; meant for sets in which all scores are equal
//!
//! Each becomes positions, which a LIMIT narrows down. Reading an interval costs
//! nothing; finding its positions O(log n), packed O(n).

use std::ops::Range;

use super::bounds::{LexBound, ScoreBound};
use super::face::SortedSetRef;
use crate::text::double;
use crate::types::packed::{Element, IntText};

/// See the head of this file.
#[derive(Debug, Clone, PartialEq)]
pub enum Interval {
    Ranks(i64, i64),
    Scores(ScoreBound, ScoreBound),
    /// The texts of two bounds that were read once already.
    Members(Vec<u8>, Vec<u8>),
}

impl ScoreBound {
    /// Reads `1`, `(1`, `-inf`.
    pub fn parse(text: &[u8]) -> Option<ScoreBound> {
        match text.split_first() {
            Some((b'(', text)) => double::parse_bound(text).map(ScoreBound::Excluded),
            _ => double::parse_bound(text).map(ScoreBound::Included),
        }
    }
}

impl<'a> LexBound<'a> {
    /// Reads `-`, `+`, `[member`, `(member`.
    pub fn parse(text: &'a [u8]) -> Option<LexBound<'a>> {
        match text {
            // The servers read these as C strings, which a zero byte ends.
            [b'-'] | [b'-', 0, ..] => Some(LexBound::Min),
            [b'+'] | [b'+', 0, ..] => Some(LexBound::Max),
            [b'[', member @ ..] => Some(LexBound::Included(member)),
            [b'(', member @ ..] => Some(LexBound::Excluded(member)),
            _ => None,
        }
    }
}

impl Interval {
    /// The interval from `low` to `high`; None if one of them is no bound.
    pub fn of_scores(low: &[u8], high: &[u8]) -> Option<Interval> {
        Some(Interval::Scores(
            ScoreBound::parse(low)?,
            ScoreBound::parse(high)?,
        ))
    }

    /// As `of_scores`, by members.
    pub fn of_members(low: &[u8], high: &[u8]) -> Option<Interval> {
        LexBound::parse(low)?;
        LexBound::parse(high)?;
        Some(Interval::Members(low.to_vec(), high.to_vec()))
    }

    /// Positions of the entries inside. With `reverse` ranks count from the end, and
    /// entries are sought from there.
    pub fn positions(&self, set: SortedSetRef<'_>, reverse: bool) -> Range<usize> {
        match self {
            Interval::Ranks(start, stop) => {
                let len = set.len();
                let range = ranks(*start, *stop, len);
                if reverse {
                    len - range.end..len - range.start
                } else {
                    range
                }
            }
            Interval::Scores(low, high) => set.score_range(*low, *high),
            Interval::Members(low, high) => {
                match (LexBound::parse(low), LexBound::parse(high)) {
                    (Some(low), Some(high)) => set.lex_range(low, high, reverse),
                    // `of_members` let none of these through.
                    _ => 0..0,
                }
            }
        }
    }

    /// The part of `positions` that LIMIT leaves.
    pub fn window(
        &self,
        set: SortedSetRef<'_>,
        reverse: bool,
        offset: i64,
        count: i64,
    ) -> Range<usize> {
        let range = self.positions(set, reverse);
        let left = limited(range.clone(), reverse, offset, count);
        match (self, set) {
            // Where scores differ members are in no order, and what the servers skip they
            // do not look at: behind it, entries may be inside again.
            (Interval::Members(low, high), SortedSetRef::Packed(_)) if offset > 0 => {
                match (LexBound::parse(low), LexBound::parse(high)) {
                    (Some(low), Some(high)) if !range.is_empty() => {
                        skipped(set, (low, high), range, reverse, offset, count)
                    }
                    _ => left,
                }
            }
            _ => left,
        }
    }
}

/// Entries inside behind the first `offset` of `range`, whatever those are.
fn skipped(
    set: SortedSetRef<'_>,
    (low, high): (LexBound<'_>, LexBound<'_>),
    range: Range<usize>,
    reverse: bool,
    offset: i64,
    count: i64,
) -> Range<usize> {
    let offset = usize::try_from(offset).unwrap_or(usize::MAX);
    let most = usize::try_from(count).unwrap_or(usize::MAX);
    let mut text = IntText::new();
    if reverse {
        let end = range.end.saturating_sub(offset);
        let members = set.range(0..end).rev().map(|(member, _)| member);
        let mut is_inside = |member: Element<'_>| !low.is_after(member.bytes(&mut text));
        let count = members
            .take_while(|member| is_inside(*member))
            .take(most)
            .count();
        return end - count..end;
    }
    let start = range.start.saturating_add(offset).min(set.len());
    let members = set.range(start..set.len()).map(|(member, _)| member);
    let mut is_inside = |member: Element<'_>| high.reaches(member.bytes(&mut text));
    start
        ..start
            + members
                .take_while(|member| is_inside(*member))
                .take(most)
                .count()
}

/// Positions from `start` to `stop` of `len`, both included, negative ones from the end.
fn ranks(start: i64, stop: i64, len: usize) -> Range<usize> {
    let signed = len as i64;
    let place = |at: i64| if at < 0 { (at + signed).max(-1) } else { at };
    let start = place(start).max(0);
    let stop = place(stop).min(signed - 1);
    if start > stop {
        return 0..0;
    }
    start as usize..stop as usize + 1
}

/// The part of `range` that LIMIT leaves, seen from its end with `reverse`. A negative
/// offset leaves nothing, a negative count everything.
pub fn limited(range: Range<usize>, reverse: bool, offset: i64, count: i64) -> Range<usize> {
    let Ok(offset) = usize::try_from(offset) else {
        return 0..0;
    };
    let offset = offset.min(range.len());
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    let count = count.min(range.len() - offset);
    if reverse {
        let end = range.end - offset;
        end - count..end
    } else {
        let start = range.start + offset;
        start..start + count
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::sorted_set::packed;
    use crate::types::sorted_set::packed::PackedSortedSet;

    #[test]
    fn ranks_count_from_both_ends() {
        let bytes = packed::from_sorted((1..=5).map(|n| (Element::Integer(n), n as f64)));
        let set = SortedSetRef::Packed(PackedSortedSet::new(&bytes));
        let found = |start, stop, reverse| Interval::Ranks(start, stop).positions(set, reverse);
        assert_eq!(found(0, -1, false), 0..5);
        assert_eq!(found(-2, 100, false), 3..5);
        assert_eq!(found(-100, 1, false), 0..2);
        assert_eq!(found(0, 1, true), 3..5);
        assert!(found(3, 2, false).is_empty() && found(5, 9, true).is_empty());
        assert!(found(i64::MIN, i64::MIN, false).is_empty());
        assert_eq!(found(i64::MIN, i64::MAX, true), 0..5);
    }

    #[test]
    fn bounds_are_read_as_the_servers_read_them() {
        assert_eq!(ScoreBound::parse(b"("), Some(ScoreBound::Excluded(0.0)));
        assert_eq!(ScoreBound::parse(b"1\0x"), Some(ScoreBound::Included(1.0)));
        assert_eq!(
            ScoreBound::parse(b"1e400"),
            Some(ScoreBound::Included(f64::INFINITY))
        );
        for text in ["(nan", "((1", " 1", "1d", "0x10", "-(1"] {
            assert_eq!(ScoreBound::parse(text.as_bytes()), None, "{text}");
        }
        assert_eq!(LexBound::parse(b"["), Some(LexBound::Included(b"")));
        for text in ["", "a", "-a", "+1"] {
            assert_eq!(LexBound::parse(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn a_limit_counts_from_where_the_reply_begins() {
        assert_eq!(limited(2..10, false, 1, 3), 3..6);
        assert_eq!(limited(2..10, true, 1, 3), 6..9);
        assert_eq!(limited(2..10, false, 1, -1), 3..10);
        assert!(limited(2..10, false, -1, -1).is_empty());
        assert!(limited(2..10, true, 9, 5).is_empty());
        assert!(limited(2..10, false, i64::MAX, i64::MAX).is_empty());
    }
}
