//! Union, intersection and difference of sets with scores.
//!
//! The result is a list of entries in order, which `face::from_sorted` takes. Members
//! are borrowed from the inputs, so nothing is copied on the way.
//!
//! Cost: O(all entries) and sorting the result.

use std::collections::HashMap;

use super::face::{SortedSetRef, compare};
use crate::types::Set;
use crate::types::packed::{Element, IntText};

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
            Aggregate::Min => {
                if right < left {
                    right
                } else {
                    left
                }
            }
            Aggregate::Max => {
                if right > left {
                    right
                } else {
                    left
                }
            }
        }
    }
}

fn or_zero(score: f64) -> f64 {
    if score.is_nan() { 0.0 } else { score }
}

/// A set with scores: a sorted set, or a set, whose scores are all 1.
#[derive(Debug, Clone, Copy)]
pub enum Scored<'a> {
    SortedSet(SortedSetRef<'a>),
    Set(Set<'a>),
}

impl<'a> Scored<'a> {
    pub fn len(self) -> usize {
        match self {
            Scored::SortedSet(set) => set.len(),
            Scored::Set(set) => set.len(),
        }
    }

    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    pub fn score(self, member: Element<'_>) -> Option<f64> {
        let mut text = IntText::new();
        let member = member.bytes(&mut text);
        match self {
            Scored::SortedSet(set) => set.score(member),
            Scored::Set(set) => set.contains(member).then_some(1.0),
        }
    }

    /// Shows all entries, in any order, until it is told to stop by false. Members that
    /// are numbers are shown as such, so equal ones are equal.
    fn visit(self, visit: &mut dyn FnMut(Element<'a>, f64) -> bool) {
        let _ = match self {
            Scored::SortedSet(SortedSetRef::Packed(set)) => {
                set.iter().all(|(member, score)| visit(member, score))
            }
            Scored::SortedSet(SortedSetRef::Large(set)) => set
                .iter()
                .all(|(member, score)| visit(Element::new(member), score)),
            Scored::Set(set) => set.iter().all(|member| visit(plain(member), 1.0)),
        };
    }
}

/// A member as a number if it is the text of one.
#[inline]
fn plain(member: Element<'_>) -> Element<'_> {
    match member {
        Element::Bytes(bytes) => Element::new(bytes),
        number => number,
    }
}

/// An input and the factor for its scores.
#[derive(Debug, Clone, Copy)]
pub struct Weighted<'a> {
    pub set: Scored<'a>,
    pub weight: f64,
}

impl Weighted<'_> {
    /// 0 times infinity is 0, as on the real servers.
    fn weigh(&self, score: f64) -> f64 {
        or_zero(self.weight * score)
    }
}

/// Members and scores, in order.
pub type Entries<'a> = Vec<(Element<'a>, f64)>;

fn sorted(mut entries: Entries<'_>) -> Entries<'_> {
    entries.sort_unstable_by(compare);
    entries
}

/// From the smallest to the largest: scores are aggregated in this order, which adding
/// floats and infinities depends on.
fn by_size<'a>(inputs: &[Weighted<'a>]) -> Vec<Weighted<'a>> {
    let mut inputs = inputs.to_vec();
    inputs.sort_by_cached_key(|input| input.set.len());
    inputs
}

/// All members of all inputs.
pub fn union<'a>(inputs: &[Weighted<'a>], aggregate: Aggregate) -> Entries<'a> {
    let inputs = by_size(inputs);
    let most = inputs.last().map_or(0, |input| input.set.len());
    let mut scores: HashMap<Element<'a>, f64, ahash::RandomState> =
        HashMap::with_capacity_and_hasher(most, ahash::RandomState::new());
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

/// Shows the members that are in all inputs until it is told to stop by false.
fn visit_common<'a>(
    inputs: &[Weighted<'a>],
    aggregate: Aggregate,
    visit: &mut dyn FnMut(Element<'a>, f64) -> bool,
) {
    let inputs = by_size(inputs);
    let Some((smallest, others)) = inputs.split_first() else {
        return;
    };
    smallest.set.visit(&mut |member, score| {
        let mut total = smallest.weigh(score);
        for input in others {
            let Some(score) = input.set.score(member) else {
                return true;
            };
            total = aggregate.of(total, input.weigh(score));
        }
        visit(member, total)
    });
}

/// The members that are in all inputs.
pub fn intersection<'a>(inputs: &[Weighted<'a>], aggregate: Aggregate) -> Entries<'a> {
    let mut found = Vec::new();
    visit_common(inputs, aggregate, &mut |member, score| {
        found.push((member, score));
        true
    });
    sorted(found)
}

/// How many members are in all inputs; not counted further than `limit`.
pub fn intersection_len(inputs: &[Weighted<'_>], limit: usize) -> usize {
    let mut found = 0;
    visit_common(inputs, Aggregate::Sum, &mut |_, _| {
        found += 1;
        found < limit
    });
    found
}

/// The members of the first input that are in no other, with their scores there.
pub fn difference<'a>(first: Scored<'a>, others: &[Scored<'_>]) -> Entries<'a> {
    let mut found = Vec::new();
    first.visit(&mut |member, score| {
        if others.iter().all(|other| other.score(member).is_none()) {
            found.push((member, score));
        }
        true
    });
    sorted(found)
}
