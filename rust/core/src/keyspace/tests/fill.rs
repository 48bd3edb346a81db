//! Facts about many keys at once.

use super::*;

const PLENTY: usize = 1 << 30;

/// Adds `numbers` in batches.
fn fill(database: &mut Database, numbers: impl Iterator<Item = i64>) -> Result<(), Twice> {
    let mut batch = Batch::default();
    for number in numbers {
        let expiry = if number % 3 == 0 {
            Expiry::At(number)
        } else {
            Expiry::None
        };
        batch.add(database, &name(number), NewValue::Int(number), expiry);
        if batch.is_full() {
            batch.flush(database)?;
        }
    }
    batch.flush(database)
}

#[test]
fn keys_added_in_batches_are_found_whatever_was_reserved() {
    for capacity_max in [8, 64, 1024] {
        for reserved in [0, 1, 700, 3_000, 100_000] {
            let mut database = Database::with_capacity_max(HashSeed::fixed(1), capacity_max);
            database.reserve(reserved, PLENTY);
            database.check().unwrap();
            fill(&mut database, 0..3_000).unwrap();
            database.check().unwrap();
            database.trim_reserve();
            database.check().unwrap();
            assert_eq!((database.len(), database.volatile_len()), (3_000, 1_000));
            for number in 0..3_000 {
                let entry = database.find(&name(number)).unwrap();
                assert_eq!(plain(entry), Plain::Text(number.to_string().into_bytes()));
                assert_eq!(entry.expires_at(), (number % 3 == 0).then_some(number));
            }
        }
    }
}

#[test]
fn a_table_with_room_reserved_does_not_grow_until_it_has_what_was_told() {
    let mut database = Database::new(HashSeed::fixed(1));
    assert!(database.reserve(40_000, PLENTY) > 0);
    let segments = database.stats().segments;
    fill(&mut database, 0..40_000).unwrap();
    assert_eq!(database.stats().segments, segments);
    // And it is as dense as one that grew.
    let stats = database.stats();
    assert!(stats.keys * 2 > stats.slots, "{stats:?}");
}

#[test]
fn a_reservation_keeps_within_its_bytes() {
    for keys in [1, 900, 5_000, 1_000_000, usize::MAX] {
        for bytes_max in [0, 100, 10_000, 1 << 20] {
            let mut database = Database::new(HashSeed::fixed(1));
            let empty = database.overhead_bytes();
            let taken = database.reserve(keys, bytes_max);
            assert!(taken <= bytes_max);
            assert!(database.overhead_bytes() <= empty + taken);
            database.check().unwrap();
        }
    }
}

#[test]
fn what_was_reserved_and_not_used_is_given_back() {
    let mut grown = Database::new(HashSeed::fixed(1));
    let mut reserved = Database::new(HashSeed::fixed(1));
    reserved.reserve(1_000_000, PLENTY);
    for database in [&mut grown, &mut reserved] {
        fill(database, 0..10).unwrap();
        database.trim_reserve();
        database.check().unwrap();
    }
    let stats = reserved.stats();
    assert_eq!((stats.directory_len, stats.segments), (1, 1));
    assert!(stats.slots <= 2 * grown.stats().slots);
    assert!(reserved.overhead_bytes() <= 2 * grown.overhead_bytes());
}

#[test]
fn a_key_added_twice_is_told_and_those_before_it_stay() {
    let mut database = small();
    let numbers = [1, 2, 3, 2, 4];
    assert_eq!(
        fill(&mut database, numbers.into_iter()),
        Err(Twice { nth: 3 })
    );
    database.check().unwrap();
    assert_eq!(database.len(), 3);
    assert!(database.find(&name(4)).is_none());
}
