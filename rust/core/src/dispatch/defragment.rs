//! Memory that the allocator holds but nobody uses, and how it is won back.
//!
//! Keys of other sizes come as old ones go, and leave slabs half empty: what the process
//! takes exceeds what is stored. Entries are moved out of the sparsest slabs, a few at a
//! time: with every eviction while there is a limit (`maxmemory` bounds what the process
//! takes, so waste beyond a part of it counts as used), and in the background with
//! `activedefrag`, in the share of time that its parameters give.
//!
//! Only entries move (strings and small collections, with their keys); the parts of large
//! collections are large blocks or stay.

use super::engine::Engine;
use crate::memory;

/// Waste up to this part of the limit is not counted.
const FREE_PART: usize = 25;
/// … nor up to so many bytes: each of the allocator's sizes has a slab that is being filled.
const FREE_BYTES_MIN: usize = 2 << 20;
/// Pages that are free but still held, beyond this part of the limit, are given back.
const DIRTY_PART: usize = 40;
/// The allocator is asked at most so often …
const LOOK_NS: u64 = 5_000_000;
/// … and less, while less of the limit is used than this.
const LAZY_LOOK_NS: u64 = 100_000_000;
const LAZY_BELOW_PERCENT: usize = 75;
/// Entries looked at for each one that is evicted, while waste counts.
const ENTRIES_PER_EVICTION: usize = 24;
/// Entries of one step in the background.
const ENTRIES_PER_STEP: usize = 128;

/// `activedefrag` and its parameters.
#[derive(Debug, Clone, Copy)]
pub struct DefragmentSettings {
    pub is_on: bool,
    pub ignore_bytes: usize,
    pub lower_percent: usize,
    pub upper_percent: usize,
    pub cycle_percent_min: usize,
    pub cycle_percent_max: usize,
}

impl Default for DefragmentSettings {
    fn default() -> Self {
        Self {
            is_on: false,
            ignore_bytes: 100 << 20,
            lower_percent: 10,
            upper_percent: 100,
            cycle_percent_min: 1,
            cycle_percent_max: 25,
        }
    }
}

/// Where the walk stands, and what it did.
#[derive(Debug, Default)]
pub struct Defragmentation {
    database: usize,
    place: (usize, usize),
    /// Bytes that are wasted beyond what a limit tolerates.
    excess_bytes: usize,
    looked_ns: u64,
    /// Percent of time the background gets now; 0: it rests.
    pub running_percent: usize,
    started_ns: u64,
    pub moved: u64,
    pub stayed: u64,
    total_ns: u64,
}

impl Defragmentation {
    /// Nanoseconds of the run that goes on, and of all.
    pub fn time_ns(&self, now_ns: u64) -> (u64, u64) {
        let current_ns = match self.running_percent {
            0 => 0,
            _ => now_ns.saturating_sub(self.started_ns),
        };
        (current_ns, self.total_ns + current_ns)
    }

    /// What was done begins at nothing again.
    pub(super) fn forget_work(&mut self) {
        (self.moved, self.stayed, self.total_ns) = (0, 0, 0);
    }
}

impl Engine {
    /// Bytes that count to `maxmemory` though nobody uses them.
    #[inline]
    pub(super) fn excess_bytes(&self) -> usize {
        self.defragmentation.excess_bytes
    }

    /// Asks the allocator what is wasted, if there is a limit and it is time.
    pub(super) fn look_at_waste(&mut self) {
        let limit = self.settings.memory_max;
        if limit == 0 {
            self.defragmentation.excess_bytes = 0;
            return;
        }
        let is_near = memory::used_bytes() >= limit / 100 * LAZY_BELOW_PERCENT
            || self.defragmentation.excess_bytes > 0;
        let pause_ns = if is_near { LOOK_NS } else { LAZY_LOOK_NS };
        let now_ns = self.clock.monotonic_ns();
        if now_ns.saturating_sub(self.defragmentation.looked_ns) < pause_ns {
            return;
        }
        self.defragmentation.looked_ns = now_ns;
        let Some(stats) = memory::allocator_stats() else {
            return;
        };
        let waste = stats.active.saturating_sub(stats.allocated);
        self.defragmentation.excess_bytes =
            waste.saturating_sub(FREE_BYTES_MIN.max(limit / FREE_PART));
        if stats.resident.saturating_sub(stats.active) > limit / DIRTY_PART {
            self.freer.purge();
        }
    }

    /// Goes on with the walk by as much as one eviction pays for.
    #[inline]
    pub(super) fn defragment_for_eviction(&mut self) {
        if self.defragmentation.excess_bytes > 0 {
            self.defragment_some(ENTRIES_PER_EVICTION);
        }
    }

    /// Looks at about `count` entries.
    fn defragment_some(&mut self, count: usize) {
        let walk = &mut self.defragmentation;
        let Some(database) = self.databases.get_mut(walk.database) else {
            walk.database = 0;
            return;
        };
        let (next, moved) = database.relocate_some(walk.place, count);
        walk.moved += moved as u64;
        walk.stayed += (count - moved.min(count)) as u64;
        match next {
            Some(place) => walk.place = place,
            None => {
                walk.place = (0, 0);
                walk.database += 1;
            }
        }
    }

    /// `activedefrag`: one slice, once a run of the cron, every `period_ns`.
    pub(super) fn defragment_slice(&mut self, period_ns: u64) {
        let settings = self.settings.defragment;
        let percent = if settings.is_on { share(&settings) } else { 0 };
        let now_ns = self.clock.monotonic_ns();
        let walk = &mut self.defragmentation;
        if percent == 0 {
            walk.total_ns = walk.time_ns(now_ns).1;
            walk.running_percent = 0;
            return;
        }
        if walk.running_percent == 0 {
            walk.started_ns = now_ns;
        }
        walk.running_percent = percent;
        let latency = self.begin_latency();
        let budget_ns = period_ns / 100 * percent as u64;
        while self.clock.monotonic_ns().saturating_sub(now_ns) < budget_ns {
            self.defragment_some(ENTRIES_PER_STEP);
        }
        self.end_latency("active-defrag-cycle", latency);
    }
}

/// The percent of time that what is wasted now deserves; 0: none.
fn share(settings: &DefragmentSettings) -> usize {
    let Some(stats) = memory::allocator_stats() else {
        return 0;
    };
    let waste = stats.active.saturating_sub(stats.allocated);
    let percent = waste * 100 / stats.allocated.max(1);
    if waste < settings.ignore_bytes || percent < settings.lower_percent {
        return 0;
    }
    let range = settings
        .upper_percent
        .saturating_sub(settings.lower_percent)
        .max(1);
    let (low, high) = (settings.cycle_percent_min, settings.cycle_percent_max);
    let above = (percent - settings.lower_percent).min(range);
    low + high.saturating_sub(low) * above / range
}
