//! Deadlines beside a map of them.

use std::collections::BTreeMap;

use super::*;
use crate::seed::HashSeed;
use crate::types::home::{Detached, Limits};

/// Scores and deadlines by member.
type Model = BTreeMap<Vec<u8>, (f64, Option<i64>)>;

fn compare(set: SortedSetRef<'_>, model: &Model) {
    assert_eq!(set.len(), model.len());
    for (member, (score, deadline)) in model {
        assert_eq!(set.score(member), Some(*score));
        assert_eq!(set.deadline(member), Some(*deadline));
    }
    if let SortedSetRef::Large(set) = set {
        set.check();
        let earliest = model.values().filter_map(|(_, deadline)| *deadline).min();
        assert_eq!(set.next_deadline(), earliest);
        let timed = model.values().filter(|(_, deadline)| deadline.is_some());
        assert_eq!(set.timed_len(), timed.count());
        assert_eq!(set.timed(0).count(), set.timed_len());
    }
}

/// The members of the model in the order of the set.
fn sorted(model: &Model) -> Vec<Vec<u8>> {
    let mut members: Vec<_> = model.iter().collect();
    members.sort_by(|one, other| one.1.0.total_cmp(&other.1.0).then(one.0.cmp(other.0)));
    members
        .into_iter()
        .map(|(member, _)| member.clone())
        .collect()
}

#[test]
fn deadlines_follow_their_members_as_the_model_says() {
    let seed = HashSeed::fixed(1);
    for round in 0..20 {
        let mut random = fastrand::Rng::with_seed(round);
        let mut home = Detached::new();
        let limits = Limits {
            entries_max: if round % 2 == 0 { 0 } else { 16 },
            ..Limits::of_sets(&seed)
        };
        let (mut model, mut now_ms) = (Model::new(), 1000);
        for _ in 0..600 {
            let mut set = SortedSetMut::new(&mut home, limits);
            let member = format!("m{}", random.u8(..60)).into_bytes();
            match random.u8(..12) {
                0..=3 => {
                    let score = f64::from(random.u8(..20));
                    set.insert(&member, score);
                    // Another score leaves the deadline.
                    model.entry(member).or_insert((score, None)).0 = score;
                }
                4..=6 => {
                    let at = now_ms + i64::from(random.u8(1..40));
                    let got = set.expire(&member, at, DeadlineCondition::default(), now_ms);
                    match model.get_mut(&member) {
                        Some(known) => {
                            known.1 = Some(at);
                            assert_eq!(got, Expired::Set);
                        }
                        None => assert_eq!(got, Expired::Missing),
                    }
                }
                7 => {
                    let had_one = model.get_mut(&member).map(|known| known.1.take().is_some());
                    assert_eq!(set.persist(&member), had_one);
                }
                8 => {
                    let known = model.remove(&member);
                    assert_eq!(set.remove(&member), known.map(|(score, _)| score));
                }
                9 => {
                    let (count, high) = (random.usize(..3), random.bool());
                    set.pop(count, high, |member, _| {
                        model.remove(member.to_vec().as_slice());
                    });
                }
                10 => {
                    let start = random.usize(..=model.len());
                    let end = (start + random.usize(..4)).min(model.len());
                    for member in &sorted(&model)[start..end] {
                        model.remove(member);
                    }
                    drop(set.remove_range(start..end));
                }
                _ => {
                    now_ms += i64::from(random.u8(..10));
                    let mut due = Vec::new();
                    while set.remove_due(now_ms, 2, &mut |member| due.push(member)) {}
                    let before = model.len();
                    model.retain(|_, (_, at)| at.is_none_or(|at| at > now_ms));
                    assert_eq!(due.len(), before - model.len());
                    assert!(due.iter().all(|member| !model.contains_key(member)));
                }
            }
            compare(SortedSetMut::new(&mut home, limits).read(), &model);
        }
    }
}

#[test]
fn clones_keep_their_deadlines() {
    let mut set = SortedSet::from_sorted([(b"a".as_slice(), 1.0), (b"b", 2.0)]);
    assert!(set.set_deadline(b"a", Deadline::At(5)));
    let copy = set.clone();
    set.set_deadline(b"a", Deadline::At(9));
    set.set_deadline(b"b", Deadline::At(7));
    assert_eq!(copy.timed(0).collect::<Vec<_>>(), [(b"a".as_slice(), 5)]);
    assert_eq!(set.next_deadline(), Some(7));
    assert_eq!(set.take_due(9, 9), [b"b".to_vec(), b"a".to_vec()]);
    assert_eq!((set.len(), copy.len()), (0, 2));
}

#[test]
fn a_set_without_deadlines_takes_no_more_room() {
    // Objects are as large as the largest of their kinds, which must be another.
    assert!(size_of::<SortedSet>() <= size_of::<crate::types::paged_table::PagedTable>());
    let mut set = SortedSet::from_sorted([(b"a".as_slice(), 1.0)]);
    let before = set.memory_bytes();
    set.set_deadline(b"a", Deadline::At(5));
    assert!(set.memory_bytes() > before);
    set.set_deadline(b"a", Deadline::Clear);
    assert_eq!(set.memory_bytes(), before);
}
