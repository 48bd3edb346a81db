//! The list against a `VecDeque`; runs are tiny here, so all boundaries are crossed.

use std::collections::VecDeque;

use proptest::prelude::*;

use super::limit::{LISTPACK_BYTES_MIN, Limit, listpack_bytes};
use super::packed::{self as packed_list, PackedList};
use super::*;

type Model = VecDeque<Vec<u8>>;

#[derive(Debug, Clone)]
enum Step {
    PushBack(Vec<u8>, usize),
    PushFront(Vec<u8>, usize),
    PopBack(usize),
    PopFront(usize),
    Insert(prop::sample::Index, Vec<u8>),
    Set(prop::sample::Index, Vec<u8>),
    Remove(prop::sample::Index, usize),
    Trim(prop::sample::Index, prop::sample::Index),
    RemoveEqual(Vec<u8>, usize, bool),
    Clone,
    Clear,
    Depth(u32),
}

fn element() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => prop::collection::vec(b'a'..b'd', 0..3),
        4 => prop::collection::vec(any::<u8>(), 0..13),
        // Longer than a run keeps, and longer than a run.
        1 => prop::collection::vec(any::<u8>(), 13..60),
        // What is worth compressing, in the run and outside of it.
        2 => (b'x'..b'z', 8..60_usize).prop_map(|(byte, len)| vec![byte; len]),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    use prop::sample::Index;
    prop_oneof![
        6 => (element(), 1..8_usize).prop_map(|(e, n)| Step::PushBack(e, n)),
        6 => (element(), 1..8_usize).prop_map(|(e, n)| Step::PushFront(e, n)),
        3 => (1..12_usize).prop_map(Step::PopBack),
        3 => (1..12_usize).prop_map(Step::PopFront),
        6 => (any::<Index>(), element()).prop_map(|(i, e)| Step::Insert(i, e)),
        4 => (any::<Index>(), element()).prop_map(|(i, e)| Step::Set(i, e)),
        4 => (any::<Index>(), 1..20_usize).prop_map(|(i, n)| Step::Remove(i, n)),
        1 => (any::<Index>(), any::<Index>()).prop_map(|(a, b)| Step::Trim(a, b)),
        3 => (element(), 1..9_usize, any::<bool>())
            .prop_map(|(e, n, b)| Step::RemoveEqual(e, n, b)),
        2 => Just(Step::Clone),
        1 => Just(Step::Clear),
        1 => (0..3_u32).prop_map(Step::Depth),
    ]
}

fn apply(step: Step, list: &mut List, model: &mut Model) {
    let len = model.len();
    match step {
        Step::PushBack(element, times) => {
            for _ in 0..times {
                list.push_back(&element);
                model.push_back(element.clone());
            }
        }
        Step::PushFront(element, times) => {
            for _ in 0..times {
                list.push_front(&element);
                model.push_front(element.clone());
            }
        }
        Step::PopBack(count) => {
            let mut popped = Vec::new();
            assert_eq!(
                list.pop_back(count, |e| popped.push(e.to_vec())),
                count.min(len)
            );
            let expected: Vec<_> = (0..count).map_while(|_| model.pop_back()).collect();
            assert_eq!(popped, expected);
        }
        Step::PopFront(count) => {
            let mut popped = Vec::new();
            assert_eq!(
                list.pop_front(count, |e| popped.push(e.to_vec())),
                count.min(len)
            );
            let expected: Vec<_> = (0..count).map_while(|_| model.pop_front()).collect();
            assert_eq!(popped, expected);
        }
        Step::Insert(index, element) => {
            let index = index.index(len + 1);
            list.insert(index, &element);
            model.insert(index, element);
        }
        Step::Set(index, element) => {
            let index = index.index(len + 1);
            assert_eq!(list.set(index, &element), index < len);
            if index < len {
                model[index] = element;
            }
        }
        Step::Remove(index, count) => {
            let start = index.index(len + 1);
            drop(list.remove(start..start + count));
            model.drain(start..(start + count).min(len));
        }
        Step::Trim(from, to) => {
            let (from, to) = (from.index(len + 1), to.index(len + 1));
            drop(list.trim(from..to));
            model.truncate(to);
            model.drain(..from.min(to));
        }
        Step::RemoveEqual(unwanted, count, from_back) => {
            let removed = list.remove_equal(&unwanted, count, from_back);
            let mut expected = 0;
            while expected < count {
                let at = if from_back {
                    model.iter().rposition(|e| *e == unwanted)
                } else {
                    model.iter().position(|e| *e == unwanted)
                };
                let Some(at) = at else { break };
                model.remove(at);
                expected += 1;
            }
            assert_eq!(removed, expected);
        }
        Step::Depth(depth) => list.set_depth(depth),
        Step::Clone | Step::Clear => unreachable!(),
    }
}

fn elements(list: &List, range: Range<usize>) -> Vec<Vec<u8>> {
    let mut elements = Vec::new();
    list.visit(range, |element| elements.push(element.to_vec()));
    elements
}

fn same(list: &List, model: &Model) {
    list.check();
    assert_eq!(list.len(), model.len());
    assert_eq!(model, &elements(list, 0..list.len()));
    for (index, element) in model.iter().enumerate() {
        assert_eq!(list.get(index, <[u8]>::to_vec).as_ref(), Some(element));
    }
    assert_eq!(list.get(model.len(), |_| ()), None);
}

proptest! {
    #[test]
    fn behaves_as_a_deque_and_clones_stay(
        depth in 0..3_u32,
        steps in prop::collection::vec(step(), 1..120),
    ) {
        let (mut list, mut model) = (List::with_depth(depth), Model::new());
        let mut copies: Vec<(List, Model)> = Vec::new();
        for step in steps {
            match step {
                Step::Clone => copies.push((list.clone(), model.clone())),
                Step::Clear => {
                    drop(list.clear());
                    model.clear();
                }
                step => apply(step, &mut list, &mut model),
            }
            list.check();
            prop_assert_eq!(list.len(), model.len());
        }
        same(&list, &model);
        for (copy, was) in &copies {
            same(copy, was);
        }
    }

    #[test]
    fn ranges_and_positions_match_the_obvious_definition(
        all in prop::collection::vec(element(), 1..200),
        depth in 0..3_u32,
        front in 0..200_usize,
        from: prop::sample::Index,
        to: prop::sample::Index,
        from_back: bool,
        skip in 0..3_usize,
        count in 1..5_usize,
        compare_max in 0..250_usize,
    ) {
        let mut list = List::with_depth(depth);
        let split = front.min(all.len());
        all[..split].iter().rev().for_each(|e| list.push_front(e));
        all[split..].iter().for_each(|e| list.push_back(e));
        let (from, to) = (from.index(all.len()), to.index(all.len() + 1));
        let part = all.get(from..to).unwrap_or(&[]);
        prop_assert_eq!(elements(&list, from..to), part);
        let search = Search { from_back, skip, count, compare_max };
        let wanted = b"a".as_slice();
        let mut order: Vec<usize> = (0..all.len()).collect();
        if from_back {
            order.reverse();
        }
        order.truncate(compare_max);
        order.retain(|&index| all[index] == wanted);
        let expected: Vec<usize> = order.into_iter().skip(skip).take(count).collect();
        prop_assert_eq!(list.positions(wanted, search), expected);
        prop_assert_eq!(list.position(wanted), all.iter().position(|e| e == wanted));
    }

    #[test]
    fn only_leaves_far_from_both_ends_are_squeezed(
        count in 0..300_usize,
        front in 0..300_usize,
        depth in 0..4_u32,
        popped in 0..300_usize,
    ) {
        let mut list = List::with_depth(depth);
        (0..front).for_each(|_| list.push_front(b"xxxxxxxxxxxx"));
        (0..count).for_each(|_| list.push_back(b"xxxxxxxxxxxx"));
        list.pop_front(popped.min(front / 2), |_| ());
        list.pop_back(popped.min(count / 2), |_| ());
        list.check();
        let runs: Vec<bool> = list.pieces(0..list.len())
            .filter(|piece| !piece.part.is_empty())
            .map(|piece| matches!(piece.run, Cow::Owned(_)))
            .collect();
        let depth = depth as usize;
        // An end run that was emptied counts until it is filled again.
        let outer = depth.saturating_sub(1).min(runs.len() / 2);
        prop_assert!(!runs[..outer].contains(&true));
        prop_assert!(!runs[runs.len() - outer..].contains(&true));
        if depth > 0 && runs.len() > 2 * depth + 2 {
            prop_assert!(!runs[depth + 1..runs.len() - depth - 1].contains(&false));
        } else if depth == 0 {
            prop_assert!(!runs.contains(&true));
        }
    }

    #[test]
    fn a_shrinking_list_fits_when_its_listpack_would(
        elements in prop::collection::vec(element(), 300..400),
    ) {
        let limit = Limit::from_setting(-1);
        let mut list = List::new();
        elements.iter().for_each(|e| list.push_back(e));
        let bytes = |list: &List| {
            let all = self::elements(list, 0..list.len());
            LISTPACK_BYTES_MIN + all.iter().map(|e| listpack_bytes(e)).sum::<usize>()
        };
        while !list.fits(limit) {
            list.pop_front(1, |_| ());
        }
        // It may come late by what differs from the average, never early.
        prop_assert!(bytes(&list) <= 2048);
        prop_assert!(list.len() == 300.min(elements.len()) || bytes(&list) > 1500);
    }
}

#[test]
fn the_last_squeezed_leaf_is_opened_when_too_few_are_left_to_hide_it() {
    let mut list = List::with_depth(3);
    (0..4).for_each(|_| list.push_front(b"xxxxxxxxxxxx"));
    (0..13).for_each(|_| list.push_back(b"xxxxxxxxxxxx"));
    let squeezed = |list: &List| {
        let pieces = list.pieces(0..list.len());
        pieces
            .filter(|piece| matches!(piece.run, Cow::Owned(_)))
            .count()
    };
    assert_eq!(squeezed(&list), 1);
    list.pop_front(2, |_| ());
    assert_eq!(squeezed(&list), 0);
}

#[test]
fn listpacks_are_counted_as_the_servers_do() {
    // What Valkey 9.1 said: how many equal elements make the first that is too many.
    let first_too_many = |limit: Limit, element: &[u8]| {
        let each = listpack_bytes(element);
        let too_many = |count: usize| {
            let before = LISTPACK_BYTES_MIN + each * (count - 1);
            !limit.allows(count, before + element.len())
        };
        (1..20_000).find(|&count| too_many(count)).unwrap_or(0)
    };
    let bytes = Limit::from_setting(-2);
    for (element, expected) in [
        (&b"x"[..], 2730),
        (b"7", 4094),
        (&[b'x'; 10], 683),
        (&[b'x'; 63], 126),
        (&[b'x'; 64], 123),
        (&[b'x'; 100], 80),
        (&[b'x'; 200], 41),
        (&[b'x'; 5000], 2),
        (b"12345678", 1364),
    ] {
        assert_eq!(first_too_many(bytes, element), expected, "{element:?}");
    }
    let entries = Limit::from_setting(128);
    assert_eq!(first_too_many(entries, b"x"), 129);
    assert_eq!(first_too_many(entries, &[b'x'; 100]), 80);
    assert_eq!(first_too_many(Limit::from_setting(0), b"x"), 2);
    assert!(bytes.allows(1, LISTPACK_BYTES_MIN + 8185));
    assert!(!bytes.allows(1, LISTPACK_BYTES_MIN + 8186));
    assert_eq!(entries.again(), (64, 8192));
    assert_eq!(bytes.again(), (usize::MAX, 4096));
}

#[derive(Debug, Clone)]
enum PackedStep {
    PushBack(Vec<Vec<u8>>),
    PushFront(Vec<Vec<u8>>),
    Insert(prop::sample::Index, Vec<u8>),
    Set(prop::sample::Index, Vec<u8>),
    Remove(prop::sample::Index, usize),
    RemoveEqual(Vec<u8>, usize, bool),
}

fn small_or_number() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        element(),
        any::<i64>().prop_map(|number| number.to_string().into_bytes()),
        (-200..200_i64).prop_map(|number| number.to_string().into_bytes()),
    ]
}

fn packed_step() -> impl Strategy<Value = PackedStep> {
    use prop::sample::Index;
    let some = || prop::collection::vec(small_or_number(), 0..4);
    prop_oneof![
        some().prop_map(PackedStep::PushBack),
        some().prop_map(PackedStep::PushFront),
        (any::<Index>(), small_or_number()).prop_map(|(i, e)| PackedStep::Insert(i, e)),
        (any::<Index>(), small_or_number()).prop_map(|(i, e)| PackedStep::Set(i, e)),
        (any::<Index>(), 1..4_usize).prop_map(|(i, n)| PackedStep::Remove(i, n)),
        (small_or_number(), 1..4_usize, any::<bool>())
            .prop_map(|(e, n, b)| PackedStep::RemoveEqual(e, n, b)),
    ]
}

proptest! {
    #[test]
    fn the_packed_form_behaves_as_the_large_one(
        steps in prop::collection::vec(packed_step(), 1..40),
        depth in 0..3_u32,
        search_skip in 0..3_usize,
        from_back: bool,
    ) {
        let mut bytes = packed_list::EMPTY.to_vec();
        let mut list = List::with_depth(depth);
        for step in steps {
            let len = list.len();
            match step {
                PackedStep::PushBack(elements) => {
                    packed_list::push_back(&mut bytes, elements.iter().map(Vec::as_slice));
                    elements.iter().for_each(|e| list.push_back(e));
                }
                PackedStep::PushFront(elements) => {
                    packed_list::push_front(&mut bytes, elements.iter().map(Vec::as_slice));
                    elements.iter().for_each(|e| list.push_front(e));
                }
                PackedStep::Insert(index, element) => {
                    let index = index.index(len + 1);
                    packed_list::insert(&mut bytes, index, &element);
                    list.insert(index, &element);
                }
                PackedStep::Set(index, element) => {
                    let index = index.index(len + 1);
                    let known = packed_list::set(&mut bytes, index, &element);
                    prop_assert_eq!(known, list.set(index, &element));
                }
                PackedStep::Remove(index, count) => {
                    let start = index.index(len + 1);
                    packed_list::remove(&mut bytes, start..start + count);
                    drop(list.remove(start..start + count));
                }
                PackedStep::RemoveEqual(unwanted, count, from_back) => {
                    let removed =
                        packed_list::remove_equal(&mut bytes, &unwanted, count, from_back);
                    prop_assert_eq!(removed, list.remove_equal(&unwanted, count, from_back));
                }
            }
            prop_assert_eq!(packed_list::validate(&bytes), Ok(()));
        }
        let packed = PackedList::new(&bytes);
        prop_assert_eq!(packed.len(), list.len());
        let texts: Vec<Vec<u8>> = packed.range(0..packed.len()).map(|e| e.to_vec()).collect();
        prop_assert_eq!(&elements(&list, 0..list.len()), &texts);
        for index in 0..=list.len() {
            let element = packed.get(index).map(|element| element.to_vec());
            prop_assert_eq!(element, list.get(index, <[u8]>::to_vec));
        }
        for wanted in texts.iter().take(3) {
            prop_assert_eq!(packed.position(wanted), list.position(wanted));
            let search = Search { from_back, skip: search_skip, count: 3, compare_max: 9 };
            prop_assert_eq!(packed.positions(wanted, search), list.positions(wanted, search));
        }
        prop_assert_eq!(packed_list::from_list(&list), bytes.clone());
        same(&packed.to_list(depth), &texts.into());
    }

    #[test]
    fn packed_bytes_from_outside_are_judged(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
        if packed_list::validate(&bytes).is_ok() {
            let packed = PackedList::new(&bytes);
            prop_assert_eq!(packed.range(0..packed.len()).count(), packed.len());
        }
    }
}
