//! Records in the order of their IDs, in a tree whose nodes clones share.
//!
//! Cost: all by ID O(log n); a clone O(1).

use std::collections::VecDeque;

use super::id::StreamId;
use crate::memory::taken_bytes;
use crate::types::Garbage;
use crate::types::tree::{At, Edited, FULL, Leaf, Start, Tree};

/// Records in a leaf.
const LEN_MAX: usize = if cfg!(test) { 6 } else { 64 };

/// What has an ID.
pub trait Identified: Clone + Send + Sync + 'static {
    fn id(&self) -> StreamId;
}

impl Identified for StreamId {
    fn id(&self) -> StreamId {
        *self
    }
}

/// Both ends of a leaf are edited alike.
#[derive(Debug, Clone)]
struct Records<T>(VecDeque<T>);

impl<T> Default for Records<T> {
    fn default() -> Self {
        Records(VecDeque::new())
    }
}

impl<T: Identified> Records<T> {
    fn first(&self) -> StreamId {
        self.0.front().map_or(StreamId::ZERO, T::id)
    }

    /// Where the first record that is not before `id` stands.
    fn seek(&self, id: StreamId) -> usize {
        // Most are added at the end and taken from the front.
        match (self.0.front(), self.0.back()) {
            (Some(first), _) if first.id() >= id => 0,
            (_, Some(last)) if last.id() < id => self.0.len(),
            _ => self.0.partition_point(|record| record.id() < id),
        }
    }
}

impl<T: Identified> Leaf for Records<T> {
    type Key = StreamId;

    fn len(&self) -> usize {
        self.0.len()
    }

    fn weight(&self) -> usize {
        (self.0.len() * FULL).div_ceil(LEN_MAX)
    }

    fn middle(&mut self) -> usize {
        self.0.len() / 2
    }

    fn split_off(&mut self, at: usize) -> Self {
        Records(self.0.split_off(at))
    }

    fn append(&mut self, next: &Self) {
        self.0.extend(next.0.iter().cloned());
    }

    fn key_between(_: &Self, right: &Self) -> StreamId {
        right.first()
    }

    fn memory_bytes(&self) -> usize {
        taken_bytes(self.0.capacity() * size_of::<T>())
    }
}

/// See the head of this file.
#[derive(Debug, Clone)]
pub struct IdMap<T: Identified> {
    tree: Tree<Records<T>>,
}

impl<T: Identified> Default for IdMap<T> {
    fn default() -> Self {
        IdMap {
            tree: Tree::default(),
        }
    }
}

impl<T: Identified> IdMap<T> {
    #[inline]
    pub fn len(&self) -> usize {
        self.tree.len()
    }

    #[inline]
    pub fn is_empty(&self) -> bool {
        self.tree.is_empty()
    }

    pub fn get(&self, id: StreamId) -> Option<&T> {
        let found = self.tree.find(Start(|key: &StreamId| *key <= id))?;
        let record = found.leaf.0.get(found.leaf.seek(id))?;
        (record.id() == id).then_some(record)
    }

    /// Puts a record in, in the place of one with the same ID. True: there was none.
    pub fn insert(&mut self, record: T) -> bool {
        let id = record.id();
        let seek = Start(|key: &StreamId| *key <= id);
        self.tree.edit(seek, &mut (), |leaf, _, _, ()| {
            let at = leaf.seek(id);
            let is_new = leaf.0.get(at).is_none_or(|found| found.id() != id);
            if is_new {
                leaf.0.insert(at, record);
            } else {
                leaf.0[at] = record;
            }
            Edited {
                result: is_new,
                touched: at,
            }
        })
    }

    /// Takes the record of an ID out.
    pub fn remove(&mut self, id: StreamId) -> Option<T> {
        if self.tree.is_empty() {
            return None;
        }
        let seek = Start(|key: &StreamId| *key <= id);
        self.tree.edit(seek, &mut (), |leaf, _, _, ()| {
            let at = leaf.seek(id);
            let is_there = leaf.0.get(at).is_some_and(|found| found.id() == id);
            Edited {
                result: if is_there { leaf.0.remove(at) } else { None },
                touched: usize::MAX,
            }
        })
    }

    /// Takes the records of all these IDs out, which must increase; gives how many there
    /// were. O(IDs + leaves they are in * log n): each leaf is gone through once.
    pub fn remove_all<'i>(&mut self, ids: impl Iterator<Item = &'i StreamId>) -> usize {
        let before = self.len();
        let mut ids = ids.peekable();
        while let Some(&&first) = ids.peek()
            && !self.tree.is_empty()
        {
            let seek = Start(|key: &StreamId| *key <= first);
            self.tree.edit(seek, &mut (), |leaf, _, _, ()| {
                let last = leaf.0.back().map_or(first, T::id).max(first);
                leaf.0.retain(|record| {
                    while ids.next_if(|id| **id < record.id()).is_some() {}
                    ids.next_if(|id| **id == record.id()).is_none()
                });
                // Those that no record has.
                while ids.next_if(|id| **id <= last).is_some() {}
                Edited {
                    result: (),
                    touched: usize::MAX,
                }
            });
        }
        before - self.len()
    }

    pub fn first(&self) -> Option<&T> {
        self.from(StreamId::ZERO).next()
    }

    pub fn last(&self) -> Option<&T> {
        let position = self.tree.len().checked_sub(1)?;
        self.tree.find(At(position))?.leaf.0.back()
    }

    /// The records from an ID on, in order.
    pub fn from(&self, id: StreamId) -> impl Iterator<Item = &T> {
        let mut next = 0;
        let mut rest = None;
        if let Some(found) = self.tree.find(Start(|key: &StreamId| *key <= id)) {
            next = found.start + found.leaf.len();
            rest = Some(found.leaf.0.range(found.leaf.seek(id)..));
        }
        std::iter::from_fn(move || {
            loop {
                if let Some(record) = rest.as_mut()?.next() {
                    return Some(record);
                }
                if next >= self.tree.len() {
                    return None;
                }
                let found = self.tree.find(At(next))?;
                next = found.start + found.leaf.len();
                rest = Some(found.leaf.0.range(..));
            }
        })
    }

    /// Takes all out, to be freed elsewhere.
    pub fn clear(&mut self) -> Garbage {
        let all = std::mem::take(self);
        Garbage::new(all.free_effort(), all)
    }

    pub fn free_effort(&self) -> usize {
        self.tree.leaf_count()
    }

    /// Bytes of memory behind this.
    pub fn memory_bytes(&self) -> usize {
        self.tree.memory_bytes()
    }

    /// Panics if an invariant does not hold.
    pub fn check(&self) {
        let mut last = None;
        self.tree.check(|leaf, _, least| {
            assert!(least.is_none_or(|least| *least <= leaf.first()));
            for record in &leaf.0 {
                assert!(
                    last.is_none_or(|last| last < record.id()),
                    "IDs out of order"
                );
                last = Some(record.id());
            }
        });
    }
}
