//! The keyspace against a plain map, with segments so small that every boundary is crossed.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::super::strings::{self, StringError};
use super::super::*;
use super::{Plain, name, plain};
use crate::types::Object;

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
    Scan(usize),
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
        4 => (1..20_usize).prop_map(Step::Scan),
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
        Step::Scan(count) => scan.step(database, model, count),
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
