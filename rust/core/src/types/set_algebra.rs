//! Intersection, union and difference of sets.
//!
//! Members are visited as they are found, each once; nothing is collected. Large sets
//! are walked in hash order, so that looking their members up in another large set
//! walks that one in order, too; the two smallest of an intersection are passed side by
//! side, without looking anything up (`paged_table::merge`).
//!
//! Cost: intersection O(smallest × sets), union O(all × sets), difference
//! O(first × sets), lookups of about 50 ns each.

use super::packed::{Element, IntText};
use super::set::{Probe, Set};

/// Visits the members that are in all sets, until `visit` answers false. No sets have
/// no members in common.
pub fn intersection<'a>(sets: &[Set<'a>], visit: &mut dyn FnMut(Element<'a>) -> bool) {
    let mut sets = sets.to_vec();
    // A member that is missing is missing from the smallest most likely.
    sets.sort_by_key(|set| set.len());
    let Some((smallest, others)) = sets.split_first() else {
        return;
    };
    let is_in_all = |sets: &[Set<'_>], member: Element<'_>| {
        let mut text = IntText::new();
        let mut probe = Probe::new(member.bytes(&mut text));
        sets.iter().all(|set| set.contains_probe(&mut probe))
    };
    if let Some((next, others)) = others.split_first() {
        let mut visit_common = |member: Element<'a>| !is_in_all(others, member) || visit(member);
        if smallest.pass_with(*next, &mut visit_common) {
            return;
        }
    }
    for member in smallest.iter() {
        if is_in_all(others, member) && !visit(member) {
            return;
        }
    }
}

/// Visits the members that are in any set.
pub fn union<'a>(sets: &[Set<'a>], visit: &mut dyn FnMut(Element<'a>)) {
    let mut sets = sets.to_vec();
    // The members of the first set need no lookup.
    sets.sort_by_key(|set| std::cmp::Reverse(set.len()));
    for (index, set) in sets.iter().enumerate() {
        let earlier = &sets[..index];
        for member in set.iter() {
            let mut text = IntText::new();
            let mut probe = Probe::new(member.bytes(&mut text));
            if !earlier.iter().any(|set| set.contains_probe(&mut probe)) {
                visit(member);
            }
        }
    }
}

/// Visits the members of the first set that are in none of the others.
pub fn difference<'a>(first: Set<'a>, others: &[Set<'_>], visit: &mut dyn FnMut(Element<'a>)) {
    let mut others = others.to_vec();
    // A member that is not visited is in the largest most likely.
    others.sort_by_key(|set| std::cmp::Reverse(set.len()));
    for member in first.iter() {
        let mut text = IntText::new();
        let mut probe = Probe::new(member.bytes(&mut text));
        if !others.iter().any(|set| set.contains_probe(&mut probe)) {
            visit(member);
        }
    }
}
