//! The ends of ranges by score and by member, as positions.

use std::ops::Range;

use super::SortedSet;
use super::leaf::Least;
use crate::types::tree::Start;

/// One end of a range by score.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ScoreBound {
    Included(f64),
    Excluded(f64),
}

/// One end of a range by member; meant for sets in which all scores are equal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LexBound<'a> {
    /// Before all members (`-`).
    Min,
    /// After all members (`+`).
    Max,
    Included(&'a [u8]),
    Excluded(&'a [u8]),
}

impl ScoreBound {
    /// True if a score is before a range that begins here.
    #[inline]
    pub fn is_after(self, score: f64) -> bool {
        match self {
            ScoreBound::Included(bound) => score < bound,
            ScoreBound::Excluded(bound) => score <= bound,
        }
    }

    /// True if a score is not after a range that ends here.
    #[inline]
    pub fn reaches(self, score: f64) -> bool {
        match self {
            ScoreBound::Included(bound) => score <= bound,
            ScoreBound::Excluded(bound) => score < bound,
        }
    }
}

impl LexBound<'_> {
    /// True if a member is before a range that begins here.
    #[inline]
    pub fn is_after(self, member: &[u8]) -> bool {
        match self {
            LexBound::Min => false,
            LexBound::Max => true,
            LexBound::Included(bound) => member < bound,
            LexBound::Excluded(bound) => member <= bound,
        }
    }

    /// True if a member is not after a range that ends here.
    #[inline]
    pub fn reaches(self, member: &[u8]) -> bool {
        match self {
            LexBound::Min => false,
            LexBound::Max => true,
            LexBound::Included(bound) => member <= bound,
            LexBound::Excluded(bound) => member < bound,
        }
    }
}

/// The same, or empty when the end is before the start.
pub(super) fn ordered(start: usize, end: usize) -> Range<usize> {
    start..end.max(start)
}

impl SortedSet {
    /// Positions of the entries with scores from `min` to `max`. O(log n).
    pub fn score_range(&self, min: ScoreBound, max: ScoreBound) -> Range<usize> {
        let start = self.scores_while(|score| min.is_after(score));
        ordered(start, self.scores_while(|score| max.reaches(score)))
    }

    /// How many scores the question answers with yes, if those are the lowest.
    fn scores_while(&self, question: impl Fn(f64) -> bool) -> usize {
        // Of leaves before the last with a least that is a yes, all entries are yes:
        // they are below that least.
        let below = Start(|least: &Least| question(least.score));
        self.tree.find(below).map_or(0, |found| {
            let yes = found.leaf.scores_while(&question);
            found.start + yes
        })
    }

    /// Positions of the entries with members from `min` to `max`. O(log n).
    pub fn lex_range(&self, min: LexBound<'_>, max: LexBound<'_>) -> Range<usize> {
        let start = self.members_while(|member| min.is_after(member));
        ordered(start, self.members_while(|member| max.reaches(member)))
    }

    fn members_while(&self, question: impl Fn(&[u8]) -> bool) -> usize {
        let below = Start(|least: &Least| question(least.member()));
        self.tree
            .find(below)
            .map_or(0, |found| found.start + found.leaf.members_while(&question))
    }
}
