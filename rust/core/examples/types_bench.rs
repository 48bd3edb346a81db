//! What a member of a large set or a field of a large hash costs: bytes of memory and
//! nanoseconds for each operation.
//!
//!     cargo run --release -p rubellite-core --example types_bench [members …]
//!
//! First the rows of the benchmarks' memory table, key and entry included, with the
//! nanoseconds to make one. Then tables alone: members and fields are 16 bytes, values
//! 10; "bytes" is what the allocator handed out, size classes included. Times are
//! means over members in random order, so at a million most of a lookup is waiting for
//! memory (as in the standard HashMap, beside which it stands: the same work, at the
//! same time); "slowest" is the longest single insert, directory and pages growing
//! included.

use std::collections::HashMap;
use std::hint::black_box;
use std::time::Instant;

use rubellite_core::keyspace::{Database, Expiry, Kind, NewValue};
use rubellite_core::memory::{self, Counting};
use rubellite_core::seed::HashSeed;
use rubellite_core::types::paged_table::PagedTable;
use rubellite_core::types::record::Deadline;
use rubellite_core::types::{Detached, HashMut, Limits, SetMut};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const SIZES: [u64; 5] = [1_000, 10_000, 100_000, 1_000_000, 10_000_000];
/// Small tables are measured so often that all have this many operations.
const OPERATIONS_MIN: u64 = 1_000_000;

/// Scatters numbers, one to one.
fn scatter(number: u64) -> u64 {
    let mixed = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

fn member(number: u64) -> [u8; 16] {
    let mut member = *b"mem:000000000000";
    let mut rest = number;
    for digit in member.iter_mut().rev().take(12) {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    member
}

/// Nanoseconds that this process has had a processor; of the clock where nobody knows.
fn now_ns(start: Instant) -> f64 {
    let schedule = std::fs::read_to_string("/proc/self/schedstat").ok();
    let own = schedule.and_then(|text| text.split(' ').next()?.parse().ok());
    own.unwrap_or_else(|| start.elapsed().as_nanos() as f64)
}

/// Nanoseconds for each of `count` calls.
fn time(count: u64, mut operation: impl FnMut(u64)) -> f64 {
    let clock = Instant::now();
    let start = now_ns(clock);
    (0..count).for_each(&mut operation);
    (now_ns(clock) - start) / count as f64
}

/// Nanoseconds of the slowest insert. What takes as long whenever it is done is the
/// table's doing; what takes long only once is the machine's.
fn slowest_insert(members: &[[u8; 16]], value: &[u8]) -> u64 {
    let mut least = vec![u64::MAX; members.len()];
    for _ in 0..3 {
        let mut table = PagedTable::new(HashSeed::fixed(7), !value.is_empty());
        for (member, least) in members.iter().zip(&mut least) {
            let start = Instant::now();
            table.set(member, value, Deadline::Keep);
            *least = (*least).min(start.elapsed().as_nanos() as u64);
        }
    }
    least.into_iter().max().unwrap_or(0)
}

#[derive(Default)]
struct Times {
    insert: f64,
    hit: f64,
    hit_std: f64,
    miss: f64,
    set: f64,
    random: f64,
    pop: f64,
    remove: f64,
    clone_us: f64,
    slowest_us: f64,
}

fn measure(count: u64, value: &[u8]) -> (f64, Times) {
    let mut times = Times::default();
    let order: Vec<[u8; 16]> = (0..count).map(|n| member(scatter(n) % count)).collect();
    let members: Vec<[u8; 16]> = (0..count).map(member).collect();
    let other = |number: u64| member(count + number);
    let rounds = (OPERATIONS_MIN / count).clamp(1, 100);
    let mut bytes = 0.0;
    let mut random = fastrand::Rng::with_seed(1);
    for round in 0..rounds {
        let before = memory::used_bytes();
        let mut table = PagedTable::new(HashSeed::random(), !value.is_empty());
        times.insert += time(count, |n| {
            table.set(&members[n as usize], value, Deadline::Keep);
        });
        bytes += (memory::used_bytes() - before) as f64 / count as f64;
        times.hit += time(count, |n| {
            black_box(table.get(&order[n as usize]));
        });
        let reference: HashMap<[u8; 16], [u8; 10]> =
            members.iter().map(|&member| (member, [0; 10])).collect();
        times.hit_std += time(count, |n| {
            black_box(reference.get(&order[n as usize]));
        });
        times.miss += time(count, |n| {
            black_box(table.contains(&other(n)));
        });
        let new = &value
            .iter()
            .map(|_| b'0' + (round % 10) as u8)
            .collect::<Vec<u8>>();
        times.set += time(count, |n| {
            table.set(&order[n as usize], new, Deadline::Keep);
        });
        times.random += time(count, |_| {
            black_box(table.random(&mut || random.u64(..)));
        });
        let start = Instant::now();
        drop(black_box(table.clone()));
        times.clone_us += start.elapsed().as_nanos() as f64 / 1000.0;
        times.pop += time(count / 2, |_| {
            table.pop(&mut || random.u64(..), &mut |record| {
                black_box(record);
            });
        });
        times.remove += time(count, |n| {
            black_box(table.remove(&members[n as usize]));
        });
        assert!(table.is_empty());
    }
    let slowest = slowest_insert(&members, value);
    let mean = |sum: f64| sum / rounds as f64;
    let times = Times {
        insert: mean(times.insert),
        hit: mean(times.hit),
        hit_std: mean(times.hit_std),
        miss: mean(times.miss),
        set: mean(times.set),
        random: mean(times.random),
        pop: mean(times.pop),
        remove: mean(times.remove),
        clone_us: mean(times.clone_us),
        slowest_us: slowest as f64 / 1000.0,
    };
    (mean(bytes), times)
}

/// Bytes of memory that are resident, after all that is free was given back.
fn resident() -> usize {
    memory::purge();
    memory::allocator_stats().map_or(0, |stats| stats.resident)
}

/// Measures one row of the memory table.
fn row(name: &str, items: u64, fill: impl FnOnce(&mut Database)) {
    let (used, there) = (memory::used_bytes(), resident());
    let mut database = Database::new(HashSeed::random());
    let clock = Instant::now();
    let start = now_ns(clock);
    fill(&mut database);
    let ns = (now_ns(clock) - start) / items as f64;
    let bytes = (memory::used_bytes() - used) as f64 / items as f64;
    let resident = (resident() as f64 - there as f64) / items as f64;
    println!("{name:<40} {bytes:>6.1} {resident:>9.1} {ns:>4.0}");
}

/// What the rows of the benchmarks' memory table cost in a keyspace.
fn rows() {
    let seed = HashSeed::random();
    let (hashes, sets) = (Limits::of_hashes(&seed), Limits::of_sets(&seed));
    let digits: Vec<String> = (1..=10).map(|number| number.to_string()).collect();
    let names: Vec<(String, String)> = (0..5)
        .map(|number| (format!("field{number}"), format!("val{number}")))
        .collect();
    println!(
        "{:<40} {:>6} {:>9} {:>4}",
        "each", "bytes", "resident", "ns"
    );
    row("hash of 5 small fields", 100_000, |database| {
        let mut made = Detached::new();
        for number in 0..100_000 {
            made.clear();
            let pairs = names
                .iter()
                .map(|(field, value)| (field.as_bytes(), value.as_bytes()));
            HashMut::new(&mut made, hashes, 0).set_all(pairs);
            let value = NewValue::of_detached(Kind::Hash, &mut made);
            database.set(format!("hash:{number}").as_bytes(), value, Expiry::None);
        }
    });
    row("set of 10 integers", 50_000, |database| {
        let mut made = Detached::new();
        for number in 0..50_000 {
            made.clear();
            SetMut::new(&mut made, sets, 0).add_all(digits.iter().map(|digit| digit.as_bytes()));
            let value = NewValue::of_detached(Kind::Set, &mut made);
            database.set(format!("set:{number}").as_bytes(), value, Expiry::None);
        }
    });
    row("member of one big set, 16 B", 500_000, |database| {
        let mut empty = Detached::new();
        database.set(
            b"myset",
            NewValue::of_detached(Kind::Set, &mut empty),
            Expiry::None,
        );
        for number in 0..500_000 {
            let mut entry = database.find_mut(b"myset").expect("the set");
            SetMut::new(&mut entry, sets, 0).add(format!("member:{number:09}").as_bytes());
        }
    });
    row("field of one big hash, 16 B + 10 B", 500_000, |database| {
        let mut empty = Detached::new();
        database.set(
            b"myhash",
            NewValue::of_detached(Kind::Hash, &mut empty),
            Expiry::None,
        );
        for number in 0..500_000 {
            let mut entry = database.find_mut(b"myhash").expect("the hash");
            let (field, value) = (format!("field:{number:010}"), format!("{number:010}"));
            let mut hash = HashMut::new(&mut entry, hashes, 0);
            hash.set(field.as_bytes(), value.as_bytes(), Deadline::Clear);
        }
    });
}

fn main() {
    rows();
    let chosen: Vec<u64> = std::env::args()
        .skip(1)
        .filter_map(|text| text.parse().ok())
        .collect();
    let sizes = if chosen.is_empty() {
        &SIZES[..]
    } else {
        &chosen
    };
    for (name, value) in [("set", &b""[..]), ("hash", b"value-ten!")] {
        println!(
            "{name:>9} {:>6} {:>7} {:>5} {:>7} {:>5} {:>5} {:>7} {:>5} {:>7} {:>9} {:>10}",
            "bytes",
            "insert",
            "hit",
            "HashMap",
            "miss",
            "set",
            "random",
            "pop",
            "remove",
            "clone µs",
            "slowest µs"
        );
        for &count in sizes {
            let (bytes, times) = measure(count, value);
            println!(
                "{count:>9} {bytes:>6.1} {:>7.0} {:>5.0} {:>7.0} {:>5.0} {:>5.0} {:>7.0} {:>5.0} {:>7.0} {:>9.1} {:>10.0}",
                times.insert,
                times.hit,
                times.hit_std,
                times.miss,
                times.set,
                times.random,
                times.pop,
                times.remove,
                times.clone_us,
                times.slowest_us,
            );
        }
    }
    if let Some(stats) = memory::allocator_stats() {
        println!("\n{stats:?}");
    }
}
