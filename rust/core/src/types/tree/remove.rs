//! Removing whole ranges: subtrees come out as they are, to be freed elsewhere.

use std::ops::Range;
use std::sync::Arc;

use super::grow::Shape;
use super::inner::{Inner, Kids};
use super::{At, Ends, Leaf, Movement, Tree};
use crate::types::unshared::unshared;

/// What was cut out of a tree. Dropping it frees it, in whatever thread.
#[derive(Debug)]
pub struct Garbage<L: Leaf> {
    leaves: Vec<Arc<L>>,
    nodes: Vec<Arc<Inner<L::Key>>>,
    /// Numbers of the leaves; they are not used again before `Tree::release`.
    pub ids: Vec<u32>,
}

impl<L: Leaf> Default for Garbage<L> {
    fn default() -> Self {
        Garbage {
            leaves: Vec::new(),
            nodes: Vec::new(),
            ids: Vec::new(),
        }
    }
}

impl<L: Leaf> Garbage<L> {
    /// How many allocations dropping it frees, about.
    pub fn free_effort(&self) -> usize {
        self.leaves.len()
    }
}

impl<L: Leaf> Tree<L> {
    /// Removes the elements in `range`. Whole leaves come back; of the two at its ends
    /// `cut` removes a part (leaf, part, number).
    pub fn remove_range<M: Movement<L>>(
        &mut self,
        range: Range<usize>,
        movement: &mut M,
        mut cut: impl FnMut(&mut L, Range<usize>, u32, &mut M),
    ) -> Garbage<L> {
        let mut garbage = Garbage::default();
        let end = range.end.min(self.len);
        if range.start >= end {
            return garbage;
        }
        let mut shape = Shape {
            table: &mut self.table,
            leaves: &mut self.leaves,
            movement,
        };
        let root = unshared(&mut self.root);
        let range = range.start..end;
        self.len -= range.len();
        shape.remove(root, range, Ends::BOTH, &mut cut, &mut garbage);
        self.leaves -= garbage.leaves.len();
        self.fix_root();
        garbage
    }

    /// Lets the numbers of leaves that were removed be used again.
    pub fn release(&mut self, ids: impl IntoIterator<Item = u32>) {
        self.table.release(ids);
    }

    /// Takes the first or last leaf out.
    pub fn take_end(&mut self, first: bool) -> Option<Arc<L>> {
        if self.is_empty() {
            return None;
        }
        let position = if first { 0 } else { self.len - 1 };
        let found = self.find(At(position))?;
        let range = found.start..found.start + found.leaf.len();
        let mut garbage = self.remove_range(range, &mut (), |_, _, _, _| {});
        self.table.release(garbage.ids);
        garbage.leaves.pop()
    }
}

impl<L: Leaf, M: Movement<L>> Shape<'_, L, M> {
    fn remove(
        &mut self,
        node: &mut Inner<L::Key>,
        range: Range<usize>,
        ends: Ends,
        cut: &mut impl FnMut(&mut L, Range<usize>, u32, &mut M),
        garbage: &mut Garbage<L>,
    ) {
        let len = node.len();
        let mut start = 0;
        // Children that go as a whole stand together, with at most one cut on each side.
        let mut whole = 0..0;
        let mut cuts = [None, None];
        for at in 0..len {
            let end = start + node.counts[at];
            let part = range.start.max(start)..range.end.min(end);
            if part == (start..end) {
                if whole.is_empty() {
                    whole = at..at;
                }
                whole.end = at + 1;
            } else if !part.is_empty() {
                let part = part.start - start..part.end - start;
                node.counts[at] -= part.len();
                match &mut node.kids {
                    Kids::Leaves(ids) => {
                        cut(self.table.get_mut(ids[at]), part, ids[at], self.movement);
                    }
                    Kids::Inners(nodes) => {
                        let child = unshared(&mut nodes[at]);
                        self.remove(child, part, ends.below(at, len), cut, garbage);
                    }
                }
                let free = if cuts[0].is_none() { 0 } else { 1 };
                cuts[free] = Some(at);
            }
            start = end;
            if start >= range.end {
                break;
            }
        }
        let gone = whole.len();
        if gone > 0 {
            self.collect(node.drain(whole.clone()), garbage);
        }
        // From right to left, so that what one does leaves the other's place alone.
        for at in cuts.into_iter().rev().flatten() {
            let at = if at >= whole.end { at - gone } else { at };
            let below = ends.below(at, node.len());
            match &node.kids {
                Kids::Leaves(_) if at < node.len() => self.fix_leaf(node, at, below),
                Kids::Inners(_) if at < node.len() => self.fix_inner(node, at),
                _ => {}
            }
        }
    }

    fn collect(&mut self, kids: Kids<L::Key>, garbage: &mut Garbage<L>) {
        match kids {
            Kids::Leaves(ids) => self.collect_leaves(&ids, garbage),
            Kids::Inners(nodes) => {
                for node in nodes {
                    self.collect_below(&node, garbage);
                    garbage.nodes.push(node);
                }
            }
        }
    }

    fn collect_below(&mut self, node: &Inner<L::Key>, garbage: &mut Garbage<L>) {
        match &node.kids {
            Kids::Leaves(ids) => self.collect_leaves(ids, garbage),
            Kids::Inners(nodes) => {
                for node in nodes {
                    self.collect_below(node, garbage);
                }
            }
        }
    }

    fn collect_leaves(&mut self, ids: &[u32], garbage: &mut Garbage<L>) {
        for &id in ids {
            garbage.leaves.push(self.table.take(id));
            garbage.ids.push(id);
        }
    }
}
