//! Sorted sets in a home against a map, over the conversion from packed to large.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::seed::HashSeed;
use crate::types::sorted_set::sample;

type Model = BTreeMap<Vec<u8>, f64>;

fn entries(model: &Model) -> Vec<(Vec<u8>, f64)> {
    let mut entries: Vec<_> = model.iter().map(|(m, s)| (m.clone(), *s)).collect();
    entries.sort_by(|l, r| l.1.total_cmp(&r.1).then(l.0.cmp(&r.0)));
    entries
}

fn found(set: SortedSetRef<'_>) -> Vec<(Vec<u8>, f64)> {
    set.iter().map(|(m, s)| (m.to_vec(), s)).collect()
}

#[derive(Debug, Clone)]
enum Step {
    Insert(u8, f64, Conditions),
    Increment(u8, f64, Conditions),
    Remove(u8),
    Pop(usize, bool),
    RemoveRange(usize, usize),
}

fn conditions() -> impl Strategy<Value = Conditions> {
    let any = prop::array::uniform4(prop::bool::weighted(0.2));
    any.prop_map(
        |[only_new, only_known, only_greater, only_less]| Conditions {
            only_new,
            only_known,
            only_greater,
            only_less,
        },
    )
}

fn step() -> impl Strategy<Value = Step> {
    let score = || (-3..4_i32).prop_map(|score| f64::from(score) / 2.0);
    prop_oneof![
        6 => (0..20_u8, score(), conditions()).prop_map(|(m, s, c)| Step::Insert(m, s, c)),
        2 => (0..20_u8, score(), conditions()).prop_map(|(m, s, c)| Step::Increment(m, s, c)),
        2 => (0..20_u8).prop_map(Step::Remove),
        1 => (0..4_usize, any::<bool>()).prop_map(|(count, high)| Step::Pop(count, high)),
        1 => (0..20_usize, 0..4_usize).prop_map(|(at, count)| Step::RemoveRange(at, count)),
    ]
}

/// Numbers, words and one that is too long for the packed form.
fn member(number: u8) -> Vec<u8> {
    match number {
        0 => b"a member that is long".to_vec(),
        1..=9 => number.to_string().into_bytes(),
        _ => vec![b'a' + number % 8, number],
    }
}

/// What the conditions mean, said once more.
fn holds(conditions: Conditions, old: Option<f64>, new: f64) -> bool {
    match old {
        None => !conditions.only_known,
        Some(_) if conditions.only_new => false,
        Some(old) => {
            (!conditions.only_greater || new > old) && (!conditions.only_less || new < old)
        }
    }
}

proptest! {
    #[test]
    fn both_forms_do_what_a_map_does(
        steps in prop::collection::vec(step(), 1..60),
        entries_max in 0..12_usize,
    ) {
        let seed = HashSeed::fixed(1);
        let limits = Limits { entries_max, bytes_max: 8, integers_max: 0, seed: &seed };
        let (mut home, mut model, mut was_large) = (Detached::new(), Model::new(), false);
        for step in steps {
            let mut set = SortedSetMut::new(&mut home, limits);
            match step {
                Step::Insert(number, score, conditions) => {
                    let name = member(number);
                    let old = model.get(&name).copied();
                    let done = set.insert_if(&name, score, conditions);
                    prop_assert_eq!(done.is_some(), holds(conditions, old, score));
                    if done.is_some() {
                        was_large |= old.is_none()
                            && (name.len() > 8 || model.len() + 1 > entries_max);
                        model.insert(name, score);
                    }
                }
                Step::Increment(number, by, conditions) => {
                    let name = member(number);
                    let old = model.get(&name).copied();
                    let score = old.unwrap_or(0.0) + by;
                    let done = set.increment_if(&name, by, conditions);
                    let expected = holds(conditions, old, score);
                    prop_assert_eq!(done, Ok(expected.then_some((score, old != Some(score)))));
                    if expected {
                        was_large |= old.is_none()
                            && (name.len() > 8 || model.len() + 1 > entries_max);
                        model.insert(name, score);
                    }
                }
                Step::Remove(number) => {
                    let name = member(number);
                    prop_assert_eq!(set.remove(&name), model.remove(&name));
                }
                Step::Pop(count, high) => {
                    let mut all = entries(&model);
                    if high {
                        all.reverse();
                    }
                    all.truncate(count);
                    let mut popped = Vec::new();
                    set.pop(count, high, |name, score| popped.push((name.to_vec(), score)));
                    prop_assert_eq!(&popped, &all);
                    model.retain(|name, _| popped.iter().all(|(other, _)| other != name));
                }
                Step::RemoveRange(at, count) => {
                    let all = entries(&model);
                    let start = at.min(all.len());
                    let end = (start + count).min(all.len());
                    set.remove_range(start..end);
                    for (name, _) in &all[start..end] {
                        model.remove(name);
                    }
                }
            }
            let set = SortedSetRef::new(home.content());
            prop_assert_eq!(found(set), entries(&model));
            prop_assert_eq!(set.len(), model.len());
            prop_assert_eq!(set.is_empty(), model.is_empty());
            prop_assert_eq!(home.content().form() == Form::Object, was_large);
            for (rank, (name, score)) in entries(&model).iter().enumerate() {
                prop_assert_eq!(set.rank(name), Some((rank, *score)));
                let behind = model.len() - 1 - rank;
                prop_assert_eq!(set.reverse_rank(name), Some((behind, *score)));
                prop_assert_eq!(set.score(name), Some(*score));
            }
        }
    }
}

#[test]
fn hints_alone_make_a_set_large() {
    let seed = HashSeed::fixed(1);
    let limits = Limits {
        entries_max: 3,
        bytes_max: 8,
        integers_max: 0,
        seed: &seed,
    };
    for (entries, longest, is_large) in [(3, 8, false), (4, 8, true), (1, 9, true)] {
        let mut home = Detached::new();
        let mut set = SortedSetMut::new(&mut home, limits);
        set.insert(b"a", 1.0);
        set.prepare(entries, longest);
        assert_eq!(home.content().form() == Form::Object, is_large);
        assert_eq!(SortedSetRef::new(home.content()).score(b"a"), Some(1.0));
    }
}

#[test]
fn random_entries_are_all_equally_likely() {
    let seed = HashSeed::fixed(1);
    let mut random = fastrand::Rng::with_seed(7);
    for entries_max in [0, 100] {
        let limits = Limits {
            entries_max,
            bytes_max: 8,
            integers_max: 0,
            seed: &seed,
        };
        let mut home = Detached::new();
        let mut set = SortedSetMut::new(&mut home, limits);
        for number in 0..10_u8 {
            set.insert(&[b'a' + number], f64::from(number));
        }
        let set = SortedSetRef::new(home.content());
        let (mut once, mut often) = ([0; 10], [0; 10]);
        for _ in 0..3_000 {
            let chosen = sample::distinct(set, 3, &mut || random.u64(..));
            let mut scores: Vec<_> = chosen.iter().map(|(_, score)| *score as usize).collect();
            scores.iter().for_each(|score| once[*score] += 1);
            scores.sort_unstable();
            scores.dedup();
            assert_eq!(scores.len(), 3, "a member was chosen twice");
            let mut bits = || random.u64(..);
            let repeated = sample::repeated(set, 3, &mut bits);
            repeated.for_each(|(_, score)| often[score as usize] += 1);
        }
        // 900 expected, standard deviation below 30.
        assert!(
            once.iter()
                .chain(&often)
                .all(|count| (750..1050).contains(count))
        );
        assert_eq!(sample::distinct(set, 99, &mut || 0).len(), 10);
    }
}
