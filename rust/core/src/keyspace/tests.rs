//! Facts about the keyspace; `model` compares it with a plain map.

mod fill;
mod model;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

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
        Value::Object(object) => unreachable!("{object:?} in a test of the table"),
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
    database.set_clock(0xff_ffff, true);
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

#[test]
fn relocating_leaves_every_entry_as_it_was() {
    let mut database = Database::with_capacity_max(HashSeed::fixed(3), 64);
    let mut random = bits(5);
    for number in 0..20_000 {
        let value = vec![b'v'; (random() % 200) as usize];
        let expiry = if number % 5 == 0 {
            Expiry::At(number + 1_000_000)
        } else {
            Expiry::None
        };
        database.set(&name(number), NewValue::String(&value), expiry);
    }
    for number in (0..20_000).filter(|number| number % 8 != 0) {
        database.remove(&name(number));
    }
    let mut before = BTreeMap::new();
    database.for_each(|entry| {
        let is = (plain(entry), entry.expires_at(), entry.clock());
        before.insert(entry.key().to_vec(), is);
    });
    let (mut place, mut moved, mut steps) = (Some((0, 0)), 0, 0);
    while let Some(at) = place {
        let (next, some) = database.relocate_some(at, 10);
        place = next;
        moved += some;
        steps += 1;
    }
    assert!(moved > 0 && steps > 200, "{moved} moved in {steps} steps");
    database.check().unwrap();
    let mut after = BTreeMap::new();
    database.for_each(|entry| {
        let is = (plain(entry), entry.expires_at(), entry.clock());
        after.insert(entry.key().to_vec(), is);
    });
    assert_eq!(before, after);
}

#[test]
fn a_string_is_written_over_one_of_the_same_size_and_nothing_else() {
    let mut database = small();
    let text = NewValue::String;
    database.set(b"text", text(b"four"), Expiry::None);
    database.set(b"timed", text(b"four"), Expiry::At(9));
    database.set(b"number", NewValue::Int(7), Expiry::None);
    let packed = NewValue::Packed {
        kind: Kind::Set,
        encoding: Encoding::PackedIntegers,
        bytes: b"four",
    };
    database.set(b"set", packed, Expiry::None);
    database.set_clock(77, true);
    let mut overwrite = |key: &[u8], value: &[u8]| {
        let hash = database.hash(key);
        let is_done = database.overwrite_string(hash, key, value);
        database.check().unwrap();
        let entry = database.find(key);
        (
            is_done,
            entry.map(|entry| (plain(entry), entry.encoding(), entry.clock())),
        )
    };
    let of = |value: &[u8], encoding, clock| Some((Plain::Text(value.to_vec()), encoding, clock));
    assert_eq!(
        overwrite(b"text", b"five"),
        (true, of(b"five", Encoding::Embstr, 77))
    );
    // Four bytes, too.
    assert_eq!(
        overwrite(b"text", b"100000"),
        (true, of(b"100000", Encoding::Int, 77))
    );
    assert!(!overwrite(b"text", b"more than four").0);
    assert_eq!(
        overwrite(b"number", b"-9"),
        (true, of(b"-9", Encoding::Int, 77))
    );
    assert!(!overwrite(b"number", b"300").0);
    assert_eq!(
        overwrite(b"timed", b"five"),
        (false, of(b"four", Encoding::Embstr, 0))
    );
    assert!(!overwrite(b"set", b"five").0);
    assert_eq!(overwrite(b"missing", b"five"), (false, None));
    assert!(!overwrite(b"text", &[b'x'; 20_000]).0);
}
