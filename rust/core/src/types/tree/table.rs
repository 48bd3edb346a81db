//! The leaves of a tree by number, so that others may refer to a leaf for good.
//!
//!     pages (shared) → page of up to 128 (shared) → leaf (shared)
//!
//! Invariants (`check`): a number is in use, free, or on its way to `release`.
//! Cost: get O(1); a clone O(1); the first write after a clone copies a page of
//! pointers and the array of pages, which for 100 million elements is some 10,000.

use crate::memory::{shared_bytes, taken_bytes};
use crate::types::unshared::{unshared, unshared_slice};
use std::sync::Arc;

const PAGE_LEN: usize = if cfg!(test) { 4 } else { 128 };

type Page<L> = Arc<[Option<Arc<L>>]>;

#[derive(Debug)]
pub struct Table<L> {
    pages: Arc<Vec<Page<L>>>,
    free: Arc<Vec<u32>>,
    /// Numbers from here on were never used.
    next: u32,
}

impl<L> Clone for Table<L> {
    fn clone(&self) -> Self {
        Table {
            pages: Arc::clone(&self.pages),
            free: Arc::clone(&self.free),
            next: self.next,
        }
    }
}

impl<L> Default for Table<L> {
    fn default() -> Self {
        Table {
            pages: Arc::default(),
            free: Arc::default(),
            next: 0,
        }
    }
}

impl<L: Clone> Table<L> {
    /// The leaf of a number; None if it has none (any more).
    #[inline]
    pub fn find(&self, id: u32) -> Option<&L> {
        let (page, at) = place(id);
        self.pages.get(page)?.get(at)?.as_deref()
    }

    /// The leaf of a number that is in use.
    #[inline]
    pub fn get(&self, id: u32) -> &L {
        self.find(id).expect("a tree refers to leaves that exist")
    }

    /// The leaf for changing it, copied first if a clone shares it.
    #[inline]
    pub fn get_mut(&mut self, id: u32) -> &mut L {
        let leaf = self.slot(id).as_mut();
        unshared(leaf.expect("a tree refers to leaves that exist"))
    }

    #[inline]
    fn slot(&mut self, id: u32) -> &mut Option<Arc<L>> {
        let (page, at) = place(id);
        let page = &mut unshared(&mut self.pages)[page];
        &mut unshared_slice(page)[at]
    }

    /// Gives `leaf` a number.
    pub fn insert(&mut self, leaf: L) -> u32 {
        let id = self.new_id();
        *self.slot(id) = Some(Arc::new(leaf));
        id
    }

    fn new_id(&mut self) -> u32 {
        if !self.free.is_empty()
            && let Some(id) = unshared(&mut self.free).pop()
        {
            return id;
        }
        let id = self.next;
        self.next += 1;
        let (page, at) = place(id);
        let pages = unshared(&mut self.pages);
        if page == pages.len() {
            pages.push(Arc::from([]));
        }
        if at == pages[page].len() {
            // Small collections have small pages.
            let len = (at * 2).clamp(4, PAGE_LEN);
            let old = pages[page].iter().cloned();
            pages[page] = old.chain(std::iter::repeat(None)).take(len).collect();
        }
        id
    }

    /// Takes a leaf out. Its number is not used again before `release`.
    pub fn take(&mut self, id: u32) -> Arc<L> {
        let leaf = self.slot(id).take();
        leaf.expect("a tree refers to leaves that exist")
    }

    /// Puts a leaf in the place of another.
    pub fn put(&mut self, id: u32, leaf: Arc<L>) {
        *self.slot(id) = Some(leaf);
    }

    /// Lets numbers of leaves that were taken out be used again.
    pub fn release(&mut self, ids: impl IntoIterator<Item = u32>) {
        unshared(&mut self.free).extend(ids);
    }

    /// Bytes of memory without the leaves.
    pub fn memory_bytes(&self) -> usize {
        let page = |page: &Page<L>| taken_bytes((page.len() + 2) * size_of::<usize>());
        let last = self.pages.last().map_or(0, page);
        let full = self.pages.first().map_or(0, page) * self.pages.len().saturating_sub(1);
        last + full
            + shared_bytes::<Vec<Page<L>>>()
            + taken_bytes(self.pages.capacity() * size_of::<Page<L>>())
            + shared_bytes::<Vec<u32>>()
            + taken_bytes(self.free.capacity() * size_of::<u32>())
    }

    /// How many leaves there are. O(numbers).
    pub fn count(&self) -> usize {
        self.pages
            .iter()
            .flat_map(|page| page.iter())
            .flatten()
            .count()
    }

    /// How many numbers are free. O(1).
    pub fn free_count(&self) -> usize {
        self.free.len()
    }

    /// How many numbers were ever given. O(1).
    pub fn given(&self) -> usize {
        self.next as usize
    }
}

fn place(id: u32) -> (usize, usize) {
    (id as usize / PAGE_LEN, id as usize % PAGE_LEN)
}
