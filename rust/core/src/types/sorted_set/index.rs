//! From a member's hash to the leaf that holds it, without repeating the member.
//!
//!     branch: 64 slots → kids    6 bits of the hash a level; neighbouring slots may
//!        │                       share a kid
//!     segment: | hash u32, leaf u32 | … |   sorted, at most 4 KB
//!
//! A record says that a member of this hash may be in that leaf; who looks for a member
//! compares it there. Records of leaves that are gone do no harm and are swept later.
//! Sorted by hash, the whole is one long row, so a hash is a cursor that survives every
//! split and merge. All nodes are shared between clones and copied when written to.
//!
//! Invariants (`check`): records are sorted and lie in the range of their segment; kids
//! cover aligned powers of two of slots; no segment that could be split is overfull.
//! Cost: each O(1): two or three branches and a guess by interpolation.

use std::ops::Range;
use std::sync::Arc;

use super::leaf::{ScoreLeaf, hash};
use crate::types::run::{reserve_class, shrink_class};
use crate::types::tree::Movement;
use crate::types::unshared::unshared;

/// Most records of a segment.
const SEGMENT_MAX: usize = if cfg!(test) { 8 } else { 496 };
/// Records that a step of `sweep` looks at.
const SWEEP_MIN: usize = if cfg!(test) { 3 } else { 64 };
const SLOTS: usize = 64;
const SLOT_BITS: u32 = 6;
/// Bits of the hash that a kid of the last level of branches is told by.
const LAST_SHIFT: u32 = 2;

#[derive(Debug, Clone)]
pub struct Index {
    root: Kid,
    len: usize,
}

#[derive(Debug, Clone)]
enum Kid {
    Segment(Arc<Segment>),
    Branch(Arc<Branch>),
}

/// Hash in the upper half, leaf in the lower.
type Segment = Vec<u64>;

#[derive(Debug, Clone)]
struct Branch {
    /// The kid of each slot, and how many slots it has, as a power of two.
    map: [u8; SLOTS],
    widths: [u8; SLOTS],
    kids: Vec<Kid>,
}

impl Default for Index {
    fn default() -> Self {
        Index {
            root: Kid::Segment(Arc::default()),
            len: 0,
        }
    }
}

#[inline]
fn record(hash: u64, leaf: u32) -> u64 {
    hash >> 32 << 32 | u64::from(leaf)
}

/// Where a record is or would be in a segment whose range begins at `base` and has
/// `bits` free bits of the hash.
#[inline]
fn place(segment: &[u64], record: u64, base: u64, bits: u32) -> usize {
    let offset = (record >> 32) - base;
    let mut at = ((offset * segment.len() as u64) >> bits) as usize;
    while at < segment.len() && segment[at] < record {
        at += 1;
    }
    while at > 0 && segment[at - 1] >= record {
        at -= 1;
    }
    at
}

/// A segment, the least hash that it could hold, and how many bits are free after it.
struct Reached<'a> {
    segment: &'a Arc<Segment>,
    base: u64,
    bits: u32,
}

impl Branch {
    /// The slots of the kid that slot `at` belongs to.
    #[inline]
    fn extent(&self, at: usize) -> Range<usize> {
        let width = 1 << self.widths[at];
        let start = at & !(width - 1);
        start..start + width
    }

    /// Where a hash goes on from a branch whose slots begin at bit `shift`.
    #[inline]
    fn step(&self, hash: u64, shift: u32) -> Step {
        let at = slot(hash, shift);
        let extent = self.extent(at);
        let above = hash >> (shift + SLOT_BITS) << (shift + SLOT_BITS);
        Step {
            at,
            above,
            base: above | (extent.start as u64) << shift,
            bits: shift + extent.len().trailing_zeros(),
        }
    }
}

/// One step down from a branch.
struct Step {
    /// The slot.
    at: usize,
    /// The first hash of the branch.
    above: u64,
    /// The first hash of the kid, and how many bits its hashes differ in.
    base: u64,
    bits: u32,
}

#[inline]
fn slot(hash: u64, shift: u32) -> usize {
    (hash >> shift) as usize & (SLOTS - 1)
}

impl Index {
    #[inline]
    fn reach(&self, hash: u64) -> Reached<'_> {
        let (mut kid, mut shift) = (&self.root, 32);
        let (mut base, mut bits) = (0, 32);
        loop {
            match kid {
                Kid::Segment(segment) => {
                    return Reached {
                        segment,
                        base,
                        bits,
                    };
                }
                Kid::Branch(branch) => {
                    shift -= SLOT_BITS;
                    let at = slot(hash, shift);
                    let next = branch.map[at];
                    kid = &branch.kids[usize::from(next)];
                    if matches!(kid, Kid::Segment(_)) {
                        let extent = branch.extent(at);
                        let above = hash >> (shift + SLOT_BITS) << (shift + SLOT_BITS);
                        base = above | (extent.start as u64) << shift;
                        bits = shift + extent.len().trailing_zeros();
                    }
                }
            }
        }
    }

    /// Asks the processor to fetch the head of the segment of a hash.
    #[inline]
    pub fn prefetch_segment(&self, hash: u64) {
        crate::memory::prefetch(Arc::as_ptr(self.reach(hash >> 32).segment));
    }

    /// Some while after that: asks it to fetch the records near that of the hash.
    #[inline]
    pub fn prefetch_records(&self, hash: u64) {
        let reached = self.reach(hash >> 32);
        let offset = (hash >> 32) - reached.base;
        let guess = (offset * reached.segment.len() as u64) >> reached.bits;
        crate::memory::prefetch(reached.segment.as_ptr().wrapping_add(guess as usize));
    }

    /// The leaves that may hold a member of this hash.
    #[inline]
    pub fn leaves(&self, hash: u64) -> impl Iterator<Item = u32> {
        let wanted = hash >> 32;
        let reached = self.reach(wanted);
        let at = place(reached.segment, wanted << 32, reached.base, reached.bits);
        let same = move |&&record: &&u64| record >> 32 == wanted;
        let records = reached.segment[at..].iter().take_while(same);
        records.map(|&record| record as u32)
    }

    pub fn insert(&mut self, hash: u64, leaf: u32) {
        self.len += 1;
        insert_below(&mut self.root, 32, 0, 32, record(hash, leaf));
        if let Kid::Segment(segment) = &self.root
            && segment.len() > SEGMENT_MAX
        {
            let only = std::mem::replace(&mut self.root, Kid::Segment(Arc::default()));
            self.root = branch_of(only, 32 - SLOT_BITS, 0);
        }
    }

    /// Removes a record, which must be there.
    pub fn remove(&mut self, hash: u64, leaf: u32) {
        self.len -= 1;
        if remove_below(&mut self.root, 32, 0, 32, record(hash, leaf)) {
            collapse(&mut self.root);
        }
    }

    /// The member of a record, which must be there, is in another leaf now.
    pub fn replace(&mut self, hash: u64, from: u32, to: u32) {
        let wanted = hash >> 32;
        let (mut kid, mut shift) = (&mut self.root, 32);
        let (mut base, mut bits) = (0, 32);
        loop {
            match kid {
                Kid::Branch(branch) => {
                    shift -= SLOT_BITS;
                    let step = branch.step(wanted, shift);
                    let at = step.at;
                    (base, bits) = (step.base, step.bits);
                    let branch = unshared(branch);
                    kid = &mut branch.kids[usize::from(branch.map[at])];
                }
                Kid::Segment(segment) => {
                    let segment = unshared(segment);
                    let old = record(hash, from);
                    let at = place(segment, old, base, bits);
                    assert_eq!(segment.get(at), Some(&old), "a member without its record");
                    segment[at] = record(hash, to);
                    let first = place(segment, wanted << 32, base, bits);
                    let same = segment[first..].iter().take_while(|&&r| r >> 32 == wanted);
                    let end = first + same.count();
                    segment[first..end].sort_unstable();
                    return;
                }
            }
        }
    }

    /// Shows the records of the segment in which `cursor` is, from there on, until it is
    /// told by false to stop before one; gives the cursor to go on with, if any is left.
    pub fn scan(&self, cursor: u32, mut visit: impl FnMut(u32, u32) -> bool) -> Option<u32> {
        let cursor = u64::from(cursor);
        let reached = self.reach(cursor);
        let at = place(reached.segment, cursor << 32, reached.base, reached.bits);
        for &record in &reached.segment[at..] {
            let hash = (record >> 32) as u32;
            if !visit(hash, record as u32) {
                return Some(hash);
            }
        }
        u32::try_from(reached.base + (1 << reached.bits)).ok()
    }

    /// Looks at some records from `cursor` on and removes those of leaves not to be
    /// kept; gives the cursor to go on with, if any is left.
    pub fn sweep(&mut self, cursor: u32, keep: impl Fn(u32) -> bool) -> Option<u32> {
        let mut gone = Vec::new();
        let (mut seen, mut last) = (0, cursor);
        let next = self.scan(cursor, |hash, leaf| {
            if seen >= SWEEP_MIN && hash != last {
                return false;
            }
            (seen, last) = (seen + 1, hash);
            if !keep(leaf) {
                gone.push((u64::from(hash) << 32, leaf));
            }
            true
        });
        for (hash, leaf) in gone {
            self.remove(hash, leaf);
        }
        next
    }

    /// Bytes of memory, about. O(1).
    pub fn memory_bytes(&self) -> usize {
        // Segments are two thirds full when memory for them is had in steps of a fifth;
        // measured, they and their branches take 9.3 bytes for each record.
        self.len * 93 / 10 + 64
    }

    /// How many allocations dropping it frees, about.
    pub fn free_effort(&self) -> usize {
        self.len / (SEGMENT_MAX / 2) * 2 + 1
    }

    /// Panics if an invariant does not hold. `visit` sees all records.
    pub fn check(&self, mut visit: impl FnMut(u32, u32)) {
        let mut count = 0;
        check_below(&self.root, 32, 0, 32, &mut |hash, leaf| {
            count += 1;
            visit(hash, leaf);
        });
        assert_eq!(count, self.len);
    }
}

/// A branch at `shift` with one kid, split until its segments are not overfull.
fn branch_of(only: Kid, shift: u32, base: u64) -> Kid {
    let mut branch = Branch {
        map: [0; SLOTS],
        widths: [SLOT_BITS as u8; SLOTS],
        kids: vec![only],
    };
    split_kid(&mut branch, 0, shift, base);
    Kid::Branch(Arc::new(branch))
}

/// Splits the overfull segment that slot `at` belongs to.
fn split_kid(branch: &mut Branch, at: usize, shift: u32, branch_base: u64) {
    let extent = branch.extent(at);
    let index = usize::from(branch.map[at]);
    let new = branch.kids.len();
    let Kid::Segment(segment) = &mut branch.kids[index] else {
        return;
    };
    if segment.len() <= SEGMENT_MAX {
        return;
    }
    if extent.len() == 1 {
        if shift > LAST_SHIFT {
            let base = branch_base | (extent.start as u64) << shift;
            let only = std::mem::replace(&mut branch.kids[index], Kid::Segment(Arc::default()));
            branch.kids[index] = branch_of(only, shift - SLOT_BITS, base);
        }
        return;
    }
    let middle = extent.start + extent.len() / 2;
    let bound = (branch_base | (middle as u64) << shift) << 32;
    let segment = unshared(segment);
    let cut = segment.partition_point(|&record| record < bound);
    let right = segment[cut..].to_vec();
    segment.truncate(cut);
    segment.shrink_to_fit();
    branch.kids.reserve_exact(1);
    branch.kids.push(Kid::Segment(Arc::new(right)));
    branch.map[middle..extent.end].fill(new as u8);
    branch.widths[extent.clone()].fill((extent.len() / 2).trailing_zeros() as u8);
    // All records may have gone to one side.
    split_kid(branch, extent.start, shift, branch_base);
    split_kid(branch, middle, shift, branch_base);
}

fn insert_below(kid: &mut Kid, shift: u32, base: u64, bits: u32, record: u64) {
    match kid {
        Kid::Segment(segment) => {
            let segment = unshared(segment);
            let at = place(segment, record, base, bits);
            reserve_class(segment, 1);
            segment.insert(at, record);
        }
        Kid::Branch(branch) => {
            let shift = shift - SLOT_BITS;
            let branch = unshared(branch);
            let Step {
                at,
                above,
                base,
                bits,
            } = branch.step(record >> 32, shift);
            let kid = &mut branch.kids[usize::from(branch.map[at])];
            insert_below(kid, shift, base, bits, record);
            if matches!(kid, Kid::Segment(segment) if segment.len() > SEGMENT_MAX) {
                split_kid(branch, at, shift, above);
            }
        }
    }
}

/// True if the kid may be a branch that is one segment now.
fn remove_below(kid: &mut Kid, shift: u32, base: u64, bits: u32, record: u64) -> bool {
    match kid {
        Kid::Segment(segment) => {
            let segment = unshared(segment);
            let at = place(segment, record, base, bits);
            assert_eq!(
                segment.get(at),
                Some(&record),
                "a member without its record"
            );
            segment.remove(at);
            shrink_class(segment);
            false
        }
        Kid::Branch(branch) => {
            let shift = shift - SLOT_BITS;
            let branch = unshared(branch);
            let Step { at, base, bits, .. } = branch.step(record >> 32, shift);
            let kid = &mut branch.kids[usize::from(branch.map[at])];
            if remove_below(kid, shift, base, bits, record) {
                collapse(kid);
            }
            merge_kid(branch, at);
            branch.kids.len() == 1
        }
    }
}

/// Replaces a branch of one segment by the segment.
fn collapse(kid: &mut Kid) {
    if let Kid::Branch(branch) = kid
        && let [Kid::Segment(only)] = branch.kids.as_slice()
    {
        *kid = Kid::Segment(Arc::clone(only));
    }
}

/// Merges the segment that slot `at` belongs to with its buddy, if both are light.
fn merge_kid(branch: &mut Branch, at: usize) {
    let len_of = |kid: &Kid| match kid {
        Kid::Segment(segment) => Some(segment.len()),
        Kid::Branch(_) => None,
    };
    let mine = branch.map[at];
    let Some(len) = len_of(&branch.kids[usize::from(mine)]) else {
        return;
    };
    if len > SEGMENT_MAX / 4 {
        return;
    }
    let extent = branch.extent(at);
    if extent.len() == SLOTS {
        return;
    }
    let buddy_at = extent.start ^ extent.len();
    let buddy = branch.map[buddy_at];
    let Some(buddy_len) = len_of(&branch.kids[usize::from(buddy)]) else {
        return;
    };
    if len + buddy_len > SEGMENT_MAX / 2 || branch.extent(buddy_at).len() != extent.len() {
        return;
    }
    let (left, right) = if extent.start < buddy_at {
        (mine, buddy)
    } else {
        (buddy, mine)
    };
    let last = branch.kids.len() - 1;
    let gone = branch.kids.swap_remove(usize::from(right));
    for place in &mut branch.map {
        if *place == right {
            *place = left;
        }
        // The last kid, which the left one may be, took the place of the right one.
        if usize::from(*place) == last {
            *place = right;
        }
    }
    let both = extent.start & !extent.len();
    let both = both..both + extent.len() * 2;
    branch.widths[both.clone()].fill(both.len().trailing_zeros() as u8);
    let left = branch.map[extent.start];
    if let (Kid::Segment(into), Kid::Segment(more)) = (&mut branch.kids[usize::from(left)], &gone) {
        let into = unshared(into);
        reserve_class(into, more.len());
        into.extend_from_slice(more);
    }
}

fn check_below(kid: &Kid, shift: u32, base: u64, bits: u32, visit: &mut impl FnMut(u32, u32)) {
    match kid {
        Kid::Segment(segment) => {
            assert!(segment.len() <= SEGMENT_MAX || bits <= LAST_SHIFT);
            assert!(segment.is_sorted());
            for &record in segment.iter() {
                assert_eq!(record >> 32 >> bits, base >> bits, "a record out of place");
                visit((record >> 32) as u32, record as u32);
            }
        }
        Kid::Branch(branch) => {
            let shift = shift - SLOT_BITS;
            let mut at = 0;
            let mut kids = 0;
            while at < SLOTS {
                let extent = branch.extent(at);
                assert_eq!(extent.start, at);
                let same = |slot: usize| branch.map[slot] == branch.map[at];
                assert!(extent.clone().all(same));
                let kid = &branch.kids[usize::from(branch.map[at])];
                let base = base | (at as u64) << shift;
                let bits = shift + extent.len().trailing_zeros();
                check_below(kid, shift, base, bits, visit);
                kids += 1;
                at = extent.end;
            }
            assert_eq!(
                kids,
                branch.kids.len(),
                "a kid stands in two places or none"
            );
        }
    }
}

impl Movement<ScoreLeaf> for Index {
    fn moved(&mut self, leaf: &ScoreLeaf, range: Range<usize>, from: u32, to: u32) {
        for at in range {
            self.replace(hash(leaf.member(at)), from, to);
        }
    }
}
