//! What large lists and sorted sets cost: bytes for each element, nanoseconds for each
//! operation, and the slowest single operation.
//!
//!     cargo run --release -p rubellite-core --example ordered_bench [elements …]
//!
//! List elements are 10 bytes, members 16. "bytes" is what the allocator handed out,
//! size classes included. Operations by name and by rank are in random order, so at ten
//! million elements most of their time is waiting for memory.

use std::hint::black_box;

use rubellite_core::memory::{self, Counting};
use rubellite_core::types::sorted_set::bounds::ScoreBound;
use rubellite_core::types::sorted_set::combine::{Aggregate, Scored, Weighted, union};
use rubellite_core::types::sorted_set::face::SortedSetRef;
use rubellite_core::types::{List, SortedSet};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const SIZES: [u64; 5] = [1_000, 10_000, 100_000, 1_000_000, 10_000_000];
/// Operations timed at most, where an operation leaves the size as it is.
const TIMED_MAX: u64 = 300_000;

/// Scatters numbers, one to one.
fn scatter(number: u64) -> u64 {
    let mixed = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

fn text<const LEN: usize>(number: u64, prefix: u8) -> [u8; LEN] {
    let mut text = [b'0'; LEN];
    text[0] = prefix;
    let mut rest = number;
    for digit in text.iter_mut().rev() {
        if rest == 0 {
            break;
        }
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    text
}

/// Time that this thread spent on a processor: what else the machine does is no matter.
fn thread_nanoseconds() -> u64 {
    #[cfg(target_os = "linux")]
    {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
        time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
    }
    #[cfg(not(target_os = "linux"))]
    {
        use std::sync::OnceLock;
        use std::time::Instant;
        static START: OnceLock<Instant> = OnceLock::new();
        START.get_or_init(Instant::now).elapsed().as_nanos() as u64
    }
}

/// Nanoseconds for one call, and microseconds of the slowest 16 in a row.
fn time<R>(count: u64, mut operation: impl FnMut(u64) -> R) -> (f64, f64) {
    let (mut nanoseconds, mut slowest) = (0, 0);
    for first in (0..count).step_by(16) {
        let start = thread_nanoseconds();
        for number in first..(first + 16).min(count) {
            black_box(operation(number));
        }
        let took = thread_nanoseconds() - start;
        nanoseconds += took;
        slowest = slowest.max(took);
    }
    (nanoseconds as f64 / count as f64, slowest as f64 / 1000.0)
}

fn once<R>(operation: impl FnOnce() -> R) -> (R, f64) {
    let start = thread_nanoseconds();
    let result = operation();
    (result, (thread_nanoseconds() - start) as f64 / 1000.0)
}

/// Reads what an operation shows.
fn keep(element: &[u8]) {
    black_box(element.len());
}

fn show(name: &str, (nanoseconds, slowest): (f64, f64)) {
    println!("  {name:<28} {nanoseconds:>9.0} ns   slowest 16 {slowest:>8.0} µs");
}

fn show_once(name: &str, microseconds: f64) {
    println!("  {name:<28} {microseconds:>9.1} µs");
}

fn lists(count: u64) {
    let timed = count.min(TIMED_MAX);
    let before = memory::used_bytes();
    let mut list = List::new();
    let rpush = time(count, |n| list.push_back(&text::<10>(n, b'i')));
    let bytes = memory::used_bytes() - before;
    println!(
        "list of {count}: {:.2} bytes for each (it says {:.2})",
        bytes as f64 / count as f64,
        list.memory_bytes() as f64 / count as f64
    );
    show("RPUSH", rpush);
    show("RPOP", time(timed, |_| list.pop_back(1, keep)));
    let lpush = time(timed, |n| list.push_front(&text::<10>(n, b'i')));
    show("LPUSH", lpush);
    show("LPOP", time(timed, |_| list.pop_front(1, keep)));
    timed_push(&mut list, timed);
    let len = list.len() as u64;
    let at = |n: u64| (scatter(n) % len) as usize;
    show(
        "LINDEX, random",
        time(timed, |n| list.get(at(n), <[u8]>::len)),
    );
    for length in [100, 600] {
        let name = format!("LRANGE_{length}, random");
        let range = time(timed.min(20_000), |n| {
            let start = at(n);
            let mut bytes = 0;
            list.visit(start..start + length, |element| bytes += element.len());
            black_box(bytes);
        });
        show(&name, range);
    }
    show(
        "LSET, random",
        time(timed, |n| list.set(at(n), b"another-10")),
    );
    show(
        "LINSERT by index, random",
        time(timed, |n| list.insert(at(n), b"another-10")),
    );
    show(
        "LREM by index, random",
        time(timed, |n| list.remove(at(n)..at(n) + 1)),
    );
    let (copy, took) = once(|| list.clone());
    show_once("clone", took);
    show(
        "LSET after clone",
        time(timed, |n| list.set(at(n), b"another-11")),
    );
    drop(copy);
    let half = list.len() / 2;
    let (garbage, took) = once(|| list.trim(half / 2..half));
    show_once("LTRIM to a quarter", took);
    drop(garbage);
}

fn timed_push(list: &mut List, count: u64) {
    (0..count).for_each(|n| list.push_back(&text::<10>(n, b'i')));
}

fn sorted_sets(count: u64) {
    let timed = count.min(TIMED_MAX);
    let before = memory::used_bytes();
    let mut set = SortedSet::new();
    for n in 0..count {
        set.insert(&text::<16>(n, b'm'), n as f64);
    }
    let in_order = (memory::used_bytes() - before) as f64 / count as f64;
    drop(set);
    let before = memory::used_bytes();
    let mut set = SortedSet::new();
    let member = |n: u64| text::<16>(scatter(n) % 10_000_000_000, b'm');
    let score = |n: u64| (scatter(n ^ 0x5555_5555) % 1_000_000_000) as f64;
    let zadd = time(count, |n| set.insert(&member(n), score(n)));
    let bytes = memory::used_bytes() - before;
    println!(
        "sorted set of {count}: {:.1} bytes for each (it says {:.1}), {in_order:.1} added in order",
        bytes as f64 / set.len() as f64,
        set.memory_bytes() as f64 / set.len() as f64
    );
    show("ZADD, new", zadd);
    let known = |n: u64| member(scatter(n) % count);
    show("ZSCORE", time(timed, |n| set.score(&known(n))));
    show("ZRANK", time(timed, |n| set.rank(&known(n))));
    show(
        "ZADD, other score",
        time(timed, |n| set.insert(&known(n), score(n + 7))),
    );
    show("ZINCRBY 1", time(timed, |n| set.increment(&known(n), 1.0)));
    let range = time(timed.min(20_000), |n| {
        let start = (scatter(n) % set.len() as u64) as usize;
        let entries = set.range(start..start + 100);
        black_box(entries.map(|(member, _)| member.len()).sum::<usize>());
    });
    show("ZRANGE of 100, random", range);
    let count_range = time(timed, |n| {
        let (min, max) = (score(n), score(n + 1));
        black_box(set.score_range(ScoreBound::Included(min), ScoreBound::Excluded(max)));
    });
    show("ZCOUNT", count_range);
    let mut cursor = 0;
    let scan = time(timed.min(2_000), |_| {
        cursor = set.scan(cursor, 10, |member, _| keep(member));
    });
    show("ZSCAN of 10", scan);
    show(
        "ZPOPMIN",
        time(timed / 4, |_| set.pop_min(1, |m, _| keep(m))),
    );
    show(
        "ZPOPMAX",
        time(timed / 4, |_| set.pop_max(1, |m, _| keep(m))),
    );
    show("ZREM", time(timed / 4, |n| set.remove(&known(n))));
    let (copy, took) = once(|| set.clone());
    show_once("clone", took);
    show(
        "ZINCRBY after clone",
        time(timed, |n| set.increment(&known(n), 3.0)),
    );
    drop(copy);
    let half = set.len() / 2;
    let (garbage, took) = once(|| set.remove_range(0..half));
    show_once("ZREMRANGEBYRANK of half", took);
    drop(garbage);
    let sweeping = time(timed / 4, |n| set.insert(&member(n), score(n)));
    show("ZADD while sweeping", sweeping);
    let (all, took) = once(|| set.clear());
    show_once("clear", took);
    let ((), took) = once(|| drop(all));
    show_once("freeing it elsewhere", took);
}

fn unions() {
    let make = |from: u64| {
        let mut set = SortedSet::new();
        for n in from..from + 10_000 {
            set.insert(&text::<16>(n, b'm'), n as f64);
        }
        set
    };
    let (left, right) = (make(0), make(5_000));
    let weighted = |set| Weighted {
        set: Scored::SortedSet(SortedSetRef::Large(set)),
        weight: 1.0,
    };
    let inputs = [weighted(&left), weighted(&right)];
    for _ in 0..3 {
        let (entries, took) = once(|| union(&inputs, Aggregate::Sum));
        let (set, built) = once(|| SortedSet::from_sorted(entries.iter().copied()));
        println!(
            "union of two sets of 10000: {took:.0} µs, building {built:.0} µs, {}",
            set.len()
        );
    }
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
    for &count in &sizes {
        lists(count);
        sorted_sets(count);
    }
    unions();
}
