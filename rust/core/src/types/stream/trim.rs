//! Trimming: what is oldest goes.

use std::sync::Arc;

use super::id::StreamId;
use super::{References, Start, Stream};
use crate::types::Garbage;
use crate::types::tree::At;

/// How far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TrimTo {
    /// So many entries are to be left.
    Length(u64),
    /// Nothing before this ID is to be left.
    Id(StreamId),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trim {
    pub to: TrimTo,
    /// Only whole blocks go.
    pub is_approximate: bool,
    /// At most so many entries go; 0: no limit.
    pub limit: u64,
    pub references: References,
}

impl Stream {
    /// Removes the oldest entries; gives how many, and what is to be freed.
    pub fn trim(&mut self, trim: Trim) -> (usize, Garbage) {
        if trim.references == References::Acknowledged {
            return (self.trim_acknowledged(trim), Garbage::default());
        }
        let mut count = match trim.to {
            TrimTo::Length(len) => {
                self.len() - self.len().min(usize::try_from(len).unwrap_or(usize::MAX))
            }
            TrimTo::Id(id) => self.count_before(id, trim.is_approximate),
        };
        if trim.is_approximate {
            count = self.boundary(count);
            if trim.limit > 0 {
                let limit = usize::try_from(trim.limit).unwrap_or(usize::MAX);
                count = self.boundary(count.min(limit));
            }
        }
        if trim.references == References::Delete && count > 0 {
            let going = self.range(StreamId::ZERO, StreamId::MAX).take(count);
            for id in going.map(|entry| entry.id).collect::<Vec<_>>() {
                self.remove_references(id);
            }
        }
        (count, self.remove_first(count))
    }

    /// How many entries are before an ID; with `whole`, in blocks that hold no others.
    fn count_before(&self, id: StreamId, whole: bool) -> usize {
        let (block, start) = if !self.tail.is_empty() && self.tail.base() <= id {
            (&*self.tail, self.tree.len())
        } else {
            match self.tree.find(Start(|key: &StreamId| *key <= id)) {
                Some(found) => (found.leaf, found.start),
                None => return 0,
            }
        };
        if block.last() < id {
            return start + block.len();
        }
        if whole {
            return start;
        }
        start + block.iter().take_while(|entry| entry.id < id).count()
    }

    /// How many entries lie from `first` to `last`, both included. O(log n + a block).
    pub fn count_between(&self, first: StreamId, last: StreamId) -> usize {
        let behind = match last.next() {
            Some(behind) => self.count_before(behind, false),
            None => self.len(),
        };
        behind.saturating_sub(self.count_before(first, false))
    }

    /// The last position up to `position` where a block begins or all end.
    fn boundary(&self, position: usize) -> usize {
        if position >= self.len() {
            return self.len();
        }
        if position >= self.tree.len() {
            return self.tree.len();
        }
        self.tree.find(At(position)).map_or(0, |found| found.start)
    }

    fn remove_first(&mut self, count: usize) -> Garbage {
        if count == 0 {
            return Garbage::default();
        }
        let in_tree = count.min(self.tree.len());
        let mut cut = self
            .tree
            .remove_range(0..in_tree, &mut (), |block, part, _, ()| {
                block.remove_first(part.len());
            });
        self.tree.release(std::mem::take(&mut cut.ids));
        let in_tail = count - in_tree;
        if in_tail == self.tail.len() {
            self.tail = Arc::default();
        } else if in_tail > 0 {
            Arc::make_mut(&mut self.tail).remove_first(in_tail);
        }
        self.settle_tail();
        Garbage::new(cut.free_effort(), cut)
    }

    /// As `trim`, where only entries may go that no group needs.
    fn trim_acknowledged(&mut self, trim: Trim) -> usize {
        let mut unneeded = Vec::new();
        let mut left = self.len() as u64;
        let mut position = 0;
        while let Some((block, start)) = self.block_at(position) {
            position = start + block.len();
            let is_wanted = match trim.to {
                TrimTo::Length(len) => left > len,
                TrimTo::Id(id) => block.base() < id,
            };
            if !is_wanted {
                break;
            }
            if trim.limit > 0 && (unneeded.len() + block.len()) as u64 > trim.limit {
                break;
            }
            let goes_whole = match trim.to {
                TrimTo::Length(len) => left - block.len() as u64 >= len,
                TrimTo::Id(id) => block.last() < id,
            };
            if trim.is_approximate && !goes_whole {
                break;
            }
            for entry in block.iter() {
                let is_over = match trim.to {
                    TrimTo::Length(len) => left <= len,
                    TrimTo::Id(id) => entry.id >= id,
                };
                if is_over {
                    break;
                }
                if !self.is_referenced(entry.id) {
                    unneeded.push(entry.id);
                    left -= 1;
                }
            }
        }
        for id in &unneeded {
            self.take_out(*id);
        }
        unneeded.len()
    }
}
