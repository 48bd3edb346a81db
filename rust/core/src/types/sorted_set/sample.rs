//! Random entries: different ones, or with repetition. All choices are equally likely.
//!
//! Cost: O(count log n), packed O(n + count).

use std::collections::HashSet;

use super::face::SortedSetRef;
use crate::types::packed::Element;
use crate::types::record::below;

/// `count` different entries (all in order, if there are no more). `bits` are random.
pub fn distinct<'a>(
    set: SortedSetRef<'a>,
    count: usize,
    bits: &mut dyn FnMut() -> u64,
) -> Vec<(Element<'a>, f64)> {
    let len = set.len();
    if count >= len {
        return set.iter().collect();
    }
    // Floyd's: each step draws a position, or takes the newest where it was drawn before.
    let mut known = HashSet::with_capacity_and_hasher(count, ahash::RandomState::new());
    let mut positions = Vec::with_capacity(count);
    for newest in len - count..len {
        let drawn = below(bits(), newest + 1);
        let position = if known.insert(drawn) { drawn } else { newest };
        known.insert(position);
        positions.push(position);
    }
    at_positions(set, positions.into_iter()).collect()
}

/// `count` entries that may be the same. `bits` are random; the set must not be empty.
pub fn repeated<'a>(
    set: SortedSetRef<'a>,
    count: usize,
    bits: &mut dyn FnMut() -> u64,
) -> impl Iterator<Item = (Element<'a>, f64)> {
    let len = set.len();
    at_positions(set, (0..count).map(move |_| below(bits(), len)))
}

/// The entries at these positions, which are there.
fn at_positions<'a>(
    set: SortedSetRef<'a>,
    positions: impl Iterator<Item = usize>,
) -> impl Iterator<Item = (Element<'a>, f64)> {
    // Finding a place in a packed set is a walk: all of them are found in one.
    let packed: Vec<_> = match set {
        SortedSetRef::Packed(set) => set.iter().collect(),
        SortedSetRef::Large(_) => Vec::new(),
    };
    positions.filter_map(move |position| match set {
        SortedSetRef::Packed(_) => packed.get(position).copied(),
        SortedSetRef::Large(_) => set.nth(position),
    })
}
