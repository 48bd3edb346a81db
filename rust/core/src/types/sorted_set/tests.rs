//! Sorted sets of both forms against a map; leaves are tiny here, so all boundaries
//! are crossed.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::bounds::{LexBound, ScoreBound};
use super::combine::{
    Aggregate, Scored, Weighted, difference, intersection, intersection_len, union,
};
use super::face::SortedSetRef;
use super::packed::{self as packed_set, PackedSortedSet};
use super::*;

#[derive(Debug, Clone, Default)]
struct Model(BTreeMap<Vec<u8>, f64>);

impl Model {
    fn entries(&self) -> Vec<(&[u8], f64)> {
        let entries = self.0.iter().map(|(member, &score)| (&member[..], score));
        let mut entries: Vec<_> = entries.collect();
        entries.sort_by(|l, r| l.1.partial_cmp(&r.1).unwrap().then(l.0.cmp(r.0)));
        entries
    }

    fn elements(&self) -> Vec<(Element<'_>, f64)> {
        let entries = self.entries().into_iter();
        entries
            .map(|(member, score)| (Element::new(member), score))
            .collect()
    }

    fn remove_all(&mut self, entries: &[(Vec<u8>, f64)]) {
        for (member, _) in entries {
            self.0.remove(member);
        }
    }

    fn owned(&self) -> Vec<(Vec<u8>, f64)> {
        let entries = self.entries();
        entries.iter().map(|(m, s)| (m.to_vec(), *s)).collect()
    }
}

#[derive(Debug, Clone)]
enum Step {
    Insert(Vec<(Vec<u8>, f64)>),
    Increment(Vec<u8>, f64),
    Rescore(prop::sample::Index, f64),
    Remove(prop::sample::Index),
    RemoveUnknown(Vec<u8>),
    PopMin(usize),
    PopMax(usize),
    RemoveRange(prop::sample::Index, usize),
    Clone,
}

fn member() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        6 => prop::collection::vec(b'a'..b'e', 0..5),
        3 => prop::collection::vec(any::<u8>(), 0..13),
        2 => (0..300_u32).prop_map(|n| n.to_string().into_bytes()),
        // Longer than a leaf keeps, and alike for longer than a bound keeps.
        1 => (0..9_u8).prop_map(|n| [vec![b'l'; 40], vec![n]].concat()),
    ]
}

fn score() -> impl Strategy<Value = f64> {
    prop_oneof![
        4 => (-3..4_i32).prop_map(f64::from),
        2 => any::<f64>().prop_filter("a number", |score| !score.is_nan()),
        1 => Just(-0.0),
        1 => prop_oneof![Just(f64::INFINITY), Just(f64::NEG_INFINITY)],
    ]
}

fn step() -> impl Strategy<Value = Step> {
    use prop::sample::Index;
    let some = prop::collection::vec((member(), score()), 1..12);
    prop_oneof![
        8 => some.prop_map(Step::Insert),
        3 => (member(), score()).prop_map(|(m, s)| Step::Increment(m, s)),
        3 => (any::<Index>(), score()).prop_map(|(i, s)| Step::Rescore(i, s)),
        4 => any::<Index>().prop_map(Step::Remove),
        1 => member().prop_map(Step::RemoveUnknown),
        2 => (1..9_usize).prop_map(Step::PopMin),
        2 => (1..9_usize).prop_map(Step::PopMax),
        3 => (any::<Index>(), 1..60_usize).prop_map(|(i, n)| Step::RemoveRange(i, n)),
        1 => Just(Step::Clone),
    ]
}

/// What an edit should say, by the model, which it changes.
fn model_insert(model: &mut Model, member: &[u8], score: f64) -> Inserted {
    match model.0.get(member).copied() {
        Some(old) if old == score => Inserted::Unchanged,
        old => {
            model.0.insert(member.to_vec(), score);
            old.map_or(Inserted::Added, Inserted::Updated)
        }
    }
}

fn model_increment(model: &mut Model, member: &[u8], by: f64) -> Result<f64, NotANumber> {
    let score = model.0.get(member).map_or(by, |old| old + by);
    if score.is_nan() {
        return Err(NotANumber);
    }
    model_insert(model, member, score);
    Ok(score)
}

fn apply(step: Step, set: &mut SortedSet, model: &mut Model) {
    let entries = model.owned();
    let len = entries.len();
    let popped = RefCell::new(Vec::new());
    let keep = |member: &[u8], score: f64| popped.borrow_mut().push((member.to_vec(), score));
    match step {
        Step::Insert(entries) => {
            for (member, score) in entries {
                let expected = model_insert(model, &member, score);
                assert_eq!(set.insert(&member, score), expected);
            }
        }
        Step::Increment(member, by) => {
            let expected = model_increment(model, &member, by);
            assert_eq!(set.increment(&member, by), expected);
        }
        Step::Rescore(index, score) if len > 0 => {
            let (member, _) = &entries[index.index(len)];
            let expected = model_insert(model, member, score);
            assert_eq!(set.insert(member, score), expected);
        }
        Step::Remove(index) if len > 0 => {
            let (member, score) = &entries[index.index(len)];
            model.0.remove(member);
            assert_eq!(set.remove(member), Some(*score));
        }
        Step::RemoveUnknown(member) => {
            assert_eq!(set.remove(&member), model.0.remove(&member));
        }
        Step::PopMin(count) => {
            assert_eq!(set.pop_min(count, keep), count.min(len));
            let expected = &entries[..count.min(len)];
            assert_eq!(*popped.borrow(), expected);
            model.remove_all(expected);
        }
        Step::PopMax(count) => {
            assert_eq!(set.pop_max(count, keep), count.min(len));
            let expected = &entries[len - count.min(len)..];
            popped.borrow_mut().reverse();
            assert_eq!(*popped.borrow(), expected);
            model.remove_all(expected);
        }
        Step::RemoveRange(index, count) => {
            let start = index.index(len + 1);
            drop(set.remove_range(start..start + count));
            model.remove_all(&entries[start..(start + count).min(len)]);
        }
        _ => {}
    }
}

fn same(set: &SortedSet, model: &Model) {
    set.check();
    let entries = model.entries();
    assert_eq!(set.len(), entries.len());
    assert!(set.iter().eq(entries.iter().copied()));
    assert!(set.iter().rev().eq(entries.iter().rev().copied()));
    for (rank, &(member, score)) in entries.iter().enumerate() {
        assert_eq!(set.score(member), Some(score));
        assert_eq!(set.rank(member), Some((rank, score)));
        assert_eq!(set.nth(rank), Some((member, score)));
        let from_end = entries.len() - 1 - rank;
        assert_eq!(set.reverse_rank(member), Some((from_end, score)));
    }
    assert_eq!(set.nth(entries.len()), None);
}

fn bound() -> impl Strategy<Value = ScoreBound> {
    (score(), any::<bool>()).prop_map(|(score, included)| {
        if included {
            ScoreBound::Included(score)
        } else {
            ScoreBound::Excluded(score)
        }
    })
}

proptest! {
    #[test]
    fn behaves_as_a_map_in_order_and_clones_stay(
        steps in prop::collection::vec(step(), 1..80),
    ) {
        let (mut set, mut model) = (SortedSet::new(), Model::default());
        let mut copies: Vec<(SortedSet, Model)> = Vec::new();
        for step in steps {
            match step {
                Step::Clone => copies.push((set.clone(), model.clone())),
                step => apply(step, &mut set, &mut model),
            }
            set.check();
            prop_assert_eq!(set.len(), model.0.len());
        }
        same(&set, &model);
        for (copy, was) in &copies {
            same(copy, was);
        }
        let built = SortedSet::from_sorted(model.elements());
        same(&built, &model);
    }

    #[test]
    fn ranges_match_the_obvious_definition(
        entries in prop::collection::vec((member(), score()), 0..150),
        min in bound(),
        max in bound(),
        low in member(),
        high in member(),
        included: bool,
    ) {
        let (mut set, mut model) = (SortedSet::new(), Model::default());
        let mut bytes = packed_set::EMPTY.to_vec();
        for (member, score) in &entries {
            set.insert(member, *score);
            packed_set::insert(&mut bytes, member, *score);
            model.0.insert(member.clone(), *score);
        }
        let within = |score: f64| !min.is_after(score) && max.reaches(score);
        let expected: Vec<_> = model.entries().into_iter().filter(|e| within(e.1)).collect();
        let found = set.score_range(min, max);
        prop_assert_eq!(found.len(), expected.len());
        prop_assert!(set.range(found).eq(expected.iter().copied()));
        let packed = PackedSortedSet::new(&bytes);
        prop_assert_eq!(packed.score_range(min, max).len(), expected.len());

        let (mut set, mut bytes) = (SortedSet::new(), Vec::new());
        for (member, _) in &entries {
            set.insert(member, 7.0);
            packed_set::insert(&mut bytes, member, 7.0);
        }
        set.check();
        let (min, max) = if included {
            (LexBound::Included(&low), LexBound::Included(&high))
        } else {
            (LexBound::Excluded(&low), LexBound::Excluded(&high))
        };
        let all: BTreeSet<_> = entries.iter().map(|(member, _)| member.as_slice()).collect();
        for (min, max) in [(min, max), (LexBound::Min, max), (min, LexBound::Max)] {
            let within = |member: &&&[u8]| !min.is_after(member) && max.reaches(member);
            let expected: Vec<_> = all.iter().filter(within).copied().collect();
            let found = set.lex_range(min, max);
            let members: Vec<_> = set.range(found).map(|(member, _)| member).collect();
            prop_assert_eq!(&members, &expected);
            let packed = PackedSortedSet::new(&bytes);
            prop_assert_eq!(packed.lex_range(min, max).len(), expected.len());
        }
    }

    #[test]
    fn a_scan_shows_what_stays(
        entries in prop::collection::vec((member(), score()), 1..150),
        edits in prop::collection::vec(step(), 0..60),
        count in 1..9_usize,
    ) {
        let (mut set, mut model) = (SortedSet::new(), Model::default());
        for (member, score) in &entries {
            set.insert(member, *score);
            model.0.insert(member.clone(), *score);
        }
        let mut stayed: BTreeSet<Vec<u8>> = model.0.keys().cloned().collect();
        let mut shown = BTreeSet::new();
        let mut cursor = 0;
        let mut edits = edits.into_iter();
        loop {
            cursor = set.scan(cursor, count, |member, score| {
                assert_eq!(set.score(member), Some(score));
                shown.insert(member.to_vec());
            });
            if cursor == 0 {
                break;
            }
            if let Some(edit) = edits.next() {
                apply(edit, &mut set, &mut model);
                stayed.retain(|member| model.0.contains_key(member));
            }
        }
        prop_assert!(stayed.is_subset(&shown));
    }

    #[test]
    fn the_packed_form_behaves_as_a_map(steps in prop::collection::vec(step(), 1..30)) {
        let mut bytes = packed_set::EMPTY.to_vec();
        let mut model = Model::default();
        for step in steps {
            let entries = model.owned();
            let len = entries.len();
            match step {
                Step::Insert(new) => {
                    for (member, score) in new {
                        let expected = model_insert(&mut model, &member, score);
                        prop_assert_eq!(packed_set::insert(&mut bytes, &member, score), expected);
                    }
                }
                Step::Increment(member, by) => {
                    let expected = model_increment(&mut model, &member, by);
                    prop_assert_eq!(packed_set::increment(&mut bytes, &member, by), expected);
                }
                Step::Remove(index) if len > 0 => {
                    let (member, score) = &entries[index.index(len)];
                    model.0.remove(member);
                    prop_assert_eq!(packed_set::remove(&mut bytes, member), Some(*score));
                }
                Step::RemoveRange(index, count) => {
                    let start = index.index(len + 1);
                    packed_set::remove_range(&mut bytes, start..start + count);
                    model.remove_all(&entries[start..(start + count).min(len)]);
                }
                _ => {}
            }
            prop_assert_eq!(packed_set::validate(&bytes), Ok(()));
        }
        let packed = PackedSortedSet::new(&bytes);
        let owned = |(member, score): (crate::types::packed::Element<'_>, f64)| (member.to_vec(), score);
        let entries = model.owned();
        prop_assert_eq!(packed.len(), entries.len());
        prop_assert_eq!(packed.iter().map(owned).collect::<Vec<_>>(), entries.clone());
        let mut reverse: Vec<_> = packed.iter().rev().map(owned).collect();
        reverse.reverse();
        prop_assert_eq!(&reverse, &entries);
        for (rank, (member, score)) in entries.iter().enumerate() {
            prop_assert_eq!(packed.rank(member), Some((rank, *score)));
            prop_assert_eq!(packed.nth(rank).map(owned), Some((member.clone(), *score)));
        }
        same(&packed.to_sorted_set(), &model);
        prop_assert_eq!(packed_set::from_sorted(model.elements()), bytes.clone());
    }

    #[test]
    fn packed_bytes_from_outside_are_judged(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
        if packed_set::validate(&bytes).is_ok() {
            prop_assert_eq!(PackedSortedSet::new(&bytes).iter().count() * 2 % 2, 0);
        }
    }

    #[test]
    fn combining_matches_the_obvious_definition(
        sets in prop::collection::vec(prop::collection::vec((member(), score()), 0..30), 1..4),
        weights in prop::collection::vec(score(), 4),
        which in 0..3_usize,
    ) {
        let aggregate = [Aggregate::Sum, Aggregate::Min, Aggregate::Max][which];
        let models: Vec<Model> = sets.iter().map(|entries| {
            Model(entries.iter().cloned().collect())
        }).collect();
        let large: Vec<SortedSet> = models.iter().map(|m| SortedSet::from_sorted(m.elements())).collect();
        let packed = packed_set::from_sorted(models[0].elements());
        let mut inputs: Vec<Weighted<'_>> = large.iter().zip(&weights)
            .map(|(set, &weight)| Weighted { set: Scored::SortedSet(SortedSetRef::Large(set)), weight })
            .collect();
        inputs[0].set = Scored::SortedSet(SortedSetRef::Packed(PackedSortedSet::new(&packed)));
        // Scores are aggregated from the smallest input to the largest.
        let mut by_size: Vec<(&Model, f64)> = models.iter().zip(weights.iter().copied()).collect();
        by_size.sort_by_key(|(model, _)| model.0.len());
        let number = |score: f64| if score.is_nan() { 0.0 } else { score };
        let mut all = Model::default();
        let mut counts: BTreeMap<Vec<u8>, usize> = BTreeMap::new();
        for (model, weight) in by_size {
            for (member, &score) in &model.0 {
                let score = number(weight * score);
                *counts.entry(member.clone()).or_default() += 1;
                let old = all.0.get(member).copied();
                let score = old.map_or(score, |old| match aggregate {
                    Aggregate::Sum => number(old + score),
                    Aggregate::Min => old.min(score),
                    Aggregate::Max => old.max(score),
                });
                all.0.insert(member.clone(), score);
            }
        }
        prop_assert_eq!(union(&inputs, aggregate), all.elements());
        let mut common = all.clone();
        common.0.retain(|member, _| counts[member] == models.len());
        prop_assert_eq!(intersection(&inputs, aggregate), common.elements());
        let count = common.0.len();
        prop_assert_eq!(intersection_len(&inputs, usize::MAX), count);
        prop_assert_eq!(intersection_len(&inputs, 2), count.min(2));
        let mut only = models[0].clone();
        only.0.retain(|member, _| counts[member] == 1);
        let others: Vec<Scored<'_>> = inputs[1..].iter().map(|input| input.set).collect();
        prop_assert_eq!(difference(inputs[0].set, &others), only.elements());
    }
}

#[test]
fn zeros_of_both_signs_are_one_score() {
    let mut set = SortedSet::new();
    set.insert(b"a", -0.0);
    assert_eq!(set.insert(b"a", 0.0), Inserted::Unchanged);
    assert!(set.score(b"a").is_some_and(f64::is_sign_negative));
    let mut bytes = packed_set::from_sorted(
        set.iter()
            .map(|(member, score)| (Element::new(member), score)),
    );
    let score = PackedSortedSet::new(&bytes).score(b"a");
    assert!(score.is_some_and(f64::is_sign_positive));
    set.insert(b"b", 0.0);
    set.insert(b"B", 0.0);
    assert!(set.iter().map(|(member, _)| member).eq([b"B", b"a", b"b"]));
    assert_eq!(set.increment(b"c", f64::INFINITY), Ok(f64::INFINITY));
    assert_eq!(set.increment(b"c", f64::NEG_INFINITY), Err(NotANumber));
    assert_eq!(
        packed_set::increment(&mut bytes, b"a", f64::NAN),
        Err(NotANumber)
    );
    set.check();
}
