//! A stream: entries in the order of their IDs, with groups of consumers.
//!
//!     [ tree of blocks (`block`), keyed by what their IDs count from ] → tail block
//!     groups (`group`): name → last ID delivered, consumers, pending entries
//!
//! Entries are added to the tail; when it is full it goes into the tree for good:
//! blocks are never split or merged, so they end where those of the servers' streams
//! end. All nodes are shared between clones until written to.
//!
//! Invariants (`check`): those of `block` and `group`; blocks increase; no block in the
//! tree is empty, and the tail only if the tree is, too.
//! Cost: add O(bytes); find, remove O(log n); ranges O(log n + entries); trimming
//! O(log n + blocks that go); a clone O(1).

mod block;
mod coding;
pub mod group;
mod id;
mod id_map;
pub mod range;
#[cfg(test)]
mod tests;
mod trim;

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

pub use block::{Block, BlockLimits, Entry};
pub use group::{Consumer, Group, Nack};
pub use id::StreamId;
pub use id_map::IdMap;
pub use trim::{Trim, TrimTo};

use crate::memory::{shared_bytes, shared_map_bytes, taken_bytes};

use super::Garbage;
use super::tree::{At, Edited, FULL, Leaf, Start, Tree};

/// See the head of this file.
#[derive(Debug, Clone, Default)]
pub struct Stream {
    tree: Tree<Block>,
    tail: Arc<Block>,
    pub last_id: StreamId,
    /// The greatest ID that XDEL removed.
    pub max_deleted_id: StreamId,
    /// Entries that were ever added.
    pub entries_added: u64,
    groups: Arc<BTreeMap<Box<[u8]>, Arc<Group>>>,
}

/// What happens to the references that groups hold to an entry that is to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum References {
    /// They stay.
    #[default]
    Keep,
    /// They go along.
    Delete,
    /// The entry stays while there are any, or groups that have yet to read it.
    Acknowledged,
}

impl Leaf for Block {
    type Key = StreamId;

    fn len(&self) -> usize {
        Block::len(self)
    }

    /// Blocks are neither split nor merged: two of these are too many for one.
    fn weight(&self) -> usize {
        FULL * 3 / 4
    }

    fn middle(&mut self) -> usize {
        unreachable!("blocks are never split")
    }

    fn split_off(&mut self, _: usize) -> Block {
        unreachable!("blocks are never split")
    }

    fn append(&mut self, _: &Block) {
        unreachable!("blocks are never merged")
    }

    fn key_between(_: &Block, right: &Block) -> StreamId {
        right.base()
    }

    fn memory_bytes(&self) -> usize {
        Block::memory_bytes(self)
    }
}

impl Stream {
    pub fn new() -> Stream {
        Stream::default()
    }

    /// How many entries there are.
    #[inline]
    pub fn len(&self) -> usize {
        self.tree.len() + self.tail.len()
    }

    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds an entry, whose ID must be after `last_id`; `parts` are names and values by
    /// turns.
    pub fn add<'e>(
        &mut self,
        id: StreamId,
        parts: impl ExactSizeIterator<Item = &'e [u8]> + Clone,
        limits: BlockLimits,
    ) {
        let text_bytes = parts.clone().map(<[u8]>::len).sum();
        if self.tail.is_empty() || !self.tail.has_room(limits, text_bytes) {
            let names = parts.clone().step_by(2);
            self.begin_block(Block::new(id, names));
        }
        Arc::make_mut(&mut self.tail).push(id, parts);
        self.last_id = id;
        self.entries_added += 1;
    }

    #[cold]
    fn begin_block(&mut self, block: Block) {
        let full = std::mem::replace(&mut self.tail, Arc::new(block));
        if !full.is_empty() {
            let mut full = Arc::unwrap_or_clone(full);
            full.shrink();
            self.tree.push_last(full);
        }
    }

    /// Adds a block from outside; its IDs must be after all others.
    pub fn push_block(&mut self, block: Block) {
        if !block.is_empty() {
            self.begin_block(block);
        }
    }

    /// Takes the last block out of the tree again when the tail is empty.
    fn settle_tail(&mut self) {
        if self.tail.is_empty() {
            self.tail = self.tree.take_end(false).unwrap_or_default();
        }
    }

    /// The first entry.
    pub fn first(&self) -> Option<Entry<'_>> {
        self.range(StreamId::ZERO, StreamId::MAX).next()
    }

    /// The last entry.
    pub fn last(&self) -> Option<Entry<'_>> {
        self.range(StreamId::ZERO, StreamId::MAX).next_back()
    }

    /// The ID of the first entry; zero without entries.
    pub fn first_id(&self) -> StreamId {
        self.first().map_or(StreamId::ZERO, |entry| entry.id)
    }

    /// The block in which an ID would be.
    fn block_of(&self, id: StreamId) -> Option<&Block> {
        if !self.tail.is_empty() && self.tail.base() <= id {
            return Some(&self.tail);
        }
        let found = self.tree.find(Start(|key: &StreamId| *key <= id));
        found.map(|found| found.leaf)
    }

    /// The entry of an ID.
    pub fn get(&self, id: StreamId) -> Option<Entry<'_>> {
        let block = self.block_of(id)?;
        Some(block.entry(block.find(id)?).0)
    }

    #[inline]
    pub fn contains(&self, id: StreamId) -> bool {
        self.block_of(id)
            .is_some_and(|block| block.find(id).is_some())
    }

    /// Removes an entry, as XDEL does. False: there is none.
    pub fn remove(&mut self, id: StreamId) -> bool {
        if !self.take_out(id) {
            return false;
        }
        self.max_deleted_id = self.max_deleted_id.max(id);
        true
    }

    fn take_out(&mut self, id: StreamId) -> bool {
        if !self.tail.is_empty() && self.tail.base() <= id {
            let Some(at) = self.tail.find(id) else {
                return false;
            };
            Arc::make_mut(&mut self.tail).remove(at);
            self.settle_tail();
            return true;
        }
        if self.tree.is_empty()
            || self
                .block_of(id)
                .is_none_or(|block| block.find(id).is_none())
        {
            return false;
        }
        let seek = Start(|key: &StreamId| *key <= id);
        self.tree.edit(seek, &mut (), |block, _, _, ()| {
            if let Some(at) = block.find(id) {
                block.remove(at);
            }
            Edited {
                result: (),
                touched: usize::MAX,
            }
        });
        true
    }

    /// How many blocks there are.
    pub fn block_count(&self) -> usize {
        self.tree.leaf_count() + usize::from(!self.tail.is_empty())
    }

    /// The block that holds the entry at a position, and where it begins.
    pub fn block_at(&self, position: usize) -> Option<(&Block, usize)> {
        if position >= self.tree.len() {
            let is_in = position < self.len();
            return is_in.then(|| (&*self.tail, self.tree.len()));
        }
        let found = self.tree.find(At(position))?;
        Some((found.leaf, found.start))
    }

    /// The blocks, in order.
    pub fn blocks(&self) -> impl Iterator<Item = &Block> {
        let mut position = 0;
        std::iter::from_fn(move || {
            let (block, _) = self.block_at(position)?;
            position += block.len();
            Some(block)
        })
    }

    /// How many nodes a radix tree of the blocks' keys has, which XINFO tells.
    ///
    /// A node is a branch, a run of bytes without one, or an end.
    pub fn radix_nodes(&self) -> usize {
        let mut nodes = 0;
        // Depths of the branches on the way to the last key.
        let mut path: Vec<usize> = Vec::new();
        let mut last: Option<[u8; 16]> = None;
        // A run of bytes between two depths is a node, if there are any.
        let run = |from: usize, to: usize| usize::from(to > from);
        for block in self.blocks() {
            let key = block.base().to_bytes();
            if let Some(last) = last {
                let common = key
                    .iter()
                    .zip(&last)
                    .take_while(|(one, other)| one == other);
                let depth = common.count();
                // Close what the last key does not share: its end, then branches.
                let mut below = 16;
                while let Some(&branch) = path.last()
                    && branch > depth
                {
                    nodes += run(branch + 1, below);
                    below = branch;
                    path.pop();
                }
                if path.last() != Some(&depth) {
                    nodes += 1;
                    path.push(depth);
                }
                nodes += run(depth + 1, below);
            }
            nodes += 1;
            last = Some(key);
        }
        if last.is_none() {
            return 1;
        }
        let mut below = 16;
        while let Some(branch) = path.pop() {
            nodes += run(branch + 1, below);
            below = branch;
        }
        nodes + run(0, below)
    }

    /// The groups, by name.
    pub fn groups(&self) -> impl ExactSizeIterator<Item = (&[u8], &Group)> {
        self.groups.iter().map(|(name, group)| (&**name, &**group))
    }

    /// The group behind one of this name.
    pub fn group_after(&self, name: &[u8]) -> Option<(&[u8], &Group)> {
        let behind = (Bound::Excluded(name), Bound::Unbounded);
        let (name, group) = self.groups.range::<[u8], _>(behind).next()?;
        Some((name, group))
    }

    #[inline]
    pub fn group(&self, name: &[u8]) -> Option<&Group> {
        self.groups.get(name).map(|group| &**group)
    }

    #[inline]
    pub fn group_mut(&mut self, name: &[u8]) -> Option<&mut Group> {
        if !self.groups.contains_key(name) {
            return None;
        }
        Arc::make_mut(&mut self.groups)
            .get_mut(name)
            .map(Arc::make_mut)
    }

    /// The entries together with a group that is to be changed.
    #[inline]
    pub fn with_group<R>(
        &mut self,
        name: &[u8],
        work: impl FnOnce(&Stream, &mut Group) -> R,
    ) -> Option<R> {
        let groups = Arc::make_mut(&mut self.groups);
        let slot = groups.get_mut(name)?;
        let mut group = std::mem::take(slot);
        let result = work(self, Arc::make_mut(&mut group));
        if let Some(slot) = Arc::make_mut(&mut self.groups).get_mut(name) {
            *slot = group;
        }
        Some(result)
    }

    /// Adds a group. False: there is one of this name.
    pub fn add_group(&mut self, name: &[u8], group: Group) -> bool {
        if self.groups.contains_key(name) {
            return false;
        }
        Arc::make_mut(&mut self.groups).insert(name.into(), Arc::new(group));
        true
    }

    /// Takes a group out, to be freed elsewhere.
    pub fn remove_group(&mut self, name: &[u8]) -> Option<Garbage> {
        let group = Arc::make_mut(&mut self.groups).remove(name)?;
        Some(Garbage::new(group.free_effort(), group))
    }

    /// True when a group holds the entry as pending, or has not read as far.
    pub fn is_referenced(&self, id: StreamId) -> bool {
        let mut groups = self.groups.values();
        groups.any(|group| group.last_id < id || group.pending.get(id).is_some())
    }

    /// Removes what groups hold of an entry. True: one held it.
    pub fn remove_references(&mut self, id: StreamId) -> bool {
        let mut groups = self.groups.values();
        let is_held = groups.any(|group| group.pending.get(id).is_some());
        if is_held {
            for group in Arc::make_mut(&mut self.groups).values_mut() {
                Arc::make_mut(group).acknowledge(id);
            }
        }
        is_held
    }

    /// How many allocations dropping it frees, about.
    pub fn free_effort(&self) -> usize {
        let groups = self.groups.values().map(|group| group.free_effort());
        self.tree.leaf_count() + groups.sum::<usize>()
    }

    /// Bytes of memory, this struct included.
    pub fn memory_bytes(&self) -> usize {
        let groups = self.groups.iter();
        let groups = groups.map(|(name, group)| {
            taken_bytes(name.len()) + shared_bytes::<Group>() + group.memory_bytes()
        });
        size_of::<Stream>()
            + self.tree.memory_bytes()
            + shared_bytes::<Block>()
            + self.tail.memory_bytes()
            + shared_map_bytes(&self.groups)
            + groups.sum::<usize>()
    }

    /// Panics if an invariant does not hold.
    pub fn check(&self) {
        let mut last = None;
        let mut see = |block: &Block| {
            block.check();
            assert!(
                last.is_none_or(|last| last < block.base()),
                "blocks do not increase"
            );
            last = Some(block.last());
        };
        self.tree.check(|block, _, least| {
            assert!(
                least.is_none_or(|least| *least <= block.base()),
                "a wrong key"
            );
            see(block);
        });
        if self.tail.is_empty() {
            assert!(self.tree.is_empty(), "blocks without a tail");
        } else {
            see(&self.tail);
        }
        assert!(
            last.is_none_or(|last| last <= self.last_id),
            "an entry behind the last ID"
        );
        for group in self.groups.values() {
            group.check();
        }
    }
}
