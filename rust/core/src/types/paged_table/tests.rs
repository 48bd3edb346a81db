//! Paged tables against a map, with pages so small that every boundary is crossed.

use std::collections::{BTreeMap, HashMap, HashSet};

use proptest::prelude::*;

use super::*;

type Model = BTreeMap<Vec<u8>, (Vec<u8>, Option<i64>)>;

#[derive(Debug, Clone)]
enum Step {
    Set(u16, Vec<u8>, Deadline),
    Remove(u16),
    RemoveRange(u16, u16),
    SetDeadline(u16, Deadline),
    RemoveDue(i64, usize),
    Scan(usize),
    Pop(u64),
    Clone,
    Swap,
}

fn bits(seed: u64) -> impl FnMut() -> u64 {
    let mut random = fastrand::Rng::with_seed(seed);
    move || random.u64(..)
}

fn key(number: u16) -> Vec<u8> {
    match number % 7 {
        // Keys of 29 bytes and more lie outside a page of the capacity used here.
        0 => format!("{number:0>width$}", width = usize::from(number % 90)).into_bytes(),
        1 => vec![],
        _ => format!("key:{number}").into_bytes(),
    }
}

fn deadlines() -> impl Strategy<Value = Deadline> {
    prop_oneof![
        6 => Just(Deadline::Keep),
        1 => Just(Deadline::Clear),
        2 => (0..30_000_i64).prop_map(Deadline::At),
        1 => any::<i64>().prop_map(Deadline::At),
    ]
}

fn steps() -> impl Strategy<Value = Step> {
    let number = || 0..600_u16;
    let value = prop_oneof![
        4 => prop::collection::vec(any::<u8>(), 0..30),
        1 => prop::collection::vec(any::<u8>(), 0..300),
    ];
    prop_oneof![
        24 => (number(), value, deadlines()).prop_map(|(key, value, at)| Step::Set(key, value, at)),
        6 => number().prop_map(Step::Remove),
        1 => (number(), 0..200_u16).prop_map(|(key, count)| Step::RemoveRange(key, count)),
        3 => (number(), deadlines()).prop_map(|(key, at)| Step::SetDeadline(key, at)),
        2 => (0..30_000_i64, 1..40_usize).prop_map(|(now, limit)| Step::RemoveDue(now, limit)),
        4 => (1..30_usize).prop_map(Step::Scan),
        2 => any::<u64>().prop_map(Step::Pop),
        1 => Just(Step::Clone),
        1 => Just(Step::Swap),
    ]
}

fn content(table: &PagedTable) -> Model {
    let records = table.iter().map(|record| {
        let value = (record.value.to_vec(), record.deadline);
        (record.key.to_vec(), value)
    });
    records.collect()
}

/// A scan under way: what it has seen, and the keys that were there all the time.
#[derive(Default)]
struct Scan {
    cursor: u64,
    seen: HashSet<Vec<u8>>,
    constant: HashSet<Vec<u8>>,
}

proptest! {
    #[test]
    fn behaves_as_a_map(
        values in any::<bool>(),
        capacity_max in prop::sample::select(vec![160_usize, 224, 480]),
        steps in prop::collection::vec(steps(), 0..400),
    ) {
        let seed = HashSeed::fixed(5);
        let mut table = PagedTable::with_capacity_max(seed, values, capacity_max);
        let mut model = Model::new();
        let mut scan = Scan::default();
        let mut clone = (table.clone(), model.clone());
        for step in steps {
            match step {
                Step::Set(number, value, deadline) => {
                    let value = if values { value } else { Vec::new() };
                    let old = model.get(&key(number)).and_then(|old| old.1);
                    let entry = (value.clone(), deadline.after(old));
                    let is_new = model.insert(key(number), entry).is_none();
                    prop_assert_eq!(table.set(&key(number), &value, deadline), is_new);
                }
                Step::Remove(number) => {
                    prop_assert_eq!(table.remove(&key(number)), model.remove(&key(number)).is_some());
                    scan.constant.remove(&key(number));
                }
                Step::RemoveRange(number, count) => for number in number..number + count {
                    prop_assert_eq!(table.remove(&key(number)), model.remove(&key(number)).is_some());
                    scan.constant.remove(&key(number));
                },
                Step::SetDeadline(number, deadline) => {
                    let record = model.get_mut(&key(number));
                    prop_assert_eq!(table.set_deadline(&key(number), deadline), record.is_some());
                    if let Some(record) = record {
                        record.1 = deadline.after(record.1);
                    }
                }
                Step::RemoveDue(now, limit) => {
                    let mut removed = Vec::new();
                    let more = table.remove_due(now, limit, &mut |record| {
                        removed.push((record.key.to_vec(), record.deadline));
                    });
                    prop_assert!(removed.len() <= limit);
                    for (key, deadline) in removed {
                        prop_assert!(deadline.is_some_and(|at| at <= now));
                        prop_assert_eq!(model.remove(&key).and_then(|old| old.1), deadline);
                        scan.constant.remove(&key);
                    }
                    let due = model.values().filter(|old| old.1.is_some_and(|at| at <= now)).count();
                    prop_assert!(more || due == 0, "{} are due", due);
                    prop_assert!(more || table.next_deadline().is_none_or(|at| at > now));
                }
                Step::Scan(count) => {
                    if scan.cursor == 0 {
                        scan.constant = model.keys().cloned().collect();
                    }
                    let mut visited = 0;
                    scan.cursor = table.scan(scan.cursor, count, &mut |record| {
                        visited += 1;
                        scan.seen.insert(record.key.to_vec());
                    });
                    prop_assert!(visited <= count + 2, "{} for {}", visited, count);
                    if scan.cursor == 0 {
                        prop_assert!(scan.constant.is_subset(&scan.seen));
                        scan = Scan::default();
                    }
                }
                Step::Pop(seed) => {
                    let mut popped = None;
                    let there = table.pop(&mut bits(seed), &mut |record| popped = Some(record.key.to_vec()));
                    prop_assert_eq!(there, !model.is_empty());
                    if let Some(key) = popped {
                        prop_assert!(model.remove(&key).is_some());
                        scan.constant.remove(&key);
                    }
                }
                Step::Clone => clone = (table.clone(), model.clone()),
                Step::Swap => {
                    std::mem::swap(&mut table, &mut clone.0);
                    std::mem::swap(&mut model, &mut clone.1);
                    scan = Scan::default();
                }
            }
            prop_assert_eq!(table.len(), model.len());
        }
        for (table, model) in [(table, model), clone] {
            prop_assert_eq!(table.check(), Ok(()));
            prop_assert_eq!(content(&table), model.clone());
            for (key, (value, deadline)) in &model {
                let record = table.get(key).unwrap();
                prop_assert_eq!((record.value.to_vec(), record.deadline), (value.clone(), *deadline));
                prop_assert!(table.contains(key));
            }
            prop_assert!(table.get(b"missing").is_none());
        }
    }

    #[test]
    fn a_sample_has_no_record_twice(len in 0..400_u16, count in 0..500_usize, seed in any::<u64>()) {
        let mut table = PagedTable::with_capacity_max(HashSeed::fixed(1), false, 224);
        for number in 0..len {
            table.set(&number.to_le_bytes(), b"", Deadline::Keep);
        }
        let mut seen = HashSet::new();
        let mut visits = 0;
        table.sample(count, &mut bits(seed), &mut |record| {
            visits += 1;
            seen.insert(record.key.to_vec());
        });
        prop_assert_eq!((visits, seen.len()), (count.min(len.into()), count.min(len.into())));
    }
}

#[test]
fn every_record_is_equally_likely() {
    for len in [1_u16, 7, 300, 1000] {
        let mut table = PagedTable::with_capacity_max(HashSeed::fixed(2), false, 480);
        // Records of different lengths make pages of different counts.
        let key = |number: u16| {
            vec![b'x'; usize::from(number % 40)]
                .into_iter()
                .chain(number.to_le_bytes())
                .collect::<Vec<u8>>()
        };
        for number in 0..len {
            table.set(&key(number), b"", Deadline::Keep);
        }
        let mut random = bits(3);
        let mut counts = HashMap::new();
        let draws = usize::from(len) * 100;
        for _ in 0..draws {
            let record = table.random(&mut random).unwrap();
            *counts.entry(record.key.to_vec()).or_insert(0_u32) += 1;
        }
        assert_eq!(counts.len(), usize::from(len));
        // 100 expected, with a standard deviation of 10.
        assert!(
            counts.values().all(|&count| (45..170).contains(&count)),
            "{len}"
        );
        let square: f64 = counts
            .values()
            .map(|&count| (f64::from(count) - 100.0).powi(2) / 100.0)
            .sum();
        let degrees = f64::from(len);
        assert!(
            square < degrees + 6.0 * (2.0 * degrees).sqrt() + 1.0,
            "chi square {square} for {len}"
        );
    }
}

#[test]
fn an_emptied_table_gives_its_memory_back() {
    let mut table = PagedTable::new(HashSeed::fixed(4), true);
    let empty = table.memory_bytes();
    let key = |number: u32| number.to_le_bytes();
    for number in 0..20_000 {
        table.set(
            &key(number),
            &vec![1; number as usize % 600],
            Deadline::Keep,
        );
    }
    assert_eq!(table.check(), Ok(()));
    for number in 0..20_000 {
        assert!(table.remove(&key(number)));
    }
    assert_eq!(table.check(), Ok(()));
    assert!(
        table.memory_bytes() <= empty + 4096,
        "{table:?}: {}",
        table.memory_bytes()
    );
}

#[test]
fn doubling_the_directory_moves_the_slots_of_one_page_only() {
    let mut table = PagedTable::with_capacity_max(HashSeed::fixed(4), false, 160);
    let mut clone = table.clone();
    let mut doubled = 0;
    for number in 0..3_000_u16 {
        // Shared or not, all the same.
        if number % 200 == 0 {
            clone = table.clone();
        }
        let depth = table.depth;
        table.set(&number.to_le_bytes(), b"", Deadline::Keep);
        if table.depth > depth && depth >= CHUNK_BITS {
            let real = table.chunks.iter().filter(|chunk| !chunk.is_stretched());
            assert!(real.count() <= CHUNK_LEN, "at depth {depth}");
            assert_eq!(table.check(), Ok(()));
            doubled += 1;
        }
    }
    assert!(doubled >= 5 && table.chunks.len() >= 64, "{table:?}");
    assert_eq!((clone.check(), clone.len()), (Ok(()), 2_800));
}

#[test]
fn a_clone_keeps_what_it_had() {
    let mut table = PagedTable::new(HashSeed::fixed(4), true);
    for number in 0..5_000_u32 {
        table.set(&number.to_le_bytes(), b"old", Deadline::Keep);
    }
    let clone = table.clone();
    for number in 0..5_000_u32 {
        table.set(&number.to_le_bytes(), b"new", Deadline::Keep);
        table.set(&(number + 5_000).to_le_bytes(), b"new", Deadline::Keep);
    }
    assert_eq!((clone.check(), table.check()), (Ok(()), Ok(())));
    assert!(clone.len() == 5_000 && clone.iter().all(|record| record.value.is(b"old")));
    assert!(table.len() == 10_000 && table.iter().all(|record| record.value.is(b"new")));
}

proptest! {
    #[test]
    fn passing_two_tables_finds_what_looking_up_finds(
        capacities in prop::array::uniform2(prop::sample::select(vec![160_usize, 224, 480])),
        own in prop::collection::vec(0..4000_u16, 0..900),
        their in prop::collection::vec(0..4000_u16, 0..900),
        stops_after in 1..400_usize,
    ) {
        let made = |numbers: &[u16], capacity_max| {
            let mut table = PagedTable::with_capacity_max(HashSeed::fixed(5), false, capacity_max);
            for number in numbers {
                // Some are gone again, and their pages may be empty.
                table.set(&key(*number), b"", Deadline::Keep);
                if number % 5 == 0 {
                    table.remove(&key(number / 2));
                }
            }
            table
        };
        let (own, their) = (made(&own, capacities[0]), made(&their, capacities[1]));
        let expected = own.iter().map(|record| record.key.to_vec());
        let expected = expected.filter(|key| their.contains(key)).take(stops_after);
        let mut found = Vec::new();
        own.in_common(&their, &mut |record, deadline| {
            assert_eq!(deadline, None);
            found.push(record.key.to_vec());
            found.len() < stops_after
        });
        prop_assert_eq!(found, expected.collect::<Vec<_>>());
    }
}
