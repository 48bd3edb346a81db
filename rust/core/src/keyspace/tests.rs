//! The keyspace against plain maps, with segments so small that every boundary is crossed.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use proptest::prelude::*;

use super::strings::{self, StringError};
use super::*;
use crate::types::Object;

/// A source of random bits that gives the same ones each time.
fn bits(mut state: u64) -> impl FnMut() -> u64 {
    move || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

fn small() -> Database {
    Database::with_capacity_max(HashSeed::fixed(7), 8)
}

fn name(number: impl std::fmt::Display) -> Vec<u8> {
    format!("key:{number}").into_bytes()
}

/// What a value is, for comparison.
#[derive(Debug, Clone, PartialEq)]
enum Plain {
    Text(Vec<u8>),
    Packed(Kind, Vec<u8>),
    Object(Kind, Vec<u8>),
}

fn plain(entry: Entry<'_>) -> Plain {
    match entry.value() {
        Value::Int(value) => Plain::Text(value.to_string().into_bytes()),
        Value::Bytes(bytes) => Plain::Text(bytes.to_vec()),
        Value::Shared(shared) => Plain::Text(shared.bytes().to_vec()),
        Value::Packed(bytes) => Plain::Packed(entry.kind(), bytes.to_vec()),
        Value::Object(Object::Probe(bytes)) => Plain::Object(entry.kind(), bytes.clone()),
    }
}

fn set_plain(database: &mut Database, key: &[u8], value: &Plain, expiry: Expiry) -> Replaced {
    match value {
        Plain::Text(text) => database.set(key, NewValue::String(text), expiry),
        Plain::Packed(kind, bytes) => {
            let value = NewValue::Packed {
                kind: *kind,
                encoding: Encoding::Packed,
                bytes,
            };
            database.set(key, value, expiry)
        }
        Plain::Object(kind, bytes) => {
            let object = Box::new(Object::Probe(bytes.clone()));
            database.set(
                key,
                NewValue::Object {
                    kind: *kind,
                    object,
                },
                expiry,
            )
        }
    }
}

#[derive(Debug, Clone)]
enum Step {
    Set(u16, Plain, Option<i64>),
    SetKeeping(u16, Plain),
    Remove(u16),
    RemoveRange(u16, u16),
    Expire(u16, Option<i64>),
    Splice(u16, usize, usize, Vec<u8>),
    Append(u16, Vec<u8>),
    SetRange(u16, usize, Vec<u8>),
    Increment(u16, i64),
    Rename(u16, u16),
    Due(i64, usize),
    ScanStep(usize),
    Take,
}

fn values() -> impl Strategy<Value = Plain> {
    let bytes = || prop::collection::vec(any::<u8>(), 0..200);
    prop_oneof![
        bytes().prop_map(Plain::Text),
        any::<i64>().prop_map(|value| Plain::Text(value.to_string().into_bytes())),
        (-300_i64..300).prop_map(|value| Plain::Text(value.to_string().into_bytes())),
        (16_300_usize..16_500).prop_map(|len| Plain::Text(vec![b'x'; len])),
        bytes().prop_map(|bytes| Plain::Packed(Kind::Hash, bytes)),
        bytes().prop_map(|bytes| Plain::Object(Kind::Set, bytes)),
    ]
}

fn steps() -> impl Strategy<Value = Step> {
    let key = || 0..400_u16;
    let bytes = || prop::collection::vec(any::<u8>(), 0..150);
    prop_oneof![
        12 => (key(), values(), prop::option::of(0..5_000_i64))
            .prop_map(|(key, value, deadline)| Step::Set(key, value, deadline)),
        2 => (key(), values()).prop_map(|(key, value)| Step::SetKeeping(key, value)),
        3 => key().prop_map(Step::Remove),
        1 => (key(), 0..150_u16).prop_map(|(key, count)| Step::RemoveRange(key, count)),
        3 => (key(), prop::option::of(0..1_000_000_i64)).prop_map(|(key, at)| Step::Expire(key, at)),
        2 => (key(), 0..200_usize, 0..50_usize, bytes())
            .prop_map(|(key, at, count, bytes)| Step::Splice(key, at, count, bytes)),
        2 => (key(), bytes()).prop_map(|(key, bytes)| Step::Append(key, bytes)),
        2 => (key(), 0..300_usize, bytes()).prop_map(|(key, at, bytes)| Step::SetRange(key, at, bytes)),
        3 => (key(), any::<i32>()).prop_map(|(key, by)| Step::Increment(key, by.into())),
        2 => (key(), key()).prop_map(|(from, to)| Step::Rename(from, to)),
        2 => (0..5_000_i64, 1..50_usize).prop_map(|(now, limit)| Step::Due(now, limit)),
        4 => (1..20_usize).prop_map(Step::ScanStep),
        1 => Just(Step::Take),
    ]
}

type Model = BTreeMap<Vec<u8>, (Plain, Option<i64>)>;

/// A scan under way: its cursor, what was there all the time, and what it saw.
#[derive(Default)]
struct Scan {
    cursor: u64,
    present: BTreeSet<Vec<u8>>,
    seen: BTreeSet<Vec<u8>>,
}

impl Scan {
    fn step(&mut self, database: &Database, model: &Model, count: usize) {
        if self.cursor == 0 {
            self.present = model.keys().cloned().collect();
            self.seen.clear();
        }
        let before = self.cursor;
        self.cursor = database.scan(self.cursor, count, &mut |entry| {
            self.seen.insert(entry.key().to_vec());
        });
        assert!(self.cursor == 0 || self.cursor > before);
        if self.cursor == 0 {
            self.end();
        }
    }

    fn end(&self) {
        let missed: Vec<_> = self.present.difference(&self.seen).collect();
        assert!(missed.is_empty(), "the scan missed {missed:?}");
    }
}

fn apply(database: &mut Database, model: &mut Model, scan: &mut Scan, step: Step) {
    match step {
        Step::Set(key, value, deadline) => {
            let expiry = deadline.map_or(Expiry::None, Expiry::At);
            let replaced = set_plain(database, &name(key), &value, expiry);
            let old = model.insert(name(key), (value, deadline));
            assert_eq!(replaced.kind().is_some(), old.is_some());
        }
        Step::SetKeeping(key, value) => {
            set_plain(database, &name(key), &value, Expiry::Keep);
            let deadline = model.get(&name(key)).and_then(|old| old.1);
            model.insert(name(key), (value, deadline));
        }
        Step::Remove(key) => {
            let removed = database.remove(&name(key));
            let old = model.remove(&name(key));
            assert_eq!(
                removed.map(|removed| (plain(removed.entry()), removed.expires_at())),
                old
            );
        }
        Step::RemoveRange(first, count) => {
            for key in first..first + count {
                assert_eq!(
                    database.remove(&name(key)).is_some(),
                    model.remove(&name(key)).is_some()
                );
            }
        }
        Step::Expire(key, deadline) => {
            if let Some(mut entry) = database.find_mut(&name(key)) {
                entry.set_expiry(deadline);
                model.get_mut(&name(key)).unwrap().1 = deadline;
            }
        }
        Step::Splice(key, at, count, bytes) => {
            if let Some((Plain::Packed(_, packed), _)) = model.get_mut(&name(key)) {
                let start = at.min(packed.len());
                let end = (start + count).min(packed.len());
                packed.splice(start..end, bytes.iter().copied());
                database
                    .find_mut(&name(key))
                    .unwrap()
                    .splice(start..end, &bytes);
            }
        }
        Step::Append(key, suffix) => {
            let result = strings::append(database, &name(key), &suffix, 1 << 20);
            match model
                .entry(name(key))
                .or_insert((Plain::Text(Vec::new()), None))
            {
                (Plain::Text(text), _) => {
                    text.extend_from_slice(&suffix);
                    assert_eq!(result, Ok(text.len()));
                }
                _ => assert_eq!(result, Err(StringError::WrongType)),
            }
        }
        Step::SetRange(key, offset, part) => {
            let result = strings::set_range(database, &name(key), offset, &part, 1 << 20);
            match model.get_mut(&name(key)) {
                None if part.is_empty() => assert_eq!(result, Ok(0)),
                None => {
                    let text = [vec![0; offset], part].concat();
                    model.insert(name(key), (Plain::Text(text), None));
                }
                Some((Plain::Text(text), _)) => {
                    if !part.is_empty() {
                        text.resize(text.len().max(offset + part.len()), 0);
                        text[offset..offset + part.len()].copy_from_slice(&part);
                    }
                    assert_eq!(result, Ok(text.len()));
                }
                Some(_) => assert_eq!(result, Err(StringError::WrongType)),
            }
        }
        Step::Increment(key, delta) => {
            let result = strings::increment(database, &name(key), delta);
            match model
                .entry(name(key))
                .or_insert((Plain::Text(b"0".to_vec()), None))
            {
                (Plain::Text(text), _) => {
                    let number = std::str::from_utf8(text).ok().and_then(|text| {
                        let number: i64 = text.parse().ok()?;
                        (number.to_string() == text).then_some(number)
                    });
                    match number.map(|number| number.checked_add(delta)) {
                        None => assert_eq!(result, Err(StringError::NotInteger)),
                        Some(None) => assert_eq!(result, Err(StringError::Overflow)),
                        Some(Some(sum)) => {
                            assert_eq!(result, Ok(sum));
                            *text = sum.to_string().into_bytes();
                        }
                    }
                }
                _ => assert_eq!(result, Err(StringError::WrongType)),
            }
        }
        Step::Rename(from, to) => {
            if let Some(removed) = database.remove(&name(from)) {
                database.insert_removed(&name(to), removed);
                let value = model.remove(&name(from)).unwrap();
                model.insert(name(to), value);
            }
        }
        Step::Due(now, limit) => {
            let mut due = Vec::new();
            let has_more = database.due(now, limit, &mut |entry| due.push(entry.key().to_vec()));
            assert!(due.len() <= limit);
            for key in &due {
                assert!(model.remove(key).unwrap().1.unwrap() < now);
                assert!(database.remove(key).is_some());
            }
            let is_due = |value: &(Plain, Option<i64>)| value.1.is_some_and(|at| at < now);
            assert!(
                has_more || !model.values().any(is_due),
                "due keys were not reported"
            );
        }
        Step::ScanStep(count) => scan.step(database, model, count),
        Step::Take => {
            let taken = database.take();
            assert_eq!(taken.len(), model.len());
            taken.check().unwrap();
            model.clear();
        }
    }
    scan.present.retain(|key| model.contains_key(key));
}

fn compare(database: &Database, model: &Model) {
    database.check().unwrap();
    assert_eq!(database.len(), model.len());
    assert_eq!(
        database.volatile_len(),
        model.values().filter(|value| value.1.is_some()).count()
    );
    for (key, (value, deadline)) in model {
        let entry = database.find(key).unwrap();
        assert_eq!(entry.key(), key);
        assert_eq!(&plain(entry), value);
        assert_eq!(entry.expires_at(), *deadline);
    }
    let mut all = BTreeSet::new();
    database.for_each(|entry| assert!(all.insert(entry.key().to_vec())));
    assert!(all.iter().eq(model.keys()));
    let earliest = model.values().filter_map(|value| value.1).min();
    assert!(database.next_deadline() <= earliest);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn the_table_is_a_map(
        all in prop::collection::vec(steps(), 1..600),
        capacity_max in prop::sample::select(vec![8_usize, 12, 32, 2048]),
        seed: u64,
    ) {
        let mut database = Database::with_capacity_max(HashSeed::fixed(seed), capacity_max);
        let (mut model, mut scan) = (Model::new(), Scan::default());
        for (number, step) in all.into_iter().enumerate() {
            apply(&mut database, &mut model, &mut scan, step);
            if number % 64 == 0 {
                compare(&database, &model);
            }
        }
        compare(&database, &model);
    }
}

#[test]
fn a_table_grows_and_shrinks_through_every_boundary() {
    for capacity_max in [8, 10, 16, 64] {
        let mut database = Database::with_capacity_max(HashSeed::fixed(1), capacity_max);
        for number in 0..3_000 {
            let expiry = if number % 3 == 0 {
                Expiry::At(number)
            } else {
                Expiry::None
            };
            database.set(&name(number), NewValue::Int(number), expiry);
            if number % 97 == 0 {
                database.check().unwrap();
            }
        }
        for number in (0..3_000).rev() {
            assert_eq!(
                database.find(&name(number)).unwrap().expires_at().is_some(),
                number % 3 == 0
            );
            assert!(database.remove(&name(number)).is_some());
            if number % 97 == 0 {
                database.check().unwrap();
            }
        }
        let stats = database.stats();
        assert_eq!((stats.keys, stats.directory_len, stats.segments), (0, 1, 1));
    }
}

#[test]
fn a_small_entry_costs_what_its_picture_says() {
    let mut database = small();
    let key = b"0123456789abcdef";
    database.set(key, NewValue::String(b"valueten!!"), Expiry::None);
    assert_eq!(database.find(key).unwrap().memory_bytes(), 32);
    database.find_mut(key).unwrap().set_expiry(Some(1));
    assert_eq!(database.find(key).unwrap().memory_bytes(), 38);
}

#[test]
fn encodings_are_those_of_redis() {
    let mut database = small();
    let mut encoding = |value: NewValue<'_>| {
        database.set(b"k", value, Expiry::None);
        let entry = database.find(b"k").unwrap();
        entry.encoding().name(entry.kind())
    };
    assert_eq!(encoding(NewValue::String(b"-9223372036854775808")), "int");
    assert_eq!(encoding(NewValue::String(b"9223372036854775808")), "embstr");
    assert_eq!(encoding(NewValue::String(b"007")), "embstr");
    assert_eq!(encoding(NewValue::String(b"-0")), "embstr");
    assert_eq!(encoding(NewValue::String(&[b'x'; 44])), "embstr");
    assert_eq!(encoding(NewValue::String(&[b'x'; 45])), "raw");
    assert_eq!(encoding(NewValue::String(&[b'x'; 20_000])), "raw");
    assert_eq!(encoding(NewValue::RawString(b"7")), "raw");
    strings::increment(&mut database, b"k", 1).unwrap();
    assert_eq!(database.find(b"k").unwrap().encoding(), Encoding::Int);
    strings::append(&mut database, b"k", b"", 100).unwrap();
    assert_eq!(database.find(b"k").unwrap().encoding(), Encoding::Raw);
}

#[test]
fn ranges_count_from_both_ends() {
    let mut database = small();
    database.set(b"k", NewValue::String(b"Hello"), Expiry::None);
    let entry = database.find(b"k").unwrap();
    let range = |start, end| {
        let mut text = strings::IntText::new();
        String::from_utf8(
            strings::range(entry, start, end, &mut text)
                .unwrap()
                .to_vec(),
        )
        .unwrap()
    };
    assert_eq!(range(0, -1), "Hello");
    assert_eq!(range(-3, -2), "ll");
    assert_eq!(range(-100, 1), "He");
    assert_eq!(range(3, 100), "lo");
    assert_eq!(range(-1, -3), "");
    assert_eq!(range(5, 9), "");
    assert_eq!(range(i64::MIN, i64::MAX), "Hello");
}

#[test]
fn a_reply_under_way_keeps_its_bytes() {
    let mut database = small();
    let big = vec![b'a'; 20_000];
    database.set(b"k", NewValue::String(&big), Expiry::None);
    let Value::Shared(shared) = database.find(b"k").unwrap().value() else {
        panic!("not shared")
    };
    let reply = shared.to_arc();
    strings::set_range(&mut database, b"k", 0, b"bb", 1 << 20).unwrap();
    strings::append(&mut database, b"k", b"c", 1 << 20).unwrap();
    assert_eq!(*reply, big);
    let mut text = strings::IntText::new();
    let now = strings::bytes(database.find(b"k").unwrap(), &mut text).unwrap();
    assert_eq!(
        (now.len(), &now[..3], now.last()),
        (20_001, &b"bba"[..], Some(&b'c'))
    );
    drop(database);
    assert_eq!(Arc::strong_count(&reply), 1);
}

#[test]
fn a_refused_edit_changes_nothing() {
    let mut database = small();
    database.set(b"k", NewValue::Int(i64::MAX), Expiry::At(5));
    assert_eq!(
        strings::increment(&mut database, b"k", 1),
        Err(StringError::Overflow)
    );
    assert_eq!(
        strings::append(&mut database, b"k", b"x", 10),
        Err(StringError::TooLong)
    );
    assert_eq!(
        strings::set_range(&mut database, b"k", usize::MAX, b"x", 10),
        Err(StringError::TooLong)
    );
    let entry = database.find(b"k").unwrap();
    assert_eq!(
        (plain(entry), entry.expires_at()),
        (Plain::Text(i64::MAX.to_string().into()), Some(5))
    );
}

#[test]
fn clock_and_colour_live_beside_each_other() {
    let mut database = small();
    database.set_clock(0xff_ffff);
    database.set_colour(true);
    database.set(b"k", NewValue::String(b"v"), Expiry::At(9));
    let entry = database.find(b"k").unwrap();
    assert_eq!((entry.clock(), entry.colour()), (0xff_ffff, true));
    entry.set_clock(0x12_3456);
    entry.set_colour(false);
    assert_eq!(
        (entry.clock(), entry.colour(), entry.expires_at()),
        (0x12_3456, false, Some(9))
    );
    assert_eq!(plain(entry), Plain::Text(b"v".to_vec()));
}

/// Draws 200 times as many keys as there are and compares with an even distribution.
fn chi_square(draws: &HashMap<Vec<u8>, usize>, keys: usize, count: usize) -> f64 {
    let expected = count as f64 / keys as f64;
    let missing = (keys - draws.len()) as f64 * expected;
    draws
        .values()
        .map(|&n| (n as f64 - expected).powi(2) / expected)
        .sum::<f64>()
        + missing
}

#[test]
fn random_keys_are_drawn_evenly() {
    for (keys, capacity_max) in [
        (1, 8),
        (5, 8),
        (300, 8),
        (300, 32),
        (1_000, 2048),
        (3_000, 512),
    ] {
        let mut database = Database::with_capacity_max(HashSeed::fixed(3), capacity_max);
        for number in 0..keys * 4 {
            let expiry = if number % 8 == 1 {
                Expiry::At(1)
            } else {
                Expiry::None
            };
            database.set(&name(number), NewValue::Int(1), expiry);
        }
        for number in (0..keys * 4).filter(|number| number % 4 != 1) {
            database.remove(&name(number));
        }
        let mut random = bits(11);
        for (volatile_only, keys) in [(false, keys), (true, (keys + 1) / 2)] {
            let count = keys as usize * 200;
            let mut draws = HashMap::new();
            database.sample(&mut random, count, volatile_only, &mut |entry| {
                *draws.entry(entry.key().to_vec()).or_default() += 1;
            });
            let freedom = (keys - 1) as f64;
            let found = chi_square(&draws, keys as usize, count);
            // Six standard deviations.
            assert!(
                found < freedom + 6.0 * (2.0 * freedom).sqrt() + 1.0,
                "{found} of {freedom}"
            );
        }
    }
}

#[test]
fn a_few_keys_with_deadlines_among_many_are_found() {
    let mut database = Database::with_capacity_max(HashSeed::fixed(3), 64);
    for number in 0..5_000 {
        let expiry = if number % 2_500 == 7 {
            Expiry::At(1)
        } else {
            Expiry::None
        };
        database.set(&name(number), NewValue::Int(1), expiry);
    }
    let mut random = bits(5);
    let mut seen = BTreeSet::new();
    database.sample(&mut random, 200, true, &mut |entry| {
        seen.insert(entry.key().to_vec());
    });
    assert!(seen.into_iter().eq([name(2507), name(7)]));
}

#[test]
fn due_keys_come_in_time_and_without_looking_at_all_others() {
    let mut database = Database::new(HashSeed::fixed(9));
    let mut random = bits(2);
    let mut deadlines = BTreeMap::new();
    for number in 0..20_000 {
        let deadline = 1_000_000 + (random() % 3_600_000) as i64;
        database.set(&name(number), NewValue::Int(1), Expiry::At(deadline));
        deadlines.insert(name(number), deadline);
    }
    assert!(!database.due(1_000_000, 10, &mut |_| panic!("nothing is due")));
    for now in (1_000_000..4_700_000).step_by(30_000) {
        let mut due = Vec::new();
        while database.due(now, 100, &mut |entry| due.push(entry.key().to_vec())) {
            due.drain(..).for_each(|key| {
                assert!(deadlines.remove(&key).unwrap() < now);
                database.remove(&key).unwrap();
            });
        }
        due.drain(..).for_each(|key| {
            assert!(deadlines.remove(&key).unwrap() < now);
            database.remove(&key).unwrap();
        });
        assert!(deadlines.values().all(|&deadline| deadline >= now));
        database.check().unwrap();
    }
    assert!(database.is_empty() && deadlines.is_empty());
}

#[test]
fn long_keys_and_values_have_longer_lengths() {
    let mut database = small();
    for key_len in [0, 1, 127, 128, 129, 16_383, 16_384] {
        let key = vec![b'k'; key_len];
        database.set(&key, NewValue::RawString(b""), Expiry::At(77));
        for len in [0, 1, 127, 128, 126, 16_383, 5, 200] {
            let mut entry = database.find_mut(&key).unwrap();
            entry.resize_payload(len);
            entry.payload_mut().fill(7);
            let entry = database.find(&key).unwrap();
            assert_eq!((entry.key(), entry.expires_at()), (&key[..], Some(77)));
            assert_eq!(plain(entry), Plain::Text(vec![7; len]));
        }
    }
    database.check().unwrap();
}
