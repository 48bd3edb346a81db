//! A sequence of elements in leaves of at most 4 KB: a B+tree with counts.
//!
//!     root → inner nodes (`inner`: counts, least keys) → numbers of leaves
//!                                                          └→ `table` → leaf
//!
//! Lists walk it by position, sorted sets by position and by key. All nodes are shared
//! between clones and copied on the first write, so a clone is a point-in-time copy.
//! Inner nodes name leaves by number: an index of members can refer to a leaf, and it
//! is told (`Movement`) when elements move from one to another.
//!
//! Invariants (`check`): counts are the lengths below; keys separate neighbours; no
//! leaf is empty, none heavier than full unless it has one element; no inner node but
//! the root is empty. A leaf lighter than a third is merged when a neighbour has room,
//! except at the ends, where a queue eats it anyway.
//! Cost: finding, editing O(log n); removing a range O(log n + leaves in it).

mod grow;
mod inner;
mod remove;
mod seek;
mod table;

pub(super) use grow::Edited;

use std::ops::Range;
use std::sync::Arc;

use crate::memory::shared_bytes;
use inner::{Inner, Kids};
pub(super) use seek::{At, Gap, Seek, Start};
use table::Table;

/// `Leaf::weight` of a full one.
pub(super) const FULL: usize = 1024;

/// What the tree must know of its leaves.
pub(super) trait Leaf: Clone + Default + Send + Sync {
    /// What tells neighbouring leaves apart.
    type Key: Clone + Send + Sync;
    /// How full a leaf at an end becomes before what is put there begins another: less than
    /// `FULL` where later elements come between those of today.
    const FULL_AT_ENDS: usize = FULL;

    fn len(&self) -> usize;
    /// How full it is; `FULL` is full.
    fn weight(&self) -> usize;
    /// Where to cut it into two of like weight.
    fn middle(&mut self) -> usize;
    fn split_off(&mut self, at: usize) -> Self;
    /// Adds the elements of the next leaf.
    fn append(&mut self, next: &Self);
    /// A key that is not before anything in `left` but not after `right`'s first.
    fn key_between(left: &Self, right: &Self) -> Self::Key;
    /// Bytes of memory behind its own struct.
    fn memory_bytes(&self) -> usize;
}

/// Is told that elements moved to another leaf.
pub(super) trait Movement<L> {
    /// The elements in `range` of `leaf`, which is now number `to`, were in `from`.
    fn moved(&mut self, leaf: &L, range: Range<usize>, from: u32, to: u32);
}

/// For those who do not refer to leaves.
impl<L> Movement<L> for () {
    fn moved(&mut self, _: &L, _: Range<usize>, _: u32, _: u32) {}
}

#[derive(Debug)]
pub(super) struct Tree<L: Leaf> {
    table: Table<L>,
    root: Arc<Inner<L::Key>>,
    len: usize,
    leaves: usize,
}

impl<L: Leaf> Clone for Tree<L> {
    fn clone(&self) -> Self {
        Tree {
            table: self.table.clone(),
            root: Arc::clone(&self.root),
            len: self.len,
            leaves: self.leaves,
        }
    }
}

impl<L: Leaf> Default for Tree<L> {
    fn default() -> Self {
        Tree {
            table: Table::default(),
            root: Arc::new(Inner::empty()),
            len: 0,
            leaves: 0,
        }
    }
}

/// A leaf that was found.
pub(super) struct Found<'a, L> {
    pub leaf: &'a L,
    pub id: u32,
    /// Position of its first element.
    pub start: usize,
    /// Where in it, if the search was by position.
    pub offset: usize,
}

/// Which leaves of a node are the tree's first or last.
#[derive(Clone, Copy)]
struct Ends {
    first: bool,
    last: bool,
}

impl Ends {
    const BOTH: Ends = Ends {
        first: true,
        last: true,
    };

    /// The same for child `at` of `len`.
    fn below(self, at: usize, len: usize) -> Ends {
        Ends {
            first: self.first && at == 0,
            last: self.last && at + 1 == len,
        }
    }
}

impl<L: Leaf> Tree<L> {
    #[inline]
    pub fn len(&self) -> usize {
        self.len
    }

    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub fn leaf_count(&self) -> usize {
        self.leaves
    }

    /// The leaf of a number, if it still is one.
    #[inline]
    pub fn leaf(&self, id: u32) -> Option<&L> {
        self.table.find(id)
    }

    /// A leaf for changes that alter neither its length nor whether it is full, and
    /// keep its elements between those of its neighbours.
    #[inline]
    pub fn leaf_mut(&mut self, id: u32) -> &mut L {
        self.table.get_mut(id)
    }

    /// Puts a leaf of the same elements in the place of another.
    pub fn put_leaf(&mut self, id: u32, leaf: L) {
        self.table.put(id, Arc::new(leaf));
    }

    /// Walks down to a leaf. None only if the tree is empty.
    pub fn find(&self, mut seek: impl Seek<L::Key>) -> Option<Found<'_, L>> {
        let mut node = &self.root;
        let mut start = 0;
        if node.is_empty() {
            return None;
        }
        loop {
            let at = seek.child(&node.counts, &node.keys);
            start += node.counts[..at].iter().sum::<usize>();
            match &node.kids {
                Kids::Inners(nodes) => node = &nodes[at],
                Kids::Leaves(ids) => {
                    let id = ids[at];
                    return Some(Found {
                        leaf: self.table.get(id),
                        id,
                        start,
                        offset: seek.offset(),
                    });
                }
            }
        }
    }

    /// The leaves that hold the elements in `range`, each with the part that is meant.
    pub fn chunks(&self, range: Range<usize>) -> Chunks<'_, L> {
        let end = range.end.min(self.len);
        Chunks {
            tree: self,
            range: range.start.min(end)..end,
        }
    }

    /// Bytes of memory behind this; those of many leaves by a sample. O(1), about.
    pub fn memory_bytes(&self) -> usize {
        let kid = size_of::<usize>() * 2 + size_of::<L::Key>();
        let inner = shared_bytes::<Inner<L::Key>>() + self.leaves * kid * 4 / 3;
        self.leaf_bytes() + inner + self.table.memory_bytes()
    }

    fn leaf_bytes(&self) -> usize {
        const SAMPLES: usize = 16;
        let bytes_of = |leaf: &L| shared_bytes::<L>() + leaf.memory_bytes();
        if self.leaves <= SAMPLES {
            return self
                .chunks(0..self.len)
                .map(|chunk| bytes_of(chunk.leaf))
                .sum();
        }
        // Bytes for each element, where a long leaf is met more often than a short one.
        let positions = (0..SAMPLES).map(|sample| (2 * sample + 1) * self.len / (2 * SAMPLES));
        let found = positions.filter_map(|position| self.find(At(position)));
        let sampled = found.map(|found| bytes_of(found.leaf) as f64 / found.leaf.len() as f64);
        (sampled.sum::<f64>() / SAMPLES as f64 * self.len as f64) as usize
    }

    /// Panics if an invariant does not hold. `check_leaf` sees all leaves in order, with
    /// number and least key (none for the very first).
    pub fn check(&self, mut check_leaf: impl FnMut(&L, u32, Option<&L::Key>)) {
        let mut leaves = 0;
        let mut visit = |leaf: &L, id: u32, key: Option<&L::Key>| {
            assert!(leaf.len() > 0, "an empty leaf");
            assert!(leaf.len() == 1 || leaf.weight() <= FULL, "an overfull leaf");
            leaves += 1;
            check_leaf(leaf, id, key);
        };
        let mut levels = Vec::new();
        let total = self.check_node(&self.root, 0, None, &mut levels, &mut visit);
        assert_eq!(total, self.len);
        assert_eq!(leaves, self.leaves);
        assert_eq!(self.table.count(), leaves);
        assert!(self.table.given() >= leaves + self.table.free_count());
        assert!(levels.windows(2).all(|pair| pair[0] == pair[1]));
    }

    fn check_node<'a>(
        &'a self,
        node: &'a Inner<L::Key>,
        level: usize,
        least: Option<&'a L::Key>,
        levels: &mut Vec<usize>,
        visit: &mut impl FnMut(&L, u32, Option<&L::Key>),
    ) -> usize {
        assert!(level == 0 || !node.is_empty(), "an empty inner node");
        assert!(node.len() <= inner::FANOUT);
        assert_eq!(node.counts.len(), node.keys.len());
        assert_eq!(node.counts.len(), node.kids.len());
        for at in 0..node.len() {
            let key = if at == 0 { least } else { Some(&node.keys[at]) };
            let count = match &node.kids {
                Kids::Leaves(ids) => {
                    let leaf = self.table.get(ids[at]);
                    levels.push(level);
                    visit(leaf, ids[at], key);
                    leaf.len()
                }
                Kids::Inners(nodes) => self.check_node(&nodes[at], level + 1, key, levels, visit),
            };
            assert_eq!(count, node.counts[at], "a wrong count");
        }
        node.total()
    }
}

/// See `Tree::chunks`.
pub(super) struct Chunks<'a, L: Leaf> {
    tree: &'a Tree<L>,
    range: Range<usize>,
}

impl<L: Leaf> Clone for Chunks<'_, L> {
    fn clone(&self) -> Self {
        Chunks {
            tree: self.tree,
            range: self.range.clone(),
        }
    }
}

/// A leaf and the part of it that is meant.
pub(super) struct Chunk<'a, L> {
    pub leaf: &'a L,
    pub id: u32,
    pub part: Range<usize>,
}

impl<'a, L: Leaf> Iterator for Chunks<'a, L> {
    type Item = Chunk<'a, L>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.range.is_empty() {
            return None;
        }
        let found = self.tree.find(At(self.range.start))?;
        let end = found.leaf.len().min(self.range.end - found.start);
        self.range.start = found.start + end;
        Some(found.part(found.offset..end))
    }
}

impl<L: Leaf> DoubleEndedIterator for Chunks<'_, L> {
    fn next_back(&mut self) -> Option<Self::Item> {
        if self.range.is_empty() {
            return None;
        }
        let found = self.tree.find(At(self.range.end - 1))?;
        let start = self.range.start.saturating_sub(found.start);
        self.range.end = found.start + start;
        Some(found.part(start..found.offset + 1))
    }
}

impl<'a, L> Found<'a, L> {
    fn part(&self, part: Range<usize>) -> Chunk<'a, L> {
        Chunk {
            leaf: self.leaf,
            id: self.id,
            part,
        }
    }
}
