//! Union, intersection and difference of sets with scores.
//!
//! The result is a list of entries in order, which `SortedSet::from_sorted` or
//! `packed::from_sorted` takes. Members are borrowed from the inputs, so nothing is
//! copied on the way.
//!
//! Cost: O(all entries) and sorting the result.

use std::collections::HashMap;

use super::SortedSet;
use super::leaf::compare;

/// How the scores of a member in several inputs become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Aggregate {
    Sum,
    Min,
    Max,
}

impl Aggregate {
    fn of(self, left: f64, right: f64) -> f64 {
        match self {
            // Infinities of both signs make 0, as on the real servers.
            Aggregate::Sum => or_zero(left + right),
            Aggregate::Min => left.min(right),
            Aggregate::Max => left.max(right),
        }
    }
}

fn or_zero(score: f64) -> f64 {
    if score.is_nan() { 0.0 } else { score }
}

/// A set with scores: a sorted set of either form, or a set, whose scores are all 1.
pub trait Scored {
    fn len(&self) -> usize;
    fn score(&self, member: &[u8]) -> Option<f64>;
    /// Shows all entries, in any order, until it is told to stop by false.
    fn visit<'a>(&'a self, visit: &mut dyn FnMut(&'a [u8], f64) -> bool);

    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Scored for SortedSet {
    fn len(&self) -> usize {
        SortedSet::len(self)
    }

    fn score(&self, member: &[u8]) -> Option<f64> {
        SortedSet::score(self, member)
    }

    fn visit<'a>(&'a self, visit: &mut dyn FnMut(&'a [u8], f64) -> bool) {
        let _ = self.iter().all(|(member, score)| visit(member, score));
    }
}

/// A small collection whose members had to be written out to be borrowed.
#[derive(Debug, Clone, Default)]
pub struct Plain(HashMap<Vec<u8>, f64, ahash::RandomState>);

impl FromIterator<(Vec<u8>, f64)> for Plain {
    fn from_iter<I: IntoIterator<Item = (Vec<u8>, f64)>>(entries: I) -> Self {
        Plain(entries.into_iter().collect())
    }
}

impl Scored for Plain {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn score(&self, member: &[u8]) -> Option<f64> {
        self.0.get(member).copied()
    }

    fn visit<'a>(&'a self, visit: &mut dyn FnMut(&'a [u8], f64) -> bool) {
        let _ = self.0.iter().all(|(member, &score)| visit(member, score));
    }
}

/// An input and the factor for its scores.
#[derive(Clone, Copy)]
pub struct Weighted<'a> {
    pub set: &'a dyn Scored,
    pub weight: f64,
}

impl Weighted<'_> {
    /// 0 times infinity is 0, as on the real servers.
    fn weigh(&self, score: f64) -> f64 {
        or_zero(self.weight * score)
    }
}

/// Members and scores, in order.
pub type Entries<'a> = Vec<(&'a [u8], f64)>;

fn sorted(mut entries: Entries<'_>) -> Entries<'_> {
    entries.sort_unstable_by(|left, right| compare((left.1, left.0), (right.1, right.0)));
    entries
}

/// All members of all inputs.
pub fn union<'a>(inputs: &[Weighted<'a>], aggregate: Aggregate) -> Entries<'a> {
    let most = inputs.iter().map(|input| input.set.len()).max();
    let mut scores: HashMap<&[u8], f64, ahash::RandomState> =
        HashMap::with_capacity_and_hasher(most.unwrap_or(0), ahash::RandomState::new());
    for input in inputs {
        input.set.visit(&mut |member, score| {
            let score = input.weigh(score);
            scores
                .entry(member)
                .and_modify(|old| *old = aggregate.of(*old, score))
                .or_insert(score);
            true
        });
    }
    sorted(scores.into_iter().collect())
}

/// The members that are in all inputs; at most `limit` are looked for.
pub fn intersection<'a>(
    inputs: &[Weighted<'a>],
    aggregate: Aggregate,
    limit: usize,
) -> Entries<'a> {
    let mut found = Vec::new();
    let smallest = inputs.iter().enumerate().min_by_key(|(_, i)| i.set.len());
    let Some((smallest, first)) = smallest else {
        return found;
    };
    first.set.visit(&mut |member, score| {
        // In the order of the inputs, for adding floats depends on it.
        let mut total = None;
        for (at, input) in inputs.iter().enumerate() {
            let own = if at == smallest {
                Some(score)
            } else {
                input.set.score(member)
            };
            let Some(own) = own else { return true };
            let own = input.weigh(own);
            total = Some(total.map_or(own, |total| aggregate.of(total, own)));
        }
        found.extend(total.map(|total| (member, total)));
        found.len() < limit
    });
    sorted(found)
}

/// The members of the first input that are in no other, with their scores there.
pub fn difference<'a>(first: &'a dyn Scored, others: &[&dyn Scored]) -> Entries<'a> {
    let mut found = Vec::new();
    first.visit(&mut |member, score| {
        if others.iter().all(|other| other.score(member).is_none()) {
            found.push((member, score));
        }
        true
    });
    sorted(found)
}
