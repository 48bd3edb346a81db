//! Sets against a sorted set, and their forms against those of Valkey 9.1.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::seed::HashSeed;
use crate::types::check::check_set;
use crate::types::home::{Detached, Home, Limits};
use crate::types::record::Deadline;
use crate::types::{SetMut, set_algebra};

#[derive(Debug, Clone)]
enum Step {
    Add(u8, Deadline),
    AddAll(Vec<u8>),
    Remove(u8),
    Pop(u64),
    PopMany(usize, u64),
    SetDeadline(u8, Deadline),
    Wait(i64),
}

fn member(number: u8) -> Vec<u8> {
    match number {
        0..=59 => (i64::from(number).pow(9) - 40).to_string().into_bytes(),
        60..=89 => format!("m{number}").into_bytes(),
        _ => vec![b'x'; usize::from(number) - 30],
    }
}

fn numbers() -> impl Strategy<Value = u8> {
    prop_oneof![8 => 0..60_u8, 3 => 60..90_u8, 1 => 90..100_u8]
}

fn steps() -> impl Strategy<Value = Step> {
    let deadlines = || {
        prop_oneof![
            8 => Just(Deadline::Keep),
            1 => Just(Deadline::Clear),
            1 => (1..200_i64).prop_map(Deadline::At),
        ]
    };
    prop_oneof![
        8 => (numbers(), deadlines()).prop_map(|(member, at)| Step::Add(member, at)),
        3 => prop::collection::vec(numbers(), 0..12).prop_map(Step::AddAll),
        3 => numbers().prop_map(Step::Remove),
        1 => any::<u64>().prop_map(Step::Pop),
        1 => (0..40_usize, any::<u64>()).prop_map(|(count, seed)| Step::PopMany(count, seed)),
        1 => (numbers(), deadlines()).prop_map(|(member, at)| Step::SetDeadline(member, at)),
        1 => (0..40_i64).prop_map(Step::Wait),
    ]
}

proptest! {
    #[test]
    fn behaves_as_a_set(
        entries_max in prop::sample::select(vec![0_usize, 5, 20, 128]),
        integers_max in prop::sample::select(vec![0_usize, 5, 20, 512]),
        steps in prop::collection::vec(steps(), 0..120),
    ) {
        let seed = HashSeed::fixed(8);
        let limits = Limits { entries_max, integers_max, ..Limits::of_sets(&seed) };
        let mut home = Detached::new();
        let mut model = BTreeMap::new();
        let mut now_ms = 0;
        for step in steps {
            let mut set = SetMut::new(&mut home, limits, now_ms);
            set.remove_due(1000, &mut |_| {});
            match step {
                Step::Add(number, deadline) => {
                    let old: Option<Option<i64>> = model.get(&member(number)).copied();
                    model.insert(member(number), deadline.after(old.flatten()));
                    prop_assert_eq!(set.add_with(&member(number), deadline), old.is_none());
                }
                Step::AddAll(numbers) => {
                    let members: Vec<_> = numbers.into_iter().map(member).collect();
                    let len = model.len();
                    let new = set.add_all(members.iter().map(|member| &member[..]));
                    for member in members {
                        model.entry(member).or_insert(None);
                    }
                    prop_assert_eq!(new, model.len() - len);
                }
                Step::Remove(number) => {
                    prop_assert_eq!(set.remove(&member(number)), model.remove(&member(number)).is_some());
                }
                Step::Pop(seed) => {
                    let mut random = fastrand::Rng::with_seed(seed);
                    let mut popped = None;
                    set.pop(&mut || random.u64(..), &mut |member| popped = Some(member.to_vec()));
                    prop_assert_eq!(popped.is_some(), !model.is_empty());
                    prop_assert!(popped.is_none_or(|member| model.remove(&member).is_some()));
                }
                Step::PopMany(count, seed) => {
                    let mut random = fastrand::Rng::with_seed(seed);
                    let expected = count.min(model.len());
                    let popped = set.pop_many(count, &mut || random.u64(..), &mut |member| {
                        assert!(model.remove(&member.to_vec()).is_some());
                    });
                    prop_assert_eq!(popped, expected);
                }
                Step::SetDeadline(number, deadline) => {
                    let old = model.get_mut(&member(number));
                    prop_assert_eq!(set.set_deadline(&member(number), deadline), old.is_some());
                    if let Some(old) = old {
                        *old = deadline.after(*old);
                    }
                }
                Step::Wait(time) => now_ms += time,
            }
            model.retain(|_, deadline| deadline.is_none_or(|at| at > now_ms));
            prop_assert_eq!(check_set(home.content()), Ok(()));
            let set = Set::new(home.content(), now_ms);
            let mut members: Vec<_> = set.iter().map(Element::to_vec).collect();
            members.sort();
            prop_assert!(members.iter().eq(model.keys()), "{:?} {:?}", members, model);
        }
        let set = Set::new(home.content(), now_ms);
        for number in 0..100 {
            let there = model.get(&member(number)).copied();
            prop_assert_eq!(set.contains(&member(number)), there.is_some());
            prop_assert_eq!(set.deadline(&member(number)), there);
        }
        let mut random = fastrand::Rng::with_seed(1);
        let mut sampled = Vec::new();
        set.sample(7, &mut || random.u64(..), &mut |member| sampled.push(member.to_vec()));
        sampled.sort();
        sampled.dedup();
        prop_assert!(set.next_deadline().is_some() || sampled.len() == model.len().min(7));
        prop_assert!(sampled.iter().all(|member| model.contains_key(member)));
    }

    #[test]
    fn algebra_is_that_of_sets(
        groups in prop::collection::vec((prop::collection::vec(numbers(), 0..60), any::<bool>()), 1..4),
    ) {
        let seed = HashSeed::fixed(8);
        let homes: Vec<Detached> = groups.iter().map(|(numbers, is_small)| {
            let entries_max = if *is_small { 128 } else { 3 };
            let limits = Limits { entries_max, ..Limits::of_sets(&seed) };
            let mut home = Detached::new();
            let members: Vec<_> = numbers.iter().copied().map(member).collect();
            SetMut::new(&mut home, limits, 0).add_all(members.iter().map(|member| &member[..]));
            home
        }).collect();
        let sets: Vec<Set<'_>> = homes.iter().map(|home| Set::new(home.content(), 0)).collect();
        let is_in = |number: u8| groups.iter().map(move |(numbers, _)| numbers.contains(&number));
        let expected = |wanted: &dyn Fn(&[bool]) -> bool| -> Vec<Vec<u8>> {
            let mut members: Vec<_> = (0..100_u8)
                .filter(|&number| wanted(&is_in(number).collect::<Vec<_>>()))
                .map(member)
                .collect();
            members.sort();
            members
        };
        let sorted = |mut members: Vec<Vec<u8>>| {
            members.sort();
            members
        };
        let mut found = Vec::new();
        set_algebra::intersection(&sets, &mut |member| { found.push(member.to_vec()); true });
        prop_assert_eq!(sorted(found), expected(&|there| there.iter().all(|&there| there)));
        let mut found = Vec::new();
        set_algebra::union(&sets, &mut |member| found.push(member.to_vec()));
        prop_assert_eq!(sorted(found), expected(&|there| there.iter().any(|&there| there)));
        let mut found = Vec::new();
        set_algebra::difference(sets[0], &sets[1..], &mut |member| found.push(member.to_vec()));
        prop_assert_eq!(sorted(found), expected(&|there| there[0] && !there[1..].contains(&true)));
    }
}

/// What a set is after members were added, each inner list with one command.
fn form(limits: Limits<'_>, commands: &[Vec<String>]) -> Form {
    let mut home = Detached::new();
    for members in commands {
        let mut set = SetMut::new(&mut home, limits, 0);
        set.add_all(members.iter().map(|member| member.as_bytes()));
    }
    home.content().form()
}

#[test]
fn forms_are_those_of_valkey() {
    use Form::{Object as Large, Packed, PackedIntegers as Integers};
    let seed = HashSeed::fixed(8);
    let limits = Limits::of_sets(&seed);
    let ints = |count: u32| {
        (0..count)
            .map(|number| number.to_string())
            .collect::<Vec<_>>()
    };
    let text = |len: usize| vec!["x".repeat(len)];
    let same = |member: &str, count: usize| vec![member.to_owned(); count];
    let and = |first: Vec<String>, then: Vec<String>| [first, then].concat();
    for (expected, commands) in [
        (Integers, vec![ints(512)]),
        (Large, vec![ints(513)]),
        (Large, vec![same("1", 513)]),
        (
            Large,
            ints(513).into_iter().map(|member| vec![member]).collect(),
        ),
        (Packed, vec![and(ints(10), text(1))]),
        (Packed, vec![and(text(1), ints(127))]),
        (Large, vec![and(text(1), ints(128))]),
        (Large, vec![and(text(1), same("1", 200))]),
        (Large, vec![ints(128), text(1)]),
        (Packed, vec![ints(127), text(1)]),
        (Packed, vec![ints(1), text(64)]),
        (Large, vec![ints(1), text(65)]),
        (Large, vec![text(65)]),
        (Packed, vec![and(text(1), ints(100)), same("1", 100)]),
        (Large, vec![ints(100), same("1", 600)]),
        (Packed, vec![ints(100), same("a", 100)]),
    ] {
        assert_eq!(form(limits, &commands), expected, "{commands:?}");
    }
    let few = Limits {
        integers_max: 64,
        ..limits
    };
    assert_eq!(form(few, &[ints(64)]), Integers);
    assert_eq!(form(few, &[ints(64), vec!["1000".into()]]), Large);
    assert_eq!(form(few, &[ints(128)]), Packed);
    assert_eq!(form(few, &[ints(129)]), Large);
    assert_eq!(
        form(
            Limits {
                integers_max: 0,
                ..limits
            },
            &[ints(1)]
        ),
        Packed
    );
    assert_eq!(
        form(
            Limits {
                integers_max: 0,
                entries_max: 0,
                ..limits
            },
            &[ints(1)]
        ),
        Large
    );
    let short = Limits {
        bytes_max: 3,
        ..limits
    };
    assert_eq!(form(short, &[vec!["12345".into()], text(1)]), Large);
    assert_eq!(form(short, &[vec!["123".into()], text(1)]), Packed);
}

#[test]
fn popping_nearly_all_packs_the_rest() {
    let seed = HashSeed::fixed(8);
    for (len, count, expected) in [
        (2000, 1750, Form::Object),
        (2000, 1900, Form::Packed),
        (512, 500, Form::PackedIntegers),
        (600, 500, Form::Packed),
        (600, 499, Form::Object),
    ] {
        let mut home = Detached::new();
        let members: Vec<String> = (0..len).map(|number| number.to_string()).collect();
        let mut set = SetMut::new(&mut home, Limits::of_sets(&seed), 0);
        set.add_all(members.iter().map(|member| member.as_bytes()));
        let mut random = fastrand::Rng::with_seed(1);
        assert_eq!(
            set.pop_many(count, &mut || random.u64(..), &mut |_| {}),
            count
        );
        assert_eq!(
            (set.read().len(), home.content().form()),
            (len - count, expected)
        );
    }
}
