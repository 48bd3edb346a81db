//! An inner node of the tree: up to 64 children with counts and least keys.
//!
//!     counts | 120 | 87 | 140 |    elements below each child
//!     keys   |  -  | "f" | "m" |   nothing before the first; key i ≤ all below child i,
//!     kids   |  ○  |  ○  |  ○  |   and > all below child i - 1
//!
//! Counts stand together because walking by position adds them up.

use std::ops::Range;
use std::sync::Arc;

/// Most children of a node.
pub const FANOUT: usize = if cfg!(test) { 4 } else { 64 };

#[derive(Debug, Clone)]
pub struct Inner<K> {
    pub counts: Vec<usize>,
    pub keys: Vec<K>,
    pub kids: Kids<K>,
}

#[derive(Debug, Clone)]
pub enum Kids<K> {
    /// Numbers of leaves.
    Leaves(Vec<u32>),
    Inners(Vec<Arc<Inner<K>>>),
}

/// One child on its way in or out of a node.
pub enum Kid<K> {
    Leaf(u32),
    Inner(Arc<Inner<K>>),
}

impl<K> Kids<K> {
    pub fn len(&self) -> usize {
        match self {
            Kids::Leaves(ids) => ids.len(),
            Kids::Inners(nodes) => nodes.len(),
        }
    }
}

impl<K: Clone> Inner<K> {
    /// A node above leaves, without any.
    pub fn empty() -> Inner<K> {
        Inner {
            counts: Vec::new(),
            keys: Vec::new(),
            kids: Kids::Leaves(Vec::new()),
        }
    }

    pub fn len(&self) -> usize {
        self.counts.len()
    }

    pub fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }

    /// Elements below the node.
    pub fn total(&self) -> usize {
        self.counts.iter().sum()
    }

    pub fn insert(&mut self, at: usize, count: usize, key: K, kid: Kid<K>) {
        self.counts.insert(at, count);
        self.keys.insert(at, key);
        match (&mut self.kids, kid) {
            (Kids::Leaves(ids), Kid::Leaf(id)) => ids.insert(at, id),
            (Kids::Inners(nodes), Kid::Inner(node)) => nodes.insert(at, node),
            _ => unreachable!("all children of a node are of one level"),
        }
    }

    /// Takes children out.
    pub fn drain(&mut self, range: Range<usize>) -> Kids<K> {
        self.counts.drain(range.clone());
        self.keys.drain(range.clone());
        match &mut self.kids {
            Kids::Leaves(ids) => Kids::Leaves(ids.drain(range).collect()),
            Kids::Inners(nodes) => Kids::Inners(nodes.drain(range).collect()),
        }
    }

    /// Cuts the node before child `at`; the result holds the rest.
    pub fn split_off(&mut self, at: usize) -> Inner<K> {
        Inner {
            counts: self.counts.split_off(at),
            keys: self.keys.split_off(at),
            kids: match &mut self.kids {
                Kids::Leaves(ids) => Kids::Leaves(ids.split_off(at)),
                Kids::Inners(nodes) => Kids::Inners(nodes.split_off(at)),
            },
        }
    }

    /// Adds the children of the next node, below which nothing is less than `key`.
    pub fn append(&mut self, next: &Inner<K>, key: K) {
        let first = self.keys.len();
        self.counts.extend_from_slice(&next.counts);
        self.keys.extend_from_slice(&next.keys);
        self.keys[first] = key;
        match (&mut self.kids, &next.kids) {
            (Kids::Leaves(ids), Kids::Leaves(more)) => ids.extend_from_slice(more),
            (Kids::Inners(nodes), Kids::Inners(more)) => nodes.extend_from_slice(more),
            _ => unreachable!("neighbours are of one level"),
        }
    }
}
