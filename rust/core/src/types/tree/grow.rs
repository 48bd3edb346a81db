//! Editing a leaf and keeping the tree in shape afterwards: splitting and merging.

use std::sync::Arc;

use super::inner::{FANOUT, Inner, Kid, Kids};
use super::table::Table;
use super::{Ends, FULL, Leaf, Movement, Seek, Tree};
use crate::types::unshared::unshared;

/// What an edit of a leaf says.
pub struct Edited<R> {
    pub result: R,
    /// Where it inserted, so that appending leaves full leaves behind.
    pub touched: usize,
}

/// Tables and counts that splitting and merging change, beside the nodes.
pub(super) struct Shape<'a, L, M> {
    pub table: &'a mut Table<L>,
    pub leaves: &'a mut usize,
    pub movement: &'a mut M,
}

impl<L: Leaf> Tree<L> {
    /// Walks down to a leaf and lets `edit` change it (leaf, number, offset), at most
    /// by one element more; an empty tree gets its first leaf.
    pub fn edit<R, M: Movement<L>>(
        &mut self,
        seek: impl Seek<L::Key>,
        movement: &mut M,
        edit: impl FnOnce(&mut L, u32, usize, &mut M) -> Edited<R>,
    ) -> R {
        let root = unshared(&mut self.root);
        if root.is_empty() {
            let id = self.table.insert(L::default());
            let leaf = L::default();
            let key = L::key_between(&leaf, &leaf);
            root.insert(0, 0, key, Kid::Leaf(id));
            self.leaves += 1;
        }
        let mut shape = Shape {
            table: &mut self.table,
            leaves: &mut self.leaves,
            movement,
        };
        let (result, was, is) = shape.edit(root, Ends::BOTH, seek, edit);
        self.len = self.len - was + is;
        self.fix_root();
        result
    }

    /// Puts a leaf before all others.
    pub fn push_first(&mut self, leaf: L) {
        self.push_end(leaf, true);
    }

    /// Puts a leaf behind all others. Keys, where they matter, must be in order.
    pub fn push_last(&mut self, leaf: L) {
        self.push_end(leaf, false);
    }

    fn push_end(&mut self, leaf: L, first: bool) {
        self.len += leaf.len();
        self.leaves += 1;
        let mut shape = Shape {
            table: &mut self.table,
            leaves: &mut self.leaves,
            movement: &mut (),
        };
        shape.push_end(unshared(&mut self.root), leaf, first);
        self.fix_root();
    }

    /// Makes the root smaller or higher, as its number of children asks for.
    pub(super) fn fix_root(&mut self) {
        if self.root.len() > FANOUT {
            let left = unshared(&mut self.root);
            let right = left.split_off(FANOUT / 2);
            let left = std::mem::replace(left, Inner::empty());
            let keys = vec![left.keys[0].clone(), right.keys[0].clone()];
            let root = Inner {
                counts: vec![left.total(), right.total()],
                keys,
                kids: Kids::Inners(vec![Arc::new(left), Arc::new(right)]),
            };
            self.root = Arc::new(root);
            return;
        }
        while let Kids::Inners(nodes) = &self.root.kids {
            match nodes.as_slice() {
                [] => self.root = Arc::new(Inner::empty()),
                [only] => self.root = Arc::clone(only),
                _ => break,
            }
        }
    }
}

impl<L: Leaf, M: Movement<L>> Shape<'_, L, M> {
    /// Gives the result and how many elements the leaf had and has.
    fn edit<R>(
        &mut self,
        node: &mut Inner<L::Key>,
        ends: Ends,
        mut seek: impl Seek<L::Key>,
        edit: impl FnOnce(&mut L, u32, usize, &mut M) -> Edited<R>,
    ) -> (R, usize, usize) {
        let at = seek.child(&node.counts, &node.keys);
        let below = ends.below(at, node.len());
        match &mut node.kids {
            Kids::Leaves(ids) => {
                let id = ids[at];
                let leaf = self.table.get_mut(id);
                let was = leaf.len();
                let edited = edit(leaf, id, seek.offset(), self.movement);
                let (is, weight) = (leaf.len(), leaf.weight());
                node.counts[at] = is;
                let touched = edited.touched;
                let is_appended = is > was
                    && ((below.last && touched == is - 1) || (below.first && touched == 0));
                let full = if is_appended { L::FULL_AT_ENDS } else { FULL };
                if weight > full && is > 1 {
                    self.split_leaf(node, at, below, touched);
                } else if is < was {
                    self.fix_leaf(node, at, below);
                }
                (edited.result, was, is)
            }
            Kids::Inners(nodes) => {
                let child = unshared(&mut nodes[at]);
                let done = self.edit(child, below, seek, edit);
                node.counts[at] = node.counts[at] - done.1 + done.2;
                self.fix_inner(node, at);
                done
            }
        }
    }

    fn push_end(&mut self, node: &mut Inner<L::Key>, leaf: L, first: bool) {
        let at = if first {
            0
        } else {
            node.len().saturating_sub(1)
        };
        match &mut node.kids {
            Kids::Inners(nodes) => {
                node.counts[at] += leaf.len();
                self.push_end(unshared(&mut nodes[at]), leaf, first);
                self.fix_inner(node, at);
            }
            Kids::Leaves(ids) => {
                let old = ids.get(at).copied();
                let (count, key) = (leaf.len(), L::key_between(&leaf, &leaf));
                let id = self.table.insert(leaf);
                let Some(old) = old else {
                    return node.insert(0, count, key, Kid::Leaf(id));
                };
                let at = if first { 0 } else { at + 1 };
                if first {
                    node.keys[0] = L::key_between(self.table.get(id), self.table.get(old));
                    node.insert(0, count, key, Kid::Leaf(id));
                } else {
                    let key = L::key_between(self.table.get(old), self.table.get(id));
                    node.insert(at, count, key, Kid::Leaf(id));
                }
                // The neighbour is no end any more: if it is light it goes up in this one.
                let neighbour = if first { 1 } else { at - 1 };
                let inside = Ends {
                    first: false,
                    last: false,
                };
                self.fix_leaf(node, neighbour, inside);
            }
        }
    }

    /// Merges or removes the leaf that is child `at` of `node`, if it is too light now.
    pub(super) fn fix_leaf(&mut self, node: &mut Inner<L::Key>, at: usize, ends: Ends) {
        let Kids::Leaves(ids) = &node.kids else {
            return;
        };
        let leaf = self.table.get(ids[at]);
        let (len, weight) = (leaf.len(), leaf.weight());
        if len == 0 {
            let id = ids[at];
            self.table.take(id);
            self.table.release([id]);
            *self.leaves -= 1;
            node.drain(at..at + 1);
        } else if weight < FULL / 3 && !ends.first && !ends.last {
            self.merge_leaf(node, at);
        }
    }

    fn split_leaf(&mut self, node: &mut Inner<L::Key>, at: usize, ends: Ends, touched: usize) {
        let Kids::Leaves(ids) = &node.kids else {
            return;
        };
        let id = ids[at];
        let left = self.table.get_mut(id);
        let len = left.len();
        let cut = if ends.last && touched == len - 1 {
            len - 1
        } else if ends.first && touched == 0 {
            1
        } else {
            left.middle()
        };
        let right = left.split_off(cut);
        let key = L::key_between(left, &right);
        *self.leaves += 1;
        if cut * 2 >= len {
            let new = self.table.insert(right);
            node.counts[at] = cut;
            node.insert(at + 1, len - cut, key, Kid::Leaf(new));
            let leaf = self.table.get(new);
            self.movement.moved(leaf, 0..len - cut, id, new);
        } else {
            // The smaller part moves, so that little is told about.
            let left = std::mem::replace(left, right);
            let new = self.table.insert(left);
            node.counts[at] = len - cut;
            let least = std::mem::replace(&mut node.keys[at], key);
            node.insert(at, cut, least, Kid::Leaf(new));
            self.movement.moved(self.table.get(new), 0..cut, id, new);
        }
    }

    /// Merges a light leaf with a neighbour, if one has room.
    fn merge_leaf(&mut self, node: &mut Inner<L::Key>, at: usize) {
        let Kids::Leaves(ids) = &node.kids else {
            return;
        };
        let weight = |at: usize| self.table.get(ids[at]).weight();
        let room = |left: usize| weight(left) + weight(left + 1) <= FULL * 3 / 4;
        let left = if at + 1 < ids.len() && room(at) {
            at
        } else if at > 0 && room(at - 1) {
            at - 1
        } else {
            return;
        };
        let (left_id, right_id) = (ids[left], ids[left + 1]);
        let right_leaf = self.table.take(right_id);
        let left_leaf = self.table.get_mut(left_id);
        let (left_len, right_len) = (left_leaf.len(), right_leaf.len());
        left_leaf.append(&right_leaf);
        *self.leaves -= 1;
        node.counts[left] = left_len + right_len;
        let Kids::Leaves(ids) = &mut node.kids else {
            return;
        };
        if left_len >= right_len {
            ids.remove(left + 1);
            let leaf = self.table.get(left_id);
            let range = left_len..left_len + right_len;
            self.movement.moved(leaf, range, right_id, left_id);
            self.table.release([right_id]);
        } else {
            ids.remove(left);
            let leaf = self.table.take(left_id);
            self.table.put(right_id, leaf);
            let leaf = self.table.get(right_id);
            self.movement.moved(leaf, 0..left_len, left_id, right_id);
            self.table.release([left_id]);
        }
        node.counts.remove(left + 1);
        node.keys.remove(left + 1);
    }

    /// Splits, merges or removes the inner node that is child `at` of `node`.
    pub(super) fn fix_inner(&mut self, node: &mut Inner<L::Key>, at: usize) {
        let Kids::Inners(nodes) = &mut node.kids else {
            return;
        };
        let len = nodes[at].len();
        if len == 0 {
            node.drain(at..at + 1);
        } else if len > FANOUT {
            let right = unshared(&mut nodes[at]).split_off(len / 2);
            let total = right.total();
            node.counts[at] -= total;
            let key = right.keys[0].clone();
            node.insert(at + 1, total, key, Kid::Inner(Arc::new(right)));
        } else if len < FANOUT / 4 {
            let room = |left: usize| nodes[left].len() + nodes[left + 1].len() <= FANOUT * 3 / 4;
            let left = if at + 1 < nodes.len() && room(at) {
                at
            } else if at > 0 && room(at - 1) {
                at - 1
            } else {
                return;
            };
            let right = nodes.remove(left + 1);
            let key = node.keys.remove(left + 1);
            unshared(&mut nodes[left]).append(&right, key);
            node.counts[left] += node.counts.remove(left + 1);
        }
    }
}
