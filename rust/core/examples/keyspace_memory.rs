//! What a key costs: bytes of memory at several sizes, nanoseconds for each operation.
//!
//!     cargo run --release -p rubellite-core --example keyspace_memory [keys …]
//!
//! Keys are 16 bytes, values 10; "bytes" is what the allocator handed out, size
//! classes included. Times are for keys in random order, so at a million keys
//! most of a lookup is waiting for memory.

use std::hint::black_box;
use std::time::Instant;

use rubellite_core::keyspace::{Database, Expiry, HashSeed, NewValue};
use rubellite_core::memory::{self, Counting};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const SIZES: [u64; 7] = [1_000, 10_000, 100_000, 300_000, 500_000, 700_000, 1_000_000];
const BATCH: u64 = 500;
/// Larger than any time here, so that nothing is due.
const DEADLINE: i64 = 2_000_000_000_000;

/// Scatters numbers, one to one.
fn scatter(number: u64) -> u64 {
    let mixed = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

fn key(number: u64) -> [u8; 16] {
    let mut key = *b"key:000000000000";
    let mut rest = number;
    for digit in key.iter_mut().rev() {
        if rest == 0 {
            break;
        }
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    key
}

fn fill(count: u64, with_deadline: bool) -> Database {
    let mut database = Database::new(HashSeed::random());
    for number in 0..count {
        let expiry = if with_deadline {
            Expiry::At(DEADLINE + number as i64)
        } else {
            Expiry::None
        };
        database.set(&key(number), NewValue::String(b"value-ten!"), expiry);
    }
    database
}

fn bytes_per_key(count: u64, with_deadline: bool) -> f64 {
    let before = memory::used_bytes();
    let database = fill(count, with_deadline);
    let bytes = (memory::used_bytes() - before) as f64 / count as f64;
    drop(database);
    bytes
}

/// Nanoseconds for one call: the median of batches, so that what else the machine does
/// counts little.
fn time(count: u64, mut operation: impl FnMut(u64)) -> f64 {
    let mut batches = Vec::new();
    for first in (0..count).step_by(BATCH as usize) {
        let start = Instant::now();
        (first..(first + BATCH).min(count)).for_each(&mut operation);
        batches.push(start.elapsed().as_nanos() as f64 / BATCH as f64);
    }
    batches.sort_by(f64::total_cmp);
    batches[batches.len() / 2]
}

/// Microseconds of the slowest one in 10,000 single calls.
fn slowest(count: u64, mut operation: impl FnMut(u64)) -> f64 {
    let mut times: Vec<u128> = (0..count)
        .map(|number| {
            let start = Instant::now();
            operation(number);
            start.elapsed().as_nanos()
        })
        .collect();
    times.sort_unstable();
    times[times.len() - 1 - times.len() / 10_000] as f64 / 1_000.0
}

fn main() {
    let chosen: Vec<u64> = std::env::args()
        .skip(1)
        .filter_map(|text| text.parse().ok())
        .collect();
    let sizes = if chosen.is_empty() {
        SIZES.to_vec()
    } else {
        chosen
    };
    println!("{:>9} {:>8} {:>12}", "keys", "bytes", "with expiry");
    for &count in &sizes {
        println!(
            "{count:>9} {:>8.1} {:>12.1}",
            bytes_per_key(count, false),
            bytes_per_key(count, true)
        );
    }
    println!();
    println!(
        "{:>9} {:>8} {:>8} {:>8} {:>8} {:>8} {:>8} {:>16}",
        "keys", "insert", "find", "missing", "set", "hash", "remove", "insert p99.99"
    );
    for &count in sizes
        .iter()
        .filter(|&&count| count == 100_000 || count == 1_000_000)
    {
        let order: Vec<[u8; 16]> = (0..count).map(|n| key(scatter(n) % count)).collect();
        let other: Vec<[u8; 16]> = (0..count)
            .map(|n| key(count + scatter(n) % count))
            .collect();
        let at = |number: u64| &order[number as usize];
        let mut database = Database::new(HashSeed::random());
        let insert = time(count, |n| {
            database.set(&key(n), NewValue::String(b"value-ten!"), Expiry::None);
        });
        let find = time(count, |n| {
            black_box(database.find(at(n)).map(|entry| entry.value()));
        });
        let missing = time(count, |n| {
            black_box(database.find(&other[n as usize]).is_some());
        });
        let set = time(count, |n| {
            black_box(database.set(at(n), NewValue::String(b"another-10"), Expiry::None));
        });
        let hash = time(count, |n| {
            black_box(database.hash(at(n)));
        });
        let remove = time(count, |n| {
            black_box(database.remove(&key(n)).is_some());
        });
        let mut database = Database::new(HashSeed::random());
        let worst = slowest(count, |n| {
            database.set(&key(n), NewValue::String(b"value-ten!"), Expiry::None);
        });
        println!(
            "{count:>9} {insert:>8.0} {find:>8.0} {missing:>8.0} {set:>8.0} {hash:>8.0} \
             {remove:>8.0} {worst:>13.0} µs"
        );
    }
    if let Some(stats) = memory::allocator_stats() {
        println!("\n{stats:?}");
    }
}
