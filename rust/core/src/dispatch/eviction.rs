//! `maxmemory`: removes keys so that what is stored stays below a limit.
//!
//! Room is made before a command runs, and in the loop's ticks while there is more to do.
//! Which key goes is decided among a few that are drawn at random; the best of those
//! that did not go yet are kept in a pool, which makes up for the small samples.
//!
//! As in the real servers, all that the allocator gave out counts, except what the
//! append-only file is still to get, or may have to get again: each eviction adds to it.
//! Values on their way to the freeing thread count as gone, or several would go where one
//! was enough.
//!
//! Cost: one comparison while there is room; else a sample per key that goes, and no more
//! time than `maxmemory-eviction-tenacity` allows (half a millisecond by default, and more
//! the more there is too much).

use super::data::decayed_counter;
use super::engine::Engine;
use super::settings::Settings;
use super::spec::{CommandSpec, CommandTable, flag};
use crate::aof::Appender;
use crate::keyspace::Entry;
use crate::memory;
use crate::service::ClientId;

/// By what a key is chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    /// The longest unused.
    Idle,
    /// The least often used.
    Rare,
    /// Any.
    Random,
    /// The next to expire.
    Soonest,
}

/// `maxmemory-policy`, unless it is `noeviction`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    pub choice: Choice,
    /// Only keys with a deadline may go.
    pub volatile_only: bool,
}

impl Policy {
    /// The policy of this name; None: nothing is evicted.
    pub fn named(name: &str) -> Option<Policy> {
        let (which, choice) = name.split_once('-')?;
        let choice = match choice {
            "lru" => Choice::Idle,
            "lfu" => Choice::Rare,
            "random" => Choice::Random,
            "ttl" => Choice::Soonest,
            _ => return None,
        };
        Some(Policy {
            choice,
            volatile_only: which == "volatile",
        })
    }
}

/// How an attempt to make room ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Room {
    Enough,
    /// Time is up; it goes on later, and commands may run meanwhile.
    Unfinished,
    /// Nothing is left that may go.
    Exhausted,
}

/// A key that may go soon.
#[derive(Debug)]
struct Candidate {
    database: usize,
    key: Box<[u8]>,
    score: u64,
}

/// What eviction remembers from one key to the next.
#[derive(Debug, Default)]
pub struct Eviction {
    /// Ascending by score: the last goes first.
    pool: Vec<Candidate>,
    /// Whose scores those are.
    policy: Option<Policy>,
    /// Since when there is more than the limit allows, and how long there was before.
    exceeded_since_ns: Option<u64>,
    exceeded_ns: u64,
    /// Where the next random key is taken.
    next_database: usize,
    /// The least memory in use since that of the clients was counted.
    pub(super) clients_counted_at: usize,
}

impl Eviction {
    /// How long there was more than the limit allows begins at nothing again.
    pub(super) fn forget_time(&mut self) {
        self.exceeded_ns = 0;
    }
}

const POOL_MAX: usize = 16;
/// Longer keys are not kept in the pool from one call to the next.
const KEPT_KEY_BYTES_MAX: usize = 1024;
/// Samples taken in vain before any key that may go does.
const VAIN_SAMPLES_MAX: usize = 8;
/// The clock is read once for so many keys.
const KEYS_PER_READING: usize = 8;
/// When more than this part of the limit waits for the freeing thread, values are freed
/// here: commands must not outrun it.
const BACKLOG_PART: usize = 16;
/// The limit has so many parts that count when more is used than it allows …
const OVER_PARTS: usize = 128;
/// … and the time for evictions doubles at most so often.
const DOUBLINGS_MAX: usize = 5;
/// With so much more than the limit, writers have outrun the freeing thread.
const OUTRUN_PART: usize = 16;

impl Engine {
    /// Bytes that do not count to `maxmemory`.
    pub fn uncounted_bytes(&self) -> usize {
        let copied_bytes = self.aof.as_ref().map_or(0, Appender::copied_bytes);
        self.journal.pending_bytes() + copied_bytes
    }

    #[inline]
    pub(super) fn is_over_limit(&self) -> bool {
        self.bytes_over_limit() > 0
    }

    #[inline]
    fn bytes_over_limit(&self) -> usize {
        let limit = self.settings.memory_max;
        // What is wasted beyond measure counts: the limit is for what the process takes.
        let used = memory::used_bytes() + self.excess_bytes();
        if used <= limit {
            return 0;
        }
        let counted = used.saturating_sub(self.uncounted_bytes() + self.freer.pending_bytes());
        counted.saturating_sub(limit)
    }

    /// Evicts until what is used is below the limit, there is nothing left or time is up.
    #[inline]
    pub fn make_room(&mut self) -> Room {
        if self.settings.memory_max == 0 {
            return Room::Enough;
        }
        if !self.is_over_limit() {
            if self.eviction.exceeded_since_ns.is_some() {
                self.end_excess();
            }
            return Room::Enough;
        }
        let now_ns = self.clock.monotonic_ns();
        self.eviction.exceeded_since_ns.get_or_insert(now_ns);
        let room = self.evict_slice();
        if !self.is_over_limit() {
            self.end_excess();
        }
        room
    }

    #[cold]
    fn end_excess(&mut self) {
        let since_ns = self.eviction.exceeded_since_ns.take();
        let now_ns = self.clock.monotonic_ns();
        let lasted_ns = since_ns.map_or(0, |since_ns| now_ns.saturating_sub(since_ns));
        self.eviction.exceeded_ns += lasted_ns;
    }

    /// For how long there was more than the limit allows: in all, and lately, if still.
    pub fn exceeded_ns(&self) -> (u64, u64) {
        let since_ns = self.eviction.exceeded_since_ns;
        let now_ns = self.clock.monotonic_ns();
        let current_ns = since_ns.map_or(0, |since_ns| now_ns.saturating_sub(since_ns));
        (self.eviction.exceeded_ns + current_ns, current_ns)
    }

    /// Whether a database that was flushed is about to make room: nothing that came after it
    /// must go for it, or be refused, unless writers outrun the freeing thread.
    fn waits_for_flushed(&self) -> bool {
        let limit = self.settings.memory_max;
        self.freer.has_unweighed() && memory::used_bytes() < limit + limit / OUTRUN_PART
    }

    #[cold]
    fn evict_slice(&mut self) -> Room {
        if self.loading || self.is_replaying || self.is_paused() {
            return Room::Enough;
        }
        if self.waits_for_flushed() {
            return Room::Unfinished;
        }
        let Some(policy) = self.settings.eviction_policy else {
            return Room::Exhausted;
        };
        if self.eviction.policy != Some(policy) {
            self.eviction.pool.clear();
            self.eviction.policy = Some(policy);
        }
        let parts_over = self.bytes_over_limit() * OVER_PARTS / self.settings.memory_max.max(1);
        let budget_ns = budget_ns(self.settings.eviction_tenacity, parts_over);
        let latency = self.begin_latency();
        let started_ns = self.clock.monotonic_ns();
        let mut keys = 0;
        let room = loop {
            let Some((database, key)) = self.next_to_go(policy) else {
                break Room::Exhausted;
            };
            self.evict(database, &key);
            self.defragment_for_eviction();
            if !self.is_over_limit() {
                break Room::Enough;
            }
            keys += 1;
            if keys % KEYS_PER_READING == 0 {
                self.look_at_waste();
                if self.clock.monotonic_ns() - started_ns > budget_ns {
                    break Room::Unfinished;
                }
            }
        };
        let pool = &mut self.eviction.pool;
        pool.retain(|candidate| candidate.key.len() <= KEPT_KEY_BYTES_MAX);
        self.end_latency("eviction-cycle", latency);
        room
    }

    /// Removes a key for want of memory: DEL in the journal, `evicted` for subscribers.
    fn evict(&mut self, database: usize, key: &[u8]) {
        let latency = self.begin_latency();
        let Some(removed) = self.databases[database].remove(key) else {
            return;
        };
        if self.freer.pending_bytes() > self.settings.memory_max / BACKLOG_PART {
            drop(removed);
        } else {
            self.discard(removed);
        }
        self.end_latency("eviction-del", latency);
        self.statistics.counters.evicted_keys += 1;
        self.after_eviction(database, key);
        self.flush_effects();
    }

    /// The key that goes next, if any may.
    fn next_to_go(&mut self, policy: Policy) -> Option<(usize, Box<[u8]>)> {
        if policy.choice == Choice::Random {
            return self.any_key(policy);
        }
        for _ in 0..VAIN_SAMPLES_MAX {
            self.fill_pool(policy);
            while let Some(candidate) = self.eviction.pool.pop() {
                let entry = self.databases[candidate.database].find(&candidate.key);
                let score = entry.and_then(|entry| self.score(policy, entry));
                // Who was used since, or got another deadline, stays.
                if score.is_some_and(|score| score >= candidate.score) {
                    return Some((candidate.database, candidate.key));
                }
            }
        }
        self.any_key(policy)
    }

    /// A random key of the next database that has one which may go.
    fn any_key(&mut self, policy: Policy) -> Option<(usize, Box<[u8]>)> {
        let count = self.databases.len();
        for _ in 0..count {
            let database = self.eviction.next_database % count;
            self.eviction.next_database = database + 1;
            let random = &mut || self.random.u64(..);
            let entry = if policy.volatile_only {
                self.databases[database].random_volatile(random)
            } else {
                self.databases[database].random(random)
            };
            if let Some(entry) = entry {
                return Some((database, entry.key().into()));
            }
        }
        None
    }

    fn score(&self, policy: Policy, entry: Entry<'_>) -> Option<u64> {
        score(policy, entry, self.now_ms, self.lru_clock(), &self.settings)
    }

    /// Draws keys of each database and keeps the best of them and the pool.
    fn fill_pool(&mut self, policy: Policy) {
        let (now_ms, clock) = (self.now_ms, self.lru_clock());
        let samples = self.settings.eviction_samples;
        let settings = &self.settings;
        let pool = &mut self.eviction.pool;
        for (number, database) in self.databases.iter().enumerate() {
            let has_any = if policy.volatile_only {
                database.volatile_len() > 0
            } else {
                !database.is_empty()
            };
            if !has_any {
                continue;
            }
            let random = &mut || self.random.u64(..);
            database.sample(random, samples, policy.volatile_only, &mut |entry| {
                if let Some(score) = score(policy, entry, now_ms, clock, settings) {
                    offer(pool, number, entry.key(), score);
                }
            });
        }
    }
}

/// How much a key should go; None: it may not.
fn score(
    policy: Policy,
    entry: Entry<'_>,
    now_ms: i64,
    clock: u32,
    settings: &Settings,
) -> Option<u64> {
    let deadline = entry.expires_at();
    if policy.volatile_only && deadline.is_none() {
        return None;
    }
    Some(match policy.choice {
        Choice::Idle => u64::from(clock.wrapping_sub(entry.clock()) & 0xff_ffff),
        Choice::Rare => u64::from(255 - decayed_counter(entry.clock(), now_ms, settings).min(255)),
        Choice::Soonest => u64::MAX - deadline?.max(0) as u64,
        Choice::Random => 0,
    })
}

/// Puts a key into the pool if it is among the best.
fn offer(pool: &mut Vec<Candidate>, database: usize, key: &[u8], score: u64) {
    if pool.len() == POOL_MAX && pool[0].score >= score {
        return;
    }
    let same = |candidate: &Candidate| candidate.database == database && *candidate.key == *key;
    if let Some(at) = pool.iter().position(same) {
        pool.remove(at);
    } else if pool.len() == POOL_MAX {
        pool.remove(0);
    }
    let at = pool.partition_point(|candidate| candidate.score <= score);
    let key = key.into();
    pool.insert(
        at,
        Candidate {
            database,
            key,
            score,
        },
    );
}

/// How long evictions may hold up one command, by `maxmemory-eviction-tenacity`. With each
/// part of the limit that is taken beyond it the time doubles: a thousand small keys may have
/// to go for one large value, and the limit is a promise.
fn budget_ns(tenacity: u32, parts_over: usize) -> u64 {
    let budget_ns = match tenacity {
        0..=10 => 50_000 * u64::from(tenacity),
        11..100 => (500_000.0 * 1.15_f64.powi(tenacity as i32 - 10)) as u64,
        _ => u64::MAX,
    };
    budget_ns.saturating_mul(1 << parts_over.min(DOUBLINGS_MAX))
}

/// Whether a command is refused when there is no room: it may grow what is stored, or is
/// the EXEC of one that may.
pub(super) fn may_grow(
    commands: &CommandTable,
    engine: &Engine,
    client: ClientId,
    spec: &CommandSpec,
) -> bool {
    if spec.name != "exec" {
        return spec.has(flag::DENYOOM);
    }
    let session = engine.sessions.get(&client);
    // What a watched key has ended already answers null all the same.
    let session = session.filter(|session| !session.is_watch_broken);
    let queue = session.and_then(|session| session.queue.as_ref());
    queue.is_some_and(|queue| {
        let mut queued = queue.commands.iter();
        !queue.is_broken && queued.any(|(id, _)| commands.specs[*id].has(flag::DENYOOM))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pool_keeps_the_best_once_each() {
        let mut pool = Vec::new();
        for score in (0..100_u64).rev().chain(50..100) {
            offer(&mut pool, 0, &score.to_le_bytes(), score);
        }
        let scores: Vec<u64> = pool.iter().map(|candidate| candidate.score).collect();
        assert_eq!(scores, (84..100).collect::<Vec<u64>>());
    }

    #[test]
    fn names_of_policies_are_understood() {
        let policy = Policy::named("volatile-ttl").unwrap();
        assert!(policy.volatile_only && policy.choice == Choice::Soonest);
        let policy = Policy::named("allkeys-lfu").unwrap();
        assert!(!policy.volatile_only && policy.choice == Choice::Rare);
        assert_eq!(Policy::named("noeviction"), None);
    }

    #[test]
    fn the_budget_grows_with_tenacity_and_with_what_is_too_much() {
        let calm = |tenacity| budget_ns(tenacity, 0);
        assert_eq!((calm(0), calm(10)), (0, 500_000));
        assert!((11..=100).all(|tenacity| calm(tenacity) > calm(tenacity - 1)));
        assert_eq!(budget_ns(10, 3), 4_000_000);
        assert_eq!(budget_ns(10, 60), 16_000_000);
        assert_eq!((budget_ns(0, 60), budget_ns(100, 60)), (0, u64::MAX));
    }
}
