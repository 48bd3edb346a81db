//! A large sorted set: a tree in the order of scores, an index by member.
//!
//!     tree   → leaf 3 | 1.0 "ann" · 1.0 "bob" · 2.5 "cid" … |    ordered by (score, member)
//!     index  | hash of "bob" → 3 | …                              to a leaf, not to a place
//!
//! Members stand once, in their leaf. By name: the index gives the leaf, the leaf is
//! searched by tags. By score or rank: down the tree. Both are shared between clones
//! and copied when written to, so a clone is a point-in-time copy.
//!
//! Removing a long range leaves the index's records of whole leaves behind. They do no
//! harm: their leaves' numbers are not used again before `sweep`, some records at each
//! later edit, has passed over all of them.
//!
//! Invariants (`check`): those of `tree`, `leaf` and `index`; each member has the
//! record of its leaf; records of no live leaf are those of `dead` or `sweeping`.
//! Cost: by name O(1); editing, rank, ranges' ends O(log n); a clone O(1).

pub mod bounds;
pub mod combine;
mod deadlines;
pub mod face;
mod index;
pub mod interval;
mod leaf;
pub mod packed;
pub mod sample;
#[cfg(test)]
mod tests;

use std::ops::Range;

use deadlines::forget;
use index::Index;
use leaf::{Least, ScoreLeaf, hash};

use super::Garbage;
use super::packed::{Element, IntText};
use super::tree::{At, Edited, FULL, Leaf, Seek, Start, Tree};

/// A range of at most this many is removed member by member.
const EAGER_MAX: usize = if cfg!(test) { 9 } else { 512 };
/// Fewer dead leaves than this are not worth a sweep.
const DEAD_MIN: usize = if cfg!(test) { 2 } else { 16 };

/// A sorted set that is too large for its keyspace entry.
#[derive(Debug, Clone, Default)]
pub struct SortedSet {
    tree: Tree<ScoreLeaf>,
    index: Index,
    /// Leaves that are gone while the index still has their records.
    dead: Vec<u32>,
    sweeping: Option<Box<Sweep>>,
    /// The deadlines of members that have one; None while nobody has.
    deadlines: Option<Box<SortedSet>>,
}

/// Removing the records of dead leaves, and how far that has come.
#[derive(Debug, Clone)]
struct Sweep {
    leaves: Vec<u32>,
    at: u32,
}

/// What `insert` did.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Inserted {
    Added,
    /// The member had another score, this one.
    Updated(f64),
    /// The member had this score already (-0 and 0 are the same).
    Unchanged,
}

/// A score would not be a number; nothing was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotANumber;

/// Where a member was found.
struct Located {
    leaf: u32,
    at: usize,
    score: f64,
}

/// Down to the leaf in which an entry is or would be.
fn to_entry(score: f64, member: &[u8]) -> impl Seek<Least> {
    Start(move |least: &Least| least.reaches(score, member))
}

/// Asks for the memory of the index that removing the next entries at `places` will take:
/// who pops one, pops more, and waiting for it is much of the work.
#[inline]
fn expect_removals(leaf: &ScoreLeaf, index: &Index, mut places: impl Iterator<Item = usize>) {
    if let Some(next) = places.next() {
        index.prefetch_records(hash(leaf.member(next)));
    }
    if let Some(second) = places.next() {
        index.prefetch_segment(hash(leaf.member(second)));
    }
}

fn done<R>(result: R, touched: usize) -> Edited<R> {
    Edited { result, touched }
}

impl SortedSet {
    pub fn new() -> SortedSet {
        SortedSet::default()
    }

    /// A set of entries that are in order, each member once.
    pub fn from_sorted<'a>(
        entries: impl IntoIterator<Item = (impl Into<Element<'a>>, f64)>,
    ) -> SortedSet {
        let mut set = SortedSet::new();
        let mut leaf = ScoreLeaf::default();
        for (member, score) in entries {
            let mut text = IntText::new();
            let member = member.into().bytes(&mut text);
            if leaf.weight() > ScoreLeaf::FULL_AT_ENDS {
                set.tree.push_last(std::mem::take(&mut leaf));
            }
            leaf.insert(leaf.len(), score, member, hash(member));
            if leaf.weight() > FULL && leaf.len() > 1 {
                let last = leaf.split_off(leaf.len() - 1);
                set.tree.push_last(std::mem::replace(&mut leaf, last));
            }
        }
        if leaf.len() > 0 {
            set.tree.push_last(leaf);
        }
        for chunk in set.tree.chunks(0..set.tree.len()) {
            for at in chunk.part {
                set.index.insert(hash(chunk.leaf.member(at)), chunk.id);
            }
        }
        set
    }

    #[inline]
    pub fn len(&self) -> usize {
        self.tree.len()
    }

    #[inline]
    pub fn is_empty(&self) -> bool {
        self.tree.is_empty()
    }

    #[inline]
    fn locate(&self, hash: u64, member: &[u8]) -> Option<Located> {
        self.index.leaves(hash).find_map(|id| {
            let leaf = self.tree.leaf(id)?;
            let at = leaf.find(hash, member)?;
            Some(Located {
                leaf: id,
                at,
                score: leaf.score(at),
            })
        })
    }

    #[inline]
    pub fn score(&self, member: &[u8]) -> Option<f64> {
        Some(self.locate(hash(member), member)?.score)
    }

    /// Gives `member` a score, which must not be NaN.
    pub fn insert(&mut self, member: &[u8], score: f64) -> Inserted {
        let hash = hash(member);
        let found = self.locate(hash, member);
        self.put(hash, member, found, score)
    }

    /// Gives `member` the score that `decide` makes of its old one, if it makes any;
    /// gives what it is now and what that did. One look-up.
    pub fn update<E>(
        &mut self,
        member: &[u8],
        decide: impl FnOnce(Option<f64>) -> Result<Option<f64>, E>,
    ) -> Result<Option<(f64, Inserted)>, E> {
        let hash = hash(member);
        let found = self.locate(hash, member);
        let Some(score) = decide(found.as_ref().map(|found| found.score))? else {
            return Ok(None);
        };
        Ok(Some((score, self.put(hash, member, found, score))))
    }

    /// Adds to the score of `member`, 0 if it is new; gives what it is now.
    pub fn increment(&mut self, member: &[u8], by: f64) -> Result<f64, NotANumber> {
        let mut sum = by;
        self.update(member, |old| {
            sum = old.map_or(by, |old| old + by);
            if sum.is_nan() {
                Err(NotANumber)
            } else {
                Ok(Some(sum))
            }
        })?;
        Ok(sum)
    }

    fn put(&mut self, hash: u64, member: &[u8], found: Option<Located>, score: f64) -> Inserted {
        assert!(!score.is_nan(), "a score that is not a number");
        match found {
            None => {
                self.add(hash, member, score);
                Inserted::Added
            }
            Some(found) => self.rescore(hash, member, found, score),
        }
    }

    fn add(&mut self, hash: u64, member: &[u8], score: f64) {
        let edit = |leaf: &mut ScoreLeaf, id, _, index: &mut Index| {
            let at = leaf.lower(score, member);
            leaf.insert(at, score, member, hash);
            index.insert(hash, id);
            done((), at)
        };
        self.tree
            .edit(to_entry(score, member), &mut self.index, edit);
        self.sweep();
    }

    fn rescore(&mut self, hash: u64, member: &[u8], found: Located, score: f64) -> Inserted {
        if found.score == score {
            return Inserted::Unchanged;
        }
        let leaf = self.tree.leaf(found.leaf);
        if leaf.is_some_and(|leaf| leaf.could_rescore(found.at, score)) {
            self.tree.leaf_mut(found.leaf).rescore(found.at, score);
        } else {
            self.take(hash, member, &found);
            self.add(hash, member, score);
        }
        Inserted::Updated(found.score)
    }

    /// Removes an entry that was found.
    fn take(&mut self, hash: u64, member: &[u8], found: &Located) {
        let at = found.at;
        let edit = |leaf: &mut ScoreLeaf, id, _, index: &mut Index| {
            assert_eq!(id, found.leaf, "an entry that is not where its score is");
            leaf.remove(at..at + 1);
            index.remove(hash, id);
            done((), at)
        };
        self.tree
            .edit(to_entry(found.score, member), &mut self.index, edit);
    }

    /// Removes `member`; gives its score.
    pub fn remove(&mut self, member: &[u8]) -> Option<f64> {
        let hash = hash(member);
        let found = self.locate(hash, member)?;
        self.take(hash, member, &found);
        forget(&mut self.deadlines, member);
        self.sweep();
        Some(found.score)
    }

    /// How many entries are before `member`, and its score.
    pub fn rank(&self, member: &[u8]) -> Option<(usize, f64)> {
        let found = self.locate(hash(member), member)?;
        let leaf = self.tree.find(to_entry(found.score, member))?;
        Some((leaf.start + found.at, found.score))
    }

    /// As `rank`, counted from the end.
    pub fn reverse_rank(&self, member: &[u8]) -> Option<(usize, f64)> {
        let (rank, score) = self.rank(member)?;
        Some((self.len() - 1 - rank, score))
    }

    /// The entry that `position` others are before; with a random position, a random one.
    pub fn nth(&self, position: usize) -> Option<(&[u8], f64)> {
        if position >= self.len() {
            return None;
        }
        let found = self.tree.find(At(position))?;
        Some(found.leaf.entry(found.offset))
    }

    /// The entries at positions in `range`, from either end. O(log n) for each leaf.
    pub fn range(
        &self,
        range: Range<usize>,
    ) -> impl DoubleEndedIterator<Item = (&[u8], f64)> + Clone {
        let chunks = self.tree.chunks(range);
        chunks.flat_map(|chunk| chunk.part.map(move |at| chunk.leaf.entry(at)))
    }

    /// All entries.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&[u8], f64)> + Clone {
        self.range(0..self.len())
    }

    /// Removes up to `count` entries with the least scores and shows each to `visit`.
    pub fn pop_min(&mut self, count: usize, mut visit: impl FnMut(&[u8], f64)) -> usize {
        let popped = count.min(self.len());
        let (mut left, deadlines) = (popped, &mut self.deadlines);
        while left > 0 {
            let edit = |leaf: &mut ScoreLeaf, id, _, index: &mut Index| {
                let here = left.min(leaf.len());
                for at in 0..here {
                    expect_removals(leaf, index, at + 1..leaf.len());
                    let (member, score) = leaf.entry(at);
                    visit(member, score);
                    forget(deadlines, member);
                    index.remove(hash(member), id);
                }
                leaf.remove(0..here);
                done(here, 0)
            };
            left -= self.tree.edit(At(0), &mut self.index, edit);
        }
        self.sweep();
        popped
    }

    /// As `pop_min`, with the greatest scores, the greatest first.
    pub fn pop_max(&mut self, count: usize, mut visit: impl FnMut(&[u8], f64)) -> usize {
        let popped = count.min(self.len());
        let (mut left, deadlines) = (popped, &mut self.deadlines);
        while left > 0 {
            let edit = |leaf: &mut ScoreLeaf, id, _, index: &mut Index| {
                let len = leaf.len();
                let here = left.min(len);
                for at in (len - here..len).rev() {
                    expect_removals(leaf, index, (0..at).rev());
                    let (member, score) = leaf.entry(at);
                    visit(member, score);
                    forget(deadlines, member);
                    index.remove(hash(member), id);
                }
                leaf.remove(len - here..len);
                done(here, 0)
            };
            let last = At(self.tree.len() - 1);
            left -= self.tree.edit(last, &mut self.index, edit);
        }
        self.sweep();
        popped
    }

    /// Removes the entries at positions in `range`; what is cut out comes back, to be
    /// freed elsewhere if it is much. O(log n + leaves in the range) if it is long.
    pub fn remove_range(&mut self, range: Range<usize>) -> Garbage {
        let end = range.end.min(self.len());
        let range = range.start.min(end)..end;
        if range.len() == self.len() {
            return self.clear();
        }
        self.forget_range(range.clone());
        let eager = range.len() <= EAGER_MAX;
        if eager {
            for chunk in self.tree.chunks(range.clone()) {
                for at in chunk.part {
                    self.index.remove(hash(chunk.leaf.member(at)), chunk.id);
                }
            }
        }
        let cut = |leaf: &mut ScoreLeaf, part: Range<usize>, id, index: &mut Index| {
            if !eager {
                for at in part.clone() {
                    index.remove(hash(leaf.member(at)), id);
                }
            }
            leaf.remove(part);
        };
        let mut garbage = self.tree.remove_range(range, &mut self.index, cut);
        let ids = std::mem::take(&mut garbage.ids);
        if eager {
            self.tree.release(ids);
        } else {
            self.dead.extend(ids);
        }
        self.sweep();
        Garbage::new(garbage.free_effort(), garbage)
    }

    /// Takes all entries out, to be freed elsewhere. O(1).
    pub fn clear(&mut self) -> Garbage {
        let all = std::mem::take(self);
        Garbage::new(all.free_effort(), all)
    }

    /// Shows entries in the order of their hashes, some `count` of them from `cursor`
    /// on, and gives the next cursor, 0 at the end. What stays in the set during a whole
    /// scan is shown at least once, however scores change meanwhile.
    pub fn scan(&self, cursor: u64, count: usize, mut visit: impl FnMut(&[u8], f64)) -> u64 {
        let Ok(mut at) = u32::try_from(cursor) else {
            return 0;
        };
        let mut shown = 0;
        loop {
            let (mut last, mut stopped) = (None, false);
            let next = self.index.scan(at, |hash, _| {
                // The first record of a hash shows all of that hash.
                if last == Some(hash) {
                    return true;
                }
                stopped = shown >= count.max(1);
                if stopped {
                    return false;
                }
                last = Some(hash);
                for id in self.index.leaves(u64::from(hash) << 32) {
                    let Some(leaf) = self.tree.leaf(id) else {
                        continue;
                    };
                    for (member, score) in leaf.with_hash(hash) {
                        visit(member, score);
                        shown += 1;
                    }
                }
                true
            });
            match next {
                Some(next) if stopped => return u64::from(next),
                Some(next) => at = next,
                None => return 0,
            }
        }
    }

    /// A step of removing the records of dead leaves, if there are enough of those.
    #[inline]
    fn sweep(&mut self) {
        if !self.dead.is_empty() || self.sweeping.is_some() {
            self.sweep_some();
        }
    }

    #[cold]
    fn sweep_some(&mut self) {
        let mut sweep = match self.sweeping.take() {
            Some(sweep) => sweep,
            None if self.dead.len() < DEAD_MIN.max(self.tree.leaf_count() / 8) => return,
            None => Box::new(Sweep {
                leaves: std::mem::take(&mut self.dead),
                at: 0,
            }),
        };
        let tree = &self.tree;
        let keep = |id| tree.leaf(id).is_some();
        match self.index.sweep(sweep.at, keep) {
            Some(next) => {
                sweep.at = next;
                self.sweeping = Some(sweep);
            }
            None => self.tree.release(sweep.leaves),
        }
    }

    /// Bytes of memory that the set holds, about.
    pub fn memory_bytes(&self) -> usize {
        let swept = self.sweeping.iter().map(|sweep| sweep.leaves.capacity());
        let dead = (self.dead.capacity() + swept.sum::<usize>()) * size_of::<u32>();
        let timed = self.deadlines.as_ref().map_or(0, |set| set.memory_bytes());
        size_of::<SortedSet>() + self.tree.memory_bytes() + self.index.memory_bytes() + dead + timed
    }

    /// How many allocations dropping it frees, about.
    pub fn free_effort(&self) -> usize {
        let timed = self.deadlines.as_ref().map_or(0, |set| set.free_effort());
        self.tree.leaf_count() * 5 + self.index.free_effort() + timed
    }

    /// Panics if an invariant does not hold.
    pub fn check(&self) {
        self.check_deadlines();
        let mut members = Vec::new();
        self.tree.check(|leaf, id, least| {
            leaf.check(least);
            for at in 0..leaf.len() {
                members.push(((hash(leaf.member(at)) >> 32) as u32, id));
            }
        });
        for pair in self.iter().collect::<Vec<_>>().windows(2) {
            let ((left, low), (right, high)) = (pair[0], pair[1]);
            assert!(leaf::compare((low, left), (high, right)).is_lt());
        }
        let mut records = Vec::new();
        self.index.check(|hash, id| {
            if self.tree.leaf(id).is_some() {
                records.push((hash, id));
            } else {
                let mut swept = self.sweeping.iter().flat_map(|sweep| &sweep.leaves);
                assert!(self.dead.contains(&id) || swept.any(|leaf| *leaf == id));
            }
        });
        members.sort_unstable();
        records.sort_unstable();
        assert_eq!(members, records, "the index differs from the tree");
    }
}
